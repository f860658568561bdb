//! One hypertable's compression, with what is known of its policy.

use serde::{Deserialize, Serialize};

use super::pace::Pace;
use crate::model::moment::{Axis, Stamp};
use crate::model::text;
use crate::model::value::Value;
use crate::screens::aggregates::Blocked;
use crate::screens::policy::Policy;
use crate::server::row::or_default;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own that the server reports"
)]
pub struct Row {
    pub id: i32,
    pub schema: String,
    pub name: String,
    /// The materialization of a continuous aggregate.
    pub aggregate: bool,
    #[serde(default)]
    pub enabled: bool,
    pub axis: Axis,
    /// An integer dimension whose hypertable says what "now" is.
    #[serde(deserialize_with = "or_default")]
    pub has_now: bool,
    pub chunks: i64,
    pub compressed: i64,
    pub partial: i64,
    pub uncompressed: i64,
    pub frozen: i64,
    pub unordered: i64,
    /// As recorded when the chunks were compressed; `None` where none is.
    pub before_bytes: Option<i64>,
    pub after_bytes: Option<i64>,
    /// Rows of the compressed chunks, and the batches that hold them; recorded likewise.
    pub rows: Option<i64>,
    pub batches: Option<i64>,
    pub segment_by: Option<String>,
    /// Both are left to TimescaleDB, which chooses when a chunk is compressed.
    #[serde(default)]
    pub open: bool,
    pub order_by: Option<String>,
    #[serde(alias = "job_id")]
    pub policy: Option<Policy>,
    /// `recompress` and `maxchunks_to_compress` of the policy's configuration.
    pub recompress: Option<String>,
    pub most_chunks: Option<String>,
    /// The end of what the policy takes, in the dimension's unit; `None` for integer time.
    pub boundary: Option<i64>,
    /// The same for a policy by creation.
    pub made_before: Option<Stamp>,
    /// Chunks past compress-after that are not compressed; `None`: not known (yet).
    pub backlog: Option<i64>,
    /// The same as if it were the end of the newest chunk now: where the function that says so is not run.
    #[serde(default)]
    pub about_backlog: Option<i64>,
    pub backlog_bytes: Option<i64>,
    /// The same by the chunks' pages when they were last vacuumed or analysed; `None`: one of them never was.
    #[serde(default)]
    pub about_backlog_bytes: Option<i64>,
    /// Why the backlog's bytes (or, for integer time, the backlog) could not be had.
    pub backlog_error: Option<String>,
    /// Partially compressed chunks past compress-after.
    pub partial_due: Option<i64>,
    /// For how long the oldest chunk of the backlog has been due.
    pub overdue_seconds: Option<f64>,
    /// The same of integer time: a moment at which it was due for sure.
    #[serde(default)]
    pub due_since: Option<Stamp>,
    pub next_due: Option<Stamp>,
    #[serde(alias = "run_begun", default)]
    pub pace: Pace,
    /// `drop_after` of the retention policy that runs; and whether chunks go before they are compressed, where that can
    /// be compared.
    pub drop_after: Option<String>,
    pub drops_first: Option<bool>,
    /// The policy's worker, where it waits for a lock.
    pub blocked: Option<Blocked>,
    /// The chunk that its last run left behind.
    #[serde(alias = "stuck_chunk")]
    pub stuck: Option<Stuck>,
    /// Chunks compressed under other settings than the table's now; `None`: not asked yet.
    pub old_settings: Option<i64>,
    /// What was recorded of them, the frozen ones among them.
    #[serde(default)]
    pub old_record: Recorded,
    pub drift: Option<Drift>,
    /// Why the two could not be had.
    pub packed_error: Option<String>,
    /// The first backlog that this console saw, and when.
    pub seen: Option<(Stamp, i64)>,
}

/// What the companion query returns of a hypertable.
#[derive(Deserialize)]
pub(super) struct Companion {
    pub(super) id: i32,
    pub(super) enabled: bool,
    pub(super) segment_by: Option<String>,
    pub(super) open: bool,
    pub(super) order_by: Option<String>,
    pub(super) before_bytes: Option<i64>,
    pub(super) after_bytes: Option<i64>,
    pub(super) compressed_rows: Option<i64>,
    pub(super) batches: Option<i64>,
    #[serde(alias = "blocked_pid")]
    pub(super) blocked: Option<Blocked>,
}

/// The oldest chunk that the policy's last run should have compressed and did not, where later ones are compressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stuck {
    /// As the actions take it: quoted, without TimescaleDB's own schema.
    #[serde(alias = "stuck_chunk")]
    pub chunk: String,
    /// Who has held a lock on it since before the failed run ended; 0: a prepared transaction; `None`: nobody is seen.
    pub holder: Option<i32>,
    pub(super) holder_name: Option<String>,
    #[serde(alias = "holder_mode")]
    pub(super) mode: Option<String>,
    #[serde(alias = "holder_since")]
    pub(super) since: Option<Stamp>,
}

impl Stuck {
    /// Who is in the way; `None`: nobody is seen.
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

/// Compressed chunks whose bytes now are less than half or more than twice those on record, by a megabyte at least: of
/// the newest 100 partial or unordered ones and the newest 20 others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    pub chunks: i64,
    pub recorded: i64,
    pub bytes: i64,
}

/// Compressed chunks, and what was recorded when they were compressed: their bytes before and after, their rows, and the
/// batches that hold them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    pub chunks: i64,
    pub before: Option<i64>,
    pub after: Option<i64>,
    pub rows: Option<i64>,
    pub batches: Option<i64>,
}

impl Recorded {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a ratio is shown with one digit"
    )]
    pub(super) fn ratio(&self) -> Option<f64> {
        let after = self.after.filter(|after| *after > 0)?;
        Some(self.before? as f64 / after as f64)
    }

    /// As the figures give them; a recording of before has none.
    pub(super) fn read(figures: &[Option<i64>]) -> Self {
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

    /// The others, where these are some of them.
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
    pub(super) fn of(
        chunks: Option<i64>,
        recorded: Option<i64>,
        bytes: Option<i64>,
    ) -> Option<Self> {
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

    /// Of all compressed chunks.
    pub(super) fn record(&self) -> Recorded {
        Recorded {
            chunks: self.compressed + self.partial,
            before: self.before_bytes,
            after: self.after_bytes,
            rows: self.rows,
            batches: self.batches,
        }
    }

    /// The bytes of the backlog; about, until they are known.
    pub(super) fn backlog_size(&self) -> Value {
        let about = self.about_backlog_bytes.map(Value::AboutBytes);
        self.backlog_bytes.map(Value::Bytes).or(about).into()
    }

    pub(super) fn full_name(&self) -> String {
        text::qualified(&self.schema, &self.name)
    }

    /// How many chunks the bytes of the backlog have to open; `None`: there is nothing to ask.
    pub(super) fn backlog_cost(&self) -> Option<usize> {
        let backlog = self.backlog.filter(|backlog| *backlog > 0)?;
        usize::try_from(backlog).ok()
    }

    /// How many chunks the function that says what "now" is may have to open; `None`: the list has the backlog.
    pub(super) fn integer_cost(&self) -> Option<usize> {
        let policy = self.policy.as_ref()?;
        policy.after_number?;
        let integer = self.axis == Axis::Integer && self.has_now;
        usize::try_from(self.chunks.max(1)).ok().filter(|_| integer)
    }

    /// How many relations the true sizes of compressed chunks have to open, two for each; 0: none is compressed.
    pub(super) fn packed_cost(&self) -> usize {
        let many = 2 * (self.compressed.min(20) + self.partial.min(100));
        usize::try_from(many).unwrap_or(0)
    }
}
