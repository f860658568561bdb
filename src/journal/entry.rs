use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::line::{Begin, End, Mark, Outcome, Ran};
use crate::journal::acknowledge::{Acknowledgement, Ended};
use crate::model::plan::named::Named;
use crate::model::plan::{Plan, Step, Undo};

/// A journal entry: one action with its steps and outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub begin: Begin,
    #[serde(default)]
    pub marks: Vec<Mark>,
    pub(super) ran: Vec<Ran>,
    /// How the action ended. `None`: it was interrupted, or still runs.
    pub(crate) end: Option<End>,
    /// Id of the entry that rolled this one back. `None`: not rolled back.
    pub rolled_back_by: Option<u64>,
    /// End of the acknowledgement. `None`: still in effect, or not an acknowledgement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

impl Entry {
    /// An acknowledgement as an entry. Its rollback shows the finding again.
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
                snapshot: None,
                undoes: Vec::new(),
                marks: false,
                acknowledges: Some(of.what),
                pid: of.pid,
                pid_began: None,
            },
            marks: Vec::new(),
            ran: Vec::new(),
            end: Some(end),
            rolled_back_by: None,
            ended: None,
        }
    }

    /// Indexes of the steps that took effect, in order. If the entry ended as done, a step counts even without a line of its own (the disk
    /// may have been full).
    pub(crate) fn done_at(&self) -> Vec<usize> {
        let all = self.begin.plan.steps.len();
        if self.ended_as() == Some(Outcome::Done) {
            let failed = |at: &usize| {
                let mut ran = self.ran.iter();
                ran.any(|ran| ran.step == *at && ran.error.is_some())
            };
            return (0..all).filter(|at| !failed(at)).collect();
        }
        let done = self.ran.iter().filter(|ran| ran.error.is_none());
        done.map(|ran| ran.step).filter(|at| *at < all).collect()
    }

    /// The steps that took effect, in order.
    pub fn done(&self) -> Vec<Step> {
        let steps = self.done_at();
        let step = |at: usize| self.begin.plan.steps.get(at).cloned();
        steps.into_iter().filter_map(step).collect()
    }

    fn ended_as(&self) -> Option<Outcome> {
        self.end.as_ref().map(|end| end.outcome)
    }

    /// True if all steps took effect, even if the end line is missing.
    pub(crate) fn is_whole(&self) -> bool {
        self.ended_as() == Some(Outcome::Done)
            || self.done_at().len() == self.begin.plan.steps.len()
    }

    /// Index of the step that may or may not have taken effect when the entry was interrupted. `None`: no step is in doubt.
    pub fn in_doubt(&self) -> Option<usize> {
        if self.begin.marks {
            return self.undecided().next().map(|mark| mark.step);
        }
        let next = self.ran.iter().map(|ran| ran.step + 1).max().unwrap_or(0);
        let is_interrupted = matches!(self.ended_as(), None | Some(Outcome::Unknown));
        (is_interrupted && next < self.begin.plan.steps.len()).then_some(next)
    }

    /// Marks of steps whose result is unknown.
    pub(crate) fn undecided(&self) -> impl Iterator<Item = &Mark> {
        let known = |mark: &&Mark| !self.ran.iter().any(|ran| ran.step == mark.step);
        let whole = self.ended_as() == Some(Outcome::Done);
        self.marks.iter().filter(known).filter(move |_| !whole)
    }

    /// Indexes of the steps whose result the server no longer knows.
    pub(crate) fn unknown(&self) -> Vec<usize> {
        let unknown = self.ran.iter().filter(|ran| ran.unknown);
        unknown.map(|ran| ran.step).collect()
    }

    /// The relations and jobs that a step and its undo name.
    pub(crate) fn named(&self, step: usize) -> Named {
        let mut named = Named::default();
        let ran = self.ran.iter().filter(|ran| ran.step == step);
        let marks = self.marks.iter().filter(|mark| mark.step == step);
        marks
            .map(|mark| &mark.named)
            .chain(ran.map(|ran| &ran.named))
            .for_each(|more| named.add(more.clone()));
        named
    }

    /// The state: `done`, `failed`, `cancelled`, `unknown`, `interrupted`, `running` or `rolled back`. For an
    /// acknowledgement: `in force`, or why it ended.
    pub fn state(&self) -> &'static str {
        if self.begin.acknowledges.is_some() {
            let ended = self.ended.as_ref();
            return ended.map_or("in force", |ended| ended.why.name());
        }
        match &self.end {
            _ if self.rolled_back_by.is_some() => "rolled back",
            Some(end) => end.outcome.name(),
            None if self.is_under_way() => "running",
            None => "interrupted",
        }
    }

    /// Values that the steps' statements returned, by name.
    pub(crate) fn kept(&self) -> BTreeMap<String, String> {
        let done = self.done_at();
        let marks = self.marks.iter().filter(|mark| done.contains(&mark.step));
        let marks = marks.flat_map(|mark| mark.kept.clone());
        marks
            .chain(self.ran.iter().flat_map(|ran| ran.kept.clone()))
            .collect()
    }
}
