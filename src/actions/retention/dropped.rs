use super::facts::{AgedChunk, Retention};
use crate::actions::act::Context;
use crate::actions::policy::rule::Cut;
use crate::model::text;

/// The chunks that a drop removes, and the number of chunks that it skips because they are frozen.
#[derive(Debug)]
pub(super) struct Dropped<'a> {
    pub chunks: Vec<&'a AgedChunk>,
    pub frozen: usize,
}

impl<'a> Dropped<'a> {
    pub(super) fn of(facts: &'a Retention, cut: Cut) -> Self {
        let (frozen, chunks): (Vec<_>, Vec<_>) = facts
            .chunks
            .iter()
            .filter(|chunk| cut.takes(chunk.end, chunk.created))
            .partition(|chunk| chunk.is_frozen());
        Self {
            chunks,
            frozen: frozen.len(),
        }
    }

    pub(super) fn count(&self) -> i64 {
        count(self.chunks.len())
    }

    /// End of the newest chunk that the drop removes. `None`: the drop removes no chunk.
    pub(super) fn edge(&self) -> Option<i64> {
        self.chunks.iter().map(|chunk| chunk.end).max()
    }

    pub(super) fn start(&self) -> Option<i64> {
        self.chunks.iter().map(|chunk| chunk.start).min()
    }

    /// Text such as `12 chunks, 2026-01-01 to 2026-01-13 (3.2 GB, about 1 200 000 rows)`.
    pub(super) fn describe(&self, context: &Context, facts: &Retention) -> String {
        let mut said = text::plural(self.count(), "chunk");
        if let (Some(start), Some(end)) = (self.start(), self.edge()) {
            said = format!("{said}, {} to {}", facts.at(start), facts.at(end));
        }
        format!("{said} ({}, {})", self.bytes(context), self.rows())
    }

    fn bytes(&self, context: &Context) -> String {
        let asked: Vec<_> = self
            .chunks
            .iter()
            .filter(|chunk| context.facts.sizes.contains_key(&chunk.oid))
            .collect();
        let bytes = context.bytes(asked.iter().flat_map(|chunk| chunk.oids()));
        match bytes.map(text::bytes) {
            Some(bytes) if asked.len() == self.chunks.len() => bytes,
            Some(bytes) => format!("the oldest {} of them: {bytes}", count(asked.len())),
            None => "size unknown because of a lock".to_owned(),
        }
    }

    fn rows(&self) -> String {
        let known: Option<i64> = self.chunks.iter().map(|chunk| chunk.rows).sum();
        known.map_or_else(
            || "number of rows unknown without ANALYZE of all chunks".to_owned(),
            |rows| format!("about {} rows", text::count(rows)),
        )
    }
}

pub(super) fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
