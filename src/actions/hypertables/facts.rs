//! What the server says of a hypertable.

use std::collections::HashMap;

use serde::Deserialize;

use crate::actions::retention::facts::Policy;
use crate::model::moment::Axis;

/// What `queries/plan_hypertable.sql` puts together.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Hypertable {
    /// The hypertable itself, quoted and qualified; of an aggregate its materialization.
    pub(super) relation: String,
    /// The same, but the user's view of an aggregate.
    pub(super) name: String,
    pub(super) oid: i64,
    pub(super) aggregate: bool,
    /// Quoted where it has to be.
    pub(super) owner: String,
    pub(super) may_analyze: bool,
    /// Those that are cut by intervals; time first.
    pub(super) dimensions: Vec<Dimension>,
    /// Into how many chunks space partitions part one interval.
    pub(super) partitions: i64,
    /// By the policy's procedure.
    pub(super) policies: HashMap<String, Policy>,
    /// Those by which chunks can be reordered.
    pub(super) indexes: Vec<OrderIndex>,
    /// Bytes.
    pub(super) shared_buffers: Option<i64>,
    pub(super) chunks: i64,
    /// Where the oldest chunk begins and the newest ends, in the dimension's unit.
    pub(super) first: Option<i64>,
    pub(super) last: Option<i64>,
    pub(super) compressed: i64,
    /// Uncompressed chunks but those of the three newest intervals.
    pub(super) reorderable: i64,
    /// Chunks of which no ANALYZE is recorded.
    pub(super) unanalyzed: i64,
    /// Since the ANALYZE that is longest ago.
    pub(super) analyzed_seconds: Option<f64>,
    /// Of uncompressed chunks that were analyzed.
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
    /// Up to what chunks are rolled up when they are compressed.
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
    /// What it spans, in the dimension's unit.
    pub(super) span: i64,
    pub(super) compressed: bool,
    /// What it held when it was compressed, in bytes.
    pub(super) recorded: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct TouchedChunk {
    pub(super) oid: i64,
    pub(super) name: String,
}
