//! Findings of a policy's job, with the same texts on every screen.

use super::job::Policy;
use crate::model::moment::{Axis, Stamp};
use crate::model::rules::{self, Rule};
use crate::model::text;
use crate::model::thresholds::Limits;
use crate::model::verdict::{Finding, Findings, Level};

/// Field and value of the form of run-job-now: the scheduler starts the job. That also corrects the next start, appears in the job's
/// history, and goes on if the operator's connection ends.
pub(crate) const BY: (&str, &str) = ("how", "scheduler");

/// Texts and rules that differ between the kinds of policies.
#[derive(Debug)]
pub(crate) struct Work {
    /// Name of the value that may be unknown, such as `its backlog`.
    pub what: &'static str,
    /// Keys of the policy's configuration.
    pub after: &'static str,
    pub created: &'static str,
    pub unknown: &'static Rule,
    pub setting: &'static Rule,
}

impl Policy {
    /// Findings of the job itself; `waits`: chunks are due. A next start that is far away is reported by the Jobs screen only, because only
    /// that screen knows whether a user configured it.
    pub(crate) fn judge(&self, findings: &mut Findings, limits: &Limits, now: Stamp, waits: bool) {
        let level = if waits { Level::Warning } else { Level::Notice };
        let id = self.job_id;
        let next = self.next_start.and_then(Stamp::finite);
        let next = |words: &str| {
            next.map_or_else(String::new, |next| {
                format!("{words} {}", text::age(next, now))
            })
        };
        let (rule, level, reason, since) = if !self.scheduled {
            let reason = format!("its policy (job {id}) is paused: resume-job resumes it");
            (&rules::JOB_PAUSED, level, reason, None)
        } else if self.is_failing() {
            let level = if f64::from(self.consecutive_failures) >= limits.job_failures_critical {
                Level::Critical
            } else {
                Level::Warning
            };
            let times = match self.consecutive_failures {
                ..2 => "failed in its last run".to_owned(),
                many => format!("failed {} in a row", text::plural(many.into(), "time")),
            };
            let again = if self.next_start == Some(Stamp::BEFORE_ALL) {
                ", and is running again, or starts at once".to_owned()
            } else if self.is_late(limits, now) {
                next(", and should have tried again")
            } else {
                next(", and tries again")
            };
            let reason =
                format!("its policy (job {id}) {times}{again}; the Jobs screen shows the error");
            let once = self.last_finish.filter(|_| self.consecutive_failures == 1);
            (&rules::JOB_FAILING, level, reason, once)
        } else if self.is_late(limits, now) {
            let reason = format!(
                "its policy (job {id}) is late{}",
                next(": it should have run")
            );
            let due = self.next_start.and_then(Stamp::finite);
            (&rules::JOB_LATE, Level::Warning, reason, due)
        } else {
            return;
        };
        let finding = Finding::new(rule, level, reason).of_job(id).since(since);
        findings.push(if rule == &rules::JOB_LATE {
            finding.setting(BY.0, BY.1)
        } else {
            finding
        });
    }

    /// Why `integer_now_func` is not called; `None`: the function is called. `about`: the estimated number of due chunks, with the newest
    /// chunk's end as current time.
    pub(crate) fn not_run(&self, about: Option<i64>) -> Option<String> {
        let about = about.map(|chunks| {
            format!(
                "about {} by the end of the newest chunk",
                text::plural(chunks, "chunk")
            )
        });
        Some(self.code.as_ref()?.words(about))
    }

    /// Finding for a policy if it is unknown which chunks are due.
    pub(crate) fn judge_unknown(
        &self,
        findings: &mut Findings,
        work: &Work,
        axis: Axis,
        has_now: bool,
        error: Option<&str>,
    ) {
        let what = work.what;
        let unset = |key: &str, value: &str, why: &str| {
            let reason = format!("its policy's {key} ({value}) {why}, so {what} is unknown");
            Finding::new(work.setting, Level::Warning, reason)
        };
        findings.push(if let Some(error) = error {
            let reason = format!("{what} is unknown: {error}");
            Finding::new(work.unknown, Level::Unknown, reason)
        } else if let Some(created) = &self.created {
            unset(work.created, created, "is not an interval")
        } else if axis == Axis::Integer && !has_now {
            let reason = "its time column is an integer without integer_now_func, so the policy cannot compute its boundary. Set one with set_integer_now_func()";
            Finding::new(work.setting, Level::Warning, reason).fixed_by(None)
        } else if !self.is_understood(axis) {
            let after = self.after.as_deref().unwrap_or("none");
            unset(work.after, after, "does not fit the type of the time dimension")
        } else if let Some(zone) = &self.owner_zone {
            let reason = format!(
                "the TimeZone of its policy's owner ({zone}) is not a name in pg_timezone_names, so {what} is unknown. Set such a name with ALTER ROLE"
            );
            Finding::new(work.unknown, Level::Unknown, reason)
        } else {
            return;
        });
    }
}

/// Text for policies whose number of chunks is an estimate, because a function of an untrusted owner is not called; `None`: no such policy.
pub(crate) fn estimated<'a>(policies: impl Iterator<Item = &'a Policy>) -> Option<String> {
    let codes: Vec<_> = policies
        .filter_map(|policy| policy.code.as_ref())
        .filter(|code| code.owner.is_some())
        .collect();
    let first = codes.first()?;
    let rows = text::plural_of(codes.len(), "row");
    Some(format!(
        "the figures of {rows} are estimates (~): {}",
        first.words(None)
    ))
}

/// Seconds since the oldest chunk became due, and this time as text. For integer time the true time may be longer.
pub(crate) fn overdue(
    seconds: Option<f64>,
    since: Option<Stamp>,
    now: Stamp,
) -> Option<(f64, String)> {
    match (seconds, since) {
        (Some(seconds), _) => Some((seconds, text::duration(seconds))),
        (None, Some(since)) => {
            let seconds = now.seconds_since(since);
            let long = text::duration(seconds.max(0.0).floor());
            Some((seconds, format!("at least {long}")))
        }
        (None, None) => None,
    }
}

/// Text of [`overdue`] as the end of a sentence.
pub(crate) fn due_for(overdue: Option<(f64, String)>) -> String {
    match overdue {
        Some((_, long)) => format!("the oldest due for {long}"),
        None => "due for an unknown time".to_owned(),
    }
}

/// Number of tables whose policy computes in the local time of the database's time zone.
pub(crate) fn in_local_time<'a>(
    policies: impl Iterator<Item = (Axis, Option<&'a Policy>)>,
) -> usize {
    let local = |(axis, policy): &(Axis, Option<&Policy>)| {
        matches!(axis, Axis::Timestamp | Axis::Date)
            && policy.is_some_and(|policy| policy.owner_zone.is_none())
    };
    policies.filter(local).count()
}
