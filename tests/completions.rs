//! Completions in the shells: the program's own names, and targets from a server that answers at once.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use support::program::{program, said};
use support::{Targets, block_on, client, with_targets};

/// Seconds after which a command is ended, with exit code 124.
const BOUND: &str = "20";

fn hypertop(args: &[&str]) -> Output {
    program()
        .args(args)
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .env("HYPERTOP_SYSCONFDIR", "/nonexistent")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// The names that `complete-target` prints for this line, with their descriptions. A server under load may not answer within the half
/// second that a completion waits. Then the command is run again.
fn offered(line: &str) -> Vec<(String, String)> {
    let mut tries = (0..5).map(|_| offered_at_once(line));
    tries.find(|names| !names.is_empty()).unwrap_or_default()
}

fn offered_at_once(line: &str) -> Vec<(String, String)> {
    let output = hypertop(&["complete-target", line]);
    let told = said(&output);
    assert_eq!(output.status.code(), Some(0), "{line}: {told}");
    let names = told.lines().map(|line| {
        let (name, about) = line.split_once('\t').unwrap_or((line, ""));
        (name.to_owned(), about.to_owned())
    });
    names.collect()
}

fn names(line: &str) -> Vec<String> {
    offered(line).into_iter().map(|(name, _)| name).collect()
}

/// A shell that has loaded the program's completions and finds the program. `None`: the shell is not installed.
fn shell(name: &str, folder: &Path) -> Option<Command> {
    let program = Path::new(env!("CARGO_BIN_EXE_hypertop"));
    let there = Command::new(name).arg("--version").output();
    if there.is_err() {
        println!("SKIPPED, {name} is not installed");
        return None;
    }
    let script = hypertop(&["completions", name]).stdout;
    std::fs::write(folder.join("_hypertop"), script).unwrap();
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", program.parent().unwrap().display());
    let mut command = Command::new("timeout");
    command.args([BOUND, name]).env("PATH", path);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PG")) {
        command.env_remove(name);
    }
    command
        .env("XDG_CONFIG_HOME", folder)
        .env("HYPERTOP_SYSCONFDIR", "/nonexistent")
        .env("HOME", folder)
        .current_dir(folder)
        .stdin(Stdio::null());
    Some(command)
}

/// The completions that bash offers at the end of a line. The words of the line are separated by blanks.
fn in_bash(folder: &Path, line: &str) -> Vec<String> {
    let mut bash = shell("bash", folder).unwrap();
    let words: Vec<_> = line.split(' ').collect();
    let last = words.len() - 1;
    let quoted: Vec<_> = words.iter().map(|word| format!("{word:?}")).collect();
    let script = format!(
        ". ./_hypertop; COMP_LINE={line:?}; COMP_POINT=${{#COMP_LINE}}; COMP_WORDS=({}); COMP_CWORD={last}
         f=$(complete -p hypertop | sed 's/.*-F \\([^ ]*\\).*/\\1/'); $f hypertop {:?} {:?} && printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        quoted.join(" "),
        words[last],
        words[last - 1]
    );
    let output = bash.args(["-c", &script]).output().unwrap();
    let told = said(&output);
    assert!(output.status.success(), "{line}: {told}");
    let lines = told.lines().filter(|line| !line.is_empty());
    lines.map(str::to_owned).collect()
}

/// The completions that fish offers at the end of a line, without their descriptions. `None`: fish is not installed.
fn in_fish(folder: &Path, line: &str) -> Option<Vec<String>> {
    let mut fish = shell("fish", folder)?;
    let script = format!("source ./_hypertop; complete -C {line:?}");
    let output = fish.args(["--no-config", "-c", &script]).output().unwrap();
    let told = said(&output);
    assert!(output.status.success(), "{line}: {told}");
    let names = told.lines().filter_map(|line| line.split('\t').next());
    Some(names.map(str::to_owned).collect())
}

/// The screen of zsh after Tab at the end of a line. `None`: zsh is not installed.
fn in_zsh(folder: &Path, line: &str) -> Option<String> {
    let script = format!(
        "zmodload zsh/zpty; zpty z zsh -f -i
zpty -w z 'PS2=; stty -echo columns 200; fpath=($PWD $fpath); autoload -U compinit; compinit -u -d ./dump; PS1=re\"\"ady'
zpty -r z out '*ready*'
zpty -w -n z {line:?}$'\\t'
zpty -w -n z $'\\C-uprint e\"\"nd\\n'
zpty -r z out '*end*'; print -r -- \"$out\""
    );
    let output = shell("zsh", folder)?.args(["-f", "-c", &script]).output();
    Some(said(&output.unwrap()))
}

/// The line up to `run ACTION`, on the first of the databases.
fn line(targets: &Targets, rest: &str) -> String {
    let server = &targets.server;
    let name = targets.all[0].conninfo.split("dbname='").nth(1).unwrap();
    let name = name.split('\'').next().unwrap();
    format!(
        "hypertop -h 127.0.0.1 -p {} -U postgres -d {name} {rest}",
        server.port()
    )
}

#[test]
fn each_action_is_offered_targets_of_its_kind() {
    with_targets(|targets| {
        for target in &targets.all {
            let at = |rest: &str| {
                let line = format!("hypertop -d \"{}\" run {rest}", target.conninfo);
                offered(&line)
            };
            let has = |found: &[(String, String)], name: &str| {
                found.iter().any(|(offered, _)| offered == name)
            };
            let place = &target.name;
            let found = at("compress-chunks mes.m");
            assert!(has(&found, "mes.metric_hist"), "{place}: {found:?}");
            assert!(found.iter().all(|(name, _)| name.starts_with("mes.m")));
            let found = at("refresh-aggregate mes.");
            assert!(has(&found, "mes.oee_daily"), "{place}: {found:?}");
            assert!(!has(&found, "mes.metric_hist"), "{place}: {found:?}");
            // The rows of an aggregate are in a hypertable.
            assert!(has(&at("compress-chunks "), "mes.oee_daily"), "{place}");
            assert!(
                at("compress-chunks ")
                    .iter()
                    .all(|(name, _)| !name.starts_with("_timescaledb"))
            );
            let jobs = at("pause-job 10");
            let refresh = jobs
                .iter()
                .find(|(_, about)| about.ends_with("mes.oee_daily"));
            let (id, about) = refresh.unwrap_or_else(|| panic!("{place}: {jobs:?}"));
            assert!(id.parse::<u32>().is_ok() && about.starts_with("policy_refresh"));
            let indexes = at("drop-index mes.");
            assert!(indexes.len() > 5, "{place}: {indexes:?}");
            assert!(at("reindex-index _timescaledb").is_empty(), "{place}");
            // Several targets may be named.
            let found = at("compress-chunks mes.energy_consumption mes.metric_h");
            assert!(has(&found, "mes.metric_hist"), "{place}: {found:?}");
        }
        let sessions = block_on(async {
            let held = client(&targets.all[0].conninfo).await;
            let sessions = names(&line(targets, "run cancel-query "));
            drop(held);
            sessions
        });
        assert!(!sessions.is_empty() && sessions.iter().all(|pid| pid.parse::<u32>().is_ok()));
        let plain = format!("hypertop -d \"{}\" run", targets.plain);
        assert!(names(&format!("{plain} compress-chunks ")).is_empty());
        assert!(names(&format!("{plain} drop-index pg_")).is_empty());
    });
}

#[test]
fn what_is_no_place_of_a_target_has_the_exit_code_1_and_asks_no_server() {
    for line in [
        "hypertop ",
        "hypertop show ",
        "hypertop run ",
        "hypertop run pause",
        "hypertop run no-such-action ",
        "hypertop run pause-job --set ",
        "hypertop run pause-job 1 -d ",
        "hypertop run pause-job $JOB",
        "hypertop run pause-job 'mes",
        "hypertop rollback ",
        "",
    ] {
        let output = hypertop(&["-h", "/nonexistent", "complete-target", line]);
        assert_eq!(output.status.code(), Some(1), "{line:?}");
        assert_eq!(said(&output), "", "{line:?}");
    }
}

#[test]
fn a_server_that_is_silent_or_away_or_wants_a_password_ends_the_wait() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let bounded = |line: &str| {
        let mut command = Command::new("timeout");
        command
            .args([
                "10",
                env!("CARGO_BIN_EXE_hypertop"),
                "complete-target",
                line,
            ])
            .env("XDG_CONFIG_HOME", "/nonexistent")
            .env("PGPASSFILE", "/nonexistent")
            .env_remove("PGPASSWORD");
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{line}: {output:?}");
        assert_eq!(said(&output), "", "{line}");
    };
    let to = |rest: &str| format!("hypertop {rest} run pause-job ");
    bounded(&to(&format!("-h 127.0.0.1 -p {port} -U x -d x")));
    bounded(&to("-h 127.0.0.1 -p 1 -U x -d x"));
    bounded(&to("-h /nonexistent -U x -d x"));
    bounded(&to("-d 'host=x no_such=1'"));
    bounded(&to("@nobody"));
    with_targets(|targets| {
        block_on(async {
            let admin = client(&targets.server.conninfo("postgres")).await;
            let role =
                "set password_encryption = 'scram-sha-256'; create role closed login password 'x'";
            admin.batch_execute(role).await.unwrap();
        });
        targets.server.require("closed", "scram-sha-256").unwrap();
        let port = targets.server.port();
        for asking in ["", "-W "] {
            bounded(&to(&format!(
                "{asking}-h 127.0.0.1 -p {port} -U closed -d postgres"
            )));
        }
    });
}

#[test]
fn a_name_that_needs_quotes_is_not_offered() {
    with_targets(|targets| {
        let target = &targets.all[0];
        block_on(async {
            let client = client(&target.conninfo).await;
            client
                .batch_execute(
                    "create schema \"$(touch owned)\"; create table \"$(touch owned)\".t (i int primary key);
                     create table mes.quoted (i int); create index \"a;b\" on mes.quoted (i);
                     create index \"Upper\" on mes.quoted (i); create index plain_one on mes.quoted (i)",
                )
                .await
                .unwrap();
        });
        let found = names(&format!(
            "hypertop -d \"{}\" run drop-index ",
            target.conninfo
        ));
        assert!(found.contains(&"mes.plain_one".to_owned()), "{found:?}");
        let plain = |name: &String| {
            name.chars()
                .all(|c| c.is_ascii_alphanumeric() || "_.".contains(c))
        };
        assert!(found.iter().all(plain), "{found:?}");
        block_on(async {
            let client = client(&target.conninfo).await;
            client
                .batch_execute("drop table mes.quoted; drop schema \"$(touch owned)\" cascade")
                .await
                .unwrap();
        });
    });
}

#[test]
fn the_shells_offer_screens_actions_and_targets() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let has = |found: &[String], name: &str| found.iter().any(|offered| offered == name);
    for (line, name) in [
        ("hypertop show compr", "compression"),
        ("hypertop run pause", "pause-job"),
        ("hypertop explain aggregate-wi", "aggregate-wipe"),
    ] {
        let found = in_bash(folder, line);
        assert!(has(&found, name), "bash, {line}: {found:?}");
        if let Some(found) = in_fish(folder, line) {
            assert!(has(&found, name), "fish, {line}: {found:?}");
        }
        if let Some(shown) = in_zsh(folder, line) {
            assert!(shown.contains(name), "zsh, {line}: {shown}");
        }
    }
    with_targets(|targets| {
        for (rest, name) in [
            ("run compress-chunks mes.metric_h", "mes.metric_hist"),
            ("run refresh-aggregate mes.oee_d", "mes.oee_daily"),
        ] {
            let line = line(targets, rest);
            let found = in_bash(folder, &line);
            assert!(has(&found, name), "bash, {line}: {found:?}");
            assert!(
                found.iter().all(|offered| offered.starts_with("mes.")),
                "bash: {found:?}"
            );
            if let Some(found) = in_fish(folder, &line) {
                assert!(has(&found, name), "fish, {line}: {found:?}");
                assert!(!has(&found, "pause-job"), "fish, {line}: {found:?}");
            }
            if let Some(shown) = in_zsh(folder, &line) {
                assert!(shown.contains(name), "zsh, {line}: {shown}");
            }
        }
        // Without an answer nothing else is offered: neither actions nor files.
        let found = in_bash(folder, "hypertop -h /nonexistent run compress-chunks ");
        assert!(found.is_empty(), "{found:?}");
    });
}
