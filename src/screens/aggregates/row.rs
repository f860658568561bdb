//! A row of the Aggregates screen.

use serde::{Deserialize, Serialize};

use super::blocked::Blocked;
use super::reaggregated::Reaggregated;
use crate::model::fix::ActionName;
use crate::model::moment::{Axis, Stamp};
use crate::model::target::{Target, TargetKind};
use crate::screens::later::Later;
use crate::screens::policy::Policy;
use crate::server::row::or_default;

use super::waits::{Around, Waits};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// Id of the materialization hypertable.
    pub id: i32,
    /// Id of the hypertable that the aggregate reads: its parent's materialization hypertable if it has a parent.
    #[serde(alias = "raw_id")]
    pub source_id: i32,
    /// Id of the aggregate that this one reads; `None`: it reads a hypertable.
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
    /// Origin as local time of `bucket_zone`, in microseconds since 1970; `None`: the default origin.
    #[serde(default)]
    pub bucket_origin: Option<i64>,
    /// End of the newest bucket that was ever materialized with rows; `None`: there was none.
    pub watermark: Option<i64>,
    /// End of the refreshed range; the smallest value of the type: never refreshed; `None`: unknown.
    pub refreshed_to: Option<i64>,
    /// Rows up to this point were never materialized; `None`: no such rows.
    pub never_before: Option<i64>,
    /// End of the source's newest chunk, an upper bound for its newest row; `None`: no chunks.
    pub source_end: Option<i64>,
    /// Length of the longest possible bucket, in the unit of the time dimension; `None`: unknown.
    pub bucket_longest: Option<i64>,
    #[serde(skip)]
    pub newest: Later<Newest>,
    #[serde(skip)]
    pub gaps: Later<Gaps>,
    /// Error text if the start of the policies' refresh windows is unknown; `None`: it is known.
    #[serde(default, alias = "odd_zone")]
    pub reach_error: Option<String>,
    pub pending: i64,
    /// Whether a refresh runs; `None`: this role cannot see it.
    pub refreshing: Option<bool>,
    #[serde(alias = "job_id")]
    pub policy: Option<Policy>,
    /// Number of refresh policies; `policy` is the policy whose window ends latest.
    pub policies: i64,
    #[serde(alias = "start_text")]
    pub start_offset: Option<String>,
    #[serde(alias = "end_text")]
    pub end_offset: Option<String>,
    pub start_seconds: Option<f64>,
    pub end_seconds: Option<f64>,
    pub schedule_interval: Option<String>,
    /// Maximum lag that the policies of this aggregate and its parents allow; `None`: this aggregate has no policy, the `end_offset` cannot
    /// be read, or integer time.
    pub expected_seconds: Option<f64>,
    /// As `expected_seconds`, in units of integer time; without the schedule, which cannot be converted to units.
    pub expected_units: Option<i64>,
    pub depth: i32,
    /// Whether refreshes delete rows of the aggregate whose source rows were dropped; `None`: unknown.
    pub wipe_risk: Option<bool>,
    pub source_drop_after: Option<String>,
    /// Offset of local time from UTC in microseconds, for the current time of a dimension without time zone. Local time is in the time zone
    /// of the job's owner, or else of the database.
    pub local_shift: i64,
    /// Number of the refresh policies besides `policy` that are paused or fail.
    #[serde(alias = "other_policies_stopped")]
    pub other_stopped: i64,
    /// Job id of the first of the `other_stopped` policies; `None`: there are none.
    #[serde(alias = "other_job_id")]
    pub other_job: Option<i32>,
    #[serde(deserialize_with = "or_default")]
    pub other_scheduled: bool,
    /// The parent's refresh policy; `None`: no parent, or the parent has no policy.
    #[serde(alias = "parent_job_id")]
    pub parent_job: Option<ParentJob>,
    /// Start of the policy's last run; `None`: never run.
    pub last_start: Option<Stamp>,
    pub average_seconds: Option<f64>,
    #[serde(alias = "blocked_pid")]
    pub blocked: Option<Blocked>,
    #[serde(alias = "ahead")]
    pub waits: Waits,
    #[serde(alias = "source_drop_seconds")]
    pub around: Around,
    /// The late ancestor that is nearest to the hypertable; `None`: no ancestor is late.
    pub inherited: Option<Inherited>,
    /// Id of the aggregate at the root of the hierarchy; `None`: no parent and no child.
    pub family: Option<i32>,
    /// Columns that are aggregated again although the result is wrong.
    #[serde(default)]
    pub reaggregated: Vec<Reaggregated>,
    /// The comment on the aggregate; `None`: there is no comment, or the recording is of an older version.
    #[serde(default)]
    pub comment: Option<String>,
    /// Lines of the tree that are drawn before the name.
    #[serde(skip)]
    pub branch: String,
}

/// Time of the newest row of an aggregate's source, and the end of its bucket, both in the unit of the time dimension (see `Axis`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Newest {
    /// `None`: the source has no rows, or `unknown` is set.
    pub row: Option<i64>,
    /// End of the bucket of the newest row; `None`: as for `row`.
    pub end: Option<i64>,
    /// Number of the reason why the newest row is unknown, see `queries/aggregates_newest.sql`; `None`: known, or no rows.
    pub unknown: Option<i64>,
}

/// Times of source rows that show whether data is missing, in the unit of the time dimension. `None`: not read, no such rows, or not in the
/// four chunks that are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gaps {
    pub(super) oldest: Option<i64>,
    /// The source's first row after the refreshed range.
    pub(super) first_unread: Option<i64>,
    /// Range of changed rows in chunks that may have been dropped and created again.
    pub(super) remade: Option<(i64, i64)>,
    /// Number of rows with a time in the future. At most 10,001 rows of a chunk are counted.
    pub(super) future_rows: Option<i64>,
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

/// The finding of the late ancestor that is nearest to the hypertable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inherited {
    pub(super) from: String,
    pub(super) why: String,
    /// Fix of the ancestor's finding; `on` and `sets`: the fix's target and form values. `None`: no fix.
    #[serde(skip)]
    pub(super) fix: Option<ActionName>,
    #[serde(skip)]
    pub(super) on: Option<Target>,
    #[serde(skip)]
    pub(super) sets: Vec<(String, String)>,
    /// Start of the ancestor's lag; `None`: unknown.
    #[serde(skip)]
    pub(super) since: Option<Stamp>,
}

impl Row {
    /// Time of the source's newest row; `None`: no rows, unknown, or not read.
    pub fn newest_row(&self) -> Option<i64> {
        self.newest.get()?.row
    }

    /// End of the bucket of the source's newest row; `None`: no rows, unknown, or not read.
    pub fn newest_end(&self) -> Option<i64> {
        self.newest.get()?.end
    }

    /// Number of the reason why the newest row is unknown; `None`: known, no rows, or not read.
    pub(super) fn newest_unknown(&self) -> Option<i64> {
        self.newest.get()?.unknown
    }

    pub(super) fn gaps(&self) -> Gaps {
        self.gaps.get().copied().unwrap_or_default()
    }

    /// The source as a target of actions.
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
