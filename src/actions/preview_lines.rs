//! Preview as lines of text.

use crate::actions::preview::{Blocking, Holder, Line, Preview, note_line};
use crate::model::plan::{Mode, Undo, script};
use crate::model::text;
use crate::model::text::printable;

/// Maximum number of blocking locks that are shown one by one.
const BLOCKING: usize = 10;

/// Maximum number of statements that are shown one by one.
const SHOWN: usize = 200;

impl Preview {
    /// The whole preview: notes, statements, locked relations, blocking sessions, undo.
    pub fn lines(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        let plan = &self.plan;
        let never = matches!(plan.undo, Undo::Never(_));
        if never {
            // This line comes first, because the end of the list may not fit on the screen.
            let why = printable(plan.undo.text());
            lines.push(("error", format!("IRREVERSIBLE: {why}")));
        }
        lines.extend(plan.notes.iter().map(note_line));
        lines.push(("column", "Runs".to_owned()));
        statements(&script(&plan.steps), &mut lines);
        if plan.steps.len() > 1 {
            lines.push((
                "muted",
                format!(
                    "  {}, each committed by itself",
                    text::plural(count(plan.steps.len()), "step")
                ),
            ));
        }
        self.lock_lines(&mut lines);
        lines.push(("column", plan.undo.heading().to_owned()));
        let role = if never { "error" } else { "text" };
        lines.push((role, format!("  {}", printable(plan.undo.text()))));
        let back = crate::model::plan::inverse(&plan.steps);
        if !matches!(plan.undo, Undo::Never(_) | Undo::Needless(_)) {
            statements(&script(&back), &mut lines);
        }
        lines
    }

    fn lock_lines(&self, lines: &mut Vec<Line>) {
        let plan = &self.plan;
        if plan.touches.is_empty() {
            return;
        }
        lines.push(("column", "Locks".to_owned()));
        let mut modes: Vec<Mode> = plan.touches.iter().map(|touch| touch.mode).collect();
        modes.sort_unstable();
        modes.dedup();
        for mode in modes.into_iter().rev() {
            let names: Vec<_> = plan
                .touches
                .iter()
                .filter(|touch| touch.mode == mode)
                .map(|touch| touch.name.as_str())
                .collect();
            let shown = names
                .iter()
                .take(3)
                .map(|name| printable(name))
                .collect::<Vec<_>>()
                .join(", ");
            let more = if names.len() > 3 {
                format!(" and {} more", names.len() - 3)
            } else {
                String::new()
            };
            lines.push((
                "text",
                format!("  {} ({}): {shown}{more}", mode.name(), mode.effect()),
            ));
        }
        lines.push((
            "muted",
            format!(
                "  stops after waiting {} s for a lock",
                plan.lock_timeout_seconds
            ),
        ));
        match &self.holders {
            Err(error) => lines.push((
                "level.warning",
                format!("  ? lock holders could not be read: {}", printable(error)),
            )),
            Ok(holders) => {
                let in_the_way: Vec<_> = holders.iter().filter(|holder| holder.conflicts).collect();
                if in_the_way.is_empty() {
                    lines.push(("text", "  no session blocks the plan now".to_owned()));
                }
                lines.extend(
                    in_the_way
                        .iter()
                        .take(BLOCKING)
                        .map(|holder| ("level.warning", format!("  ! {}", holder.text()))),
                );
                if let Some(more) = self.blocking.more_than(in_the_way.len().min(BLOCKING)) {
                    lines.push(("level.warning", format!("  ! and {more}")));
                }
            }
        }
    }
}

impl Blocking {
    /// Text on what the first `shown` locks leave out. They are of different sessions as long as there are sessions left. `None`: nothing.
    pub(crate) fn more_than(self, shown: usize) -> Option<String> {
        let (sessions, locks) = (
            self.sessions.saturating_sub(shown),
            self.locks.saturating_sub(shown),
        );
        match (sessions, locks) {
            (0, 0) => None,
            (0, locks) => Some(format!(
                "{} of these sessions",
                text::plural_of(locks, "more lock")
            )),
            (sessions, _) => Some(text::plural_of(sessions, "more session")),
        }
    }
}

impl Holder {
    fn text(&self) -> String {
        let role = self
            .role
            .as_deref()
            .map_or_else(String::new, |role| format!(" of {role}"));
        let state = self
            .state
            .as_deref()
            .map_or_else(String::new, |state| format!(", {state}"));
        let open = self.seconds.map_or_else(String::new, |seconds| {
            format!(", transaction open for {}", text::duration(seconds))
        });
        let verb = if self.granted { "holds" } else { "waits for" };
        let query = self.query.as_deref().filter(|query| !query.is_empty());
        let query = query.map_or_else(String::new, |query| {
            format!(
                ": {}",
                text::cut(&query.split_whitespace().collect::<Vec<_>>().join(" "), 80)
            )
        });
        let who = match self.pid {
            0 => text::PREPARED.to_owned(),
            pid => format!("session {pid}{role} ({}{state}{open})", self.what),
        };
        printable(&format!(
            "{who} {verb} {} on {}{query}",
            self.mode.name(),
            self.relation
        ))
    }
}

fn statements(script: &[String], lines: &mut Vec<Line>) {
    for statement in script.iter().take(SHOWN) {
        lines.extend(
            statement
                .lines()
                .map(|line| ("text", format!("  {}", printable(line)))),
        );
    }
    if script.len() > SHOWN {
        lines.push((
            "muted",
            format!("  and {} more like these", script.len() - SHOWN),
        ));
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
