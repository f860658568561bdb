//! What the rest of the program says of a finding: the page of its rule, and level, exit code and metric of `hypertop check`.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use hypertop::model::pages::{Catalogue, Handwritten};
use hypertop::model::rules::Rule;
use hypertop::model::thresholds::{ALL, Limits, Unit};
use hypertop::model::verdict::{Finding, Level};
use serde_json::Value as Json;

use super::act::Rig;
use super::check::check;
use super::triage;

/// The rules that were checked already, by database.
static SEEN: Mutex<BTreeSet<(String, &str)>> = Mutex::new(BTreeSet::new());

/// Checks that page and `check` agree with the finding. `check` is asked once per rule and database.
pub async fn agrees(rig: &Rig, finding: &Finding) {
    let (rule, level) = (finding.rule, finding.level);
    has_level(rule, level.name());
    let key = (rig.conninfo.clone(), rule.name);
    // A check of its own looks only once.
    if rule.two_looks
        || !SEEN
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key)
    {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hypertop.prom");
    let mut args: Vec<String> = ["--only", rule.name, "--format", "json", "--timeout", "60s"]
        .map(str::to_owned)
        .into();
    args.extend(["--textfile".to_owned(), file.to_str().unwrap().to_owned()]);
    args.extend(thresholds(&rig.limits.borrow()));
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let (code, text) = check(&rig.conninfo, &args);
    let said: Json = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{code}: {text}"));
    let found = said["findings"].as_array().into_iter().flatten();
    let found: Vec<_> = found.filter(|row| row["rule"] == rule.name).collect();
    if found.is_empty() {
        // The Overview lists it with another finding.
        let overview = triage::overview(rig).await;
        let listed = overview.iter().any(|row| row.finding.rule == rule);
        assert!(!listed, "{}: check without {}: {text}", rig.name, rule.name);
        return;
    }
    let count = |level: Level| {
        found
            .iter()
            .filter(|row| row["verdict"] == level.name())
            .count()
    };
    let levels = [
        Level::Critical,
        Level::Warning,
        Level::Unknown,
        Level::Notice,
    ];
    let worst = levels.into_iter().position(|level| count(level) > 0);
    let wanted = [2, 1, 3, 0][worst.unwrap()];
    assert_eq!(code, wanted, "{}: {}: {text}", rig.name, rule.name);
    assert_eq!(said["counted"], found.len(), "{}: {text}", rig.name);
    let metrics = std::fs::read_to_string(file).unwrap();
    for level in levels {
        if count(level) > 0 {
            has_level(rule, level.name());
        }
        let series = format!(
            ",rule=\"{}\",level=\"{}\"}} {}\n",
            rule.name,
            level.name(),
            count(level)
        );
        let line = metrics
            .split_inclusive('\n')
            .any(|line| line.starts_with("hypertop_findings{") && line.ends_with(&series));
        assert!(line, "{}: {series}", rig.name);
    }
}

fn has_level(rule: &Rule, level: &str) {
    let page = Handwritten::of(Catalogue::Rules, rule.name).unwrap();
    let levels = page.names("levels");
    assert!(
        levels.contains(&level),
        "{}: {level}, its page has {levels:?}",
        rule.name
    );
}

/// The options for thresholds that differ from the defaults.
fn thresholds(limits: &Limits) -> Vec<String> {
    let mut args = Vec::new();
    for threshold in ALL {
        let value = limits.get(threshold.key);
        if (value - threshold.default).abs() > f64::EPSILON {
            // A test may set what no user may.
            let value = match threshold.unit {
                Unit::Count => value.max(1.0),
                Unit::Percent => value.clamp(0.001, 100.0),
                _ => value.max(0.001),
            };
            args.push("--threshold".to_owned());
            args.push(format!("{}={}", threshold.key, threshold.unit.typed(value)));
        }
    }
    args
}
