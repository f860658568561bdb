//! What a time axis is made of.

use crate::model::moment::Axis;
use crate::model::verdict::Level;

/// Chunks on their time dimension, and what cuts it.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeAxis {
    pub title: String,
    pub unit: Axis,
    /// Oldest first; several may share a range (space partitions).
    pub slices: Vec<Slice>,
    pub marks: Vec<Mark>,
    /// What each sign means, and how many chunks it stands for.
    pub legend: Vec<(MapCell, String)>,
}

/// One chunk.
#[derive(Debug, Clone, PartialEq)]
pub struct Slice {
    pub start: i64,
    pub end: i64,
    pub cell: MapCell,
    /// As written, before any compression; `None`: not known.
    pub bytes: Option<i64>,
}

/// What a policy, an aggregate or the clock cuts the axis by.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// The letter at the place.
    pub sign: char,
    pub label: String,
    /// `Ok`: as planned; a paused or failing policy is worse.
    pub level: Level,
    pub place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    At(i64),
    /// A refresh window; without `from` it reaches back to the beginning. The letter stands at `letter`.
    Window {
        from: Option<i64>,
        to: i64,
        letter: Option<i64>,
    },
    /// It has no place on this axis; the label says why.
    Nowhere,
}

/// What a piece of a line is, for its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    Text,
    Muted,
    Level(Level),
}

pub(crate) type InkedLine = Vec<(Ink, String)>;

/// What one chunk is in a chunk map: a letter that says it without colour, and the level that colours it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MapCell {
    pub sign: char,
    pub level: Level,
}
