//! From where on something is worth a word: sound defaults, changed in config.toml for all or by name.

use serde::{Deserialize, Serialize};

use crate::model::text::fits;

/// How a threshold is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Kept in seconds.
    Time,
    Bytes,
    Percent,
    /// Times something.
    Factor,
    Count,
}

/// Whether it can differ from one hypertable or aggregate to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Server,
    Each,
}

/// What a threshold is, whatever its value.
#[derive(Debug, Clone, Copy)]
pub struct Threshold {
    pub key: &'static str,
    pub scope: Scope,
    pub unit: Unit,
    pub default: f64,
    pub meaning: &'static str,
}

macro_rules! limits {
    ($($key:ident: $scope:ident $unit:ident = $default:expr, $meaning:literal;)+) => {
        /// The thresholds that count for one thing. Times are in seconds.
        #[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct Limits { $(pub $key: f64),+ }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($key: $default),+ }
            }
        }

        impl Limits {
            pub fn set(&mut self, key: &str, value: f64) {
                match key {
                    $(stringify!($key) => self.$key = value,)+
                    // Of another version, in a recording.
                    _ => {}
                }
            }

            pub fn get(&self, key: &str) -> f64 {
                match key {
                    $(stringify!($key) => self.$key,)+
                    _ => f64::NAN,
                }
            }
        }

        /// All that there are, in the order in which they are listed.
        pub const ALL: &[Threshold] = &[$(Threshold {
            key: stringify!($key),
            scope: Scope::$scope,
            unit: Unit::$unit,
            default: $default,
            meaning: $meaning,
        }),+];
    };
}

const MINUTE: f64 = 60.0;
const HOUR: f64 = 3600.0;
const DAY: f64 = 86_400.0;
const MIB: f64 = 1_048_576.0;

// One row each: the key, whether it can differ by name, its unit, its default and its meaning.
limits! {
    connections_percent: Server Percent = 80.0, "client connections in use, of those allowed: a warning, as the next burst may be refused";
    connections_critical_percent: Server Percent = 95.0, "client connections in use, of those allowed: critical";
    replication_lag: Server Time = MINUTE, "a standby that is further behind serves old rows";
    slot_bytes: Server Bytes = 10.0 * 1024.0 * MIB, "a replication slot that keeps more WAL may fill the disk";
    slot_percent: Server Percent = 80.0, "a slot that keeps more WAL, of max_slot_wal_keep_size, may soon be lost";
    prepared_age: Server Time = 10.0 * MINUTE, "a prepared transaction that is older: it holds its locks, and vacuum back, for ever";
    wraparound_factor: Server Factor = 1.5, "age of the oldest transaction, times that at which autovacuum freezes: a warning";
    wraparound_critical_percent: Server Percent = 50.0, "age of the oldest transaction, of the 2^31 before the server stops: critical";
    blocked: Server Time = 5.0, "a longer wait for a lock is a warning";
    stuck_blocker: Server Time = MINUTE, "a session that idles in a transaction and keeps others waiting for so long is critical";
    idle_in_transaction_notice: Server Time = MINUTE, "idle in a transaction for so long: a notice";
    idle_in_transaction: Server Time = 5.0 * MINUTE, "idle in a transaction for so long: a warning";
    long_transaction_notice: Server Time = 5.0 * MINUTE, "a query or transaction that goes on for so long: a notice";
    long_transaction: Server Time = HOUR, "a query or transaction that goes on for so long: a warning";
    query_percent_notice: Server Percent = 10.0, "part of all execution time that one statement takes: a notice";
    query_percent: Server Percent = 30.0, "part of all execution time that one statement takes: a warning";
    query_time: Server Time = MINUTE, "while less execution time is counted in all, no part of it is judged";
    spill_bytes_notice: Server Bytes = 64.0 * MIB, "what a statement writes to temporary files in all: a notice";
    spill_bytes: Server Bytes = 1024.0 * MIB, "what a statement writes to temporary files in all: a warning";
    spill_bytes_a_call: Server Bytes = 64.0 * MIB, "what one call of a statement writes to temporary files on average: a warning";
    job_late: Each Time = 2.0 * MINUTE, "a job that should have started so long ago is late; a new one may wait so long for its first start";
    job_failures_critical: Each Count = 3.0, "so many failures or crashes in a row are critical";
    job_unseen: Each Time = 10.0, "a run that began so long ago, and has no worker, has crashed";
    job_overrun: Each Time = 10.0, "a run that goes on for so long after its max_runtime is a warning";
    job_stopped_percent: Each Percent = 98.0, "a failed run that took so much of its max_runtime was stopped by it";
    job_slow_factor: Each Factor = 5.0, "a run that takes so many times the average is slow";
    job_slow_time: Each Time = MINUTE, "a run that takes less is never slow";
    job_far_factor: Each Factor = 2.0, "a next start further away than so many intervals of the schedule, and job_far, was moved by somebody";
    job_far: Each Time = HOUR, "a next start may be so much later than job_far_factor intervals of the schedule";
    aggregate_lag_factor: Each Factor = 1.0, "behind: the lag is more than so many times what the refresh policy promises";
    aggregate_lag_critical_factor: Each Factor = 2.0, "critical: the lag is more than so many times what the refresh policy promises, and the policy does not run";
    aggregate_patience: Each Time = MINUTE, "what a run may take on top of what the refresh policy promises";
    aggregate_held_percent: Each Percent = 80.0, "part of what the policy promises from which on its end_offset is named as what holds rows back";
    aggregate_future: Each Time = MINUTE, "a watermark that lies further in the future hides new rows";
    refresh_slow_factor: Each Factor = 2.0, "a refresh that takes so many times the average is longer than usual";
    refresh_slow_time: Each Time = MINUTE, "a refresh that takes less is never longer than usual";
    pending_ranges: Each Count = 1000.0, "so many changed ranges that wait for a refresh make it slow: a notice";
    compression_patience: Each Time = 5.0 * MINUTE, "how long after the policy's schedule a chunk may still wait for compression";
    compression_trend_run: Each Time = 10.0, "while a run is younger, its pace says nothing of when it ends";
    compression_trend_seen: Each Time = MINUTE, "while this console has watched a backlog for less, its trend is not shown";
    poor_ratio: Each Factor = 3.0, "a smaller compression ratio is poor";
    poor_chunk_bytes: Each Bytes = MIB, "the ratio of chunks that were smaller is not judged: the pages that each has decide it";
    grown_bytes: Each Bytes = MIB, "compression that adds so much in all is a warning, however small the chunks are";
    batch_rows: Each Count = 100.0, "compressed batches of fewer rows waste their headers; up to 1000 fit";
    uncompressed_chunks: Each Count = 50.0, "more chunks, and compression is not enabled: a notice";
    unscheduled_chunks: Each Count = 1.0, "more uncompressed chunks where compression is enabled and has no policy: a notice";
    retention_patience: Each Time = 5.0 * MINUTE, "how long after the policy's schedule a chunk may still wait to be dropped";
    no_retention_age: Each Time = 365.25 * DAY, "data that is older, in more than no_retention_chunks chunks, and nothing drops it: a notice";
    no_retention_chunks: Each Count = 100.0, "data that is older than no_retention_age, in more chunks than this, and nothing drops it: a notice";
    memory_percent: Each Percent = 25.0, "part of effective_cache_size that the chunks of one interval may take";
    small_chunk_bytes: Each Bytes = 10.0 * MIB, "a chunk of less is small: to open it costs as much as to read it";
    small_chunks: Each Count = 100.0, "so many chunks of less than small_chunk_bytes: a notice";
    many_chunks: Each Count = 1000.0, "so many chunks where fewer would do: a notice";
    lock_table_percent: Each Percent = 50.0, "locks that a statement on all chunks takes, of those that the lock table holds";
    unused_index_bytes: Each Bytes = 100.0 * MIB, "an unused index that is larger is a warning";
    compressed_index_percent: Each Percent = 90.0, "an unused index of whose chunks so many are compressed has hardly anything left to serve";
    bloated_index_percent: Each Percent = 50.0, "part of an index that is empty, by estimate, and more than bloated_index_bytes: a notice";
    bloated_index_bytes: Each Bytes = 100.0 * MIB, "bytes of an index that are empty, by estimate, and at least bloated_index_percent of it: a notice";
    statistics_age: Each Time = 7.0 * DAY, "scans counted for less time prove little: a monthly report would not have run";
}

/// Whether a count lies above a threshold.
#[expect(clippy::cast_precision_loss, reason = "thresholds are round")]
pub(crate) fn exceeds(count: i64, threshold: f64) -> bool {
    count as f64 > threshold
}

/// Whether a count has come to a threshold.
#[expect(clippy::cast_precision_loss, reason = "thresholds are round")]
pub fn reaches(count: i64, threshold: f64) -> bool {
    count as f64 >= threshold
}

/// A count as percent of another.
#[expect(clippy::cast_precision_loss, reason = "thresholds are round")]
pub fn percent(part: i64, whole: i64) -> f64 {
    part as f64 * 100.0 / whole as f64
}

impl Threshold {
    pub fn named(key: &str) -> Option<&'static Self> {
        ALL.iter().find(|known| known.key == key)
    }
}

/// What differs for the hypertables and aggregates whose name fits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exception {
    /// As the screens show it, with its schema; `*` stands for anything.
    pub name: String,
    pub changes: Vec<(String, f64)>,
}

/// A value that config.toml gives, and on which line.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    pub key: String,
    pub value: f64,
    pub line: usize,
    /// The hypertables and aggregates that it is for; `None`: all.
    pub name: Option<String>,
}

/// The thresholds of all, and the exceptions by name; of those that fit, the last one counts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Thresholds {
    pub all: Limits,
    pub exceptions: Vec<Exception>,
    /// Where they come from, which a recording does not keep.
    #[serde(skip)]
    pub written: Vec<Written>,
}

impl Thresholds {
    /// What counts for the hypertable or aggregate of this name, as the screens show it.
    pub fn of(&self, name: &str) -> Limits {
        let mut limits = self.all;
        for exception in self.exceptions.iter().filter(|one| fits(&one.name, name)) {
            for (key, value) in &exception.changes {
                limits.set(key, *value);
            }
        }
        limits
    }
}
