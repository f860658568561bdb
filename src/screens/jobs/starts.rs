//! Findings of a job that does not start, or whose next start is far away.

use super::row::Row;
use crate::model::moment::Stamp;
use crate::model::verdict::{Finding, Findings, Level};
use crate::model::version::Version;
use crate::model::{rules, text};
use crate::screens::policy;
use crate::server::known::At;

/// First version whose scheduler starts every job with `next_start = -infinity`. Earlier versions may forget such a job.
pub(super) const FORGETS_NO_JOB: Version = Version {
    major: 2,
    minor: 26,
    patch: 4,
};

pub(super) fn late(row: &Row, at: &At, findings: &mut Findings) {
    let seconds = row.late_seconds(at).unwrap_or_default();
    let late = text::age(at.now.plus_seconds(-seconds), at.now);
    let cannot = no_start(row, at);
    let (level, why) = cannot.unwrap_or((
        Level::Warning,
        "there was no free worker, or the scheduler hangs; only the server's log shows which",
    ));
    let since = since_restart(row, at);
    let reason = format!("late: it should have started {late}{since}; {why}");
    let due = match &row.statistics {
        Some(of) => of.next_start,
        None => row.initial_start,
    };
    let finding = Finding::new(&rules::JOB_LATE, level, reason);
    let finding = finding.since(due.and_then(Stamp::finite));
    // If the scheduler forgot the job, a new next start helps. If the scheduler cannot start jobs, the fix runs the job in the foreground.
    findings.push(if cannot.is_none() {
        finding.setting(policy::BY.0, policy::BY.1)
    } else {
        finding
    });
}

/// Level and text of the reason why no job can start now; `None`: no such reason is visible.
fn no_start(row: &Row, at: &At) -> Option<(Level, &'static str)> {
    if at.server.standby {
        Some((Level::Warning, "as far as this standby knows"))
    } else if row.workers.schedulers == 0 && !at.server.simulated {
        Some((
            Level::Critical,
            "no scheduler runs in this database (the Server screen says how to start it)",
        ))
    } else if row.workers.full() {
        Some((
            Level::Warning,
            "all slots of timescaledb.max_background_workers are taken",
        ))
    } else {
        None
    }
}

/// Text for a job that has not run since the server was started: the scheduler may have forgotten the job then. Empty: the job has run
/// since, or never ran.
fn since_restart(row: &Row, at: &At) -> String {
    let last = row.statistics.as_ref().and_then(|of| of.last_start);
    match last.and_then(Stamp::finite) {
        Some(last) if last < at.server.started => format!(
            ", and has not run since the server was started {}",
            text::age(at.server.started, at.now)
        ),
        _ => String::new(),
    }
}

pub(super) fn never_ran(row: &Row, at: &At, findings: &mut Findings) {
    if row.next_start().is_some() || row.proc == "policy_telemetry" {
        return;
    }
    if row.statistics.is_some() {
        at_once(row, at, findings);
    } else if row
        .initial_start
        .and_then(Stamp::finite)
        .is_none_or(|start| start < at.now)
    {
        let cannot = no_start(row, at);
        // The scheduler starts a new job within seconds, so a job that may be new is not reported yet.
        if cannot.is_none() && !policy::is_old(row.known_since, &row.limits(at), at.now) {
            return;
        }
        let why = cannot.map_or(
            "there was no free worker, or the scheduler hangs",
            |(_, why)| why,
        );
        let since = row.known_since.map_or_else(String::new, |since| {
            let long = text::duration(at.now.seconds_since(since).max(0.0).floor());
            format!(" for at least {long}")
        });
        let reason = format!("never ran, and the scheduler has set no start{since}: {why}");
        let finding = Finding::new(&rules::JOB_NEVER_RAN, Level::Unknown, reason);
        findings.push(finding.setting(policy::BY.0, policy::BY.1));
    }
}

/// Finding for a next start far in the future. Its effect is like a pause, but no setting shows it.
pub(super) fn far(row: &Row, at: &At, findings: &mut Findings) {
    // If a user has set this first start (`initial_start`), it is intended, and not reported.
    let asked = row.fixed_schedule && row.initial_start == row.next_start();
    if asked || row.failed().is_some() {
        return;
    }
    if let Some(wait) = policy::strangely_far(
        row.next_start(),
        row.schedule.seconds,
        &row.limits(at),
        at.now,
    ) {
        let every = text::interval(&row.schedule.text);
        let reason = format!(
            "runs next in {wait}, although it should run every {every}: run-job-now starts it"
        );
        let finding = Finding::new(&rules::JOB_FAR, Level::Notice, reason);
        findings.push(finding.setting(policy::BY.0, policy::BY.1));
    }
}

/// Finding for `next_start = -infinity` although the job does not run.
pub(super) fn at_once(row: &Row, at: &At, findings: &mut Findings) {
    let next = row.statistics.as_ref().and_then(|of| of.next_start);
    if !row.scheduled || next != Some(Stamp::BEFORE_ALL) {
        return;
    }
    let doubt = if at
        .server
        .timescaledb
        .is_some_and(|version| version < FORGETS_NO_JOB)
    {
        "; before TimescaleDB 2.26.4 the scheduler may never start it. In that case use run-job-now"
    } else {
        ""
    };
    let reason = format!("due at once (next_start is -infinity){doubt}");
    let finding = Finding::new(&rules::JOB_AT_ONCE, Level::Notice, reason);
    findings.push(finding.setting(policy::BY.0, policy::BY.1));
}
