//! The totals above a list, the folded rows below the list, and the colours of cells with problems.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod console;
mod support;

use std::process::Command;
use std::time::Duration;

use console::{NOW, connected, drawn, load_compression, press, row, server};

use hypertop::app::App;
use hypertop::model::screen_id::ScreenId;
use hypertop::model::text;
use hypertop::screens::jobs::{self, Workers};
use hypertop::screens::later::Later;
use hypertop::screens::{Rows, Screens, compression};
use hypertop::server::known::At;
use serde_json::Value as Json;
use support::with_targets;

/// The lines of the screen, without trailing spaces.
fn lines(app: &mut App, width: u16, height: u16) -> Vec<String> {
    let shown = drawn(app, width, height).backend().to_string();
    let lines = shown.lines().map(|line| line.trim_matches('"').trim_end());
    lines.map(str::to_owned).collect()
}

/// A hypertable without compression.
fn bare(id: i32, name: &str) -> compression::Row {
    compression::Row {
        enabled: false,
        policy: None,
        chunks: 5,
        compressed: 0,
        uncompressed: 5,
        before_bytes: None,
        after_bytes: None,
        backlog: None,
        ..row(id, name, 0)
    }
}

#[test]
fn two_lines_of_totals_stand_above_a_list_where_there_is_room() {
    let mut app = connected();
    let shown = lines(&mut app, 120, 24);
    assert_eq!(
        shown[2..4],
        [
            " 288 of 300 chunks compressed, 12 not (12.0 MB) · due 12 (12.0 MB)",
            " 36.0 GB -> 3.00 GB recorded (12.0x), 33.0 GB saved · policy on 3 of 3 · next run in 1h",
        ]
    );
    assert!(shown[4].starts_with("▼ HYPERTABLE"), "{shown:?}");
    let low = lines(&mut app, 120, 19);
    assert!(low[2].starts_with("▼ HYPERTABLE"), "{low:?}");
    // On a narrow terminal the totals take two lines.
    let narrow = lines(&mut app, 70, 24);
    assert_eq!(
        narrow[2],
        " 288 of 300 chunks compressed, 12 not (12.0 MB) · due 12 (12.0 MB)"
    );
    assert!(
        narrow[3].starts_with(" 36.0 GB -> 3.00 GB recorded (12.0x), 33.0 GB saved"),
        "{narrow:?}"
    );
    press(&mut app, "/ e n e r g y enter");
    assert_eq!(lines(&mut app, 120, 24)[2..4], shown[2..4], "of all rows");
}

#[test]
fn a_total_says_what_is_an_estimate_and_what_is_unknown() {
    let mut app = connected();
    let unknown = compression::Row {
        before_bytes: None,
        after_bytes: None,
        backlog: None,
        ..row(1, "unknown", 0)
    };
    let estimated = compression::Row {
        backlog_bytes: Later::NotRead,
        about_backlog_bytes: Some(3 << 20),
        ..row(2, "estimated", 4)
    };
    load_compression(&mut app, vec![unknown, estimated, row(3, "known", 0)]);
    let shown = lines(&mut app, 140, 24);
    assert!(
        shown[3].contains("24.0 GB -> 2.00 GB recorded (12.0x), 22.0 GB saved + 1 unknown"),
        "{shown:?}"
    );
    assert!(
        shown[2].contains("due 4 + 1 unknown (~3.00 MB + 1 unknown)"),
        "{shown:?}"
    );
}

#[test]
fn the_uncompressed_bytes_are_the_sum_of_the_rows_and_a_size_not_read_yet_is_no_zero() {
    let mut app = connected();
    let due = compression::Row {
        uncompressed_bytes: Later::Read(Some(5 << 20)),
        ..row(1, "due", 3)
    };
    let none = row(2, "none", 0);
    let unread = compression::Row {
        uncompressed_bytes: Later::NotRead,
        ..row(3, "unread", 4)
    };
    let locked = compression::Row {
        uncompressed_bytes: Later::Failed("55P03 lock timeout".to_owned()),
        ..row(4, "locked", 2)
    };
    let mut said = |rows: &[&compression::Row]| {
        load_compression(&mut app, rows.iter().map(|row| (*row).clone()).collect());
        lines(&mut app, 140, 24)[2].clone()
    };
    let all = said(&[&due, &none, &row(5, "more", 7)]);
    assert!(all.contains(", 10 not (12.0 MB) · due 10"), "{all}");
    let some = said(&[&due, &none, &unread, &locked]);
    assert!(some.contains(", 9 not (at least 5.00 MB) ·"), "{some}");
    let nothing = said(&[&unread]);
    assert!(nothing.contains(", 4 not · due 4"), "{nothing}");
}

#[test]
fn rows_that_carry_nothing_fold_into_one_line_that_a_key_opens() {
    let mut app = connected();
    let many = compression::Row {
        chunks: 5000,
        uncompressed: 5000,
        ..bare(8, "found")
    };
    let all = || {
        vec![
            row(1, "energy", 0),
            row(2, "metrics", 12),
            bare(5, "one"),
            bare(6, "two"),
            many.clone(),
        ]
    };
    load_compression(&mut app, all());
    let key = ". shows 2 more: without a policy and without compressed chunks";
    let folded = |app: &mut App| {
        let lines = lines(app, 120, 30);
        let place = lines.iter().position(|line| line.trim() == key);
        place.map(|at| lines[at - 1].clone())
    };
    let last = folded(&mut app).expect("a line for them");
    assert!(last.contains("mes.energy"), "below the last row: {last}");
    let names = |app: &App| -> Vec<String> {
        let rows = app.screens.compression.in_order();
        rows.map(|row| row.name.clone()).collect()
    };
    assert_eq!(
        names(&app),
        ["metrics", "found", "energy"],
        "a row with a finding never folds"
    );
    assert!(
        lines(&mut app, 120, 30)
            .last()
            .unwrap()
            .contains("1/3 of 5")
    );
    press(&mut app, ".");
    assert_eq!((names(&app).len(), folded(&mut app)), (5, None));
    press(&mut app, ".");
    assert_eq!(names(&app).len(), 3);
    // Filters and sorting apply to folded rows, too.
    press(&mut app, "/ t w o enter");
    assert_eq!(names(&app), ["two"]);
    press(&mut app, "esc l l s");
    assert_eq!(names(&app).len(), 5, "by the number of chunks");
    // Output for programs has all rows.
    let server = server();
    let at = At {
        now: NOW,
        server: &server,
    };
    let mut screens = Screens::default();
    let asked = screens.ask(ScreenId::Compression).unwrap();
    screens.load(asked, Rows::Compression(all()), Duration::ZERO, &at);
    assert_eq!(screens.compression.in_order().count(), 5);
    // If all rows could be folded, or only one row, nothing is folded.
    press(&mut app, "v");
    load_compression(&mut app, vec![bare(5, "one"), bare(6, "two")]);
    assert_eq!(names(&app).len(), 2);
    load_compression(&mut app, vec![row(1, "energy", 0), bare(5, "one")]);
    assert_eq!(names(&app).len(), 2);
}

#[test]
fn the_line_of_the_folded_rows_is_seen_even_below_a_long_list() {
    let mut app = connected();
    let mut all: Vec<_> = (1..40).map(|id| row(id, &format!("t{id}"), 0)).collect();
    all.extend([bare(50, "one"), bare(51, "two")]);
    load_compression(&mut app, all);
    for height in [12, 24, 40] {
        let lines = lines(&mut app, 100, height);
        assert!(
            lines.iter().any(|line| line.contains(". shows 2 more")),
            "{lines:?}"
        );
    }
}

#[test]
fn the_colour_is_on_the_cell_that_is_wrong() {
    let mut app = connected();
    let warns = app.theme().style("level.warning").fg;
    let colours = |app: &mut App, name: &str| {
        let terminal = drawn(app, 120, 24);
        let buffer = terminal.backend().buffer();
        let line = |y: u16| -> String { (0..120).map(|x| buffer[(x, y)].symbol()).collect() };
        let head = (0..24).find(|y| line(*y).contains("BACKLOG")).unwrap();
        let y = (head..24).find(|y| line(*y).contains(name)).unwrap();
        let end = |title: &str| {
            let start = line(head).chars().collect::<String>();
            let at = start.find(title).unwrap();
            u16::try_from(start[..at].chars().count() + title.len() - 1).unwrap()
        };
        let fg = |title: &str| buffer[(end(title), y)].style().fg;
        (fg("BACKLOG"), fg("RATIO"))
    };
    let plain = app.theme().style("text").fg;
    let (backlog, ratio) = colours(&mut app, "mes.metrics");
    assert_eq!(backlog, warns, "the selected row too");
    assert_ne!(ratio, warns);
    press(&mut app, "j");
    let (backlog, ratio) = colours(&mut app, "mes.metrics");
    assert_eq!((backlog, ratio == warns), (warns, false));
    let _ = plain;
    app.theme = app
        .themes
        .iter()
        .position(|theme| theme.name == "mono")
        .unwrap();
    let reset = Some(ratatui::style::Color::Reset);
    assert_eq!(colours(&mut app, "mes.metrics").0, reset);
    assert!(
        lines(&mut app, 120, 24)
            .iter()
            .any(|line| line.starts_with("! mes.metrics")),
        "the sign stays"
    );
}

#[test]
fn where_the_locale_is_not_utf_8_every_glyph_has_an_ascii_stand_in() {
    let mut app = connected();
    load_compression(&mut app, vec![row(1, "größe", 0), row(2, "metrics", 12)]);
    let foreign = |app: &mut App| -> String {
        let terminal = drawn(app, 100, 30);
        let cells = terminal.backend().buffer().content();
        let text: String = cells.iter().map(ratatui::buffer::Cell::symbol).collect();
        text.chars().filter(|glyph| !glyph.is_ascii()).collect()
    };
    assert!(foreign(&mut app).contains('·'), "as ever");
    app.ascii = true;
    assert_eq!(foreign(&mut app), "öß", "letters stay");
    for keys in ["?", "esc :", "esc /", "esc a", "esc enter", "esc 1", "w"] {
        press(&mut app, keys);
        let left = foreign(&mut app).replace(['ö', 'ß'], "");
        assert_eq!(left, "", "{keys}");
    }
}

fn job(used: i64) -> jobs::Row {
    let interval = serde_json::json!({"text": "01:00:00", "seconds": 3600.0});
    serde_json::from_value(serde_json::json!({
        "job_id": 1000, "application_name": "x", "proc_schema": "public", "proc": "x",
        "proc_exists": true, "owner": "o", "owner_may_log_in": true, "owned": true,
        "target": null, "target_kind": null, "orphaned": false, "scheduled": true,
        "schedule": interval, "max_runtime": interval, "max_retries": -1,
        "retry_period": interval, "fixed_schedule": false, "initial_start": null,
        "timezone": null, "config": null, "statistics": null, "error": null, "pid": null,
        "workers": Workers { used, slots: Some(16), schedulers: 1, permanent: 2, processes: Some(48), peak: None },
    }))
    .unwrap()
}

#[test]
fn the_peak_of_the_workers_is_what_this_console_saw() {
    let server = server();
    let at = At {
        now: NOW,
        server: &server,
    };
    let mut screens = Screens::default();
    for (used, words) in [
        (4, "TimescaleDB workers on this server: 4 of 16"),
        (
            9,
            "TimescaleDB workers on this server: 9 of 16, peak seen 9",
        ),
        (
            3,
            "TimescaleDB workers on this server: 3 of 16, peak seen 9",
        ),
    ] {
        let asked = screens.ask(ScreenId::Jobs).unwrap();
        screens.load(asked, Rows::Jobs(vec![job(used)]), Duration::ZERO, &at);
        let headline = screens.jobs.headline();
        assert_eq!(headline[0], "1 job: 1 never ran · last run failed: none");
        assert_eq!(headline[1], words);
    }
}

fn show(conninfo: &str, screen: &str, format: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_hypertop"))
        .args(["-d", conninfo, "show", screen, "--format", format])
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .env("XDG_STATE_HOME", "/nonexistent")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The number before these words.
fn before(line: &str, words: &str) -> i64 {
    let at = line
        .find(words)
        .unwrap_or_else(|| panic!("{words}: {line}"));
    let figures: Vec<char> = line[..at].chars().rev().collect();
    let figures = figures.iter().skip_while(|c| **c == ' ');
    let figures = figures.take_while(|c| c.is_ascii_digit());
    let figures: String = figures.collect::<Vec<_>>().into_iter().rev().collect();
    figures.parse().unwrap()
}

#[test]
fn on_every_version_the_totals_agree_with_the_rows_and_are_for_people_only() {
    with_targets(|targets| {
        for target in &targets.all {
            let rows = |screen: &str| -> Vec<Json> {
                let json: Json =
                    serde_json::from_str(&show(&target.conninfo, screen, "json")).unwrap();
                json["rows"].as_array().unwrap().clone()
            };
            let headline = |screen: &str| -> (String, String) {
                let text = show(&target.conninfo, screen, "table");
                let mut lines = text.lines().skip(1).map(str::to_owned);
                (lines.next().unwrap(), lines.next().unwrap())
            };
            let sum = |rows: &[Json], key: &str| -> i64 {
                rows.iter().filter_map(|row| row[key].as_i64()).sum()
            };
            let name = &target.name;
            let all = rows("compression");
            let (first, second) = headline("compression");
            let with = all.iter().filter(|row| row["job_id"] != Json::Null).count();
            let words = format!(" policy on {with} of {}", all.len());
            assert!(second.contains(&words), "{name}: {second}");
            let packed = sum(&all, "compressed_chunks") + sum(&all, "partial_chunks");
            let chunks = sum(&all, "chunks");
            let words = format!("{packed} of {chunks} chunks compressed");
            assert!(first.starts_with(&words), "{name}: {words}: {first}");
            let open = sum(&all, "uncompressed_chunks");
            let bytes = text::bytes(sum(&all, "uncompressed_bytes"));
            let words = format!(", {open} not ({bytes})");
            assert!(first.contains(&words), "{name}: {words}: {first}");
            assert!(second.contains(" recorded ("), "{name}: {second}");
            let csv = show(&target.conninfo, "compression", "csv");
            assert_eq!(csv.lines().count(), all.len() + 1, "{name}");

            let all = rows("retention");
            let (first, second) = headline("retention");
            let without: Vec<Json> = all
                .iter()
                .filter(|row| row["job_id"] == Json::Null)
                .cloned()
                .collect();
            let words = format!("policy on {} of {}", all.len() - without.len(), all.len());
            assert!(first.starts_with(&words), "{name}: {first}");
            let words = format!(
                "tables without a policy: {} ({} chunks kept for ever)",
                without.len(),
                sum(&without, "chunks")
            );
            assert!(second.contains(&words), "{name}: {words}: {second}");

            let all = rows("indexes");
            let (first, second) = headline("indexes");
            let words = format!("{} indexes, ", all.len());
            assert!(first.starts_with(&words), "{name}: {first}");
            let unused = all.iter().filter(|row| row["unused"] == true).count();
            let early = format!("{unused} unscanned (");
            assert!(second.contains(&early) || unused == 0, "{name}: {second}");

            let all = rows("hypertables");
            let (first, _) = headline("hypertables");
            let own: Vec<Json> = all
                .iter()
                .filter(|row| row["kind"] != "candidate")
                .cloned()
                .collect();
            let words = format!("{} hypertables, ", own.len());
            assert!(first.starts_with(&words), "{name}: {first}");
            assert_eq!(before(&first, " chunks"), sum(&own, "chunks"), "{name}");

            for (screen, one) in [("aggregates", "aggregate"), ("jobs", "job")] {
                let all = rows(screen).len();
                let (first, _) = headline(screen);
                let words = format!("{all} {one}s: ");
                let rest = first.strip_prefix(&words).expect(&first);
                let groups = rest.split(" · ").next().unwrap().split(", ");
                let sum: usize = groups
                    .map(|group| group.split(' ').next().unwrap().parse::<usize>().unwrap())
                    .sum();
                assert_eq!(sum, all, "{name}: {first}");
            }
            for screen in ["activity", "server", "queries"] {
                let (first, _) = headline(screen);
                assert!(!first.is_empty(), "{name}: {screen}");
            }
        }
    });
}
