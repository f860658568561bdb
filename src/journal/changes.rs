//! This user's changes of the ages in policies, read from the journal.

use super::entries::Entries;
use super::line::Outcome;
use super::place::Place;
use crate::model::plan::Lit;

/// The settings of a policy that are an age.
const AGES: [&str; 2] = ["compress_after", "drop_after"];

/// A change of a policy's age, with the values as plan titles show them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PolicyChange {
    pub job: i64,
    /// Time of the change, RFC 3339.
    pub at: String,
    pub setting: String,
    pub before: String,
    pub after: String,
}

impl Entries {
    /// The completed changes of ages in this database, rollbacks included, newest first.
    pub(crate) fn policy_changes(&self, place: &Place) -> Vec<PolicyChange> {
        let mut found: Vec<PolicyChange> = Vec::new();
        for entry in self.all.iter().rev() {
            let begin = &entry.begin;
            let ended = entry.end.as_ref().map(|end| end.outcome);
            if ended != Some(Outcome::Done) || !begin.place.is_surely(place) {
                continue;
            }
            let of = |name: &str| AGES.contains(&name);
            let Some(changed) = begin.plan.changed.iter().find(|one| of(&one.setting)) else {
                continue;
            };
            let statements = begin.plan.steps.iter().flat_map(|step| &step.run);
            let mut params = statements.flat_map(|statement| &statement.params);
            let job = params.find_map(|param| match param {
                Lit::Job(id) => Some(*id),
                _ => None,
            });
            if let Some(job) = job {
                found.push(PolicyChange {
                    job,
                    at: begin.at.clone(),
                    setting: changed.setting.clone(),
                    before: changed.before.clone(),
                    after: changed.after.clone(),
                });
            }
        }
        found
    }
}
