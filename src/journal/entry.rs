//! One action, put together from its lines.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::line::{Begin, End, Mark, Outcome, Ran};
use crate::journal::acknowledge::{Acknowledgement, Ended};
use crate::model::plan::named::Named;
use crate::model::plan::{Plan, Step, Undo};

/// One action, put together from its lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub begin: Begin,
    #[serde(default)]
    pub marks: Vec<Mark>,
    pub ran: Vec<Ran>,
    /// `None`: it was cut off, or is under way in another process.
    pub end: Option<End>,
    /// The entry that took it back.
    pub rolled_back_by: Option<u64>,
    /// Why the finding that it acknowledged counts again.
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

    /// The numbers of the steps that took effect, in order. All of them where it ended well: a line of theirs may be
    /// missing (a full disk), and nothing else is known of them then.
    pub fn done_at(&self) -> Vec<usize> {
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

    /// Whether all of it took effect, even where it was cut off before it could say so.
    pub fn is_whole(&self) -> bool {
        self.ended_as() == Some(Outcome::Done)
            || self.done_at().len() == self.begin.plan.steps.len()
    }

    /// The step that was under way when all that is known of it ends: it may or may not have taken effect.
    pub fn in_doubt(&self) -> Option<usize> {
        if self.begin.marks {
            return self.undecided().next().map(|mark| mark.step);
        }
        let next = self.ran.iter().map(|ran| ran.step + 1).max().unwrap_or(0);
        let cut_off = matches!(self.ended_as(), None | Some(Outcome::Unknown));
        (cut_off && next < self.begin.plan.steps.len()).then_some(next)
    }

    /// Marks of which it is not known what became of them.
    pub fn undecided(&self) -> impl Iterator<Item = &Mark> {
        let known = |mark: &&Mark| !self.ran.iter().any(|ran| ran.step == mark.step);
        let whole = self.ended_as() == Some(Outcome::Done);
        self.marks.iter().filter(known).filter(move |_| !whole)
    }

    /// The steps of which the server could not say any more whether they took effect.
    pub fn unknown(&self) -> Vec<usize> {
        let unknown = self.ran.iter().filter(|ran| ran.unknown);
        unknown.map(|ran| ran.step).collect()
    }

    /// What a step and its undo name.
    pub fn named(&self, step: usize) -> Named {
        let mut named = Named::default();
        let ran = self.ran.iter().filter(|ran| ran.step == step);
        let marks = self.marks.iter().filter(|mark| mark.step == step);
        marks
            .map(|mark| &mark.named)
            .chain(ran.map(|ran| &ran.named))
            .for_each(|more| named.add(more.clone()));
        named
    }

    /// `done`, `failed`, `cancelled`, `unknown`, `unfinished`, `running`, `rolled back`; of an acknowledgement
    /// `in force`, or why it is no longer.
    pub fn state(&self) -> &'static str {
        if self.begin.acknowledges.is_some() {
            let ended = self.ended.as_ref();
            return ended.map_or("in force", |ended| ended.why.name());
        }
        match &self.end {
            _ if self.rolled_back_by.is_some() => "rolled back",
            Some(end) => end.outcome.name(),
            None if self.is_under_way() => "running",
            None => "unfinished",
        }
    }

    /// What its statements returned under names.
    pub fn kept(&self) -> BTreeMap<String, String> {
        let done = self.done_at();
        let marks = self.marks.iter().filter(|mark| done.contains(&mark.step));
        let marks = marks.flat_map(|mark| mark.kept.clone());
        marks
            .chain(self.ran.iter().flat_map(|ran| ran.kept.clone()))
            .collect()
    }
}
