//! The fix key: the action that the selected row's worst finding names, or that all findings of a group have in common.

use super::App;
use super::message::Effect;
use crate::actions::catalogue;
use crate::model::target::Target;
use crate::model::verdict::Finding;
use crate::screens::record::Record;
use crate::screens::table::Table;
use crate::screens::with_table;
use crate::server::known::At;

/// What a fix acts on: its finding, and the targets that it can have.
type Case = (Finding, Option<Target>);

impl App {
    /// Starts the fix of the selected row's worst finding, or of the selected group, as if its rows were marked.
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
                self.say(why, false);
                Vec::new()
            }
        }
    }
}

/// The worst finding with a fix (else the worst one) of the selected row, even if others are marked, or of each row of the
/// selected group.
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

/// The fix that these findings have in common; an error says why there is none.
fn common(cases: &[Case]) -> Result<Begun, String> {
    let first = &cases[0].0;
    if cases.iter().any(|(finding, _)| finding.fix != first.fix) {
        return Err(
            "the findings of this group have different fixes: open it, and fix them one by one"
                .to_owned(),
        );
    }
    if cases.iter().any(|(finding, _)| finding.sets != first.sets) {
        return Err(
            "each finding of this group needs values of its own: open it, and fix them one by one"
                .to_owned(),
        );
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
