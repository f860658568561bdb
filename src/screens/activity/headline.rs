//! Totals of sessions: by state, the oldest transaction, and who is blocked.

use super::session::Row;
use crate::model::text;
use crate::screens::headline::{groups, line, number, rows as many_rows};
use crate::server::known::At;

/// States as in the STATE column, and their words in the headline. Background workers have no state.
const STATES: [(Option<&str>, &str); 7] = [
    (Some("blocked"), "blocked"),
    (Some("aborted tx"), "aborted in transaction"),
    (Some("idle in tx"), "idle in transaction"),
    (Some("active"), "active"),
    (Some("idle"), "idle"),
    (Some("hidden"), "hidden from this role"),
    (None, "background"),
];

pub(super) fn headline(rows: &[Row], at: &At) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let count = |state: Option<&str>| rows.iter().filter(|row| row.state_name() == state).count();
    let known: Vec<(usize, &str)> = STATES
        .iter()
        .map(|(state, words)| (count(*state), *words))
        .collect();
    let other = rows.len() - known.iter().map(|(many, _)| many).sum::<usize>();
    let by_state = groups(known.into_iter().chain([(other, "in another state")]));
    let own = match rows.iter().filter(|row| row.own).count() {
        0 => String::new(),
        many => format!("hypertop's own: {}", number(many)),
    };
    let all = format!("{}: {by_state}", many_rows(rows.len(), "session"));
    let blocks = rows.iter().filter(|row| !row.blocks.is_empty()).count();
    let blocks = match blocks {
        0 => "no session blocks another".to_owned(),
        1 => "1 session blocks others".to_owned(),
        many => format!("{} sessions block others", number(many)),
    };
    vec![line([all, own]), line([oldest(rows, at), blocks])]
}

fn oldest(rows: &[Row], at: &At) -> String {
    let open = rows.iter().filter(|row| !row.own);
    let open = open.filter_map(|row| Some((row.transaction?, row)));
    // The transactions of hidden sessions are hidden too.
    let seen = if rows.iter().all(|row| row.visible) {
        ""
    } else {
        " that this role sees"
    };
    match open.min_by_key(|(since, row)| (*since, row.pid)) {
        None => format!("no open transaction{seen}"),
        Some((since, row)) => {
            let age = at.now.seconds_since(since).max(0.0).floor();
            format!(
                "oldest transaction{seen} {} (pid {})",
                text::duration(age),
                row.pid
            )
        }
    }
}
