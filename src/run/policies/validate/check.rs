//! The checks of a validation and their results.

use serde::{Serialize, Serializer};

use crate::model::moment::Stamp;
use crate::model::text;

/// Result of one check. The variants are in order, from the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Ok,
    /// The result will be known later, for example after the next run of a job.
    Pending,
    Unknown,
    Failed,
}

impl State {
    const ALL: [Self; 4] = [Self::Ok, Self::Pending, Self::Unknown, Self::Failed];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Pending => "pending",
            Self::Unknown => "unknown",
            Self::Failed => "failed",
        }
    }

    pub(super) fn of(holds: bool) -> Self {
        if holds { Self::Ok } else { Self::Failed }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Check {
    pub(super) state: State,
    /// Name of the check, such as `replication lag`.
    pub(super) what: String,
    /// The limit for the observed value. `None`: the name contains the limit, or there is no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expected: Option<String>,
    /// The observed value or state.
    pub(super) seen: String,
    /// Time from which a pending check can be decided. `None`: the check is not pending, or the time is unknown.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_time")]
    pub(super) due: Option<Stamp>,
}

#[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
fn as_time<S: Serializer>(due: &Option<Stamp>, to: S) -> Result<S::Ok, S::Error> {
    due.and_then(text::rfc3339).serialize(to)
}

impl Check {
    /// The check as a line of text.
    pub(super) fn line(&self) -> String {
        let line = format!("{:<8}{}: {}", self.state.name(), self.what, self.seen);
        text::printable(&line) + "\n"
    }
}

#[derive(Debug, Default)]
pub(super) struct Checks(pub(super) Vec<Check>);

impl Checks {
    /// Adds a check, and returns it so that the caller can add a limit or a time.
    pub(super) fn add(
        &mut self,
        state: State,
        what: impl Into<String>,
        seen: impl Into<String>,
    ) -> &mut Check {
        self.0.push(Check {
            state,
            what: what.into(),
            expected: None,
            seen: seen.into(),
            due: None,
        });
        let last = self.0.len() - 1;
        &mut self.0[last]
    }

    /// Adds a check that cannot be decided yet. `due`: the time from which it can be decided; `None`: unknown.
    pub(super) fn wait(
        &mut self,
        what: impl Into<String>,
        seen: impl Into<String>,
        due: Option<Stamp>,
    ) {
        self.add(State::Pending, what, seen).due = due;
    }

    /// Adds a check that fails if there is a problem (`against`). `good`: text for the case that there is no problem.
    pub(super) fn unless(
        &mut self,
        what: impl Into<String>,
        against: Option<String>,
        good: impl Into<String>,
    ) {
        let state = State::of(against.is_none());
        self.add(state, what, against.unwrap_or_else(|| good.into()));
    }

    /// Adds a check that compares an observed value with a limit.
    pub(super) fn compare(
        &mut self,
        holds: bool,
        what: impl Into<String>,
        expected: impl Into<String>,
        seen: impl Into<String>,
    ) {
        self.add(State::of(holds), what, seen).expected = Some(expected.into());
    }

    pub(super) fn worst(&self) -> State {
        let states = self.0.iter().map(|check| check.state);
        states.max().unwrap_or(State::Ok)
    }

    pub(super) fn has(&self, state: State) -> bool {
        self.0.iter().any(|check| check.state == state)
    }

    /// `7 ok, 2 pending, 0 unknown, 1 failed`
    pub(super) fn sum(&self) -> String {
        let count = |state| self.0.iter().filter(|check| check.state == state).count();
        let counts = State::ALL.map(|state| format!("{} {}", count(state), state.name()));
        counts.join(", ")
    }
}

/// A list as a text; `None`: the list is empty.
pub(super) fn listed(found: &[String], between: &str) -> Option<String> {
    (!found.is_empty()).then(|| found.join(between))
}
