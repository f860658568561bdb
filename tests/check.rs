//! `hypertop check`: exit codes, output for monitoring systems, and that unreadable data is not reported as healthy.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use support::act::Rig;
use support::check::check;
use support::{block_on, client, triage, with_targets};

/// Labels and values of the performance data, parsed as monitoring systems do.
fn perfdata(text: &str) -> Vec<(String, String)> {
    let first = text.lines().next().unwrap();
    let (_, mut data) = first.split_once("| ").unwrap();
    let field = regex::Regex::new(
        r"^'([^'=]+)'=(U|-?\d+(?:\.\d+)?(?:s|B|c|%)?)(?:;(-?[\d.]*))?(?:;(-?[\d.]*))?(?:;(-?[\d.]*))?(?:;(-?[\d.]*))?( |$)",
    );
    let field = field.unwrap();
    let mut read = Vec::new();
    while !data.is_empty() {
        let found = field.captures(data).unwrap_or_else(|| panic!("{data}"));
        read.push((found[1].to_owned(), found[2].to_owned()));
        data = &data[found[0].len()..];
    }
    read
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
fn each_rule_that_the_factory_fires_agrees_in_level_exit_code_metric_and_page() {
    with_targets(|targets| {
        for target in &targets.all {
            let (name, url) = (&target.name, target.conninfo.as_str());
            let (_, all) = check(url, &["--format", "json"]);
            let all: Json = serde_json::from_str(&all).unwrap();
            let mut rules: Vec<_> = all["findings"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(|row| row["rule"].as_str())
                // The demo is live: a job or a session may have ended by the next call.
                .filter(|rule| !rule.starts_with("session-") && !rule.starts_with("job-"))
                .collect();
            rules.sort_unstable();
            rules.dedup();
            assert!(rules.len() >= 10, "{name}: {rules:?}");
            let (_, metrics) = check(url, &["--format", "prometheus"]);
            for rule in rules {
                let (code, one) = check(url, &["--only", rule, "--format", "json"]);
                let one: Json = serde_json::from_str(&one).unwrap();
                // JSON has all findings; `counted` is the number of those that the options select.
                let found = one["findings"].as_array().unwrap().iter();
                let found: Vec<_> = found.filter(|row| row["rule"] == rule).collect();
                assert!(!found.is_empty(), "{name} {rule}");
                assert_eq!(one["counted"], found.len(), "{name} {rule}");
                let of = |level: &str| found.iter().filter(|row| row["verdict"] == level).count();
                let counts = ["critical", "warning", "unknown", "notice"].map(of);
                let wanted = match counts.iter().position(|count| *count > 0) {
                    Some(0) => 2,
                    Some(1) => 1,
                    Some(2) => 3,
                    _ => 0,
                };
                assert_eq!(code, wanted, "{name} {rule}: {one}");
                assert_eq!(one["exit"], wanted, "{name} {rule}");
                for (level, count) in ["critical", "warning", "unknown", "notice"]
                    .iter()
                    .zip(counts)
                {
                    let series = format!(",rule=\"{rule}\",level=\"{level}\"}}");
                    let line = metrics.lines().find(|line| {
                        line.starts_with("hypertop_findings{") && line.contains(&series)
                    });
                    let figure = line.and_then(|line| line.rsplit_once(' '));
                    let figure = figure.map(|(_, figure)| figure.parse::<usize>().unwrap());
                    assert_eq!(figure, Some(count), "{name} {rule} {level}");
                }
                let page = Command::new(env!("CARGO_BIN_EXE_hypertop"))
                    .args(["explain", rule])
                    .output()
                    .unwrap();
                let page = String::from_utf8(page.stdout).unwrap();
                assert!(
                    page.contains(rule) && page.contains("What to do"),
                    "{rule}: {page}"
                );
            }
        }
    });
}

#[test]
fn rules_and_objects_are_chosen_and_a_notice_counts_as_told() {
    with_targets(|targets| {
        let url = targets.all[0].conninfo.as_str();
        let (code, text) = check(url, &["--only", "server-launcher,server-prepared"]);
        assert_eq!(code, 0, "{text}");
        assert!(text.starts_with("HYPERTOP OK - no findings | "), "{text}");
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
            "similar: aggregate-behind",
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
    assert!(text.contains("no answer within "), "{text}");
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
        // Three lines: the summary, the finding, and a hint at `hypertop explain`.
        assert_eq!(text.lines().count(), 3, "{}: {text}", rig.name);
        assert!(
            text.ends_with(" (RULE: the name in parentheses)\n"),
            "{text}"
        );
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
            code < 3 && text.contains("left out by --accept-hidden: "),
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

/// A policy whose function sleeps, for the sessions that only read.
const SLOW: &str = "set client_min_messages = error; create schema s; create table s.i (ts bigint not null, v float8); \
    select create_hypertable('s.i', 'ts', chunk_time_interval => 1000); insert into s.i values (1, 1), (5000, 1);
create function s.slow() returns bigint language plpgsql stable as $$ begin \
    if current_setting('default_transaction_read_only') = 'on' then perform pg_sleep(30); end if; return 6000; end $$;
select set_integer_now_func('s.i', 's.slow'); select add_retention_policy('s.i', 1000::bigint)";

#[test]
fn at_the_deadline_the_statements_of_both_connections_are_cancelled_on_the_server() {
    triage::on_each("slow", SLOW, async |rig: &Rig, _| {
        let (code, text) = check(&rig.conninfo, &["--timeout", "2s"]);
        assert_eq!(code, 3, "{}: {text}", rig.name);
        assert!(text.contains("not read within 2s"), "{}: {text}", rig.name);
        let running = "select count(*) from pg_stat_activity where state = 'active' and datname = current_database() \
            and application_name = 'hypertop' and pid <> pg_backend_pid()";
        let running: i64 = rig.client.query_one(running, &[]).await.unwrap().get(0);
        assert_eq!(running, 0, "{}", rig.name);
    });
}

#[test]
fn a_refusal_for_a_reason_of_this_side_is_unknown_and_not_down() {
    with_targets(|targets| {
        let server = &targets.server;
        let sql = |sql: &str| {
            block_on(async {
                let client = client(&targets.plain).await;
                client.batch_execute(sql).await.unwrap();
            });
        };
        sql("create role guarded login password 'right'");
        server.require("guarded", "scram-sha-256").unwrap();
        let port = server.port();
        let url = format!("host=127.0.0.1 port={port} user=guarded dbname=plain sslmode=disable");
        let (code, text) = check(&url, &[]);
        assert!(code == 3 && text.contains("~/.pgpass"), "{text}");
        for (change, words) in [
            (" password=wrong", "password authentication failed"),
            (" password=right sslmode=require", "TLS"),
            (" password=right dbname=nowhere", "nowhere"),
        ] {
            let (code, text) = check(&format!("{url}{change}"), &[]);
            assert!(code == 3 && text.contains(words), "{change}: {text}");
        }
        server.require("guarded", "reject").unwrap();
        let (code, text) = check(&format!("{url} password=right"), &[]);
        assert!(code == 3 && text.contains("pg_hba.conf"), "{text}");
        sql("drop role guarded");
    });
}

#[test]
fn the_lag_of_named_aggregates_is_performance_data() {
    with_targets(|targets| {
        for target in &targets.all {
            let (name, url) = (&target.name, target.conninfo.as_str());
            let objects = ["--perfdata", "objects", "--objects", "mes.metric_hist_*"];
            let (_, text) = check(url, &objects);
            let figures = perfdata(&text);
            let lag = figures
                .iter()
                .find(|(label, _)| label == "lag mes.metric_hist_1hour");
            let (_, lag) = lag.unwrap_or_else(|| panic!("{name}: {text}"));
            assert!(lag == "U" || lag.ends_with('s'), "{name}: {lag}");
            assert!(
                !text.contains("lag mes.energy") && figures[12].0 == "check_seconds",
                "{name}: {text}"
            );
        }
        let url = targets.all[0].conninfo.as_str();
        let (code, text) = check(url, &["--perfdata", "objects"]);
        assert!(code == 3 && text.contains("--objects"), "{text}");
    });
}

#[test]
fn every_database_with_the_extension_is_checked_and_the_server_once() {
    with_targets(|targets| {
        let url = targets.all[0].conninfo.as_str();
        let here = ["--all-databases", "--timeout", "60s", "--format", "text"];
        let (code, text) = check(&targets.server.conninfo("postgres"), &here);
        assert_eq!(code, 2, "{text}");
        let names: Vec<String> = block_on(async {
            let client = client(url).await;
            let all = "select datname::text from pg_database where datname like 'factory%'";
            let rows = client.query(all, &[]).await.unwrap();
            rows.iter().map(|row| row.get(0)).collect()
        });
        for name in &names {
            assert!(
                text.contains(&format!("critical: {name}: mes.metric_hist_1hour:")),
                "{name}: {text}"
            );
            assert!(text.contains(&format!(" -d {name}\n")), "{name}: {text}");
        }
        assert!(!text.contains(": plain: "), "{text}");
        let (pattern, many) = match names.len() {
            0 => ("stand_in*", 1),
            many => ("factory_2*", many),
        };
        let one = ["--databases", pattern, "--only", "server-connections"];
        let low = ["--threshold", "connections_percent=0.1"];
        let json = ["--format", "json", "--timeout", "60s"];
        let (code, text) = check(url, &[&one[..], &low, &json].concat());
        assert_eq!(code, 1, "{text}");
        let read: Json = serde_json::from_str(&text).unwrap();
        let databases = read["databases"].as_array().unwrap();
        assert_eq!((databases.len(), &read["counted"]), (many, &1.into()));
        let (code, text) = check(url, &["--databases", "none_*"]);
        assert!(code == 3 && text.contains("--databases"), "{text}");
    });
}
