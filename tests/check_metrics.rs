//! `hypertop check`: metrics as Prometheus reads them, in a file and by HTTP.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use support::act::Rig;
use support::check::{Listening, check, promtool, value};
use support::{block_on, client, triage, with_targets};

const HOSTILE: &str = r#"set client_min_messages = error; create schema s; create table s."a|b
c'=1;;" (ts timestamptz not null, v float8); select create_hypertable('s."a|b
c''=1;;"', 'ts'); create index "i|1" on s."a|b
c'=1;;" (v); create index "i|2" on s."a|b
c'=1;;" (v)"#;

/// The name of the database.
fn database(conninfo: &str) -> String {
    block_on(async {
        let client = client(conninfo).await;
        let row = client.query_one("select current_database()::text", &[]);
        row.await.unwrap().get(0)
    })
}

#[test]
fn metrics_have_every_rule_and_each_object_and_prometheus_takes_them() {
    with_targets(|targets| {
        for target in &targets.all {
            let url = target.conninfo.as_str();
            let database = database(url);
            let (code, text) = check(url, &["--format", "prometheus"]);
            assert_eq!(code, 2, "{}", target.name);
            if let Some(said) = promtool(&text) {
                assert_eq!(said, "exit status: 0", "{}", target.name);
            }
            for rule in hypertop::model::rules::ALL {
                for level in ["notice", "unknown", "warning", "critical"] {
                    let series = format!("\",rule=\"{}\",level=\"{level}\"}} ", rule.name);
                    assert!(text.contains(&series), "{series}");
                }
            }
            for words in [
                "\nhypertop_up{database=\"DB\"} 1\n",
                "hypertop_findings{database=\"DB\",rule=\"aggregate-wipe\",level=\"critical\"} 1\n",
                "hypertop_finding{database=\"DB\",rule=\"aggregate-wipe\",level=\"critical\",object=\"mes.metric_hist_1hour\"} 1\n",
                "schema=\"Weird \\\"Name\\\"\"",
                "hypertop_hidden{database=\"DB\",rule=\"server-hidden\"} 0\n",
                "# TYPE hypertop_job_runs_total counter\n",
                "hypertop_database_deadlocks_total{database=\"DB\"} ",
                "hypertop_database_temp_bytes_total{database=\"DB\"} ",
                "hypertop_collect_seconds{database=\"DB\",screen=\"jobs\"} 0.",
                "hypertop_collect_errors_total{database=\"DB\",screen=\"aggregates\"} 0\n",
                "hypertop_stretched{database=\"DB\",screen=\"indexes\"} ",
                "schema=\"mes\",name=\"energy_consumption\",state=\"compressed\"",
            ] {
                let words = words.replace("DB", &database);
                assert!(text.contains(&words), "{}: {words}", target.name);
            }
            // Dashboards and alerts rely on these names.
            for name in [
                "aggregate_lag_seconds",
                "aggregate_pending_ranges",
                "aggregate_promised_seconds",
                "hypertable_after_compression_bytes",
                "hypertable_backlog_chunks",
                "hypertable_before_compression_bytes",
                "hypertable_bytes",
                "hypertable_chunks",
                "hypertable_newest_timestamp_seconds",
                "hypertable_oldest_timestamp_seconds",
                "hypertable_overdue_chunks",
                "job_failures_total",
                "job_last_duration_seconds",
                "job_last_success_timestamp_seconds",
                "job_runs_total",
                "job_scheduled",
            ] {
                let series = format!("\nhypertop_{name}{{database=\"{database}\",");
                assert!(text.contains(&series), "{}: {name}", target.name);
            }
            let commits = format!("hypertop_database_commits_total{{database=\"{database}\"}}");
            assert!(value(&text, &commits).unwrap() > 0.0, "{}", target.name);
            let (_, open) = check(url, &["--format", "openmetrics"]);
            assert!(
                open.ends_with("# EOF\n") && open.contains("# TYPE hypertop_job_runs counter\n")
            );
            let (_, few) = check(url, &["--format", "prometheus", "--max-series", "500"]);
            assert!(few.contains(",rule=\"aggregate-wipe\",level=\"critical\",object="));
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
        assert!(
            text.contains("\nhypertop_up{database=\"") && text.contains("\"} 1\n"),
            "{text}"
        );
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644);
        let success = |text: &str| {
            let name = "hypertop_last_success_timestamp_seconds{";
            let mut lines = text.lines().filter(|line| line.starts_with(name));
            lines.find_map(|line| Some(line.split_once("} ")?.1.to_owned()))
        };
        let (code, _) = check("host=/nonexistent", &args);
        assert_eq!(code, 2);
        let down = std::fs::read_to_string(&path).unwrap();
        assert!(
            down.contains("\nhypertop_up{database=\"") && down.contains("\"} 0\n"),
            "{down}"
        );
        assert!(success(&down).is_some());
        assert_eq!(success(&down), success(&text));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let missing = folder.path().join("missing/x.prom");
        let missing = missing.to_str().unwrap();
        let nowhere = ["--textfile", missing, "--only", "server-prepared"];
        let (code, said) = check(url, &nowhere);
        assert!(code == 3 && said.contains(missing), "{said}");
    });
}

#[test]
fn a_writer_that_is_killed_leaves_the_old_file_whole() {
    with_targets(|targets| {
        let url = targets.all[0].conninfo.as_str();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hypertop.prom");
        let args = ["--textfile", path.to_str().unwrap(), "--quiet"];
        check(url, &args);
        let is_whole = |text: &str| {
            text.starts_with("# HELP hypertop_up ")
                && text
                    .lines()
                    .last()
                    .unwrap()
                    .starts_with("hypertop_series_dropped ")
        };
        for milliseconds in [1, 100, 200, 300, 400, 500, 600, 700, 800, 1000] {
            let mut writer = Command::new(env!("CARGO_BIN_EXE_hypertop"))
                .args(["check", url])
                .args(args)
                .env("XDG_CONFIG_HOME", "/nonexistent")
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_millis(milliseconds));
            let _ = writer.kill();
            writer.wait().unwrap();
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(is_whole(&text), "after {milliseconds} ms: {text}");
        }
    });
}

#[test]
fn it_listens_and_answers_in_the_text_that_the_scraper_wants() {
    with_targets(|targets| {
        for target in &targets.all {
            let (name, url) = (&target.name, target.conninfo.as_str());
            let listening = Listening::start(url, &[]);
            assert!(listening.at.starts_with("127.0.0.1:"), "{}", listening.at);
            let (head, body) = listening.get("/-/healthy", &[]);
            assert!(head.starts_with("HTTP/1.0 200 ") && body.contains("running"));
            let classic = listening.metrics();
            let up = format!("hypertop_up{{database=\"{}\"}}", database(url));
            assert_eq!(value(&classic, &up), Some(1.0), "{name}");
            assert!(classic.contains("rule=\"aggregate-wipe\",level=\"critical\"} 1\n"));
            if let Some(said) = promtool(&classic) {
                assert_eq!(said, "exit status: 0", "{name}");
            }
            let open = "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5";
            let (head, body) = listening.get("/metrics", &[open]);
            assert!(
                head.contains("content-type: application/openmetrics-text; version=1.0.0"),
                "{head}"
            );
            assert!(body.ends_with("# EOF\n"), "{body}");
            let (head, _) = listening.get("/nowhere", &[]);
            assert!(head.starts_with("HTTP/1.0 404 "), "{head}");
            assert_eq!(listening.terminate(), Some(0), "{name}");
        }
        let url = targets.all[0].conninfo.as_str();
        let taken = Listening::start(url, &[]);
        let (code, text) = check(url, &["--listen", &taken.at]);
        assert!(code == 3 && text.contains(&taken.at), "{text}");
        for (args, words) in [
            (["--listen", "everywhere"], "0.0.0.0:9847"),
            (["--min-interval", "1s"], "--listen"),
        ] {
            let (code, text) = check(url, &args);
            assert!(code == 3 && text.contains(words), "{text}");
        }
    });
}

/// Number of the check's sessions on the server.
async fn sessions(rig: &Rig) -> i64 {
    let others = "select count(*) from pg_stat_activity where datname = current_database() \
        and application_name = 'hypertop-listen'";
    rig.client.query_one(others, &[]).await.unwrap().get(0)
}

#[test]
fn scrapes_share_a_collection_and_two_connections() {
    triage::on_each("shared", "select 1", async |rig: &Rig, _| {
        let url = format!("{} application_name=hypertop-listen", rig.conninfo);
        let listening = Listening::start(&url, &["--min-interval", "0s"]);
        let pages: Vec<String> = std::thread::scope(|scope| {
            let scrapes: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| listening.metrics()))
                .collect();
            scrapes
                .into_iter()
                .map(|page| page.join().unwrap())
                .collect()
        });
        let collections: BTreeSet<&String> = pages.iter().collect();
        assert!(
            collections.len() <= 2,
            "{}: {} collections",
            rig.name,
            collections.len()
        );
        assert!(sessions(rig).await <= 2, "{}", rig.name);
        drop(listening);
        let listening = Listening::start(&url, &["--min-interval", "1h"]);
        let first = listening.metrics();
        rig.sql(
            "create table later (ts timestamptz not null); select create_hypertable('later', 'ts')",
        )
        .await;
        assert_eq!(listening.metrics(), first, "{}", rig.name);
        drop(listening);
        let listening = Listening::start(&url, &["--min-interval", "0s"]);
        assert!(
            listening.metrics().contains("name=\"later\""),
            "{}",
            rig.name
        );
        assert_eq!(listening.terminate(), Some(0));
        // The server ends the sessions a moment later.
        while sessions(rig).await > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
}

#[test]
fn it_says_that_the_server_is_down_and_connects_again() {
    triage::alone_on_each("again", "select 1", async |server, rig: &Rig, _| {
        let mut listening = Listening::start(&rig.conninfo, &["--min-interval", "0s"]);
        let up = format!(
            "hypertop_up{{database=\"{}\"}}",
            rig.session.server.database
        );
        assert_eq!(value(&listening.metrics(), &up), Some(1.0), "{}", rig.name);
        server.stop().unwrap();
        let down = listening.metrics();
        assert_eq!(value(&down, &up), Some(0.0), "{}", rig.name);
        assert!(
            down.contains("\nhypertop_last_success_timestamp_seconds{"),
            "{down}"
        );
        let said = listening.says();
        assert!(said.contains("connection to server"), "{said}");
        let (head, _) = listening.get("/-/healthy", &[]);
        assert!(head.starts_with("HTTP/1.0 200 "), "{head}");
        server.launch().unwrap();
        assert_eq!(value(&listening.metrics(), &up), Some(1.0), "{}", rig.name);
    });
}

#[test]
fn a_scrape_ends_before_its_timeout_with_what_is_ready() {
    triage::on_each("ready", SLOW, async |rig: &Rig, _| {
        let listening = Listening::start(&rig.conninfo, &["--min-interval", "0s"]);
        let timeout = "X-Prometheus-Scrape-Timeout-Seconds: 4";
        let database = &rig.session.server.database;
        let of = |metric: &str, screen: &str| {
            format!("{metric}{{database=\"{database}\",screen=\"{screen}\"}}")
        };
        let unread = format!(
            "hypertop_findings{{database=\"{database}\",rule=\"figures-unread\",level=\"unknown\"}}"
        );
        // The screens that a scrape does not reach are read by the next scrape, and the slow screen comes last.
        for scrape in 1.. {
            let (head, body) = listening.get("/metrics", &[timeout]);
            assert!(head.starts_with("HTTP/1.0 200 "), "{}: {head}", rig.name);
            let figure = |metric, screen| value(&body, &of(metric, screen));
            let unread = value(&body, &unread);
            assert!(unread > Some(0.0), "{}: {body}", rig.name);
            let slow = figure("hypertop_collect_errors_total", "retention") >= Some(1.0);
            let read = figure("hypertop_collect_seconds", "indexes").is_some();
            if slow && read && unread == Some(1.0) {
                assert_eq!(figure("hypertop_stretched", "retention"), Some(1.0));
                break;
            }
            assert!(scrape < 20, "{}: {body}", rig.name);
        }
        let stretched = Listening::start(
            &rig.conninfo,
            &["--budget", "0.0001%", "--except", "retention-*"],
        );
        assert!(stretched.metrics().contains("screen=\"server\"} 1\n"));
    });
}

/// A policy whose function sleeps, for the sessions that only read.
const SLOW: &str = "set client_min_messages = error; create schema s; create table s.i (ts bigint not null, v float8); \
    select create_hypertable('s.i', 'ts', chunk_time_interval => 1000); insert into s.i values (1, 1), (5000, 1);
create function s.slow() returns bigint language plpgsql stable as $$ begin \
    if current_setting('default_transaction_read_only') = 'on' then perform pg_sleep(30); end if; return 6000; end $$;
select set_integer_now_func('s.i', 's.slow'); select add_retention_policy('s.i', 1000::bigint)";
