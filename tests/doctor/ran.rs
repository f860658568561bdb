//! A run of the doctor in surroundings of its own.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::rc::Rc;

use serde_json::Value as Json;

use crate::support::Targets;

/// In no output.
pub const SECRET: &str = "sEcReT42";

pub struct Doctor {
    conninfo: String,
    home: Rc<tempfile::TempDir>,
    env: Vec<(String, String)>,
    args: Vec<String>,
}

/// What it said, in both formats.
pub struct Said {
    pub code: i32,
    steps: Vec<Json>,
    pub text: String,
}

/// What the doctor advises in a database without the extension.
pub fn to_create(targets: &Targets) -> &'static str {
    if targets.server.timescaledb_versions().is_empty() {
        "install TimescaleDB on the server"
    } else {
        "CREATE EXTENSION timescaledb"
    }
}

impl Doctor {
    pub fn new(conninfo: &str) -> Self {
        Self {
            conninfo: conninfo.to_owned(),
            home: Rc::new(tempfile::tempdir().unwrap()),
            env: Vec::new(),
            args: Vec::new(),
        }
    }

    /// Another connection with the same home.
    pub fn at_home(conninfo: &str, other: &Self) -> Self {
        Self {
            home: Rc::clone(&other.home),
            ..Self::new(conninfo)
        }
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|of| (*of).to_owned()));
        self
    }

    fn surround(&self, command: &mut Command) {
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PG")) {
            command.env_remove(name);
        }
        command
            .env("HOME", self.home())
            .env("XDG_CONFIG_HOME", self.home().join("config"))
            .env("XDG_STATE_HOME", self.home().join("state"))
            .env("PGSYSCONFDIR", self.home())
            .env("LC_ALL", "C.UTF-8")
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hypertop"));
        self.surround(&mut command);
        command
    }

    pub fn shell(&self, line: &str) -> Output {
        let mut command = Command::new("sh");
        self.surround(&mut command);
        command.args(["-c", line]).output().unwrap()
    }

    pub fn output(&self) -> Output {
        let mut command = self.command();
        command.args(["doctor", "-w"]).args(&self.args);
        command.arg(&self.conninfo).output().unwrap()
    }

    pub fn run(&self) -> Said {
        let mut json = self.command();
        let json = json.args(["doctor", "-w", "--format", "json"]);
        let json = json.arg(&self.conninfo).output().unwrap();
        let printed = String::from_utf8(json.stdout).unwrap();
        let whole: Json = serde_json::from_str(&printed).unwrap();
        let text = self.output();
        let code = text.status.code().unwrap();
        assert_eq!(json.status.code(), Some(code), "{printed}");
        assert_eq!(whole["exit"], code, "{printed}");
        let errors = String::from_utf8(text.stderr).unwrap();
        let text = format!("{}{errors}", String::from_utf8(text.stdout).unwrap());
        for said in [&printed, &text] {
            assert!(!said.contains(SECRET), "{said}");
        }
        Said {
            code,
            steps: whole["steps"].as_array().unwrap().clone(),
            text,
        }
    }

    /// Exactly this step fails, with these words in its fix, and all before it are well.
    pub fn fails(&self, step: &str, fix: &str) -> Said {
        let said = self.run();
        said.alone(step, "fail", fix);
        assert_eq!(said.code, 2, "{}", said.text);
        said
    }

    /// Exactly this step is a warning, and all others are well.
    pub fn warns(&self, step: &str, fix: &str) -> Said {
        let said = self.run();
        said.alone(step, "warn", fix);
        assert_eq!(said.code, 1, "{}", said.text);
        said
    }
}

impl Said {
    fn step(&self, name: &str) -> &Json {
        let found = self.steps.iter().find(|step| step["step"] == name);
        found.unwrap_or_else(|| panic!("no step {name}: {}", self.text))
    }

    pub fn state(&self, name: &str) -> &str {
        self.step(name)["state"].as_str().unwrap()
    }

    pub fn evidence(&self, name: &str) -> String {
        lines(&self.step(name)["evidence"])
    }

    pub fn fix(&self, name: &str) -> String {
        lines(&self.step(name)["fix"])
    }

    /// The steps that fail or warn.
    pub fn unwell(&self) -> Vec<&str> {
        let unwell = |step: &&Json| step["state"] == "fail" || step["state"] == "warn";
        let names = self.steps.iter().filter(unwell);
        names.map(|step| step["step"].as_str().unwrap()).collect()
    }

    fn alone(&self, name: &str, state: &str, fix: &str) {
        assert_eq!(self.unwell(), [name], "{}", self.text);
        assert_eq!(self.state(name), state, "{}", self.text);
        let said = self.fix(name);
        assert!(
            said.contains(fix) && !said.is_empty(),
            "{fix}: {}",
            self.text
        );
        let before = self.steps.iter().take_while(|step| step["step"] != name);
        for step in before {
            // Who refuses may do so before it asks for a password.
            let refused = lines(&step["evidence"]).starts_with("not reached");
            assert!(refused || step["state"] == "ok", "{step}\n{}", self.text);
        }
    }
}

fn lines(json: &Json) -> String {
    let lines = json.as_array().unwrap().iter();
    let lines: Vec<_> = lines.map(|line| line.as_str().unwrap()).collect();
    lines.join("\n")
}
