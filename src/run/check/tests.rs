//! One finding in each output format of a check.

use clap::Parser;

use super::exit_code;
use super::figures::Figures;
use super::lines;
use super::look::Look;
use super::metrics::{Dialect, finding, findings, written};
use super::options::Options;
use super::outcome;
use crate::model::pages::{Catalogue, Handwritten, TO_DO};
use crate::model::rules;
use crate::model::screen_id::ScreenId;
use crate::model::verdict::{Finding, Level};
use crate::screens::overview::Row;

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    options: Options,
}

/// The check of a database in which only these findings were found.
fn checked(rows: Vec<Row>) -> outcome::Outcome {
    let Cli { options } = Cli::parse_from(["check"]);
    let look = Look {
        database: "plant".to_owned(),
        metrics: vec![findings(&rows), finding(&rows)],
        rows,
        notes: Vec::new(),
        figures: Figures::default(),
        json: serde_json::Value::Null,
    };
    outcome::of(vec![look], false, &options)
}

#[test]
fn exit_code_text_metrics_and_page_agree_on_every_rule_at_each_of_its_levels() {
    for rule in rules::ALL {
        let page = Handwritten::of(Catalogue::Rules, rule.name).expect(rule.name);
        assert!(!page.section(TO_DO).is_empty(), "{}", rule.name);
        // A remark (level OK) is not a finding of a check.
        let levels = page.names("levels").into_iter();
        for name in levels.filter(|name| *name != Level::Ok.name()) {
            let level = Level::ALL.into_iter().find(|level| level.name() == name);
            let level = level.expect(name);
            let finding = Finding::new(rule, level, "why");
            let row = Row::new(ScreenId::Overview, "1".to_owned(), "it".to_owned(), finding);
            let outcome = checked(vec![row]);
            let (code, status) = match level {
                Level::Ok | Level::Notice => (0, "OK"),
                Level::Warning => (1, "WARNING"),
                Level::Critical => (2, "CRITICAL"),
                Level::Unknown => (3, "UNKNOWN"),
            };
            assert_eq!(exit_code(outcome.level), code, "{} {name}", rule.name);
            let text = lines::nagios(&outcome, 4096);
            let first = format!("HYPERTOP {status} - 1 {name}: it {} | ", rule.title);
            assert!(text.starts_with(&first), "{text}");
            let line = format!("\n{name}: it: why ({})\n", rule.name);
            assert!(text.contains(&line), "{text}");
            let metrics = written(&outcome.metrics, Dialect::Prometheus);
            let labels = format!("rule=\"{}\",level=\"{name}\"", rule.name);
            let found = metrics.lines().filter(|line| line.ends_with("} 1"));
            let found: Vec<_> = found.collect();
            let wanted = [
                format!("hypertop_findings{{{labels}}} 1"),
                format!("hypertop_finding{{{labels},object=\"it\"}} 1"),
            ];
            assert_eq!(found, wanted, "{} {name}", rule.name);
        }
    }
}

#[test]
fn the_text_for_people_names_every_object_of_a_rule_but_lists_only_the_first_in_full() {
    let rule = &rules::JOB_FAR;
    let row = |nth: usize| {
        let finding = Finding::new(rule, Level::Warning, "why");
        Row::new(
            ScreenId::Jobs,
            nth.to_string(),
            format!("job {nth}"),
            finding,
        )
    };
    let text = lines::text(&checked((1..=300).map(row).collect()));
    assert_eq!(text.matches("hypertop explain").count(), 5, "{text}");
    let title = rule.title;
    let more = format!(
        "\n295 more: {title} ({}; details: --format json)\n",
        rule.name
    );
    assert!(text.contains(&more), "{text}");
    let named = |nth: usize| {
        text.lines().any(|line| {
            line.trim() == format!("warning: job {nth}")
                || line.starts_with(&format!("warning: job {nth}: "))
        })
    };
    assert!((1..=300).all(named), "{text}");
}
