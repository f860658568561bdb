//! A watermark in the future. Until a refresh, queries do not see new rows before the watermark, even in real-time aggregates.

use super::row::{Newest, Row};
use crate::model::moment::{Axis, Stamp};
use crate::model::verdict::{Finding, Findings, Level};
use crate::model::{clock, rules, text};
use crate::server::known::At;

/// Finding for a watermark in the future, which no refresh moves back. A watermark at the end of the present bucket is usual without an
/// `end_offset`, so it is reported only while changes before it wait for a refresh.
pub(super) fn judge(row: &Row, findings: &mut Findings, at: &At) {
    let soon = at.now.plus_seconds(row.limits(at).aggregate_future).0 - at.now.0;
    let ahead = |to: &i64| row.axis != Axis::Integer && row.now(at).saturating_add(soon) < *to;
    let Some(to) = row.watermark.filter(ahead) else {
        return;
    };
    let buckets = row.buckets();
    let present = buckets.and_then(|buckets| buckets.step(buckets.floor(row.now(at))?, 1));
    if let Some(end) = present.filter(|end| *end < to) {
        findings.push(beyond(row, to, end));
        return;
    }
    if row.pending == 0 {
        return;
    }
    let past_the_source = row.newest_end().is_some_and(|end| end < to);
    let until = text::moment(Stamp(to));
    let reason = format!(
        "its watermark is in the future ({until}): new rows dated before that time show only after the next refresh, and some new rows wait for it now"
    );
    if past_the_source {
        let level = if row.materialized_only {
            Level::Notice
        } else {
            Level::Warning
        };
        let reason = format!(
            "{reason}; the rows that moved the watermark there are gone from {}",
            row.source()
        );
        findings.push(up_to(row, to, level, reason));
        return;
    }
    if row.materialized_only {
        let reason = format!("{reason}; its lag is unknown until that time");
        findings.push(up_to(row, to, Level::Notice, reason));
        return;
    }
    let open = row.policy.is_some() && row.end_offset.is_none() && row.policies == 1;
    let Some(bucket) = row.bucket_width.as_ref().filter(|_| open) else {
        let reason = if row.newest_row().is_some_and(|newest| newest > row.now(at)) {
            format!("{reason}; {} has rows dated in the future", row.source())
        } else {
            format!("{reason}; a refresh materialized the unfinished bucket")
        };
        findings.push(up_to(row, to, Level::Notice, reason));
        return;
    };
    let reason = format!(
        "{reason}; its policy has no end_offset, so it materializes the unfinished bucket. With an end_offset of {}, queries would read that bucket from the source (real-time)",
        text::interval(bucket)
    );
    let finding = Finding::new(&rules::AGGREGATE_FUTURE, Level::Notice, reason);
    findings.push(
        finding
            .fixed_by(Some("edit-refresh-policy"))
            .setting("end_offset", bucket.clone()),
    );
}

/// Finding for a watermark after the end of the present bucket. The reason says whether the source still has rows with a time in the
/// future.
fn beyond(row: &Row, to: i64, end: i64) -> Finding {
    let source = row.source();
    let until = text::moment(Stamp(to));
    let (level, means) = if row.materialized_only {
        (Level::Notice, "its lag is unknown until that time")
    } else {
        (
            Level::Warning,
            "new rows dated before that time show only after a refresh",
        )
    };
    let wait = match row.pending {
        0 => "",
        _ => ", and some new rows wait for a refresh now",
    };
    let newest = row.newest_row().filter(|newest| *newest >= end);
    let known = |newest: &Newest| newest.unknown.is_none();
    let because = match newest {
        Some(newest) => format!(
            "{source} has {} dated in the future, the newest {}{}: while they exist, each refresh moves the watermark there again",
            future_rows(row),
            text::moment(Stamp(newest)),
            row.source_end.map_or_else(String::new, |at| format!(
                " (the newest chunk ends at {})",
                text::moment(Stamp(at))
            ))
        ),
        None if row.newest.get().is_some_and(known) => {
            format!(
                "the rows that moved the watermark there are gone from {source}, but no refresh moves it back"
            )
        }
        None => format!("it is unknown whether {source} has rows dated in the future"),
    };
    let reason = format!("its watermark is in the future ({until}): {means}{wait}; {because}");
    let finding = Finding::new(&rules::AGGREGATE_FUTURE, level, reason);
    if row.parent_id.is_some() && newest.is_some() {
        return finding.upon(row.source_target());
    }
    let deletes = if newest.is_some() { "yes" } else { "no" };
    finding.setting("delete_future_rows", deletes)
}

/// Number of rows with a time in the future; the query counts at most 10,001 rows of a chunk.
fn future_rows(row: &Row) -> String {
    match row.gaps().future_rows {
        Some(many @ 1..=10_000) => text::plural(many, "row"),
        Some(10_001..) => format!("more than {} rows", text::count(10_000)),
        _ => "rows (not counted)".to_owned(),
    }
}

/// Finding whose fix refreshes everything before the watermark, so that queries see the new rows.
fn up_to(row: &Row, to: i64, level: Level, reason: String) -> Finding {
    let finding =
        Finding::new(&rules::AGGREGATE_FUTURE, level, reason).fixed_by(Some("refresh-aggregate"));
    let Some(to) = clock::typed(row.axis, to) else {
        return finding;
    };
    // A refresh from an earlier start would delete rows of the aggregate whose source chunks were dropped.
    let from = row
        .waits
        .source_start
        .filter(|_| row.around.source_drops.is_some());
    let from = from.and_then(|from| clock::typed(row.axis, from));
    finding
        .setting("from", from.unwrap_or_default())
        .setting("to", to)
}
