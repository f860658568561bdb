//! What is known of the server: asked once a connection, shown in the header, read by queries and verdicts.

use crate::sql::Version;
use crate::value::Stamp;

/// The newest TimescaleDB that hypertop's tests have run on or whose catalogues were measured.
pub const NEWEST_KNOWN: Version = Version::new(2, 29);
/// The oldest one that is supported.
pub const OLDEST_KNOWN: Version = Version::new(2, 11);

/// Which functions the licence allows: compression, policies and aggregates want Community.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edition {
    Community,
    Apache,
}

#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own that the server tells"
)]
pub struct Server {
    /// As the header shows it: `db1:5432`, `[local]`.
    pub host: String,
    pub database: String,
    pub role: String,
    /// The TLS version of the connection; `None` where it is not encrypted.
    pub tls: Option<String>,
    pub standby: bool,
    /// `server_version_num`, such as 150018.
    pub postgres: i32,
    /// `None`: the extension is not in this database.
    pub timescaledb: Option<Version>,
    pub edition: Edition,
    /// The demo's stand-in, not a real TimescaleDB.
    pub simulated: bool,
    pub superuser: bool,
    /// Member of `pg_read_all_stats`: sees other roles' activity, hence which jobs run.
    pub reads_all_stats: bool,
    /// Member of the database's owner: sees the history of all jobs.
    pub owns_database: bool,
    /// `track_counts`: without it no change is noticed and no scan is counted.
    pub track_counts: bool,
    /// `timescaledb.enable_job_execution_logging`: without it the history holds failures only.
    pub logs_job_successes: bool,
    /// Since when `pg_stat_*` counts in this database; `None`: since it was made.
    pub stats_reset: Option<Stamp>,
    pub started: Stamp,
    /// The server's clock when it was asked.
    pub clock: Stamp,
    /// The time zone in which background workers think: the database's, else the server's.
    pub time_zone: String,
}

impl Server {
    /// The version that picks a query's text.
    pub fn sql_version(&self) -> Version {
        self.timescaledb.unwrap_or(Version::new(0, 0))
    }

    /// PostgreSQL's version as people write it: `15.18`.
    pub fn postgres_text(&self) -> String {
        format!("{}.{}", self.postgres / 10_000, self.postgres % 10_000)
    }
}
