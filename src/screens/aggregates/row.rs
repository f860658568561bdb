//! One aggregate, with what its catalogue rows say.

use serde::{Deserialize, Serialize};

use super::blocked::Blocked;
use crate::model::fix::ActionName;
use crate::model::moment::{Axis, Stamp};
use crate::model::target::{Kind, Target};
use crate::screens::policy::Policy;
use crate::server::row::or_default;

use super::waits::{Around, Waits};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// Of its materialization hypertable.
    pub id: i32,
    /// Of the hypertable that it reads: for a hierarchy the parent's materialization.
    #[serde(alias = "raw_id")]
    pub source_id: i32,
    /// Of the aggregate that it is built on; `None`: it reads a hypertable.
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
    /// On the clock of the buckets' zone.
    #[serde(default)]
    pub bucket_origin: Option<i64>,
    /// The end of the newest bucket that holds rows; `None`: it is empty.
    pub watermark: Option<i64>,
    /// Up to where a refresh has been; `i64::MIN`: never; `None`: the log does not say.
    pub refreshed_to: Option<i64>,
    /// History before this was never materialized.
    pub never_before: Option<i64>,
    /// The end of the newest chunk of the source: newer rows there cannot be.
    pub source_end: Option<i64>,
    /// The longest that one of its buckets can be, in its axis' unit.
    pub bucket_longest: Option<i64>,
    /// The newest row of the source, and the end of its bucket; `None`: not known (yet), or there is no row.
    pub newest: Option<i64>,
    pub newest_end: Option<i64>,
    /// Whether `newest` was asked for with success: then `None` means that there is no row, unless `unknown` says why not.
    #[serde(default)]
    pub newest_asked: bool,
    /// Why `newest` cannot be known, as the query numbers it.
    pub unknown: Option<i64>,
    pub newest_error: Option<String>,
    /// The oldest row of the source, and the first where nothing was refreshed; `None`: none near, or not known (yet).
    #[serde(default)]
    pub oldest: Option<i64>,
    #[serde(default)]
    pub first_unread: Option<i64>,
    /// Where changed rows lie in chunks that may have been made again after they were dropped.
    #[serde(default)]
    pub remade: Option<(i64, i64)>,
    /// How many rows of the source are dated after now, where that was counted.
    #[serde(default)]
    pub future_rows: Option<i64>,
    /// Integer time: why it is not known where the reach of its policies begins.
    #[serde(default, alias = "odd_zone")]
    pub reach_error: Option<String>,
    pub pending: i64,
    /// `None`: this role cannot see it.
    pub refreshing: Option<bool>,
    #[serde(alias = "job_id")]
    pub policy: Option<Policy>,
    /// How many refresh policies there are; the one shown ends latest.
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
    /// The same in units of integer time, without the schedule, which does not convert.
    pub expected_units: Option<i64>,
    pub depth: i32,
    /// Refreshes delete rows whose source was dropped; `None`: cannot be compared.
    pub wipe_risk: Option<bool>,
    pub source_drop_after: Option<String>,
    /// Microseconds by which the local clock of the database is ahead of UTC: "now" of a time without zone.
    pub local_shift: i64,
    /// Its further refresh policies that are paused or fail.
    #[serde(alias = "other_policies_stopped")]
    pub other_stopped: i64,
    /// The first of those, and whether all are scheduled (and fail).
    #[serde(alias = "other_job_id")]
    pub other_job: Option<i32>,
    #[serde(deserialize_with = "or_default")]
    pub other_scheduled: bool,
    /// The parent's refresh policy; `None`: no parent, or it has no policy.
    #[serde(alias = "parent_job_id")]
    pub parent_job: Option<ParentJob>,
    /// When its policy began to run last, and how long its good runs take on average.
    pub last_start: Option<Stamp>,
    pub average_seconds: Option<f64>,
    #[serde(alias = "blocked_pid")]
    pub blocked: Option<Blocked>,
    #[serde(alias = "ahead")]
    pub waits: Waits,
    #[serde(alias = "source_drop_seconds")]
    pub around: Around,
    /// What the first of its ancestors to be behind is behind by, and why.
    pub inherited: Option<Inherited>,
    /// The aggregate at the root of its hierarchy; `None`: it has neither parent nor child.
    pub family: Option<i32>,
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
/// What is wrong with the first ancestor, seen from the source, that is behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inherited {
    pub from: String,
    pub why: String,
    /// Its own fix, and what that acts on.
    #[serde(skip)]
    pub fix: Option<ActionName>,
    #[serde(skip)]
    pub on: Option<Target>,
    #[serde(skip)]
    pub sets: Vec<(String, String)>,
}

impl Row {
    /// What it reads, as actions take it.
    pub(super) fn source_target(&self) -> Target {
        Target {
            kind: if self.parent_id.is_some() {
                Kind::Aggregate
            } else {
                Kind::Hypertable
            },
            id: self.source_id.into(),
            name: self.source(),
        }
    }
}
