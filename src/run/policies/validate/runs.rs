//! Checks that the policies of the files' objects run.

use crate::model::moment::Stamp;
use crate::model::rules;
use crate::model::setup::name::Name;
use crate::model::text;
use crate::screens::jobs::Row;
use crate::screens::record::Record as _;
use crate::server::known::At;

use super::check::{Checks, State};

/// Why a job fails. `None`: the job's last run succeeded, or no run has ended.
pub(super) fn failing(row: &Row, at: &At) -> Option<String> {
    let failing = [
        &rules::JOB_FAILING,
        &rules::JOB_GAVE_UP,
        &rules::JOB_CRASHED,
    ];
    let mut findings = row.verdict(at).findings.into_iter();
    let found = findings.find(|finding| failing.contains(&finding.rule));
    found.map(|finding| finding.reason)
}

/// End of the job's last successful run. `None`: no run has succeeded.
pub(super) fn ran(row: &Row) -> Option<Stamp> {
    row.statistics.as_ref()?.last_success
}

/// End of the job's last run, if it did its work but was reported as failed because of a bug of PostgreSQL (SQLSTATE 24000).
fn done_all_the_same(row: &Row, at: &At) -> Option<Stamp> {
    let mut findings = row.verdict(at).findings.into_iter();
    findings.find(|finding| finding.rule == &rules::JOB_PORTAL_FAULT)?;
    row.statistics.as_ref()?.last_finish
}

/// The job's next start. `None`: the job is paused or running, or its next start is unknown.
pub(super) fn next(row: &Row) -> Option<Stamp> {
    let next = row.statistics.as_ref()?.next_start?;
    next.finite().filter(|_| row.scheduled)
}

/// Checks that a policy has run since this moment (`None`: at any time), and that its next start is not overdue by more than
/// `late_seconds`.
pub(super) fn check(
    name: &Name,
    row: &Row,
    since: Option<Stamp>,
    late_seconds: f64,
    (at, checks): (&At, &mut Checks),
) {
    let id = row.job_id;
    let what = format!("job {id} ({}) of {name} runs", row.proc);
    if let Some(why) = failing(row, at) {
        checks.add(State::Failed, what, why);
        return;
    }
    let (last, next) = (ran(row).max(done_all_the_same(row, at)), next(row));
    let late = next.filter(|next| at.now.seconds_since(*next) > late_seconds);
    if let Some(due) = late.filter(|_| row.pid.is_none()) {
        let seen = format!(
            "is late: it should have started {}, and has not",
            text::age(due, at.now)
        );
        let limit = format!(
            "a start at most {} after it is due",
            text::duration(late_seconds)
        );
        checks.add(State::Failed, what, seen).expected = Some(limit);
        return;
    }
    let is_done = last.is_some_and(|last| since.is_none_or(|since| last >= since));
    if let Some(last) = last.filter(|_| is_done) {
        let seen = format!("its last run succeeded, {}", text::moment(last));
        checks.add(State::Ok, what, seen);
    } else if !row.scheduled {
        checks.add(State::Ok, what, "is paused, as the file says");
    } else {
        let since = if last.is_some() {
            "has not run since the apply"
        } else {
            "has not run yet"
        };
        let then = match next {
            Some(next) => format!("next start {}", text::moment(next)),
            None if row.pid.is_some() => "runs now".to_owned(),
            None => "its next start is not set yet".to_owned(),
        };
        checks.wait(what, format!("{since}; {then}"), next);
    }
}
