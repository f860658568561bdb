//! The sections of a hypertable's details.

use anyhow::Result;

use super::advice::part;
use super::row::{Plain, Row};
use crate::model::moment::Point;
use crate::model::text;
use crate::model::value::Value;
use crate::model::verdict::Level;
use crate::screens::chunks::Chunks;
use crate::screens::record::{Labelled, Section, heads};
use crate::server::known::At;

pub(super) fn facts(row: &Row, at: &At) -> Vec<Section> {
    match &row.plain {
        Some(plain) => vec![plain_facts(row, plain)],
        None => vec![table_facts(row), chunk_facts(row, at)],
    }
}

fn plain_facts(row: &Row, plain: &Plain) -> Section {
    let without = &plain.unique_without;
    Labelled::new("Plain table")
        .add("size", row.size())
        .add("growth while connected", grown(row))
        .add("rows (estimate)", plain.tuples)
        .add("time column", row.column.clone())
        .add("NOT NULL", plain.not_null)
        .add("indexes", row.indexes)
        .add(
            "unique indexes without the time column",
            (!without.is_empty()).then(|| without.join(", ")),
        )
        .add("foreign keys to this table", plain.referenced)
        .reasons(row.comment.as_deref())
        .into()
}

fn table_facts(row: &Row) -> Section {
    let point = |raw: Option<i64>| raw.map(|raw| row.point(raw));
    let tiered = if row.tiered > 0 {
        format!("; {} tiered", text::count(row.tiered))
    } else {
        String::new()
    };
    let chunks = format!(
        "{} = {} compressed + {} partial + {} uncompressed{tiered}",
        text::count(row.chunks),
        text::count(row.compressed - row.partial),
        text::count(row.partial),
        text::count(row.chunks - row.compressed),
    );
    let error = row.exact.error();
    Labelled::new("Hypertable")
        .add("kind", row.kind_name())
        .add("size now", row.size())
        .some(
            "exact size",
            error.map(|error| format!("not available: {error}")),
        )
        .add("growth per day, before compression", growth(row))
        .add("growth while connected", grown(row))
        .add("dimensions", row.dimensions())
        .add("chunks", chunks)
        .add("oldest chunk begins", point(row.oldest))
        .add("newest chunk ends", point(row.newest))
        .add("policies", policies(row))
        .add(
            "read by aggregates",
            (!row.readers.is_empty()).then(|| row.readers.join(", ")),
        )
        .reasons(row.comment.as_deref())
        .into()
}

/// Growth per day, with the number and the range of the full intervals from which it is computed.
fn growth(row: &Row) -> Value {
    let (Some(growth), Some(window)) = (row.growth(), row.window()) else {
        return if row.now.is_none() {
            "unknown: its time column is an integer, not a clock time".into()
        } else {
            Value::Null
        };
    };
    let point = |raw| text::point(row.point(raw));
    if growth == 0 {
        return Value::Text(format!(
            "0 B: no full interval after {} has a chunk",
            point(window.end)
        ));
    }
    Value::Text(format!(
        "{}{}, from {} between {} and {}",
        if window.about { "~" } else { "" },
        text::bytes(growth),
        text::plural(window.ranges, "full interval"),
        point(window.start),
        point(window.end)
    ))
}

/// Growth between the first and the last exact size that this console read.
fn grown(row: &Row) -> Value {
    let (Some((since, first)), Some(bytes)) = (row.seen, row.bytes()) else {
        return "unknown: no exact size was read yet".into();
    };
    let (from, to) = (text::bytes(first), text::bytes(bytes));
    let since = text::moment(since);
    let Some((span, grown)) = row.grown() else {
        return Value::Text(format!(
            "unknown until a second size is read (first measured {since}: {from})"
        ));
    };
    let span = text::duration(span.floor());
    Value::Text(format!(
        "{} in {span}: from {from} (first measured {since}) to {to}",
        text::bytes(grown)
    ))
}

fn policies(row: &Row) -> Value {
    let all = [
        ("refresh", row.policies.refresh),
        ("compress", row.policies.compress),
        ("drop", row.policies.retain),
        ("reorder", row.policies.reorder),
    ];
    let said: Vec<_> = all
        .into_iter()
        .filter_map(|(name, policy)| Some(format!("{name} {}", policy?.name())))
        .collect();
    (!said.is_empty()).then(|| said.join(", ")).into()
}

fn chunk_facts(row: &Row, at: &At) -> Section {
    let limits = &row.limits;
    let percent = at.limits(&row.full_name()).memory_percent;
    let default = if limits.memory_default {
        ", PostgreSQL's default"
    } else {
        ""
    };
    let room = limits.room_words(percent);
    let locks = row.locks().zip(row.lock_percent());
    let locks = locks.map(|(locks, percent)| {
        let (locks, slots) = (text::count(locks), text::count(limits.lock_slots()));
        format!("{locks} of {slots} ({percent})")
    });
    let lock_table = format!(
        "max_locks_per_transaction {} x (max_connections {} + max_prepared_transactions {})",
        limits.locks_each, limits.connections, limits.prepared
    );
    Labelled::new("Chunks against memory and locks")
        .add(
            "interval of new chunks",
            row.interval.map(|interval| row.length(interval)),
        )
        .add("chunks per interval", row.partitions())
        .add(
            "size of a full interval",
            row.bytes_or_about(row.interval_bytes()),
        )
        .add(
            format!("{} of memory", part(percent)),
            format!("{room} (effective_cache_size{default})"),
        )
        .add("locks of a statement on all chunks", locks)
        .add("lock table", lock_table)
        .into()
}

pub(super) fn chunks(row: &Row, rows: &[tokio_postgres::Row], _: &At) -> Result<Vec<Section>> {
    if row.plain.is_some() {
        return Ok(Vec::new());
    }
    let chunks = Chunks::read(rows, row.axis)?;
    let mut sections = chunks.sections();
    let windows = chunks
        .cuts
        .iter()
        .filter(|cut| cut.is_window() && !cut.is_own());
    let (mut cells, mut levels) = (Vec::new(), Vec::new());
    for cut in windows {
        let point = |raw: i64| Point {
            axis: row.axis,
            raw,
        };
        let (state, level) = cut.state();
        let window = cut.job_id.map(|_| cut.window());
        cells.push(vec![
            cut.name.clone().into(),
            cut.watermark.map(point).into(),
            window.into(),
            cut.to.map(point).into(),
            cut.job_id.into(),
            match (cut.job_id, state) {
                (None, _) => "no refresh policy".into(),
                (Some(_), "") => "scheduled".into(),
                (Some(_), state) => state.trim_matches([' ', '(', ')']).into(),
            },
        ]);
        levels.push(if cut.job_id.is_none() {
            Level::Notice
        } else {
            level
        });
    }
    if !cells.is_empty() {
        let grid = Section::Grid {
            title: format!("Aggregates on the hypertable ({})", cells.len()),
            heads: heads([
                "aggregate",
                "watermark",
                "refresh window",
                "window ends",
                "job",
                "policy",
            ]),
            rows: cells,
            levels,
        };
        sections.insert(1, grid);
    }
    Ok(sections)
}
