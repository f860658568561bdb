//! Other problems of an aggregate: blocked or cancelled refreshes, a refresh window that is too narrow, and conflicting policies.

use super::row::Row;
use crate::model::moment::{Axis, Stamp};
use crate::model::target::{Target, TargetKind};
use crate::model::verdict::{Finding, Findings, Level};
use crate::model::{rules, text};
use crate::server::known::At;

/// Findings for a cancelled refresh whose session still exists, and for an interrupted refresh. Until the session ends, the server refuses
/// other refreshes of the same range.
pub(super) fn judge_stuck(row: &Row, findings: &mut Findings) {
    if let Some(pid) = row.waits.stuck_pid {
        let reason = format!(
            "a refresh was cancelled in session {pid}, which is idle but still reserves the range of the refresh: every other refresh of that range fails (55P03) until the session ends"
        );
        findings.push(
            Finding::new(&rules::AGGREGATE_STUCK, Level::Warning, reason)
                .upon(Target::session(pid)),
        );
    } else if row.waits.ranges > 0 && row.refreshing == Some(false) && row.blocked.is_none() {
        let ranges = text::plural(row.waits.ranges, "range");
        findings.add(
            &rules::AGGREGATE_INTERRUPTED,
            Level::Notice,
            format!(
                "an interrupted refresh left {ranges} unfinished; the next refresh of the same time range completes the work"
            ),
        );
    }
}

/// Finding for a refresh window that is narrower than the schedule interval. Such a window leaves gaps between two runs.
pub(super) fn judge_window(row: &Row, findings: &mut Findings) {
    let (Some(policy), Some(start)) = (&row.policy, row.start_seconds) else {
        return;
    };
    if row.end_offset.is_some() && row.end_seconds.is_none() || row.policies > 1 {
        return;
    }
    let window = start - row.end_seconds.unwrap_or(0.0);
    let Some(every) = policy
        .schedule_seconds
        .filter(|every| window + 1.0 < *every)
    else {
        return;
    };
    let side = |side: &Option<String>| side.as_deref().map_or("0".to_owned(), text::interval);
    // Twice the schedule interval, so that a late run leaves no gap either.
    let wide = (row.end_seconds.unwrap_or(0.0) + 2.0 * every).ceil();
    let finding = Finding::new(
        &rules::AGGREGATE_WINDOW,
        Level::Warning,
        format!(
            "its refresh window of {} (start_offset {} minus end_offset {}) is narrower than its schedule interval of {}: rows between two windows are never refreshed",
            text::duration(window),
            side(&row.start_offset),
            side(&row.end_offset),
            text::duration(every)
        ),
    );
    findings.push(finding.setting("start_offset", format!("{wide} seconds")));
}

/// Finding for a retention policy that drops rows before they are materialized. Returns whether the policy drops all
/// these rows.
pub(super) fn judge_starved(row: &Row, findings: &mut Findings) -> bool {
    let around = &row.around;
    let (Some(true), Some(keeps)) = (around.source_drops, &row.source_drop_after) else {
        return false;
    };
    if row.policy.is_none() {
        return false;
    }
    let (source, keeps) = (row.source(), text::interval(keeps));
    let upon = Target {
        kind: TargetKind::Hypertable,
        id: row.source_id.into(),
        name: source.clone(),
    };
    let (dropped, ends, expected) = starving(row);
    let Some(dropped) = dropped else {
        return false;
    };
    let end = row
        .end_offset
        .as_deref()
        .map_or("0".to_owned(), text::interval);
    if ends.is_some_and(|ends| ends > 0.0 && dropped <= ends) {
        let reason = format!(
            "it is never filled: {source} keeps rows for {keeps} only, and the refresh policy refreshes them after {end} (end_offset), when they are already dropped"
        );
        findings.push(Finding::new(&rules::AGGREGATE_STARVED, Level::Critical, reason).upon(upon));
        return true;
    }
    if let Some(expected) = expected.filter(|expected| dropped < *expected) {
        let every = row.schedule_interval.as_deref();
        let every = every.map_or("?".to_owned(), text::interval);
        let reason = format!(
            "{source} keeps rows for {keeps}, but it may take {} until they are materialized (end_offset {end} + a bucket + schedule {every}): some rows may be dropped before that",
            text::duration(expected)
        );
        findings.push(Finding::new(&rules::AGGREGATE_STARVED, Level::Warning, reason).upon(upon));
    }
    false
}

/// Three ages in seconds, or in units of integer time: age at which the source's rows are dropped, `end_offset`, and age by which rows are
/// materialized. `None`: unknown.
#[expect(
    clippy::cast_precision_loss,
    reason = "the last digits of a threshold do not matter"
)]
fn starving(row: &Row) -> (Option<f64>, Option<f64>, Option<f64>) {
    if row.axis == Axis::Integer {
        let ends = row
            .end_offset
            .as_deref()
            .map_or(Some(0.0), |end| end.parse().ok());
        let dropped = row.around.source_drop_number.map(|number| number as f64);
        return (dropped, ends, None);
    }
    let ends = match &row.end_offset {
        None => Some(0.0),
        Some(_) => row.end_seconds,
    };
    // For an aggregate with a parent, the expected lag also contains the parent's lag, so it would be too long here.
    let expected = row.expected_seconds.filter(|_| row.depth == 1);
    (row.around.source_drop_seconds, ends, expected)
}

/// Finding for a compression policy that compresses chunks inside the refresh window.
pub(super) fn judge_compressed(row: &Row, findings: &mut Findings) {
    if row.around.compresses_inside != Some(true) {
        return;
    }
    let after = row.around.compress_after.as_deref();
    let after = after.map_or("?".to_owned(), text::interval);
    let reach = row.start_offset.as_deref().map_or_else(
        || "everything".to_owned(),
        |start| format!("the last {}", text::interval(start)),
    );
    let fix = match row.start_offset {
        Some(_) => "Set compress_after above start_offset",
        None => "Set a start_offset below compress_after",
    };
    let reason = format!(
        "its chunks are compressed after {after}, but its policy refreshes {reach}: a refresh then writes into compressed chunks, which is slow and leaves them partially compressed. {fix}"
    );
    let mut finding = Finding::new(&rules::AGGREGATE_COMPRESSED, Level::Notice, reason);
    if let Some(start) = &row.start_offset {
        finding = finding.setting("compress_after", start.clone());
    }
    findings.push(finding);
}

/// Text for a running refresh as the cause of a lag; `None`: no refresh runs.
pub(super) fn running(row: &Row, at: &At) -> Option<String> {
    let policy = row.policy.as_ref();
    let by_policy = policy.is_some_and(|policy| policy.next_start == Some(Stamp::BEFORE_ALL));
    if row.refreshing != Some(true) && !by_policy {
        return None;
    }
    let age = row
        .last_start
        .filter(|_| by_policy)
        .map(|start| at.now.seconds_since(start).max(0.0));
    let limits = row.limits(at);
    let is_slow = |age: f64, average: f64| {
        age > limits.refresh_slow_time && age > limits.refresh_slow_factor * average
    };
    Some(match (age, row.average_seconds) {
        (Some(age), Some(average)) if is_slow(age, average) => format!(
            "a refresh has been running for {}, longer than usual ({} on average)",
            text::duration(age.floor()),
            text::duration(average.ceil())
        ),
        (Some(age), _) => format!(
            "a refresh is running, started {} ago",
            text::duration(age.floor())
        ),
        (None, _) => "a refresh is running now".to_owned(),
    })
}

/// Finding for a refresh that waits for a lock, even if the lag is unknown because of that lock.
pub(super) fn judge_blocked(row: &Row, findings: &mut Findings, at: &At) {
    let blocked = row.blocked.as_ref();
    let rule = &rules::AGGREGATE_BLOCKED;
    let patience = row.limits(at).blocked;
    if let Some(finding) =
        blocked.and_then(|blocked| blocked.finding(rule, "its refresh", at.now, patience))
    {
        findings.push(finding);
    }
}

/// Removes the finding of a blocked refresh if the finding of the lag also names the blocking session.
pub(super) fn merge_blocked(row: &Row, findings: &mut Findings) {
    if row.blocked.is_some() && findings.has(&rules::AGGREGATE_BEHIND) {
        findings.forget(&rules::AGGREGATE_BLOCKED);
    }
}
