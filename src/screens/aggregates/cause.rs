//! Why an aggregate is behind, in words; and the sections of its details.

use anyhow::Result;

use super::Row;
use crate::record::{At, Section};
use crate::text;
use crate::value::{Axis, Point, Stamp, Value};
use crate::verdict::{Findings, Level, Verdict};

pub(super) fn verdict(row: &Row, at: &At) -> Verdict {
    let mut findings = Findings::default();
    judge_wipe(row, &mut findings);
    if row.covered(at).is_none() {
        let level = if row.source_end.is_some() {
            Level::Warning
        } else {
            Level::Notice
        };
        findings.add(level, "it was never refreshed, so it holds nothing");
        match &row.policy {
            None => findings.add(Level::Notice, "it has no refresh policy"),
            Some(policy) => policy.judge(&mut findings, at.now, true),
        }
        return findings.verdict("");
    }
    judge_lag(row, &mut findings, at);
    if let Some(to) = row
        .watermark
        .filter(|to| row.axis != Axis::Integer && at.now.plus_seconds(60.0).0 < *to)
        && !row.materialized_only
        && row.newest_end.is_some_and(|end| end < to)
    {
        let until = text::moment(Stamp(to));
        findings.add(Level::Warning, format!("its watermark lies in the future ({until}): real-time rows before that are not shown"));
    }
    if row.pending > 0 {
        let ranges = text::plural(row.pending, "changed range");
        findings.add(
            Level::Ok,
            format!("{ranges} below the watermark wait for a refresh"),
        );
    }
    findings.verdict(healthy(row, at))
}

fn healthy(row: &Row, at: &At) -> String {
    match (row.lag(at), &row.policy) {
        (Some(0), _) => "nothing newer is in the source".to_owned(),
        (Some(lag), Some(_)) => format!(
            "{} behind, within what its policy promises",
            amount(row, lag)
        ),
        (Some(lag), None) => format!("{} behind; it has no refresh policy", amount(row, lag)),
        (None, _) => "its lag is being read".to_owned(),
    }
}

/// A lag in words: a length of time, or units of integer time.
#[expect(clippy::cast_precision_loss, reason = "microseconds of a lag fit")]
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
        row.source_drop_after.as_deref().unwrap_or("?"),
    );
    match row.wipe_risk {
        Some(true) => {
            let reaches = row.start_offset.as_ref().map_or_else(|| "everything".to_owned(), |start| format!("the last {start}"));
            findings.add(Level::Critical, format!("DATA LOSS: it refreshes {reaches}, but {source} keeps only {keeps}: a refresh deletes the older rows; set start_offset to {keeps} or less"));
        }
        None => findings.add(Level::Unknown, format!("whether a refresh may delete rows is not known: {source} is dropped by creation time")),
        Some(false) => {}
    }
}

fn judge_lag(row: &Row, findings: &mut Findings, at: &At) {
    let Some(lag) = row.lag(at) else {
        if let Some(error) = &row.newest_error {
            findings.add(
                Level::Unknown,
                format!(
                    "the newest row of {} could not be read: {error}",
                    row.source()
                ),
            );
        } else if row.newest_asked && row.source_end.is_some() {
            findings.add(
                Level::Unknown,
                format!(
                    "its lag is not known: {} is empty, or this role may not read it",
                    row.source()
                ),
            );
        }
        if let Some(policy) = &row.policy {
            policy.judge(findings, at.now, false);
        }
        return;
    };
    #[expect(clippy::cast_precision_loss, reason = "microseconds of a lag fit")]
    let (behind, promised) = match row.axis {
        // The schedule does not convert to units: two windows are allowed for it.
        Axis::Integer => (
            lag as f64,
            row.expected_units.map(|units| units as f64 * 2.0),
        ),
        _ => (
            lag as f64 / 1e6,
            row.expected_seconds.map(|seconds| seconds + 60.0),
        ),
    };
    let Some(policy) = &row.policy else {
        if lag > 0 {
            let level = if row.materialized_only {
                Level::Warning
            } else {
                Level::Notice
            };
            findings.add(
                level,
                format!(
                    "{} behind, and no refresh policy will change that{}",
                    amount(row, lag),
                    reader(row)
                ),
            );
        }
        return;
    };
    let late = promised.is_some_and(|promised| behind > promised);
    if late {
        let worst = promised.is_some_and(|promised| behind > 2.0 * promised);
        let stuck = !policy.scheduled || policy.is_failing();
        let level = if worst && (stuck || policy.is_late(at.now)) {
            Level::Critical
        } else {
            Level::Warning
        };
        let promise = row
            .expected_seconds
            .filter(|_| row.axis != Axis::Integer)
            .map_or_else(String::new, |seconds| {
                format!(" where {} is promised", text::duration(seconds))
            });
        findings.add(
            level,
            format!(
                "{} behind{promise}{}: {}",
                amount(row, lag),
                reader(row),
                cause(row, at)
            ),
        );
    }
    policy.judge(findings, at.now, late);
}

/// What the lag means for who reads the aggregate.
fn reader(row: &Row) -> &'static str {
    if row.materialized_only {
        " (readers miss the newest rows)"
    } else {
        " (real-time: readers see newer rows, at a cost)"
    }
}

/// The likeliest reason of a lag that is longer than promised.
fn cause(row: &Row, at: &At) -> String {
    let Some(policy) = &row.policy else {
        return "it has no refresh policy".to_owned();
    };
    let job = policy.job_id;
    if row.refreshing == Some(true) {
        "a refresh is running now".to_owned()
    } else if !policy.scheduled {
        format!("its policy (job {job}) is paused")
    } else if policy.is_failing() {
        format!("its policy (job {job}) fails")
    } else if policy.last_finish.is_none() {
        format!(
            "its policy (job {job}) has not finished a run yet; {}",
            policy.when(at.now)
        )
    } else if policy.is_late(at.now) {
        format!("its policy (job {job}) is not run in time: are the background workers all busy?")
    } else if row.parent_id.is_some() {
        format!(
            "look at {} first, on which it is built; {}",
            row.source(),
            policy.when(at.now)
        )
    } else {
        format!(
            "the policy's window or schedule is too narrow to catch up; {}",
            policy.when(at.now)
        )
    }
}

pub(super) fn facts(row: &Row, at: &At) -> Vec<Section> {
    let point = |raw: Option<i64>| -> Value {
        raw.map(|raw| Point {
            axis: row.axis,
            raw,
        })
        .into()
    };
    let window = match (&row.policy, &row.start_offset, &row.end_offset) {
        (None, ..) => "no refresh policy".to_owned(),
        (Some(_), start, end) => format!(
            "from {} ago to {} ago",
            start.as_deref().unwrap_or("ever"),
            end.as_deref().unwrap_or("no time")
        ),
    };
    let mut facts: Vec<(String, Value)> = vec![
        ("source".into(), row.source().into()),
        (
            "bucket".into(),
            format!(
                "{}{}",
                row.bucket_width.as_deref().unwrap_or("?"),
                row.bucket_zone
                    .as_ref()
                    .map_or_else(String::new, |zone| format!(" in {zone}"))
            )
            .into(),
        ),
        ("real-time".into(), (!row.materialized_only).into()),
        ("lag".into(), row.lag_value(at)),
        ("promised at most".into(), row.expected_value()),
        (
            "watermark (end of its newest rows)".into(),
            point(row.watermark),
        ),
        ("refreshed to".into(), point(row.refreshed())),
        (
            "newest row of the source".into(),
            row.newest_error
                .clone()
                .map_or_else(|| point(row.newest), Value::Text),
        ),
        (
            "never materialized before".into(),
            point(
                row.never_before
                    .filter(|raw| *raw > -200_000_000_000_000_000),
            ),
        ),
        ("refresh window".into(), window.into()),
        ("every".into(), row.schedule_interval.clone().into()),
        ("pending invalidations".into(), row.pending.into()),
        ("refreshing now".into(), row.refreshing.into()),
        ("source keeps".into(), row.source_drop_after.clone().into()),
        (
            "refreshes delete rows".into(),
            row.wipe_risk
                .map_or_else(|| "cannot be compared".into(), Value::Bool),
        ),
    ];
    if let Some(policy) = &row.policy {
        facts.extend([
            (
                "policy".to_owned(),
                Value::text(format!("job {}, {}", policy.job_id, policy.state(at.now))),
            ),
            ("next run".to_owned(), policy.next_start_value()),
            ("last run".to_owned(), policy.last_run_status()),
            ("last finish".to_owned(), policy.last_finish.into()),
        ]);
    }
    if row.source_drop_after.is_some() {
        let note = "a refresh by hand over time that the source no longer holds deletes those rows here; keep its start inside what the source keeps";
        facts.push(("mind".to_owned(), note.into()));
    }
    vec![Section::Facts {
        title: "Aggregate".to_owned(),
        facts,
    }]
}

pub(super) fn policies(rows: &[tokio_postgres::Row]) -> Result<Vec<Section>> {
    let mut cells = Vec::new();
    for row in rows {
        let scheduled: bool = row.try_get("scheduled")?;
        let finished: Option<Stamp> = row.try_get("last_finish")?;
        let success: Option<bool> = row.try_get("last_run_success")?;
        cells.push(vec![
            Value::Int(row.try_get::<_, i32>("job_id")?.into()),
            Value::Text(row.try_get("proc")?),
            Value::Text(row.try_get("schedule")?),
            scheduled.into(),
            row.try_get::<_, Option<Stamp>>("next_start")?
                .and_then(Stamp::finite)
                .into(),
            finished.and_then(Stamp::finite).and(success).into(),
            Value::Int(row.try_get::<_, i32>("consecutive_failures")?.into()),
            row.try_get::<_, Option<String>>("config")?.into(),
        ]);
    }
    let heads = vec![
        "job",
        "procedure",
        "every",
        "scheduled",
        "next run",
        "last run well",
        "failed in a row",
        "configuration",
    ];
    Ok(vec![Section::Grid {
        title: "Policies".to_owned(),
        heads,
        rows: cells,
        levels: Vec::new(),
    }])
}

pub(super) fn hierarchy(rows: &[tokio_postgres::Row]) -> Result<Vec<Section>> {
    let mut lines = Vec::new();
    for row in rows {
        let depth: i32 = row.try_get("depth")?;
        let name: String = row.try_get("name")?;
        let mark = if row.try_get("itself")? {
            "  <- this one"
        } else {
            ""
        };
        lines.push(format!(
            "{}{name}{mark}",
            "  ".repeat(usize::try_from(depth).unwrap_or(0))
        ));
    }
    Ok(vec![Section::Text {
        title: "Place in the hierarchy".to_owned(),
        text: lines.join("\n"),
    }])
}

pub(super) fn invalidations(row: &Row, rows: &[tokio_postgres::Row]) -> Result<Vec<Section>> {
    let end = |raw: i64| match raw {
        i64::MAX => Value::text("infinity"),
        raw if raw <= -200_000_000_000_000_000 => Value::text("-infinity"),
        raw => Value::Point(Point {
            axis: row.axis,
            raw,
        }),
    };
    let mut cells = Vec::new();
    for range in rows {
        let (lowest, greatest): (i64, i64) = (range.try_get("lowest")?, range.try_get("greatest")?);
        let log: String = range.try_get("log")?;
        let meaning = match (log.as_str(), lowest, greatest) {
            ("source", ..) => "changed in the source, for all aggregates on it",
            (_, lowest, i64::MAX) if lowest <= -200_000_000_000_000_000 => {
                "everything: never refreshed"
            }
            (_, _, i64::MAX) => "not refreshed yet",
            (_, lowest, _) if lowest <= -200_000_000_000_000_000 => {
                "history that was never refreshed"
            }
            _ => "waits for a refresh of this range",
        };
        cells.push(vec![end(lowest), end(greatest), meaning.into()]);
    }
    Ok(vec![Section::Grid {
        title: "Invalidation ranges".to_owned(),
        heads: vec!["from", "to", "meaning"],
        rows: cells,
        levels: Vec::new(),
    }])
}

pub(super) fn definition(rows: &[tokio_postgres::Row]) -> Result<Vec<Section>> {
    let text = rows
        .first()
        .map(|row| row.try_get("definition"))
        .transpose()?
        .unwrap_or_default();
    Ok(vec![Section::Text {
        title: "Definition".to_owned(),
        text,
    }])
}
