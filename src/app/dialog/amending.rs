//! A change of the policy file's text that waits for the user's consent.

use super::next::{Next, scroll};
use crate::actions::preview;
use crate::model::setup::amend::Amendment;
use crate::model::text::printable;

#[derive(Debug)]
pub(crate) struct Amending {
    amendment: Amendment,
    pub(crate) lines: Vec<preview::Line>,
    pub(crate) top: usize,
    /// Number of lines that fit on the screen. Set when drawn.
    pub(crate) page: usize,
}

impl Amending {
    pub(super) fn new(amendment: Amendment) -> Self {
        let role = |line: &str| match line.chars().next() {
            Some('+') => "level.ok",
            Some('-') => "level.warning",
            Some('@') => "muted",
            _ => "text",
        };
        let lines = amendment.lines();
        let lines = lines.iter().map(|line| (role(line), printable(line)));
        Self {
            lines: lines.collect(),
            amendment,
            top: 0,
            page: 10,
        }
    }

    /// Text that says how to consent.
    pub(crate) fn how(&self) -> String {
        let file = printable(&self.amendment.path.display().to_string());
        format!("y writes {file} · Esc cancels, nothing is written; the database is not changed")
    }

    pub(super) fn key(&mut self, key: &str) -> Next {
        match key {
            "esc" | "ctrl-c" | "q" => Next::Close,
            "y" => Next::Write(Box::new(self.amendment.clone())),
            key => {
                scroll(&mut self.top, key, self.page);
                Next::Stay
            }
        }
    }
}
