//! The program in a terminal: sends keys, and reads the screen.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

type Keys = Arc<Mutex<Box<dyn Write + Send>>>;

/// A terminal's answer to the query `DA1` for its features.
const CAN: &str = "\x1b[?1;2c";

/// The program in a terminal of its own.
pub struct Console {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keys: Keys,
    screen: Arc<Mutex<vt100::Parser>>,
    pub raw: Arc<Mutex<Vec<u8>>>,
}

fn size(cols: u16, rows: u16) -> PtySize {
    PtySize {
        rows,
        cols,
        pixel_width: 0,
        pixel_height: 0,
    }
}

/// crossterm reads a key that arrives together with a resize signal only with the next key.
fn after_resize() {
    std::thread::sleep(Duration::from_millis(300));
}

fn type_in(keys: &Keys, text: &str) {
    let mut keys = keys.lock().unwrap();
    keys.write_all(text.as_bytes()).unwrap();
    keys.flush().unwrap();
}

impl Console {
    pub fn open(args: &[&str]) -> Self {
        Self::open_with(args, "/nonexistent")
    }

    pub fn open_with(args: &[&str], config: &str) -> Self {
        Self::open_in(args, &[("XDG_CONFIG_HOME", config)], 100, 30)
    }

    /// Starts the program with these environment variables, in a terminal of this size.
    pub fn open_in(args: &[&str], vars: &[(&str, &str)], cols: u16, rows: u16) -> Self {
        Self::start(args, vars, size(cols, rows), CAN.to_owned())
    }

    /// Starts the program in a terminal that reports this background; `ffff/ffff/ffff` is white.
    pub fn open_on(args: &[&str], background: &str) -> Self {
        let vars = [("XDG_CONFIG_HOME", "/nonexistent")];
        let answer = format!("\x1b]11;rgb:{background}\x1b\\{CAN}");
        Self::start(args, &vars, size(100, 30), answer)
    }

    /// Starts the program in a terminal that never answers queries.
    pub fn open_silent(args: &[&str]) -> Self {
        let vars = [("XDG_CONFIG_HOME", "/nonexistent")];
        Self::start(args, &vars, size(100, 30), String::new())
    }

    /// Starts the program in tmux: a server of its own with this socket and these settings.
    pub fn open_in_tmux(args: &[&str], socket: &Path, settings: &Path) -> Self {
        let mut command = CommandBuilder::new("tmux");
        command.arg("-S");
        command.arg(socket);
        command.arg("-f");
        command.arg(settings);
        command.args(["new-session", env!("CARGO_BIN_EXE_hypertop")]);
        command.args(args);
        let vars = [("XDG_CONFIG_HOME", "/nonexistent")];
        Self::run(command, &vars, size(100, 30), CAN.to_owned())
    }

    fn start(args: &[&str], vars: &[(&str, &str)], size: PtySize, answer: String) -> Self {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_hypertop"));
        command.args(args);
        Self::run(command, vars, size, answer)
    }

    fn run(
        mut command: CommandBuilder,
        vars: &[(&str, &str)],
        size: PtySize,
        answer: String,
    ) -> Self {
        let pair = native_pty_system().openpty(size).unwrap();
        command.env("TERM", "xterm-256color");
        command.env("LC_ALL", "C.UTF-8");
        for (name, value) in vars {
            command.env(name, value);
        }
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
        let keys = Arc::new(Mutex::new(pair.master.take_writer().unwrap()));
        let screen = Arc::new(Mutex::new(vt100::Parser::new(size.rows, size.cols, 0)));
        let raw = Arc::new(Mutex::new(Vec::new()));
        let (shown, bytes) = (Arc::clone(&screen), Arc::clone(&raw));
        let answers = Arc::clone(&keys);
        std::thread::spawn(move || {
            let mut buffer = vec![0; 65536];
            while let Ok(read @ 1..) = reader.read(&mut buffer) {
                shown.lock().unwrap().process(&buffer[..read]);
                bytes.lock().unwrap().extend_from_slice(&buffer[..read]);
                // The background query ends with this sequence, and the answer must not be sent before.
                if buffer[..read].ends_with(b"\x1b[c") {
                    type_in(&answers, &answer);
                }
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

    pub fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    /// Waits until the screen contains these words.
    pub fn wait_for(&self, words: &str) -> String {
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

    /// Waits until the program has written these bytes.
    pub fn wait_for_raw(&self, bytes: &str) {
        let start = Instant::now();
        let holds = || {
            let raw = self.raw.lock().unwrap();
            raw.windows(bytes.len()).any(|of| of == bytes.as_bytes())
        };
        while !holds() {
            let late = start.elapsed() > Duration::from_secs(30);
            assert!(!late, "no {bytes:?}; the screen:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn press(&mut self, keys: &str) {
        type_in(&self.keys, keys);
    }

    /// Consents in this preview, with the key that it names.
    pub fn agree(&mut self, preview: &str) {
        self.press(if preview.contains("y runs it") {
            "y"
        } else {
            "\r"
        });
    }

    pub fn resize(&self, cols: u16, rows: u16) {
        self.master.resize(size(cols, rows)).unwrap();
        self.screen
            .lock()
            .unwrap()
            .screen_mut()
            .set_size(rows, cols);
        after_resize();
    }

    /// Reports this size to the program; the test's own screen keeps its size.
    pub fn claim(&self, cols: u16, rows: u16) {
        self.master.resize(size(cols, rows)).unwrap();
        after_resize();
    }

    /// Path of the terminal's device.
    pub fn tty(&self) -> std::path::PathBuf {
        self.master.tty_name().unwrap()
    }

    /// A line of `/proc/PID/status`, such as `State` or `VmHWM`.
    pub fn status(&self, name: &str) -> String {
        let pid = self.child.process_id().unwrap();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim_start_matches(':').trim().to_owned()
    }

    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = i32::try_from(self.child.process_id().unwrap()).unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal).unwrap();
    }

    /// Waits for the program's end; returns its output and exit code.
    pub fn written(mut self) -> (String, u32) {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if start.elapsed() > Duration::from_secs(20) {
                // Read now, because the end of the program restores the old screen.
                let text = self.text();
                self.child.kill().unwrap();
                panic!("it does not end:\n{text}");
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        std::thread::sleep(Duration::from_millis(200));
        let raw = String::from_utf8_lossy(&self.raw.lock().unwrap()).into_owned();
        (raw, status.exit_code())
    }

    /// Waits for the program's end, checks that the terminal is restored, and returns the exit code.
    pub fn ended(self) -> u32 {
        let (raw, code) = self.written();
        let (taken, given) = (raw.rfind("\x1b[?1049h"), raw.rfind("\x1b[?1049l"));
        assert!(
            taken.is_some() && given > taken,
            "the alternate screen is left"
        );
        assert!(
            raw.rfind("\x1b[?25h") > raw.rfind("\x1b[?25l"),
            "the cursor is shown again"
        );
        code
    }
}
