//! Totals of jobs: by state, workers in use, and the next start.

use super::row::{Row, Workers};
use crate::model::text;
use crate::screens::headline::{groups, line, number, rows as many_rows};
use crate::screens::policy::State;
use crate::server::known::At;

/// States with problems come first.
const STATES: [State; 8] = [
    State::Crashed,
    State::Late,
    State::BackingOff,
    State::Running,
    State::MaybeRunning,
    State::Paused,
    State::NeverRan,
    State::Scheduled,
];

pub(super) fn headline(rows: &[Row], at: &At) -> Vec<String> {
    let Some(first) = rows.first() else {
        return Vec::new();
    };
    let states: Vec<State> = rows.iter().map(|row| row.state(at)).collect();
    let count = |state: &State| states.iter().filter(|of| *of == state).count();
    let by_state = groups(STATES.iter().map(|state| (count(state), state.name())));
    let failed = |row: &&Row| row.failed().is_some() && !row.is_portal_fault();
    let failed = match rows.iter().filter(failed).count() {
        0 => "last run failed: none".to_owned(),
        many => format!("last run failed: {}", number(many)),
    };
    let all = format!("{}: {by_state}", many_rows(rows.len(), "job"));
    vec![
        line([all, failed]),
        line([workers(first.workers), next(rows, at)]),
    ]
}

/// Workers of all databases. The peak is the maximum that this console has seen; after a single read there is no peak.
fn workers(workers: Workers) -> String {
    let of = match workers.slots {
        Some(slots) => format!("{} of {}", text::count(workers.used), text::count(slots)),
        None => format!("{} of an unknown limit", text::count(workers.used)),
    };
    let peak = match workers.peak {
        Some(peak) => format!(", peak seen {}", text::count(peak)),
        None => String::new(),
    };
    format!("TimescaleDB workers on this server: {of}{peak}")
}

fn next(rows: &[Row], at: &At) -> String {
    let starts = rows
        .iter()
        .filter_map(|row| Some((row.next_start().filter(|next| *next > at.now)?, row)));
    starts
        .min_by_key(|(next, row)| (*next, row.job_id))
        .map_or_else(String::new, |(next, row)| {
            format!("next start {}: {}", text::age(next, at.now), row.name())
        })
}
