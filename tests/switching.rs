//! The palette switches to another database and to another connection, on real servers.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod console;
mod support;

use std::path::Path;
use std::time::Duration;

use hypertop::app::tape::Replay;
use hypertop::app::{App, theme};
use hypertop::model::version::Version;
use support::act::Rig;
use support::console::Console;
use support::program::{program, said};
use support::triage;

const HERE: &str =
    "create table only_here (ts timestamptz not null); select create_hypertable('only_here', 'ts');
insert into only_here values (now())";

/// A database of the same server, with a name that must be quoted, and its connection string.
async fn other(rig: &Rig, version: Version, name: &str) -> (String, String) {
    let name = format!("{name} \"x\".é {version}");
    let quoted = name.replace('"', "\"\"");
    rig.sql(&format!("create database \"{quoted}\"")).await;
    let (server, _) = rig.conninfo.split_once("dbname=").unwrap();
    let conninfo = format!("{server}dbname='{name}'");
    let there = Rig::on("other", &conninfo).await;
    there
        .sql(&format!("create extension timescaledb version '{version}'"))
        .await;
    let table = HERE.replace("only_here", "only_there");
    there.sql(&table).await;
    (name, conninfo)
}

fn open(rig: &Rig, config: &str) -> Console {
    let state = rig.state_home().to_str().unwrap();
    let vars = [("XDG_CONFIG_HOME", config), ("XDG_STATE_HOME", state)];
    let args = ["--screen", "hypertables", "-d", &rig.conninfo];
    let console = Console::open_in(&args, &vars, 120, 40);
    console.wait_for("only_here");
    console
}

/// Opens the list of databases or connections, and chooses this name.
fn switch(console: &mut Console, action: &str, name: &str) {
    console.press(&format!(":{action}\r"));
    console.wait_for("Switch to a");
    console.press(&format!("{name}\r"));
}

fn run(console: &mut Console, action: &str) {
    console.press(&format!(":{action}\r"));
    let preview = console.wait_for("Runs");
    console.agree(&preview);
}

#[test]
fn after_a_switch_everything_is_of_the_other_database() {
    triage::on_each("switching", HERE, async |rig, version| {
        let (name, _) = other(rig, version, "Switched").await;
        let mut console = open(rig, "/nonexistent");
        console.press("/only_h\r");
        console.press("x");
        switch(&mut console, "switch-database", "switched");
        let shown = console.wait_for("only_there");
        assert!(!shown.contains("only_here"), "{version}: {shown}");
        assert!(shown.contains(&name), "{version}: {shown}");
        run(&mut console, "analyze-table");
        console.wait_for("journal entry");
        console.press("\r0");
        let journal = console.wait_for("Analyze public.only_there");
        assert!(!journal.contains("only_here"), "{version}: {journal}");
        console.press("q");
        assert_eq!(console.ended(), 0);
        let output = program()
            .args(["journal", "--format", "json"])
            .env("XDG_STATE_HOME", rig.state_home())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("only_there"), "{version}: {}", said(&output));
        let escaped = name.replace('"', "\\\"");
        assert!(text.contains(&escaped), "{version}: {text}");
    });
}

#[test]
fn a_switch_that_fails_leaves_the_present_database_as_it_was() {
    triage::on_each("switching_fails", HERE, async |rig, version| {
        let (name, _) = other(rig, version, "Gone").await;
        let mut console = open(rig, "/nonexistent");
        console.press(":switch-database\r");
        console.wait_for("Switch to a database");
        rig.sql(&format!(
            "drop database \"{}\" with (force)",
            name.replace('"', "\"\"")
        ))
        .await;
        console.press("gone\r");
        let shown = console.wait_for("not switched");
        assert!(shown.contains("only_here"), "{version}: {shown}");
        assert!(shown.contains("does not exist"), "{version}: {shown}");
        run(&mut console, "analyze-table");
        console.wait_for("journal entry");
        console.press("\rq");
        assert_eq!(console.ended(), 0);
    });
}

#[test]
fn a_running_action_keeps_the_console_on_its_database() {
    triage::on_each("switching_acts", HERE, async |rig, version| {
        let mut console = open(rig, "/nonexistent");
        let lock = "begin; lock table only_here in share update exclusive mode";
        rig.client.batch_execute(lock).await.unwrap();
        run(&mut console, "analyze-table");
        console.wait_for("waits");
        console.press("q:switch-database\r");
        let shown = console.wait_for("an action is running");
        assert!(!shown.contains("Switch to a"), "{version}: {shown}");
        rig.client.batch_execute("commit").await.unwrap();
        console.wait_for("journal entry");
    });
}

#[test]
fn a_connection_of_the_settings_is_opened_and_without_one_the_console_says_how_to_name_it() {
    triage::on_each("switching_named", HERE, async |rig, version| {
        let (name, _) = other(rig, version, "Named").await;
        let mut console = open(rig, "/nonexistent");
        console.press(":switch-connection\r");
        console.wait_for("config.toml has no connection with a name");
        console.press("q");
        assert_eq!(console.ended(), 0);
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("hypertop")).unwrap();
        let option = |key: &str| {
            let (_, rest) = rig.conninfo.split_once(&format!("{key}=")).unwrap();
            rest.split(' ').next().unwrap().to_owned()
        };
        let named = |dbname: &str| {
            format!(
                "host = {:?}\nport = {}\nuser = \"postgres\"\ndbname = {dbname:?}\n",
                option("host"),
                option("port")
            )
        };
        let config = format!(
            "[[connection]]\nname = \"lab\"\n{}read_only = true\n[[connection]]\nname = \"nowhere\"\n{}",
            named(&name),
            named("no such database")
        );
        std::fs::write(folder.path().join("hypertop/config.toml"), config).unwrap();
        let mut console = open(rig, folder.path().to_str().unwrap());
        switch(&mut console, "switch-connection", "nowhere");
        let shown = console.wait_for("not switched");
        assert!(shown.contains("only_here"), "{version}: {shown}");
        switch(&mut console, "switch-connection", "lab");
        let shown = console.wait_for("only_there");
        assert!(!shown.contains("only_here"), "{version}: {shown}");
        console.press(":analyze-table\r");
        console.wait_for("read_only");
    });
}

#[test]
fn a_recording_has_no_other_database() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/factory.jsonl");
    for action in ["database", "connection"] {
        let mut app = App::new(console::NOW, theme::all(None).0, Duration::from_secs(2));
        app.replay(Replay::open(&path).unwrap());
        let keys: Vec<String> = action.chars().map(String::from).collect();
        console::press(
            &mut app,
            &format!(": s w i t c h - {} enter", keys.join(" ")),
        );
        let shown = console::drawn(&mut app, 120, 40).backend().to_string();
        assert!(shown.contains("this is a recording"), "{shown}");
    }
}
