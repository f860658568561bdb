//! Facts about a hypertable.

use std::collections::HashMap;

use serde::Deserialize;

use crate::actions::retention::facts::Policy;
use crate::model::moment::Axis;

/// Row of `queries/plan_hypertable.sql`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Hypertable {
    /// The hypertable itself, quoted and qualified; for an aggregate its materialization.
    pub(super) relation: String,
    /// The same, but for an aggregate the user's view.
    pub(super) name: String,
    pub(super) oid: i64,
    pub(super) aggregate: bool,
    /// Quoted if necessary.
    pub(super) owner: String,
    pub(super) may_analyze: bool,
    /// Dimensions with an interval; time first.
    pub(super) dimensions: Vec<Dimension>,
    /// Number of chunks per interval, from space partitions.
    pub(super) partitions: i64,
    /// By the policy's procedure.
    pub(super) policies: HashMap<String, Policy>,
    /// Indexes by which chunks can be reordered.
    pub(super) indexes: Vec<OrderIndex>,
    /// In bytes.
    pub(super) shared_buffers: Option<i64>,
    pub(super) chunks: i64,
    /// Start of the oldest chunk and end of the newest, in the dimension's unit.
    pub(super) first: Option<i64>,
    pub(super) last: Option<i64>,
    pub(super) compressed: i64,
    /// Number of uncompressed chunks without those of the three newest intervals.
    pub(super) reorderable: i64,
    /// Number of chunks without a recorded ANALYZE.
    pub(super) unanalyzed: i64,
    /// Seconds since the oldest recorded ANALYZE.
    pub(super) analyzed_seconds: Option<f64>,
    /// Rows of the uncompressed chunks that were analyzed.
    pub(super) rows: Option<i64>,
    /// The newest chunks that are no longer filled.
    pub(super) recent: Vec<Recent>,
    /// The newest thousand.
    pub(super) touched: Vec<TouchedChunk>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Dimension {
    /// The column, not quoted.
    pub(super) name: String,
    /// The column's type.
    pub(super) axis: String,
    pub(super) interval_length: i64,
    /// Interval up to which chunks are rolled up when they are compressed.
    pub(super) compress_interval_length: Option<i64>,
}

impl Dimension {
    pub(super) fn axis(&self) -> Axis {
        Axis::of(&self.axis)
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct OrderIndex {
    pub(super) name: String,
    pub(super) definition: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Recent {
    pub(super) oid: i64,
    /// Length of its range, in the dimension's unit.
    pub(super) span: i64,
    pub(super) compressed: bool,
    /// Bytes before compression, recorded when it was compressed.
    pub(super) recorded: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct TouchedChunk {
    pub(super) oid: i64,
    pub(super) name: String,
}
