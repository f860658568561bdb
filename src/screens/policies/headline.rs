//! Totals: objects by state, changes, irreversible changes, hazards, and the files.

use super::row::{Change, Row, State};
use crate::screens::headline::{groups, line, number, rows as many};
use crate::server::known::At;

pub(super) fn headline(rows: &[Row], at: &At) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let states = State::ALL.into_iter().map(|state| {
        let of = rows.iter().filter(|row| row.state() == state);
        (of.count(), state.words())
    });
    let first = line([format!(
        "{}: {}",
        many(rows.len(), "object"),
        groups(states)
    )]);
    let changes = || rows.iter().flat_map(|row| &row.changes);
    let possible = || changes().filter_map(Change::possible);
    let never = possible().filter(|possible| possible.irreversible).count();
    let never = match never {
        0 => String::new(),
        some => format!("cannot be undone: {}", number(some)),
    };
    let mut hazards: Vec<&str> = rows.iter().flat_map(Row::hazards).collect();
    hazards.sort_unstable();
    hazards.dedup();
    let hazards = match hazards.as_slice() {
        [] => String::new(),
        names => format!("hazards: {}", names.join(", ")),
    };
    let files: Vec<_> = at
        .server
        .policy_files
        .iter()
        .filter_map(|path| path.file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    let second = line([
        many(changes().count(), "change"),
        never,
        hazards,
        files.join(", "),
    ]);
    vec![first, second]
}
