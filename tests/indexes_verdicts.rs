//! Verdicts on indexes, from constructed rows without a database.

mod known;

use hypertop::model::value::Value;
use hypertop::model::verdict::{Level, Verdict};
use hypertop::model::version::Version;
use hypertop::screens::indexes::{Parts, Row, Size, TableKind};
use hypertop::screens::later::Later;
use hypertop::screens::record::Record;
use hypertop::server::known::{At, Server};
use known::NOW;

const DAY: f64 = 86_400.0;
const GIGABYTE: i64 = 1 << 30;

/// A server with statistics of 30 days.
fn server() -> Server {
    Server {
        stats_reset: Some(NOW.plus_seconds(-30.0 * DAY)),
        started: NOW.plus_seconds(-60.0 * DAY),
        ..known::server()
    }
}

fn size(bytes: i64, bloat: Option<i64>) -> Later<Size> {
    Later::Read(Size {
        bytes: Some(bytes),
        bloat,
    })
}

/// A large index on 100 uncompressed chunks, scanned a thousand times.
fn index() -> Row {
    Row {
        id: 1,
        schema: "mes".to_owned(),
        table: "metric".to_owned(),
        name: "metric_idx".to_owned(),
        kind: TableKind::Hypertable,
        method: "btree".to_owned(),
        definition: None,
        parts: Some(Parts {
            with: 100,
            without: 0,
            never_scanned: 0,
            compressed: 0,
            shared: 0,
            invalid: 0,
            leftovers: 0,
            leftover: None,
            unsure: 0,
            being_built: 0,
            builder: None,
        }),
        members: 100,
        scans: 1000,
        about_bytes: GIGABYTE,
        exact: size(GIGABYTE, None),
        largest: 0,
        root_valid: true,
        building: None,
        unique: false,
        constraint: None,
        referenced: false,
        replica_identity: false,
        reorders: false,
        duplicate_of: None,
        covered_by: None,
    }
}

fn with(change: impl FnOnce(&mut Parts)) -> Row {
    let mut row = index();
    if let Some(parts) = &mut row.parts {
        change(parts);
    }
    row
}

fn judge(row: &Row, server: &Server) -> Verdict {
    row.verdict(&At { now: NOW, server })
}

fn unused(row: &Row, server: &Server) -> Option<bool> {
    row.unused(&At { now: NOW, server })
}

#[track_caller]
fn says(row: &Row, level: Level, words: &str) {
    let verdict = judge(row, &server());
    assert!(verdict.reason.contains(words), "{}", verdict.reason);
    assert_eq!(verdict.level, level, "{}", verdict.reason);
}

#[test]
fn an_index_in_use_is_well() {
    says(&index(), Level::Ok, "scans");
    assert_eq!(unused(&index(), &server()), Some(false));
}

#[test]
fn a_large_index_that_nobody_scans_is_a_warning_and_a_small_one_a_notice() {
    let large = Row {
        scans: 0,
        ..index()
    };
    says(&large, Level::Warning, "never scanned in the 30d");
    assert_eq!(unused(&large, &server()), Some(true));
    let small = Row {
        exact: size(8192, None),
        ..large
    };
    says(&small, Level::Notice, "8.00 kB, and every write updates it");
}

#[test]
fn young_statistics_prove_little() {
    let row = Row {
        scans: 0,
        ..index()
    };
    let young = Server {
        stats_reset: Some(NOW.plus_seconds(-2.0 * DAY)),
        ..server()
    };
    let verdict = judge(&row, &young);
    assert_eq!(verdict.level, Level::Ok);
    assert!(
        verdict.reason.contains("too short a time to judge"),
        "{}",
        verdict.reason
    );
}

#[test]
fn without_counters_nothing_is_called_unused() {
    let blind = Server {
        track_counts: false,
        ..server()
    };
    let row = Row {
        scans: 0,
        ..index()
    };
    assert_eq!(unused(&row, &blind), None);
    let verdict = judge(&row, &blind);
    assert_eq!(verdict.level, Level::Ok);
    assert!(
        verdict.reason.contains("scans are not counted"),
        "{}",
        verdict.reason
    );
    let at = At {
        now: NOW,
        server: &blind,
    };
    let scans = Row::COLUMNS.iter().find(|column| column.name == "scans");
    assert_eq!(
        scans.map(|column| (column.value)(&row, &at)),
        Some(Value::Null)
    );
    assert_eq!(Row::caveats(&[], &at).len(), 1);
}

#[test]
fn what_a_constraint_or_the_reorder_policy_needs_is_never_called_unused() {
    let idle = Row {
        scans: 0,
        ..index()
    };
    let key = Row {
        unique: true,
        constraint: Some(("metric_pkey".to_owned(), "p".to_owned())),
        ..idle.clone()
    };
    says(
        &key,
        Level::Ok,
        "never scanned, but the primary key metric_pkey uses it",
    );
    let unique = Row {
        unique: true,
        ..idle.clone()
    };
    says(&unique, Level::Ok, "it keeps values unique");
    let reorders = Row {
        reorders: true,
        ..idle
    };
    says(
        &reorders,
        Level::Ok,
        "the reorder policy sorts chunks by it",
    );
    assert_eq!(unused(&reorders, &server()), Some(false));
}

#[test]
fn compressed_chunks_limit_what_scans_can_say() {
    let mut some = with(|parts| parts.compressed = 60);
    some.scans = 0;
    says(&some, Level::Warning, "60 of its 100 chunks do not count");
    let mut all = with(|parts| parts.compressed = 100);
    all.scans = 0;
    all.exact = size(819_200, None);
    says(
        &all,
        Level::Notice,
        "useless on compressed data: it is on 100 chunks, all compressed",
    );
    assert_eq!(unused(&all, &server()), None);
    let mut nearly = with(|parts| parts.compressed = 97);
    nearly.scans = 0;
    says(
        &nearly,
        Level::Warning,
        "it is on 100 chunks, 97 of them compressed. There queries read another index, and this one is empty (index size in all: 1.00 GB)",
    );
    nearly.scans = 1;
    says(&nearly, Level::Ok, "1 scan");
    nearly.scans = 0;
    nearly.reorders = true;
    says(&nearly, Level::Ok, "the reorder policy");
    let blind = Server {
        track_counts: false,
        ..server()
    };
    assert_eq!(judge(&all, &blind).level, Level::Ok);
}

#[test]
fn a_bloated_index_says_what_a_reindex_gives_back() {
    let half = Row {
        exact: size(GIGABYTE, Some(GIGABYTE / 2)),
        ..index()
    };
    says(
        &half,
        Level::Notice,
        "about 512 MB of its 1.00 GB are empty space (50 %",
    );
    let little = Row {
        exact: size(GIGABYTE, Some(GIGABYTE / 3)),
        ..index()
    };
    says(&little, Level::Ok, "scans");
    let small = Row {
        exact: size(80 << 20, Some(79 << 20)),
        ..index()
    };
    says(&small, Level::Ok, "scans");
}

#[test]
fn a_table_without_chunks_has_nothing_to_scan() {
    let mut empty = with(|parts| parts.with = 0);
    empty.scans = 0;
    says(&empty, Level::Ok, "there is no chunk yet");
    assert_eq!(unused(&empty, &server()), None);
}

#[test]
fn chunks_that_lack_the_index_are_a_warning() {
    says(
        &with(|parts| parts.without = 3),
        Level::Warning,
        "3 of 103 chunks do not have it",
    );
}

#[test]
fn an_index_that_is_being_built_is_no_problem_whatever_it_looks_like() {
    let building = Row {
        root_valid: false,
        building: Some(4711),
        scans: 0,
        duplicate_of: Some("other".to_owned()),
        ..with(|parts| (parts.with, parts.without) = (60, 40))
    };
    says(
        &building,
        Level::Ok,
        "being built by pid 4711: on 60 of 100 chunks so far",
    );
    assert_eq!(unused(&building, &server()), None);
    let plain = Row {
        parts: None,
        kind: TableKind::Table,
        name: "metric_idx_ccnew".to_owned(),
        ..building
    };
    says(&plain, Level::Ok, "being built by pid 4711");
    let one = with(|parts| (parts.being_built, parts.builder) = (1, Some(4711)));
    says(&one, Level::Ok, "being built by pid 4711 on 1 chunk");
    let broken_too = with(|parts| {
        (parts.being_built, parts.builder, parts.invalid) = (1, Some(4711), 2);
    });
    says(&broken_too, Level::Critical, "invalid on 2 chunks");
}

#[test]
fn a_recording_of_an_older_version_has_no_builds() {
    let mut json = serde_json::to_value(index()).unwrap();
    json.as_object_mut().unwrap().remove("building").unwrap();
    let parts = json["parts"].as_object_mut().unwrap();
    for field in ["being_built", "builder"] {
        parts.remove(field).unwrap();
    }
    let row: Row = serde_json::from_value(json).unwrap();
    assert_eq!(row.building, None);
    assert_eq!(row.parts.unwrap().being_built, 0);
}

#[test]
fn an_invalid_index_says_how_to_fix_it() {
    let root = Row {
        root_valid: false,
        ..index()
    };
    says(&root, Level::Critical, "Drop it, and create it again");
    says(
        &with(|parts| parts.invalid = 2),
        Level::Critical,
        "invalid on 2 chunks",
    );
    let left = Row {
        name: "metric_idx_ccnew1".to_owned(),
        kind: TableKind::Table,
        parts: None,
        root_valid: false,
        ..index()
    };
    says(
        &left,
        Level::Warning,
        "It is a leftover of an interrupted REINDEX CONCURRENTLY. Drop it",
    );
    let on_chunk = with(|parts| {
        parts.leftovers = 1;
        parts.leftover = Some("_hyper_1_1_chunk_metric_idx_ccnew".to_owned());
    });
    says(
        &on_chunk,
        Level::Warning,
        "such as _hyper_1_1_chunk_metric_idx_ccnew",
    );
}

#[test]
fn a_duplicate_names_the_one_to_keep_and_warns_of_shared_chunk_indexes() {
    let mut row = with(|parts| parts.shared = 40);
    row.duplicate_of = Some("metric_key".to_owned());
    says(
        &row,
        Level::Warning,
        "the same as metric_key, which should stay",
    );
    says(
        &row,
        Level::Warning,
        "on 40 chunks both indexes share one chunk index",
    );
    let old = Server {
        timescaledb: Some(Version::new(2, 17)),
        ..server()
    };
    let verdict = judge(&row, &old);
    assert!(
        !verdict.reason.contains("counted for both"),
        "{}",
        verdict.reason
    );
}

#[test]
fn a_prefix_of_a_wider_index_is_a_notice() {
    let row = Row {
        covered_by: Some("metric_wide_idx".to_owned()),
        ..index()
    };
    says(
        &row,
        Level::Notice,
        "metric_wide_idx begins with the same columns",
    );
    let reorders = Row {
        reorders: true,
        ..row
    };
    says(&reorders, Level::Ok, "the reorder policy");
}

#[test]
fn an_estimate_is_marked_and_left_out_of_json() {
    let server = server();
    let at = At {
        now: NOW,
        server: &server,
    };
    let row = Row {
        exact: Later::NotRead,
        ..index()
    };
    let bytes = Row::COLUMNS.iter().find(|column| column.name == "bytes");
    let value = bytes.map(|column| (column.value)(&row, &at));
    assert_eq!(value, Some(Value::AboutBytes(GIGABYTE)));
}

#[test]
fn the_consoles_own_scans_are_told_where_there_are_scans() {
    let told = |row: &Row| {
        let server = server();
        let sections = row.facts(&At {
            now: NOW,
            server: &server,
        });
        format!("{sections:?}").contains("scans by hypertop")
    };
    let scanned = |scans| Row { scans, ..index() };
    assert!(told(&scanned(5)));
    assert!(!told(&scanned(0)), "none of them");
}
