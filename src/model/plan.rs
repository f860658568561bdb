//! A plan: the literal statements of an action, shown first, run after consent, and kept in the journal.

mod bindings;
pub(crate) mod changed;
mod expression;
mod lock;
pub(crate) mod named;
mod statement;

use serde::{Deserialize, Serialize};

use crate::model::busy::BusyHours;
use crate::model::picture::Picture;
use crate::model::verdict::Level;

use named::Named;

pub(crate) use bindings::Bindings;
pub(crate) use changed::Changed;
pub(crate) use expression::Expression;
pub use lock::Mode;
pub(crate) use lock::Touch;
pub use statement::{Lit, Statement};

/// One transaction, or statements that run outside a transaction block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Text for the progress line and the result: `compress _hyper_1_2_chunk`.
    pub label: String,
    pub run: Vec<Statement>,
    /// Each statement runs outside a transaction block, on a connection of its own: refresh, REINDEX CONCURRENTLY.
    #[serde(default)]
    pub plain: bool,
    /// The statements that undo this step, in order; empty: no undo.
    #[serde(default)]
    pub undo: Vec<Statement>,
    /// The statements of `undo` run outside a transaction block.
    #[serde(default)]
    pub(crate) undo_plain: bool,
    /// Size of the step's data in bytes, for the rate and the remaining time; 0: unknown.
    #[serde(default, rename = "weight")]
    pub bytes: i64,
    /// Id of a journal entry, and number (from 0) of the entry's step that this step rolls back; `None`: not part of a rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) undoes: Option<(u64, usize)>,
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

    /// Makes every statement run outside a transaction block, on a connection of its own.
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.plain = true;
        self
    }

    #[must_use]
    pub(crate) fn sized(mut self, bytes: Option<i64>) -> Self {
        self.bytes = bytes.unwrap_or(0);
        self
    }
}

/// How much of the plan can be undone. The text explains it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "text")]
pub enum Undo {
    /// Everything is restored; the text says how.
    Exact(String),
    /// The text says what is not restored.
    Partly(String),
    /// Irreversible; the text says why. The target's name must be typed.
    Never(String),
    /// There is nothing to undo (a reindex, an analyze).
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

    /// The undo of two plans together: the weaker of the two. If both are partial, the text says what each does not restore.
    #[must_use]
    pub(crate) fn and(self, other: Self) -> Self {
        let rank = |undo: &Self| match undo {
            Self::Needless(_) => 0,
            Self::Exact(_) => 1,
            Self::Partly(_) => 2,
            Self::Never(_) => 3,
        };
        match (&self, &other) {
            (Self::Partly(one), Self::Partly(more)) if !one.contains(more.as_str()) => {
                Self::Partly(format!("{one}; {more}"))
            }
            _ if rank(&other) > rank(&self) => other,
            _ => self,
        }
    }

    pub fn heading(&self) -> &'static str {
        match self {
            Self::Exact(_) => "Undo (exact)",
            Self::Partly(_) => "Undo (partial)",
            Self::Never(_) => "IRREVERSIBLE",
            Self::Needless(_) => "Nothing to undo",
        }
    }
}

/// The consent that a plan needs before it runs, the strongest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    Enter,
    /// `y`: the undo is partial or costly, or the plan takes strong locks.
    Yes,
    /// The target's name must be typed.
    Name,
}

/// A remark in the preview: effects, affected sessions, warnings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub level: Level,
    pub text: String,
}

/// Pauses and limits between the steps of a long plan.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    /// Pause after each step, in seconds.
    pub rest_seconds: f64,
    /// The plan waits while a replica lags by more seconds than this; `None`: no limit.
    pub(crate) max_replica_lag_seconds: Option<f64>,
    /// The plan waits while the server writes more bytes of WAL per second than this; `None`: no limit.
    pub(crate) max_wal_bytes_per_second: Option<f64>,
    /// Continue with the next step after a failed one.
    pub(crate) go_on: bool,
    /// Hours in which steps may begin, and the server's time zone. `None`: any time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) window: Option<(BusyHours, String)>,
}

impl Pace {
    /// Sets the limits on replicas (seconds) and on WAL (MB per second). `None`: no limit.
    pub(crate) fn limit(&mut self, lag_seconds: Option<f64>, wal_megabytes: Option<u32>) {
        self.max_replica_lag_seconds = lag_seconds;
        self.max_wal_bytes_per_second = wal_megabytes.map(|rate| f64::from(rate) * 1e6);
    }
}

/// The statements of an action on one target, with their effects, undo and consent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The action's name in the catalogue.
    pub(crate) action: String,
    /// Name of the target as a user types it: `public.metrics`, `1001`.
    pub target: String,
    /// One line: `Pause job 1001 (Compression Policy on public.metrics)`.
    pub title: String,
    pub steps: Vec<Step>,
    pub notes: Vec<Note>,
    pub undo: Undo,
    pub consent: Consent,
    pub touches: Vec<Touch>,
    /// JSON pointers (`/jobs`, `/settings`) to the parts of the captured state that this plan changes. A rollback compares these
    /// parts with the present state. Empty: it compares the whole state.
    pub(crate) changes: Vec<String>,
    /// The settings that this plan changes, also named in its title.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) changed: Vec<Changed>,
    pub pace: Pace,
    /// `lock_timeout` of every statement.
    pub lock_timeout_seconds: u32,
    /// The objects that the statements name. A rollback looks these objects up when the plan is made. Other plans leave this empty, and
    /// look the objects up when the plan starts.
    #[serde(default, skip_serializing_if = "Named::is_empty")]
    pub(crate) named: Named,
    /// Journal entries that stay open after a rollback, because it is unknown whether the rollback undoes all of their steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) leaves_open: Vec<u64>,
    /// Functions and triggers that this plan runs, as the preview names them. If more have been added by the start of the plan, the plan
    /// is refused.
    #[serde(skip)]
    pub(crate) runs: Vec<String>,
    /// True: no other plan of a policy file may run in the database at the same time.
    #[serde(skip)]
    pub(crate) alone: bool,
    /// Index expressions. The preview asks the server whether they are immutable.
    #[serde(skip)]
    pub(crate) expressions: Vec<Expression>,
    /// Effect of the change on the next run of a policy; `None`: the plan changes no policy.
    #[serde(skip)]
    pub picture: Option<Box<Picture>>,
}

impl Plan {
    /// A plan with the consent that its undo needs, and a lock timeout of 5 s.
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
            changed: Vec::new(),
            pace: Pace::default(),
            lock_timeout_seconds: 5,
            named: Named::default(),
            leaves_open: Vec::new(),
            runs: Vec::new(),
            alone: false,
            expressions: Vec::new(),
            picture: None,
        }
    }

    /// A plan that changes settings. Its title has their values before and after; `of` is the object's name in the title.
    pub(crate) fn changing_settings(
        of: &str,
        changed: Vec<Changed>,
        steps: Vec<Step>,
        undo: Undo,
    ) -> Self {
        let mut plan = Self::new(changed::title(&changed, of), steps, undo);
        plan.changed = changed;
        plan
    }

    #[must_use]
    pub(crate) fn note(mut self, level: Level, text: impl Into<String>) -> Self {
        self.notes.push(Note {
            level,
            text: text.into(),
        });
        self
    }

    /// Adds a relation that the plan locks.
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

    /// Adds a relation that only the step with this number (from 0) locks.
    #[must_use]
    pub(crate) fn touching_in(
        self,
        step: usize,
        oid: i64,
        name: impl Into<String>,
        mode: Mode,
    ) -> Self {
        let mut plan = self.touching(oid, name, mode);
        if let Some(touch) = plan.touches.last_mut() {
            touch.step = Some(step);
        }
        plan
    }

    #[must_use]
    pub(crate) fn changing(mut self, pointers: &[&str]) -> Self {
        self.changes = pointers.iter().map(|&part| part.to_owned()).collect();
        self
    }

    /// Sets the preview of the next run of a policy.
    #[must_use]
    pub(crate) fn picturing(mut self, picture: Option<Box<Picture>>) -> Self {
        self.picture = picture;
        self
    }

    /// Requires at least this consent.
    #[must_use]
    pub(crate) fn wanting(mut self, consent: Consent) -> Self {
        self.consent = self.consent.max(consent);
        self
    }

    /// Every statement with its values, and BEGIN and COMMIT around each transaction of several statements.
    pub fn script(&self) -> Vec<String> {
        script(&self.steps)
    }
}

/// Every statement of these steps with its values, and BEGIN and COMMIT around each transaction of several statements.
pub(crate) fn script(steps: &[Step]) -> Vec<String> {
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

/// Steps that undo the steps `done`, newest first. Steps without an undo are left out.
pub(crate) fn inverse(done: &[Step]) -> Vec<Step> {
    let back = |step: &Step| Step {
        label: format!("undo: {}", step.label),
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
    fn two_plans_together_undo_no_more_than_the_weaker_one() {
        let exact = || Undo::Exact("as it was".to_owned());
        let partly = || Undo::Partly("but dropped chunks".to_owned());
        let never = || Undo::Never("gone".to_owned());
        assert_eq!(partly().and(exact()), partly());
        assert_eq!(exact().and(partly()).and(exact()), partly());
        assert_eq!(partly().and(partly()), partly());
        let both = Undo::Partly("but dropped chunks; but an id".to_owned());
        assert_eq!(partly().and(Undo::Partly("but an id".to_owned())), both);
        assert_eq!(exact().and(never()).and(partly()), never());
        assert_eq!(Undo::Needless(String::new()).and(exact()), exact());
    }

    #[test]
    fn the_newest_step_is_undone_first() {
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
