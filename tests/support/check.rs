//! Runs `hypertop check`, and programs that read its output.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn command(conninfo: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hypertop"));
    command
        .arg("check")
        .args(args)
        .arg(conninfo)
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .env("XDG_STATE_HOME", "/nonexistent")
        .env("LC_ALL", "C.UTF-8")
        .env_remove("PGPASSWORD");
    command
}

/// Runs it; the exit code and what it printed.
pub fn check(conninfo: &str, args: &[&str]) -> (i32, String) {
    let output = command(conninfo, args).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code().unwrap(), text)
}

/// A check that listens; it ends with this value.
pub struct Listening {
    child: Child,
    said: BufReader<ChildStderr>,
    /// `127.0.0.1:39847`.
    pub at: String,
}

impl Listening {
    /// Starts it on a port that is free.
    pub fn start(conninfo: &str, args: &[&str]) -> Self {
        let mut child = command(conninfo, &[&["--listen", "0"], args].concat())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let at = line.trim().strip_prefix("hypertop: metrics at http://");
        let at = at.and_then(|at| at.strip_suffix("/metrics"));
        let at = at.unwrap_or_else(|| panic!("{line}")).to_owned();
        Self { child, said, at }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line that it says on stderr.
    pub fn says(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        line
    }

    /// The status line and headers, and the body.
    pub fn get(&self, path: &str, headers: &[&str]) -> (String, String) {
        get(&self.at, path, headers)
    }

    /// What `/metrics` answers to a scraper that takes the classic text.
    pub fn metrics(&self) -> String {
        let (head, body) = self.get("/metrics", &[]);
        assert!(head.starts_with("HTTP/1.0 200 "), "{head}");
        body
    }

    /// Sends SIGTERM; its exit code.
    pub fn terminate(mut self) -> Option<i32> {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        kill(pid, Signal::SIGTERM).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One request, whose answer comes in one piece; the status line and headers, and the body.
pub fn get(at: &str, path: &str, headers: &[&str]) -> (String, String) {
    let mut stream = TcpStream::connect(at).unwrap();
    let mut request = format!("GET {path} HTTP/1.0\r\nHost: {at}\r\n");
    for header in headers {
        request.push_str(header);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

/// The value of a series, named with its labels.
pub fn value(metrics: &str, series: &str) -> Option<f64> {
    let mut lines = metrics.lines();
    lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

/// Whether a program is installed; under `CI=true` it must be.
pub fn is_installed(program: &str) -> bool {
    let found = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if found.is_ok() {
        return true;
    }
    let required = std::env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(!required, "{program} is required under CI");
    println!("SKIPPED: {program} is not installed");
    false
}

/// The output of `promtool check metrics` for this text. `None`: promtool is not installed.
pub fn promtool(text: &str) -> Option<String> {
    if !is_installed("promtool") {
        return None;
    }
    let mut tool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = tool.stdin.take().unwrap();
    // It stops reading at the first error, which it reports.
    let _ = input.write_all(text.as_bytes());
    drop(input);
    let output = tool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    Some(format!("{}{said}", output.status))
}
