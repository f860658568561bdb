//! A recording shows, without a server, what was on the screens.
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

/// Two looks at the compression screen, a minute apart.
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

fn from_tape(effect: &Effect) -> Option<Msg> {
    match effect {
        Effect::Figures(ask) => App::figures_from_tape(ask),
        Effect::Act(ask) => App::act_on_tape(ask),
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
        let answers: Vec<Msg> = effects.iter().filter_map(from_tape).collect();
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
    // Holes: a file of 8 GB that takes no room.
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
