//! The promises of docs/compatibility.md: names and keys of version 0.1 still exist, its settings are read, and exit codes stay.
//!
//! `tests/journal_files.rs` and `tests/tape.rs` check that the journal and the recording of version 0.1 can be read.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Output, Stdio};

use serde_json::Value as Json;
use support::program::program;
use support::with_targets;

fn hypertop(args: &[&str]) -> Output {
    program()
        .args(args)
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .env("HYPERTOP_SYSCONFDIR", "/nonexistent")
        .env("XDG_STATE_HOME", "/nonexistent")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The names of version 0.1, by the command that prints them.
fn promised() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let lines = include_str!("compatibility/names_0.1.txt").lines();
    let lines = lines.map(|line| line.split_once(": ").unwrap());
    lines
        .map(|(of, names)| (of, names.split(' ').collect()))
        .collect()
}

#[track_caller]
fn all_are_there<'a>(of: &str, there: impl IntoIterator<Item = &'a str>) {
    let there: BTreeSet<_> = there.into_iter().collect();
    let promised = promised();
    let lost: Vec<_> = promised[of].difference(&there).collect();
    assert!(lost.is_empty(), "{of} has no {lost:?} any more: {there:?}");
}

fn keys(json: &Json) -> Vec<&str> {
    json.as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[test]
fn rules_actions_screens_and_thresholds_keep_their_names() {
    let list = text(&hypertop(&["explain", "--list"]));
    for kind in ["rule", "action", "screen", "threshold"] {
        let names = list.lines().filter_map(|line| {
            let mut words = line.split_whitespace();
            let name = words.next()?;
            (words.next() == Some(kind)).then_some(name)
        });
        all_are_there(kind, names);
    }
}

#[test]
fn actions_keep_their_set_keys() {
    let promised = promised();
    let of_set = promised
        .keys()
        .filter_map(|of| Some((*of, of.strip_prefix("--set ")?)));
    let mut actions = 0;
    for (of, action) in of_set {
        let help = text(&hypertop(&["run", action, "--help"]));
        let (_, keys) = help.split_once("--set keys of").unwrap();
        let keys = keys.lines().filter_map(|line| {
            let line = line.strip_prefix("  ")?;
            line.split_once("  ").map(|(key, _)| key)
        });
        all_are_there(of, keys);
        actions += 1;
    }
    assert!(actions > 20, "{actions}");
}

/// The labels of each metric with samples that have labels.
fn labels(metrics: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let label = regex::Regex::new(r#"(\w+)="(?:[^"\\]|\\.)*""#).unwrap();
    let mut labels = BTreeMap::new();
    for line in metrics.lines().filter(|line| !line.starts_with('#')) {
        let Some((name, rest)) = line.split_once('{') else {
            continue;
        };
        let of_line: BTreeSet<_> = label
            .captures_iter(rest)
            .map(|found| found.get(1).unwrap().as_str())
            .collect();
        let of_metric = labels.entry(name).or_insert_with(|| of_line.clone());
        *of_metric = of_metric.intersection(&of_line).copied().collect();
    }
    labels
}

#[test]
fn the_output_for_programs_keeps_its_keys() {
    with_targets(|targets| {
        let at = ["-d", targets.all[0].conninfo.as_str()];
        let run = |args: &[&str]| text(&hypertop(&[&at[..], args].concat()));
        let json = |args: &[&str]| -> Json { serde_json::from_str(&run(args)).unwrap() };
        let screens = promised();
        for screen in &screens["screen"] {
            let csv = run(&["show", screen, "--format", "csv"]);
            // There is no journal, so its CSV has no head.
            if !csv.is_empty() {
                let head = csv.lines().next().unwrap();
                all_are_there(&format!("show {screen}"), head.split(','));
            }
        }
        let shown = json(&["show", "jobs", "--format", "json"]);
        all_are_there("show --format json", keys(&shown));
        all_are_there("show --format json, server", keys(&shown["server"]));
        let row = keys(&shown["rows"][0]);
        all_are_there("show jobs", row);
        let scheduled = |row: &&Json| {
            row["scheduled"] == true && row["job_id"].as_i64().is_some_and(|id| id >= 1000)
        };
        let job = shown["rows"].as_array().unwrap().iter().find(scheduled);
        let job = job.unwrap()["job_id"].to_string();
        let planned = json(&["run", "pause-job", &job, "--dry-run", "--format", "json"]);
        all_are_there("run --dry-run --format json", keys(&planned));
        let checked = json(&["check", "--format", "json"]);
        all_are_there("check --format json", keys(&checked));
        all_are_there("check --format json, figures", keys(&checked["figures"]));
        all_are_there(
            "check --format json, findings",
            keys(&checked["findings"][0]),
        );
        let metrics = run(&["check", "--format", "prometheus"]);
        let names = metrics.lines().filter_map(|line| {
            let of = line.strip_prefix("# TYPE ")?;
            of.split(' ').next()
        });
        // The stand-in computes no lag on integer time.
        let integer = [
            "hypertop_aggregate_lag_units",
            "hypertop_aggregate_promised_units",
        ];
        let missing = if targets.all[0].real {
            &[][..]
        } else {
            &integer[..]
        };
        let names = names.chain(missing.iter().copied());
        all_are_there("check --format prometheus", names);
        let labels = labels(&metrics);
        assert!(labels.len() > 30, "{labels:?}");
        for (metric, labels) in &labels {
            let of = format!("labels {metric}");
            if screens.contains_key(of.as_str()) {
                all_are_there(&of, labels.iter().copied());
            }
        }
    });
}

#[test]
fn the_journal_for_programs_keeps_its_keys() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("hypertop")).unwrap();
    let file = folder.path().join("hypertop/journal.jsonl");
    std::fs::write(file, include_str!("journal_files/first_version.jsonl")).unwrap();
    for (args, of) in [
        (&["journal"][..], "journal --format json"),
        (&["journal", "1"], "journal 1 --format json"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_hypertop"))
            .args(args)
            .args(["--format", "json"])
            .env("XDG_STATE_HOME", folder.path())
            .output()
            .unwrap();
        let json: Json = serde_json::from_slice(&output.stdout).unwrap();
        all_are_there(of, keys(&json));
    }
}

#[test]
fn the_settings_of_0_1_are_read() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("hypertop")).unwrap();
    let file = folder.path().join("hypertop/config.toml");
    std::fs::write(file, include_str!("compatibility/config_0.1.toml")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_hypertop"))
        .args(["thresholds", "--format", "json"])
        .env("XDG_CONFIG_HOME", folder.path())
        .env("HYPERTOP_SYSCONFDIR", "/nonexistent")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let json: Json = serde_json::from_slice(&output.stdout).unwrap();
    let rows = json["thresholds"].as_array().unwrap();
    let set = rows.iter().filter(|row| row["from"] != "default");
    assert_eq!(set.count(), 3, "{json}");
    // The console opens with its keys, although later versions use some of them for other actions by default.
    let output = Command::new(env!("CARGO_BIN_EXE_hypertop"))
        .args(["-h", "/nonexistent", "doctor", "--format", "json"])
        .env("XDG_CONFIG_HOME", folder.path())
        .env("HYPERTOP_SYSCONFDIR", "/nonexistent")
        .output()
        .unwrap();
    let json: Json = serde_json::from_slice(&output.stdout).unwrap();
    let steps = json["steps"].as_array().unwrap();
    let config = steps.iter().find(|step| step["step"] == "config").unwrap();
    assert_eq!(config["state"], "ok", "{config}");
}

#[test]
fn exit_codes_stay() {
    let nowhere = ["-h", "/nonexistent"];
    for (args, code) in [
        (&["explain", "--list"][..], 0),
        (&["explain", "no-such-name"], 2),
        (&["show", "jobs"], 2),
        (&["run", "no-such-action", "1"], 2),
        (&["run", "pause-job", "1", "--yes"], 2),
        (&["journal", "7"], 1),
        (&["check", "--no-such-option"], 3),
        (&["rollback", "7", "--yes"], 2),
        (&["plan", "/nonexistent.toml"], 1),
        (&["plan", "--no-such-option"], 1),
        (&["lint", "/nonexistent.toml"], 1),
        (&["validate", "--before", "/nonexistent.toml"], 1),
        (&["check"], 2),
        (&["check", "--when-down", "unknown"], 3),
        (&["doctor", "--no-such-option"], 3),
        (&["doctor"], 2),
    ] {
        let output = hypertop(&[&nowhere[..], args].concat());
        assert_eq!(output.status.code(), Some(code), "{args:?}: {output:?}");
    }
}

#[test]
fn exit_codes_of_actions_checks_and_plans_on_a_database_stay() {
    with_targets(|targets| {
        let target = &targets.all[0];
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let state = folder.path().join("state");
        let code = |args: &[&str]| {
            let output = program()
                .args(["-d", &target.conninfo])
                .args(args)
                .env("XDG_CONFIG_HOME", "/nonexistent")
                .env("HYPERTOP_SYSCONFDIR", "/nonexistent")
                .env("XDG_STATE_HOME", &state)
                .stdin(Stdio::null())
                .output()
                .unwrap();
            let code = output.status.code();
            (code, format!("{args:?}: {output:?}"))
        };
        let same = file(
            "same.toml",
            "[[hypertable]]\nname = \"mes.energy_consumption\"\ntime = \"ts\"\n",
        );
        let other = file(
            "other.toml",
            "[[hypertable]]\nname = \"mes.energy_consumption\"\ntime = \"ts\"\nchunk_interval = \"3 days\"\n",
        );
        for (args, expected) in [
            (
                &[
                    "run",
                    "analyze-table",
                    "mes.energy_consumption",
                    "--dry-run",
                ][..],
                0,
            ),
            (
                &["run", "analyze-table", "mes.energy_consumption", "--yes"],
                0,
            ),
            // Refused: there is no such target, and without a terminal nobody can consent.
            (&["run", "analyze-table", "mes.no_such_table", "--yes"], 3),
            (&["run", "analyze-table", "mes.energy_consumption"], 3),
            (&["rollback", "99", "--yes"], 3),
            (&["check"], 2),
            (&["check", "--only", "job-late", "--objects", "mes.none"], 0),
            (&["plan", &same], 0),
            (&["plan", &other], 2),
            (&["apply", &same, "--yes"], 0),
        ] {
            let (code, place) = code(args);
            assert_eq!(code, Some(expected), "{}: {place}", target.name);
        }
    });
}
