//! What several screens, or several jobs, say of one fault is told once.

use super::Row;
use crate::rules;
use crate::screens::ScreenId;
use crate::text;
use crate::verdict::{Finding, without_stop};

/// So many jobs of one fault are named.
const NAMED: usize = 5;

/// Of findings that say the same thing one is left.
pub fn told_once(rows: Vec<Row>) -> Vec<Row> {
    one_portal_fault(without_starved(told_by_their_jobs(rows)))
}

/// A job's fault is known to the Jobs screen and to the screen of what the job works for: where work waits for it, that
/// is the finding, with the job's own words as its cause; else it stays with the job.
fn told_by_their_jobs(rows: Vec<Row>) -> Vec<Row> {
    let (blamed, mut rows): (Vec<Row>, Vec<Row>) =
        rows.into_iter().partition(|row| row.finding.job.is_some());
    let mut told = Vec::new();
    for blame in &blamed {
        let job = blame.finding.job.unwrap_or_default().to_string();
        let is_the_job =
            |row: &Row| row.screen == ScreenId::Jobs && row.of == job && is_the_same(row, blame);
        let Some(cause) = rows.iter().find(|row| is_the_job(row)).cloned() else {
            // The Jobs screen does not say so (it was read at another moment, or not yet, or it is no fault of the job's).
            if !told_as_wait(&mut rows, blame) {
                rows.push(blame.clone());
            }
            continue;
        };
        let waits = |row: &&mut Row| {
            row.screen == blame.screen && row.of == blame.of && is_consequence(&row.finding)
        };
        if let Some(row) = rows.iter_mut().find(waits) {
            row.finding.reason = format!(
                "{}; its policy (job {job}): {}",
                without_stop(&row.finding.reason),
                cause.finding.reason
            );
            row.finding.level = row.finding.level.max(cause.finding.level);
            // What no action mends at the cause is mended at what it leaves undone.
            if cause.finding.mend.is_some() {
                row.finding.mend = cause.finding.mend;
                row.finding.sets.clone_from(&cause.finding.sets);
                row.finding.on = None;
                row.finding.job = blame.finding.job;
            }
            told.push(cause.identity());
        } else if cause.finding.rule != blame.finding.rule {
            // Only the Jobs screen knows that this is no failure.
        } else if let Some(row) = rows.iter_mut().find(|row| is_the_job(row)) {
            row.finding.level = row.finding.level.max(blame.finding.level);
        }
    }
    rows.retain(|row| !told.contains(&row.identity()));
    rows
}

/// Work that waits because its policy waits for a lock: that is its cause, and whoever holds the lock its mend.
fn told_as_wait(rows: &mut [Row], blame: &Row) -> bool {
    let blocked = [&rules::COMPRESSION_BLOCKED, &rules::RETENTION_BLOCKED];
    if !blocked.contains(&blame.finding.rule) {
        return false;
    }
    let waits = |row: &&mut Row| {
        row.screen == blame.screen && row.of == blame.of && is_consequence(&row.finding)
    };
    let Some(row) = rows.iter_mut().find(waits) else {
        return false;
    };
    let cause = &blame.finding;
    let reason = without_stop(&row.finding.reason);
    row.finding.reason = format!("{reason}; {}", cause.reason);
    row.finding.level = row.finding.level.max(cause.level);
    row.finding.mend = cause.mend;
    row.finding.sets.clone_from(&cause.sets);
    row.finding.on.clone_from(&cause.on);
    true
}

/// What the Jobs screen says of a job, and what another screen says that does not know its error.
fn is_the_same(cause: &Row, blame: &Row) -> bool {
    let (cause, blame) = (cause.finding.rule, blame.finding.rule);
    cause == blame || cause == &rules::JOB_PORTAL_FAULT && blame == &rules::JOB_FAILING
}

/// Work that waits because a job does not do it.
fn is_consequence(finding: &Finding) -> bool {
    [
        &rules::AGGREGATE_BEHIND,
        &rules::AGGREGATE_NEVER_REFRESHED,
        &rules::COMPRESSION_BACKLOG,
        &rules::RETENTION_OVERDUE,
    ]
    .contains(&finding.rule)
}

/// Where nothing can start any job, that is the finding, and not each job that does not start.
fn without_starved(mut rows: Vec<Row>) -> Vec<Row> {
    let nothing_starts =
        |row: &Row| [&rules::SERVER_LAUNCHER, &rules::SERVER_SCHEDULER].contains(&row.finding.rule);
    if rows.iter().any(nothing_starts) {
        let does_not_start = [&rules::JOB_AT_ONCE, &rules::JOB_LATE, &rules::JOB_NEVER_RAN];
        rows.retain(|row| !does_not_start.contains(&row.finding.rule));
    }
    rows
}

/// A fault of PostgreSQL that every job runs into is one finding; the first of the jobs stands for all.
fn one_portal_fault(mut rows: Vec<Row>) -> Vec<Row> {
    let is_fault = |row: &Row| row.finding.rule == &rules::JOB_PORTAL_FAULT;
    let mut jobs: Vec<String> = rows
        .iter()
        .filter(|row| is_fault(row))
        .map(|row| row.of.clone())
        .collect();
    if jobs.len() < 2 {
        return rows;
    }
    jobs.sort_by(|a, b| text::natural_order(a, b));
    let first = jobs.remove(0);
    let others = text::plural(i64::try_from(jobs.len()).unwrap_or(i64::MAX), "other job");
    let named = jobs[..jobs.len().min(NAMED)].join(", ");
    let named = match jobs.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    };
    rows.retain(|row| !is_fault(row) || row.of == first);
    for row in rows.iter_mut().filter(|row| is_fault(row)) {
        let reason = without_stop(&row.finding.reason);
        row.finding.reason = format!("{reason}; the same for {others}: {named}");
        row.subject = format!("{} and {others}", row.subject);
    }
    rows
}
