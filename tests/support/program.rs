//! The program, run as a user would run it.

use std::path::PathBuf;
use std::process::{Command, Output};

use super::act::Rig;
use super::client;

/// Takes the lock that only one apply per database can have.
pub const APPLY_LOCK: &str = "select pg_advisory_lock(1752787316, 1634757753)";

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

/// A new database with these plain tables, on which psql has run an exported script without a warning.
pub async fn remade(rig: &Rig, tables: &str, script: &str) -> Rig {
    let was = rig.session.server.database.clone();
    let (version, name) = (&rig.name, format!("{was}_again"));
    rig.sql(&format!("create database {name}")).await;
    let named = |name: &str| format!("dbname='{name}'");
    let again = rig.conninfo.replace(&named(&was), &named(&name));
    assert_ne!(again, rig.conninfo);
    let client = client(&again).await;
    let create = format!("create extension timescaledb version '{version}'; {tables}");
    client.batch_execute(&create).await.unwrap();
    let files = Files::new();
    let path = files.write("setup.sql", script);
    let psql = Command::new("psql")
        .args(["-X", "-v", "ON_ERROR_STOP=1", "-d", &again, "-f"])
        .arg(&path)
        .output()
        .expect("psql is installed with the server");
    let said = said(&psql);
    assert!(
        psql.status.success() && !said.contains("WARNING"),
        "{version}: {said}\n{script}"
    );
    Rig::on(version, &again).await
}
