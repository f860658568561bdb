//! The sections of a hypertable's details.

use anyhow::Result;

use super::advice::part;
use super::row::Row;
use crate::model::moment::Point;
use crate::model::text;
use crate::model::value::Value;
use crate::model::verdict::Level;
use crate::screens::chunks::Chunks;
use crate::screens::record::Section;
use crate::server::known::At;

pub(super) fn facts(row: &Row, at: &At) -> Vec<Section> {
    if row.plain.is_some() {
        return vec![Section::Facts {
            title: "Plain table".to_owned(),
            facts: plain_facts(row),
        }];
    }
    let mut sections = vec![Section::Facts {
        title: "Hypertable".to_owned(),
        facts: table_facts(row),
    }];
    sections.push(Section::Facts {
        title: "Chunks against memory and locks".to_owned(),
        facts: chunk_facts(row, at),
    });
    sections
}

fn plain_facts(row: &Row) -> Vec<(String, Value)> {
    let plain = row.plain.as_ref();
    vec![
        ("size".into(), row.size()),
        ("growth, as seen".into(), grown(row)),
        (
            "rows, by statistics".into(),
            plain.and_then(|plain| plain.tuples).into(),
        ),
        ("time column".into(), row.column.clone().into()),
        ("NOT NULL".into(), plain.map(|plain| plain.not_null).into()),
        ("indexes".into(), row.indexes.into()),
        (
            "unique indexes without it".into(),
            plain
                .filter(|plain| !plain.unique_without.is_empty())
                .map(|plain| plain.unique_without.join(", "))
                .into(),
        ),
        (
            "foreign keys to it".into(),
            plain.map(|plain| plain.referenced).into(),
        ),
    ]
}

fn table_facts(row: &Row) -> Vec<(String, Value)> {
    let point = |raw: Option<i64>| raw.map(|raw| row.point(raw)).into();
    let mut facts: Vec<(String, Value)> = vec![
        ("kind".into(), row.kind_name().into()),
        ("size now".into(), row.size()),
    ];
    if let Some(error) = &row.bytes_error {
        facts.push((
            "its exact size".into(),
            Value::text(format!("could not be had: {error}")),
        ));
    }
    facts.extend([
        ("growth a day, as written".to_owned(), growth(row)),
        ("growth, as seen".to_owned(), grown(row)),
        ("dimensions".to_owned(), row.dimensions()),
        (
            "chunks".to_owned(),
            format!(
                "{} = {} compressed + {} partial + {} uncompressed{}",
                text::count(row.chunks),
                text::count(row.compressed - row.partial),
                text::count(row.partial),
                text::count(row.chunks - row.compressed),
                if row.tiered > 0 {
                    format!("; {} tiered", text::count(row.tiered))
                } else {
                    String::new()
                }
            )
            .into(),
        ),
        ("oldest chunk begins".to_owned(), point(row.oldest)),
        ("newest chunk ends".to_owned(), point(row.newest)),
        ("policies".to_owned(), policies(row)),
        (
            "read by aggregates".to_owned(),
            (!row.readers.is_empty())
                .then(|| row.readers.join(", "))
                .into(),
        ),
    ]);
    facts
}

/// With what it was reckoned from.
fn growth(row: &Row) -> Value {
    let (Some(growth), Some(window)) = (row.growth(), row.window) else {
        return if row.now.is_none() {
            "not known: its time is a number, not a clock".into()
        } else {
            Value::Null
        };
    };
    let point = |raw| text::point(row.point(raw));
    if growth == 0 {
        return Value::Text(format!(
            "0 B: the newest full interval ended {}, and none after it has a chunk",
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

/// Between two exact sizes that this console saw.
fn grown(row: &Row) -> Value {
    let (Some((since, first)), Some(bytes)) = (row.seen, row.bytes) else {
        return "not known: no exact size was had yet".into();
    };
    let (from, to) = (text::bytes(first), text::bytes(bytes));
    let since = text::moment(since);
    let Some((span, grown)) = row.grown() else {
        return Value::Text(format!("not known yet: first measured {since}, {from}"));
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

fn chunk_facts(row: &Row, at: &At) -> Vec<(String, Value)> {
    let limits = &row.limits;
    let percent = at.limits(&row.full_name()).memory_percent;
    vec![
        (
            "interval of new chunks".into(),
            row.interval.map(|interval| row.length(interval)).into(),
        ),
        (
            "chunks an interval".into(),
            row.partitions().into(),
        ),
        (
            "a full interval takes".into(),
            row.bytes_or_about(row.interval_bytes()),
        ),
        (
            format!("{} of memory", part(percent)),
            format!(
                "{} (effective_cache_size{})",
                limits.room_words(percent),
                if limits.memory_default {
                    ", PostgreSQL's default"
                } else {
                    ""
                }
            )
            .into(),
        ),
        (
            "locks for a statement on all chunks".into(),
            row.locks()
                .zip(row.lock_percent())
                .map(|(locks, percent)| {
                    format!(
                        "{} of {} ({percent})",
                        text::count(locks),
                        text::count(limits.lock_slots())
                    )
                })
                .into(),
        ),
        (
            "the lock table".into(),
            format!(
                "max_locks_per_transaction {} x (max_connections {} + max_prepared_transactions {})",
                limits.locks_each, limits.connections, limits.prepared
            )
            .into(),
        ),
    ]
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
            title: format!("Aggregates on it ({})", cells.len()),
            heads: vec![
                "aggregate",
                "watermark",
                "refresh window",
                "window ends",
                "job",
                "policy",
            ],
            rows: cells,
            levels,
        };
        sections.insert(1, grid);
    }
    Ok(sections)
}
