//! A finding at which an action aims, and the action's effect on it in words.

use std::collections::HashMap;

use crate::actions::preview;
use crate::model::moment::Stamp;
use crate::model::rules::{self, Rule};
use crate::model::screen_id::ScreenId;
use crate::model::verdict::{Finding, Level, Verdict};
use crate::screens::table::Again;

/// A finding at which an action aims, or the figure that it changes, before it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Aim {
    /// Else it is only about the rule's figure.
    pub(super) is_found: bool,
    pub(super) screen: ScreenId,
    pub(super) key: String,
    pub(super) rule: &'static Rule,
    /// Name and text; `None`: the finding is about no figure, or it was unknown.
    pub(super) before: Option<(String, String)>,
}

/// Figures that are awaited after an action.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(super) aims: Vec<Aim>,
    pub(super) done: Stamp,
    /// The newest round of exact figures that was asked for before its end.
    pub(super) round: u64,
    /// Screens that were not read again yet, with the last request made before its end.
    pub(super) unread: HashMap<ScreenId, u64>,
    /// Line of the result that says the effect.
    pub(super) line: usize,
    pub(super) late: bool,
}

impl Aim {
    fn label(&self) -> &str {
        self.before
            .as_ref()
            .map_or(self.rule.title, |(label, _)| label)
    }

    /// The figure before, while the one after is awaited.
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
            (Some((label, was)), Some((_, is))) if was == is => format!("{label} still {is}"),
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

/// The effect on all of them.
pub(super) fn said(aims: &[Aim], agains: &[Again]) -> preview::Line {
    if let ([aim], [again]) = (aims, agains) {
        return aim.said(again);
    }
    let left = agains.iter().filter(|again| again.reason.is_some()).count();
    let gone = agains.len() - left;
    let role = if left == 0 {
        "level.ok"
    } else {
        "level.warning"
    };
    let words = format!("{gone} of {} findings are gone", agains.len());
    (role, words)
}

/// The rule whose figure an action changes, even if nothing was found.
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

/// The finding that this action is to fix, else that of the figure that it changes, else the worst one.
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
