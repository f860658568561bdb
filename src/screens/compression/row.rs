//! The compression of one hypertable, with its policy.

use serde::{Deserialize, Serialize};

use super::pace::Pace;
use crate::model::moment::{Axis, Stamp};
use crate::model::text;
use crate::model::value::Value;
use crate::screens::aggregates::Blocked;
use crate::screens::later::Later;
use crate::screens::policy::{Counted, Policy};
use crate::server::row::or_default;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each bool is a separate fact that the server reports"
)]
pub struct Row {
    pub id: i32,
    pub schema: String,
    pub name: String,
    /// Whether the hypertable is the materialization of an aggregate.
    pub aggregate: bool,
    #[serde(default)]
    pub enabled: bool,
    pub axis: Axis,
    /// For an integer dimension: whether it has an `integer_now_func`.
    #[serde(deserialize_with = "or_default")]
    pub has_now: bool,
    pub chunks: i64,
    pub compressed: i64,
    pub partial: i64,
    pub uncompressed: i64,
    pub frozen: i64,
    pub unordered: i64,
    /// Sum of the chunks' bytes before compression; `after_bytes`: after compression. Both were recorded when the chunks were compressed.
    /// `None`: nothing is recorded.
    pub before_bytes: Option<i64>,
    pub after_bytes: Option<i64>,
    /// Number of rows in the compressed chunks; `batches`: number of batches. Both were recorded at compression. `None`: not recorded.
    #[serde(alias = "compressed_rows")]
    pub rows: Option<i64>,
    pub batches: Option<i64>,
    pub segment_by: Option<String>,
    /// Neither segmentby nor orderby is set: TimescaleDB chooses both when it compresses a chunk.
    #[serde(default)]
    pub open: bool,
    pub order_by: Option<String>,
    #[serde(alias = "job_id")]
    pub policy: Option<Policy>,
    /// `recompress` and `maxchunks_to_compress` of the policy's configuration; `None`: not configured.
    pub recompress: Option<String>,
    pub most_chunks: Option<String>,
    /// Chunks that end by this point are due, in the dimension's unit; `None`: no policy with `compress_after`, integer time, or unknown.
    pub boundary: Option<i64>,
    /// For a policy with `compress_created_before`: chunks created before this time are due. `None`: another policy.
    pub made_before: Option<Stamp>,
    /// Number of uncompressed chunks that are due; `None`: no policy, unknown, or `compress_after` on integer time.
    pub backlog: Option<i64>,
    /// The backlog on integer time, computed with `integer_now_func`.
    #[serde(skip)]
    pub counted: Later<Counted>,
    /// Present size of the backlog.
    #[serde(skip)]
    pub backlog_bytes: Later<Option<i64>>,
    /// Present size of all uncompressed chunks, due or not.
    #[serde(skip)]
    pub uncompressed_bytes: Later<Option<i64>>,
    /// Estimated size of the backlog, from the last VACUUM or ANALYZE of its chunks. `None`: a chunk is empty or has had neither, or all
    /// backlogs together have more than 2000 chunks.
    #[serde(default)]
    pub about_backlog_bytes: Option<i64>,
    /// Number of partially compressed chunks that are due; `None`: no policy, unknown, or `compress_after` on integer time.
    pub partial_due: Option<i64>,
    /// Seconds since the oldest chunk of the backlog became due; `None`: no backlog, or unknown.
    pub overdue_seconds: Option<f64>,
    pub next_due: Option<Stamp>,
    #[serde(alias = "run_begun", default)]
    pub pace: Pace,
    /// `drop_after` of the retention policy; `None`: no such policy, or it is paused. `drops_first`: whether the retention policy drops
    /// chunks before they are compressed; `None`: unknown.
    pub drop_after: Option<String>,
    pub drops_first: Option<bool>,
    /// The policy's worker, if it waits for a lock; `None`: it does not.
    #[serde(alias = "blocked_pid")]
    pub blocked: Option<Blocked>,
    /// The chunk that the last run should have compressed and did not; `None`: there is none.
    #[serde(alias = "stuck_chunk")]
    pub stuck: Option<Stuck>,
    #[serde(skip)]
    pub packed: Later<Packed>,
    /// Time and number of chunks of the first backlog that this console read; `None`: no backlog was read yet.
    pub seen: Option<(Stamp, i64)>,
}

/// Exact figures of the compressed chunks, from `compression_packed`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Packed {
    /// Number of chunks that were compressed with settings that the table no longer has, without frozen chunks; `None`: unknown.
    pub old: Option<i64>,
    /// Recorded sums of the chunks that were compressed with such older settings, including frozen chunks.
    pub old_record: Recorded,
    pub drift: Option<Drift>,
}

/// The oldest chunk that the policy's last run should have compressed and did not, although later chunks are compressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stuck {
    /// Name as actions accept it: quoted, and without the schema if the schema is `_timescaledb_internal`.
    #[serde(alias = "stuck_chunk")]
    pub(super) chunk: String,
    /// Pid of the session that has held a lock on the chunk since the last run; 0: a prepared transaction; `None`: there is no such lock.
    pub(super) holder: Option<i32>,
    holder_name: Option<String>,
    #[serde(alias = "holder_mode")]
    mode: Option<String>,
    #[serde(alias = "holder_since")]
    since: Option<Stamp>,
}

impl Stuck {
    /// Text for the lock that blocks the chunk's compression; `None`: unknown.
    pub(super) fn why(&self, now: Stamp) -> Option<String> {
        let pid = self.holder?;
        let mode = self.mode.as_deref().unwrap_or("a lock");
        if pid == 0 {
            let who = text::prepared(self.holder_name.as_deref());
            return Some(format!("{who} holds {mode} on it"));
        }
        let name = self.holder_name.as_ref();
        let name = name.map_or_else(String::new, |name| format!(" ({name})"));
        let since = self.since.map_or_else(String::new, |since| {
            format!(", in a transaction begun {}", text::age(since, now))
        });
        Some(format!("session {pid}{name} holds {mode} on it{since}"))
    }
}

/// Compressed chunks whose present size is less than half or more than twice the recorded size, and differs by more than 1 MB. Only the
/// newest 100 partial or unordered chunks and the newest 20 other chunks are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    pub(super) chunks: i64,
    pub(super) recorded: i64,
    pub(super) bytes: i64,
}

/// Sums over compressed chunks, as recorded when they were compressed: bytes before and after, rows and batches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    pub(super) chunks: i64,
    pub(super) before: Option<i64>,
    pub(super) after: Option<i64>,
    pub(super) rows: Option<i64>,
    pub(super) batches: Option<i64>,
}

impl Packed {
    pub(super) fn read(answer: Result<&[Option<i64>], &str>) -> Later<Self> {
        match answer.map(<[_]>::split_first_chunk) {
            Ok(Some(([old, drifted, recorded, now], of_old))) => Later::Read(Self {
                old: *old,
                old_record: Recorded::read(of_old),
                drift: Drift::of(*drifted, *recorded, *now),
            }),
            Ok(None) => Later::NotRead,
            Err(error) => Later::Failed(error.to_owned()),
        }
    }
}

impl Recorded {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a ratio is shown with one decimal"
    )]
    pub(super) fn ratio(&self) -> Option<f64> {
        let after = self.after.filter(|after| *after > 0)?;
        Some(self.before? as f64 / after as f64)
    }

    /// Reads exact figures. A recording of an older version has no such figures: then the number of chunks is 0, and the sums are `None`.
    fn read(figures: &[Option<i64>]) -> Self {
        let [chunks, before, after, rows, batches] = figures else {
            return Self::default();
        };
        Self {
            chunks: chunks.unwrap_or(0),
            before: *before,
            after: *after,
            rows: *rows,
            batches: *batches,
        }
    }

    /// The sums minus the sums of `some`.
    pub(super) fn without(self, some: Self) -> Self {
        let less = |all: Option<i64>, some: Option<i64>| Some(all? - some.unwrap_or(0));
        Self {
            chunks: self.chunks - some.chunks,
            before: less(self.before, some.before),
            after: less(self.after, some.after),
            rows: less(self.rows, some.rows),
            batches: less(self.batches, some.batches),
        }
    }
}

impl Drift {
    fn of(chunks: Option<i64>, recorded: Option<i64>, bytes: Option<i64>) -> Option<Self> {
        Some(Self {
            chunks: chunks.filter(|chunks| *chunks > 0)?,
            recorded: recorded?,
            bytes: bytes?,
        })
    }
}

impl Row {
    pub(super) fn ratio(&self) -> Option<f64> {
        self.record().ratio()
    }

    /// The recorded sums of all compressed chunks, including partially compressed chunks.
    pub(super) fn record(&self) -> Recorded {
        Recorded {
            chunks: self.compressed + self.partial,
            before: self.before_bytes,
            after: self.after_bytes,
            rows: self.rows,
            batches: self.batches,
        }
    }

    /// Number of chunks that are due; `None`: unknown, or not read yet.
    pub fn backlog(&self) -> Option<i64> {
        match &self.counted {
            Later::NotRead => self.backlog,
            counted => counted.get()?.chunks,
        }
    }

    /// Present size of the backlog; `None`: not read, an error, or the backlog is unknown.
    fn backlog_bytes(&self) -> Option<i64> {
        match self.backlog()? {
            0 => Some(0),
            _ => *self.backlog_bytes.get()?,
        }
    }

    /// Size of the backlog; an estimate until the exact size is known.
    pub(super) fn backlog_size(&self) -> Value {
        let about = self.about_backlog_bytes.map(Value::AboutBytes);
        self.backlog_bytes().map(Value::Bytes).or(about).into()
    }

    /// Present size of all uncompressed chunks; `None`: not read, or an error.
    pub(super) fn uncompressed_bytes(&self) -> Option<i64> {
        match self.uncompressed {
            0 => Some(0),
            _ => *self.uncompressed_bytes.get()?,
        }
    }

    /// Error of the query for the backlog or its size.
    pub(super) fn backlog_error(&self) -> Option<&str> {
        let bytes = || self.backlog_cost().and(self.backlog_bytes.error());
        self.counted.error().or_else(bytes)
    }

    /// Number of chunks that were compressed with settings that the table no longer has; `None`: unknown, or not read yet.
    pub(super) fn old_settings(&self) -> Option<i64> {
        self.packed.get()?.old
    }

    pub(super) fn full_name(&self) -> String {
        text::qualified(&self.schema, &self.name)
    }

    /// Number of chunks that must be opened for the size of the backlog; `None`: no backlog, or unknown.
    pub(super) fn backlog_cost(&self) -> Option<usize> {
        let backlog = self.backlog().filter(|backlog| *backlog > 0)?;
        usize::try_from(backlog).ok()
    }

    /// Number of chunks that `integer_now_func` may open; `None`: it is not called.
    pub(super) fn integer_cost(&self) -> Option<usize> {
        let policy = self.policy.as_ref()?;
        policy.after_number?;
        let integer = self.axis == Axis::Integer && self.has_now;
        usize::try_from(self.chunks.max(1)).ok().filter(|_| integer)
    }

    /// Number of relations that must be opened for the sizes of compressed chunks: two per chunk, for at most 20 fully and 100 partially
    /// compressed chunks. 0: no chunk is compressed.
    pub(super) fn packed_cost(&self) -> usize {
        let many = 2 * (self.compressed.min(20) + self.partial.min(100));
        usize::try_from(many).unwrap_or(0)
    }
}
