//! Drawing of the chunks that the next run of a compression policy compresses, before and after a change.

use crate::actions::policy::picture::limits;
use crate::actions::policy::rule::AgeRule;
use crate::model::picture::{Picture, State, Strip, sum};

use super::eligible::{older, waits};
use super::facts::{ChunkState, Compression};

/// Draws the table's chunks twice: as the next run would treat them by the policy's present age limit `before`, and by the new age limit
/// `after`. A new policy has no `before`. Returns `None` if "now" is unknown.
pub(super) fn picture(
    known: &Compression,
    before: Option<AgeRule>,
    after: AgeRule,
) -> Option<Box<Picture>> {
    let strips = vec![
        strip(known, "before", before)?,
        strip(known, "after", Some(after))?,
    ];
    Some(Box::new(Picture {
        axis: known.axis(),
        chunks: known
            .chunks
            .iter()
            .map(|chunk| (chunk.from, chunk.to))
            .collect(),
        strips,
        marks: limits(&known.now(), before, after),
        legend: vec![
            (State::Done, "compressed"),
            (State::Taken, "the next run compresses"),
            (State::Left, "not old enough"),
            (State::Frozen, "frozen"),
        ],
    }))
}

fn strip(known: &Compression, label: &'static str, rule: Option<AgeRule>) -> Option<Strip> {
    let due: Vec<i64> = match rule {
        None => Vec::new(),
        Some(rule) => older(known, rule)?
            .into_iter()
            .filter(|chunk| waits(chunk))
            .map(|chunk| chunk.oid)
            .collect(),
    };
    let due: std::collections::HashSet<i64> = due.into_iter().collect();
    let state = |chunk: &ChunkState| {
        if chunk.is_compressed() {
            State::Done
        } else if chunk.is_frozen() {
            State::Frozen
        } else if due.contains(&chunk.oid) {
            State::Taken
        } else {
            State::Left
        }
    };
    let count = sum(
        '+',
        due.len(),
        known.compressed() + due.len(),
        known.chunks.len(),
    );
    Some(Strip {
        label,
        states: known.chunks.iter().map(state).collect(),
        count,
    })
}
