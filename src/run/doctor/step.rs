//! One step of the doctor, with evidence and fix.

use serde_json::{Value as Json, json};

/// Exit code if a step could not run, so that the result is unknown.
pub const COULD_NOT_TELL: u8 = 3;

/// Result of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Ok,
    Warn,
    Fail,
    /// Not run because an earlier step failed, or not possible here.
    Skipped,
}

impl State {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Skipped => "skipped",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub name: String,
    pub state: State,
    /// Whether the step could not run, so that its result is unknown.
    pub undecided: bool,
    pub evidence: Vec<String>,
    pub fix: Vec<String>,
}

impl Step {
    fn new(name: impl Into<String>, state: State, evidence: Vec<String>) -> Self {
        Self {
            name: name.into(),
            state,
            undecided: false,
            evidence,
            fix: Vec::new(),
        }
    }

    pub(super) fn ok(name: impl Into<String>, evidence: impl Into<String>) -> Self {
        Self::new(name, State::Ok, vec![evidence.into()])
    }

    pub(super) fn lines(name: impl Into<String>, evidence: Vec<String>) -> Self {
        Self::new(name, State::Ok, evidence)
    }

    pub(super) fn skipped(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(name, State::Skipped, vec![why.into()])
    }

    /// A step that could not run; `why`: the error.
    pub(super) fn undecided(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            undecided: true,
            ..Self::skipped(name, why)
        }
    }

    pub(super) fn warn(self, fix: impl Into<String>) -> Self {
        self.found(State::Warn, fix)
    }

    pub(super) fn fail(self, fix: impl Into<String>) -> Self {
        self.found(State::Fail, fix)
    }

    /// Sets this state unless the step has failed, and adds a fix.
    fn found(mut self, state: State, fix: impl Into<String>) -> Self {
        if self.state != State::Fail {
            self.state = state;
        }
        let fix = fix.into();
        if !fix.is_empty() && !self.fix.contains(&fix) {
            self.fix.push(fix);
        }
        self
    }

    pub(super) fn and(mut self, evidence: impl Into<String>) -> Self {
        self.evidence.push(evidence.into());
        self
    }

    pub(super) fn json(&self) -> Json {
        json!({
            "step": self.name,
            "state": self.state.name(),
            "undecided": self.undecided,
            "evidence": self.evidence,
            "fix": self.fix,
        })
    }
}

/// Exit code. 0: no problem. 1: warnings. 2: a step failed. 3: no step failed, but a step could not run.
pub(super) fn exit_code(steps: &[Step]) -> u8 {
    let any = |state| steps.iter().any(|step| step.state == state);
    if any(State::Fail) {
        2
    } else if steps.iter().any(|step| step.undecided) {
        COULD_NOT_TELL
    } else {
        u8::from(any(State::Warn))
    }
}
