//! Acting on hypertables: the interval of new chunks, statistics, the reorder policy.

mod analyze;
mod interval;
mod reorder;

use std::collections::HashMap;

use serde::Deserialize;

use crate::actions::act::Act;
use crate::actions::catalogue::{Action, Group, act};
use crate::actions::retention::facts::Policy;
use crate::model::moment::Axis;
use crate::model::target::Kind;
use crate::server::sql::{Query, query};

const FACTS: Query = query!("plan_hypertable");

pub static ACTIONS: &[Action] = &[
    act(
        "set-chunk-interval",
        &["i"],
        Group::Hypertables,
        Act {
            on: Kind::Hypertable,
            facts: FACTS,
            form: Some(interval::form),
            plan: interval::plan,
        },
        "Change what new chunks of the selected hypertable span",
    ),
    act(
        "analyze-table",
        &[],
        Group::Hypertables,
        Act {
            on: Kind::Hypertable,
            facts: FACTS,
            form: None,
            plan: analyze::plan,
        },
        "Gather the planner's statistics of the selected hypertable and its chunks",
    ),
    act(
        "add-reorder-policy",
        &[],
        Group::Hypertables,
        Act {
            on: Kind::Hypertable,
            facts: FACTS,
            form: Some(reorder::form),
            plan: reorder::add,
        },
        "Keep the rows of the selected hypertable's older chunks in the order of an index",
    ),
    act(
        "remove-reorder-policy",
        &[],
        Group::Hypertables,
        Act {
            on: Kind::Hypertable,
            facts: FACTS,
            form: None,
            plan: reorder::remove,
        },
        "Remove the reorder policy of the selected hypertable",
    ),
];

/// What `queries/plan_hypertable.sql` puts together.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Hypertable {
    /// The hypertable itself, quoted and qualified; of an aggregate its materialization.
    relation: String,
    /// The same, but the user's view of an aggregate.
    name: String,
    oid: i64,
    aggregate: bool,
    /// Quoted where it has to be.
    owner: String,
    may_analyze: bool,
    /// Those that are cut by intervals; time first.
    dimensions: Vec<Dimension>,
    /// Into how many chunks space partitions part one interval.
    partitions: i64,
    /// By the policy's procedure.
    policies: HashMap<String, Policy>,
    /// Those by which chunks can be reordered.
    indexes: Vec<Index>,
    /// Bytes.
    shared_buffers: Option<i64>,
    chunks: i64,
    /// Where the oldest chunk begins and the newest ends, in the dimension's unit.
    first: Option<i64>,
    last: Option<i64>,
    compressed: i64,
    /// Uncompressed chunks but those of the three newest intervals.
    reorderable: i64,
    /// Chunks of which no ANALYZE is recorded.
    unanalyzed: i64,
    /// Since the ANALYZE that is longest ago.
    analyzed_seconds: Option<f64>,
    /// Of uncompressed chunks that were analyzed.
    rows: Option<i64>,
    /// The newest chunks that are no longer filled.
    recent: Vec<Recent>,
    /// The newest thousand.
    touched: Vec<Chunk>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Dimension {
    /// The column, not quoted.
    name: String,
    /// The column's type.
    axis: String,
    interval_length: i64,
    /// Up to what chunks are rolled up when they are compressed.
    compress_interval_length: Option<i64>,
}

impl Dimension {
    fn axis(&self) -> Axis {
        Axis::of(&self.axis)
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Index {
    name: String,
    definition: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Recent {
    oid: i64,
    /// What it spans, in the dimension's unit.
    span: i64,
    compressed: bool,
    /// What it held when it was compressed, in bytes.
    recorded: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Chunk {
    oid: i64,
    name: String,
}
