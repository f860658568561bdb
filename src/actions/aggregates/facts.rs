//! Facts about an aggregate, its policies, and the aggregates that it is built on.

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
    /// The lowest aggregate first; the target of the action is the last.
    pub(super) levels: Vec<Aggregate>,
}

/// One aggregate. Positions in its time dimension are microseconds since 1970, or the numbers themselves if its time is an integer.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Aggregate {
    /// Id of the materialization hypertable.
    pub(super) id: i64,
    /// View of the aggregate. All names in this struct are quoted and qualified.
    pub(super) name: String,
    pub(super) view_oid: i64,
    pub(super) mat_oid: i64,
    pub(super) mat_name: String,
    pub(super) source: String,
    pub(super) source_oid: i64,
    #[serde(flatten)]
    pub(super) deleting: Deleting,
    pub(super) watermark: Option<i64>,
    /// True if the aggregate is built on another aggregate.
    pub(super) hierarchical: bool,
    pub(super) materialized_only: bool,
    /// Time zone in which runs of the refresh policies subtract their offsets from "now".
    pub(super) clock_zone: String,
    /// False: the aggregate has the format from before 2.7.
    pub(super) finalized: bool,
    /// SQL type of the time column.
    pub(super) axis: String,
    /// Width of a bucket: an interval, or a number for integer time.
    pub(super) bucket: Option<String>,
    zone: Option<String>,
    offset: Option<String>,
    /// Bucket origin in the local time of `zone`. `None`: the default.
    origin: Option<i64>,
    /// End of the refreshed range. The minimum of the time column's type means that the aggregate was never refreshed. `None`: unknown.
    refreshed_to: Option<i64>,
    /// Rows from the beginning of time up to this position were never materialized. `None`: there is no such range.
    pub(super) never_before: Option<i64>,
    /// Number of invalidated ranges that overlap chunks of the source.
    pub(super) pending: i64,
    /// First position in these ranges. `None`: there are none.
    pub(super) pending_from: Option<i64>,
    /// Last position in these ranges. `None`: there are none.
    pub(super) pending_to: Option<i64>,
    pub(super) source_chunks: i64,
    /// Start of the source's oldest chunk. `None`: it has no chunk.
    pub(super) source_from: Option<i64>,
    /// End of the source's newest chunk. `None`: it has no chunk.
    pub(super) source_to: Option<i64>,
    /// Ranges of the source's newest chunks, newest first: start, end, and number of chunks with this range. At most 500.
    pub(super) slices: Vec<(i64, i64, i64)>,
    pub(super) holes: Vec<Hole>,
    /// The search for holes ([`Hole`]) did not go back beyond this position. `None`: all holes are known.
    pub(super) unchecked_before: Option<i64>,
    /// Result of the `integer_now` function. `None`: the time is no integer, there is no such function, or this role may not run it.
    integer_now: Option<i64>,
    /// The `integer_now` function, if it was not run because its owner is not trusted.
    pub(super) code: Option<Code>,
    /// True if there is an `integer_now` function. `None`: the time is no integer.
    pub(super) integer_clock: Option<bool>,
    /// Aggregates that are built on this one.
    pub(super) children: Vec<String>,
    /// The refresh policies of the aggregate.
    pub(super) jobs: Vec<Job>,
    pub(super) source_policies: Around,
    pub(super) own_policies: Around,
    /// Session that refreshes the aggregate now. `None`: no session refreshes it, or the server does not report the session (before 2.26).
    pub(super) refreshing: Option<Refreshing>,
}

/// Facts about the source that a plan needs to delete rows of the source.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Deleting {
    /// Time column of the source, quoted.
    pub(super) source_column: Option<String>,
    pub(super) may_delete: bool,
    /// User-defined triggers of the source, quoted.
    pub(super) source_triggers: Vec<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Refreshing {
    pub(super) pid: i64,
    /// True: the session is idle. Its refresh was cancelled, but blocks other refreshes until the session ends.
    pub(super) idle: bool,
}

/// A range in which the aggregate has rows, but the source has no chunk, or only a chunk that was created again after a drop.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Hole {
    /// Start of the range. `None`: the range includes everything before the oldest chunk.
    pub(super) low: Option<i64>,
    pub(super) high: i64,
    /// Start of the first bucket that the aggregate has in this range. `None`: this role may not read the aggregate's rows.
    pub(super) first: Option<i64>,
    /// True if the source has a chunk in this range, but the chunk may have been created again after a drop.
    pub(super) remade: bool,
}

/// The retention and the compression policy of a table.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Around {
    #[serde(rename = "policy_retention")]
    pub(super) retention: Option<AgePolicy>,
    #[serde(rename = "policy_compression")]
    pub(super) compression: Option<AgePolicy>,
}

/// A policy that compresses or drops chunks of a certain age.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct AgePolicy {
    pub(super) id: i64,
    pub(super) scheduled: bool,
    pub(super) after: Option<String>,
    /// Time zone in which a run of the policy subtracts the age from "now".
    pub(super) clock_zone: String,
    /// True: the age counts from the creation of a chunk, so it cannot be compared with the times of the rows.
    pub(super) by_creation: bool,
}

impl AgePolicy {
    /// Age at which the policy compresses or drops a chunk. `None`: the age counts from the chunk's creation, or cannot be parsed.
    pub(super) fn span(&self, axis: Axis) -> Option<Span> {
        let after = self.after.as_deref().filter(|_| !self.by_creation);
        Span::parse(axis, after?)
    }
}

impl Hierarchy {
    pub(super) fn read(context: &Context) -> Result<Self, Refusal> {
        context.read()
    }

    /// The target of the action. An error if the query returned no aggregate.
    pub(super) fn own(&self) -> Result<&Aggregate, Refusal> {
        self.levels
            .last()
            .ok_or_else(|| "this aggregate no longer exists".into())
    }

    /// An idle session whose cancelled refresh blocks refreshes of one of the aggregates in `levels`.
    pub(super) fn stuck(&self) -> Option<Refreshing> {
        let all = self.levels.iter().filter_map(|level| level.refreshing);
        all.into_iter().find(|refreshing| refreshing.idle)
    }
}

impl Aggregate {
    /// "Now" for a policy whose runs use this time zone.
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

    /// Position up to which the aggregate was refreshed. `None`: never, or unknown.
    pub(super) fn refreshed(&self) -> Option<i64> {
        self.refreshed_to.filter(|at| self.axis().is_place(*at))
    }

    /// The policy with the smallest `end_offset`. A missing `end_offset` counts as the smallest. `None`: there is no policy.
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

/// Length in seconds, or in units of integer time; a month counts as 30 days. `None`: the text cannot be parsed.
pub(super) fn length(axis: Axis, text: &str) -> Option<f64> {
    Span::parse(axis, text).map(Span::length)
}

pub(super) fn since(context: &Context, major: u32, minor: u32) -> bool {
    context.at.server.sql_version() >= Version::new(major, minor)
}
