//! The files in contrib/, as far as programs can check them: rules, dashboard, units, and the options that they name.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;
use serde_json::Value as Json;
use support::check::{check, is_installed};
use support::with_targets;

fn contrib(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("contrib")
        .join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(contrib(path)).unwrap()
}

/// Runs a program. The error is its output, if it failed.
fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().unwrap();
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn prometheus_takes_the_alert_rules_and_they_fire_as_they_should() {
    if !is_installed("promtool") {
        return;
    }
    let rules = contrib("prometheus/hypertop.rules.yml");
    let checked = run(Command::new("promtool").args(["check", "rules"]).arg(rules));
    assert_eq!(checked, Ok(()));
    let tests = contrib("prometheus/hypertop.rules.test.yml");
    let tested = run(Command::new("promtool").args(["test", "rules"]).arg(tests));
    assert_eq!(tested, Ok(()));
    let scrape = contrib("prometheus/scrape.yml");
    let checked = run(Command::new("promtool")
        .args(["check", "config"])
        .arg(scrape));
    assert_eq!(checked, Ok(()));
}

#[test]
fn every_metric_that_the_dashboard_and_the_rules_name_exists_and_the_document_lists_all() {
    with_targets(|targets| {
        let url = targets.all[0].conninfo.as_str();
        let (_, metrics) = check(url, &["--format", "prometheus"]);
        let dashboard: Json = serde_json::from_str(&read("grafana/hypertop.json")).unwrap();
        let mut texts = vec![read("prometheus/hypertop.rules.yml")];
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().unwrap() {
                texts.push(target["expr"].as_str().unwrap().to_owned());
            }
        }
        let name = Regex::new(r"\bhypertop_[a-z_]+").unwrap();
        let mut named = BTreeSet::new();
        for text in &texts {
            named.extend(name.find_iter(text).map(|name| name.as_str()));
        }
        assert!(named.len() > 15, "{named:?}");
        for name in named {
            assert!(metrics.contains(&format!("# TYPE {name} ")), "{name}");
        }
        // And every metric is in the document's list.
        let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/monitoring.md");
        let document = std::fs::read_to_string(document).unwrap();
        let types = metrics
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE hypertop_"));
        for name in types.map(|line| line.split(' ').next().unwrap()) {
            assert!(document.contains(&format!("`{name}`")), "{name}");
        }
        let figure = Regex::new(r#"\{figure="([^"]+)"\}"#).unwrap();
        for text in &texts {
            for found in figure.captures_iter(text) {
                assert!(
                    metrics.contains(&format!("figure=\"{}\"", &found[1])),
                    "{text}"
                );
            }
        }
    });
}

#[test]
fn systemd_takes_the_units() {
    if !is_installed("systemd-analyze") {
        return;
    }
    // The unit gets the path of the program under test and an account that exists, because no package is installed.
    let folder = tempfile::tempdir().unwrap();
    let units = [
        "hypertop-listen.service",
        "hypertop-textfile.service",
        "hypertop-textfile.timer",
    ];
    let mut verify = Command::new("systemd-analyze");
    verify.args(["verify", "--man=no", "--recursive-errors=no"]);
    for unit in units {
        let text = read(&format!("systemd/{unit}"));
        let text = text
            .replace("/usr/bin/hypertop", env!("CARGO_BIN_EXE_hypertop"))
            .replace("User=hypertop", "User=daemon");
        let path = folder.path().join(unit);
        std::fs::write(&path, text).unwrap();
        verify.arg(path);
    }
    let output = verify.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let about_ours: Vec<_> = said
        .lines()
        .filter(|line| line.contains("hypertop-"))
        .collect();
    assert_eq!(about_ours, Vec::<&str>::new());
}

#[test]
fn every_option_that_a_file_names_is_one() {
    let help = |command: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_hypertop"))
            .args([command, "--help"])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let option = Regex::new(r#"(?:^|[\s"])(--?[a-zA-Z][a-z-]*)"#).unwrap();
    let of = |text: &str| -> BTreeSet<String> {
        let found = option.captures_iter(text);
        found.map(|found| found[1].to_owned()).collect()
    };
    let (check, plan) = (of(&help("check")), of(&help("plan")));
    for (path, known) in [
        ("nagios/hypertop.cfg", &check),
        ("icinga2/hypertop.conf", &check),
        ("cron/hypertop", &check),
        ("cron/hypertop-drift", &plan),
        ("systemd/hypertop-listen.service", &check),
        ("systemd/hypertop-textfile.service", &check),
        ("prometheus/hypertop.rules.yml", &check),
    ] {
        let text = read(path);
        let is_comment = |line: &str| ["#", "/*", "* "].iter().any(|sign| line.starts_with(sign));
        let lines = text.lines().filter(|line| !is_comment(line.trim_start()));
        let lines: Vec<_> = lines.collect();
        let named = of(&lines.join("\n"));
        assert!(!named.is_empty(), "{path}");
        for name in named {
            assert!(known.contains(&name), "{path}: {name}");
        }
    }
}
