//! Indexes.

use std::time::Duration;

use anyhow::Result;

use crate::query;
use crate::record::{At, Column, Record, Section};
use crate::sql::Query;
use crate::verdict::Verdict;

#[derive(Debug, Clone)]
pub struct Row {
    pub job_id: i32,
    pub proc: String,
}

impl Record for Row {
    const NAME: &'static str = "indexes";
    const TITLE: &'static str = "Indexes";
    const QUERY: Query = query!("jobs");
    const WATCHED: &'static [&'static str] = &["_timescaledb_config.bgw_job"];
    const MAX_AGE: Duration = Duration::from_secs(10);
    const COLUMNS: &'static [Column<Self>] = &[
        Column::<Self>::number("job_id", "JOB", 6, |row, _| row.job_id.into()),
        Column::<Self>::text("proc", "PROCEDURE", 24, |row, _| row.proc.as_str().into()).grows(),
    ];

    fn read(row: &tokio_postgres::Row) -> Result<Self> {
        Ok(Self {
            job_id: row.try_get("job_id")?,
            proc: row.try_get("proc")?,
        })
    }

    fn key(&self) -> String {
        self.job_id.to_string()
    }

    fn verdict(&self, _at: &At) -> Verdict {
        Verdict::ok("nothing is known against it")
    }

    fn facts(&self, _at: &At) -> Vec<Section> {
        Vec::new()
    }
}
