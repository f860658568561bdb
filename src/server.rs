//! What is known of the server: asked once a connection, shown in the header, read by queries and verdicts.

use anyhow::Result;
use tokio_postgres::Row;

use crate::query;
use crate::sql::{Query, Version};
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
    /// `false`: the extension is there, but the server does not load its library.
    pub preloaded: bool,
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

/// The query whose one row [`Server::read`] reads.
pub const QUERY: Query = query!("server");
/// Whether anything changed, and the clock; asked at every tick.
pub const PULSE: Query = query!("pulse");

impl Server {
    /// Reads what [`QUERY`] returned; `host` and `tls` are the connection's.
    pub fn read(row: &Row, host: String, tls: Option<String>) -> Result<Self> {
        let installed: Option<String> = row.try_get("timescaledb")?;
        let stand_in: Option<String> = row.try_get("stand_in")?;
        let license: Option<String> = row.try_get("license")?;
        let simulated = installed.is_none() && stand_in.is_some();
        let version = installed.as_deref().or(stand_in.as_deref());
        Ok(Self {
            host,
            tls,
            database: row.try_get("database")?,
            role: row.try_get("role")?,
            standby: row.try_get("standby")?,
            postgres: row.try_get("postgres")?,
            timescaledb: version.and_then(Version::parse),
            preloaded: simulated || installed.is_none() || license.is_some(),
            edition: if license.as_deref() == Some("apache") {
                Edition::Apache
            } else {
                Edition::Community
            },
            simulated,
            superuser: row.try_get("superuser")?,
            reads_all_stats: row.try_get("reads_all_stats")?,
            owns_database: row.try_get("owns_database")?,
            track_counts: row.try_get("track_counts")?,
            logs_job_successes: row.try_get("logs_job_successes")?,
            stats_reset: row.try_get("stats_reset")?,
            started: row.try_get("started")?,
            clock: row.try_get("clock")?,
            time_zone: row
                .try_get::<_, Option<String>>("time_zone")?
                .unwrap_or_else(|| "UTC".to_owned()),
        })
    }

    /// The version that picks a query's text.
    pub fn sql_version(&self) -> Version {
        self.timescaledb.unwrap_or(Version::new(0, 0))
    }

    /// PostgreSQL's version as people write it: `15.18`.
    pub fn postgres_text(&self) -> String {
        format!("{}.{}", self.postgres / 10_000, self.postgres % 10_000)
    }
}
