//! The real program in a terminal: start, unusual sizes, lost connections, and the restored terminal at the end.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use support::check::is_installed;
use support::console::Console;
use support::with_targets;

#[test]
fn the_console_opens_on_every_screen_and_leaves_with_q() {
    with_targets(|targets| {
        let mut console = Console::open(&[&targets.all[0].conninfo]);
        console.wait_for("mes.metric_hist");
        for (key, words) in [
            ("2", "UNCOMPR"),
            ("3", "DROP AFTER"),
            ("4", "INDEX"),
            ("7", "PER DAY"),
            ("8", "SESSION"),
            ("9", "STATEMENT"),
            ("5", "job_export_erp"),
            ("6", "mes.metric_hist_1hour"),
        ] {
            console.press(key);
            console.wait_for(words);
        }
        console.press("\r");
        console.wait_for("expected maximum lag");
        // The end of the details moves down while their parts arrive.
        let start = Instant::now();
        while !console.text().contains("SELECT ") && start.elapsed() < Duration::from_secs(30) {
            console.press("G");
            std::thread::sleep(Duration::from_millis(100));
        }
        console.wait_for("SELECT ");
        console.press("\x1b");
        console.wait_for("EXPECTED");
        console.press("q");
        assert_eq!(console.ended(), 0);
    });
}

#[test]
fn a_theme_that_is_chosen_asks_nothing_and_has_its_first_frame_at_once() {
    with_targets(|targets| {
        for theme in ["dark", "mono"] {
            // This terminal never answers requests, so waiting for an answer would take a second or more.
            let args = ["--theme", theme, targets.all[0].conninfo.as_str()];
            let start = Instant::now();
            let mut console = Console::open_silent(&args);
            console.wait_for("1 Over");
            let took = start.elapsed();
            assert!(took < Duration::from_millis(900), "{theme}: {took:?}");
            console.wait_for("mes.metric_hist");
            let raw = String::from_utf8_lossy(&console.raw.lock().unwrap()).into_owned();
            for question in [
                "\x1b[6n",
                "\x1b[c",
                "\x1b[>c",
                "\x1b[?u",
                "\x1b]11;?",
                "\x1b[14t",
            ] {
                assert!(!raw.contains(question), "{question:?} is asked");
            }
            console.press("q");
            assert_eq!(console.ended(), 0);
        }
    });
}

#[test]
fn a_terminal_that_answers_nothing_is_served_all_the_same() {
    with_targets(|targets| {
        let mut console = Console::open_silent(&[&targets.all[0].conninfo]);
        console.wait_for("mes.metric_hist");
        console.press("q");
        assert_eq!(console.ended(), 0);
    });
}

#[test]
fn broken_settings_are_named_over_the_screen_until_a_key_is_pressed() {
    with_targets(|targets| {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("hypertop");
        std::fs::create_dir_all(own.join("themes")).unwrap();
        std::fs::write(own.join("config.toml"), "refresh = \"2s\"\ncolour = 1\n").unwrap();
        std::fs::write(own.join("themes/mine.toml"), "text = [\n").unwrap();
        let mut console = Console::open_with(
            &["--theme", "nope", &targets.all[0].conninfo],
            folder.path().to_str().unwrap(),
        );
        let text = console.wait_for("Any key closes this");
        for words in [
            "config.toml",
            "line 2",
            "colour",
            "mine.toml",
            "no theme \"nope\"",
        ] {
            assert!(text.contains(words), "no {words} in:\n{text}");
        }
        console.press("x");
        console.wait_for("mes.metric_hist");
        assert!(!console.text().contains("Any key closes this"));
        console.press("q");
        assert_eq!(console.ended(), 0);
    });
}

#[test]
fn a_wrong_key_ends_it_before_the_terminal_is_touched() {
    with_targets(|targets| {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("hypertop");
        std::fs::create_dir(&own).unwrap();
        let text = "refresh = \"2s\"\n[keys]\nquit = \"Q\"\nmark-row = \"Q\"\n";
        std::fs::write(own.join("config.toml"), text).unwrap();
        let config = folder.path().to_str().unwrap();
        for args in [vec![targets.all[0].conninfo.as_str()], vec!["demo"]] {
            let (raw, code) = Console::open_with(&args, config).written();
            assert_eq!(code, 1, "{raw}");
            for words in ["config.toml: line 4: mark-row", "quit has that key too"] {
                assert!(raw.contains(words), "no {words} in:\n{raw}");
            }
            assert!(!raw.contains('\x1b'), "{raw:?}");
        }
    });
}

#[test]
fn it_survives_a_tiny_terminal_and_back() {
    with_targets(|targets| {
        let mut console = Console::open(&[&targets.all[0].conninfo]);
        console.wait_for("mes.metric_hist");
        console.resize(20, 5);
        console.wait_for("needs 60x12");
        console.resize(200, 50);
        console.wait_for("mes.metric_hist");
        console.press("q");
        assert_eq!(console.ended(), 0);
    });
}

#[test]
fn signals_end_it_and_the_terminal_is_given_back() {
    use nix::sys::signal::Signal::{SIGHUP, SIGTERM};
    with_targets(|targets| {
        for (signal, code) in [(SIGTERM, 143), (SIGHUP, 129)] {
            let console = Console::open(&[&targets.all[0].conninfo]);
            console.wait_for("mes.metric_hist");
            console.signal(signal);
            assert_eq!(console.ended(), code);
        }
    });
}

#[test]
fn a_server_that_is_killed_and_started_again_is_found_again() {
    with_targets(|targets| {
        let mut console = Console::open(&["--refresh", "500ms", &targets.all[0].conninfo]);
        console.wait_for("mes.metric_hist");
        targets.server.stop().unwrap();
        let text = console.wait_for("NOT CONNECTED");
        assert!(text.contains("mes.metric_hist"), "the rows stay:\n{text}");
        targets.server.launch().unwrap();
        console.wait_for("reads every ");
        console.press("5");
        console.wait_for("job_export_erp");
        console.press("q");
        assert_eq!(console.ended(), 0);
    });
}

#[test]
fn a_key_is_answered_while_a_slow_query_runs() {
    with_targets(|targets| {
        let Some(target) = targets.all.iter().find(|target| target.real) else {
            return println!("SKIPPED: no real TimescaleDB here");
        };
        let mut console = Console::open(&[&target.conninfo]);
        console.wait_for("mes.metric_hist");
        // The list waits for the lock until lock_timeout, but keys work.
        support::block_on(async {
            let mut admin = support::client(&target.conninfo).await;
            let lock = admin.transaction().await.unwrap();
            lock.batch_execute(
                "lock table _timescaledb_catalog.hypertable in access exclusive mode",
            )
            .await
            .unwrap();
            console.press("r?");
            console.wait_for("? help");
            console.press("?");
            console.wait_for("Help: Overview");
            lock.rollback().await.unwrap();
        });
        console.press("q");
        console.wait_for("mes.metric_hist");
        console.press("q");
        assert_eq!(console.ended(), 0);
    });
}

#[test]
fn after_a_stop_from_outside_keys_and_screen_work_again() {
    use nix::sys::signal::Signal::{SIGCONT, SIGSTOP, SIGTSTP};
    with_targets(|targets| {
        for signal in [SIGSTOP, SIGTSTP] {
            let mut console = Console::open(&[&targets.all[0].conninfo]);
            console.wait_for("mes.metric_hist");
            // Without a shell in the session, SIGTSTP does not stop the program, but SIGCONT still arrives.
            console.signal(signal);
            let start = Instant::now();
            while signal == SIGSTOP && !console.status("State").starts_with('T') {
                assert!(start.elapsed() < Duration::from_secs(10));
                std::thread::sleep(Duration::from_millis(20));
            }
            // The shell changes the terminal meanwhile: line mode, echo, and its own screen.
            let tty = console.tty();
            let sane = std::process::Command::new("stty")
                .args(["sane", "-F"])
                .arg(&tty)
                .status()
                .unwrap();
            assert!(sane.success());
            let mut shell = std::fs::OpenOptions::new().write(true).open(&tty).unwrap();
            std::io::Write::write_all(&mut shell, b"\x1b[?1049l\x1b[?25h\x1b[2J\x1b[Hjobs$ fg\n")
                .unwrap();
            console.wait_for("jobs$ fg");
            console.signal(SIGCONT);
            console.wait_for("mes.metric_hist");
            // The screen is drawn in several pieces.
            let start = Instant::now();
            while console.text().contains("jobs$ fg") {
                assert!(start.elapsed() < Duration::from_secs(10));
                std::thread::sleep(Duration::from_millis(20));
            }
            console.press("5");
            console.wait_for("job_export_erp");
            console.press("q");
            assert_eq!(console.ended(), 0);
        }
    });
}

#[test]
fn a_size_that_no_screen_has_is_not_believed() {
    with_targets(|targets| {
        let mut console = Console::open(&[&targets.all[0].conninfo]);
        console.wait_for("mes.metric_hist");
        for (cols, rows) in [
            (65_535, 65_535),
            (20_000, 30),
            (100, 60_000),
            (9_000, 9_000),
        ] {
            console.claim(cols, rows);
            console.press("5");
            console.wait_for("job_export_erp");
            console.press("1");
            console.wait_for("mes.metric_hist");
        }
        let most = console.status("VmHWM");
        let kilobytes: u64 = most.trim_end_matches("kB").trim().parse().unwrap();
        assert!(kilobytes < 400_000, "{most}");
        console.resize(120, 40);
        console.press("5");
        console.wait_for("job_export_erp");
        console.press("q");
        assert_eq!(console.ended(), 0);
    });
}

#[test]
fn the_colours_fit_the_background_that_the_terminal_says() {
    with_targets(|targets| {
        // The header's product name has the theme's blue for each background.
        let worlds = [
            (Some("ffff/ffff/ffff"), "38;5;26;"),
            (Some("0000/0000/0000"), "38;5;80;"),
            (Some("nonsense"), "38;5;63;"),
            (None, "38;5;63;"),
        ];
        let conninfo = targets.all[0].conninfo.as_str();
        for (background, blue) in worlds {
            let mut console = match background {
                Some(background) => Console::open_on(&[conninfo], background),
                None => Console::open(&[conninfo]),
            };
            console.wait_for("Overview");
            console.press("q");
            let (raw, code) = console.written();
            assert_eq!(code, 0);
            assert!(raw.contains(blue), "{background:?}: {raw:?}");
        }
    });
}

/// The sequence (OSC 52) that puts this text on the clipboard of the terminal.
fn copied(text: &str) -> String {
    format!("\x1b]52;c;{}\x07", STANDARD.encode(text))
}

const CELL: &str = "mes.metric_hist_1hour";

/// Copies the name of the aggregate that the filter finds.
fn copy(console: &mut Console) {
    console.wait_for("mes.metric_hist");
    console.press("6");
    console.wait_for("EXPECTED");
    console.press("/metric_hist_1hour\r");
    console.wait_for("1/2 of ");
    console.press("y");
    console.wait_for("copied: mes.metric_hist_1hour");
}

#[test]
fn a_copied_cell_and_row_reach_the_clipboard_of_the_terminal() {
    with_targets(|targets| {
        let mut console = Console::open(&[&targets.all[0].conninfo]);
        copy(&mut console);
        console.wait_for_raw(&copied(CELL));
        console.press("Y");
        let start = Instant::now();
        let row = regex::Regex::new("\x1b\\]52;c;([A-Za-z0-9+/=]+)\x07").unwrap();
        let rows = || {
            let raw = String::from_utf8_lossy(&console.raw.lock().unwrap()).into_owned();
            let found = row.captures_iter(&raw).last().map(|of| of[1].to_owned());
            String::from_utf8(STANDARD.decode(found.unwrap_or_default()).unwrap()).unwrap()
        };
        while !rows().contains(&format!("{CELL}\t")) {
            assert!(start.elapsed() < Duration::from_secs(10), "{:?}", rows());
            std::thread::sleep(Duration::from_millis(20));
        }
        console.press("q");
        assert_eq!(console.ended(), 0);
    });
}

#[test]
fn tmux_passes_what_is_copied_on_to_the_terminal_around_it() {
    if !is_installed("tmux") {
        return;
    }
    with_targets(|targets| {
        let folder = tempfile::tempdir().unwrap();
        let (socket, settings) = (
            folder.path().join("socket"),
            folder.path().join("tmux.conf"),
        );
        // Before 3.3, tmux does not know this option and always passes the sequence on.
        std::fs::write(&settings, "set -gq allow-passthrough on\n").unwrap();
        let mut console = Console::open_in_tmux(&[&targets.all[0].conninfo], &socket, &settings);
        copy(&mut console);
        console.wait_for_raw(&copied(CELL));
        console.press("q");
        assert_eq!(console.written().1, 0);
    });
}
