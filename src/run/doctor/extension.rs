//! The doctor's step for TimescaleDB: extension, files, library, edition.

use anyhow::{Context as _, Result};
use serde::Deserialize;
use tokio_postgres::Client;

use super::step::Step;
use crate::model::version::Version;
use crate::server::known::{NEWEST_KNOWN, OLDEST_KNOWN};
use crate::server::row;
use crate::server::session::ask;
use crate::server::sql::{Query, query};

const QUERY: Query = query!("doctor_extension");

/// TimescaleDB on the server.
#[derive(Debug, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each bool is a fact of its own that the server reports"
)]
pub(super) struct Extension {
    /// Version of the extension; `None`: this database does not have it.
    installed: Option<String>,
    /// Versions whose files are on the server.
    versions: Vec<String>,
    /// Whether this session has loaded the library of the installed version.
    loaded: bool,
    /// Whether the server preloads TimescaleDB's loader.
    preloaded: bool,
    /// Value of `shared_preload_libraries`. `None`: hidden from this role.
    libraries: Option<String>,
    /// Value of `timescaledb.license`. `None`: the library is not loaded.
    license: Option<String>,
    restoring: bool,
    simulated: bool,
}

impl Extension {
    pub(super) async fn read(client: &Client) -> Result<Self> {
        let rows = ask(client, QUERY.text(Version::new(0, 0)), &[]).await?;
        row::read(rows.first().context("no answer about TimescaleDB")?)
    }

    /// Whether a read session can be opened.
    pub(super) fn is_usable(&self) -> bool {
        self.installed.is_none() || self.loaded && self.has_files()
    }

    fn has_files(&self) -> bool {
        self.installed
            .as_ref()
            .is_none_or(|installed| self.versions.contains(installed))
    }

    /// The newest version whose files are on the server.
    fn newest(&self) -> Option<&str> {
        let versions = self.versions.iter().map(String::as_str);
        versions.max_by_key(|version| Version::parse(version))
    }

    pub(super) fn step(&self) -> Step {
        let step = Step::lines("extension", Vec::new());
        if self.simulated {
            return step.and("SIMULATED: the demo's stand-in for TimescaleDB");
        }
        let Some(installed) = &self.installed else {
            return self.absent(step);
        };
        let step = step.and(format!("TimescaleDB {installed} in this database"));
        if !self.loaded {
            let libraries = self
                .libraries
                .as_ref()
                .map_or_else(String::new, |libraries| {
                    format!(" (shared_preload_libraries = '{libraries}')")
                });
            let add = match self.libraries.as_deref() {
                None | Some("") => "timescaledb".to_owned(),
                Some(others) => format!("timescaledb,{others}"),
            };
            return step
                .and(format!("the server does not load its library{libraries}"))
                .fail(format!(
                    "set shared_preload_libraries = '{add}' in postgresql.conf and restart the server"
                ));
        }
        let step = step.and("its library is preloaded");
        if !self.has_files() {
            let newest = self.newest();
            let step = step.and(format!(
                "the server no longer has the files of version {installed}; newest version with files: {}",
                newest.unwrap_or("none")
            ));
            let update = newest.map_or_else(String::new, |newest| {
                format!(". Then run in a new session (psql -X): ALTER EXTENSION timescaledb UPDATE TO '{newest}';")
            });
            return step.fail(format!("install the files of {installed} again{update}"));
        }
        self.edition(self.update(installed, step))
    }

    fn absent(&self, step: Step) -> Step {
        let step = step.and("TimescaleDB is not in this database: only the screens Indexes, Activity, Queries and Server have data");
        match self.newest() {
            Some(newest) if self.preloaded => step
                .and(format!("the server has the files of {newest}"))
                .warn("run CREATE EXTENSION timescaledb; or connect to another database with -d"),
            Some(newest) => step
                .and(format!("the server has the files of {newest}, but does not load the library"))
                .warn("set shared_preload_libraries = 'timescaledb' in postgresql.conf, restart the server, then run CREATE EXTENSION timescaledb; or connect to another database with -d"),
            None => step
                .and("the server does not have its files")
                .warn("install TimescaleDB on the server, or connect to another database with -d"),
        }
    }

    /// Adds whether an update is possible, and whether hypertop knows the version.
    fn update(&self, installed: &str, step: Step) -> Step {
        let (here, newest) = (
            Version::parse(installed),
            self.newest().and_then(Version::parse),
        );
        let step = match here {
            Some(here) if here < OLDEST_KNOWN => step.and("this version is too old").fail(format!(
                "hypertop reads {}.{} and later: update TimescaleDB",
                OLDEST_KNOWN.major, OLDEST_KNOWN.minor
            )),
            Some(here) if (here.major, here.minor) > (NEWEST_KNOWN.major, NEWEST_KNOWN.minor) => {
                step.and("this version is newer than any that hypertop was tested with")
                    .warn("check whether there is a newer hypertop")
            }
            _ => step,
        };
        match (here, newest) {
            (Some(here), Some(newest)) if here < newest => step
                .and(format!("an update is available: the server has the files of {newest}"))
                .warn(format!("run as the first statement of a new session (psql -X): ALTER EXTENSION timescaledb UPDATE TO '{}';", self.newest().unwrap_or_default())),
            (_, Some(newest)) => step.and(format!("the newest files on the server are of version {newest}")),
            _ => step,
        }
    }

    fn edition(&self, step: Step) -> Step {
        let step = match self.license.as_deref() {
            Some("apache") => step
                .and("Apache edition: no compression, policies or aggregates")
                .warn("if the Community edition is installed: run ALTER SYSTEM SET timescaledb.license = 'timescale'; and restart the server"),
            Some(license) => step.and(format!("licence {license}")),
            None => step,
        };
        if self.restoring {
            return step
                .and("timescaledb.restoring is on: no job runs")
                .fail("when the restore is done: SELECT timescaledb_post_restore(); (it resets timescaledb.restoring for the database)");
        }
        step
    }
}
