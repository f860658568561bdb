//! The program, run as a user would run it.

use std::path::PathBuf;
use std::process::{Command, Output};

use super::act::Rig;

/// The program without the libpq settings of this process.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hypertop"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PG")) {
        command.env_remove(name);
    }
    command
}

/// What it printed, errors last.
pub fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// The program on this database, with the journal of the rig and without settings.
pub fn on(rig: &Rig, args: &[&str]) -> Command {
    let mut command = program();
    command
        .args(args)
        .args(["-d", &rig.conninfo])
        .env("XDG_STATE_HOME", rig.state_home())
        .env("XDG_CONFIG_HOME", "/nonexistent");
    command
}

/// Runs the program on this database; the exit code, and what it printed.
pub fn run(rig: &Rig, args: &[&str]) -> (i32, String) {
    let output = on(rig, args).output().unwrap();
    (output.status.code().unwrap(), said(&output))
}

/// A folder for the files of a test.
pub struct Files(pub tempfile::TempDir);

impl Files {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}
