//! The parts of a time axis.

use serde::{Deserialize, Serialize};

use crate::model::moment::Axis;
use crate::model::verdict::Level;

/// A time axis: the chunks or other ranges on it, and marks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimeAxis {
    pub title: String,
    pub unit: Axis,
    /// The chunks, oldest first. With space partitions several chunks have the same range.
    pub slices: Vec<Slice>,
    pub marks: Vec<Mark>,
    /// Each state that occurs on the axis, with the state's meaning and number of chunks.
    pub legend: Vec<(MapCell, String)>,
}

/// One chunk; `start` and `end` are in the unit of the axis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    pub start: i64,
    pub end: i64,
    pub cell: MapCell,
    /// Size before compression; `None`: unknown.
    pub bytes: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// The letter on the axis.
    pub sign: char,
    pub label: String,
    /// Worse than `Ok` for a paused or failing policy.
    pub level: Level,
    pub place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    At(i64),
    /// A refresh window; `from` is `None` if the window has no start. The mark's letter is drawn at `letter`.
    Window {
        from: Option<i64>,
        to: i64,
        letter: Option<i64>,
    },
    /// The mark has no position on this axis; its label says why.
    Nowhere,
}

/// Kind of a piece of text, which decides the colour of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    Text,
    Muted,
    Level(Level),
}

pub(crate) type InkedLine = Vec<(Ink, String)>;

/// State of a chunk on the axis: a letter, and a level for its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapCell {
    pub sign: char,
    pub level: Level,
}
