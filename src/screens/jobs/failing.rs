//! Findings of a job whose last run failed.

use super::row::{JobError, Row, Statistics};
use crate::model::moment::Stamp;
use crate::model::target::{Target, TargetKind};
use crate::model::verdict::{Finding, Findings, Level, without_stop};
use crate::model::{rules, text};
use crate::screens::policy::State;
use crate::server::known::{At, Edition};

impl JobError {
    /// Whether the error is the portal fault: PostgreSQL's minor versions of November 2026 end a TimescaleDB worker with this error after
    /// its work is committed.
    pub(super) fn is_portal_fault(&self) -> bool {
        self.sqlstate.as_deref() == Some("24000") && self.message.contains("cannot drop portal")
    }

    fn text(&self) -> String {
        match &self.sqlstate {
            Some(code) => format!("{code} {}", self.message),
            None => self.message.clone(),
        }
    }
}

impl Row {
    /// Whether the last run ended with the portal fault (24000 "cannot drop portal"), after its work was committed.
    pub(crate) fn is_portal_fault(&self) -> bool {
        self.failed().is_some_and(|of| {
            let error = self.error.as_ref();
            error.is_some_and(|error| error.is_portal_fault() && is_of_last_run(error, of))
        })
    }
}

pub(super) fn failing(row: &Row, at: &At, findings: &mut Findings) {
    let state = row.state(at);
    // A job that crashed has a finding of another rule.
    let Some(of) = row.failed().filter(|_| state != State::Crashed) else {
        return;
    };
    if of.last_finish.is_none() {
        findings.push(retrying(row, of, state, at));
        return;
    }
    let ago = of.last_finish.map_or(String::new(), |finish| {
        format!(" {}", text::age(finish, at.now))
    });
    let then = row
        .next_start()
        .filter(|next| *next > at.now)
        .map_or(String::new(), |next| {
            format!("; tries again {}", text::age(next, at.now))
        });
    let error = row.error.as_ref().filter(|error| is_of_last_run(error, of));
    let is_unsupported = || error.is_some_and(|error| error.sqlstate.as_deref() == Some("0A000"));
    findings.push(if row.is_portal_fault() {
        let reason = format!(
            "its work was done and committed{ago}, but PostgreSQL {} ends TimescaleDB's workers with 24000 \"cannot drop portal\", \
             which counts as a failure and delays the next run. Another minor version of PostgreSQL or a newer TimescaleDB avoids it{then}",
            at.server.postgres_text()
        );
        Finding::new(&rules::JOB_PORTAL_FAULT, Level::Warning, reason)
    } else if row.is_internal() && at.server.edition == Edition::Apache && is_unsupported() {
        let words =
            "TimescaleDB's own job. The Apache edition starts it, but has no code for it, which is harmless";
        Finding::new(&rules::JOB_FAILING, Level::Ok, words)
    } else {
        let often = match of.consecutive_failures {
            ..2 => "failed".to_owned(),
            many => format!("failed {many} times in a row, last"),
        };
        let said = format!("{often}{ago}: {}{then}", why_failed(row, error, at));
        failed(row, at, of.consecutive_failures, &said).since(since(row, of))
    });
}

/// Finding for a failing job whose next run has begun. The start of that run overwrote the times of the last failure.
fn retrying(row: &Row, of: &Statistics, state: State, at: &At) -> Finding {
    let times = text::plural(of.consecutive_failures.into(), "time");
    let now = if state == State::Running {
        ", and the retry is running now"
    } else {
        ", and was started again"
    };
    let ended = |error: &JobError| error.at.filter(|at| Some(*at) <= of.last_start);
    let error = row.error.as_ref();
    let error = match error.and_then(|error| Some((error, ended(error)?))) {
        Some((error, ended)) => format!(
            "newest error on record, {}: {}",
            text::age(ended, at.now),
            why_failed(row, Some(error), at)
        ),
        None => why_failed(row, None, at),
    };
    let said = format!("failed {times}{now}; {error}");
    failed(row, at, of.consecutive_failures, &said).since(since(row, of))
}

/// End of the first failure since the last success; `None`: unknown, or not read yet.
fn since(row: &Row, of: &Statistics) -> Option<Stamp> {
    if of.consecutive_failures == 1 && of.last_finish.is_some() {
        return of.last_finish;
    }
    row.record.get()?.failing_since
}

/// Finding for a failed run, with its fix; `said`: how often, when and why it failed.
fn failed(row: &Row, at: &At, failures: i32, said: &str) -> Finding {
    let level = match row.scheduled {
        false => Level::Notice,
        true if f64::from(failures) >= row.limits(at).job_failures_critical => Level::Critical,
        true => Level::Warning,
    };
    let finding = |then: &str| Finding::new(&rules::JOB_FAILING, level, format!("{said}{then}"));
    let version = at.server.sql_version();
    let unalterable = unalterable(row, at).is_some();
    if stopped(row, at) && unalterable {
        return finding(&format!(
            "; TimescaleDB {version} cannot change max_runtime for an aggregate on an aggregate: use remove-refresh-policy, then add-refresh-policy, which sets no max_runtime"
        ))
        .fixed_by(None);
    }
    if row.never_runs(version).is_some() {
        return finding("");
    }
    if stopped(row, at) {
        let longer = format!("{} seconds", 2.0 * row.max_runtime.seconds);
        return finding("; edit-job suggests twice the limit")
            .fixed_by(Some("edit-job"))
            .setting("max_runtime", longer);
    }
    let edit = if unalterable {
        "edit-refresh-policy"
    } else {
        "edit-job"
    };
    finding(&if row.pid.is_some() {
        format!("; {edit} changes its settings")
    } else {
        format!("; run-job-now shows whether the job works, and {edit} changes its settings")
    })
}

/// The aggregate whose refresh policy this TimescaleDB version refuses to alter; `None`: the job can be altered.
pub(super) fn unalterable(row: &Row, at: &At) -> Option<Target> {
    let id = row.hierarchical_id?;
    let name = row.target.as_ref()?;
    at.server
        .sql_version()
        .alters_no_hierarchy()
        .then(|| Target {
            kind: TargetKind::Aggregate,
            id: id.into(),
            name: name.clone(),
        })
}

/// Whether the last run was probably ended by its `max_runtime`.
fn stopped(row: &Row, at: &At) -> bool {
    let limit = row.max_runtime.seconds;
    let nearly = row.limits(at).job_stopped_percent / 100.0 * limit;
    limit > 0.0 && row.run_seconds().is_some_and(|took| took >= nearly)
}

fn why_failed(row: &Row, error: Option<&JobError>, at: &At) -> String {
    if stopped(row, at) {
        let limit = text::interval(&row.max_runtime.text);
        return format!("stopped at its max_runtime of {limit}");
    }
    match error {
        Some(error) => without_stop(&error.text()).to_owned(),
        None if !row.owned && !at.server.owns_database && !at.server.reads_job_history => {
            format!("its error is shown to its owner {} only", row.owner)
        }
        None => "no error is on record (TimescaleDB before 2.15 records none for a stopped worker)"
            .to_owned(),
    }
}

fn is_of_last_run(error: &JobError, of: &Statistics) -> bool {
    match (error.at, of.last_start) {
        (Some(at), Some(start)) => at >= start,
        _ => true,
    }
}
