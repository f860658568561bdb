//! One hypertable's retention, with what is known of its policy.

use serde::{Deserialize, Serialize};

use crate::model::creation::ByCreation;
use crate::model::moment::{Axis, Point, Stamp};
use crate::model::text;
use crate::model::unread::Unread;
use crate::model::value::Value;
use crate::screens::aggregates::Blocked;
use crate::screens::policy::Policy;
use crate::server::known::At;
use crate::server::row::or_default;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    pub id: i32,
    pub schema: String,
    pub name: String,
    pub aggregate: bool,
    pub axis: Axis,
    /// An integer dimension whose hypertable says what "now" is; of an aggregate assumed until it is asked for.
    #[serde(deserialize_with = "or_default")]
    pub has_now: bool,
    /// Of a policy by creation.
    #[serde(default)]
    pub creation: Option<ByCreation>,
    pub chunks: i64,
    /// Where the oldest chunk begins; `None`: there is no chunk.
    pub oldest: Option<Point>,
    #[serde(alias = "job_id")]
    pub policy: Option<Policy>,
    /// The end of what the policy drops, in the dimension's unit; `None` for integer time.
    pub boundary: Option<i64>,
    /// The same for a policy by creation.
    pub made_before: Option<Stamp>,
    /// Chunks that the next run would drop; `None`: not known (yet).
    pub eligible: Option<i64>,
    /// The same as if it were the end of the newest chunk now: where the function that says so is not run.
    #[serde(default)]
    pub about_eligible: Option<i64>,
    /// Their bytes now, compressed companions included.
    pub eligible_bytes: Option<i64>,
    pub eligible_error: Option<String>,
    /// Frozen chunks past the boundary: no run drops them.
    pub frozen: i64,
    pub overdue_seconds: Option<f64>,
    /// The same of integer time: a moment at which it was due for sure.
    #[serde(default)]
    pub due_since: Option<Stamp>,
    pub next_due: Option<Stamp>,
    /// Aggregates that read this hypertable.
    #[serde(deserialize_with = "or_default")]
    pub read_by: Vec<String>,
    /// Where the last chunk ends that the next run drops; `None`: none will go, or it is not known.
    #[serde(default)]
    pub drop_edge: Option<i64>,
    /// Of a policy by creation the times of the chunks that go: what lies between them stays.
    #[serde(default, deserialize_with = "or_default")]
    pub going: Vec<(i64, i64)>,
    /// What is now on integer time; `None`: not known (yet).
    #[serde(default)]
    pub integer_now: Option<i64>,
    /// Where such a chunk goes: the aggregates that read it, and what they have not taken in.
    #[serde(default, deserialize_with = "or_default")]
    pub readers: Vec<Unread>,
    /// Microseconds by which the local clock of the database is ahead of UTC.
    #[serde(default)]
    pub local_shift: i64,
    /// The policy's worker waits for a lock.
    #[serde(default, alias = "blocked_pid")]
    pub blocked: Option<Blocked>,
}

impl Row {
    pub(super) fn full_name(&self) -> String {
        text::qualified(&self.schema, &self.name)
    }

    pub(super) fn drop_after(&self) -> Value {
        self.policy
            .as_ref()
            .map_or(Value::Null, Policy::after_value)
    }

    /// How old the oldest data is; `None` for integer time.
    pub(super) fn age(&self, at: &At) -> Option<f64> {
        let oldest = self.oldest.filter(|oldest| oldest.axis != Axis::Integer)?;
        // Without a zone it is the local clock that it is measured by.
        let shift = match oldest.axis {
            Axis::Timestamp | Axis::Date => self.local_shift,
            Axis::TimestampTz | Axis::Integer => 0,
        };
        let now = Stamp(at.now.0.saturating_add(shift));
        Some(now.seconds_since(Stamp(oldest.raw)))
    }

    /// How many chunks the function that says what "now" is may have to open; `None`: the list has what is due.
    pub(super) fn integer_cost(&self) -> Option<usize> {
        let policy = self.policy.as_ref()?;
        policy.after_number?;
        let integer = self.axis == Axis::Integer && (self.has_now || self.aggregate);
        usize::try_from(self.chunks.max(1)).ok().filter(|_| integer)
    }
}
