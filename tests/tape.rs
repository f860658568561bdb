//! Replaying a recording shows the recorded screens without a server.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod console;

use std::io::Write;
use std::time::Duration;

use console::{NOW, connected, drawn, press, row, server};
use hypertop::app::ask;
use hypertop::app::tape::{Kept, Recorder, Replay};
use hypertop::app::{App, Effect, Msg, theme};
use hypertop::model::screen_id::ScreenId;
use hypertop::screens::Rows;
use serde_json::Value as Json;

/// A recording with two loads of the Compression screen, a minute apart.
fn recorded(folder: &tempfile::TempDir) -> std::path::PathBuf {
    let path = folder.path().join("night.jsonl");
    let mut recorder = Recorder::new(&path).unwrap();
    for kept in connected().known() {
        recorder.keep(NOW, kept).unwrap();
    }
    let rows = Rows::Compression(vec![row(1, "energy", 0), row(2, "metrics", 99)]);
    let later = NOW.plus_seconds(60.0);
    recorder.keep(later, Kept::Rows(rows)).unwrap();
    path
}

fn replay(path: &std::path::Path) -> App {
    let mut app = App::new(NOW, theme::all(None).0, Duration::from_secs(2));
    app.screen = ScreenId::Compression;
    app.replay(Replay::open(path).unwrap());
    app
}

fn from_tape(app: &App, effect: &Effect) -> Option<Msg> {
    match effect {
        Effect::Figures(ask) => app.figures_from_tape(ask),
        Effect::Act(ask) => app.act_on_tape(ask),
        _ => None,
    }
}

#[test]
fn a_recording_is_walked_through_moment_by_moment() {
    let folder = tempfile::tempdir().unwrap();
    let mut app = replay(&recorded(&folder));
    let shown = drawn(&mut app, 120, 20).backend().to_string();
    assert!(
        shown.contains("mes.quality") && shown.contains("1/2"),
        "{shown}"
    );
    press(&mut app, "]");
    let shown = drawn(&mut app, 120, 20).backend().to_string();
    assert!(!shown.contains("mes.quality"), "{shown}");
    assert!(shown.contains("99") && shown.contains("2/2"), "{shown}");
    press(&mut app, "{");
    let shown = drawn(&mut app, 120, 20).backend().to_string();
    assert!(shown.contains("mes.quality"), "{shown}");
}

#[test]
fn the_overview_finds_in_a_recording_what_was_wrong_then() {
    let folder = tempfile::tempdir().unwrap();
    let mut app = replay(&recorded(&folder));
    press(&mut app, "1");
    let shown = drawn(&mut app, 120, 24).backend().to_string();
    assert!(shown.contains("chunks wait for compression"), "{shown}");
}

#[test]
fn nothing_is_asked_of_a_server_and_nothing_can_be_changed() {
    let folder = tempfile::tempdir().unwrap();
    let mut app = replay(&recorded(&folder));
    for key in ["c", "enter"] {
        let effects = press(&mut app, key);
        let answers: Vec<Msg> = effects
            .iter()
            .filter_map(|effect| from_tape(&app, effect))
            .collect();
        assert!(!answers.is_empty(), "{key}: {effects:?}");
        for answer in answers {
            app.update(answer);
        }
        let shown = drawn(&mut app, 120, 30).backend().to_string();
        assert!(shown.contains("recording"), "{key}: {shown}");
        press(&mut app, "esc");
    }
    let effects = app.update(Msg::Tick(NOW.plus_seconds(5.0)));
    assert!(
        !effects.iter().any(|effect| matches!(
            effect,
            Effect::List(ask::List::Pulse { .. } | ask::List::Load { .. })
        )),
        "{effects:?}"
    );
}

#[test]
fn a_recording_that_was_cut_off_shows_what_it_has_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = recorded(&folder);
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap();
    file.write_all(b"{\"at\":18000000").unwrap();
    let mut app = replay(&path);
    let shown = drawn(&mut app, 120, 20).backend().to_string();
    assert!(shown.contains("cannot be read"), "{shown}");
    assert!(shown.contains("mes.metrics"), "{shown}");
}

#[test]
fn a_line_without_end_is_not_read_into_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = recorded(&folder);
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    // The last line now has 8 GB, in a sparse file.
    file.set_len(8 << 30).unwrap();
    let mut app = replay(&path);
    let shown = drawn(&mut app, 140, 20).backend().to_string();
    assert!(shown.contains("it is longer than 64.0 MB"), "{shown}");
    assert!(shown.contains("mes.metrics"), "{shown}");
    std::fs::write(&path, "").unwrap();
    file.set_len(8 << 30).unwrap();
    let error = format!("{:#}", Replay::open(&path).unwrap_err());
    assert!(error.contains("not a recording"), "{error}");
}

#[test]
fn what_is_no_recording_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "milk, bread\n").unwrap();
    let error = format!("{:#}", Replay::open(&path).unwrap_err());
    assert!(
        error.contains("notes.txt") && error.contains("not a recording"),
        "{error}"
    );
}

#[test]
fn a_file_that_exists_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.txt");
    std::fs::write(&path, "mine").unwrap();
    assert!(Recorder::new(&path).is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
}

#[test]
fn a_hostile_database_name_makes_a_harmless_file_name() {
    let mut server = server();
    server.database = "../../etc/\u{1b}[31m'x\"".to_owned();
    let name = hypertop::app::tape::file_name(&server, NOW);
    assert!(!name.contains(['/', '\u{1b}', '"', '\'']), "{name}");
}

/// JSON keys of the first version's recordings that were renamed.
const RENAMED: [(&str, &str); 2] = [("mend", "fix"), ("aside", "acknowledged")];

/// Keys and values of the first version's recordings that are no longer written, because other keys have the same information.
const SAID_TWICE: [(&str, &str); 3] = [
    ("newest_asked", "false"),
    ("eligible_bytes", "0"),
    ("backlog_bytes", "0"),
];

/// Collects the paths of values in `old` that `new` lacks, under the same key or its new name.
fn lost(old: &Json, new: &Json, path: &str, paths: &mut Vec<String>) {
    match (old, new) {
        (Json::Null, _) => {}
        (Json::Object(old), Json::Object(new)) => {
            for (key, value) in old {
                if SAID_TWICE.contains(&(key, value.to_string().as_str())) {
                    continue;
                }
                let renamed = RENAMED.iter().find(|(was, _)| was == key);
                let name = renamed.map_or(key.as_str(), |(_, is)| is);
                let found = new.get(name).unwrap_or(&Json::Null);
                lost(value, found, &format!("{path}.{key}"), paths);
            }
        }
        (Json::Array(old), Json::Array(new)) if old.len() == new.len() => {
            for (number, (old, new)) in old.iter().zip(new).enumerate() {
                lost(old, new, &format!("{path}[{number}]"), paths);
            }
        }
        _ if old == new => {}
        _ => paths.push(format!("{path}: {old}, now {new}")),
    }
}

#[test]
fn a_recording_of_the_first_version_is_read_in_full() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = path.join("tests/tape/first_version.jsonl");
    let mut replay = Replay::open(&path).unwrap();
    assert_eq!(replay.note, None);
    replay.step(isize::MAX);
    let text = std::fs::read_to_string(&path).unwrap();
    let old: Vec<Json> = text
        .lines()
        .skip(1)
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let new = serde_json::to_value(replay.so_far()).unwrap();
    let mut paths = Vec::new();
    lost(&Json::Array(old), &new, "", &mut paths);
    assert!(paths.is_empty(), "{paths:#?}");

    let shown = |key: &str| {
        let mut app = self::replay(&path);
        press(&mut app, "}");
        press(&mut app, key);
        drawn(&mut app, 120, 30).backend().to_string()
    };
    for (key, words) in [
        ("1", "refresh would delete rows"),
        ("2", "metric_hist"),
        ("3", "oee_calculations"),
        ("4", "line_name_again_idx"),
        ("5", "job_export_erp"),
        ("6", "metric_hist_1hour"),
        ("7", "production_kpis"),
        ("8", "factory"),
        ("=", "oldest"),
    ] {
        let shown = shown(key);
        assert!(shown.contains(words), "{key}: {shown}");
    }
}
