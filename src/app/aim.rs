//! The findings that an action should fix, and the text that says whether it fixed them.

use std::collections::HashMap;

use crate::actions::preview;
use crate::model::moment::Stamp;
use crate::model::rules::{self, Rule};
use crate::model::screen_id::ScreenId;
use crate::model::verdict::{Finding, Level, Verdict};
use crate::screens::table::Again;

/// Maximum number of findings whose effects are shown one by one.
const NAMED: usize = 2;

/// A finding that an action should fix, or a figure that the action changes, with the value before the action.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Aim {
    /// True: before the action the row had a finding of this rule. False: it had none, and only its figure is compared.
    pub(super) is_found: bool,
    pub(super) screen: ScreenId,
    pub(super) key: String,
    /// Name of the row's object.
    pub(super) of: String,
    pub(super) rule: &'static Rule,
    /// Name and value of the figure before the action, as text. `None`: the rule has no figure, or the figure was unknown.
    pub(super) before: Option<(String, String)>,
}

/// The findings and figures to compare once they have been read again after an action.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) aims: Vec<Aim>,
    pub(super) done: Stamp,
    /// Number of the last request for exact figures before the action ended.
    pub(super) round: u64,
    /// Screens not loaded since the action ended, each with the number of its last request before the action ended.
    pub(super) unread: HashMap<ScreenId, u64>,
    /// Index of the result's line that will show the effect.
    pub(super) line: usize,
    pub(super) late: bool,
}

impl Aim {
    fn label(&self) -> &str {
        self.before
            .as_ref()
            .map_or(self.rule.title, |(label, _)| label)
    }

    /// Text shown until the figure after the action is known: the figure before the action.
    pub(super) fn waiting(&self) -> String {
        match &self.before {
            Some((label, was)) => format!("{label} was {was}"),
            None => format!("found: {}", self.rule.title),
        }
    }

    fn said(&self, again: &Again) -> preview::Line {
        if !again.listed {
            return ("level.ok", format!("{}: no longer listed", self.label()));
        }
        let figures = match (&self.before, &again.figure) {
            (Some((label, was)), Some((_, is))) if was == is => format!("{label} is still {is}"),
            (Some((label, was)), Some((_, is))) => format!("{label} {was} -> {is}"),
            (Some((label, was)), None) => format!("{label} {was} -> unknown"),
            (None, _) => self.rule.title.to_owned(),
        };
        match &again.reason {
            None if self.is_found => ("level.ok", format!("{figures}: no longer a problem")),
            None => ("level.ok", format!("{figures}: {}", again.verdict)),
            Some(reason) => ("level.warning", format!("{figures}: {reason}")),
        }
    }
}

/// Text that says how the findings have changed, with its theme role.
pub(super) fn said(aims: &[Aim], agains: &[Again]) -> preview::Line {
    if let ([aim], [again]) = (aims, agains) {
        return aim.said(again);
    }
    if aims.len() <= NAMED {
        let each = aims.iter().zip(agains);
        let each: Vec<_> = each.map(|(aim, again)| (aim, aim.said(again))).collect();
        let bad = each.iter().find(|(_, (role, _))| *role != "level.ok");
        let role = bad.map_or("level.ok", |(_, (role, _))| *role);
        let words = each
            .iter()
            .map(|(aim, (_, words))| format!("{}: {words}", aim.of));
        return (role, words.collect::<Vec<_>>().join("; "));
    }
    let left = agains.iter().filter(|again| again.reason.is_some()).count();
    let gone = agains.len() - left;
    let role = if left == 0 {
        "level.ok"
    } else {
        "level.warning"
    };
    let words = format!("findings gone: {gone} of {}", agains.len());
    (role, words)
}

/// The rule whose figure this action changes. `None`: the action changes no rule's figure.
pub(super) fn changes(action: &str) -> Option<&'static Rule> {
    match action {
        "compress-chunks"
        | "decompress-chunks"
        | "add-compression-policy"
        | "edit-compression-policy" => Some(&rules::COMPRESSION_BACKLOG),
        "drop-chunks" | "add-retention-policy" | "edit-retention-policy" => {
            Some(&rules::RETENTION_OVERDUE)
        }
        "refresh-aggregate" | "refresh-behind" | "refresh-hierarchy" => {
            Some(&rules::AGGREGATE_BEHIND)
        }
        _ => None,
    }
}

/// The finding that this action should fix. A finding that suggests the action comes first. If there is none: a finding about the figure
/// that the action changes. If the action changes no figure: the most severe finding.
pub(super) fn aimed(verdict: Verdict, action: &str) -> Option<Finding> {
    let mut findings = verdict.findings;
    findings.retain(|finding| finding.level > Level::Ok);
    let fixed = findings
        .iter()
        .position(|finding| finding.fix == Some(action));
    let at = fixed.or_else(|| match changes(action) {
        Some(rule) => findings.iter().position(|finding| finding.rule == rule),
        None => (!findings.is_empty()).then_some(0),
    });
    at.map(|at| findings.swap_remove(at))
}
