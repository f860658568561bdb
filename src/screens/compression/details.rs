//! The sections of a hypertable's details.

use super::row::Row;
use crate::model::text;
use crate::model::value::Value;
use crate::model::version::Version;
use crate::screens::policy::kind;
use crate::screens::record::{Labelled, Section};
use crate::server::known::At;

pub(super) fn facts(row: &Row, at: &At) -> Vec<Section> {
    let chunks = format!(
        "{} = {} compressed + {} partial + {} uncompressed",
        text::count(row.chunks),
        text::count(row.compressed),
        text::count(row.partial),
        text::count(row.uncompressed)
    );
    let backlog = match (row.backlog_error(), row.about_backlog_bytes) {
        (None, _) => row.backlog_size(),
        (Some(error), None) => Value::text(error),
        (Some(error), Some(about)) => Value::text(format!("~{} ({error})", text::bytes(about))),
    };
    let rest = match row.uncompressed_bytes.error() {
        Some(error) => Value::text(error),
        None => row.uncompressed_bytes().map(Value::Bytes).into(),
    };
    let name = match at.server.sql_version() {
        version if version >= Version::new(2, 18) => "Compression (columnstore)",
        _ => "Compression",
    };
    let title = format!("{name}: recorded sizes are from the time of compression");
    let facts = Labelled::new(title)
        .add("kind", kind(row.aggregate))
        .add("enabled", row.enabled)
        .add("segment by", left(row.segment_by.as_ref(), row.open))
        .add("order by", left(row.order_by.as_ref(), row.enabled))
        .add("chunks", chunks)
        .add("uncompressed now", rest)
        .add("recorded before", row.before_bytes.map(Value::Bytes))
        .add("recorded after", row.after_bytes.map(Value::Bytes))
        .add("ratio", row.ratio().map(Value::Ratio))
        .add("backlog", row.backlog())
        .add("size of the backlog now", backlog);
    let facts = packed(facts, row);
    let facts = match &row.policy {
        Some(policy) => policy
            .facts(
                facts.add("compress after", policy.after_value()),
                &at.limits(&row.full_name()),
                at.now,
            )
            .add("most chunks per run", row.most_chunks.clone()),
        None => facts.add("policy", "none"),
    };
    vec![facts.into()]
}

/// Adds the exact figures of the compressed chunks.
fn packed(to: Labelled, row: &Row) -> Labelled {
    if row.packed_cost() == 0 {
        return to;
    }
    let old = row
        .packed
        .error()
        .map_or_else(|| row.old_settings().into(), Value::text);
    let drift = row
        .packed
        .get()
        .and_then(|packed| packed.drift)
        .map(|drift| {
            format!(
                "{}: {} now, {} recorded",
                text::plural(drift.chunks, "chunk"),
                text::bytes(drift.bytes),
                text::bytes(drift.recorded)
            )
        });
    to.add("chunks with older settings", old)
        .some("size differs from recorded", drift)
}

/// A setting; if it is not set and `open` is true, the text that TimescaleDB chooses the value.
fn left(setting: Option<&String>, open: bool) -> Value {
    match setting {
        None if open => Value::text("TimescaleDB's choice"),
        setting => setting.cloned().into(),
    }
}
