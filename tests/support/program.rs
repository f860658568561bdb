//! The program, run as a user would run it.

use std::process::{Command, Output};

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
