//! Alert thresholds: defaults, and overrides from config.toml, for all or by name.

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

/// Whether a threshold is one for the server, or may differ between hypertables and aggregates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Server,
    Each,
}

/// Definition of a threshold. `default` is in seconds, bytes or percent, as `unit` says.
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
        /// Values of all thresholds for one object. Times are in seconds.
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
                    // A recording of another version may have it.
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

        /// Every threshold, in the order of the list.
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
    connections_percent: Server Percent = 80.0, "share of the allowed client connections in use: a warning";
    connections_critical_percent: Server Percent = 95.0, "share of the allowed client connections in use: critical";
    replication_lag: Server Time = MINUTE, "replay lag of a standby: a warning";
    slot_bytes: Server Bytes = 10.0 * 1024.0 * MIB, "WAL kept by a replication slot: a warning";
    slot_percent: Server Percent = 80.0, "WAL kept by a slot, as a share of max_slot_wal_keep_size: the slot may soon be lost";
    prepared_age: Server Time = 10.0 * MINUTE, "age of a prepared transaction, which holds locks and blocks vacuum: a warning";
    wraparound_factor: Server Factor = 1.5, "age of the oldest transaction, as a multiple of autovacuum_freeze_max_age: a warning";
    wraparound_critical_percent: Server Percent = 50.0, "age of the oldest transaction, as a share of the 2^31 at which the server stops: critical";
    blocked: Server Time = 5.0, "wait for a lock: a warning";
    stuck_blocker: Server Time = MINUTE, "time for which a session idle in transaction blocks others: critical";
    idle_in_transaction_notice: Server Time = MINUTE, "time idle in transaction: a notice";
    idle_in_transaction: Server Time = 5.0 * MINUTE, "time idle in transaction: a warning";
    long_transaction_notice: Server Time = 5.0 * MINUTE, "duration of a query or transaction: a notice";
    long_transaction: Server Time = HOUR, "duration of a query or transaction: a warning";
    query_percent_notice: Server Percent = 10.0, "share of the total execution time in one statement: a notice";
    query_percent: Server Percent = 30.0, "share of the total execution time in one statement: a warning";
    query_time: Server Time = MINUTE, "shares are judged from this total execution time on";
    spill_bytes_notice: Server Bytes = 64.0 * MIB, "bytes that one statement wrote to temporary files in all: a notice";
    spill_bytes: Server Bytes = 1024.0 * MIB, "bytes that one statement wrote to temporary files in all: a warning";
    spill_bytes_a_call: Server Bytes = 64.0 * MIB, "average bytes that one call of a statement writes to temporary files: a warning";
    job_late: Each Time = 2.0 * MINUTE, "delay after which a job that has not started is late";
    job_failures_critical: Each Count = 3.0, "failures or crashes in a row: critical";
    job_unseen: Each Time = 10.0, "age from which a run without a worker counts as crashed";
    job_overrun: Each Time = 10.0, "time that a run exceeds its max_runtime: a warning";
    job_stopped_percent: Each Percent = 98.0, "share of max_runtime from which a failed run counts as stopped by it";
    job_slow_factor: Each Factor = 5.0, "duration of a slow run, as a multiple of the average";
    job_slow_time: Each Time = MINUTE, "shorter runs are never slow";
    job_far_factor: Each Factor = 2.0, "schedule intervals until the next start, beyond which it is too far (with job_far)";
    job_far: Each Time = HOUR, "margin on top of job_far_factor schedule intervals";
    aggregate_lag_factor: Each Factor = 1.0, "late: lag as a multiple of the expected maximum lag";
    aggregate_lag_critical_factor: Each Factor = 2.0, "lag as a multiple of the expected maximum lag, while the policy does not run: critical";
    aggregate_patience: Each Time = MINUTE, "margin on top of the expected maximum lag, for the duration of a run";
    aggregate_held_percent: Each Percent = 80.0, "share of the expected maximum lag from which end_offset is named as the cause of the lag";
    aggregate_future: Each Time = MINUTE, "distance of a watermark into the future, from which it hides new rows";
    refresh_slow_factor: Each Factor = 2.0, "duration of a slow refresh, as a multiple of the average";
    refresh_slow_time: Each Time = MINUTE, "shorter refreshes are never slow";
    pending_ranges: Each Count = 1000.0, "changed ranges that wait for a refresh: a notice";
    compression_patience: Each Time = 5.0 * MINUTE, "delay after the policy's schedule before a chunk is overdue for compression";
    compression_trend_run: Each Time = 10.0, "age of a run from which its end is estimated";
    compression_trend_seen: Each Time = MINUTE, "time that this console must have watched a backlog before it shows a trend";
    poor_ratio: Each Factor = 3.0, "a compression ratio below this is poor";
    poor_chunk_bytes: Each Bytes = MIB, "uncompressed size below which the ratio of a chunk is not judged";
    grown_bytes: Each Bytes = MIB, "bytes that compression added in all: a warning, whatever the size of the chunks";
    batch_rows: Each Count = 100.0, "rows per compressed batch below which batches are too small; up to 1000 fit";
    uncompressed_chunks: Each Count = 50.0, "number of chunks without compression enabled: a notice above it";
    unscheduled_chunks: Each Count = 1.0, "number of uncompressed chunks with compression enabled and no policy: a notice above it";
    retention_patience: Each Time = 5.0 * MINUTE, "delay after the policy's schedule before a chunk is overdue to be dropped";
    no_retention_age: Each Time = 365.25 * DAY, "age of data that no policy drops, with no_retention_chunks: a notice";
    no_retention_chunks: Each Count = 100.0, "number of chunks with data that no policy drops, with no_retention_age: a notice above it";
    memory_percent: Each Percent = 25.0, "share of effective_cache_size that the chunks of one interval may take";
    small_chunk_bytes: Each Bytes = 10.0 * MIB, "size below which a chunk is small: opening it costs as much as reading it";
    small_chunks: Each Count = 100.0, "number of chunks below small_chunk_bytes: a notice";
    many_chunks: Each Count = 1000.0, "number of chunks, where fewer would do: a notice";
    lock_table_percent: Each Percent = 50.0, "share of the lock table that a statement on all chunks takes";
    unused_index_bytes: Each Bytes = 100.0 * MIB, "size of an unused index: a warning above it";
    compressed_index_percent: Each Percent = 90.0, "share of compressed chunks from which an unused index has little left to serve";
    bloated_index_percent: Each Percent = 50.0, "estimated share of an index that is empty, with bloated_index_bytes: a notice";
    bloated_index_bytes: Each Bytes = 100.0 * MIB, "estimated bytes of an index that are empty, with bloated_index_percent: a notice";
    statistics_age: Each Time = 7.0 * DAY, "age of the statistics below which an unused index is uncertain: a monthly report may not have run yet";
}

/// Whether a count is above a threshold.
#[expect(clippy::cast_precision_loss, reason = "thresholds are round")]
pub(crate) fn exceeds(count: i64, threshold: f64) -> bool {
    count as f64 > threshold
}

/// Whether a count is at or above a threshold.
#[expect(clippy::cast_precision_loss, reason = "thresholds are round")]
pub fn reaches(count: i64, threshold: f64) -> bool {
    count as f64 >= threshold
}

/// `part` as a percentage of `whole`.
#[expect(clippy::cast_precision_loss, reason = "thresholds are round")]
pub fn percent(part: i64, whole: i64) -> f64 {
    part as f64 * 100.0 / whole as f64
}

impl Threshold {
    pub fn named(key: &str) -> Option<&'static Self> {
        ALL.iter().find(|known| known.key == key)
    }
}

/// Overrides for the hypertables and aggregates whose name matches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exception {
    /// Pattern for the name with its schema; `*` matches anything.
    pub name: String,
    pub changes: Vec<(String, f64)>,
}

/// A value from config.toml, with its line (from 1).
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    pub key: String,
    pub value: f64,
    pub line: usize,
    /// Pattern of the names that it is for; `None`: all.
    pub name: Option<String>,
}

/// Values for all, and exceptions by name. The last exception that matches wins.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Thresholds {
    pub all: Limits,
    pub exceptions: Vec<Exception>,
    /// Lines of config.toml that set them; not kept in recordings.
    #[serde(skip)]
    pub written: Vec<Written>,
}

impl Thresholds {
    /// Thresholds in force for the hypertable or aggregate of this name (with its schema).
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
