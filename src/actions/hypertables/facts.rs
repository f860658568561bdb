//! Facts about a hypertable.

use std::collections::HashMap;

use serde::Deserialize;

use crate::actions::retention::facts::Policy;
use crate::model::moment::Axis;

/// Row of `queries/plan_hypertable.sql`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Hypertable {
    /// Hypertable, or materialization hypertable of an aggregate; quoted and qualified.
    pub(super) relation: String,
    /// Hypertable, or view of the continuous aggregate; quoted and qualified.
    pub(super) name: String,
    pub(super) oid: i64,
    aggregate: bool,
    /// Owner role, quoted if necessary.
    pub(super) owner: String,
    pub(super) may_analyze: bool,
    /// Dimensions with a chunk interval, the time dimension first.
    pub(super) dimensions: Vec<Dimension>,
    /// Number of space partitions, which is the number of chunks per interval.
    pub(super) partitions: i64,
    /// Policies by the name of their procedure.
    pub(super) policies: HashMap<String, Policy>,
    /// Indexes that a reorder policy can use.
    pub(super) indexes: Vec<OrderIndex>,
    /// Bytes. `None`: unknown.
    pub(super) shared_buffers: Option<i64>,
    pub(super) chunks: i64,
    /// Start of the oldest chunk, in the dimension's unit. `None`: no chunks.
    pub(super) first: Option<i64>,
    /// End of the newest chunk, in the dimension's unit. `None`: no chunks.
    pub(super) last: Option<i64>,
    pub(super) compressed: i64,
    /// Number of uncompressed chunks, without the chunks of the three newest intervals.
    pub(super) reorderable: i64,
    /// Number of chunks without a recorded ANALYZE.
    pub(super) unanalyzed: i64,
    /// Seconds since the oldest recorded ANALYZE of a chunk. `None`: none is recorded.
    pub(super) analyzed_seconds: Option<f64>,
    /// Estimated rows of the uncompressed chunks that were analyzed. `None`: no such chunk.
    pub(super) rows: Option<i64>,
    /// The chunks of the 12 ranges before the newest range.
    pub(super) recent: Vec<Recent>,
    /// The chunks whose locks the preview lists: the newest, at most a thousand.
    pub(super) touched: Vec<TouchedChunk>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Dimension {
    /// Column name, not quoted.
    pub(super) name: String,
    /// Type of the column.
    pub(super) axis: String,
    pub(super) interval_length: i64,
    /// Interval up to which compression merges chunks, in the dimension's unit. `None`: compression merges no chunks.
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
    /// Length of the chunk's range, in the dimension's unit.
    pub(super) span: i64,
    pub(super) compressed: bool,
    /// Bytes before compression, recorded when the chunk was compressed. `None`: not compressed, or not recorded.
    pub(super) recorded: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct TouchedChunk {
    pub(super) oid: i64,
    pub(super) name: String,
}
