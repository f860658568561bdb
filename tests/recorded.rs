//! The demo if PostgreSQL is not installed: the console opens a recording that is a part of the program.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod console;
mod support;

use std::collections::BTreeSet;
use std::io::{BufRead, Read};
use std::process::Command;
use std::time::Duration;

use console::{NOW, drawn, press};
use hypertop::app::tape::Replay;
use hypertop::app::{App, Effect, theme};
use hypertop::demo;
use hypertop::model::screen_id::ScreenId;
use hypertop::screens::Rows;
use regex::Regex;
use support::console::Console;

/// The app at the recording's first moment that is shown.
fn opened() -> App {
    let named = || "the demo".to_owned();
    let mut replay = Replay::read(demo::recording().unwrap(), named).unwrap();
    assert_eq!(replay.note, None);
    replay.skip(demo::RECORDED_START_SECONDS);
    let mut app = App::new(NOW, theme::all(None).0, Duration::from_secs(2));
    app.replay(replay);
    app
}

/// Presses a key, and answers the app's requests from the recording. Returns the screen.
fn shown(app: &mut App, key: &str) -> String {
    let mut effects = press(app, key);
    while let Some(effect) = effects.pop() {
        let answer = match &effect {
            Effect::Figures(ask) => app.figures_from_tape(ask),
            Effect::Act(ask) => app.act_on_tape(ask),
            _ => None,
        };
        effects.extend(answer.into_iter().flat_map(|answer| app.update(answer)));
    }
    drawn(app, 120, 40).backend().to_string()
}

const SCREENS: [(&str, &str); 11] = [
    ("1", "refresh would delete rows"),
    ("2", "mes.metric_hist"),
    ("3", "DROP AFTER"),
    ("4", "line_name_again_idx"),
    ("5", "job_export_erp"),
    ("6", "mes.metric_hist_1hour"),
    ("7", "PER DAY"),
    ("8", "factory"),
    ("9", "STATEMENT"),
    ("0", "Add a refresh policy"),
    ("=", "oldest"),
];

/// Without PostgreSQL: neither in PATH, nor where `HYPERTOP_PG_BIN` says.
const NONE: [(&str, &str); 3] = [
    ("PATH", "/nonexistent"),
    ("HYPERTOP_PG_BIN", "/nonexistent"),
    ("XDG_CONFIG_HOME", "/nonexistent"),
];

#[test]
fn without_postgresql_the_demo_opens_a_recording_on_every_screen() {
    let forced = [("XDG_CONFIG_HOME", "/nonexistent")];
    for (args, vars) in [
        (&["demo"][..], &NONE[..]),
        (&["demo", "--recorded"], &forced),
    ] {
        let mut console = Console::open_in(args, vars, 160, 50);
        for (key, words) in SCREENS {
            console.press(key);
            let text = console.wait_for(words);
            assert!(text.contains(" RECORDED "), "{key}: {text}");
            assert!(!text.contains("not in the recording"), "{key}: {text}");
        }
        console.press("1m");
        console.wait_for("Tab: next field");
        console.press("\r");
        console.wait_for("this is a recording: nothing can be changed in it");
        // The first key closes the dialog, and the second quits.
        console.press("qq");
        let (raw, code) = console.written();
        assert_eq!(code, 0);
        let said = raw.contains("Until then this demo is a recording");
        assert_eq!(said, args.len() == 1, "{raw}");
    }
}

#[test]
fn a_folder_without_postgresql_is_named_and_an_explicit_simulation_is_refused() {
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hypertop"));
        command.args(args).envs(NONE).output().unwrap()
    };
    let output = run(&["demo"]);
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{err}");
    assert!(out.starts_with("RECORDED at 20"), "{out}");
    for words in ["refresh would delete rows", "job_export_erp"] {
        assert!(out.contains(words), "no {words} in:\n{out}");
    }
    assert!(err.contains("HYPERTOP_PG_BIN names /nonexistent"), "{err}");
    let output = run(&["demo", "--simulate"]);
    assert_eq!(output.status.code(), Some(1));
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(err.contains("HYPERTOP_PG_BIN names /nonexistent"), "{err}");
}

#[test]
fn details_and_previews_of_every_row_are_in_the_recording() {
    let mut app = opened();
    let (mut seen, mut missing) = (BTreeSet::new(), BTreeSet::new());
    for (key, _) in SCREENS.iter().skip(1) {
        let mut text = shown(&mut app, key);
        let mut last = None;
        while let Some(row) = app.screens.selected_key(app.screen) {
            if last.as_ref() == Some(&row) {
                break;
            }
            let details = shown(&mut app, "enter");
            if app.details.is_some() {
                seen.insert((app.screen, row.clone()));
                if details.contains("not in the recording") || text.contains("not in the recording")
                {
                    missing.insert((app.screen, row.clone()));
                }
                assert!(!details.contains("reading…"), "{row}: {details}");
                shown(&mut app, "esc");
            }
            last = Some(row);
            text = shown(&mut app, "j");
        }
    }
    assert!(seen.len() > 60, "{seen:?}");
    // Sessions and statements come and go; their details are read some seconds later.
    missing.retain(|(screen, _)| !matches!(screen, ScreenId::Activity | ScreenId::Queries));
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_preview_shows_the_statement_and_says_that_this_is_a_recording() {
    let mut app = opened();
    shown(&mut app, "1");
    let form = shown(&mut app, "m");
    assert!(form.contains("was 60d"), "{form}");
    let preview = shown(&mut app, "enter");
    for words in [
        "alter_job(",
        "Undo (exact)",
        "this is a recording: nothing can be changed in it",
    ] {
        assert!(preview.contains(words), "no {words} in:\n{preview}");
    }
    for key in ["enter", "y"] {
        let effects = press(&mut app, key);
        assert!(effects.is_empty(), "{key}: {effects:?}");
    }
    press(&mut app, "esc");
    shown(&mut app, "0");
    let refused = shown(&mut app, "u");
    assert!(refused.contains("nothing can be rolled back"), "{refused}");
}

#[test]
fn the_recording_is_of_a_real_timescaledb_and_names_no_machine() {
    let mut text = String::new();
    demo::recording()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert!(!text.contains(r#""simulated":true"#));
    let path = Regex::new(r"/(?:tmp|home|root|work|var|opt|usr|etc|Users|mnt|srv)/").unwrap();
    let found: Vec<_> = path.find_iter(&text).map(|found| found.as_str()).collect();
    assert_eq!(found, Vec::<&str>::new());
    let address = Regex::new(r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b").unwrap();
    assert!(address.find(&text).is_none(), "{:?}", address.find(&text));
    let roles = Regex::new(r#""role":"([^"]*)""#).unwrap();
    let roles: BTreeSet<_> = roles
        .captures_iter(&text)
        .map(|of| of[1].to_owned())
        .collect();
    assert_eq!(roles, BTreeSet::from(["postgres".to_owned()]));
}

#[test]
fn the_recording_has_minutes_and_costs_the_program_little() {
    let file =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/demo/recording.jsonl.zst");
    let bytes = std::fs::metadata(file).unwrap().len();
    assert!(bytes < 1_400_000, "{bytes}");
    let mut lines = demo::recording().unwrap().lines();
    assert!(
        lines
            .next()
            .unwrap()
            .unwrap()
            .contains("hypertop_recording")
    );
    let app = opened();
    let mut replay = app.tape.unwrap();
    replay.skip(-1e6);
    let first = replay.now();
    replay.skip(1e6);
    assert!(replay.now().seconds_since(first) > 180.0);
    let last = replay.so_far();
    assert!(last.iter().any(|line| matches!(
        &line.kept,
        hypertop::app::tape::Kept::Rows(Rows::Journal(entries)) if entries.len() == 2
    )));
}
