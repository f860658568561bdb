//! The fixes that `show overview` prints work in `hypertop run`: action, target and inputs.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::process::{Command, Output};

use serde_json::Value as Json;
use support::act::Rig;
use support::{Target, triage, with_targets};

fn hypertop(target: &Target, args: &[&str]) -> Output {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hypertop"));
    command.args(args).args(["-d", &target.conninfo]);
    command
        .env("XDG_STATE_HOME", home.path())
        .env("XDG_CONFIG_HOME", "/nonexistent");
    command.stdin(std::process::Stdio::null()).output().unwrap()
}

fn json(output: &Output) -> Json {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// The answer of `hypertop run --dry-run` to the fix of this finding.
fn tried(target: &Target, row: &Json) -> Json {
    let text = |name: &str| {
        let said = row[name].as_str();
        said.unwrap_or_else(|| panic!("{}: no {name}: {row:#}", target.name))
    };
    let mut args = vec!["run", text("fix"), text("target")];
    let sets: Vec<String> = row["set"]
        .as_object()
        .unwrap_or_else(|| panic!("{}: no fields: {row:#}", target.name))
        .iter()
        .map(|(name, value)| format!("{name}={}", value.as_str().unwrap()))
        .collect();
    args.extend(sets.iter().flat_map(|set| ["--set", set]));
    args.extend(["--dry-run", "--format", "json"]);
    let output = hypertop(target, &args);
    assert!(
        matches!(output.status.code(), Some(0 | 3)),
        "{}: {args:?}: {output:?}\n{row:#}",
        target.name
    );
    json(&output)
}

#[test]
fn each_findings_fix_is_taken_by_run_as_it_stands() {
    with_targets(|targets| {
        for target in &targets.all {
            let shown = hypertop(target, &["show", "overview", "--format", "json"]);
            let shown = json(&shown);
            let rows = shown["rows"].as_array().unwrap();
            let fixed: Vec<_> = rows.iter().filter(|row| !row["fix"].is_null()).collect();
            assert!(fixed.len() > 5, "{}: {shown:#}", target.name);
            for row in fixed {
                let answer = tried(target, row);
                let refused = answer["reason"].as_str().unwrap_or_default();
                // The stand-in cannot compress. If an input is missing, the finding's reason names it.
                let told = refused.contains("simulated")
                    || refused
                        .split_once(" is required")
                        .is_some_and(|(field, _)| row["reason"].as_str().unwrap().contains(field));
                assert!(
                    answer["outcome"] == "dry-run" || told,
                    "{}: {answer:#}\n{row:#}",
                    target.name
                );
            }
        }
    });
}

/// A job that always fails.
const FAILS: &str = r"create procedure breaks(int, jsonb) language plpgsql as $$ begin raise exception 'ERP not reachable'; end $$;
select add_job('breaks', '1 hour', initial_start => now() + interval '1 day')";

fn acted(rig: &Rig, args: &[&str]) -> Json {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hypertop"));
    command.arg("run").args(args);
    command.args(["--yes", "--format", "json", "-d", &rig.conninfo]);
    command
        .env("XDG_STATE_HOME", rig.state_home())
        .env("XDG_CONFIG_HOME", "/nonexistent");
    let output = command.stdin(std::process::Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}: {output:?}", rig.name);
    json(&output)
}

#[test]
fn after_an_action_the_findings_are_read_again_and_what_stays_is_said() {
    triage::on_each("still", FAILS, async |rig, _| {
        let job = rig
            .text("select max(id) from _timescaledb_config.bgw_job")
            .await;
        rig.sql(&format!(
            "select alter_job({job}, next_start => now(), max_retries => 1)"
        ))
        .await;
        let gave_up =
            format!("select not scheduled from _timescaledb_config.bgw_job where id = {job}");
        triage::until(rig, "it does not give up", &gave_up).await;
        rig.sql(&format!(
            "select alter_job({job}, schedule_interval => interval '2 hours')"
        ))
        .await;
        // The action did not remove the cause, so the finding remains.
        let done = acted(rig, &["edit-job", &job, "--set", "retry_period=7m"]);
        assert_eq!(done["outcome"], "done", "{done:#}");
        let still = done["still_found"].as_array().unwrap();
        assert_eq!(still.len(), 1, "{}: {done:#}", rig.name);
        assert_eq!(still[0]["rule"], "job-gave-up", "{}: {done:#}", rig.name);
        assert!(
            still[0]["reason"]
                .as_str()
                .unwrap()
                .contains("ERP not reachable"),
            "{}: {done:#}",
            rig.name
        );
        let deleted = acted(rig, &["delete-job", &job]);
        assert_eq!(deleted["still_found"], serde_json::json!([]), "{deleted:#}");
    });
}
