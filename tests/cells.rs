//! Drawings in the cells of lists: what they show, when they are left out, and that JSON keeps the numbers.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod console;
mod support;

use std::process::Command;
use std::time::Duration;

use console::{NOW, connected, drawn, job, press, row, server};
use hypertop::app::{App, Effect, Msg, ask};
use hypertop::model::moment::{Axis, Stamp};
use hypertop::model::rules;
use hypertop::model::screen_id::ScreenId;
use hypertop::model::value::Value;
use hypertop::model::version::Version;
use hypertop::screens::indexes::{Parts, Size, TableKind};
use hypertop::screens::jobs::{self, Statistics};
use hypertop::screens::later::Later;
use hypertop::screens::record::Record;
use hypertop::screens::table::shown;
use hypertop::screens::{Rows, aggregates, compression, indexes};
use hypertop::server::known::{At, Server};
use serde_json::{Value as Json, json};
use support::triage::{found, look, on_each, until};
use support::with_targets;

const HOUR: i64 = 3_600_000_000;

/// The lines of the screen, without trailing spaces.
fn lines(app: &mut App, width: u16, height: u16) -> Vec<String> {
    let shown = drawn(app, width, height).backend().to_string();
    let lines = shown.lines().map(|line| line.trim_matches('"').trim_end());
    lines.map(str::to_owned).collect()
}

fn line<'a>(lines: &'a [String], words: &str) -> &'a str {
    let found = lines.iter().find(|line| line.contains(words));
    found.unwrap_or_else(|| panic!("{words}: {lines:#?}"))
}

/// A console that shows these rows.
fn showing(rows: Rows) -> App {
    let mut app = connected();
    press(&mut app, "V");
    load(&mut app, rows);
    app
}

fn load(app: &mut App, rows: Rows) {
    app.screen = rows.screen();
    console::load(app, rows);
}

/// The value of a row in the column with this title.
fn cell<R: Record>(row: &R, head: &str, server: &Server) -> Value {
    let column = R::COLUMNS.iter().find(|column| column.title == head);
    (column.unwrap().value)(row, &At { now: NOW, server })
}

fn picture(value: &Value) -> &str {
    match value {
        Value::Picture(text, _) => text,
        other => panic!("no picture: {other:?}"),
    }
}

#[test]
fn the_compressed_share_is_a_bar_with_its_figure_where_there_is_room_and_sorts_by_it() {
    let empty = compression::Row {
        chunks: 200,
        compressed: 1,
        uncompressed: 199,
        backlog: Some(0),
        ..row(3, "quality", 0)
    };
    let rows = vec![row(1, "energy", 0), row(2, "metrics", 50), empty];
    let mut app = showing(Rows::Compression(rows));
    let wide = lines(&mut app, 120, 30);
    assert!(
        line(&wide, "mes.energy").contains("████████ 100%"),
        "{wide:#?}"
    );
    assert!(
        line(&wide, "mes.metrics").contains("████░░░░  50%"),
        "{wide:#?}"
    );
    assert!(
        line(&wide, "mes.quality").contains("▏░░░░░░░   1%"),
        "{wide:#?}"
    );
    let narrow = lines(&mut app, 80, 30);
    let head = line(&narrow, "HYPERTABLE");
    for figure in [
        "CHUNKS",
        "COMPR",
        "RATIO",
        "OLDER THAN",
        "POLICY",
        "BACKLOG",
    ] {
        assert!(head.contains(figure), "{figure}: {head}");
    }
    assert!(!narrow.iter().any(|line| line.contains('█')), "{narrow:#?}");
    let shares = shown::<compression::Row>().position(|column| column.title == "COMPRESSED");
    app.screens.compression.column = shares.unwrap() + 1;
    press(&mut app, "s");
    let names = |app: &App| -> Vec<String> {
        let rows = app.screens.compression.in_order();
        rows.map(|row| row.name.clone()).collect()
    };
    assert_eq!(names(&app), ["energy", "metrics", "quality"]);
    press(&mut app, "s");
    assert_eq!(names(&app), ["quality", "metrics", "energy"]);
}

/// An hourly aggregate that is this late; its expected maximum lag is 3 hours.
fn aggregate(id: i32, parent: Option<i32>, name: &str, behind: i64) -> aggregates::Row {
    let row = json!({
        "id": id, "source_id": parent.unwrap_or(3), "parent_id": parent, "schema": "mes", "name": name, "source_schema": "mes",
        "source_name": "oee", "materialized_only": true, "axis": Axis::TimestampTz, "bucket_width": "01:00:00",
        "watermark": NOW.0 - behind, "refreshed_to": NOW.0 - behind, "source_end": NOW.0 + HOUR, "bucket_longest": HOUR,
        "pending": 3, "refreshing": false,
        "policy": {
            "job_id": 1000 + id, "scheduled": true, "last_run_success": true, "last_finish": NOW.0 - HOUR,
            "next_start": NOW.0 + HOUR, "consecutive_failures": 0, "schedule_seconds": 3600.0, "owner_zone": null,
            "after": null, "after_seconds": null, "after_number": null, "created": null,
        },
        "policies": 1, "start_offset": "1 day", "end_offset": "01:00:00",
        "start_seconds": 864_000.0, "end_seconds": 3600.0, "schedule_interval": "01:00:00", "expected_seconds": 10_740.0,
        "depth": 1, "wipe_risk": false, "local_shift": 0, "other_stopped": 0, "other_scheduled": false,
        "last_start": NOW.0 - HOUR, "average_seconds": 5.0, "waits": aggregates::Waits::default(),
        "around": aggregates::Around::default(),
    });
    let mut row: aggregates::Row = serde_json::from_value(row).unwrap();
    row.newest = Later::Read(aggregates::Newest {
        row: Some(NOW.0),
        end: Some(NOW.0 + HOUR),
        unknown: None,
    });
    row
}

#[test]
fn a_lag_is_a_gauge_with_a_mark_at_what_is_expected() {
    let server = server();
    let gauge = |hours: f64| {
        #[expect(clippy::cast_possible_truncation, reason = "microseconds of hours")]
        let behind = (hours * 3.6e9) as i64;
        let value = cell(&aggregate(7, None, "oee", behind), "LAG/EXPECTED", &server);
        picture(&value).to_owned()
    };
    assert_eq!(gauge(0.0), "░░░░░░░░│    ");
    assert_eq!(gauge(1.5), "████░░░░│    ");
    assert_eq!(gauge(3.0), "████████│    ");
    assert_eq!(gauge(3.75), "████████│██  ");
    assert_eq!(gauge(30.0), "████████│███▶");
    let mut app = showing(Rows::Aggregates(vec![aggregate(
        7,
        None,
        "oee",
        3 * HOUR / 2,
    )]));
    let shown = lines(&mut app, 120, 30);
    assert!(line(&shown, "mes.oee ").contains("████░░░░│"), "{shown:#?}");
    let head = line(&shown, "AGGREGATE").to_owned();
    assert!(
        head.contains("REFRESHED TO") && head.contains("EXPECTED"),
        "{head}"
    );
    let narrow = lines(&mut app, 80, 30);
    assert!(!narrow.iter().any(|line| line.contains('░')), "{narrow:#?}");
    assert!(line(&narrow, "mes.oee ").contains("1h 30m"), "{narrow:#?}");
}

#[test]
fn aggregates_on_aggregates_are_a_tree() {
    let child = |id, parent, name: &str| aggregates::Row {
        depth: 2,
        ..aggregate(id, Some(parent), name, 0)
    };
    let rows = vec![
        aggregate(7, None, "base", 0),
        child(8, 7, "daily"),
        child(9, 8, "weekly"),
        child(10, 7, "monthly"),
        aggregate(11, None, "other", 0),
    ];
    let mut app = showing(Rows::Aggregates(rows));
    let shown = lines(&mut app, 120, 30);
    let names: Vec<String> = shown
        .iter()
        .filter(|line| line.contains("scheduled"))
        .map(|line| line.chars().skip(2).collect())
        .collect();
    for (line, name) in names.iter().zip([
        "mes.base ",
        "├ mes.daily ",
        "│ └ mes.weekly ",
        "└ mes.monthly ",
        "mes.other ",
    ]) {
        assert!(line.starts_with(name), "{name}: {shown:#?}");
    }
}

#[test]
fn the_totals_of_aggregates_are_whole_at_120_columns() {
    let many: Vec<_> = (0..12)
        .map(|nth| {
            let name = format!("metric_hist_of_line_{nth}");
            aggregate(7 + nth, None, &name, if nth < 3 { 40 } else { 2 } * HOUR)
        })
        .collect();
    let mut app = showing(Rows::Aggregates(many));
    let shown = lines(&mut app, 120, 30);
    assert!(
        shown[2].contains("12 aggregates: 9 on time, 3 late"),
        "{shown:#?}"
    );
    assert!(
        shown[3].contains("13.3x expected: mes.metric_hist_of_line_2"),
        "{shown:#?}"
    );
    assert!(
        !shown[2..4].iter().any(|line| line.contains('…')),
        "{shown:#?}"
    );
}

fn ran(change: impl FnOnce(&mut Statistics)) -> jobs::Row {
    let mut row = job(1007, true);
    let mut of = Statistics {
        total_runs: 30,
        total_successes: 30,
        ..row.statistics.unwrap()
    };
    change(&mut of);
    row.statistics = Some(of);
    row
}

fn runs(row: &jobs::Row) -> String {
    picture(&cell(row, "LAST 20 RUNS", &server())).to_owned()
}

/// Sets the counters of failures. `in_a_row`: number of failures since the last success.
fn failures(of: &mut Statistics, all: i64, in_a_row: i32) {
    of.total_failures = all;
    of.total_successes = of.total_runs - all;
    of.consecutive_failures = in_a_row;
    of.last_run_success = Some(in_a_row == 0);
}

#[test]
fn the_newest_runs_are_what_the_counters_prove_and_unknown_where_they_do_not() {
    assert_eq!(runs(&ran(|_| {})), "·".repeat(20));
    let few = ran(|of| of.total_runs = 3);
    assert_eq!(runs(&few), "···");
    let falling = ran(|of| failures(of, 4, 4));
    assert_eq!(runs(&falling), format!("{}XXXX", "·".repeat(16)));
    let always = ran(|of| failures(of, 30, 30));
    assert_eq!(runs(&always), "X".repeat(20));
    // Three older failures, at unknown positions.
    let sometimes = ran(|of| failures(of, 5, 2));
    assert_eq!(runs(&sometimes), format!("{}·XX", "~".repeat(17)));
    let recovered = ran(|of| failures(of, 5, 0));
    assert_eq!(runs(&recovered), format!("{}·", "~".repeat(19)));
    // A run that has not ended counts as a crash until it ends.
    let mut running = ran(|of| {
        of.last_finish = None;
        of.next_start = Some(Stamp::BEFORE_ALL);
        of.total_runs = 31;
        of.total_crashes = 1;
        of.consecutive_crashes = 1;
        of.last_run_success = Some(false);
    });
    running.pid = Some(4711);
    assert_eq!(runs(&running), format!("{}▶", "·".repeat(19)));
    running.pid = None;
    assert_eq!(runs(&running), format!("{}X", "·".repeat(19)));
    let crashed_before = ran(|of| {
        of.total_crashes = 2;
        of.total_successes = 28;
    });
    assert_eq!(runs(&crashed_before), format!("{}·", "~".repeat(19)));
    let crashed_once = ran(|of| {
        failures(of, 2, 2);
        of.total_crashes = 1;
        of.total_successes = 27;
    });
    assert_eq!(runs(&crashed_once), format!("{}XX", "~".repeat(18)));
    let never = jobs::Row {
        statistics: None,
        ..job(1007, true)
    };
    assert_eq!(cell(&never, "LAST 20 RUNS", &server()), Value::Null);
    let facts = format!(
        "{:?}",
        sometimes.facts(&At {
            now: NOW,
            server: &server()
        })
    );
    assert!(facts.contains("~ not on record"), "{facts}");
}

#[test]
fn a_failed_run_has_the_colour_of_an_error_and_the_others_of_its_strip_have_none() {
    let healthy = jobs::Row {
        job_id: 1,
        ..ran(|_| {})
    };
    let mut app = showing(Rows::Jobs(vec![ran(|of| failures(of, 2, 2)), healthy]));
    for theme in 0..app.themes.len() {
        app.theme = theme;
        // The cursor is on the other row, which has a style of its own.
        press(&mut app, "G");
        let terminal = drawn(&mut app, 120, 40);
        let buffer = terminal.backend().buffer();
        let cells = (0..40).flat_map(|y| (0..120).map(move |x| (x, y)));
        let strips: Vec<_> = cells
            .filter(|(_, y)| *y > 4)
            .filter(|(x, y)| *x > 40 && buffer[(*x, *y)].symbol() == "X")
            .collect();
        assert_eq!(strips.len(), 2, "{terminal:?}");
        let (error, text) = (app.theme().style("error"), app.theme().style("text"));
        for (x, y) in &strips {
            let style = buffer[(*x, *y)].style();
            assert_eq!(style.fg, error.fg.or(text.fg).or(style.fg), "{theme}");
            assert!(style.add_modifier.contains(error.add_modifier), "{theme}");
        }
        let (x, y) = strips[0];
        let before = &buffer[(x - 1, y)];
        assert_eq!(before.symbol(), "·");
        assert_eq!(before.style().fg, text.fg.or(before.style().fg));
        assert!(!before.style().add_modifier.contains(error.add_modifier));
    }
}

#[test]
fn the_history_says_what_the_counters_do_not() {
    let exact = &jobs::Row::EXACT[1];
    assert!((exact.want)(&ran(|_| {})).is_none(), "the counters say all");
    let mut row = ran(|of| failures(of, 5, 2));
    assert_eq!((exact.want)(&row), Some((1007, 1)));
    // Newest first: failed, failed, succeeded, failed, succeeded, failed.
    let recent = [2, 2, 1, 2, 1, 2]
        .iter()
        .rfold(0, |all, run| (all << 2) + run);
    let since = NOW.0 - 5 * HOUR;
    (exact.take)(&mut row, Ok(&[Some(since), Some(recent)]));
    // Runs before the oldest recorded success are uncertain.
    assert_eq!(runs(&row), format!("{}·X·XX", "~".repeat(15)));
    let found = row
        .verdict(&At {
            now: NOW,
            server: &server(),
        })
        .findings;
    let failing = found.iter().find(|of| of.rule.name == "job-failing");
    assert_eq!(failing.unwrap().since, Some(Stamp(since)));
    (exact.take)(&mut row, Ok(&[None, None]));
    assert_eq!(runs(&row), format!("{}·XX", "~".repeat(17)));
    (exact.take)(&mut row, Err("57014 canceling statement"));
    assert_eq!(runs(&row), format!("{}·XX", "~".repeat(17)));
    // A single failure began at its end.
    let once = ran(|of| failures(of, 1, 1));
    let found = once
        .verdict(&At {
            now: NOW,
            server: &server(),
        })
        .findings;
    assert_eq!(found[0].since, once.statistics.unwrap().last_finish);
}

#[test]
fn the_next_24_hours_show_how_often_and_when_a_job_starts() {
    let planned = |hours: f64, every: f64| {
        let mut row = ran(|of| of.next_start = Some(NOW.plus_seconds(hours * 3600.0)));
        row.schedule.seconds = every * 3600.0;
        row
    };
    let next = |row: &jobs::Row| picture(&cell(row, "NEXT 24 H", &server())).to_owned();
    assert_eq!(next(&planned(11.0, 24.0)), "·····│······");
    assert_eq!(next(&planned(11.0, 12.0)), "·····│·····│");
    assert_eq!(next(&planned(0.5, 2.0)), "│".repeat(12));
    assert_eq!(next(&planned(0.5, 0.1)), "█".repeat(12));
    assert_eq!(next(&planned(30.0, 24.0)), "·".repeat(12));
    // The job is late, so it is drawn as starting now.
    assert_eq!(next(&planned(-1.0, 24.0)), "│···········");
    let paused = jobs::Row {
        scheduled: false,
        ..planned(11.0, 24.0)
    };
    assert_eq!(cell(&paused, "NEXT 24 H", &server()), Value::Null);
    let mut app = showing(Rows::Jobs(vec![planned(11.0, 24.0)]));
    let shown = lines(&mut app, 120, 30);
    let head = line(&shown, "LAST 20 RUNS").to_owned();
    for title in ["JOB", "ID", "STATE", "EVERY", "LAST ", "NEXT ", "NEXT 24 H"] {
        assert!(head.contains(title), "{title}: {head}");
    }
    let narrow = lines(&mut app, 80, 30);
    let head = line(&narrow, "STATE").to_owned();
    assert!(!head.contains("RUNS") && head.contains("NEXT"), "{head}");
}

/// An index of 1 GB on 100 chunks.
fn index(change: impl FnOnce(&mut indexes::Row)) -> indexes::Row {
    let parts = Parts {
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
    };
    let mut row = indexes::Row {
        id: 1,
        schema: "mes".to_owned(),
        table: "metric".to_owned(),
        name: "metric_idx".to_owned(),
        kind: TableKind::Hypertable,
        method: "btree".to_owned(),
        definition: Some("CREATE INDEX metric_idx ON mes.metric USING btree (ts)".to_owned()),
        parts: Some(parts),
        members: 100,
        scans: 1000,
        about_bytes: 1 << 30,
        exact: Later::Read(Size {
            bytes: Some(1 << 30),
            bloat: Some(1 << 20),
        }),
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
    };
    change(&mut row);
    row
}

#[test]
fn what_an_index_wastes_is_counted_once() {
    let wasted = |change: fn(&mut indexes::Row)| cell(&index(change), "WASTED", &server());
    let (whole, bloat) = (Value::Bytes(1 << 30), Value::AboutBytes(1 << 20));
    assert_eq!(wasted(|_| {}), bloat);
    assert_eq!(wasted(|row| row.scans = 0), whole);
    let double = |row: &mut indexes::Row| row.duplicate_of = Some("other".to_owned());
    assert_eq!(wasted(double), whole);
    let both = |row: &mut indexes::Row| {
        row.scans = 0;
        row.duplicate_of = Some("other".to_owned());
    };
    assert_eq!(wasted(both), whole, "unused, a duplicate and bloated");
    // On 75 chunks the duplicates share one index, which stays.
    let shared = |row: &mut indexes::Row| {
        row.duplicate_of = Some("other".to_owned());
        row.parts.as_mut().unwrap().shared = 75;
    };
    assert_eq!(wasted(shared), Value::AboutBytes(1 << 28));
    let all = |row: &mut indexes::Row| {
        row.scans = 0;
        row.duplicate_of = Some("other".to_owned());
        row.parts.as_mut().unwrap().shared = 100;
    };
    assert_eq!(wasted(all), Value::Bytes(0));
    // The duplicate that stays has the shared indexes, and the totals count them once.
    let keeper = |row: &mut indexes::Row| {
        row.scans = 0;
        row.parts.as_mut().unwrap().shared = 100;
    };
    assert_eq!(wasted(keeper), whole);
    let server = server();
    let at = At {
        now: NOW,
        server: &server,
    };
    let totals = indexes::Row::headline(&[index(keeper), index(all)], &[], &at);
    assert!(
        totals[0].starts_with(
            "2 indexes, 1.00 GB (column BYTES counts 1.00 GB twice) · 1.00 GB wasted · 2 unused"
        ),
        "{totals:?}"
    );
    assert!(
        totals[1].starts_with("1 duplicate: 0 B · bloat ~1.00 MB"),
        "{totals:?}"
    );
    let unread = |row: &mut indexes::Row| row.exact = Later::NotRead;
    assert_eq!(wasted(unread), Value::Null, "its bloat is not known");
    let none = |row: &mut indexes::Row| {
        row.exact = Later::Read(Size {
            bytes: Some(1 << 30),
            bloat: Some(0),
        });
    };
    assert_eq!(wasted(none), Value::Bytes(0));
    let needed = |row: &mut indexes::Row| {
        row.scans = 0;
        row.unique = true;
    };
    assert_eq!(wasted(needed), bloat, "a unique index is not unused");
    let rows = vec![index(both), index(|row| row.name = "second".to_owned())];
    let mut app = showing(Rows::Indexes(rows));
    for (width, bars) in [(80, false), (200, true)] {
        let shown = lines(&mut app, width, 30);
        assert!(shown[2].contains("~1.00 GB wasted"), "{shown:#?}");
        let head = line(&shown, "WASTED").to_owned();
        assert!(head.contains("BYTES") && head.contains("WHY"), "{head}");
        let drawn = line(&shown, "second").contains("███████");
        assert_eq!(drawn, bars, "{shown:#?}");
    }
}

#[test]
fn while_statistics_are_young_an_unscanned_index_is_not_counted_as_wasted() {
    let young = Server {
        stats_reset: Some(NOW.plus_seconds(-3.0 * 3600.0)),
        ..server()
    };
    let wasted = |change: fn(&mut indexes::Row)| cell(&index(change), "WASTED", &young);
    let unread = |row: &mut indexes::Row| {
        row.scans = 0;
        row.exact = Later::NotRead;
    };
    assert_eq!(wasted(unread), Value::Null);
    let double = |row: &mut indexes::Row| {
        row.scans = 0;
        row.duplicate_of = Some("other".to_owned());
    };
    assert_eq!(wasted(double), Value::Bytes(1 << 30), "at any age");
    let bloated = |row: &mut indexes::Row| row.scans = 0;
    assert_eq!(
        wasted(bloated),
        Value::AboutBytes(1 << 20),
        "a REINDEX frees it"
    );
    let invalid = |row: &mut indexes::Row| {
        row.scans = 0;
        row.root_valid = false;
    };
    assert_eq!(wasted(invalid), Value::Bytes(1 << 30), "never used");
    let at = At {
        now: NOW,
        server: &young,
    };
    let totals = indexes::Row::headline(&[index(unread), index(double)], &[], &at);
    let words = "2 unscanned (~2.00 GB): too early to judge (3h of statistics)";
    assert!(
        totals[0].ends_with("· 1.00 GB wasted") && totals[1].contains(words),
        "{totals:?}"
    );
    let crashed = Server {
        stats_reset: None,
        started: NOW.plus_seconds(-90.0),
        ..server()
    };
    let at = At {
        now: NOW,
        server: &crashed,
    };
    let totals = indexes::Row::headline(&[index(unread)], &[], &at);
    let words = "too early to judge (perhaps 1m of statistics)";
    assert!(totals[1].contains(words), "{totals:?}");
}

#[test]
fn the_preview_of_a_plain_tables_index_fills_the_pane() {
    let mut app = connected();
    load(
        &mut app,
        Rows::Indexes(vec![index(|row| {
            row.kind = TableKind::Table;
            row.parts = None;
        })]),
    );
    let shown = lines(&mut app, 200, 50);
    let pane = shown.iter().position(|line| line.contains("details ──"));
    let pane = &shown[pane.unwrap() + 1..shown.len() - 1];
    let blank = pane.iter().filter(|line| line.is_empty()).count();
    assert!(blank < 4, "{blank} of {} are blank: {shown:#?}", pane.len());
    assert!(
        line(pane, "USING btree").contains("CREATE INDEX"),
        "{pane:#?}"
    );
}

#[test]
fn where_the_locale_is_not_utf_8_every_picture_is_ascii() {
    let mut app = showing(Rows::Jobs(vec![ran(|of| failures(of, 5, 2))]));
    load(&mut app, Rows::Indexes(vec![index(|_| {})]));
    load(
        &mut app,
        Rows::Aggregates(vec![
            aggregate(7, None, "base", 4 * HOUR),
            aggregate(8, Some(7), "daily", 0),
        ]),
    );
    press(&mut app, "V");
    app.ascii = true;
    for screen in ["2", "4", "5", "6"] {
        press(&mut app, screen);
        for (width, height) in [(80, 24), (120, 40), (200, 50)] {
            let shown = lines(&mut app, width, height);
            let odd: String = shown.concat().chars().filter(|c| !c.is_ascii()).collect();
            assert_eq!(odd, "", "screen {screen}: {shown:#?}");
        }
    }
    press(&mut app, "6");
    let shown = lines(&mut app, 120, 40);
    assert!(
        line(&shown, "mes.base  ").contains("########|##"),
        "{shown:#?}"
    );
}

#[test]
fn the_overview_and_the_aggregates_name_the_same_fix_for_a_late_aggregate() {
    let fix = |app: &mut App, keys: &str| {
        let effects = press(app, keys);
        let found = effects.iter().find_map(|effect| match effect {
            Effect::Act(ask::Act::Facts {
                action, targets, ..
            }) => Some((action.name, targets.first().map(|of| of.id))),
            _ => None,
        });
        press(app, "esc esc");
        found.expect("a fix")
    };
    let late = || aggregate(7, None, "oee", 20 * HOUR);
    let paused = || {
        let mut row = late();
        row.policy.as_mut().unwrap().scheduled = false;
        row
    };
    let far = || {
        let mut row = late();
        row.policy.as_mut().unwrap().next_start = Some(NOW.plus_seconds(40.0 * 86_400.0));
        row
    };
    let failing = || {
        let mut row = late();
        let policy = row.policy.as_mut().unwrap();
        (policy.last_run_success, policy.consecutive_failures) = (Some(false), 3);
        row
    };
    let overdue = || {
        let mut row = late();
        row.policy.as_mut().unwrap().next_start = Some(NOW.plus_seconds(-7200.0));
        row
    };
    for row in [far(), overdue()] {
        let server = server();
        let verdict = row.verdict(&At {
            now: NOW,
            server: &server,
        });
        for finding in verdict.findings {
            assert_eq!(finding.fix, Some("run-job-now"));
            assert_eq!(finding.sets, [("how".to_owned(), "scheduler".to_owned())]);
        }
    }
    for (row, expected) in [
        (late(), "refresh-behind"),
        (paused(), "resume-job"),
        (far(), "run-job-now"),
        (overdue(), "run-job-now"),
        (failing(), "run-job-now"),
    ] {
        let job = row.policy.as_ref().unwrap().job_id;
        let mut app = showing(Rows::Aggregates(vec![row]));
        press(&mut app, "1");
        let overview = fix(&mut app, "m");
        press(&mut app, "6");
        assert_eq!(fix(&mut app, "m"), overview, "{expected}");
        assert_eq!(overview.0, expected);
        let on_the_job = expected != "refresh-behind";
        assert_eq!(overview.1 == Some(job.into()), on_the_job, "{expected}");
        app.pane.open = true;
        let pane = lines(&mut app, 120, 40);
        assert!(line(&pane, " fix: ").contains(expected), "{pane:#?}");
    }
}

#[test]
fn indexes_say_what_the_column_of_bytes_counts_twice() {
    let of = |change: fn(&mut indexes::Row)| {
        let mut app = showing(Rows::Indexes(vec![index(|_| {}), index(change)]));
        lines(&mut app, 120, 40).concat()
    };
    assert!(!of(|_| {}).contains("column BYTES counts"));
    let shared = of(|row| {
        row.name = "again_idx".to_owned();
        row.duplicate_of = Some("first_idx".to_owned());
        let parts = row.parts.as_mut().unwrap();
        parts.shared = parts.with;
    });
    assert!(
        shared.contains("(column BYTES counts 1.00 GB twice)"),
        "{shared}"
    );
}

#[test]
fn a_late_aggregate_says_since_when() {
    let server = server();
    let at = At {
        now: NOW,
        server: &server,
    };
    let since = |row: &aggregates::Row| {
        let found = row.verdict(&at).findings;
        let behind = found.iter().find(|of| of.rule.name == "aggregate-behind");
        behind.expect("a finding").since
    };
    let late = aggregate(7, None, "oee", 5 * HOUR);
    // Everything older than 5 hours is refreshed, and a lag of 3 hours is expected.
    assert_eq!(since(&late), Some(Stamp(NOW.0 - 2 * HOUR)));
    let local = aggregates::Row {
        axis: Axis::Timestamp,
        local_shift: HOUR,
        watermark: Some(NOW.0 - 4 * HOUR),
        refreshed_to: Some(NOW.0 - 4 * HOUR),
        ..late.clone()
    };
    assert_eq!(since(&local), Some(Stamp(NOW.0 - 2 * HOUR)));
    let alone = aggregates::Row {
        policy: None,
        ..late
    };
    let found = alone.verdict(&at).findings;
    assert_eq!(found[0].since, Some(Stamp(NOW.0 - 5 * HOUR)));
}

#[test]
fn a_badge_counts_a_fault_once_and_leaves_out_what_is_acknowledged() {
    let mut app = connected();
    let failing = |of: &mut Statistics| failures(of, 4, 4);
    let mut waits = row(2, "metrics", 12);
    let policy = waits.policy.as_mut().unwrap();
    policy.last_run_success = Some(false);
    policy.consecutive_failures = 4;
    load(&mut app, Rows::Compression(vec![waits]));
    let badge = |app: &App, id| app.badge(id).map(|badge| badge.text());
    let mut cause = ran(failing);
    cause.job_id = 1002;
    load(&mut app, Rows::Jobs(vec![cause]));
    // The job's failure causes the backlog, so both are one finding, as on the Overview.
    assert_eq!(badge(&app, ScreenId::Compression).as_deref(), Some("X1"));
    assert_eq!(badge(&app, ScreenId::Jobs), None);
    // Acknowledgements are read even before the Overview is shown.
    let mut app = App::new(
        NOW,
        hypertop::app::theme::all(None).0,
        Duration::from_secs(2),
    );
    app.screen = ScreenId::Compression;
    let effects = app.update(Msg::Up(Box::new(server())));
    let reads = |effect: &Effect| matches!(effect, Effect::List(ask::List::Acknowledged(_)));
    assert!(effects.iter().any(reads), "{effects:?}");
}

fn show(conninfo: &str, screen: &str, format: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_hypertop"))
        .args(["-d", conninfo, "show", screen, "--format", format])
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .env("XDG_STATE_HOME", "/nonexistent")
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn for_programs_there_are_figures_and_no_pictures_on_every_version() {
    with_targets(|targets| {
        for target in &targets.all {
            let name = &target.name;
            for screen in [
                "compression",
                "aggregates",
                "jobs",
                "hypertables",
                "indexes",
            ] {
                for format in ["json", "csv"] {
                    let text = show(&target.conninfo, screen, format);
                    let picture = text.chars().find(|c| "█░▏│▶".contains(*c));
                    assert_eq!(picture, None, "{name} {screen} {format}");
                }
                let table = show(&target.conninfo, screen, "table");
                assert!(table.contains(['█', '░', '│', '·']), "{name}: {table}");
            }
            let json: Json =
                serde_json::from_str(&show(&target.conninfo, "indexes", "json")).unwrap();
            let rows = json["rows"].as_array().unwrap();
            let mut whole = 0;
            for row in rows {
                let double = row["duplicate_of"].is_string();
                if row["shared_chunks"].as_i64().unwrap_or(0) == 0
                    && (double || row["unused"] == true)
                {
                    let wasted = &row["wasted_bytes"];
                    // The statistics of a new server are too young to call an index unused.
                    let bloat = wasted.is_null() || *wasted == row["bloat_bytes"];
                    let early = row["unused"] == true && row["valid"] == true && bloat;
                    assert_eq!(*wasted == row["bytes"], !early, "{name}: {row}");
                    assert!(!double || !early, "{name}: {row}");
                    whole += 1;
                }
            }
            assert!(whole > 3, "{name}: {whole}");
        }
    });
}

/// A session whose state or query began this many seconds ago.
fn session(pid: i32, state: &str, seconds: f64) -> Json {
    let since = NOW.plus_seconds(-seconds).0;
    json!({
        "pid": pid, "leader": null, "here": true, "database": "plant", "role": "app", "application": "app",
        "backend": "client backend", "visible": true, "client": "[local]", "own": false, "prepared": null, "started": since,
        "transaction": since, "query_started": since, "state_changed": since, "state": state, "wait_event_type": null,
        "wait_event": null, "writes": false, "xid_age": null, "xmin_age": null, "query": "select 1", "blockers": [],
        "wait": null, "relation": null, "relation_kind": null, "chunk": null, "job": null, "work": null,
    })
}

#[test]
fn a_sessions_time_is_a_bar_up_to_the_limit_of_its_warning_in_the_colour_of_its_finding() {
    let mut waits = session(15, "active", 20.0);
    waits["wait"] = json!({"lock": "relation", "mode": "ShareLock", "since": NOW.0 - 20_000_000});
    let sessions = [
        session(11, "idle", 9000.0),
        session(12, "idle in transaction", 150.0),
        session(13, "idle in transaction", 400.0),
        session(14, "active", 900.0),
        waits,
    ];
    let rows = json!({ "Activity": sessions });
    let rows = || serde_json::from_value::<Rows>(rows.clone()).unwrap();
    let mut app = showing(rows());
    let wide = lines(&mut app, 120, 30);
    assert!(line(&wide, "SESSION").contains(" AGE RELATION"));
    for (pid, bar) in [
        (" 12 app", "██▌░░│ "),
        (" 13 app", "█████│▶"),
        (" 14 app", "█▎░░░│ "),
        (" 15 app", "█████│▶"),
    ] {
        assert!(line(&wide, pid).contains(bar), "{bar}: {wide:#?}");
    }
    assert!(!line(&wide, " 11 app").contains('│'), "{wide:#?}");
    let colour = |app: &mut App, pid: &str| {
        let terminal = drawn(app, 120, 30);
        let buffer = terminal.backend().buffer();
        let symbols = |y| (0..120).map(move |x| buffer[(x, y)].symbol());
        let y = (4..20).find(|y| symbols(*y).collect::<String>().contains(pid));
        let y = y.unwrap();
        let x = (0..120).find(|x| buffer[(*x, y)].symbol() == "│").unwrap();
        buffer[(x, y)].fg
    };
    let level = |name: &str| app.theme().style(name).fg.unwrap();
    let (notice, warning) = (level("level.notice"), level("level.warning"));
    assert_ne!(notice, warning);
    assert_eq!(colour(&mut app, " 12 app"), notice);
    assert_eq!(colour(&mut app, " 13 app"), warning);
    // At 80 columns the times have the room.
    let narrow = lines(&mut app, 80, 30);
    assert!(!line(&narrow, "SESSION").contains(" AGE"), "{narrow:#?}");
    assert!(line(&narrow, " 13 app").contains("6m 40s"), "{narrow:#?}");
    app.ascii = true;
    let plain = lines(&mut app, 120, 30);
    assert!(line(&plain, " 12 app").contains("##=..|"), "{plain:#?}");
    assert!(line(&plain, " 13 app").contains("#####|>"), "{plain:#?}");
}

const DAY: i64 = 24 * HOUR;

/// The retention of a hypertable whose chunks cover these days before now; its policy drops chunks older than `after` days, and `dropped`
/// days of its range.
fn kept(id: i32, name: &str, days: i64, after: Option<i64>, dropped: i64) -> Json {
    let policy = json!({
        "job_id": 1000 + id, "scheduled": true, "after": "x", "after_seconds": 1.0, "after_number": null, "created": null,
        "last_run_success": true, "last_finish": NOW.0 - HOUR, "next_start": NOW.0 + HOUR, "consecutive_failures": 0,
        "schedule_seconds": 86400.0, "known_since": null, "changed": null, "owner_zone": null, "code": null,
    });
    let oldest = NOW.0 - days * DAY;
    json!({
        "id": id, "schema": "mes", "name": name, "aggregate": false, "axis": "TimestampTz", "has_now": false, "chunks": days,
        "oldest": {"axis": "TimestampTz", "raw": oldest}, "newest": NOW.0 + HOUR, "policy": after.map(|_| policy),
        "boundary": after.map(|after| NOW.0 - after * DAY), "made_before": null, "eligible": after.map(|_| dropped),
        "frozen": 0, "overdue_seconds": null, "next_due": null, "read_by": [],
        "drop_edge": (dropped > 0).then_some(oldest + dropped * DAY), "kept_from": oldest + dropped * DAY,
    })
}

#[test]
fn retention_has_a_strip_of_each_range_on_one_axis_with_what_the_next_run_drops() {
    let mut integer = kept(5, "cycles", 9, Some(4), 0);
    integer["axis"] = json!("Integer");
    let mut created = kept(6, "created", 9, Some(4), 0);
    (created["boundary"], created["made_before"]) = (Json::Null, json!(NOW.0 - 4 * DAY));
    let mut ended = kept(7, "ended", 30, None, 0);
    ended["newest"] = json!(NOW.0 - 20 * DAY);
    let rows = json!({ "Retention": [
        kept(1, "metrics", 40, Some(30), 10), kept(2, "quality", 10, Some(20), 0), kept(3, "raw", 2, Some(1), 1),
        kept(4, "years", 4000, Some(30), 3970), integer, created, ended,
    ]});
    let rows = || serde_json::from_value::<Rows>(rows.clone()).unwrap();
    let mut app = showing(rows());
    press(&mut app, ".");
    let wide = lines(&mut app, 120, 30);
    // The axis reaches back twice the longest drop_after: 60 days.
    for (name, strip) in [
        ("mes.metrics", "   xx│────────── "),
        ("mes.quality", "       │ ─────── "),
        ("mes.raw", "             x│─ "),
        ("mes.years", "<xxxx│────────── "),
        ("mes.ended", "     ──          "),
    ] {
        assert!(line(&wide, name).contains(strip), "{strip}: {wide:#?}");
    }
    for name in ["mes.cycles", "mes.created"] {
        assert!(!line(&wide, name).contains('─'), "{wide:#?}");
    }
    let narrow = lines(&mut app, 80, 30);
    assert!(!line(&narrow, "HYPERTABLE").contains("NOW"), "{narrow:#?}");
    assert!(line(&narrow, "HYPERTABLE").contains("TO DROP"));
    app.ascii = true;
    let plain = lines(&mut app, 120, 30);
    assert!(
        line(&plain, "mes.metrics").contains("xx|----------"),
        "{plain:#?}"
    );
}

/// A procedure that fails while the job's counter in `left_over` is positive.
const FAILS: &str = r"set client_min_messages = error; create table left_over (job int primary key, fails int);
create procedure may_fail(job int, config jsonb) language plpgsql as $$ begin  if (select l.fails from left_over l where l.job = may_fail.job) > 0 then raise exception using errcode = '08001', message = 'no way'; end if;  end $$";

#[test]
fn on_every_version_the_history_dates_the_first_failure_in_a_row() {
    on_each("history", FAILS, async |rig, version| {
        let id = rig
            .text("select job_id from alter_job(add_job('may_fail', interval '1 hour', fixed_schedule => false), scheduled => false)")
            .await;
        let start = async |what: &str| {
            rig.sql(&format!(
                "insert into left_over values ({id}, 1) on conflict (job) do update set fails = 1;
                select alter_job({id}, scheduled => true, next_start => now())"
            ))
            .await;
            let sql = format!(
                "select exists (select from _timescaledb_internal.bgw_job_stat where job_id = {id} and {what} and last_finish > '-infinity')"
            );
            until(rig, what, &sql).await;
        };
        start("total_failures = 1").await;
        let first = format!(
            "select (extract(epoch from last_finish) * 1000000)::int8::text from _timescaledb_internal.bgw_job_stat where job_id = {id}"
        );
        let first: i64 = rig.text(&first).await.parse().unwrap();
        start("total_failures = 2").await;
        let found = found(rig, &rules::JOB_FAILING, &id, &["failed 2 times in a row"]).await;
        let since = found.finding.since.expect("a moment").0;
        // The worker writes the history and the statistics one after the other.
        assert!(
            (since - first).abs() < 1_000_000,
            "{}: {since} {first}",
            rig.name
        );
        if version >= Version::new(2, 15) {
            let (screens, at) = look(rig, &[ScreenId::Jobs]).await;
            let row = screens.jobs.find(&id).unwrap();
            assert_eq!(picture(&cell(row, "LAST 20 RUNS", at.server)), "XX");
        }
    });
}
