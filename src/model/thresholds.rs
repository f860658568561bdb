//! Alert thresholds: defaults and settings of config.toml, for all objects or by name.

use serde::{Deserialize, Serialize};

use crate::model::text::fits;

/// Unit of a threshold in config.toml.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A duration, kept in seconds.
    Time,
    Bytes,
    Percent,
    Factor,
    Count,
}

impl Unit {
    /// The exact value as in config.toml, without quotes.
    pub fn typed(self, value: f64) -> String {
        match self {
            Self::Time => {
                let sizes = [(86_400.0, "d"), (3600.0, "h"), (60.0, "m")];
                let (mut left, mut parts) = (value, Vec::new());
                for (size, name) in sizes {
                    let many = (left / size).floor();
                    left -= many * size;
                    if many > 0.0 {
                        parts.push(format!("{many}{name}"));
                    }
                }
                if left > 0.0 || parts.is_empty() {
                    parts.push(format!("{left}s"));
                }
                parts.join(" ")
            }
            Self::Bytes => {
                let sizes = [(4, "TiB"), (3, "GiB"), (2, "MiB"), (1, "KiB")];
                let mut sizes = sizes
                    .map(|(power, name)| (1024_f64.powi(power), name))
                    .into_iter();
                let whole = sizes.find(|(size, _)| value >= *size && (value / size).fract() == 0.0);
                match whole {
                    Some((size, name)) => format!("{} {name}", value / size),
                    None => value.to_string(),
                }
            }
            Self::Percent => format!("{value}%"),
            Self::Factor | Self::Count => value.to_string(),
        }
    }
}

/// Whether a threshold is for the whole server, or may be set per hypertable or aggregate.
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
    pub(crate) meaning: &'static str,
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
                    // An unknown key is ignored, because a recording of another version may have other keys.
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

// One row each: key, scope, unit, default, and meaning.
limits! {
    connections_percent: Server Percent = 80.0, "warning when at least this share of the allowed client connections is in use";
    connections_critical_percent: Server Percent = 95.0, "critical when at least this share of the allowed client connections is in use";
    replication_lag: Server Time = MINUTE, "warning when the replay of a standby lags by more than this";
    slot_bytes: Server Bytes = 10.0 * 1024.0 * MIB, "warning when a replication slot keeps more WAL than this";
    slot_percent: Server Percent = 80.0, "warning when a slot keeps more than this share of max_slot_wal_keep_size, and may soon be lost";
    prepared_age: Server Time = 10.0 * MINUTE, "warning when a prepared transaction, which holds locks and blocks vacuum, is older than this";
    wraparound_factor: Server Factor = 1.5, "warning when the oldest transaction id is older than autovacuum_freeze_max_age times this";
    wraparound_critical_percent: Server Percent = 50.0, "critical when the oldest transaction id is older than this share of 2^31; the server refuses writes three million before 2^31";
    rollback_percent_notice: Server Percent = 10.0, "notice when at least this share of the transactions was rolled back recently";
    rollback_percent: Server Percent = 30.0, "warning when at least this share of the transactions was rolled back recently";
    deadlock_percent: Server Percent = 0.1, "warning when at least this share of the transactions ended in a deadlock recently";
    conflict_percent: Server Percent = 1.0, "warning when at least this share of a standby's transactions was cancelled by replay recently";
    error_transactions: Server Count = 100.0, "the shares of rollbacks, deadlocks and conflicts are judged only if there were at least this many transactions";
    error_window: Server Time = 5.0 * MINUTE, "rollbacks, deadlocks and conflicts are counted over a recent period, whose length is between this and twice this";
    error_first_look: Server Time = DAY, "the first read (hypertop check has no other) counts rollbacks, deadlocks and conflicts since the last reset of the statistics, but nothing if that reset is older than this";
    blocked: Server Time = 5.0, "warning when a session waits for a lock for longer than this";
    stuck_blocker: Server Time = MINUTE, "critical when a session that is idle in transaction blocks others for longer than this";
    idle_in_transaction_notice: Server Time = MINUTE, "notice when a session is idle in transaction for longer than this";
    idle_in_transaction: Server Time = 5.0 * MINUTE, "warning when a session is idle in transaction for longer than this";
    long_transaction_notice: Server Time = 5.0 * MINUTE, "notice when a query or transaction runs for longer than this";
    long_transaction: Server Time = HOUR, "warning when a query or transaction runs for longer than this";
    query_percent_notice: Server Percent = 10.0, "notice when one statement takes this share of the total execution time";
    query_percent: Server Percent = 30.0, "warning when one statement takes this share of the total execution time";
    query_time: Server Time = MINUTE, "the share of a statement is judged only if the total execution time is at least this";
    spill_bytes_notice: Server Bytes = 64.0 * MIB, "notice when one statement has written more than this to temporary files";
    spill_bytes: Server Bytes = 1024.0 * MIB, "warning when one statement has written more than this to temporary files";
    spill_bytes_a_call: Server Bytes = 64.0 * MIB, "warning when one statement writes more than this to temporary files per call, on average";
    job_late: Each Time = 2.0 * MINUTE, "a job is late if it has not started this long after its next start";
    job_failures_critical: Each Count = 3.0, "critical after this many failures or crashes in a row";
    job_unseen: Each Time = 10.0, "a run without a worker counts as crashed after this time";
    job_overrun: Each Time = 10.0, "warning when a run exceeds its max_runtime by more than this";
    job_stopped_percent: Each Percent = 98.0, "a failed run counts as stopped by max_runtime if it took at least this share of it";
    job_slow_factor: Each Factor = 5.0, "a run is slow if it takes longer than the average times this, and longer than job_slow_time";
    job_slow_time: Each Time = MINUTE, "shorter runs are never slow";
    job_far_factor: Each Factor = 2.0, "the next start is too far in the future if it is further away than this many schedule intervals plus job_far";
    job_far: Each Time = HOUR, "margin that is added to job_far_factor schedule intervals";
    job_crowd_percent: Server Percent = 100.0, "notice when more jobs start within the same minute than this share of the workers that can run jobs";
    job_busy_interval: Each Time = 12.0 * HOUR, "a policy that runs more often than this may start in busy hours";
    aggregate_lag_factor: Each Factor = 1.0, "an aggregate is late if its lag exceeds its expected maximum lag times this";
    aggregate_lag_critical_factor: Each Factor = 2.0, "critical when the lag exceeds the expected maximum lag times this while the policy does not run";
    aggregate_patience: Each Time = MINUTE, "margin that is added to the expected maximum lag, for the duration of a run";
    aggregate_held_percent: Each Percent = 80.0, "end_offset is named as the cause of a lag if it is more than this share of the expected maximum lag";
    aggregate_future: Each Time = MINUTE, "warning when a watermark is further in the future than this: new rows stay hidden";
    refresh_slow_factor: Each Factor = 2.0, "a refresh is slow if it takes longer than the average times this, and longer than refresh_slow_time";
    refresh_slow_time: Each Time = MINUTE, "shorter refreshes are never slow";
    pending_ranges: Each Count = 1000.0, "notice when this many changed ranges wait for a refresh";
    compression_patience: Each Time = 5.0 * MINUTE, "a chunk is overdue for compression if it is still uncompressed this long after the scheduled run";
    compression_trend_run: Each Time = 10.0, "the end of a compression run is estimated after it has run for this time";
    compression_trend_seen: Each Time = MINUTE, "a trend is shown after this console has watched a backlog for this time";
    poor_ratio: Each Factor = 3.0, "a compression ratio below this is poor";
    poor_chunk_bytes: Each Bytes = MIB, "the ratio of chunks that were smaller than this before compression is not judged";
    grown_bytes: Each Bytes = MIB, "warning when compression has added at least this to a table, even with small chunks; a poor ratio is reported only if it wastes at least this";
    batch_rows: Each Count = 100.0, "compressed batches with fewer rows than this are too small; a batch has room for 1000";
    uncompressed_chunks: Each Count = 50.0, "notice when a table without compression has more chunks than this";
    unscheduled_chunks: Each Count = 1.0, "notice when a table with compression but without a policy has more uncompressed chunks than this";
    retention_patience: Each Time = 5.0 * MINUTE, "a chunk is overdue for retention if it still exists this long after the scheduled run";
    retention_unread_far: Each Time = 7.0 * DAY, "critical when a run within this time will drop rows that an aggregate has not read; notice when the run is later";
    no_retention_age: Each Time = 365.25 * DAY, "notice when data that no policy drops is older than this and has more than no_retention_chunks chunks";
    no_retention_chunks: Each Count = 100.0, "notice when data that no policy drops has more chunks than this and is older than no_retention_age";
    memory_percent: Each Percent = 25.0, "notice when the chunks of one interval take more than this share of effective_cache_size";
    small_chunk_bytes: Each Bytes = 10.0 * MIB, "a chunk below this size is small: opening it costs as much as reading it";
    small_chunks: Each Count = 100.0, "notice when there are this many chunks below small_chunk_bytes";
    many_chunks: Each Count = 1000.0, "notice when there are this many chunks and fewer would be enough";
    lock_table_percent: Each Percent = 50.0, "notice when a statement on all chunks takes more than this share of the lock table";
    unused_index_bytes: Each Bytes = 100.0 * MIB, "warning when an unused index is larger than this";
    compressed_index_percent: Each Percent = 90.0, "an index without scans is useless if at least this share of its chunks is compressed";
    bloated_index_percent: Each Percent = 50.0, "notice when at least this share of an index is empty (estimate), and more than bloated_index_bytes";
    bloated_index_bytes: Each Bytes = 100.0 * MIB, "notice when more than this of an index is empty (estimate), and at least bloated_index_percent";
    statistics_age: Each Time = 7.0 * DAY, "while the statistics are younger than this, an index without scans is reported as uncertain";
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the comparison need not be exact"
)]
pub(crate) fn exceeds(count: i64, threshold: f64) -> bool {
    count as f64 > threshold
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the comparison need not be exact"
)]
pub(crate) fn reaches(count: i64, threshold: f64) -> bool {
    count as f64 >= threshold
}

/// `part` as a percentage of `whole`.
#[expect(
    clippy::cast_precision_loss,
    reason = "the comparison need not be exact"
)]
pub(crate) fn percent(part: i64, whole: i64) -> f64 {
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
    /// Pattern for `schema.name`; `*` stands for any text.
    pub name: String,
    pub changes: Vec<(String, f64)>,
}

/// A threshold set in config.toml.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Written {
    pub key: String,
    pub value: f64,
    /// The file and its line: `/etc/hypertop/config.toml:3`.
    pub from: String,
    /// Pattern of the names that the threshold applies to; `None`: all.
    pub name: Option<String>,
}

/// Thresholds for all objects, and exceptions by name. If several exceptions match, the last one wins.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Thresholds {
    pub all: Limits,
    pub exceptions: Vec<Exception>,
    /// The thresholds that config.toml sets; not kept in recordings.
    #[serde(skip)]
    pub(crate) written: Vec<Written>,
}

impl Thresholds {
    /// Thresholds for the hypertable or aggregate of this name (`schema.name`).
    pub(crate) fn of(&self, name: &str) -> Limits {
        let mut limits = self.all;
        for exception in self.exceptions.iter().filter(|one| fits(&one.name, name)) {
            for (key, value) in &exception.changes {
                limits.set(key, *value);
            }
        }
        limits
    }
}
