//! One action, put together from its lines.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Begin, End, Outcome, Ran};
use crate::acknowledge::{Acknowledgement, Ended};
use crate::plan::{Plan, Step, Undo};

/// One action, put together from its lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub begin: Begin,
    pub ran: Vec<Ran>,
    /// `None`: it was cut off, or is under way in another process.
    pub end: Option<End>,
    /// The entry that took it back.
    pub taken_back_by: Option<u64>,
    /// Why the finding that it put aside counts again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

impl Entry {
    /// An acknowledgement among the actions: it was done, and a rollback shows the finding again.
    pub(super) fn acknowledgement(of: Acknowledgement) -> Self {
        let mut plan = Plan::new(
            of.what.title(),
            Vec::new(),
            Undo::Exact("the finding is shown again".to_owned()),
        );
        let action = if of.what.until.is_some() {
            "snooze"
        } else {
            "acknowledge"
        };
        action.clone_into(&mut plan.action);
        plan.target.clone_from(&of.what.subject);
        let end = End {
            id: of.id,
            at: of.what.at.clone(),
            outcome: Outcome::Done,
            error: None,
            after: Vec::new(),
            seconds: 0.0,
        };
        Self {
            begin: Begin {
                id: of.id,
                at: of.what.at.clone(),
                role: of.role,
                place: of.place,
                timescaledb: None,
                plan,
                inputs: String::new(),
                before: Vec::new(),
                undoes: Vec::new(),
                acknowledges: Some(of.what),
                pid: of.pid,
                pid_began: None,
            },
            ran: Vec::new(),
            end: Some(end),
            taken_back_by: None,
            ended: None,
        }
    }

    /// The steps that took effect, in order.
    pub fn done(&self) -> Vec<Step> {
        let steps = &self.begin.plan.steps;
        self.ran
            .iter()
            .filter(|ran| ran.error.is_none())
            .filter_map(|ran| steps.get(ran.step).cloned())
            .collect()
    }

    /// Whether all of it took effect, even where it was cut off before it could say so.
    pub(super) fn is_whole(&self) -> bool {
        let ended = self.end.as_ref().map(|end| end.outcome);
        ended == Some(Outcome::Done) || self.done().len() == self.begin.plan.steps.len()
    }

    /// The step that was under way when all that is known of it ends: it may or may not have taken effect.
    pub fn in_doubt(&self) -> Option<&Step> {
        let known = self.end.as_ref().map(|end| end.outcome);
        let next = self.ran.iter().map(|ran| ran.step + 1).max().unwrap_or(0);
        let steps = &self.begin.plan.steps;
        steps
            .get(next)
            .filter(|_| matches!(known, None | Some(Outcome::Unknown)))
    }

    /// `done`, `failed`, `cancelled`, `unknown`, `unfinished`, `running`, `rolled back`; of an acknowledgement
    /// `in force`, or why it is no longer.
    pub fn state(&self) -> &'static str {
        if self.begin.acknowledges.is_some() {
            let ended = self.ended.as_ref();
            return ended.map_or("in force", |ended| ended.why.name());
        }
        match &self.end {
            _ if self.taken_back_by.is_some() => "rolled back",
            Some(end) => end.outcome.name(),
            None if self.is_under_way() => "running",
            None => "unfinished",
        }
    }

    /// What its statements returned under names.
    pub fn kept(&self) -> BTreeMap<String, String> {
        let all = self.ran.iter().flat_map(|ran| ran.kept.clone());
        all.collect()
    }
}
