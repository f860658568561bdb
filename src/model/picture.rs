//! Preview of a changed policy: the chunks that its next run affects, before and after the change.

use crate::model::moment::Axis;

/// The chunks in two lines: their states with the present settings, and with the new ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub(crate) axis: Axis,
    /// Oldest first.
    pub(crate) chunks: Vec<Range>,
    pub strips: Vec<Strip>,
    pub marks: Vec<Limit>,
    /// Meaning of each state for this kind of policy.
    pub(crate) legend: Vec<(State, &'static str)>,
}

/// Start and end of a chunk, in microseconds since 1970 or units of integer time.
type Range = (i64, i64);

/// The states of the chunks with the present settings, or with the new ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strip {
    pub label: &'static str,
    /// One for each chunk of [`Picture::chunks`].
    pub states: Vec<State>,
    /// Number of affected chunks, as [`sum`] writes it: `+4 = 37 of 41`.
    pub count: String,
}

/// A boundary of the policy on the time axis, such as `drop_after`, marked with a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    pub(crate) sign: char,
    pub label: String,
    pub(crate) at: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Already compressed or refreshed, or kept.
    Done,
    /// The next run compresses or refreshes the chunk.
    Taken,
    /// The next run drops the chunk.
    Dropped,
    /// Too new, or outside the refresh window.
    Left,
    Frozen,
    /// A refresh of the chunk's range would delete rows of the aggregate.
    Lost,
}

/// `+4 = 37 of 41`, `-5 = 36 of 41`: chunks that the next run adds or removes, the number after it, and the number of all chunks.
pub(crate) fn sum(sign: char, taken: usize, after: usize, all: usize) -> String {
    format!("{sign}{taken} = {after} of {all}")
}
