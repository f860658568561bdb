//! Details of an index.

use super::row::{Row, counted_since};
use crate::model::value::Value;
use crate::screens::record::{Labelled, Section};
use crate::server::known::At;

pub(super) fn facts(row: &Row, at: &At) -> Vec<Section> {
    let since = counted_since(at).map_or_else(
        || Value::text("never reset: counted since the database was created, or since a crash"),
        Value::Time,
    );
    // The Aggregates screen itself scans the time index of each aggregate's source, because it reads the newest row of the source.
    let of_chunks = row.kind.has_chunks() && row.method == "btree";
    let of_hypertop = (of_chunks && at.server.track_counts && row.scans > 0).then_some(
        "counted above if an aggregate reads this table and this index is on its time column: the Aggregates screen reads the newest row with this index",
    );
    let bloat = row.bloat_bytes().map_or_else(
        || Value::text("not available: the estimate needs a B-tree on plain columns, fresh statistics (ANALYZE), SELECT on the columns, and mostly distinct keys"),
        Value::Bytes,
    );
    let needed = row.needed().unwrap_or_else(|| "queries only".to_owned());
    let mut facts = Labelled::new("Index")
        .add("on", format!("{} ({})", row.table_name(), row.kind.name()))
        .add("method", row.method.as_str())
        .add("scans", row.scans_value(at))
        .add("scans counted since", since)
        .some("scans by hypertop", of_hypertop)
        .add("size", row.size())
        .add("bloat (estimate)", bloat)
        .add("unique", row.unique)
        .add("valid", row.is_valid())
        .some(
            "being built by pid",
            row.builder().map(|pid| pid.to_string()),
        )
        .add("needed for", needed);
    if let Some(parts) = &row.parts {
        let part = row.kind.part();
        facts = facts.add(format!("{part}s with it"), parts.with);
        if part == "chunk" {
            facts = facts.add("chunks without it", parts.without).add(
                "compressed chunks (the index is empty there)",
                parts.compressed,
            );
        }
        let compressed = if parts.compressed > 0 {
            " (compressed included)"
        } else {
            ""
        };
        facts = facts.add(
            format!("{part}s where it was never scanned{compressed}"),
            row.part_count(|parts| parts.never_scanned),
        );
    }
    let facts = facts.some("present size unknown", row.exact.error());
    let definition = row
        .definition
        .as_deref()
        .unwrap_or("not available: the table is locked, or the index was dropped meanwhile");
    vec![facts.into(), Section::text("Definition", definition)]
}
