//! Debian's Prometheus scrapes `hypertop check --listen`, and a text file through the node exporter. The figures arrive, and the alerts in
//! contrib/ fire and resolve.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use support::act::Rig;
use support::check::{Listening, check, get, is_installed, value};
use support::{client, triage};

/// A running program, which is ended when this value is dropped.
struct Program {
    child: Child,
    at: String,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Program {
    /// Starts the program and waits until it listens at a free port. `flag`: the option for its address.
    fn start(program: &str, flag: &str, args: &[&str]) -> Self {
        let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let at = free.local_addr().unwrap().to_string();
        drop(free);
        let child = Command::new(program)
            .arg(format!("{flag}={at}"))
            .args(args)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let program = Self { child, at };
        eventually("it listens", || TcpStream::connect(&program.at).is_ok());
        program
    }
}

fn eventually(what: &str, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < Duration::from_secs(90), "never: {what}");
        sleep(Duration::from_millis(200));
    }
}

/// The results of a query: labels and values.
fn query(prometheus: &Program, expression: &str) -> Vec<(Json, f64)> {
    let (_, body) = get(
        &prometheus.at,
        &format!("/api/v1/query?query={expression}"),
        &[],
    );
    let Ok(answer) = serde_json::from_str::<Json>(&body) else {
        // Prometheus is still starting.
        return Vec::new();
    };
    let results = answer["data"]["result"].as_array().cloned();
    let one = |result: Json| {
        let value = result["value"][1].as_str().unwrap().parse().unwrap();
        (result["metric"].clone(), value)
    };
    results.unwrap_or_default().into_iter().map(one).collect()
}

/// The names and states of the alerts about this rule.
fn alerts(prometheus: &Program, rule: &str) -> Vec<(String, String)> {
    let (_, body) = get(&prometheus.at, "/api/v1/alerts", &[]);
    let answer: Json = serde_json::from_str(&body).unwrap_or_default();
    let alerts = answer["data"]["alerts"].as_array().cloned();
    let alerts = alerts.unwrap_or_default().into_iter();
    let about = alerts.filter(|alert| alert["labels"]["rule"] == rule);
    about
        .map(|alert| {
            let text = |of: &Json| of.as_str().unwrap().to_owned();
            (text(&alert["labels"]["alertname"]), text(&alert["state"]))
        })
        .collect()
}

/// Starts Prometheus, which scrapes these two addresses, with the alert rules of contrib/ without their waiting times.
fn prometheus(folder: &Path, listening: &str, exporter: &str) -> Program {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/prometheus/hypertop.rules.yml");
    let rules = std::fs::read_to_string(rules).unwrap();
    let quick = regex::Regex::new(r"for: \d+[mh]").unwrap();
    let rules = quick.replace_all(&rules, "for: 0s");
    std::fs::write(folder.join("hypertop.rules.yml"), &*rules).unwrap();
    let config = format!(
        "global: {{scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 1s}}\n\
         rule_files: [hypertop.rules.yml]\n\
         scrape_configs:\n\
         - {{job_name: listen, static_configs: [{{targets: ['{listening}']}}]}}\n\
         - {{job_name: node, static_configs: [{{targets: ['{exporter}']}}]}}\n"
    );
    let path = folder.join("prometheus.yml");
    std::fs::write(&path, config).unwrap();
    Program::start(
        "prometheus",
        "--web.listen-address",
        &[
            &format!("--config.file={}", path.display()),
            &format!("--storage.tsdb.path={}", folder.join("data").display()),
        ],
    )
}

#[test]
fn prometheus_scrapes_both_ways_and_an_alert_fires_and_resolves() {
    let programs = ["prometheus", "prometheus-node-exporter"];
    if !programs.iter().all(|program| is_installed(program)) {
        return;
    }
    triage::on_each("scraped", HOSTILE, async |rig: &Rig, _| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hypertop.prom");
        check(&rig.conninfo, &["--textfile", file.to_str().unwrap()]);
        let exporter = Program::start(
            "prometheus-node-exporter",
            "--web.listen-address",
            &[
                "--collector.disable-defaults",
                "--collector.textfile",
                &format!("--collector.textfile.directory={}", folder.path().display()),
            ],
        );
        let (_, page) = get(&exporter.at, "/metrics", &[]);
        assert_eq!(value(&page, "node_textfile_scrape_error"), Some(0.0));
        let database = &rig.session.server.database;
        let up = format!("hypertop_up{{database=\"{database}\"}}");
        assert_eq!(value(&page, &up), Some(1.0), "{}: {page}", rig.name);
        assert!(page.contains("name=\"a|b\\nc'=1;;\""), "{page}");

        let listening = Listening::start(
            &rig.conninfo,
            &[
                "--min-interval",
                "0s",
                "--threshold",
                "connections_percent=15",
            ],
        );
        let prometheus = prometheus(folder.path(), &listening.at, &exporter.at);
        eventually("both are scraped", || {
            let up = query(&prometheus, "hypertop_up");
            up.len() == 2 && up.iter().all(|(_, value)| *value > 0.5)
        });
        let names = query(&prometheus, "hypertop_hypertable_bytes");
        assert!(
            names
                .iter()
                .all(|(labels, _)| labels["name"] == "a|b\nc'=1;;"),
            "{names:?}"
        );
        assert_eq!(names.len(), 2, "{names:?}");
        assert_eq!(alerts(&prometheus, "server-connections"), []);

        let mut crowd = Vec::new();
        for _ in 0..20 {
            crowd.push(client(&rig.conninfo).await);
        }
        eventually("the alert fires", || {
            let alerts = alerts(&prometheus, "server-connections");
            alerts == [("HypertopWarning".to_owned(), "firing".to_owned())]
        });
        drop(crowd);
        // The connections end in the background.
        tokio::time::sleep(Duration::from_millis(100)).await;
        eventually("the alert resolves", || {
            alerts(&prometheus, "server-connections").is_empty()
        });
        assert_eq!(listening.terminate(), Some(0));
        eventually("its end is noticed", || {
            query(&prometheus, "up{job=\"listen\"}")
                .iter()
                .all(|(_, value)| *value < 0.5)
        });
    });
}

const HOSTILE: &str = r#"set client_min_messages = error; create schema s; create table s."a|b
c'=1;;" (ts timestamptz not null, v float8); select create_hypertable('s."a|b
c''=1;;"', 'ts'); create index "i|1" on s."a|b
c'=1;;" (v); create index "i|2" on s."a|b
c'=1;;" (v)"#;
