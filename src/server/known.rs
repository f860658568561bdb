//! Facts about the server, read once a connection; used by header, queries and verdicts.

pub mod own;

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

/// One row about the server, the database and the role; asked before the version is known.
pub const QUERY: Query = query!("server");
/// The change counters of the catalogues named in `$1`; see [`Pulse`].
pub const PULSE: Query = query!("pulse");

/// The newest TimescaleDB that hypertop's tests have run on or whose catalogues were measured.
pub const NEWEST_KNOWN: Version = Version::new(2, 29);
/// The oldest one that is supported.
pub(crate) const OLDEST_KNOWN: Version = Version::new(2, 11);

/// Edition by licence: compression, policies and aggregates need Community.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Edition {
    Community,
    Apache,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own that the server reports"
)]
pub struct Server {
    /// As the header shows it: `db1:5432`, `[local]`.
    #[serde(default)]
    pub host: String,
    pub database: String,
    pub role: String,
    /// The TLS version of the connection; `None` where it is not encrypted.
    pub tls: Option<String>,
    /// The connection leaves this machine, by its peer's address; a recording of before that was asked does not say.
    #[serde(default)]
    pub by_network: bool,
    pub standby: bool,
    /// `server_version_num`, such as 150018.
    pub postgres: i32,
    /// `None`: the extension is not in this database.
    pub timescaledb: Option<Version>,
    pub edition: Edition,
    /// The extension's library is loaded. Where it is in the database but not loaded, the first use of any of its
    /// functions ends the connection.
    pub preloaded: bool,
    /// The schema of the extension's public functions.
    pub extension_schema: Option<String>,
    /// The demo's stand-in, not a real TimescaleDB.
    pub simulated: bool,
    pub superuser: bool,
    /// Member of `pg_read_all_stats`: sees other roles' activity, hence which jobs run.
    pub reads_all_stats: bool,
    /// Member of the database's owner: sees the history of all jobs.
    pub owns_database: bool,
    /// May read the history table of the jobs itself, and not only the view, which hides other owners' jobs.
    pub reads_job_history: bool,
    /// `track_counts`: without it no change is noticed and no scan is counted.
    pub track_counts: bool,
    /// `timescaledb.enable_job_execution_logging`: without it the history holds failures only.
    pub logs_job_successes: bool,
    /// Start of this database's `pg_stat_*` counters; `None`: its creation.
    pub stats_reset: Option<Stamp>,
    pub started: Stamp,
    /// The server's clock at that moment.
    pub clock: Stamp,
    /// Time zone of background workers: the database's, else the server's (a job's owner can have its own). If hidden, this
    /// session's.
    pub time_zone: String,
    /// `role` or `connection` if that sets a time zone, which hides the server's; `None`: known.
    #[serde(default)]
    pub time_zone_hidden_by: Option<String>,
    /// The demo's own server, which is thrown away: what a crash does to it is no risk. Only the demo itself knows.
    #[serde(default)]
    pub throw_away: bool,
    /// The user's thresholds.
    #[serde(default)]
    pub thresholds: Thresholds,
    /// The hours that the user calls busy on this connection.
    #[serde(default)]
    pub busy_hours: Option<BusyHours>,
}

/// The text of [`Server::timescaledb`].
#[derive(Deserialize)]
struct Extension {
    version: Option<String>,
}

impl Server {
    /// Reads the row of [`QUERY`]; `host`, `tls` and `by_network` are the client's to know.
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

    /// True if data crosses a network without TLS.
    pub fn is_in_clear(&self) -> bool {
        self.tls.is_none() && self.by_network
    }

    /// The version that picks a query's text.
    pub fn sql_version(&self) -> Version {
        self.timescaledb.unwrap_or(Version::new(0, 0))
    }

    /// The caveat for this number of tables with local time, if the server's time zone is unknown.
    pub(crate) fn zone_caveat(&self, tables: impl FnOnce() -> usize) -> Option<String> {
        let by = self.time_zone_hidden_by.as_deref()?;
        let many = i64::try_from(tables()).ok().filter(|tables| *tables > 0)?;
        let (role, database) = (
            text::quote_identifier(&self.role),
            text::quote_identifier(&self.database),
        );
        let who = match by {
            "connection" => "this connection's options have one".to_owned(),
            _ => format!("{role} has one"),
        };
        Some(format!(
            "time without a zone: the server's TimeZone, in which background workers reckon, is not known, because {who} of its own ({}), which is taken for it ({}); \
             to know: ALTER DATABASE {database} SET timezone = '…', or GRANT EXECUTE ON FUNCTION pg_show_all_file_settings() TO {role}",
            self.time_zone,
            text::plural(many, "table")
        ))
    }

    /// The schema of TimescaleDB's internal functions.
    pub fn functions(&self) -> &'static str {
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

/// What [`PULSE`] returned: the server's clock, and for each name the rows ever inserted, updated and deleted
/// in that relation. `None`: there is no such relation.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Pulse {
    pub clock: Stamp,
    pub changes: Vec<Option<i64>>,
    /// The session still cannot write.
    pub read_only: bool,
}

impl Pulse {
    pub fn read(row: &Row) -> Result<Self> {
        row::read(row)
    }
}

/// Time and server of a verdict. `now` is the server's clock, not this machine's.
#[derive(Debug, Clone, Copy)]
pub struct At<'a> {
    pub now: Stamp,
    pub server: &'a Server,
}

impl At<'_> {
    /// The thresholds for the hypertable or aggregate of this name.
    pub fn limits(&self, name: &str) -> Limits {
        self.server.thresholds.of(name)
    }
}

/// The change counters of the catalogues that a screen watches, as `queries/pulse.sql` gives them.
pub(crate) type Counters = Vec<Option<i64>>;
