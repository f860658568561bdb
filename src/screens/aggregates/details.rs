//! The sections of an aggregate's details.

use anyhow::Result;
use serde::Deserialize;

use super::row::Row;
use super::strip::{self, Changed};
use crate::model::moment::{Axis, Point, Stamp, finite};
use crate::model::text;
use crate::model::value::Value;
use crate::screens::record::{Labelled, Section, heads};
use crate::server::known::At;
use crate::server::row::{read, read_all};

pub(super) fn facts(row: &Row, at: &At) -> Vec<Section> {
    let point = |raw: Option<i64>| -> Value {
        raw.map(|raw| Point {
            axis: row.axis,
            raw,
        })
        .into()
    };
    let width = row.bucket_width.as_deref();
    let zone = row.bucket_zone.as_ref();
    let bucket = format!(
        "{}{}",
        width.map_or("?".to_owned(), text::interval),
        zone.map_or_else(String::new, |zone| format!(" in {zone}"))
    );
    let newest = row
        .why_unknown()
        .map_or_else(|| point(row.newest_row()), Value::Text);
    let never_before = row.never_before.filter(|raw| row.axis.is_place(*raw));
    let keeps = row.source_drop_after.as_deref().map(Value::interval);
    let deletes = row.wipe_risk.map_or_else(
        || "unknown: refresh window and retention cannot be compared".into(),
        Value::Bool,
    );
    let mut facts = Labelled::new("Aggregate")
        .add("source", row.source())
        .add("bucket", bucket)
        .add("real-time", !row.materialized_only)
        .add("lag", lag(row, at))
        .add("expected maximum lag", row.expected_value())
        .add("watermark (end of newest bucket)", point(row.watermark))
        .add("refreshed to", point(row.refreshed()))
        .add("newest row of the source", newest)
        .add("never materialized up to", point(never_before))
        .add("refresh window", window(row))
        .add(
            "every",
            row.schedule_interval.as_deref().map(Value::interval),
        )
        .add("pending invalidations", row.pending)
        .add("refreshing now", row.refreshing)
        .add("source keeps rows for", keeps)
        .add("refreshes delete rows", deletes);
    if let Some(policy) = &row.policy {
        let state = policy.state(&row.limits(at), at.now);
        facts = facts
            .add("policy", format!("job {}, {state}", policy.job_id))
            .add("next run", policy.next_start_value())
            .add("last run", policy.last_run_status())
            .add("last finish", policy.last_finish);
    }
    let note = "a manual refresh deletes rows of the aggregate where rows of the source were dropped. To keep those rows, begin the range of the refresh after the source's oldest row";
    let note = row.source_drop_after.as_ref().map(|_| note);
    vec![
        facts
            .some("note", note)
            .reasons(row.comment.as_deref())
            .into(),
    ]
}

/// The lag. For integer time the text also names the end of the newest row's bucket, because the lag is measured to that end.
fn lag(row: &Row, at: &At) -> Value {
    match (row.lag_value(at), row.newest_end()) {
        (Value::Int(units), Some(end)) => Value::Text(format!(
            "{} units, up to {} (end of the newest row's bucket)",
            text::count(units),
            text::count(end)
        )),
        (lag, _) => lag,
    }
}

fn window(row: &Row) -> String {
    if row.policy.is_none() {
        return "no refresh policy".to_owned();
    }
    let or = |offset: &Option<String>, none: &str| {
        offset
            .as_deref()
            .map_or_else(|| none.to_owned(), text::interval)
    };
    format!(
        "from {} to {} before the run",
        or(&row.start_offset, "the beginning"),
        or(&row.end_offset, "0s")
    )
}

#[derive(Deserialize)]
struct Policy {
    job_id: i32,
    proc: String,
    config: Option<String>,
    /// Schedule interval, as PostgreSQL prints it.
    schedule: String,
    scheduled: bool,
    /// `None`: never scheduled, running, or due at once.
    #[serde(deserialize_with = "finite")]
    next_start: Option<Stamp>,
    last_run_success: Option<bool>,
    /// `None`: running, or never finished.
    #[serde(deserialize_with = "finite")]
    last_finish: Option<Stamp>,
    consecutive_failures: i32,
}

pub(crate) fn policies(rows: &[tokio_postgres::Row]) -> Result<Vec<Section>> {
    let policies: Vec<Policy> = read_all(rows)?;
    let cells = policies.into_iter().map(|policy| {
        vec![
            policy.job_id.into(),
            policy.proc.into(),
            Value::interval(&policy.schedule),
            policy.scheduled.into(),
            policy.next_start.into(),
            policy.last_finish.and(policy.last_run_success).into(),
            policy.consecutive_failures.into(),
            policy.config.into(),
        ]
    });
    let heads = heads([
        "job",
        "procedure",
        "every",
        "scheduled",
        "next run",
        "last success",
        "failed in a row",
        "configuration",
    ]);
    Ok(vec![Section::Grid {
        title: "Policies".to_owned(),
        heads,
        rows: cells.collect(),
        levels: Vec::new(),
    }])
}

/// An aggregate of a hierarchy, or the hypertable at its root.
#[derive(Deserialize)]
struct Member {
    /// 0 for the hypertable.
    depth: usize,
    name: String,
    /// This is the aggregate whose details are shown.
    itself: bool,
}

pub(super) fn hierarchy(rows: &[tokio_postgres::Row]) -> Result<Vec<Section>> {
    let members: Vec<Member> = read_all(rows)?;
    let lines = members.into_iter().map(|member| {
        let (indent, name) = ("  ".repeat(member.depth), member.name);
        let mark = if member.itself { "  <- this one" } else { "" };
        format!("{indent}{name}{mark}")
    });
    let lines = lines.collect::<Vec<_>>().join("\n");
    Ok(vec![Section::text("Place in the hierarchy", lines)])
}

/// The invalidation log of TimescaleDB that contains a range.
#[derive(PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Log {
    /// The hypertable's log, for all aggregates on it.
    Source,
    /// The aggregate's own log.
    Aggregate,
}

/// A range that an invalidation log marks as changed, in the unit of the time dimension.
#[derive(Deserialize)]
struct Invalidation {
    log: Log,
    lowest: i64,
    greatest: i64,
    /// Whether the source has chunks in the range. If not, a refresh reads no rows there, and the range is not counted as pending.
    has_chunks: bool,
}

impl Invalidation {
    /// Whether a refresh of this range would read rows of the source.
    fn waits(&self, row: &Row) -> bool {
        self.greatest < i64::MAX && row.axis.is_place(self.greatest) && self.has_chunks
    }

    /// Meaning of the range; `None`: a range without rows, which a refresh of the whole time range leaves in the log.
    fn meaning(&self, row: &Row) -> Option<&'static str> {
        let begins = row.axis.is_place(self.lowest);
        Some(match (begins, self.greatest) {
            _ if self.log == Log::Source => "changed in the source, for all aggregates on it",
            (false, i64::MAX) => "everything: never refreshed",
            (true, i64::MAX) => "not refreshed yet",
            // A refresh of the whole time range leaves a range that ends before all times of the dimension.
            (_, greatest) if !row.axis.is_place(greatest) => return None,
            (false, _) => "history that was never refreshed",
            _ if !self.has_chunks => {
                "no chunks in the source: a refresh deletes the aggregate's rows here"
            }
            _ => "waits for a refresh of this range",
        })
    }
}

fn end(axis: Axis, raw: i64) -> Value {
    match raw {
        i64::MAX => "infinity".into(),
        raw if !axis.is_place(raw) => "-infinity".into(),
        raw => Value::Point(Point { axis, raw }),
    }
}

pub(super) fn invalidations(
    row: &Row,
    rows: &[tokio_postgres::Row],
    at: &At,
) -> Result<Vec<Section>> {
    let ranges: Vec<Invalidation> = read_all(rows)?;
    let waiting = ranges.iter().filter(|range| range.waits(row));
    let waiting = waiting.map(|range| Changed {
        from: Some(range.lowest).filter(|raw| row.axis.is_place(*raw)),
        to: range.greatest,
    });
    let waiting: Vec<_> = waiting.collect();
    let cells = ranges.iter().filter_map(|range| {
        let (lowest, greatest) = (end(row.axis, range.lowest), end(row.axis, range.greatest));
        Some(vec![lowest, greatest, range.meaning(row)?.into()])
    });
    let mut sections: Vec<_> = strip::strip(row, &waiting, at).into_iter().collect();
    sections.push(Section::Grid {
        title: "Invalidation ranges".to_owned(),
        heads: heads(["from", "to", "meaning"]),
        rows: cells.collect(),
        levels: Vec::new(),
    });
    Ok(sections)
}

#[derive(Deserialize)]
struct Definition {
    definition: String,
}

pub(super) fn definition(rows: &[tokio_postgres::Row]) -> Result<Vec<Section>> {
    let text = match rows.first() {
        Some(row) => read::<Definition>(row)?.definition,
        None => String::new(),
    };
    Ok(vec![Section::text("Definition", text)])
}
