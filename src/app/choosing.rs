//! Keys in the list of columns, and in the prompt for the sort column.

use super::App;
use super::message::Effect;
use crate::actions::action::Here;
use crate::app::overlay::Overlay;
use crate::screens::with_table;

impl App {
    /// Handles a key while the list of columns is open.
    pub(super) fn columns_key(&mut self, key: &str) -> Vec<Effect> {
        let here = self.keys.here(key);
        let all = with_table!(self.screens, self.screen, |table| table
            .seen_columns(self.wide)
            .len());
        let Some(Overlay::Columns(selected)) = &mut self.overlay else {
            return Vec::new();
        };
        let last = all.saturating_sub(1);
        let mut step = |lines| *selected = selected.saturating_add_signed(lines).min(last);
        match (here, key) {
            (_, "space") | (Some(Here::Mark), _) => self.toggle_column(),
            (_, "a") => self.forget_choices(),
            (_, "enter") | (Some(Here::Back | Here::Columns | Here::Quit), _) => {
                self.overlay = None;
            }
            (Some(Here::Step(lines)), _) => step(lines),
            (Some(Here::Page(pages) | Here::HalfPage(pages)), _) => step(pages * 10),
            (Some(Here::First | Here::Groups), _) | (_, "home") => step(isize::MIN),
            (Some(Here::Last), _) | (_, "end") => step(isize::MAX),
            (_, "down") => step(1),
            (_, "up") => step(-1),
            _ => {}
        }
        Vec::new()
    }

    /// Handles a key while the prompt for the sort column is open.
    pub(super) fn sort_key(&mut self, key: &str) -> Vec<Effect> {
        let Some(Overlay::SortBy(prompt)) = &mut self.overlay else {
            return Vec::new();
        };
        let (screen, typed) = (self.screen, prompt.text());
        match key {
            "esc" | "ctrl-c" => self.overlay = None,
            "enter" => {
                let found = with_table!(self.screens, screen, |table| table.columns_called(&typed));
                let Some(column) = found.first().copied() else {
                    return Vec::new();
                };
                self.overlay = None;
                self.with_at(|screens, at| {
                    with_table!(mut screens, screen, |table| table.sort_column(column, at));
                });
                return self.ask_exact();
            }
            _ => prompt.key(key),
        }
        Vec::new()
    }

    /// The column titles that match the typed text, best first.
    pub(crate) fn headings(&self, typed: &str) -> Vec<&'static str> {
        let legend = self.screen.about().legend;
        let found = with_table!(self.screens, self.screen, |table| table
            .columns_called(typed));
        found.into_iter().map(|column| legend[column].0).collect()
    }

    fn toggle_column(&mut self) {
        let Some(Overlay::Columns(selected)) = self.overlay else {
            return;
        };
        let (screen, wide) = (self.screen, self.wide);
        let mut done = true;
        self.with_at(|screens, at| {
            done = with_table!(mut screens, screen, |table| table
                .toggle_column(selected, wide, at));
        });
        if !done {
            self.say("the first column stays: it names the row", false);
        }
    }

    fn forget_choices(&mut self) {
        with_table!(mut self.screens, self.screen, |table| table
            .forget_choices());
    }
}
