//! Selects the findings of a check by rule and object.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::{Result, bail};

use super::options::Options;
use crate::model::rules;
use crate::model::rules::Rule;
use crate::model::text::{fits, nearest};
use crate::model::thresholds::{ALL, Thresholds};
use crate::screens::overview::Row;

#[derive(Debug)]
pub(super) struct Selection<'a> {
    options: &'a Options,
}

impl<'a> Selection<'a> {
    /// An error if a pattern matches no rule, or if `--perfdata objects` is given without `--objects`.
    pub(super) fn new(options: &'a Options) -> Result<Self> {
        let patterns = options.only.iter().chain(&options.except);
        for pattern in patterns.chain(&options.accept_hidden) {
            if rules::ALL.iter().any(|rule| fits(pattern, rule.name)) {
                continue;
            }
            let names = rules::ALL.iter().map(|rule| rule.name);
            let like = match nearest(pattern, names).as_slice() {
                [] => String::new(),
                near => format!("; similar: {}", near.join(", ")),
            };
            bail!("no rule is named {pattern:?}{like} (hypertop check --list lists the rules)");
        }
        if options.objects_in_perfdata() && options.objects.is_empty() {
            bail!("--perfdata objects: name the aggregates with --objects, such as mes.*");
        }
        Ok(Self { options })
    }

    fn takes_rule(&self, rule: &Rule) -> bool {
        let (only, except) = (&self.options.only, &self.options.except);
        (only.is_empty() || any(only, rule.name)) && !any(except, rule.name)
    }

    fn takes(&self, row: &Row) -> bool {
        self.takes_rule(row.finding.rule) && self.takes_object(&row.subject)
    }

    /// Whether the options select objects of this name.
    pub(super) fn takes_object(&self, name: &str) -> bool {
        let objects = &self.options.objects;
        objects.is_empty() || any(objects, name)
    }

    /// Splits the findings: the selected ones, and a note on the findings that `--accept-hidden` accepts.
    pub(super) fn split(&self, mut rows: Vec<Row>) -> (Vec<Row>, Option<String>) {
        rows.retain(|row| self.takes(row));
        let accepts = |row: &mut Row| any(&self.options.accept_hidden, row.finding.rule.name);
        let accepted = rows.extract_if(.., accepts);
        let names: BTreeSet<_> = accepted.map(|row| row.finding.rule.name).collect();
        let listed = names.iter().copied().collect::<Vec<_>>().join(", ");
        let note = format!("left out by --accept-hidden: {listed}");
        (rows, (!names.is_empty()).then_some(note))
    }
}

/// Whether one of the patterns matches the name.
pub(super) fn any(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| fits(pattern, name))
}

/// The selected rules, and the thresholds in force.
pub(super) fn list(selection: &Selection<'_>, thresholds: &Thresholds) -> String {
    let mut text = String::new();
    let rules = rules::ALL.iter().filter(|rule| selection.takes_rule(rule));
    for rule in rules {
        let looks = if rule.two_looks {
            " (needs two readings, or a recent reset of the statistics)"
        } else {
            ""
        };
        let _ = writeln!(text, "{:<28} {}{looks}", rule.name, rule.title);
    }
    let _ = writeln!(text, "\nThresholds:");
    for of in ALL {
        let value = thresholds.all.get(of.key);
        let _ = writeln!(text, "{:<28} {}", of.key, of.unit.typed(value));
    }
    text
}
