//! A plan: what an action would do, literally; shown before, run after consent, kept in the journal.

mod bindings;
mod lock;
pub mod named;
mod statement;

use serde::{Deserialize, Serialize};

use crate::model::verdict::Level;

use named::Named;

pub(crate) use bindings::Bindings;
pub use lock::Mode;
pub(crate) use lock::Touch;
pub use statement::{Lit, Statement};

/// What is done at once: one transaction, or one statement that wants none around it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// `compress _hyper_1_2_chunk`: for the progress line and the result.
    pub label: String,
    pub run: Vec<Statement>,
    /// Not in a transaction block, on a connection of its own: refresh, REINDEX CONCURRENTLY. Each statement by itself.
    #[serde(default)]
    pub plain: bool,
    /// What takes it back, in this order; empty: nothing does.
    #[serde(default)]
    pub undo: Vec<Statement>,
    #[serde(default)]
    pub undo_plain: bool,
    /// Its size in bytes, for the rate and the time that is left; zero: not known.
    #[serde(default, rename = "weight")]
    pub bytes: i64,
    /// The entry and its step that this takes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<(u64, usize)>,
}

impl Step {
    pub fn new(label: impl Into<String>, run: Vec<Statement>, undo: Vec<Statement>) -> Self {
        Self {
            label: label.into(),
            run,
            plain: false,
            undo,
            undo_plain: false,
            bytes: 0,
            undoes: None,
        }
    }

    /// Without a transaction block around it, on a connection of its own.
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.plain = true;
        self
    }

    #[must_use]
    pub fn sized(mut self, bytes: Option<i64>) -> Self {
        self.bytes = bytes.unwrap_or(0);
        self
    }
}

/// How far the plan can be taken back, and what that leaves different.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "text")]
pub enum Undo {
    /// Everything comes back as it was; the text says by what.
    Exact(String),
    /// The text says what does not come back.
    Partly(String),
    /// The text says why not; the target's name must be typed.
    Never(String),
    /// It changes nothing that would have to be taken back (a reindex, an analyze).
    Needless(String),
}

impl Undo {
    pub fn text(&self) -> &str {
        match self {
            Self::Exact(text) | Self::Partly(text) | Self::Never(text) | Self::Needless(text) => {
                text
            }
        }
    }

    /// How far two plans together can be taken back: no further than the lesser of them.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let rank = |undo: &Self| match undo {
            Self::Needless(_) => 0,
            Self::Exact(_) => 1,
            Self::Partly(_) => 2,
            Self::Never(_) => 3,
        };
        if rank(&other) > rank(&self) {
            other
        } else {
            self
        }
    }

    pub fn heading(&self) -> &'static str {
        match self {
            Self::Exact(_) => "Taken back exactly by",
            Self::Partly(_) => "Taken back, but not wholly",
            Self::Never(_) => "CANNOT BE TAKEN BACK",
            Self::Needless(_) => "Nothing to take back",
        }
    }
}

/// What a person has to do before it runs; ordered by weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    Enter,
    /// `y`: it can be taken back, at a price, or it holds heavy locks.
    Yes,
    /// The target's name is typed.
    Name,
}

/// A remark in the preview: what it does, whom it meets, what to mind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub level: Level,
    pub text: String,
}

/// Between the steps of a long plan.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    /// Seconds of rest after each step.
    pub rest_seconds: f64,
    /// It waits while a replica is further behind than so many seconds; `None`: no bound.
    pub max_replica_lag_seconds: Option<f64>,
    /// It waits while the server writes more WAL than so many bytes a second; `None`: no bound.
    pub max_wal_bytes_per_second: Option<f64>,
    /// A step that fails is noted, and the rest goes on.
    pub go_on: bool,
}

/// What an action would do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The action's name in the catalogue.
    pub action: String,
    /// What it acts on, as a person would type it.
    pub target: String,
    /// One line: `Pause job 1001 (Compression Policy on public.metrics)`.
    pub title: String,
    pub steps: Vec<Step>,
    pub notes: Vec<Note>,
    pub undo: Undo,
    pub consent: Consent,
    pub touches: Vec<Touch>,
    /// The parts of the captured state that it changes, as JSON pointers (`/jobs`, `/settings`): what a rollback
    /// compares with the present. Empty: the whole state.
    pub changes: Vec<String>,
    pub pace: Pace,
    /// How long a statement waits for a lock before it gives up.
    pub lock_timeout_seconds: u32,
    /// What its statements mean by the names in them, where that was looked up when it was made (a rollback); else it is
    /// when it begins.
    #[serde(default, skip_serializing_if = "Named::is_empty")]
    pub named: Named,
    /// Of a rollback: the entries that stay open after it, because it is not known whether all of them is taken back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leaves_open: Vec<u64>,
    /// Whose code it was said to run; where there is more of it by then, nothing is done.
    #[serde(skip)]
    pub runs: Vec<String>,
}

impl Plan {
    /// A plan with what most have: consent by Enter, 5 s of patience for locks.
    pub fn new(title: impl Into<String>, steps: Vec<Step>, undo: Undo) -> Self {
        let consent = match undo {
            Undo::Exact(_) | Undo::Needless(_) => Consent::Enter,
            Undo::Partly(_) => Consent::Yes,
            Undo::Never(_) => Consent::Name,
        };
        Self {
            action: String::new(),
            target: String::new(),
            title: title.into(),
            steps,
            notes: Vec::new(),
            undo,
            consent,
            touches: Vec::new(),
            changes: Vec::new(),
            pace: Pace::default(),
            lock_timeout_seconds: 5,
            named: Named::default(),
            leaves_open: Vec::new(),
            runs: Vec::new(),
        }
    }

    #[must_use]
    pub fn note(mut self, level: Level, text: impl Into<String>) -> Self {
        self.notes.push(Note {
            level,
            text: text.into(),
        });
        self
    }

    /// Notes a relation that it locks.
    #[must_use]
    pub fn touching(mut self, oid: i64, name: impl Into<String>, mode: Mode) -> Self {
        self.touches.push(Touch {
            oid,
            name: name.into(),
            mode,
            step: None,
        });
        self
    }

    /// The same, of what only this step locks.
    #[must_use]
    pub fn touching_in(self, step: usize, oid: i64, name: impl Into<String>, mode: Mode) -> Self {
        let mut plan = self.touching(oid, name, mode);
        if let Some(touch) = plan.touches.last_mut() {
            touch.step = Some(step);
        }
        plan
    }

    #[must_use]
    pub fn changing(mut self, pointers: &[&str]) -> Self {
        self.changes = pointers.iter().map(|&part| part.to_owned()).collect();
        self
    }

    /// Asks for at least this consent.
    #[must_use]
    pub fn wanting(mut self, consent: Consent) -> Self {
        self.consent = self.consent.max(consent);
        self
    }

    /// Everything that it runs, literally, with the transactions that are around it.
    pub fn script(&self) -> Vec<String> {
        script(&self.steps)
    }
}

/// The statements of steps as they run, BEGIN and COMMIT where a step is a transaction of several.
pub fn script(steps: &[Step]) -> Vec<String> {
    let mut lines = Vec::new();
    for step in steps {
        let block = !step.plain && step.run.len() > 1;
        if block {
            lines.push("BEGIN;".to_owned());
        }
        for statement in &step.run {
            lines.push(format!("{};", statement.literal()));
        }
        if block {
            lines.push("COMMIT;".to_owned());
        }
    }
    lines
}

/// The steps that take these back: newest first.
pub(crate) fn inverse(done: &[Step]) -> Vec<Step> {
    let back = |step: &Step| Step {
        label: format!("take back: {}", step.label),
        run: step.undo.clone(),
        plain: step.undo_plain,
        undo: Vec::new(),
        undo_plain: false,
        bytes: step.bytes,
        undoes: None,
    };
    done.iter()
        .rev()
        .filter(|step| !step.undo.is_empty())
        .map(back)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_plans_together_no_more_is_promised_than_the_lesser_one_can_take_back() {
        let exact = || Undo::Exact("as it was".to_owned());
        let partly = || Undo::Partly("but dropped chunks".to_owned());
        let never = || Undo::Never("gone".to_owned());
        assert_eq!(partly().and(exact()), partly());
        assert_eq!(exact().and(partly()).and(exact()), partly());
        assert_eq!(exact().and(never()).and(partly()), never());
        assert_eq!(Undo::Needless(String::new()).and(exact()), exact());
    }

    #[test]
    fn what_was_done_last_is_taken_back_first() {
        let step = |name: &str, undo| Step::new(name, Vec::new(), undo);
        let back = |name: &str| vec![Statement::new(name, Vec::new())];
        let steps = [
            step("a", back("undo a")),
            step("b", Vec::new()),
            step("c", back("undo c")),
        ];
        let labels: Vec<_> = inverse(&steps)
            .into_iter()
            .map(|step| step.run[0].sql.clone())
            .collect();
        assert_eq!(labels, ["undo c", "undo a"]);
    }
}
