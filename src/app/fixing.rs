//! The fix key: runs the action that fixes the selected row's most severe finding, or all findings of a group.

use super::App;
use super::message::Effect;
use crate::actions::catalogue;
use crate::model::target::Target;
use crate::model::verdict::Finding;
use crate::screens::record::Record;
use crate::screens::table::Table;
use crate::screens::with_table;
use crate::server::known::At;

/// A finding, and the target of its fix. `None`: the row has no such target.
type Case = (Finding, Option<Target>);

impl App {
    /// Starts the fix of the selected row's most severe finding, or of the findings of the selected group. If the rows need different
    /// fixes, opens the group and selects its worst row. The same key then fixes that row.
    pub(super) fn fix(&mut self) -> Vec<Effect> {
        let cases = self
            .at()
            .map(|at| with_table!(self.screens, self.screen, |table| cases(table, &at)));
        let begun = match cases.unwrap_or_default().as_slice() {
            [] => Err("the selected row has no problem".to_owned()),
            cases => common(cases),
        };
        match begun {
            Ok((action, targets, sets)) => {
                let rows = targets.into_iter().map(|target| vec![target]).collect();
                self.begin_on(action, rows, sets)
            }
            Err(why) => {
                let words = if self.enter_group() {
                    format!("{why}; the worst row is selected")
                } else {
                    why
                };
                self.say(words, false);
                Vec::new()
            }
        }
    }

    /// Opens the selected group, and selects its worst row; false: no group is selected.
    fn enter_group(&mut self) -> bool {
        let screen = self.screen;
        let mut entered = false;
        self.with_at(|screens, at| {
            entered = with_table!(mut screens, screen, |table| table.enter_group(at));
        });
        entered
    }
}

/// For each row of the selected group, or for the selected row: the most severe finding that has a fix, or else the most severe finding.
/// Marked rows are ignored.
fn cases<R: Record>(table: &Table<R>, at: &At) -> Vec<Case> {
    let mut rows = table.group_rows();
    if rows.is_empty() {
        rows.extend(table.selected());
    }
    let case = |row: &R| {
        let findings = row.verdict(at).findings;
        let known = |of: &&Finding| of.fix.and_then(catalogue::by_name).is_some();
        let finding = findings.iter().find(known).or(findings.first())?.clone();
        let target = finding.fix_target(row.targets());
        Some((finding, target))
    };
    rows.into_iter().filter_map(case).collect()
}

type Begun = (
    &'static crate::actions::action::Action,
    Vec<Target>,
    Vec<(String, String)>,
);

/// The fix that these findings share. The error says why they share no fix.
fn common(cases: &[Case]) -> Result<Begun, String> {
    let first = &cases[0].0;
    if cases.iter().any(|(finding, _)| finding.fix != first.fix) {
        return Err("the findings have different fixes: fix them one by one".to_owned());
    }
    if cases.iter().any(|(finding, _)| finding.sets != first.sets) {
        return Err("the findings need different values: fix them one by one".to_owned());
    }
    let action = first
        .fix
        .and_then(catalogue::by_name)
        .ok_or("hypertop has no fix for this; see the advice below")?;
    let mut targets = Vec::new();
    for target in cases.iter().filter_map(|(_, target)| target.clone()) {
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    Ok((action, targets, first.sets.clone()))
}
