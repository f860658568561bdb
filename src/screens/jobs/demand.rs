//! The number of workers that the jobs of one or several databases need.

use super::row::Row;
use super::schedule::{crowded, find_crowd};
use crate::model::verdict::Findings;
use crate::server::known::At;

/// The workers that the schedules need, and the workers that exist.
#[derive(Debug)]
pub(crate) struct Demand {
    /// Number of jobs with a next start.
    pub planned: usize,
    /// Number of workers available for these jobs; `None`: unknown.
    pub free: Option<i64>,
    /// Text: the settings that limit `free`, and the number of workers that launcher and schedulers take.
    pub limits: String,
    /// Average number of busy workers, computed from the mean durations of the jobs.
    pub busy: f64,
    /// Text about jobs that start within one minute, if they are too many for the workers.
    pub crowd: Option<String>,
}

/// The demand of these jobs. Their databases are on one server and share its workers.
pub(crate) fn demand(mut rows: Vec<Row>, at: &At) -> Demand {
    find_crowd(&mut rows, at);
    let mut findings = Findings::default();
    for row in &rows {
        crowded(row, at, &mut findings);
    }
    let verdict = findings.verdict("");
    let workers = rows.first().map(|row| row.workers);
    let known = |value: Option<i64>| value.map_or("unknown".to_owned(), |value| value.to_string());
    Demand {
        planned: rows.iter().filter(|row| row.next_start().is_some()).count(),
        free: workers.and_then(super::row::Workers::for_jobs),
        limits: workers.map_or_else(String::new, |workers| {
            format!(
                "timescaledb.max_background_workers {}, max_worker_processes {}, launcher and schedulers take {}",
                known(workers.slots),
                known(workers.processes),
                workers.permanent
            )
        }),
        busy: rows.iter().filter_map(share).sum(),
        crowd: verdict.findings.into_iter().next().map(|of| of.reason),
    }
}

/// Share of the time during which the job runs, at most 1; `None`: no next start (paused, running or unknown), no successful run,
/// or no interval.
fn share(row: &Row) -> Option<f64> {
    row.next_start()?;
    let statistics = row.statistics.as_ref()?;
    let runs = statistics.total_successes;
    if runs <= 0 || row.schedule.seconds <= 0.0 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "a number of runs")]
    let mean = statistics.total_duration_seconds / runs as f64;
    Some((mean / row.schedule.seconds).min(1.0))
}
