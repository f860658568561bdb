//! What the next run of a policy takes, before and after a change, on the time axis of the chunks.

use crate::model::moment::Axis;

/// Two lines of the same chunks: as the present setting has it, and as the new one does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub axis: Axis,
    /// Oldest first.
    pub chunks: Vec<Range>,
    pub strips: Vec<Strip>,
    pub marks: Vec<Limit>,
    /// Meaning of each state, in the policy's words.
    pub legend: Vec<(State, &'static str)>,
}

/// Begin and end of a chunk, in the dimension's unit.
pub type Range = (i64, i64);

/// The chunks under one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strip {
    pub label: &'static str,
    /// One for each chunk.
    pub states: Vec<State>,
    /// The sum beside it: `+4 = 37 of 41`.
    pub count: String,
}

/// A point on the axis, with its letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    pub sign: char,
    pub label: String,
    pub at: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing is to be done with it: it is compressed, or stays.
    Done,
    /// The next run takes it.
    Taken,
    /// The next run drops it.
    Dropped,
    /// It is not old enough, or outside the window.
    Left,
    Frozen,
    /// A refresh of it deletes rows.
    Lost,
}

/// `+4 = 37 of 41`, `-5 = 36 of 41`.
pub fn sum(sign: char, taken: usize, after: usize, all: usize) -> String {
    format!("{sign}{taken} = {after} of {all}")
}
