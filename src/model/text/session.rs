//! Short texts for sessions and statements.

use super::cells::cut;

/// Start of a statement on one line, without repeated spaces and without a leading comment.
pub(crate) fn one_line(query: &str) -> String {
    let mut query = query.trim_start();
    while query.starts_with("--") {
        let Some((_, rest)) = query.split_once('\n') else {
            break;
        };
        query = rest.trim_start();
    }
    let words: Vec<_> = query.split_whitespace().take(80).collect();
    cut(&words.join(" "), 200)
}

/// Short text for a session: `4711 (psql of postgres, idle in transaction)`.
pub(crate) fn party(pid: i32, program: &str, role: Option<&str>, state: Option<&str>) -> String {
    let role = role.map_or_else(String::new, |role| format!(" of {role}"));
    let state = state.map_or_else(String::new, |state| format!(", {state}"));
    let program = if program.is_empty() {
        "a session"
    } else {
        program
    };
    cut(&format!("{pid} ({program}{role}{state})"), 100)
}
