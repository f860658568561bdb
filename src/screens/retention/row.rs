//! One hypertable's retention, with its policy.

use serde::{Deserialize, Serialize};

use crate::model::creation::ByCreation;
use crate::model::moment::{Axis, Point, Stamp};
use crate::model::text;
use crate::model::unread::Unread;
use crate::model::value::Value;
use crate::screens::aggregates::Blocked;
use crate::screens::later::Later;
use crate::screens::policy::{Counted, Policy};
use crate::server::known::At;
use crate::server::row::or_default;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    pub id: i32,
    pub schema: String,
    pub name: String,
    pub aggregate: bool,
    pub axis: Axis,
    /// For an integer dimension: it has an `integer_now_func` (for an aggregate assumed until it is read).
    #[serde(deserialize_with = "or_default")]
    #[serde(rename = "has_now")]
    pub(super) listed_now: bool,
    /// Of a policy by creation.
    #[serde(default)]
    pub creation: Option<ByCreation>,
    pub chunks: i64,
    /// Start of the oldest chunk; `None`: there is no chunk.
    pub oldest: Option<Point>,
    #[serde(alias = "job_id")]
    pub policy: Option<Policy>,
    /// Chunks that end up to this point are dropped, in the dimension's unit; `None` for integer time.
    pub boundary: Option<i64>,
    /// For a policy by creation: chunks created before this time are dropped.
    pub made_before: Option<Stamp>,
    /// Number of chunks that the next run drops; `None`: unknown, or only a function knows "now".
    pub eligible: Option<i64>,
    #[serde(skip)]
    pub(super) clock: Later<IntegerNow>,
    /// Present bytes of the chunks that the next run drops, with compressed companions.
    #[serde(skip)]
    pub(super) eligible_bytes: Later<Option<i64>>,
    /// Number of frozen chunks past the boundary, which no run drops.
    pub frozen: i64,
    pub overdue_seconds: Option<f64>,
    pub next_due: Option<Stamp>,
    /// Aggregates that read this hypertable.
    #[serde(deserialize_with = "or_default")]
    pub(crate) read_by: Vec<String>,
    /// End of the last chunk that the next run drops; `None`: none, unknown, or only a function knows "now".
    #[serde(default)]
    pub(crate) drop_edge: Option<i64>,
    /// For a policy by creation: ranges of the dropped chunks; chunks between them stay.
    #[serde(default, deserialize_with = "or_default")]
    pub going: Vec<(i64, i64)>,
    /// If chunks are dropped: the aggregates that read them, with the ranges that these have not materialized.
    #[serde(default, deserialize_with = "or_default")]
    pub readers: Vec<Unread>,
    /// Offset of the database's time zone from UTC, in microseconds.
    #[serde(default)]
    pub local_shift: i64,
    /// The policy's worker, if it waits for a lock.
    #[serde(default, alias = "blocked_pid")]
    pub blocked: Option<Blocked>,
}

/// What an integer dimension's `integer_now_func` says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct IntegerNow {
    /// There is such a function.
    pub(super) exists: bool,
    pub(super) counted: Counted,
    /// "Now" on integer time; `None`: unknown.
    pub(super) now: Option<i64>,
    /// End of the last chunk that the next run drops; `None`: none, or unknown.
    pub(super) drop_edge: Option<i64>,
}

impl Row {
    /// Number of chunks that the next run drops; `None`: unknown, or not read yet.
    pub fn eligible(&self) -> Option<i64> {
        match &self.clock {
            Later::NotRead => self.eligible,
            clock => clock.get()?.counted.chunks,
        }
    }

    /// Their present bytes; `None`: not read, or not readable.
    pub fn eligible_bytes(&self) -> Option<i64> {
        match self.eligible()? {
            0 => Some(0),
            _ => *self.eligible_bytes.get()?,
        }
    }

    /// Why the chunks that the next run drops, or their bytes, cannot be read.
    pub(super) fn eligible_error(&self) -> Option<&str> {
        let drops = self.eligible().filter(|chunks| *chunks > 0);
        let bytes = || drops.and(self.eligible_bytes.error());
        self.clock.error().or_else(bytes)
    }

    pub(super) fn has_now(&self) -> bool {
        self.clock
            .get()
            .map_or(self.listed_now, |clock| clock.exists)
    }

    pub(super) fn drop_edge(&self) -> Option<i64> {
        match &self.clock {
            Later::NotRead => self.drop_edge,
            clock => clock.get()?.drop_edge,
        }
    }

    pub(super) fn full_name(&self) -> String {
        text::qualified(&self.schema, &self.name)
    }

    pub(super) fn drop_after(&self) -> Value {
        self.policy
            .as_ref()
            .map_or(Value::Null, Policy::after_value)
    }

    /// Age of the oldest data; `None` for integer time.
    pub(super) fn age(&self, at: &At) -> Option<f64> {
        let oldest = self.oldest.filter(|oldest| oldest.axis != Axis::Integer)?;
        // A time without a zone is compared with local time.
        let shift = match oldest.axis {
            Axis::Timestamp | Axis::Date => self.local_shift,
            Axis::TimestampTz | Axis::Integer => 0,
        };
        let now = Stamp(at.now.0.saturating_add(shift));
        Some(now.seconds_since(Stamp(oldest.raw)))
    }

    /// Number of chunks that `integer_now_func` may open; `None`: it is not needed.
    pub(super) fn integer_cost(&self) -> Option<usize> {
        let policy = self.policy.as_ref()?;
        policy.after_number?;
        let integer = self.axis == Axis::Integer && (self.has_now() || self.aggregate);
        usize::try_from(self.chunks.max(1)).ok().filter(|_| integer)
    }
}
