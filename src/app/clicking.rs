//! Handles clicks.

use ratatui::layout::Position;

use super::App;
use super::message::Effect;
use crate::screens::with_table;

impl App {
    /// Handles a click on a tab, a row or a column title. While an overlay is open, clicks do nothing.
    pub(super) fn click(&mut self, line: u16, cell: u16) -> Vec<Effect> {
        if self.overlay.is_some() {
            return Vec::new();
        }
        let click = Position::new(cell, line);
        let tab = self.tabs.iter().find(|(_, cells)| cells.contains(click));
        if let Some((screen, _)) = tab {
            return self.show(*screen);
        }
        if self.details.is_some() {
            return Vec::new();
        }
        let screen = self.screen;
        self.with_at(|screens, at| {
            with_table!(mut screens, screen, |table| table.click(
                line.into(),
                cell,
                at
            ));
        });
        self.ask_exact()
    }
}
