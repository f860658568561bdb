//! The server's databases, and the activity counters of the current database.

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::server::row;
use crate::server::session::Session;
use crate::server::sql::{Query, query};

const COUNTERS: Query = query!("database_counters");
const DATABASES: Query = query!("databases");

/// Counters of a database since its statistics were reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct DatabaseCounters {
    pub commits: i64,
    pub rollbacks: i64,
    pub deadlocks: i64,
    /// Queries that a standby cancelled because they delayed the replay.
    pub conflicts: i64,
    pub temp_files: i64,
    pub temp_bytes: i64,
    /// Blocks that were not in `shared_buffers`.
    pub blocks_read: i64,
    pub blocks_hit: i64,
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

impl Session {
    pub(crate) async fn counters(&self) -> Result<DatabaseCounters> {
        let rows = self.ask(&COUNTERS, &[]).await?;
        row::read(
            rows.first()
                .context("the server has no counters for this database")?,
        )
    }

    /// The databases that this role may connect to: the current one first, then by name.
    pub(crate) async fn databases(&self) -> Result<Vec<String>> {
        let rows = self.ask(&DATABASES, &[]).await?;
        let names = rows.iter().map(row::read::<Name>);
        names.map(|name| Ok(name?.name)).collect()
    }
}
