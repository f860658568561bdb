//! Facts about an aggregate, the aggregates below it and its policies.

use serde::Deserialize;

use crate::actions::act::{Context, Refusal};
use crate::actions::alter_job::Job;
use crate::model::bucket::{Buckets, Shape};
use crate::model::moment::{Axis, Stamp};
use crate::model::span::{Now, Span};
use crate::model::trust::Code;
use crate::model::version::Version;

pub(super) const STATE: &str = "/refresh_policies";

/// Row of `queries/plan_aggregate.sql`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Hierarchy {
    /// The lowest level first, the aggregate itself last.
    pub(super) levels: Vec<Aggregate>,
}

/// One aggregate. Positions are in the unit of its time axis.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Aggregate {
    /// Id of the materialization hypertable.
    pub(super) id: i64,
    /// Quoted and qualified, like all names here.
    pub(super) name: String,
    pub(super) view_oid: i64,
    pub(super) mat_oid: i64,
    pub(super) mat_name: String,
    pub(super) source: String,
    pub(super) source_oid: i64,
    #[serde(flatten)]
    pub(super) deleting: Deleting,
    pub(super) watermark: Option<i64>,
    /// Built on another aggregate.
    pub(super) hierarchical: bool,
    pub(super) materialized_only: bool,
    /// Time zone in which its refresh policies compute.
    pub(super) clock_zone: String,
    /// False for the format from before 2.7.
    pub(super) finalized: bool,
    pub(super) axis: String,
    pub(super) bucket: Option<String>,
    pub(super) zone: Option<String>,
    pub(super) offset: Option<String>,
    /// In the local time of the buckets' zone.
    pub(super) origin: Option<i64>,
    pub(super) refreshed_to: Option<i64>,
    /// History before this position was never materialized.
    pub(super) never_before: Option<i64>,
    /// Number of invalidated ranges over chunks of the source; the next two fields: their first and last position.
    pub(super) pending: i64,
    pub(super) pending_from: Option<i64>,
    pub(super) pending_to: Option<i64>,
    pub(super) source_chunks: i64,
    pub(super) source_from: Option<i64>,
    pub(super) source_to: Option<i64>,
    /// Begin, end and number of chunks of the newest stretches of the source, newest first.
    pub(super) slices: Vec<(i64, i64, i64)>,
    pub(super) holes: Vec<Hole>,
    /// Holes before this position were not searched for.
    pub(super) unchecked_before: Option<i64>,
    /// `None`: time is no integer, or its function may not be run.
    pub(super) integer_now: Option<i64>,
    /// The `integer_now` function, if it is not run for the preview.
    pub(super) code: Option<Code>,
    /// Has an `integer_now` function. `None`: time is no integer.
    pub(super) integer_clock: Option<bool>,
    pub(super) children: Vec<String>,
    /// Its refresh policies.
    pub(super) jobs: Vec<Job>,
    pub(super) source_policies: Around,
    pub(super) own_policies: Around,
    /// The session that refreshes it now, if the server reports it (2.26 and later).
    pub(super) refreshing: Option<Refreshing>,
}

/// Details of the source that deleting rows needs.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Deleting {
    /// Its time column, quoted.
    pub(super) source_column: Option<String>,
    pub(super) may_delete: bool,
    /// Triggers that users made, quoted.
    pub(super) source_triggers: Vec<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Refreshing {
    pub(super) pid: i64,
    /// The session is idle: its refresh was cancelled, and the range stays marked until the session ends.
    pub(super) idle: bool,
}

/// A stretch for which the aggregate has rows, but the source has no chunk or a re-created one.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Hole {
    /// `None`: everything before the oldest chunk.
    pub(super) low: Option<i64>,
    pub(super) high: i64,
    /// First bucket of the aggregate in it. `None`: this role may not read it.
    pub(super) first: Option<i64>,
    /// The source has a chunk there, but it may have been created again after a drop.
    pub(super) remade: bool,
}

/// The other policies of a table.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Around {
    #[serde(rename = "policy_retention")]
    pub(super) retention: Option<AgePolicy>,
    #[serde(rename = "policy_compression")]
    pub(super) compression: Option<AgePolicy>,
}

/// A policy that takes chunks by their age.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct AgePolicy {
    pub(super) id: i64,
    pub(super) scheduled: bool,
    pub(super) after: Option<String>,
    /// Time zone in which it computes.
    pub(super) clock_zone: String,
    /// By the chunks' creation time, which cannot be compared with times in them.
    pub(super) by_creation: bool,
}

impl AgePolicy {
    /// Age from which it takes a chunk. `None`: it goes by creation time, or the setting is not understood.
    pub(super) fn span(&self, axis: Axis) -> Option<Span> {
        let after = self.after.as_deref().filter(|_| !self.by_creation);
        Span::parse(axis, after?)
    }
}

impl Hierarchy {
    pub(super) fn read(context: &Context) -> Result<Self, Refusal> {
        context.read()
    }

    /// The aggregate itself. An error if the query returned no level.
    pub(super) fn own(&self) -> Result<&Aggregate, Refusal> {
        self.levels
            .last()
            .ok_or_else(|| "the server does not know this aggregate any more".into())
    }

    /// An idle session that blocks refreshes of one of the levels.
    pub(super) fn stuck(&self) -> Option<Refreshing> {
        let all = self.levels.iter().filter_map(|level| level.refreshing);
        all.into_iter().find(|refreshing| refreshing.idle)
    }
}

impl Aggregate {
    /// "Now" for a policy that computes in this zone.
    pub(super) fn now<'a>(&self, zone: &'a str, now: Stamp) -> Now<'a> {
        Now::on(self.axis(), now, self.integer_now, zone)
    }

    pub(super) fn axis(&self) -> Axis {
        Axis::of(&self.axis)
    }

    pub(super) fn buckets(&self) -> Result<Buckets, String> {
        let shape = Shape {
            axis: self.axis(),
            width: self.bucket.as_deref(),
            zone: self.zone.as_deref(),
            offset: self.offset.as_deref(),
            origin: self.origin,
        };
        Buckets::of(&self.name, shape)
    }

    /// Position up to which it was refreshed. `None`: never.
    pub(super) fn refreshed(&self) -> Option<i64> {
        self.refreshed_to.filter(|at| self.axis().is_place(*at))
    }

    /// The policy whose window ends latest; its end is the newest that the aggregate is expected to have.
    pub(super) fn newest_policy(&self) -> Option<&Job> {
        let end = |job: &&Job| {
            let offset = job.setting("end_offset");
            offset.map_or(Some(f64::NEG_INFINITY), |text| length(self.axis(), &text))
        };
        self.jobs.iter().min_by(|a, b| {
            end(a)
                .partial_cmp(&end(b))
                .unwrap_or(std::cmp::Ordering::Equal)
        })
    }
}

/// Length in seconds, or in units of integer time; a month has 30 days. `None`: not a length.
pub(super) fn length(axis: Axis, text: &str) -> Option<f64> {
    Span::parse(axis, text).map(Span::length)
}

pub(super) fn since(context: &Context, major: u32, minor: u32) -> bool {
    context.at.server.sql_version() >= Version::new(major, minor)
}
