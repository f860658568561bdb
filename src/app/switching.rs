//! Switching to another database or connection: the list of choices, and the reasons not to switch now.

use super::App;
use super::choice::Choice;
use super::message::Effect;
use super::overlay::{Overlay, Picked, Switching, pick};
use super::pane::Pane;
use crate::actions::action::Other;
use crate::model::text;

impl App {
    /// Requests the list of choices.
    pub(super) fn offer(&mut self, other: Other) -> Vec<Effect> {
        if let Some(why) = self.stays() {
            self.say(why, true);
            return Vec::new();
        }
        vec![Effect::Offer(other)]
    }

    /// Why the console cannot switch now. `None`: it can switch.
    pub(crate) fn stays(&self) -> Option<&'static str> {
        if self.tape.is_some() {
            Some("this is a recording, which has no other database or connection")
        } else if self.running.is_some() {
            Some("an action is running: it must end first")
        } else if matches!(self.overlay, Some(Overlay::Act(_))) {
            Some("the dialog of an action is open: close it first")
        } else if self.recording {
            Some("a recording of this database is being written: stop it with `record`")
        } else {
            None
        }
    }

    /// Opens the list, unless the user has opened something else meanwhile.
    pub(super) fn offered(&mut self, other: Other, choices: Result<Vec<Choice>, String>) {
        match choices {
            Ok(choices) if self.overlay.is_none() => {
                self.overlay = Some(Overlay::Switch(Switching::new(other, choices)));
            }
            Ok(_) => {}
            Err(error) => self.say_everywhere(error, true),
        }
    }

    /// Handles a key while the list is open.
    pub(super) fn switch_key(&mut self, key: &str) -> Vec<Effect> {
        let Some(Overlay::Switch(switching)) = &mut self.overlay else {
            return Vec::new();
        };
        let found = switching.found().len();
        match pick(&mut switching.prompt, &mut switching.selected, found, key) {
            Picked::Stay => {}
            Picked::Close => self.overlay = None,
            Picked::Take => {
                let other = switching.other;
                let Some(name) = switching.chosen().map(str::to_owned) else {
                    return Vec::new();
                };
                self.overlay = None;
                let words = format!("connecting to {} {}", other.word(), text::printable(&name));
                self.say(words, false);
                return vec![Effect::Switch(other, name)];
            }
        }
        Vec::new()
    }

    /// A new console for another database. It keeps only the user's choices for the console.
    #[must_use]
    pub(crate) fn afresh(&self) -> Self {
        let mut app = Self::new(self.now, self.themes.clone(), self.interval);
        app.screen = self.screen;
        app.theme = self.theme;
        app.keys.clone_from(&self.keys);
        app.ascii = self.ascii;
        app.wide = self.wide;
        app.pane = Pane {
            open: self.pane.open,
            ..Pane::new(self.now)
        };
        app
    }
}
