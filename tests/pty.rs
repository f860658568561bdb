//! The real program in a terminal: it opens, survives odd sizes, loses its server, and gives the terminal back.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use support::with_targets;

/// The program in a terminal of its own.
struct Console {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    screen: Arc<Mutex<vt100::Parser>>,
    raw: Arc<Mutex<Vec<u8>>>,
}

fn size(cols: u16, rows: u16) -> PtySize {
    PtySize {
        rows,
        cols,
        pixel_width: 0,
        pixel_height: 0,
    }
}

impl Console {
    fn open(args: &[&str]) -> Self {
        Self::open_with(args, "/nonexistent")
    }

    fn open_with(args: &[&str], config: &str) -> Self {
        let pair = native_pty_system().openpty(size(100, 30)).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_hypertop"));
        command.args(args);
        command.env("TERM", "xterm-256color");
        command.env("XDG_CONFIG_HOME", config);
        for name in [
            "TMUX",
            "NO_COLOR",
            "PGHOST",
            "PGPORT",
            "PGUSER",
            "PGDATABASE",
        ] {
            command.env_remove(name);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let keys = pair.master.take_writer().unwrap();
        let screen = Arc::new(Mutex::new(vt100::Parser::new(30, 100, 0)));
        let raw = Arc::new(Mutex::new(Vec::new()));
        let (shown, bytes) = (Arc::clone(&screen), Arc::clone(&raw));
        std::thread::spawn(move || {
            let mut buffer = vec![0; 65536];
            while let Ok(read @ 1..) = reader.read(&mut buffer) {
                shown.lock().unwrap().process(&buffer[..read]);
                bytes.lock().unwrap().extend_from_slice(&buffer[..read]);
            }
        });
        Self {
            child,
            master: pair.master,
            keys,
            screen,
            raw,
        }
    }

    fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    /// Waits until the screen shows the words.
    fn wait_for(&self, words: &str) -> String {
        let start = Instant::now();
        loop {
            let text = self.text();
            if text.contains(words) {
                return text;
            }
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "no {words:?} in:\n{text}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    fn resize(&self, cols: u16, rows: u16) {
        self.master.resize(size(cols, rows)).unwrap();
        self.screen
            .lock()
            .unwrap()
            .screen_mut()
            .set_size(rows, cols);
    }

    fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = i32::try_from(self.child.process_id().unwrap()).unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal).unwrap();
    }

    /// Waits for the end, and checks that the terminal is given back.
    fn ended(mut self) -> u32 {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if start.elapsed() > Duration::from_secs(20) {
                self.child.kill().unwrap();
                panic!("it does not end:\n{}", self.text());
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        std::thread::sleep(Duration::from_millis(200));
        let raw = String::from_utf8_lossy(&self.raw.lock().unwrap()).into_owned();
        let (taken, given) = (raw.rfind("\x1b[?1049h"), raw.rfind("\x1b[?1049l"));
        assert!(
            taken.is_some() && given > taken,
            "the alternate screen is left"
        );
        assert!(
            raw.rfind("\x1b[?25h") > raw.rfind("\x1b[?25l"),
            "the cursor is shown again"
        );
        status.exit_code()
    }
}

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
        console.wait_for("promised at most");
        // The end moves down as the parts arrive.
        let start = Instant::now();
        while !console.text().contains("SELECT ") && start.elapsed() < Duration::from_secs(30) {
            console.press("G");
            std::thread::sleep(Duration::from_millis(100));
        }
        console.wait_for("SELECT ");
        console.press("\x1b");
        console.wait_for("PROMISED");
        console.press("q");
        assert_eq!(console.ended(), 0);
    });
}

#[test]
fn a_terminal_that_answers_no_question_has_its_first_frame_at_once() {
    with_targets(|targets| {
        // This terminal never answers anything; whoever waits for a reply waits a second or more.
        let start = Instant::now();
        let mut console = Console::open(&[&targets.all[0].conninfo]);
        console.wait_for("1 Over");
        let took = start.elapsed();
        assert!(took < Duration::from_millis(900), "{took:?}");
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
        console.wait_for("every 500ms");
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
        // The list waits for the lock on its catalogue until its lock_timeout; keys do not.
        support::block_on(async {
            let mut admin = support::client(&target.conninfo).await;
            let lock = admin.transaction().await.unwrap();
            lock.batch_execute(
                "lock table _timescaledb_catalog.hypertable in access exclusive mode",
            )
            .await
            .unwrap();
            console.press("r?");
            console.wait_for("Rows and columns");
            lock.rollback().await.unwrap();
        });
        console.press("q");
        console.wait_for("mes.metric_hist");
        console.press("q");
        assert_eq!(console.ended(), 0);
    });
}
