//! Thresholds: each is listed, parsed, checked, and has the effect that its text describes.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod known;

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Output};

use hypertop::model::moment::{Axis, Stamp};
use hypertop::model::thresholds::{ALL, Exception, Limits, Scope, Unit};
use hypertop::model::verdict::{Level, Verdict};
use hypertop::screens::jobs::{Statistics, Workers};
use hypertop::screens::later::Later;
use hypertop::screens::record::Record;
use hypertop::screens::{aggregates, compression, hypertables, jobs, server};
use hypertop::server::known::{At, Server};
use known::{NOW, server};
use serde_json::{Value as Json, json};

const HOUR: i64 = 3_600_000_000;
const MIB: i64 = 1 << 20;

/// Runs `hypertop thresholds` with this config.toml.
fn listed(settings: &str, format: &str) -> (Output, std::path::PathBuf, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hypertop/config.toml");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, settings).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_hypertop"))
        .args(["thresholds", "--format", format])
        .env("XDG_CONFIG_HOME", folder.path())
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    (output, file, folder)
}

fn out(output: &Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{error}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn rows(settings: &str) -> (Vec<Json>, std::path::PathBuf) {
    let (output, file, _folder) = listed(settings, "json");
    let all: Json = serde_json::from_str(&out(&output)).unwrap();
    (all["thresholds"].as_array().unwrap().clone(), file)
}

/// A value far from the default, as a user writes it, and as a number. All values of a unit change by the same factor, so that a threshold
/// for a notice stays milder than the threshold for a warning.
fn extreme(unit: Unit, default: f64) -> (String, f64) {
    match unit {
        Unit::Time => (format!("\"{}s\"", default * 1000.0), default * 1000.0),
        Unit::Percent => (format!("\"{}%\"", default / 50.0), default / 50.0),
        Unit::Bytes => (format!("\"{default} KiB\""), default * 1024.0),
        Unit::Factor | Unit::Count => (format!("{}", default * 1000.0), default * 1000.0),
    }
}

#[test]
fn every_threshold_is_set_and_listed_with_where_it_comes_from() {
    let mut settings = "[thresholds]\n".to_owned();
    for of in ALL {
        writeln!(settings, "{} = {}", of.key, extreme(of.unit, of.default).0).unwrap();
    }
    settings.push_str("[[thresholds_for]]\nname = \"mes.*\"\n");
    let each: Vec<_> = ALL.iter().filter(|of| of.scope == Scope::Each).collect();
    for of in &each {
        writeln!(settings, "{} = {}", of.key, extreme(of.unit, of.default).0).unwrap();
    }
    let (rows, file) = rows(&settings);
    assert_eq!(rows.len(), ALL.len() + each.len());
    let line_of = |key: &str, nth: usize| {
        let lines = settings.lines().enumerate();
        let mut lines = lines.filter(|(_, line)| line.starts_with(&format!("{key} = ")));
        lines.nth(nth).unwrap().0 + 1
    };
    for of in ALL {
        let mine: Vec<_> = rows.iter().filter(|row| row["key"] == of.key).collect();
        let by_name = of.scope == Scope::Each;
        assert_eq!(mine.len(), 1 + usize::from(by_name), "{}", of.key);
        for (nth, row) in mine.iter().enumerate() {
            let (_, value) = extreme(of.unit, of.default);
            assert!(
                (row["value"].as_f64().unwrap() - value).abs() < 1e-6,
                "{row}"
            );
            assert!(
                (row["default"].as_f64().unwrap() - of.default).abs() < 1e-6,
                "{row}"
            );
            let table = ["[thresholds]", "[[thresholds_for]]"][nth];
            let from = format!("{}:{} {table}", file.display(), line_of(of.key, nth));
            assert_eq!(row["from"], from.as_str());
            let name = (nth == 1).then_some("mes.*");
            assert_eq!(row["for"].as_str(), name, "{row}");
            assert_eq!(row["by_name"].as_bool(), Some(by_name), "{row}");
            assert!(row["meaning"].as_str().unwrap().len() > 20, "{row}");
        }
    }
}

#[test]
fn what_is_listed_for_eyes_can_be_written_into_the_file_as_it_stands() {
    let (defaults, _) = rows("");
    assert!(defaults.iter().all(|row| row["from"] == "default"));
    let (output, ..) = listed("", "text");
    let text = out(&output);
    let head: Vec<_> = text.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(
        head,
        [
            "THRESHOLD",
            "FOR",
            "VALUE",
            "DEFAULT",
            "UNIT",
            "FROM",
            "MEANING"
        ]
    );
    let place = text.find("VALUE").unwrap()..text.find("DEFAULT").unwrap();
    let mut settings = "[thresholds]\n".to_owned();
    for (line, of) in text.lines().skip(1).zip(ALL) {
        assert!(line.starts_with(&format!("{} ", of.key)), "{line}");
        let value = line[place.clone()].trim();
        let quoted = !matches!(of.unit, Unit::Factor | Unit::Count);
        let value = if quoted {
            format!("{value:?}")
        } else {
            value.to_owned()
        };
        writeln!(settings, "{} = {value}", of.key).unwrap();
    }
    let (again, _) = rows(&settings);
    for (row, default) in again.iter().zip(&defaults) {
        assert_eq!(row["value"], default["value"], "{row}");
        assert_ne!(row["from"], "default");
    }
    let (output, ..) = listed("", "csv");
    let csv = out(&output);
    assert_eq!(csv.lines().count(), ALL.len() + 1);
    assert!(
        csv.starts_with("key,for,value,default,unit,by_name,from,meaning\n"),
        "{csv}"
    );
    assert!(
        csv.contains("\nreplication_lag,,60,60,seconds,false,default,"),
        "{csv}"
    );
}

#[test]
fn a_wrong_threshold_is_an_error_with_key_value_range_and_line() {
    for (text, words) in [
        (
            "job_late = \"soon\"",
            "line 3: job_late = \"soon\": expected a time above 0",
        ),
        (
            "job_late = \"0s\"",
            "line 3: job_late = \"0s\": expected a time above 0",
        ),
        (
            "slot_percent = 120",
            "line 3: slot_percent = 120: expected above 0 and at most 100",
        ),
        (
            "memory_percent = 0",
            "line 3: memory_percent = 0: expected above 0 and at most 100",
        ),
        (
            "job_far_factor = -1",
            "line 3: job_far_factor = -1: expected a number above 0",
        ),
        (
            "unscheduled_chunks = 0",
            "line 3: unscheduled_chunks = 0: expected a whole number, 1 or more",
        ),
        (
            "grown_bytes = \"much\"",
            "line 3: grown_bytes = \"much\": expected a size above 0",
        ),
        (
            "job_lat = \"5m\"",
            "line 3: there is no threshold job_lat; similar: job_late",
        ),
        (
            "replication_lag = \"9223372036854775807 years\"",
            "line 3: replication_lag",
        ),
    ] {
        let (output, file, _folder) =
            listed(&format!("theme = \"dark\"\n[thresholds]\n{text}\n"), "text");
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{text}: {error}");
        assert!(output.stdout.is_empty());
        let words = format!("{}: {words}", file.display());
        assert_eq!(error.matches(&words).count(), 1, "{words}: {error}");
    }
}

/// A threshold that no screen reads would be an option without effect.
#[test]
fn every_threshold_is_read_by_a_screen_and_the_readme_has_no_list_of_them() {
    fn texts(folder: &Path, into: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                texts(&path, into);
            } else {
                into.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut screens = String::new();
    texts(&root.join("src/screens"), &mut screens);
    for of in ALL {
        let read = regex::Regex::new(&format!(r"\.\s*{}\b", of.key)).unwrap();
        assert!(read.is_match(&screens), "{}", of.key);
    }
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    assert!(readme.contains("hypertop thresholds"));
    let named: Vec<_> = ALL
        .iter()
        .filter(|of| readme.contains(&format!("{}, ", of.key)))
        .collect();
    assert!(named.is_empty(), "{named:?}");
}

fn judged(row: &impl Record, server: &Server) -> Verdict {
    row.verdict(&At { now: NOW, server })
}

fn lacks(verdict: &Verdict, words: &str) -> bool {
    words.is_empty() || !verdict.reason.contains(words)
}

/// Checks the verdict with the default, and with this threshold changed.
#[track_caller]
fn differs(
    row: &impl Record,
    key: &str,
    value: f64,
    default: (Level, &str),
    changed: (Level, &str),
) {
    let says = |server: &Server, when: &str, this: (Level, &str), other: &str| {
        let verdict = judged(row, server);
        let reason = &verdict.reason;
        assert_eq!(verdict.level, this.0, "{key} {when}: {reason}");
        assert!(reason.contains(this.1), "{key} {when}: {reason}");
        assert!(lacks(&verdict, other), "{key} {when}: {reason}");
    };
    let mut server = server();
    says(&server, "by default", default, changed.1);
    server.thresholds.all.set(key, value);
    assert_ne!(server.thresholds.all, Limits::default(), "{key}");
    says(&server, "changed", changed, default.1);
}

/// A moment this many seconds ago, as the statistics have it.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the statistics' moments are optional"
)]
fn ago(seconds: f64) -> Option<Stamp> {
    Some(NOW.plus_seconds(-seconds))
}

/// An hourly job with `max_runtime` 5 minutes and an average of 2 seconds.
fn job(change: impl FnOnce(&mut jobs::Row, &mut Statistics)) -> jobs::Row {
    let row = json!({
        "job_id": 1005, "application_name": "Retention Policy [1005]", "proc_schema": "_timescaledb_functions",
        "proc": "policy_retention", "proc_exists": true, "owner": "mes_owner", "owner_may_log_in": true, "owned": false,
        "target": "mes.metric_hist", "target_kind": "hypertable", "orphaned": false, "scheduled": true,
        "schedule": {"text": "01:00:00", "seconds": 3600.0}, "max_runtime": {"text": "00:05:00", "seconds": 300.0},
        "max_retries": -1, "retry_period": {"text": "00:05:00", "seconds": 300.0}, "fixed_schedule": false,
        "workers": Workers { used: 5, slots: Some(16), schedulers: 1, permanent: 2, processes: Some(48), peak: None },
    });
    let mut row: jobs::Row = serde_json::from_value(row).unwrap();
    let mut statistics = Statistics {
        last_start: ago(602.0),
        last_finish: ago(600.0),
        next_start: ago(-3000.0),
        last_run_success: Some(true),
        total_runs: 30,
        total_successes: 30,
        total_duration_seconds: 60.0,
        ..Statistics::default()
    };
    change(&mut row, &mut statistics);
    row.statistics = Some(statistics);
    row
}

fn begun(seconds: f64, pid: Option<i32>) -> jobs::Row {
    job(|row, of| {
        row.pid = pid;
        of.last_start = ago(seconds);
        of.last_finish = None;
        of.next_start = Some(Stamp::BEFORE_ALL);
    })
}

#[test]
fn jobs_are_judged_by_thresholds() {
    let (ok, warning, notice) = (Level::Ok, Level::Warning, Level::Notice);
    let well = (ok, "last run succeeded");
    let late = job(|_, of| of.next_start = ago(90.0));
    differs(
        &late,
        "job_late",
        60.0,
        well,
        (warning, "late: it should have started 1m ago"),
    );
    let lost = begun(30.0, None);
    let unseen = (Level::Unknown, "its worker is not seen");
    differs(
        &lost,
        "job_unseen",
        60.0,
        (warning, "its worker is gone"),
        unseen,
    );
    let mut long = begun(330.0, Some(4711));
    long.statistics.as_mut().unwrap().total_successes = 0;
    let overrun = (warning, "past its max_runtime of 5m");
    differs(&long, "job_overrun", 60.0, overrun, (ok, ""));
    let stopped = job(|_, of| {
        of.last_start = ago(890.0);
        of.last_run_success = Some(false);
        of.consecutive_failures = 1;
    });
    let tried = (warning, "run-job-now shows whether the job works");
    let was_stopped = (warning, "stopped at its max_runtime of 5m");
    differs(&stopped, "job_stopped_percent", 90.0, tried, was_stopped);
    let slow = begun(50.0, Some(4711));
    let slower = (notice, "its runs take 2s on average");
    differs(&slow, "job_slow_time", 30.0, (ok, ""), slower);
    let far = job(|_, of| of.next_start = ago(-10_900.0));
    let moved = (notice, "although it should run every 1h");
    differs(&far, "job_far", 7200.0, moved, well);
    differs(&far, "job_far_factor", 3.0, moved, well);
}

/// A job's thresholds are those of its table.
#[test]
fn a_job_is_late_by_the_threshold_of_its_table() {
    let late = job(|_, of| of.next_start = ago(90.0));
    for (name, level) in [("mes.metric*", Level::Warning), ("mes.other", Level::Ok)] {
        let mut server = server();
        server.thresholds.exceptions.push(Exception {
            name: name.to_owned(),
            changes: vec![("job_late".to_owned(), 60.0)],
        });
        assert_eq!(judged(&late, &server).level, level, "{name}");
    }
}

#[test]
fn the_server_is_judged_by_thresholds() {
    let figure = |name: &str, value: f64, bound: f64| -> server::Row {
        let row = json!({"name": name, "value": value, "bound": bound, "about": "one"});
        serde_json::from_value(row).unwrap()
    };
    let slot = figure("replication-slots", 8.5e8, 1e9);
    let kept = (Level::Warning, "of WAL is kept for it");
    differs(&slot, "slot_percent", 90.0, kept, (Level::Ok, ""));
    let old = figure("wraparound", 4e8, 2e8);
    let frozen = "autovacuum should have frozen";
    differs(
        &old,
        "wraparound_factor",
        3.0,
        (Level::Warning, frozen),
        (Level::Ok, ""),
    );
    let mut server = server();
    assert_eq!(judged(&old, &server).level, Level::Warning);
    server.thresholds.all.wraparound_critical_percent = 10.0;
    assert_eq!(judged(&old, &server).level, Level::Critical);
}

fn policy(next_start: Option<Stamp>) -> Json {
    json!({
        "job_id": 1017, "scheduled": true, "after": "01:00:00", "after_seconds": 3600.0, "last_run_success": true,
        "last_finish": ago(600.0), "next_start": next_start, "consecutive_failures": 0, "schedule_seconds": 3600.0,
    })
}

/// An hourly aggregate; its expected maximum lag is 3 hours.
fn aggregate(change: impl FnOnce(&mut aggregates::Row)) -> aggregates::Row {
    let row = json!({
        "id": 7, "source_id": 3, "schema": "mes", "name": "oee_hourly", "source_schema": "mes", "source_name": "oee",
        "materialized_only": true, "axis": Axis::TimestampTz, "bucket_width": "01:00:00", "watermark": NOW.0 - HOUR,
        "refreshed_to": NOW.0 - HOUR, "source_end": NOW.0 + HOUR, "bucket_longest": HOUR, "pending": 0, "refreshing": false,
        "policy": policy(ago(-3000.0)), "policies": 1, "start_offset": "1 day", "end_offset": "01:00:00",
        "start_seconds": 86_400.0, "end_seconds": 3600.0, "schedule_interval": "01:00:00", "expected_seconds": 10_800.0,
        "depth": 1, "wipe_risk": false, "local_shift": 0, "other_stopped": 0, "other_scheduled": false,
        "last_start": ago(605.0), "average_seconds": 5.0, "waits": aggregates::Waits::default(),
        "around": aggregates::Around::default(),
    });
    let mut row: aggregates::Row = serde_json::from_value(row).unwrap();
    row.newest = Later::Read(aggregates::Newest {
        row: Some(NOW.0 - 60_000_000),
        end: Some(NOW.0 + HOUR),
        unknown: None,
    });
    change(&mut row);
    row
}

#[test]
fn aggregates_are_judged_by_thresholds() {
    let (ok, warning, notice) = (Level::Ok, Level::Warning, Level::Notice);
    let behind = |seconds: f64| {
        move |row: &mut aggregates::Row| {
            row.watermark = ago(seconds).map(|at| at.0);
            row.refreshed_to = row.watermark;
        }
    };
    let late = aggregate(behind(10_890.0));
    let within = (ok, "within its expected maximum");
    let promised = (warning, "(expected: at most 3h)");
    differs(&late, "aggregate_patience", 120.0, promised, within);
    let well = aggregate(|_| {});
    let held = (ok, "its end_offset alone holds back the newest 1h");
    let mut server = server();
    assert!(!judged(&well, &server).reason.contains(held.1));
    server.thresholds.all.aggregate_held_percent = 20.0;
    assert!(judged(&well, &server).reason.contains(held.1));
    let ahead = aggregate(|row| {
        row.watermark = ago(-90.0).map(|at| at.0);
        row.refreshed_to = row.watermark;
        row.pending = 1;
    });
    let future = (notice, "its watermark is in the future");
    differs(
        &ahead,
        "aggregate_future",
        120.0,
        future,
        (ok, "no newer rows"),
    );
    let runs = aggregate(|row| {
        behind(14_400.0)(row);
        row.policy = serde_json::from_value(policy(Some(Stamp::BEFORE_ALL))).unwrap();
        row.refreshing = Some(true);
        row.last_start = ago(90.0);
        row.average_seconds = Some(30.0);
    });
    let longer = (warning, "longer than usual");
    differs(
        &runs,
        "refresh_slow_factor",
        4.0,
        longer,
        (warning, "a refresh is running, started"),
    );
    differs(
        &runs,
        "refresh_slow_time",
        120.0,
        longer,
        (warning, "a refresh is running, started"),
    );
}

/// A hypertable with ten compressed chunks and no backlog.
fn compressed(change: impl FnOnce(&mut compression::Row)) -> compression::Row {
    let row = json!({
        "id": 1, "schema": "mes", "name": "metrics", "aggregate": false, "enabled": true, "axis": Axis::TimestampTz,
        "has_now": false, "chunks": 10, "compressed": 10, "partial": 0, "uncompressed": 0, "frozen": 0, "unordered": 0,
        "policy": policy(ago(-3000.0)), "backlog": 0, "partial_due": 0, "segment_by": "machine",
    });
    let mut row: compression::Row = serde_json::from_value(row).unwrap();
    row.packed = Later::Read(compression::Packed {
        old: Some(0),
        ..compression::Packed::default()
    });
    change(&mut row);
    row
}

#[test]
fn compression_is_judged_by_thresholds() {
    let (ok, warning, notice) = (Level::Ok, Level::Warning, Level::Notice);
    let well = (ok, "on schedule");
    let sizes = |before: i64, after: i64| {
        compressed(|row| (row.before_bytes, row.after_bytes) = (Some(before), Some(after)))
    };
    let poor = sizes(20 * MIB, 10 * MIB);
    let words = (notice, "the ratio of 2.0x is poor");
    differs(&poor, "poor_chunk_bytes", 4.0 * 1_048_576.0, words, well);
    let grown = sizes(5 * MIB, 7 * MIB);
    let larger = (warning, "compressed chunks are larger than before");
    differs(&grown, "grown_bytes", 4.0 * 1_048_576.0, larger, well);
    // A ratio of 0.8 on a small table wastes too little to matter.
    let little = judged(&sizes(MIB - 60_000, MIB + 180_000), &server());
    assert_eq!(little.level, ok, "{}", little.reason);
    let one = compressed(|row| {
        (row.before_bytes, row.after_bytes) = (Some(12 * MIB), Some(12 * MIB + 10_000));
    });
    assert_eq!(judged(&one, &server()).level, notice);
    let loose = compressed(|row| (row.policy, row.uncompressed, row.chunks) = (None, 3, 13));
    let by_hand = (
        notice,
        "enabled, but without a policy: 3 chunks uncompressed",
    );
    differs(
        &loose,
        "unscheduled_chunks",
        5.0,
        by_hand,
        (ok, "10 of 13 chunks compressed"),
    );
    let waiting = |change: fn(&mut compression::Row)| {
        compressed(|row| {
            (row.backlog, row.overdue_seconds) = (Some(5), Some(864_000.0));
            change(row);
        })
    };
    let watched = waiting(|row| row.seen = Some((NOW.plus_seconds(-90.0), 10)));
    let trend = (
        warning,
        "5 fewer than there were 1m 30s ago (seen by this console)",
    );
    let mut server = server();
    assert!(judged(&watched, &server).reason.contains(trend.1));
    server.thresholds.all.compression_trend_seen = 120.0;
    assert!(!judged(&watched, &server).reason.contains(trend.1));
    let runs = waiting(|row| {
        row.policy = serde_json::from_value(policy(Some(Stamp::BEFORE_ALL))).unwrap();
        (row.pace.begun, row.pace.done) = (ago(20.0), Some(2));
    });
    let pace = "the policy's run has compressed 2 in 20s";
    assert!(judged(&runs, &server).reason.contains(pace));
    server.thresholds.all.compression_trend_run = 60.0;
    assert!(!judged(&runs, &server).reason.contains(pace));
}

#[test]
fn chunks_are_judged_by_the_part_of_memory_that_they_may_take() {
    let gib = 1024 * MIB;
    let row = json!({
        "id": 1, "schema": "mes", "name": "metrics", "kind": hypertables::HypertableKind::Hypertable, "axis": Axis::TimestampTz,
        "column": "ts", "interval": 168 * HOUR, "now": NOW.0, "space": [], "chunks": 10, "compressed": 0, "partial": 0,
        "tiered": 0, "indexes": 1, "policies": hypertables::Policies::default(), "readers": [],
        "window": {"start": 0, "end": 168 * HOUR, "ranges": 1, "bytes": 12 * gib, "about": false},
        "limits": {"locks_each": 64, "connections": 100, "prepared": 0, "memory_bytes": 16 * gib, "memory_default": false},
    });
    let row: hypertables::Row = serde_json::from_value(row).unwrap();
    let large = (
        Level::Warning,
        "more than a quarter of effective_cache_size (16.0 GB / 4 = 4.00 GB)",
    );
    differs(
        &row,
        "memory_percent",
        80.0,
        large,
        (Level::Ok, "within 80 % of memory (12.8 GB)"),
    );
    let mut server = server();
    server.thresholds.all.memory_percent = 50.0;
    let words = "more than 50 % of effective_cache_size (16.0 GB x 50 % = 8.00 GB)";
    assert!(judged(&row, &server).reason.contains(words));
}
