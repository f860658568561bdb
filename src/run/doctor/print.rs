//! Prints the doctor's steps as text or as JSON.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::step::{COULD_NOT_TELL, State, Step, exit_code};
use crate::model::text;

/// Widths of the columns for state and step, in cells.
const STATE: usize = 8;
const NAME: usize = 19;

pub(super) fn text(steps: &[Step]) -> String {
    let mut out = String::new();
    let width = STATE + NAME;
    for step in steps {
        let state = match step.state {
            State::Fail => "FAIL",
            State::Warn => "WARN",
            other => other.name(),
        };
        let name = text::printable(&step.name);
        let mut head = format!("{state:STATE$}{name:NAME$} ");
        for line in step.evidence.iter().flat_map(|line| line.lines()) {
            let _ = writeln!(out, "{head}{}", text::printable(line));
            head = " ".repeat(width + 1);
        }
        for line in step.fix.iter().flat_map(|line| line.lines()) {
            let _ = writeln!(out, "{:width$} fix: {}", "", text::printable(line));
        }
    }
    let _ = writeln!(out, "\n{}", summary(steps));
    out
}

/// `1 failed, 2 warnings, 20 ok, 3 skipped`.
fn summary(steps: &[Step]) -> String {
    let mut parts = Vec::new();
    for (state, one, many) in [
        (State::Fail, "failed", "failed"),
        (State::Warn, "warning", "warnings"),
        (State::Ok, "ok", "ok"),
        (State::Skipped, "skipped", "skipped"),
    ] {
        let count = steps.iter().filter(|step| step.state == state).count();
        match count {
            0 => {}
            1 => parts.push(format!("1 {one}")),
            _ => parts.push(format!("{count} {many}")),
        }
    }
    parts.join(", ")
}

pub(super) fn json(steps: &[Step]) -> String {
    let worst = [State::Fail, State::Warn];
    let worst = worst
        .into_iter()
        .find(|state| steps.iter().any(|step| step.state == *state));
    let code = exit_code(steps);
    let state = match worst {
        Some(State::Warn) | None if code == COULD_NOT_TELL => "unknown",
        Some(state) => state.name(),
        None => "ok",
    };
    let all: Vec<Json> = steps.iter().map(Step::json).collect();
    let whole = json!({"state": state, "exit": code, "steps": all});
    text::printable_json(format!("{whole:#}")) + "\n"
}
