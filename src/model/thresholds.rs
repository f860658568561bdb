//! From where on something is worth a word: sound defaults, changed in config.toml for all or by name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use toml::{Spanned, Value};

use crate::model::interval::Interval;
use crate::model::text::fits;

/// A table of config.toml, each key and value with its place in the file.
pub type Table = BTreeMap<Spanned<String>, Spanned<Value>>;
/// What is wrong, and at which byte of the file.
pub type Wrong = (usize, String);

/// How a threshold is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
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
enum Scope {
    Server,
    Each,
}

macro_rules! limits {
    ($($(#[doc = $about:literal])* $key:ident: $scope:ident $unit:ident = $default:expr;)+) => {
        /// The thresholds that count for one thing. Times are in seconds.
        #[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct Limits { $($(#[doc = $about])* pub $key: f64),+ }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($key: $default),+ }
            }
        }

        impl Limits {
            fn set(&mut self, key: &str, value: f64) {
                match key {
                    $(stringify!($key) => self.$key = value,)+
                    // Of another version, in a recording.
                    _ => {}
                }
            }

            fn get(&self, key: &str) -> f64 {
                match key {
                    $(stringify!($key) => self.$key,)+
                    _ => f64::NAN,
                }
            }
        }

        const KEYS: &[(&str, Scope, Unit)] = &[$((stringify!($key), Scope::$scope, Unit::$unit)),+];
    };
}

const MINUTE: f64 = 60.0;
const HOUR: f64 = 3600.0;
const DAY: f64 = 86_400.0;
const MIB: f64 = 1_048_576.0;

limits! {
    /// Client connections in use, of those allowed: a warning, as the next burst may be refused.
    connections_percent: Server Percent = 80.0;
    connections_critical_percent: Server Percent = 95.0;
    /// A standby that is further behind serves old rows.
    replication_lag: Server Time = MINUTE;
    /// An unused slot that keeps back more WAL fills the disk.
    slot_bytes: Server Bytes = 10.0 * 1024.0 * MIB;
    /// A prepared transaction holds its locks, and vacuum back, for ever.
    prepared_age: Server Time = 10.0 * MINUTE;
    /// Locks are waited for all the time; a wait from here on is a warning.
    blocked: Server Time = 5.0;
    /// An idle session that keeps others waiting so long will not end by itself: critical.
    stuck_blocker: Server Time = MINUTE;
    idle_in_transaction_notice: Server Time = MINUTE;
    /// A warning.
    idle_in_transaction: Server Time = 5.0 * MINUTE;
    long_transaction_notice: Server Time = 5.0 * MINUTE;
    /// A warning.
    long_transaction: Server Time = HOUR;
    /// Part of all execution time that one statement takes.
    query_percent_notice: Server Percent = 10.0;
    /// A warning.
    query_percent: Server Percent = 30.0;
    /// While less time than this is counted altogether, no share says anything.
    query_time: Server Time = MINUTE;
    /// What a statement writes to temporary files in all; the next two are a warning, in all and by one call.
    spill_bytes_notice: Server Bytes = 64.0 * MIB;
    spill_bytes: Server Bytes = 1024.0 * MIB;
    spill_bytes_a_call: Server Bytes = 64.0 * MIB;
    /// So many failures in a row are no accident.
    job_failures_critical: Each Count = 3.0;
    /// A run that takes so many times the average is slow.
    job_slow_factor: Each Factor = 5.0;
    /// Behind: so many times what the refresh policy promises.
    aggregate_lag_factor: Each Factor = 1.0;
    /// Critical, where its policy does not run either.
    aggregate_lag_critical_factor: Each Factor = 2.0;
    /// So many changed ranges make a refresh dear.
    pending_ranges: Each Count = 1000.0;
    /// How long after the policy's schedule a chunk may still wait for compression.
    compression_patience: Each Time = 5.0 * MINUTE;
    /// A smaller compression ratio is poor.
    poor_ratio: Each Factor = 3.0;
    /// Compressed batches of fewer rows waste their headers; up to 1000 fit.
    batch_rows: Each Count = 100.0;
    /// So many chunks without compression are worth a word.
    uncompressed_chunks: Each Count = 50.0;
    /// How long after the policy's schedule a chunk may still wait to be dropped.
    retention_patience: Each Time = 5.0 * MINUTE;
    /// Data that is older, in more chunks than the next, is worth a word where nothing drops it.
    no_retention_age: Each Time = 365.25 * DAY;
    no_retention_chunks: Each Count = 100.0;
    /// A chunk of less is small: opening it costs as much as reading it. So many of them are worth a word.
    small_chunk_bytes: Each Bytes = 10.0 * MIB;
    small_chunks: Each Count = 100.0;
    /// So many chunks are worth a word where fewer would do.
    many_chunks: Each Count = 1000.0;
    /// Locks that a statement on all chunks takes, of those that the lock table holds.
    lock_table_percent: Each Percent = 50.0;
    /// An unused index that is smaller is not worth a warning.
    unused_index_bytes: Each Bytes = 100.0 * MIB;
    /// An unused index on so many compressed chunks, of all that have it, has hardly anything left to serve.
    compressed_index_percent: Each Percent = 90.0;
    /// What of an index is empty, by estimate; both are to be reached.
    bloated_index_percent: Each Percent = 50.0;
    bloated_index_bytes: Each Bytes = 100.0 * MIB;
    /// Scans counted for a shorter time prove little: a monthly report would not have run.
    statistics_age: Each Time = 7.0 * DAY;
}

/// Whether a count lies above a threshold.
#[expect(clippy::cast_precision_loss, reason = "thresholds are round")]
pub(crate) fn exceeds(count: i64, threshold: f64) -> bool {
    count as f64 > threshold
}

/// A count as percent of another.
#[expect(clippy::cast_precision_loss, reason = "thresholds are round")]
pub fn percent(part: i64, whole: i64) -> f64 {
    part as f64 * 100.0 / whole as f64
}

/// The first of each pair is at most the second: a milder word comes first.
const IN_ORDER: &[(&str, &str)] = &[
    ("connections_percent", "connections_critical_percent"),
    ("idle_in_transaction_notice", "idle_in_transaction"),
    ("long_transaction_notice", "long_transaction"),
    ("query_percent_notice", "query_percent"),
    ("spill_bytes_notice", "spill_bytes"),
    ("aggregate_lag_factor", "aggregate_lag_critical_factor"),
];

/// What differs for the hypertables and aggregates whose name fits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Exception {
    /// As the screens show it, with its schema; `*` stands for anything.
    name: String,
    changes: Vec<(String, f64)>,
}

/// The thresholds of all, and the exceptions by name; of those that fit, the last one counts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Thresholds {
    pub all: Limits,
    exceptions: Vec<Exception>,
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

    /// Reads `[thresholds]` and each `[[thresholds_for]]`.
    pub fn read(all: &Table, exceptions: &[Table]) -> Result<Self, Wrong> {
        let mut thresholds = Self::default();
        for (key, value) in all {
            thresholds.all.set(key.as_ref(), read(key, value)?);
        }
        ordered(&thresholds.all, all)?;
        for table in exceptions {
            let exception = read_exception(table)?;
            let mut limits = thresholds.all;
            for (key, value) in &exception.changes {
                limits.set(key, *value);
            }
            ordered(&limits, table)?;
            thresholds.exceptions.push(exception);
        }
        Ok(thresholds)
    }
}

fn read_exception(table: &Table) -> Result<Exception, Wrong> {
    let place = table.keys().map(|key| key.span().start).min().unwrap_or(0);
    let (mut name, mut changes) = (None, Vec::new());
    for (key, value) in table {
        if key.as_ref() != "name" {
            if let Some((_, Scope::Server, _)) = find(key.as_ref()) {
                let why = format!(
                    "{} is of the whole server: it goes into [thresholds]",
                    key.as_ref()
                );
                return Err((key.span().start, why));
            }
            changes.push((key.as_ref().clone(), read(key, value)?));
            continue;
        }
        let Value::String(text) = value.as_ref() else {
            return Err((value.span().start, NAME.to_owned()));
        };
        name = Some(text.clone());
    }
    let name = name.ok_or_else(|| (place, NAME.to_owned()))?;
    Ok(Exception { name, changes })
}

const NAME: &str = "[[thresholds_for]] wants a name: name = \"mes.*\", as the screens show it";

fn find(key: &str) -> Option<(&'static str, Scope, Unit)> {
    KEYS.iter().copied().find(|(known, ..)| *known == key)
}

fn read(key: &Spanned<String>, value: &Spanned<Value>) -> Result<f64, Wrong> {
    let name = key.as_ref();
    let Some((_, _, unit)) = find(name) else {
        let known: Vec<_> = KEYS.iter().map(|(known, ..)| *known).collect();
        let why = format!(
            "there is no threshold {name}; there are: {}",
            known.join(", ")
        );
        return Err((key.span().start, why));
    };
    let meant = match (unit, value.as_ref()) {
        (Unit::Time, Value::String(text)) => Interval::parse(text).ok().map(Interval::seconds),
        (Unit::Bytes, Value::String(text)) => bytes(text),
        (Unit::Percent, Value::String(text)) => text
            .strip_suffix('%')
            .and_then(|number| number.trim().parse().ok()),
        (Unit::Factor | Unit::Count, Value::String(_)) | (Unit::Time, _) => None,
        (_, value) => number(value),
    };
    let fits = |number: &f64| match unit {
        Unit::Percent => *number > 0.0 && *number <= 100.0,
        Unit::Count => *number >= 1.0 && number.fract() == 0.0,
        Unit::Time | Unit::Bytes | Unit::Factor => number.is_finite() && *number > 0.0,
    };
    meant.filter(fits).ok_or_else(|| {
        let how = match unit {
            Unit::Time => "a time: write \"5m\", \"1h30m\" or \"2 days\"",
            Unit::Bytes => "a size: write \"10 GiB\", \"500 MB\" or a number of bytes",
            Unit::Percent => "a part of 100: write 80",
            Unit::Factor => "a number above 0: write 1.5",
            Unit::Count => "a whole number from 1: write 3",
        };
        let why = format!("{name} = {}: it is {how}", value.as_ref());
        (value.span().start, why)
    })
}

#[expect(clippy::cast_precision_loss, reason = "thresholds are round")]
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    }
}

/// `10 GiB`, `500MB`, `1.5 TB`: units of 1024, as PostgreSQL's.
fn bytes(text: &str) -> Option<f64> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let power = match unit.trim().to_lowercase().as_str() {
        "" | "b" => 0,
        "kb" | "kib" => 1,
        "mb" | "mib" => 2,
        "gb" | "gib" => 3,
        "tb" | "tib" => 4,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * 1024_f64.powi(power))
}

/// Checks that no milder threshold lies behind the graver one; the fault is where one of the two is written.
fn ordered(limits: &Limits, table: &Table) -> Result<(), Wrong> {
    for (mild, grave) in IN_ORDER {
        if limits.get(mild) <= limits.get(grave) {
            continue;
        }
        let written = |key: &&Spanned<String>| [*mild, *grave].contains(&key.as_ref().as_str());
        let place = table.keys().find(written).map_or(0, |key| key.span().start);
        let why =
            format!("{mild} lies above {grave}: change that too, so that it is reached first");
        return Err((place, why));
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "what was written is read")]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct File {
        #[serde(default)]
        thresholds: Table,
        #[serde(default)]
        thresholds_for: Vec<Table>,
    }

    fn parsed(text: &str) -> Result<Thresholds, Wrong> {
        let file: File = toml::from_str(text).unwrap();
        Thresholds::read(&file.thresholds, &file.thresholds_for)
    }

    #[test]
    fn thresholds_are_changed_for_all_and_by_name() {
        let read = parsed(
            "[thresholds]\nslot_bytes = \"1 GiB\"\nlong_transaction = \"2 h\"\nconnections_percent = \"90%\"\npoor_ratio = 2\n\
             [[thresholds_for]]\nname = \"mes.*\"\npoor_ratio = 5.5\ncompression_patience = \"1 day\"\n\
             [[thresholds_for]]\nname = \"mes.metrics\"\npoor_ratio = 6\n",
        )
        .unwrap();
        assert_eq!(
            (
                read.all.slot_bytes,
                read.all.long_transaction,
                read.all.connections_percent
            ),
            (1_073_741_824.0, 7200.0, 90.0)
        );
        assert_eq!(read.of("public.other").poor_ratio, 2.0);
        assert_eq!(read.of("mes.energy").poor_ratio, 5.5);
        assert_eq!(read.of("mes.energy").compression_patience, 86_400.0);
        assert_eq!(read.of("mes.metrics").poor_ratio, 6.0);
        assert_eq!(read.of("mes.metrics").compression_patience, 86_400.0);
        assert_eq!(read.all.prepared_age, Limits::default().prepared_age);
    }

    #[test]
    fn what_is_wrong_names_the_key_and_the_mend_and_its_place() {
        for (text, words) in [
            ("patience = 1", "there are: connections_percent"),
            ("slot_bytes = \"much\"", "write \"10 GiB\""),
            ("slot_bytes = \"10 G\"", "write \"10 GiB\""),
            ("prepared_age = 600", "write \"5m\""),
            ("prepared_age = \"-5m\"", "write \"5m\""),
            ("connections_percent = 120", "write 80"),
            ("connections_percent = 99", "connections_critical_percent"),
            ("poor_ratio = 0", "write 1.5"),
            ("poor_ratio = \"3\"", "write 1.5"),
            ("poor_ratio = nan", "write 1.5"),
            ("job_failures_critical = 2.5", "write 3"),
        ] {
            let (place, why) = parsed(&format!("[thresholds]\n{text}")).unwrap_err();
            let key = text.split_once(' ').unwrap().0;
            assert!(why.contains(key) && why.contains(words), "{text}: {why}");
            assert!(place >= 13, "{text}: {place}");
        }
        for (text, words) in [
            ("poor_ratio = 2", "wants a name"),
            ("name = 3", "wants a name"),
            ("name = \"a\"\nslot_bytes = 5", "goes into [thresholds]"),
            (
                "name = \"a\"\naggregate_lag_factor = 4",
                "aggregate_lag_critical_factor",
            ),
        ] {
            let (place, why) = parsed(&format!("[[thresholds_for]]\n{text}")).unwrap_err();
            assert!(why.contains(words), "{text}: {why}");
            assert!(place >= 19, "{text}: {place}");
        }
    }
}
