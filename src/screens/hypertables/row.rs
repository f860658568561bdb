//! A hypertable, or a plain table that could be a hypertable.

use serde::{Deserialize, Serialize};

use crate::model::creation::ByCreation;
use crate::model::moment::{Axis, Point, Stamp};
use crate::model::text;
use crate::model::value::Value;
use crate::screens::later::Later;
use crate::server::row::or_default;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HypertableKind {
    #[serde(alias = "hypertable")]
    Hypertable,
    /// The materialization hypertable of a continuous aggregate.
    #[serde(alias = "aggregate")]
    Aggregate,
    /// A large plain table with a time column.
    #[serde(alias = "candidate")]
    Candidate,
}

/// State of a policy, in the order of the numbers that the query uses. If there are several policies of one kind, this is the worst of
/// their states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Policy {
    Planned,
    Paused,
    Failing,
}

impl Policy {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Planned => "scheduled",
            Self::Paused => "paused",
            Self::Failing => "failing",
        }
    }
}

/// Job of a retention policy that has `drop_created_before` and no `drop_after`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Created {
    pub job: i32,
    #[serde(flatten)]
    pub of: ByCreation,
}

/// The policies, and the jobs that fail or are paused.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Policies {
    pub(super) refresh: Option<Policy>,
    pub(super) compress: Option<Policy>,
    pub(super) retain: Option<Policy>,
    pub(super) reorder: Option<Policy>,
    #[serde(deserialize_with = "or_default")]
    pub(super) failing: Vec<i32>,
    #[serde(deserialize_with = "or_default")]
    pub(super) paused: Vec<i32>,
    /// Jobs of retention policies that have `drop_created_before` and no `drop_after`.
    #[serde(default, deserialize_with = "or_default")]
    pub(super) by_creation: Vec<Created>,
    /// `compress_after` and `drop_after`, in microseconds (a month counts as 30 days) or in units of integer time; `None`: no such policy,
    /// or a policy by creation time.
    pub(super) compress_after: Option<i64>,
    pub(super) drop_after: Option<i64>,
}

/// The newest full chunk intervals, in microseconds or in units of integer time.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Window {
    #[serde(alias = "window_start")]
    pub start: i64,
    #[serde(alias = "window_end")]
    pub end: i64,
    /// Number of intervals with chunks.
    #[serde(alias = "window_ranges")]
    pub ranges: i64,
    /// Size before compression; `None`: unknown.
    #[serde(alias = "window_bytes")]
    pub bytes: Option<i64>,
    /// Whether `bytes` is an estimate.
    #[serde(default = "estimated")]
    pub about: bool,
}

fn estimated() -> bool {
    true
}

/// Settings of the server, the same in every row.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Limits {
    pub(super) locks_each: i64,
    pub(super) connections: i64,
    pub(super) prepared: i64,
    /// `effective_cache_size`.
    pub(super) memory_bytes: i64,
    pub(super) memory_default: bool,
}

/// Properties of a plain table.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Plain {
    /// Estimated number of rows; `None`: never analyzed.
    pub(crate) tuples: Option<i64>,
    pub(crate) not_null: bool,
    /// Unique indexes that do not contain the time column.
    pub(crate) unique_without: Vec<String>,
    /// Number of foreign keys that refer to the table.
    pub referenced: i64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) bytes: Option<i64>,
    /// Size of the newest full intervals before compression; `None`: unknown.
    pub(super) window: Option<i64>,
    /// Time of the measurement by the server's clock; `None`: not measured.
    pub(super) at: Option<Stamp>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// Id of the hypertable; for a plain table the negative oid.
    pub(super) id: i64,
    pub(crate) schema: String,
    pub name: String,
    pub(super) kind: HypertableKind,
    pub(crate) axis: Axis,
    #[serde(alias = "column_name")]
    pub(super) column: Option<String>,
    /// Chunk interval, in microseconds or in units of integer time; `None`: a plain table.
    #[serde(alias = "interval_length")]
    pub(super) interval: Option<i64>,
    /// Current time as a value of the time dimension, in microseconds; `None`: integer time, or a plain table.
    #[serde(alias = "now_raw")]
    pub(super) now: Option<i64>,
    /// The dimensions besides the time dimension: column, and number of partitions (0: the dimension is divided into intervals).
    #[serde(default)]
    pub(super) space: Vec<(String, i64)>,
    #[serde(deserialize_with = "or_default")]
    pub(super) chunks: i64,
    #[serde(deserialize_with = "or_default")]
    pub(super) compressed: i64,
    #[serde(deserialize_with = "or_default")]
    pub(super) partial: i64,
    #[serde(deserialize_with = "or_default")]
    pub(super) tiered: i64,
    pub about_bytes: Option<i64>,
    #[serde(skip)]
    pub(super) exact: Later<Size>,
    /// The largest size of all rows, in bytes.
    #[serde(skip)]
    pub(super) largest: i64,
    /// Time and value of the first exact size that this console read; `None`: none was read.
    pub seen: Option<(Stamp, i64)>,
    #[serde(alias = "window_start")]
    pub(super) window: Option<Window>,
    pub oldest: Option<i64>,
    pub(crate) newest: Option<i64>,
    #[serde(deserialize_with = "or_default")]
    pub(super) indexes: i64,
    #[serde(alias = "refresh")]
    pub(super) policies: Policies,
    /// Names of the aggregates on the hypertable.
    #[serde(deserialize_with = "or_default")]
    pub(super) readers: Vec<String>,
    /// The comment on the hypertable or table; `None`: there is no comment, or the recording is of an older version.
    #[serde(default)]
    pub(super) comment: Option<String>,
    #[serde(alias = "not_null")]
    pub(super) plain: Option<Plain>,
    #[serde(alias = "locks_each")]
    pub(super) limits: Limits,
}

/// Columns of the query: the dimensions besides the time dimension.
#[derive(Deserialize)]
pub(super) struct Space {
    pub(super) space_columns: Option<Vec<String>>,
    pub(super) space_slices: Option<Vec<Option<i64>>>,
}

impl Row {
    pub(super) fn full_name(&self) -> String {
        text::qualified(&self.schema, &self.name)
    }

    pub(super) fn kind_name(&self) -> &'static str {
        match self.kind {
            HypertableKind::Hypertable => "hypertable",
            HypertableKind::Aggregate => "aggregate",
            HypertableKind::Candidate => "candidate",
        }
    }

    /// A figure about chunks; `Null` for a plain table, which has no chunks.
    pub(super) fn of_chunks(&self, figure: i64) -> Value {
        if self.plain.is_some() {
            Value::Null
        } else {
            figure.into()
        }
    }

    /// Exact size; `None`: not read, or an error.
    pub(crate) fn bytes(&self) -> Option<i64> {
        self.exact.get()?.bytes
    }

    pub(super) fn measured(&self) -> Option<Stamp> {
        self.exact.get()?.at
    }

    /// The newest full intervals, with the exact size once it is read.
    pub(super) fn window(&self) -> Option<Window> {
        let listed = self.window?;
        Some(match self.exact.get().and_then(|size| size.window) {
            Some(bytes) => Window {
                bytes: Some(bytes),
                about: false,
                ..listed
            },
            None => listed,
        })
    }

    /// The exact size, or else the estimate.
    pub(super) fn known_bytes(&self) -> Option<i64> {
        self.bytes().or(self.about_bytes)
    }

    pub(super) fn size(&self) -> Value {
        match (self.bytes(), self.about_bytes) {
            (Some(bytes), _) => Value::Bytes(bytes),
            (None, Some(about)) => Value::AboutBytes(about),
            (None, None) => Value::Null,
        }
    }

    /// Seconds between the first and the last exact size, and bytes of growth; `None`: no exact size yet, or less than a second.
    pub(super) fn grown(&self) -> Option<(f64, i64)> {
        let (since, first) = self.seen?;
        let span = self.measured()?.seconds_since(since);
        (span >= 1.0).then_some((span, self.bytes()? - first))
    }

    /// A length of time on the time dimension: a duration, or units of integer time.
    pub(super) fn length(&self, raw: i64) -> Value {
        #[expect(clippy::cast_precision_loss, reason = "shown with two units only")]
        if self.axis == Axis::Integer {
            Value::Int(raw)
        } else {
            Value::Seconds(raw as f64 / 1e6)
        }
    }

    pub(super) fn bytes_or_about(&self, bytes: Option<i64>) -> Value {
        match (bytes, self.window()) {
            (Some(bytes), Some(window)) if window.about => Value::AboutBytes(bytes),
            (Some(bytes), _) => Value::Bytes(bytes),
            (None, _) => Value::Null,
        }
    }

    /// Letters of the policies, such as `R C! D-`. R: refresh, C: compress, D: drop, O: reorder. `!`: failing, `-`: paused.
    pub(super) fn policy_letters(&self) -> Value {
        if self.plain.is_some() {
            return Value::Null;
        }
        let all = [
            ('R', self.policies.refresh),
            ('C', self.policies.compress),
            ('D', self.policies.retain),
            ('O', self.policies.reorder),
        ];
        let said: Vec<_> = all
            .into_iter()
            .filter_map(|(letter, policy)| {
                Some(match policy? {
                    Policy::Planned => letter.to_string(),
                    Policy::Paused => format!("{letter}-"),
                    Policy::Failing => format!("{letter}!"),
                })
            })
            .collect();
        if said.is_empty() {
            Value::Null
        } else {
            Value::Text(said.join(" "))
        }
    }

    /// Text of the dimensions with chunk interval or number of partitions, such as `ts 1d, dev /4`.
    pub(super) fn dimensions(&self) -> Value {
        let Some(column) = &self.column else {
            return Value::Null;
        };
        let mut said = vec![match self.interval {
            Some(interval) => format!(
                "{} {}",
                text::quote_identifier(column),
                self.length(interval).show(Stamp(0))
            ),
            None => text::quote_identifier(column),
        }];
        for (column, partitions) in &self.space {
            said.push(match partitions {
                0 => text::quote_identifier(column),
                many => format!("{} /{many}", text::quote_identifier(column)),
            });
        }
        Value::Text(said.join(", "))
    }

    pub(super) fn point(&self, raw: i64) -> Point {
        Point {
            axis: self.axis,
            raw,
        }
    }
}
