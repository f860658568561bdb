//! The doctor's steps for free connections and for the settings that the statistics need.

use anyhow::{Context as _, Result};
use serde::Deserialize;
use tokio_postgres::Client;

use super::stage::blame;
use super::step::Step;
use crate::connect::ConnectError;
use crate::model::version::Version;
use crate::server::row;
use crate::server::session::ask;
use crate::server::sql::{Query, query};

const QUERY: Query = query!("doctor");

/// Number of connections that the console opens: two for reading, and one for an action.
const WANTED: i64 = 3;

#[derive(Debug, Deserialize)]
struct Limits {
    server_most: i32,
    server_used: i64,
    role_most: Option<i32>,
    role_used: i64,
    database_most: Option<i32>,
    database_used: i64,
    track_counts: bool,
    track_activities: bool,
    track_io_timing: bool,
    logs_job_successes: Option<bool>,
}

async fn read(client: &Client) -> Result<Limits> {
    let rows = ask(client, QUERY.text(Version::new(0, 0)), &[]).await?;
    row::read(rows.first().context("the server reported no limits")?)
}

/// The steps `connections` and `statistics`. `refused`: error of the second connection.
pub(super) async fn steps(client: &Client, refused: Option<&ConnectError>) -> (Step, Step) {
    let limits = match read(client).await {
        Ok(limits) => limits,
        Err(error) => {
            let undecided = |name| Step::undecided(name, format!("{error:#}"));
            return (undecided("connections"), undecided("statistics"));
        }
    };
    (limits.connections(refused), limits.statistics())
}

impl Limits {
    fn connections(&self, refused: Option<&ConnectError>) -> Step {
        // The number in use includes the connections of this program.
        let own = if refused.is_some() { 1 } else { 2 };
        let mut step = Step::lines("connections", Vec::new());
        let mut least = i64::MAX;
        for (of, most, used, raise) in [
            (
                "server",
                Some(self.server_most),
                self.server_used,
                "raise max_connections and restart",
            ),
            (
                "role",
                self.role_most,
                self.role_used,
                "raise the limit with ALTER ROLE … CONNECTION LIMIT",
            ),
            (
                "database",
                self.database_most,
                self.database_used,
                "raise the limit with ALTER DATABASE … CONNECTION LIMIT",
            ),
        ] {
            let Some(most) = most.map(i64::from) else {
                step = step.and(format!("{of}: {used} in use, no limit"));
                continue;
            };
            let left = most - (used - own);
            least = least.min(left);
            step = step.and(format!("{of}: {used} of {most} in use"));
            if left < WANTED {
                step = step.fail(format!(
                    "hypertop opens up to {WANTED} connections (two for reading, one for an action), but the {of} has {} left: close other connections, use a pooler, or {raise}",
                    left.max(0)
                ));
            }
        }
        match refused {
            Some(error) if least >= WANTED => blame(step, error),
            Some(error) => step.and(error.to_string()),
            None => step,
        }
    }

    fn statistics(&self) -> Step {
        let mut step = Step::lines("statistics", Vec::new());
        for (name, on, without) in [
            (
                "track_counts",
                self.track_counts,
                "hypertop does not notice changes, scans are not counted, and autovacuum does not run",
            ),
            (
                "track_activities",
                self.track_activities,
                "Activity cannot show what sessions do",
            ),
        ] {
            if on {
                step = step.and(format!("{name} is on"));
            } else {
                step = step.and(format!("{name} is off: {without}")).fail(format!(
                    "ALTER SYSTEM SET {name} = on; SELECT pg_reload_conf();"
                ));
            }
        }
        if !self.track_io_timing {
            step =
                step.and("track_io_timing is off: the times for reading and writing are unknown");
        }
        match self.logs_job_successes {
            Some(false) => step.and(
                "timescaledb.enable_job_execution_logging is off: only failed runs of jobs are recorded",
            ),
            Some(true) => step.and("successful runs of jobs are recorded"),
            None => step,
        }
    }
}
