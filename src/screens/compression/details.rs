//! The sections of a hypertable's details.

use super::row::Row;
use crate::model::text;
use crate::model::value::Value;
use crate::screens::record::Section;
use crate::server::known::At;

pub(super) fn facts(row: &Row, at: &At) -> Vec<Section> {
    let mut facts: Vec<(String, Value)> = vec![
        (
            "kind".into(),
            (if row.aggregate {
                "aggregate (its materialization)"
            } else {
                "hypertable"
            })
            .into(),
        ),
        ("enabled".into(), row.enabled.into()),
        ("segment by".into(), left(row.segment_by.as_ref(), row.open)),
        ("order by".into(), left(row.order_by.as_ref(), row.enabled)),
        (
            "chunks".into(),
            format!(
                "{} = {} compressed + {} partial + {} uncompressed",
                text::count(row.chunks),
                text::count(row.compressed),
                text::count(row.partial),
                text::count(row.uncompressed)
            )
            .into(),
        ),
        (
            "recorded before".into(),
            row.before_bytes.map(Value::Bytes).into(),
        ),
        (
            "recorded after".into(),
            row.after_bytes.map(Value::Bytes).into(),
        ),
        ("ratio".into(), row.ratio().map(Value::Ratio).into()),
        ("backlog".into(), row.backlog.into()),
        (
            "backlog, bytes now".into(),
            match (&row.backlog_error, row.about_backlog_bytes) {
                (None, _) => row.backlog_size(),
                (Some(error), None) => Value::text(error),
                (Some(error), Some(about)) => {
                    Value::text(format!("~{} ({error})", text::bytes(about)))
                }
            },
        ),
    ];
    facts.extend(packed(row));
    if let Some(policy) = &row.policy {
        facts.push(("compress after".to_owned(), policy.after_value()));
        facts.extend(policy.facts(&at.limits(&row.full_name()), at.now));
        let most = row.most_chunks.clone();
        facts.push(("chunks a run at most".to_owned(), most.into()));
    } else {
        facts.push(("policy".to_owned(), "none".into()));
    }
    vec![Section::Facts {
        title: "Compression (recorded bytes are those of the moment each chunk was compressed)"
            .to_owned(),
        facts,
    }]
}

/// Details from the exact figures of compressed chunks.
fn packed(row: &Row) -> Vec<(String, Value)> {
    if row.packed_cost() == 0 {
        return Vec::new();
    }
    let old = row
        .packed_error
        .clone()
        .map_or_else(|| row.old_settings.into(), Value::Text);
    let mut facts = vec![("chunks under older settings".to_owned(), old)];
    facts.extend(row.drift.map(|drift| {
        let words = format!(
            "{}: {} now, {} recorded",
            text::plural(drift.chunks, "chunk"),
            text::bytes(drift.bytes),
            text::bytes(drift.recorded)
        );
        (
            "size different from the record".to_owned(),
            Value::Text(words),
        )
    }));
    facts
}

/// A setting; if it is not set, that TimescaleDB chooses it.
fn left(setting: Option<&String>, open: bool) -> Value {
    match setting {
        None if open => Value::text("TimescaleDB's choice"),
        setting => setting.cloned().into(),
    }
}
