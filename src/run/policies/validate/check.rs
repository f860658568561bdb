//! The checks of a validation and their results.

/// Result of one check; the worst comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Ok,
    /// The result will be known later.
    Pending,
    Unknown,
    Failed,
}

impl State {
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

#[derive(Debug, serde::Serialize)]
pub(super) struct Check {
    pub(super) state: State,
    /// What is checked.
    pub(super) what: String,
    /// The observation behind the result.
    pub(super) seen: String,
}

#[derive(Debug, Default)]
pub(super) struct Checks(pub(super) Vec<Check>);

impl Checks {
    pub(super) fn add(&mut self, state: State, what: impl Into<String>, seen: impl Into<String>) {
        self.0.push(Check {
            state,
            what: what.into(),
            seen: seen.into(),
        });
    }

    /// Adds a check that fails if there is a reason against it. `good`: the observation if there is none.
    pub(super) fn unless(
        &mut self,
        what: impl Into<String>,
        against: Option<String>,
        good: impl Into<String>,
    ) {
        let state = State::of(against.is_none());
        self.add(state, what, against.unwrap_or_else(|| good.into()));
    }

    pub(super) fn worst(&self) -> State {
        self.0
            .iter()
            .map(|check| check.state)
            .max()
            .unwrap_or(State::Ok)
    }

    fn count(&self, state: State) -> usize {
        self.0.iter().filter(|check| check.state == state).count()
    }

    pub(super) fn sum(&self) -> String {
        let states = [State::Ok, State::Pending, State::Unknown, State::Failed];
        let counts: Vec<_> = states
            .iter()
            .map(|state| format!("{} {}", self.count(*state), state.name()))
            .collect();
        counts.join(", ")
    }
}

/// A list as a text; `None`: it is empty.
pub(super) fn listed(found: &[String], between: &str) -> Option<String> {
    (!found.is_empty()).then(|| found.join(between))
}
