//! Findings of an aggregate, with the cause of its lag.

use super::blocked::END;
use super::row::Row;
use super::{averages, gaps, troubles, watermark};
use crate::model::fix::ActionName;
use crate::model::moment::Axis;
use crate::model::target::Target;
use crate::model::verdict::{Finding, Findings, Level, Verdict};
use crate::model::{rules, text};
use crate::screens::policy;
use crate::server::known::At;

pub(super) fn verdict(row: &Row, at: &At) -> Verdict {
    let mut findings = Findings::default();
    if !troubles::judge_starved(row, &mut findings) {
        judge_wipe(row, &mut findings);
    }
    troubles::judge_stuck(row, &mut findings);
    troubles::judge_window(row, &mut findings);
    troubles::judge_compressed(row, &mut findings);
    averages::judge(row, &mut findings);
    judge_others(row, &mut findings);
    judge_parent(row, &mut findings);
    troubles::judge_blocked(row, &mut findings, at);
    let limits = row.limits(at);
    if row.covered(at).is_none() {
        let new = row
            .policy
            .as_ref()
            .filter(|policy| policy.is_new(&limits, at.now));
        let level = match (new, row.source_end) {
            (Some(_), _) => Level::Ok,
            (None, Some(_)) => Level::Warning,
            (None, None) => Level::Notice,
        };
        let then = new.map_or_else(String::new, |policy| policy.then(&limits, at.now));
        findings.add(
            &rules::AGGREGATE_NEVER_REFRESHED,
            level,
            format!("it was never refreshed, so it holds nothing{then}"),
        );
        match &row.policy {
            None => findings.push(no_policy(Level::Notice, "it has no refresh policy")),
            Some(policy) => {
                policy.judge(&mut findings, &limits, at.now, true);
                findings.fix_the_job_first(&rules::AGGREGATE_NEVER_REFRESHED);
                gaps::judge(row, &mut findings, &limits, at);
            }
        }
        return findings.verdict("");
    }
    judge_lag(row, &mut findings, at);
    troubles::merge_blocked(row, &mut findings);
    watermark::judge(row, &mut findings, at);
    gaps::judge(row, &mut findings, &limits, at);
    let mut healthy = healthy(row, at);
    if row.pending > 0 {
        let ranges = text::plural(row.pending, "changed range");
        if row.policy.is_none() && row.lag(at) == Some(0) {
            let reason = format!(
                "a refresh is needed for {ranges} below the watermark, and the aggregate has no refresh policy"
            );
            findings.push(no_policy(Level::Notice, reason));
        }
        healthy = format!("{healthy}; a refresh is needed for {ranges} below the watermark");
    }
    findings.verdict(healthy)
}

/// Finding for other refresh policies that are paused or failing. The policy in `row.policy` is judged together with the lag.
fn judge_others(row: &Row, findings: &mut Findings) {
    let Some(job) = row.other_job.filter(|_| row.other_stopped > 0) else {
        return;
    };
    let many = match row.other_stopped {
        1 => "another refresh policy".to_owned(),
        many => format!("{many} other refresh policies are paused or failing; the first"),
    };
    let (what, fix) = if row.other_scheduled {
        ("fails: the Jobs screen shows the error", "run-job-now")
    } else {
        ("is paused: resume-job resumes it", "resume-job")
    };
    let reason =
        format!("{many} (job {job}) {what}; the refresh window of that job is not refreshed");
    findings.push(
        Finding::new(&rules::AGGREGATE_POLICY_STOPPED, Level::Warning, reason)
            .fixed_by(Some(fix))
            .upon(Target::job(job)),
    );
}

/// An aggregate whose parent is not refreshed is late too, although its lag behind the parent is zero.
fn judge_parent(row: &Row, findings: &mut Findings) {
    if row.parent_id.is_none() {
        return;
    }
    if let Some(of) = &row.inherited {
        let reason = format!("it inherits the lag of {}: {}", of.from, of.why);
        let mut finding =
            Finding::new(&rules::AGGREGATE_PARENT, Level::Notice, reason).fixed_by(of.fix);
        finding.on.clone_from(&of.on);
        finding.sets.clone_from(&of.sets);
        findings.push(finding.since(of.since));
        return;
    }
    let (what, fix, on) = match &row.parent_job {
        None => (
            "has no refresh policy".to_owned(),
            "add-refresh-policy",
            row.source_target(),
        ),
        Some(job) if !job.scheduled => (
            format!("has a paused policy (job {})", job.id),
            "resume-job",
            Target::job(job.id),
        ),
        Some(job) if job.fails => (
            format!("has a failing policy (job {})", job.id),
            "run-job-now",
            Target::job(job.id),
        ),
        Some(_) => return,
    };
    let reason = format!(
        "its parent {} {what}: newer rows do not reach this aggregate",
        row.source()
    );
    findings.push(
        Finding::new(&rules::AGGREGATE_PARENT, Level::Notice, reason)
            .fixed_by(Some(fix))
            .upon(on),
    );
}

fn healthy(row: &Row, at: &At) -> String {
    match (row.lag(at), &row.policy) {
        _ if row.source_is_empty() => format!("{} is empty", row.source()),
        (Some(lag), Some(_)) if lag > 0 && row.allowed_lag(at).is_none() => format!(
            "{} behind; its expected maximum lag is unknown, because hypertop cannot read the policy's settings",
            amount(row, lag)
        ),
        (Some(0), _) => "the source has no newer rows".to_owned(),
        (Some(lag), Some(_)) => format!(
            "{} behind, within its expected maximum{}",
            amount(row, lag),
            held_back(row, at)
        ),
        (Some(lag), None) => format!("{} behind; it has no refresh policy", amount(row, lag)),
        (None, _) => "its lag is being read".to_owned(),
    }
}

/// Text if `end_offset` is more than `aggregate_held_percent` of the expected lag. Empty otherwise, and for an aggregate on an aggregate.
fn held_back(row: &Row, at: &At) -> String {
    let (Some(end), Some(expected)) = (row.end_seconds, row.expected_seconds) else {
        return String::new();
    };
    let most = row.limits(at).aggregate_held_percent / 100.0 * expected;
    match &row.end_offset {
        Some(offset) if row.depth == 1 && end > most => format!(
            ": its end_offset alone holds back the newest {}",
            text::interval(offset)
        ),
        _ => String::new(),
    }
}

/// Text of a lag: a duration, or units of integer time.
#[expect(
    clippy::cast_precision_loss,
    reason = "a lag in microseconds is below 2^53"
)]
fn amount(row: &Row, lag: i64) -> String {
    if row.axis == Axis::Integer {
        format!("{} units", text::count(lag))
    } else {
        text::duration((lag as f64 / 1e6).round())
    }
}

fn judge_wipe(row: &Row, findings: &mut Findings) {
    let (source, keeps) = (
        row.source(),
        row.source_drop_after
            .as_deref()
            .map_or("?".to_owned(), text::interval),
    );
    match row.wipe_risk {
        Some(true) => {
            let reaches = row.start_offset.as_ref().map_or_else(|| "everything".to_owned(), |start| format!("the last {}", text::interval(start)));
            let finding = Finding::new(&rules::AGGREGATE_WIPE, Level::Critical, format!("DATA LOSS: it refreshes {reaches} of {source}, which keeps rows for {keeps} only, so refreshes delete older rows from the aggregate. Set start_offset to {keeps} or less"));
            findings.push(match &row.source_drop_after {
                Some(keeps) => finding.setting("start_offset", keeps.as_str()),
                None => finding,
            });
        }
        None => findings.add(&rules::AGGREGATE_UNKNOWN, Level::Unknown, format!("it is unknown whether refreshes delete rows: the refresh window and the retention of {source} cannot be compared")),
        Some(false) => {}
    }
}

/// Finding for a missing refresh policy. Its fix is preset to refresh the missing history, which a policy does not refresh.
fn no_policy(level: Level, reason: impl Into<String>) -> Finding {
    Finding::new(&rules::AGGREGATE_NO_POLICY, level, reason).setting("refresh_missing", "yes")
}

fn judge_lag(row: &Row, findings: &mut Findings, at: &At) {
    let Some(lag) = row.lag(at) else {
        judge_unknown(row, findings);
        if let Some(policy) = &row.policy {
            policy.judge(findings, &row.limits(at), at.now, false);
        }
        return;
    };
    #[expect(
        clippy::cast_precision_loss,
        reason = "a lag in microseconds is below 2^53"
    )]
    let (behind_by, allowed) = (
        if row.axis == Axis::Integer {
            lag as f64
        } else {
            lag as f64 / 1e6
        },
        row.allowed_lag(at),
    );
    let Some(policy) = &row.policy else {
        if lag > 0 {
            let finding = behind_without_policy(row, lag);
            findings.push(finding.since(row.lags_since(0.0, at)));
        }
        return;
    };
    let limits = row.limits(at);
    let late = allowed.is_some_and(|allowed| behind_by > limits.aggregate_lag_factor * allowed);
    if late {
        let worst = allowed
            .is_some_and(|allowed| behind_by > limits.aggregate_lag_critical_factor * allowed);
        let stuck = !policy.scheduled || policy.is_failing();
        let level = if worst && (stuck || policy.is_late(&limits, at.now)) {
            Level::Critical
        } else {
            Level::Warning
        };
        findings.push(behind(row, lag, level, cause(row, at), at));
    }
    policy.judge(findings, &limits, at.now, late);
    // As on the Overview, the fix of the job comes first.
    findings.fix_the_job_first(&rules::AGGREGATE_BEHIND);
}

fn behind_without_policy(row: &Row, lag: i64) -> Finding {
    let level = if row.materialized_only {
        Level::Warning
    } else {
        Level::Notice
    };
    let reason = format!(
        "{} behind, and it has no refresh policy{}",
        amount(row, lag),
        reader(row)
    );
    no_policy(level, reason)
}

fn behind(row: &Row, lag: i64, level: Level, cause: Cause, at: &At) -> Finding {
    let expected = row
        .expected_seconds
        .filter(|_| row.axis != Axis::Integer)
        .map_or_else(String::new, |seconds| {
            format!(" (expected: at most {})", text::duration(seconds))
        });
    let reason = format!(
        "{} behind{expected}{}{}",
        amount(row, lag),
        reader(row),
        cause.words
    );
    let mut finding = Finding::new(&rules::AGGREGATE_BEHIND, level, reason).fixed_by(cause.fix);
    finding.on = cause.on;
    if let Some((field, value)) = cause.set {
        finding = finding.setting(field, value);
    }
    finding.since(row.late_since(at))
}

/// Reports why the lag is unknown: in the finding of a blocked refresh if a lock is the reason, otherwise in a finding of its own.
fn judge_unknown(row: &Row, findings: &mut Findings) {
    let Some(why) = row.why_unknown() else {
        return;
    };
    let locked = row.newest_is_locked();
    if locked && findings.append_reason(&rules::AGGREGATE_BLOCKED, "its lag is unknown meanwhile") {
        return;
    }
    let reason = format!("its lag is unknown: {why}");
    let finding = Finding::new(&rules::AGGREGATE_UNKNOWN, Level::Unknown, reason);
    findings.push(if locked {
        finding.upon(row.source_target())
    } else {
        finding
    });
}

/// Effect of the lag on queries of the aggregate.
fn reader(row: &Row) -> &'static str {
    if row.materialized_only {
        " (readers miss the newest rows)"
    } else {
        " (real-time: readers see newer rows, but their queries are slower)"
    }
}

/// Cause of the lag. Problems of the job itself are reported by `Policy::judge`.
struct Cause {
    words: String,
    fix: Option<ActionName>,
    on: Option<Target>,
    /// Field and value of the fix's form. `None`: its defaults.
    set: Option<(&'static str, &'static str)>,
}

impl Cause {
    /// No text: the cause is unknown, or other findings report it.
    fn none() -> Self {
        Self {
            words: String::new(),
            fix: rules::AGGREGATE_BEHIND.fix,
            on: None,
            set: None,
        }
    }

    fn of(words: &str) -> Self {
        Self {
            words: format!(": {words}"),
            ..Self::none()
        }
    }

    fn fixed_by(mut self, fix: Option<ActionName>) -> Self {
        self.fix = fix;
        self
    }
}

/// The most likely cause of a lag above the expected maximum.
fn cause(row: &Row, at: &At) -> Cause {
    let Some(policy) = &row.policy else {
        return Cause::none();
    };
    if let Some(pid) = row.waits.stuck_pid {
        let mut cause =
            Cause::of("every refresh fails until the session of a cancelled refresh ends")
                .fixed_by(Some(END));
        cause.on = Some(Target::session(pid));
        return cause;
    }
    if let Some(blocked) = &row.blocked {
        let on = blocked.session();
        let mut cause =
            Cause::of(&blocked.words("its refresh", at.now)).fixed_by(on.as_ref().map(|_| END));
        cause.on = on;
        return cause;
    }
    if let Some(words) = troubles::running(row, at) {
        return Cause::of(&words).fixed_by(None);
    }
    let limits = row.limits(at);
    if !policy.scheduled || policy.is_failing() || policy.is_late(&limits, at.now) {
        return Cause::none();
    }
    if policy.starts_far(&limits, at.now) {
        let mut cause = Cause::of(&policy.when(&limits, at.now)).fixed_by(Some("run-job-now"));
        cause.on = Some(Target::job(policy.job_id));
        cause.set = Some(policy::BY);
        return cause;
    }
    if policy.last_finish.is_none() {
        return Cause::of(&format!(
            "its policy (job {}) has not finished a run yet; {}",
            policy.job_id,
            policy.when(&limits, at.now)
        ));
    }
    let begins = row.start_offset.as_deref().map(text::interval);
    match begins.filter(|_| row.starts_before_its_window(at)) {
        Some(start) => Cause::of(&format!(
            "its policy refreshes the last {start} only (start_offset), so it cannot catch up: older rows stay missing; {}",
            policy.when(&limits, at.now)
        )),
        None => Cause::of(&format!(
            "the policy's refresh window is too short, or the policy runs too rarely, to catch up; {}",
            policy.when(&limits, at.now)
        )),
    }
}
