//! The sections of a hypertable's details.

use super::row::Row;
use crate::model::moment::Point;
use crate::model::text;
use crate::model::value::Value;
use crate::model::verdict::Level;
use crate::screens::chunks::{self, Chunk, Chunks};
use crate::screens::policy::kind;
use crate::screens::record::{Labelled, Section};
use crate::server::known::At;

pub(super) fn facts(row: &Row, at: &At) -> Vec<Section> {
    let age = row.age(at);
    let axis = row.axis;
    let drops = row
        .policy
        .as_ref()
        .filter(|_| row.eligible().is_none())
        .and_then(|policy| policy.not_run(row.clock.get().and_then(|clock| clock.counted.about)))
        .or_else(|| row.eligible().map(|chunks| drops(row, chunks, at)));
    let bytes = row.eligible_error().map_or_else(
        || row.eligible_bytes().map(Value::Bytes).into(),
        Value::text,
    );
    let mut facts = Labelled::new("Retention")
        .add("kind", kind(row.aggregate))
        .add("chunks", row.chunks)
        .add("oldest chunk begins", row.oldest)
        .add(
            "oldest data is",
            age.map(|age| format!("{} old", text::duration(age))),
        )
        .add("drop after", row.drop_after())
        .add("boundary now", row.boundary.map(|raw| Point { axis, raw }))
        .add("the next run drops", drops)
        .add("size of these chunks now", bytes)
        .add("frozen, never dropped", row.frozen);
    if let Some(policy) = &row.policy {
        facts = policy.facts(facts, &at.limits(&row.full_name()), at.now);
    }
    if !row.read_by.is_empty() {
        let names = row.read_by.join(", ");
        facts = facts.add(
            "read by aggregates",
            format!("{names} (a refresh of a range with dropped chunks deletes the aggregate's rows there: see Aggregates)"),
        );
    }
    vec![facts.into()]
}

/// The number of chunks that the next run drops, and whether they only wait for that run.
fn drops(row: &Row, chunks: i64, at: &At) -> String {
    let many = text::plural(chunks, "chunk");
    match chunks {
        1.. if waits(row, at) => format!("{many}: not overdue, only waiting for the next run"),
        _ => many,
    }
}

/// Whether the chunks that are due only wait for the next run, so that nothing is wrong.
fn waits(row: &Row, at: &At) -> bool {
    row.judge(at).level == Level::Ok
}

/// The chunks that the next run drops, oldest first, and the range of the chunks that stay.
pub(super) fn going(row: &Row, all: &Chunks, at: &At) -> Vec<Section> {
    let chunks: Vec<&Chunk> = all.all.iter().filter(|chunk| !chunk.is_tiered()).collect();
    if row.boundary.is_none() && row.made_before.is_none() {
        let oldest = chunks::list(
            format!("Oldest chunks (of {})", chunks.len()),
            chunks.into_iter().take(20),
            Vec::new(),
        );
        return vec![all.picture(), oldest];
    }
    let goes_now = |chunk: &&Chunk| chunk.is_past(row.boundary, row.made_before);
    let past = chunks.iter().copied().filter(goes_now);
    let (frozen, goes): (Vec<_>, Vec<_>) = past.partition(|chunk| chunk.is_frozen());
    let stay = chunks.len() - goes.len() - frozen.len();
    // Chunks that only wait for the next run are no warning.
    let due = if waits(row, at) {
        Level::Ok
    } else {
        Level::Warning
    };
    let first = chunks.iter().find(|chunk| !goes_now(chunk));
    let mut sections = vec![
        all.picture_of_run(|chunk| !chunk.is_tiered() && !chunk.is_frozen() && goes_now(&chunk)),
        chunks::list(
            format!(
                "Chunks that the next run drops ({}), oldest first",
                goes.len()
            ),
            goes.iter().copied(),
            vec![due; goes.len()],
        ),
    ];
    if !frozen.is_empty() {
        sections.push(chunks::list(
            format!(
                "Frozen chunks that are old enough ({}): no run drops them",
                frozen.len()
            ),
            frozen.iter().copied(),
            vec![Level::Unknown; frozen.len()],
        ));
    }
    if let Some(first) = first {
        let text = format!(
            "{} ({} to {}) and {}: {} in all",
            first.name,
            text::point(first.start),
            text::point(first.end),
            if row.made_before.is_some() {
                "all chunks created later"
            } else {
                "all newer chunks"
            },
            stay
        );
        sections.push(Section::Text {
            title: "Chunks that stay".to_owned(),
            text,
        });
    }
    sections
}
