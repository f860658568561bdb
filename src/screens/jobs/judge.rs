//! Findings of a job.

use super::failing::{failing, unalterable};
use super::row::{Row, started};
use super::schedule;
use super::starts::{self, FORGETS_NO_JOB};
use crate::model::target::Target;
use crate::model::verdict::{Finding, Findings, Level, Verdict};
use crate::model::{rules, text};
use crate::screens::policy;
use crate::screens::policy::State;
use crate::server::known::At;

/// The scheduler should start another run within this number of seconds after a crash.
const FORGOTTEN_SECONDS: f64 = 600.0;

pub(super) fn verdict(row: &Row, at: &At) -> Verdict {
    let mut findings = Findings::default();
    let state = row.state(at);
    if !row.scheduled {
        paused(row, &mut findings);
    }
    broken(row, &mut findings);
    match state {
        State::Running => running(row, at, &mut findings),
        State::MaybeRunning => maybe_running(row, at, &mut findings),
        State::Crashed => crashed(row, at, &mut findings),
        State::Late => starts::late(row, at, &mut findings),
        State::NeverRan => starts::never_ran(row, at, &mut findings),
        State::Paused | State::BackingOff | State::Scheduled => {
            starts::at_once(row, at, &mut findings);
        }
    }
    failing(row, at, &mut findings);
    starts::far(row, at, &mut findings);
    schedule::crowded(row, at, &mut findings);
    schedule::busy(row, at, &mut findings);
    if row.failed().is_none()
        && let Some(took) = row.run_seconds()
        && took > row.schedule.seconds
        && row.schedule.seconds > 0.0
    {
        let reason = format!(
            "its last run took {}, longer than its interval of {}",
            text::duration(took),
            text::interval(&row.schedule.text)
        );
        let finding = Finding::new(&rules::JOB_SLOW, Level::Notice, reason);
        let every = format!("{} seconds", (2.0 * took).ceil());
        let finding = finding.setting("schedule_interval", every);
        findings.push(match unalterable(row, at) {
            Some(aggregate) => finding
                .fixed_by(Some("edit-refresh-policy"))
                .upon(aggregate),
            None => finding,
        });
    }
    cause_first(&mut findings);
    hopeless(row, &mut findings, at);
    findings.verdict(healthy(row, state, at))
}

/// Merges the failure of the last run into the finding that explains why every run fails.
fn cause_first(findings: &mut Findings) {
    let causes = [
        &rules::JOB_OWNER,
        &rules::JOB_PROCEDURE_GONE,
        &rules::JOB_ORPHANED,
        &rules::JOB_GAVE_UP,
    ];
    let cause = causes.into_iter().find(|rule| findings.has(rule));
    let Some(cause) = cause else { return };
    if let Some(failing) = findings.take(&rules::JOB_FAILING) {
        findings.append_reason(cause, &failing.reason);
        findings.raise(cause, failing.level);
    }
}

/// For a policy that can neither run nor be altered: the fix of its findings becomes delete-job, because the policy must be replaced.
fn hopeless(row: &Row, findings: &mut Findings, at: &At) {
    let version = at.server.sql_version();
    let Some(place) = row.never_runs(version) else {
        return;
    };
    let helpless = ["run-job-now", "resume-job", "edit-job"];
    findings.fix_otherwise(
        &helpless,
        "delete-job",
        &format!(
            "TimescaleDB {version} can neither run nor alter a retention policy with drop_created_before {place}: delete it, \
             and add one with drop_after"
        ),
    );
}

fn healthy(row: &Row, state: State, at: &At) -> String {
    if state == State::Running {
        return match row.unfinished_seconds(at) {
            Some(age) => format!("running for {}", text::duration(age)),
            None => "running".to_owned(),
        };
    }
    let mut said = Vec::new();
    if let Some(of) = &row.statistics
        && let Some(finish) = of.last_finish
    {
        let took = row.run_seconds().map_or(String::new(), |took| {
            format!(", took {}", text::duration(took))
        });
        said.push(format!(
            "last run succeeded {}{took}",
            text::age(finish, at.now)
        ));
    } else if row.is_internal() && state == State::Paused {
        said.push("TimescaleDB does not use it".to_owned());
    } else {
        said.push("waits for its first run".to_owned());
    }
    if let Some(next) = row.next_start() {
        said.push(format!("next start {}", text::age(next, at.now)));
    }
    said.join("; ")
}

fn paused(row: &Row, findings: &mut Findings) {
    let failures = row
        .statistics
        .as_ref()
        .map_or(0, |of| of.consecutive_failures);
    if row.max_retries > 0 && failures >= row.max_retries {
        findings.add(&rules::JOB_GAVE_UP,
            Level::Critical,
            format!(
                "paused by the scheduler: it failed {}, and max_retries is {}; it will not run until it is scheduled again",
                text::plural(failures.into(), "time"),
                row.max_retries
            ),
        );
    } else if !row.is_internal() {
        findings.add(
            &rules::JOB_PAUSED,
            Level::Notice,
            "paused: it will not run until it is scheduled again",
        );
    }
}

/// Findings for reasons why every run fails, whatever the statistics say.
fn broken(row: &Row, findings: &mut Findings) {
    let level = if row.scheduled {
        Level::Critical
    } else {
        Level::Warning
    };
    if !row.proc_exists {
        // Ids below 1000 are TimescaleDB's own jobs. A build of TimescaleDB may be without the procedure of one of them (telemetry), which
        // is harmless.
        let own = row.job_id < 1000;
        let rule = &rules::JOB_PROCEDURE_GONE;
        findings.push(if own {
            let reason = format!(
                "TimescaleDB's own job; this build has no {}, which is harmless",
                row.proc
            );
            Finding::new(rule, Level::Ok, reason).fixed_by(None)
        } else {
            let reason = format!(
                "its procedure {} no longer exists",
                text::qualified(&row.proc_schema, &row.proc)
            );
            Finding::new(rule, level, reason)
        });
    }
    if row.orphaned {
        findings.add(
            &rules::JOB_ORPHANED,
            level,
            "orphaned: the hypertable in its configuration no longer exists, so every run fails",
        );
    }
    if let Some(of) = &row.wants_rights_of {
        let (owner, of) = (
            text::quote_identifier(&row.owner),
            text::quote_identifier(of),
        );
        let target = row.target.as_deref().unwrap_or("its relation");
        let reason = format!(
            "its owner {owner} lacks the rights of {of}, who owns {target}: runs do nothing there, even if they report success. GRANT {of} TO {owner}, or delete the job and add it as {of}"
        );
        findings.add(&rules::JOB_OWNER, level, reason);
    }
    match row.owner_may_log_in {
        Some(true) => {}
        Some(false) => findings.add(
            &rules::JOB_OWNER,
            level,
            format!(
                "its owner {0} may not log in, so no worker can start it: ALTER ROLE {0} LOGIN",
                text::quote_identifier(&row.owner)
            ),
        ),
        None => findings.add(
            &rules::JOB_OWNER,
            level,
            format!("its owner (role {}) no longer exists, so no worker can start it: delete the job, and add it as another role", row.owner),
        ),
    }
}

fn running(row: &Row, at: &At, findings: &mut Findings) {
    let Some(age) = row.unfinished_seconds(at) else {
        return;
    };
    let limits = row.limits(at);
    let limit = row.max_runtime.seconds;
    if limit > 0.0 && age > limit + limits.job_overrun {
        let reason = format!(
            "running for {}, past its max_runtime of {}: the scheduler has not stopped it",
            text::duration(age),
            text::interval(&row.max_runtime.text)
        );
        let mut finding = Finding::new(&rules::JOB_OVERRUN, Level::Warning, reason);
        finding.since = started(row).map(|start| start.plus_seconds(limit));
        finding.on = row.pid.map(Target::session);
        findings.push(finding);
    }
    if let Some(average) = row.average_seconds()
        && age > limits.job_slow_time
        && age > limits.job_slow_factor * average
    {
        let reason = format!(
            "running for {}; its runs take {} on average; the Activity screen shows it as session {}",
            text::duration(age),
            text::duration(average),
            row.pid.unwrap_or_default()
        );
        let mut finding = Finding::new(&rules::JOB_SLOW, Level::Notice, reason);
        finding = finding.fixed_by(Some("cancel-query")).since(started(row));
        finding.on = row.pid.map(Target::session);
        findings.push(finding);
    }
}

fn maybe_running(row: &Row, at: &At, findings: &mut Findings) {
    let age = text::duration(row.unfinished_seconds(at).unwrap_or_default());
    let why = if at.server.standby {
        "a standby does not show whether its worker still runs on the primary"
    } else {
        "its worker is not seen: it has just ended, or crashed"
    };
    findings.add(
        &rules::JOB_UNSEEN,
        Level::Unknown,
        format!("started {age} ago and has not finished; {why}"),
    );
}

fn crashed(row: &Row, at: &At, findings: &mut Findings) {
    let age = text::duration(row.unfinished_seconds(at).unwrap_or_default());
    let crashes = row
        .statistics
        .as_ref()
        .map_or(0, |of| of.consecutive_crashes);
    let times = if crashes > 1 {
        format!(", {crashes} times in a row")
    } else {
        String::new()
    };
    let forgets = at
        .server
        .timescaledb
        .is_some_and(|version| version < FORGETS_NO_JOB);
    let then = if forgets {
        "the scheduler should retry after 5 minutes, but before TimescaleDB 2.26.4 it may never do so. In that case use run-job-now"
    } else {
        "the scheduler retries after 5 minutes; run-job-now runs the job at once"
    };
    let level = if f64::from(crashes) >= row.limits(at).job_failures_critical {
        Level::Critical
    } else {
        Level::Warning
    };
    let reason = format!(
        "crashed{times}: it started {age} ago, never finished, and its worker is gone; {then}"
    );
    let finding = Finding::new(&rules::JOB_CRASHED, level, reason)
        .since(started(row).filter(|_| crashes <= 1));
    let long = row.unfinished_seconds(at).unwrap_or_default() > FORGOTTEN_SECONDS;
    // A start by the scheduler delays the job by 5 more minutes. So the fix asks the scheduler only if it seems to have
    // forgotten the job. Otherwise the fix runs the job in the foreground.
    findings.push(if forgets && long {
        finding.setting(policy::BY.0, policy::BY.1)
    } else {
        finding
    });
}
