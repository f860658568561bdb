//! `hypertop check`: exit codes, output for monitoring systems, and that unreadable data is not reported as healthy.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use support::act::Rig;
use support::{triage, with_targets};

/// Runs `hypertop check`; returns the exit code and the output.
fn check(conninfo: &str, args: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_hypertop"))
        .arg("check")
        .args(args)
        .arg(conninfo)
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .env("XDG_STATE_HOME", "/nonexistent")
        .env("LC_ALL", "C.UTF-8")
        .env_remove("PGPASSWORD")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code().unwrap(), text)
}

/// Labels and values of the performance data, parsed as monitoring systems do.
fn perfdata(text: &str) -> Vec<(String, String)> {
    let first = text.lines().next().unwrap();
    let (_, data) = first.split_once('|').unwrap();
    let fields = regex::Regex::new(
        r"^'([^'=]+)'=(U|-?\d+(?:\.\d+)?(?:s|B|c|%)?)(?:;(-?[\d.]*))?(?:;(-?[\d.]*))?(?:;(-?[\d.]*))?(?:;(-?[\d.]*))?$",
    );
    let fields = fields.unwrap();
    let read = data.split_whitespace().map(|field| {
        let found = fields.captures(field).unwrap_or_else(|| panic!("{field}"));
        (found[1].to_owned(), found[2].to_owned())
    });
    read.collect()
}

#[test]
fn the_factory_is_critical_and_says_what_the_overview_says() {
    with_targets(|targets| {
        for target in &targets.all {
            let (name, url) = (&target.name, target.conninfo.as_str());
            let (code, text) = check(url, &[]);
            assert_eq!(code, 2, "{name}: {text}");
            assert!(text.starts_with("HYPERTOP CRITICAL - "), "{name}: {text}");
            let first = text.lines().next().unwrap();
            let said = first.split(" | ").next().unwrap();
            assert!(said.len() <= 200 && text.len() <= 4096, "{name}: {text}");
            assert!(
                text.contains("[hypertop run edit-refresh-policy mes.metric_hist_1hour --set"),
                "{name}: {text}"
            );
            let figures = perfdata(&text);
            let labels: Vec<_> = figures.iter().map(|(label, _)| label.as_str()).collect();
            assert_eq!(
                labels,
                [
                    "critical",
                    "warning",
                    "unknown",
                    "notice",
                    "connections",
                    "worst_lag_factor",
                    "jobs_failing",
                    "jobs_late",
                    "compression_backlog_chunks",
                    "retention_overdue_chunks",
                    "oldest_transaction_s",
                    "replication_lag_s",
                    "check_seconds"
                ]
            );
            let show = Command::new(env!("CARGO_BIN_EXE_hypertop"))
                .args(["show", "overview", "--all", "--format", "json", "-d", url])
                .env("XDG_CONFIG_HOME", "/nonexistent")
                .output()
                .unwrap();
            let shown: Json = serde_json::from_slice(&show.stdout).unwrap();
            let (_, checked) = check(url, &["--format", "json"]);
            let checked: Json = serde_json::from_str(&checked).unwrap();
            let rules = |rows: &Json| -> Vec<String> {
                let rows = rows.as_array().unwrap().iter();
                let of =
                    |row: &Json| format!("{} {} {}", row["verdict"], row["rule"], row["subject"]);
                let mut all: Vec<_> = rows.map(of).collect();
                all.sort();
                all
            };
            // The demo is live: a job may fail between the two calls.
            let lives = |rule: &String| rule.contains("job-") || rule.contains("session-");
            let mut both = [rules(&shown["rows"]), rules(&checked["findings"])];
            for rules in &mut both {
                rules.retain(|rule| !lives(rule));
            }
            assert_eq!(both[0], both[1], "{name}");
            assert_eq!(
                (&checked["status"], &checked["exit"]),
                (&"critical".into(), &2.into())
            );
        }
    });
}

#[test]
fn rules_and_objects_are_chosen_and_a_notice_counts_as_told() {
    with_targets(|targets| {
        let url = targets.all[0].conninfo.as_str();
        let (code, text) = check(url, &["--only", "server-launcher,server-prepared"]);
        assert_eq!(code, 0, "{text}");
        assert!(text.starts_with("HYPERTOP OK - nothing found | "), "{text}");
        assert_eq!(
            check(url, &["--only", "server-prepared", "--quiet"]),
            (0, String::new())
        );
        let (code, text) = check(
            url,
            &[
                "--only",
                "index-*",
                "--except",
                "index-invalid",
                "--format",
                "text",
            ],
        );
        assert_eq!(code, 1, "{text}");
        assert!(
            text.contains("duplicate index") && !text.contains("index-invalid"),
            "{text}"
        );
        let (code, text) = check(url, &["--objects", "mes.energy_*", "--format", "text"]);
        assert!(
            code > 0 && text.contains("mes.energy_") && !text.contains("mes.oee_daily:"),
            "{text}"
        );
        let (_, all) = check(url, &["--format", "json"]);
        let all: Json = serde_json::from_str(&all).unwrap();
        let rules = all["findings"].as_array().unwrap().iter();
        let is_notice = |row: &&Json| row["verdict"] == "notice";
        let noticed = |rule: &str| check(url, &["--only", rule]).0 == 0;
        let names = rules
            .filter(is_notice)
            .filter_map(|row| row["rule"].as_str());
        let notice = names.into_iter().find(|rule| noticed(rule)).unwrap();
        let only = ["--only", notice];
        assert_eq!(check(url, &only).0, 0);
        assert_eq!(
            check(url, &[&only[..], &["--notice-as", "warning"]].concat()).0,
            1
        );
        let late = [
            "--only",
            "server-connections",
            "--threshold",
            "connections_percent=1",
        ];
        let (code, text) = check(url, &late);
        assert_eq!(code, 1, "{text}");
    });
}

#[test]
fn whatever_is_wrong_with_the_call_is_unknown_and_names_it() {
    for (args, words) in [
        (vec!["--fromat", "json"], "--fromat"),
        (vec!["--timeout", "soon"], "soon"),
        (
            vec!["--only", "aggregate-behnid"],
            "near it: aggregate-behind",
        ),
        (
            vec!["--threshold", "conections_percent=1"],
            "connections_percent",
        ),
        (
            vec!["--threshold", "connections_percent=much"],
            "above 0 and at most 100",
        ),
        (vec!["--format", "xml"], "xml"),
    ] {
        let (code, text) = check("host=/nonexistent", &args);
        assert_eq!(code, 3, "{args:?}: {text}");
        assert!(text.starts_with("HYPERTOP UNKNOWN - "), "{args:?}: {text}");
        assert!(text.contains(words), "{args:?}: {text}");
    }
}

#[test]
fn a_server_that_is_down_is_critical_unless_told_otherwise() {
    let (code, text) = check("host=/nonexistent", &[]);
    assert_eq!(code, 2, "{text}");
    assert!(text.starts_with("HYPERTOP CRITICAL - "), "{text}");
    let (code, text) = check("host=/nonexistent", &["--when-down", "unknown"]);
    assert_eq!(code, 3, "{text}");
    // A server that accepts connections and never answers.
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = silent.local_addr().unwrap().port();
    let begun = Instant::now();
    let url = format!("host=127.0.0.1 port={port} user=nobody dbname=x sslmode=disable");
    let (code, text) = check(&url, &["--timeout", "1s"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("1s"), "{text}");
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
}

const HOSTILE: &str = r#"set client_min_messages = error; create schema s; create table s."a|b
c'=1;;" (ts timestamptz not null, v float8); select create_hypertable('s."a|b
c''=1;;"', 'ts'); create index "i|1" on s."a|b
c'=1;;" (v); create index "i|2" on s."a|b
c'=1;;" (v)"#;

#[test]
fn a_name_cannot_break_the_lines_or_the_performance_data() {
    triage::on_each("hostile", HOSTILE, async |rig: &Rig, _| {
        let (code, text) = check(&rig.conninfo, &["--only", "index-duplicate"]);
        assert_eq!(code, 1, "{}: {text}", rig.name);
        assert_eq!(text.matches('|').count(), 1, "{}: {text}", rig.name);
        assert_eq!(text.lines().count(), 2, "{}: {text}", rig.name);
        assert!(perfdata(&text).len() > 10);
    });
}

#[test]
fn a_role_without_rights_never_gets_ok() {
    triage::on_each("poor", "select 1", async |rig: &Rig, _| {
        rig.sql("create role \"no rights\" login").await;
        let url = rig.conninfo.replace("user=postgres", "user='no rights'");
        let here = ["--except", "server-setting"];
        let (code, text) = check(&url, &here);
        assert_eq!(code, 3, "{}: {text}", rig.name);
        assert!(text.contains("GRANT pg_monitor TO \"no rights\""), "{text}");
        let (code, text) = check(
            &url,
            &["--accept-hidden", "*-hidden", "--except", "server-setting"],
        );
        assert!(
            code < 3 && text.contains("accepted as hidden: "),
            "{}: {code} {text}",
            rig.name
        );
        rig.sql("drop role \"no rights\"").await;
    });
}

#[test]
fn a_long_output_says_how_much_is_left_out() {
    with_targets(|targets| {
        let url = targets.all[0].conninfo.as_str();
        let (_, text) = check(url, &["--max-bytes", "1200"]);
        assert!(text.len() <= 1200, "{} bytes", text.len());
        assert!(text.ends_with("more lines (--max-bytes)\n"), "{text}");
    });
}

#[test]
fn the_list_has_every_rule_with_the_thresholds_in_force() {
    let (code, text) = check(
        "host=/nonexistent",
        &["--list", "--threshold", "job_late=7m"],
    );
    assert_eq!(code, 0);
    for rule in hypertop::model::rules::ALL {
        assert!(text.contains(rule.name), "{}", rule.name);
    }
    assert!(
        text.lines()
            .any(|line| line.starts_with("job_late ") && line.ends_with(" 7m")),
        "{text}"
    );
}

/// The output of `promtool check metrics` for this text. `None`: promtool is not installed.
fn promtool(text: &str) -> Option<String> {
    let tool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut tool) = tool else {
        assert!(
            std::env::var_os("CI").is_none(),
            "promtool is required under CI"
        );
        eprintln!("promtool is not installed: the metrics are not checked by it");
        return None;
    };
    tool.stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = tool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    Some(format!(
        "{}{}",
        output.status,
        String::from_utf8_lossy(&said)
    ))
}

#[test]
fn metrics_have_every_rule_and_each_object_and_prometheus_takes_them() {
    with_targets(|targets| {
        for target in &targets.all {
            let url = target.conninfo.as_str();
            let (code, text) = check(url, &["--format", "prometheus"]);
            assert_eq!(code, 2, "{}", target.name);
            if let Some(said) = promtool(&text) {
                assert_eq!(said, "exit status: 0", "{}", target.name);
            }
            for rule in hypertop::model::rules::ALL {
                for level in ["notice", "unknown", "warning", "critical"] {
                    let series = format!(
                        "hypertop_findings{{rule=\"{}\",level=\"{level}\"}} ",
                        rule.name
                    );
                    assert!(text.contains(&series), "{series}");
                }
            }
            for words in [
                "\nhypertop_up 1\n",
                "hypertop_findings{rule=\"aggregate-wipe\",level=\"critical\"} 1\n",
                "hypertop_finding{rule=\"aggregate-wipe\",level=\"critical\",object=\"mes.metric_hist_1hour\"} 1\n",
                "schema=\"Weird \\\"Name\\\"\"",
                "hypertop_hidden{rule=\"server-hidden\"} 0\n",
                "# TYPE hypertop_job_runs_total counter\n",
                "schema=\"mes\",name=\"energy_consumption\",state=\"compressed\"",
            ] {
                assert!(text.contains(words), "{}: {words}", target.name);
            }
            let (_, open) = check(url, &["--format", "openmetrics"]);
            assert!(
                open.ends_with("# EOF\n") && open.contains("# TYPE hypertop_job_runs counter\n")
            );
            let (_, few) = check(url, &["--format", "prometheus", "--max-series", "500"]);
            assert!(few.contains("hypertop_finding{rule=\"aggregate-wipe\""));
            let dropped = few
                .lines()
                .find_map(|line| line.strip_prefix("hypertop_series_dropped "));
            assert!(dropped.unwrap().parse::<u32>().unwrap() > 10, "{few}");
        }
    });
}

#[test]
fn names_that_are_hostile_to_metrics_are_escaped() {
    triage::on_each("labels", HOSTILE, async |rig: &Rig, _| {
        let (_, text) = check(&rig.conninfo, &["--format", "prometheus"]);
        assert!(
            text.contains("name=\"a|b\\nc'=1;;\""),
            "{}: {text}",
            rig.name
        );
        if let Some(said) = promtool(&text) {
            assert_eq!(said, "exit status: 0", "{}", rig.name);
        }
    });
}

#[test]
fn the_text_file_is_replaced_as_a_whole_and_says_when_the_server_is_down() {
    with_targets(|targets| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hypertop.prom");
        let args = [
            "--only",
            "server-prepared",
            "--quiet",
            "--textfile",
            path.to_str().unwrap(),
        ];
        let url = targets.all[0].conninfo.as_str();
        assert_eq!(check(url, &args), (0, String::new()));
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("\nhypertop_up 1\n"), "{text}");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644);
        let success = |text: &str| {
            let name = "hypertop_last_success_timestamp_seconds ";
            text.lines()
                .find_map(|line| line.strip_prefix(name).map(str::to_owned))
        };
        let (code, _) = check("host=/nonexistent", &args);
        assert_eq!(code, 2);
        let down = std::fs::read_to_string(&path).unwrap();
        assert!(down.contains("\nhypertop_up 0\n"), "{down}");
        assert!(success(&down).is_some());
        assert_eq!(success(&down), success(&text));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let nowhere = [
            "--textfile",
            "/nonexistent/x.prom",
            "--only",
            "server-prepared",
        ];
        let (code, said) = check(url, &nowhere);
        assert!(code == 3 && said.contains("/nonexistent/x.prom"), "{said}");
    });
}
