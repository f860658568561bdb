//! One aggregate, as its catalogue rows describe it.

use serde::{Deserialize, Serialize};

use super::blocked::Blocked;
use crate::model::fix::ActionName;
use crate::model::moment::{Axis, Stamp};
use crate::model::target::{Target, TargetKind};
use crate::screens::later::Later;
use crate::screens::policy::Policy;
use crate::server::row::or_default;

use super::waits::{Around, Waits};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// Id of its materialization hypertable.
    pub id: i32,
    /// Id of the hypertable that it reads, which for a child is the parent's materialization.
    #[serde(alias = "raw_id")]
    pub source_id: i32,
    /// Id of the aggregate that it is built on; `None`: it reads a hypertable.
    pub parent_id: Option<i32>,
    pub schema: String,
    pub name: String,
    pub source_schema: String,
    pub source_name: String,
    pub materialized_only: bool,
    pub axis: Axis,
    pub bucket_width: Option<String>,
    pub bucket_zone: Option<String>,
    #[serde(default)]
    pub bucket_offset: Option<String>,
    /// Local time of the buckets' zone.
    #[serde(default)]
    pub bucket_origin: Option<i64>,
    /// End of the newest bucket with rows; `None`: the aggregate is empty.
    pub watermark: Option<i64>,
    /// End of the last refresh; `i64::MIN`: never refreshed; `None`: unknown.
    pub refreshed_to: Option<i64>,
    /// History before this was never materialized.
    pub never_before: Option<i64>,
    /// End of the source's newest chunk, an upper bound for its rows.
    pub source_end: Option<i64>,
    /// Length of its longest bucket, in the axis' unit.
    pub bucket_longest: Option<i64>,
    #[serde(skip)]
    pub newest: Later<Newest>,
    #[serde(skip)]
    pub gaps: Later<Gaps>,
    /// For integer time: why the start of its policies' windows is unknown.
    #[serde(default, alias = "odd_zone")]
    pub reach_error: Option<String>,
    pub pending: i64,
    /// `None`: this role cannot see it.
    pub refreshing: Option<bool>,
    #[serde(alias = "job_id")]
    pub policy: Option<Policy>,
    /// Number of refresh policies; the one shown has the window that ends latest.
    pub policies: i64,
    #[serde(alias = "start_text")]
    pub start_offset: Option<String>,
    #[serde(alias = "end_text")]
    pub end_offset: Option<String>,
    pub start_seconds: Option<f64>,
    pub end_seconds: Option<f64>,
    pub schedule_interval: Option<String>,
    /// Lag that the policies of this aggregate and its parents allow; `None` without a policy, and for integer time.
    pub expected_seconds: Option<f64>,
    /// The same in units of integer time, without the schedule, which does not convert to units.
    pub expected_units: Option<i64>,
    pub depth: i32,
    /// Whether refreshes delete rows whose source was dropped; `None`: unknown.
    pub wipe_risk: Option<bool>,
    pub source_drop_after: Option<String>,
    /// Offset of the database's time zone from UTC in microseconds, for "now" of a time without zone.
    pub local_shift: i64,
    /// Number of its other refresh policies that are paused or fail.
    #[serde(alias = "other_policies_stopped")]
    pub other_stopped: i64,
    /// The first of these, and whether all are scheduled (and fail).
    #[serde(alias = "other_job_id")]
    pub other_job: Option<i32>,
    #[serde(deserialize_with = "or_default")]
    pub other_scheduled: bool,
    /// The parent's refresh policy; `None`: no parent, or it has no policy.
    #[serde(alias = "parent_job_id")]
    pub parent_job: Option<ParentJob>,
    /// Start of its policy's last run, and average duration of the successful ones.
    pub last_start: Option<Stamp>,
    pub average_seconds: Option<f64>,
    #[serde(alias = "blocked_pid")]
    pub blocked: Option<Blocked>,
    #[serde(alias = "ahead")]
    pub waits: Waits,
    #[serde(alias = "source_drop_seconds")]
    pub around: Around,
    /// The first of its ancestors that is late, and the reason.
    pub inherited: Option<Inherited>,
    /// The aggregate at the root of its hierarchy; `None`: it has neither parent nor child.
    pub family: Option<i32>,
    /// The lines of the tree before its name.
    #[serde(skip)]
    pub branch: String,
}

/// The newest row of an aggregate's source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Newest {
    /// `None`: no row, unless `unknown` gives another reason.
    pub row: Option<i64>,
    /// End of its bucket.
    pub end: Option<i64>,
    /// Reason why it is unknown, as numbered by the query.
    pub unknown: Option<i64>,
}

/// Rows of the source that decide whether something is missing; `None`: not asked for, or not near.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gaps {
    pub oldest: Option<i64>,
    /// The first row after the last refresh.
    pub first_unread: Option<i64>,
    /// Range of the changed rows in chunks that may have been recreated after a drop.
    pub remade: Option<(i64, i64)>,
    /// Number of rows dated in the future.
    pub future_rows: Option<i64>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct ParentJob {
    #[serde(alias = "parent_job_id")]
    pub id: i32,
    #[serde(alias = "parent_scheduled")]
    pub scheduled: bool,
    #[serde(alias = "parent_fails", deserialize_with = "or_default")]
    pub fails: bool,
}
/// The finding of the first ancestor (seen from the source) that is late.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inherited {
    pub from: String,
    pub why: String,
    /// Its fix, and the fix's target.
    #[serde(skip)]
    pub fix: Option<ActionName>,
    #[serde(skip)]
    pub on: Option<Target>,
    #[serde(skip)]
    pub sets: Vec<(String, String)>,
    /// Start of its lag.
    #[serde(skip)]
    pub since: Option<Stamp>,
}

impl Row {
    /// The source's newest row; `None`: no row, unknown, or not read.
    pub fn newest_row(&self) -> Option<i64> {
        self.newest.get()?.row
    }

    /// The end of its bucket.
    pub fn newest_end(&self) -> Option<i64> {
        self.newest.get()?.end
    }

    /// Reason why it is unknown though it was asked for.
    pub(super) fn newest_unknown(&self) -> Option<i64> {
        self.newest.get()?.unknown
    }

    pub(super) fn gaps(&self) -> Gaps {
        self.gaps.get().copied().unwrap_or_default()
    }

    /// Its source, as a target of actions.
    pub(super) fn source_target(&self) -> Target {
        Target {
            kind: if self.parent_id.is_some() {
                TargetKind::Aggregate
            } else {
                TargetKind::Hypertable
            },
            id: self.source_id.into(),
            name: self.source(),
        }
    }
}
