//! The retention of one hypertable, with its policy.

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
    pub(super) id: i32,
    pub(crate) schema: String,
    pub name: String,
    pub(super) aggregate: bool,
    pub(super) axis: Axis,
    /// For an integer dimension: whether it has an `integer_now_func`. For an aggregate: always true, because only
    /// `clock` shows it.
    #[serde(deserialize_with = "or_default")]
    #[serde(rename = "has_now")]
    pub(super) listed_now: bool,
    /// The time dimension, if the policy has `drop_created_before` and no `drop_after`; `None`: another policy.
    #[serde(default)]
    pub(super) creation: Option<ByCreation>,
    pub chunks: i64,
    /// Start of the oldest chunk; `None`: no chunks.
    pub oldest: Option<Point>,
    /// End of the newest chunk, in the dimension's unit; `None`: no chunks, or a recording of an older version.
    #[serde(default)]
    pub(super) newest: Option<i64>,
    /// Start of the oldest chunk that is not past `drop_after`; `None`: no such chunk, or no policy by `drop_after`.
    #[serde(default)]
    pub(super) kept_from: Option<i64>,
    /// Length of the axis of all strips, in seconds.
    #[serde(skip)]
    pub(super) axis_seconds: f64,
    #[serde(alias = "job_id")]
    pub(crate) policy: Option<Policy>,
    /// Chunks that end at this time or earlier are dropped, in microseconds; `None`: no policy by `drop_after`, integer time, or unknown.
    pub(super) boundary: Option<i64>,
    /// For a policy with `drop_created_before`: chunks created before this time are dropped. `None`: another policy.
    pub(super) made_before: Option<Stamp>,
    /// Number of chunks that the next run drops; `None`: no policy, unknown, or `drop_after` on integer time.
    eligible: Option<i64>,
    #[serde(skip)]
    pub(super) clock: Later<IntegerNow>,
    /// Present size of the chunks that the next run drops, including compressed data.
    #[serde(skip)]
    pub(super) eligible_bytes: Later<Option<i64>>,
    /// Number of frozen chunks past `drop_after`. Frozen chunks are never dropped.
    pub(super) frozen: i64,
    pub(super) overdue_seconds: Option<f64>,
    pub(super) next_due: Option<Stamp>,
    /// Names of the aggregates on this hypertable.
    #[serde(deserialize_with = "or_default")]
    pub(super) read_by: Vec<String>,
    /// End of the last chunk that the next run drops; `None`: no such chunk, a paused policy, unknown, or `drop_after` on integer time.
    #[serde(default)]
    drop_edge: Option<i64>,
    /// For a policy with `drop_created_before`: ranges of the dropped chunks; chunks between them stay.
    #[serde(default, deserialize_with = "or_default")]
    pub(super) going: Vec<(i64, i64)>,
    /// Aggregates on this hypertable with their ranges that are not materialized; empty if no chunks are dropped.
    #[serde(default, deserialize_with = "or_default")]
    pub(super) readers: Vec<Unread>,
    /// Offset of the database's time zone from UTC, in microseconds.
    #[serde(default)]
    pub(super) local_shift: i64,
    /// The policy's worker, if it waits for a lock; `None`: it does not wait.
    #[serde(default, alias = "blocked_pid")]
    pub(super) blocked: Option<Blocked>,
}

/// Figures of an integer dimension, from its `integer_now_func`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct IntegerNow {
    /// Whether the function exists.
    pub(super) exists: bool,
    pub(super) counted: Counted,
    /// Current time in units of integer time; `None`: unknown.
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

    /// Present size of the chunks that the next run drops; `None`: not read, an error, or it is unknown which chunks these are.
    pub fn eligible_bytes(&self) -> Option<i64> {
        match self.eligible()? {
            0 => Some(0),
            _ => *self.eligible_bytes.get()?,
        }
    }

    /// Error of the query for the chunks that the next run drops, or for their size.
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

    /// Whether the next run also drops chunks that are not due now, but become due until then.
    pub(super) fn more_by_next_run(&self) -> bool {
        let edge = self.drop_edge().zip(self.boundary);
        edge.is_some_and(|(edge, boundary)| edge > boundary)
    }

    pub(super) fn full_name(&self) -> String {
        text::qualified(&self.schema, &self.name)
    }

    pub(super) fn drop_after(&self) -> Value {
        self.policy
            .as_ref()
            .map_or(Value::Null, Policy::after_value)
    }

    /// Age of the oldest data, in seconds; `None`: integer time, or no chunks.
    pub(super) fn age(&self, at: &At) -> Option<f64> {
        self.age_of(self.oldest?.raw, at)
    }

    /// Age of a point of the time dimension, in seconds; `None`: integer time.
    pub(super) fn age_of(&self, raw: i64, at: &At) -> Option<f64> {
        // A time without a zone is compared with local time.
        let shift = match self.axis {
            Axis::Timestamp | Axis::Date => self.local_shift,
            Axis::TimestampTz => 0,
            Axis::Integer => return None,
        };
        let now = Stamp(at.now.0.saturating_add(shift));
        Some(now.seconds_since(Stamp(raw)))
    }

    /// Cost of calling `integer_now_func`: the number of chunks that it may open. `None`: it is not called.
    pub(super) fn integer_cost(&self) -> Option<usize> {
        let policy = self.policy.as_ref()?;
        policy.after_number?;
        let integer = self.axis == Axis::Integer && (self.has_now() || self.aggregate);
        usize::try_from(self.chunks.max(1)).ok().filter(|_| integer)
    }
}
