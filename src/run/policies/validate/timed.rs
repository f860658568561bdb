//! Runs the queries of `[[expect.query]]`, and compares how long they take.
//!
//! The queries run in a session of their own, with the settings that an application has. A read session of the console would measure other
//! times, because it has no JIT and no parallel workers.

use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::TryStreamExt as _;
use tokio_postgres::Client;

use crate::connect;
use crate::model::setup::expect::Timed;
use crate::model::text;
use crate::server::session::said;

use super::check::{Checks, State};
use super::here::Here;

/// Number of measured runs. One more run before the measured runs fills the caches.
const RUNS: usize = 20;
/// Smallest and largest `statement_timeout`, in milliseconds.
const SHORTEST: u64 = 1000;
const LONGEST: u64 = 60_000;

pub(super) async fn check(here: &Here, queries: &[Timed], checks: &mut Checks) {
    for query in queries {
        let what = format!(
            "{} takes at most {}",
            query.name(),
            text::duration(query.p95())
        );
        let expected = format!("{} for 95 % of the runs", text::duration(query.p95()));
        match measured(here, query).await {
            Ok(times) => {
                let (middle, high) = (at(&times, 50), at(&times, 95));
                let seen = format!(
                    "95 % of {} runs take at most {}, half of the runs at most {}",
                    times.len(),
                    text::duration(high),
                    text::duration(middle)
                );
                checks.compare(high <= query.p95(), what, expected, seen);
            }
            Err(error) => {
                checks
                    .add(State::Failed, what, format!("{error:#}"))
                    .expected = Some(expected);
            }
        }
    }
}

/// Seconds of each run, in ascending order.
async fn measured(here: &Here, query: &Timed) -> Result<Vec<f64>> {
    let password = here.session.connected.password.as_deref();
    let connected = connect::again(&here.settings, password).await?;
    let client = &connected.client;
    let limit = Duration::from_secs_f64((query.p95() * 10.0).min(3600.0)).as_millis();
    let limit = u64::try_from(limit)
        .unwrap_or(LONGEST)
        .clamp(SHORTEST, LONGEST);
    let set = format!(
        "set application_name = 'hypertop validate'; set default_transaction_read_only = on; set statement_timeout = {limit}; \
         set lock_timeout = {limit}"
    );
    client.batch_execute(&set).await.map_err(said)?;
    // Preparing refuses a text with more than one statement.
    let statement = client
        .prepare(query.sql.trim().trim_end_matches(';'))
        .await
        .map_err(said)?;
    let mut times = Vec::with_capacity(RUNS);
    for run in 0..=RUNS {
        let start = Instant::now();
        once(client, &statement).await?;
        if run > 0 {
            times.push(start.elapsed().as_secs_f64());
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// Runs the statement, and drops its rows as they come.
async fn once(client: &Client, statement: &tokio_postgres::Statement) -> Result<()> {
    let none: [i32; 0] = [];
    let rows = client.query_raw(statement, none).await.map_err(said)?;
    let mut rows = std::pin::pin!(rows);
    while rows.try_next().await.map_err(said)?.is_some() {}
    Ok(())
}

/// The time within which this percentage of the runs ended. `times`: the time of each run, in ascending order.
fn at(times: &[f64], percent: usize) -> f64 {
    let nth = (times.len() * percent).div_ceil(100);
    times
        .get(nth.saturating_sub(1))
        .copied()
        .unwrap_or(f64::INFINITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "the result is one of the given numbers")]
    fn of_twenty_runs_the_nineteenth_is_the_one_that_counts() {
        let times: Vec<f64> = (1..=20).map(f64::from).collect();
        assert_eq!((at(&times, 50), at(&times, 95)), (10.0, 19.0));
        assert_eq!(at(&[3.0], 95), 3.0);
    }
}
