//! The help key: first the pages of the selected row's findings, then the keys.

use super::App;
use crate::app::overlay::Overlay;
use crate::app::pages::{self, Explained};
use crate::model::pages::Page;
use crate::model::rules::Rule;
use crate::model::verdict::Level;
use crate::screens::record::Record;
use crate::screens::table::Table;
use crate::screens::with_table;
use crate::server::known::At;

impl App {
    /// Opens the pages of the selected row's findings. Without findings, opens the help.
    pub(super) fn explain(&mut self) {
        self.overlay = Some(match self.explained() {
            Some(explained) => Overlay::Page(explained),
            None => Overlay::help(),
        });
    }

    /// The pages of the selected row's findings. `None`: the selected row has no finding.
    fn explained(&self) -> Option<Explained> {
        let at = self.at()?;
        let rules = with_table!(self.screens, self.screen, |table| found(table, &at));
        let first = Explained {
            rules,
            nth: 0,
            top: 0,
        };
        (!first.rules.is_empty()).then_some(first)
    }

    /// The page that is open, with the thresholds in force.
    pub(crate) fn page(&self, explained: &Explained) -> Option<Page> {
        let rule = explained.rules.get(explained.nth)?;
        let limits = self.server.as_ref().map(|server| server.thresholds.all);
        Some(pages::of_rule(rule, &limits.unwrap_or_default()))
    }
}

/// The rules of the selected row's findings. If a group is selected: of the findings of the group's first row.
fn found<R: Record>(table: &Table<R>, at: &At) -> Vec<&'static Rule> {
    let group = table.group_rows();
    let Some(row) = group.first().copied().or(table.selected()) else {
        return Vec::new();
    };
    let findings = row.verdict(at).findings.into_iter();
    let mut rules = Vec::new();
    for finding in findings.filter(|finding| finding.level > Level::Ok) {
        if !rules.contains(&finding.rule) {
            rules.push(finding.rule);
        }
    }
    rules
}
