//! The hierarchies: each aggregate below its parent, and the lag inherited from the parent.

use std::collections::HashMap;

use super::row::{Inherited, Row};
use crate::model::rules;
use crate::model::target::{Target, TargetKind};
use crate::model::verdict::{Finding, Level, without_stop};
use crate::screens::record::Record;
use crate::server::known::At;

impl Row {
    /// The name, with the lines of the tree before it.
    pub(super) fn in_tree(&self) -> String {
        format!("{}{}", self.branch, self.full_name())
    }
}

/// An aggregate that is still to be added to the sorted list, before its children.
struct Open {
    place: usize,
    /// Lines of the tree before the name; `below`: before the names of the children.
    branch: String,
    below: String,
}

/// Sorts every aggregate below its parent; aggregates of one parent keep their order.
pub(super) fn settle(rows: &mut Vec<Row>) {
    let places: HashMap<i32, usize> = rows
        .iter()
        .enumerate()
        .map(|(place, row)| (row.id, place))
        .collect();
    let parents: Vec<Option<usize>> = rows
        .iter()
        .map(|row| {
            row.parent_id
                .and_then(|parent| places.get(&parent).copied())
        })
        .collect();
    let mut children: HashMap<usize, Vec<usize>> = HashMap::new();
    for (place, parent) in parents.iter().enumerate() {
        if let Some(parent) = parent {
            children.entry(*parent).or_default().push(place);
        }
    }
    let mut order = Vec::with_capacity(rows.len());
    for root in (0..rows.len()).filter(|place| parents[*place].is_none()) {
        let alone = !children.contains_key(&root);
        let family = (!alone).then_some(rows[root].id);
        let mut open = vec![Open {
            place: root,
            branch: String::new(),
            below: String::new(),
        }];
        while let Some(one) = open.pop() {
            let below = children.get(&one.place).into_iter().flatten();
            // `open` is a stack: the last child is pushed first, so that it comes last in the sorted list. Its line ends the branch.
            open.extend(below.rev().enumerate().map(|(nth, child)| {
                let (sign, line) = if nth == 0 {
                    ("└ ", "  ")
                } else {
                    ("├ ", "│ ")
                };
                Open {
                    place: *child,
                    branch: format!("{}{sign}", one.below),
                    below: format!("{}{line}", one.below),
                }
            }));
            order.push((one.place, family, one.branch));
        }
    }
    let of = |(place, family, branch): (usize, Option<i32>, String)| Row {
        family,
        branch,
        ..rows[place].clone()
    };
    *rows = order.into_iter().map(of).collect();
}

/// Sets for each aggregate the late ancestor that is nearest to the hypertable.
pub(super) fn inherit(rows: &mut [Row], at: &At) {
    let mut known: HashMap<i32, Option<Inherited>> = HashMap::new();
    // Parents come before their children in the list, so `known` already has the parent.
    for row in rows {
        let inherited = row
            .parent_id
            .and_then(|parent| known.get(&parent).cloned().flatten());
        row.inherited.clone_from(&inherited);
        known.insert(row.id, inherited.or_else(|| inheritance(row, at)));
    }
}

/// The lag that the children of this aggregate inherit; `None`: this aggregate is not late.
fn inheritance(row: &Row, at: &At) -> Option<Inherited> {
    let findings = row.verdict(at).findings;
    let behind = findings.iter().find(|finding| {
        finding.level >= Level::Notice
            && [
                &rules::AGGREGATE_BEHIND,
                &rules::AGGREGATE_NEVER_REFRESHED,
                &rules::AGGREGATE_NO_POLICY,
            ]
            .contains(&finding.rule)
    })?;
    let job = findings.iter().find(|finding| finding.job.is_some());
    // Only one fix is kept. It is the fix of `behind` if that fix ends the session that the job waits for, otherwise the job's fix.
    let fixer: &Finding = job.filter(|_| !behind.frees()).unwrap_or(behind);
    let mut why = without_stop(&behind.reason).to_owned();
    if let Some(job) = job {
        why = format!("{why}; {}", without_stop(&job.reason));
    }
    let aggregate = || Target {
        kind: TargetKind::Aggregate,
        id: row.id.into(),
        name: row.full_name(),
    };
    Some(Inherited {
        from: row.full_name(),
        why,
        fix: fixer.fix,
        sets: fixer.sets.clone(),
        since: behind.since,
        on: fixer
            .on
            .clone()
            .or_else(|| fixer.job.map(Target::job))
            .or_else(|| Some(aggregate())),
    })
}
