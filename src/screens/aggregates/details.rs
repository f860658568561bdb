//! The sections of an aggregate's details.

use anyhow::Result;

use super::row::Row;
use crate::model::moment::{Point, Stamp};
use crate::model::text;
use crate::model::value::Value;
use crate::screens::record::Section;
use crate::server::known::At;

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
            start.as_deref().map_or("ever".to_owned(), text::interval),
            end.as_deref().map_or("no time".to_owned(), text::interval)
        ),
    };
    let mut facts: Vec<(String, Value)> = vec![
        ("source".into(), row.source().into()),
        (
            "bucket".into(),
            format!(
                "{}{}",
                row.bucket_width
                    .as_deref()
                    .map_or("?".to_owned(), text::interval),
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
            row.why_unknown()
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
        (
            "every".into(),
            row.schedule_interval.as_deref().map(Value::interval).into(),
        ),
        ("pending invalidations".into(), row.pending.into()),
        ("refreshing now".into(), row.refreshing.into()),
        (
            "source keeps".into(),
            row.source_drop_after.as_deref().map(Value::interval).into(),
        ),
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
                Value::text(format!(
                    "job {}, {}",
                    policy.job_id,
                    policy.state(&row.limits(at), at.now)
                )),
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

pub fn policies(rows: &[tokio_postgres::Row]) -> Result<Vec<Section>> {
    let mut cells = Vec::new();
    for row in rows {
        let scheduled: bool = row.try_get("scheduled")?;
        let finished: Option<Stamp> = row.try_get("last_finish")?;
        let success: Option<bool> = row.try_get("last_run_success")?;
        cells.push(vec![
            Value::Int(row.try_get::<_, i32>("job_id")?.into()),
            Value::Text(row.try_get("proc")?),
            Value::interval(row.try_get("schedule")?),
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
            // What is left of "everything" after a refresh of everything: nothing can lie there.
            (_, _, greatest) if greatest <= -200_000_000_000_000_000 => continue,
            (_, lowest, _) if lowest <= -200_000_000_000_000_000 => {
                "history that was never refreshed"
            }
            // What waits there is not counted as pending: nothing brings it up, and a refresh of it only deletes.
            (_, _, greatest) if row.waits.source_start.is_some_and(|start| greatest < start) => {
                "the source has no chunks here any more: a refresh deletes these rows"
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
