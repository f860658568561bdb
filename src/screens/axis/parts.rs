//! Parts of a time axis.

use crate::model::moment::Axis;
use crate::model::verdict::Level;

/// Chunks on their time dimension, with its marks.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeAxis {
    pub title: String,
    pub unit: Axis,
    /// Oldest first; several may share a range (space partitions).
    pub slices: Vec<Slice>,
    pub marks: Vec<Mark>,
    /// Meaning of each sign, and its number of chunks.
    pub legend: Vec<(MapCell, String)>,
}

/// One chunk.
#[derive(Debug, Clone, PartialEq)]
pub struct Slice {
    pub start: i64,
    pub end: i64,
    pub cell: MapCell,
    /// Bytes before compression; `None`: unknown.
    pub bytes: Option<i64>,
}

/// A mark of a policy, an aggregate or the clock.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// The letter at its place.
    pub sign: char,
    pub label: String,
    /// `Ok`: as planned; worse for a paused or failing policy.
    pub level: Level,
    pub place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    At(i64),
    /// A refresh window with its letter at `letter`; without `from` it is open.
    Window {
        from: Option<i64>,
        to: i64,
        letter: Option<i64>,
    },
    /// No place on this axis; the label says why.
    Nowhere,
}

/// Kind of a piece of a line, which decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    Text,
    Muted,
    Level(Level),
}

pub(crate) type InkedLine = Vec<(Ink, String)>;

/// A chunk's state on the axis: its letter, and the level that colours it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MapCell {
    pub sign: char,
    pub level: Level,
}
