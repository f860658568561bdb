//! Facts about the server, read once per connection.

pub(crate) mod own;

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;

use crate::model::busy::BusyHours;
use crate::model::moment::Stamp;
use crate::model::text;
use crate::model::thresholds::{Limits, Thresholds};
use crate::model::version::Version;
use crate::server::row;
use crate::server::sql::{Query, query};

/// One row about the server, the database and the role; the same text for every TimescaleDB version.
pub const QUERY: Query = query!("server");
/// Change counters of the relations named in `$1`; see [`Pulse`].
pub const PULSE: Query = query!("pulse");

/// The newest TimescaleDB that hypertop was tested or measured with.
pub const NEWEST_KNOWN: Version = Version::new(2, 29);
pub(crate) const OLDEST_KNOWN: Version = Version::new(2, 11);

/// TimescaleDB's edition, by `timescaledb.license`. Compression, policies and continuous aggregates need Community.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Edition {
    Community,
    Apache,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each bool is a separate fact that the server reports"
)]
pub struct Server {
    /// As shown in the header: `db1:5432`, `[local]`.
    #[serde(default)]
    pub host: String,
    pub database: String,
    pub role: String,
    /// TLS version of the connection; `None`: not encrypted.
    pub tls: Option<String>,
    /// The server's address is not on this machine. False in old recordings, which lack this field.
    #[serde(default)]
    pub by_network: bool,
    pub standby: bool,
    /// `server_version_num`, such as 150018.
    pub postgres: i32,
    /// `None`: the extension is not installed in this database.
    pub timescaledb: Option<Version>,
    pub edition: Edition,
    /// The extension's library is loaded, or the extension is not installed. If it is installed but not loaded, the first call of
    /// any of its functions ends the connection.
    pub preloaded: bool,
    /// Schema of the extension's public functions; `None`: no extension.
    pub extension_schema: Option<String>,
    /// Whether the demo imitates TimescaleDB, because the extension is not available.
    pub simulated: bool,
    pub superuser: bool,
    /// Member of `pg_read_all_stats`: sees other roles' activity, and therefore which jobs run.
    pub reads_all_stats: bool,
    /// Member of the database owner's role: sees the job history of all owners.
    pub owns_database: bool,
    /// May read the table of the job history, not only its view. The view hides the jobs of other owners.
    pub reads_job_history: bool,
    /// `track_counts`. If it is off, the server counts no changes and no scans.
    pub track_counts: bool,
    /// `timescaledb.enable_job_execution_logging`. If it is off, the job history has failures only.
    pub logs_job_successes: bool,
    /// Last reset of this database's `pg_stat_*` counters. `None`: never reset, so they count since the database was created or the server
    /// last crashed. Before PostgreSQL 15, the server reports the times of these two events too.
    pub stats_reset: Option<Stamp>,
    pub started: Stamp,
    /// The server's clock when these facts were read.
    pub clock: Stamp,
    /// Time zone of background workers, if none is set for the job's owner: the database's, or else the server's. If the server's time zone
    /// is hidden, the session's.
    pub time_zone: String,
    /// `role` or `connection`: a time zone that is set for it hides the server's. `None`: the server's time zone is not hidden.
    #[serde(default)]
    pub time_zone_hidden_by: Option<String>,
    /// Whether this is the demo's temporary server, which may crash without harm. Set by the demo.
    #[serde(default)]
    pub throw_away: bool,
    #[serde(default)]
    pub thresholds: Thresholds,
    /// Busy hours for this connection from config.toml; `None`: not set.
    #[serde(default)]
    pub busy_hours: Option<BusyHours>,
    /// Policy files to compare with; later ones override earlier ones. Empty: none is configured. A recording contains only
    /// their names, because other people may read it.
    #[serde(default, serialize_with = "names")]
    pub policy_files: Vec<PathBuf>,
}

fn names<S: serde::Serializer>(files: &[PathBuf], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(files.iter().filter_map(|path| path.file_name()?.to_str()))
}

/// Version column of [`QUERY`], parsed into [`Server::timescaledb`].
#[derive(Deserialize)]
struct Extension {
    version: Option<String>,
}

impl Server {
    /// Reads the row of [`QUERY`]. It lacks `host`, `tls` and `by_network`, which only the client knows.
    pub fn read(row: &Row, host: String, tls: Option<String>, by_network: bool) -> Result<Self> {
        let (server, Extension { version }): (Self, Extension) = row::read(row)?;
        let read = |text: String| {
            Version::parse(&text)
                .with_context(|| format!("cannot read TimescaleDB's version {text:?}"))
        };
        Ok(Self {
            host,
            tls,
            by_network,
            timescaledb: version.map(read).transpose()?,
            ..server
        })
    }

    /// A statement after which a query in the same transaction may call TimescaleDB's functions by their bare names. All other names in
    /// that query must be qualified.
    pub(crate) fn finding_its_functions(&self) -> String {
        let schema = self.extension_schema();
        format!("set local search_path = pg_catalog, {schema}, pg_temp")
    }

    /// Schema of the extension, quoted if necessary.
    fn extension_schema(&self) -> String {
        text::quote_identifier(self.extension_schema.as_deref().unwrap_or("public"))
    }

    /// Qualified name of an extension function. The extension may be in any schema.
    pub(crate) fn function(&self, name: &str) -> String {
        format!("{}.{name}", self.extension_schema())
    }

    /// Whether the connection crosses a network without TLS.
    pub fn is_in_clear(&self) -> bool {
        self.tls.is_none() && self.by_network
    }

    /// The version that selects a query's text; 0.0 without TimescaleDB.
    pub fn sql_version(&self) -> Version {
        self.timescaledb.unwrap_or(Version::new(0, 0))
    }

    /// Warning that the server's time zone is unknown. `tables` counts the tables with time without time zone. `None`: the zone is known,
    /// or there is no such table.
    pub(crate) fn zone_caveat(&self, tables: impl FnOnce() -> usize) -> Option<String> {
        let by = self.time_zone_hidden_by.as_deref()?;
        let many = i64::try_from(tables()).ok().filter(|tables| *tables > 0)?;
        let (role, database) = (
            text::quote_identifier(&self.role),
            text::quote_identifier(&self.database),
        );
        let who = match by {
            "connection" => "this connection's options set one".to_owned(),
            _ => format!("{role} has one"),
        };
        Some(format!(
            "the server's TimeZone, which background workers use, is not known, because {who} of its own ({}). hypertop uses that zone instead, \
             for {} with time without a time zone. To use the workers' own zone: ALTER DATABASE {database} SET timezone = '…', or GRANT \
             EXECUTE ON FUNCTION pg_show_all_file_settings() TO {role}",
            self.time_zone,
            text::plural(many, "table")
        ))
    }

    /// The schema of TimescaleDB's internal functions.
    pub(crate) fn functions(&self) -> &'static str {
        if self.sql_version() < Version::new(2, 12) {
            "_timescaledb_internal"
        } else {
            "_timescaledb_functions"
        }
    }

    /// PostgreSQL's version, such as `15.18`.
    pub(crate) fn postgres_text(&self) -> String {
        format!("{}.{}", self.postgres / 10_000, self.postgres % 10_000)
    }
}

/// The row of [`PULSE`]: the server's clock, and the number of rows ever inserted, updated and deleted in each relation. `None`:
/// no such relation.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Pulse {
    pub(crate) clock: Stamp,
    pub changes: Vec<Option<i64>>,
    /// Whether the session is still read-only.
    pub(crate) read_only: bool,
}

impl Pulse {
    pub fn read(row: &Row) -> Result<Self> {
        row::read(row)
    }
}

/// The server and the time for which a verdict is computed. `now` is the server's clock.
#[derive(Debug, Clone, Copy)]
pub struct At<'a> {
    pub now: Stamp,
    pub server: &'a Server,
}

impl At<'_> {
    /// Thresholds for the hypertable or aggregate of this name (`schema.name`).
    pub(crate) fn limits(&self, name: &str) -> Limits {
        self.server.thresholds.of(name)
    }
}

/// The change counters of the catalogue tables that a screen watches, from `queries/pulse.sql`.
pub(crate) type Counters = Vec<Option<i64>>;
