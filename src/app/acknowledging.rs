//! Acknowledging and snoozing findings on the Overview.

use super::App;
use super::message::{Effect, Link};
use crate::actions::action::Here;
use crate::app::ask;
use crate::app::overlay::{Ask, Overlay};
use crate::journal::acknowledge;
use crate::journal::acknowledge::Why;
use crate::journal::serve::{Known, Request};
use crate::model::moment::Stamp;
use crate::model::screen_id::ScreenId;
use crate::model::{rules, text};
use crate::screens::overview::{self, Row};
use crate::screens::with_table;
use crate::server::known::At;

impl App {
    /// Requests the acknowledged findings from the journal: while the Overview is shown, and once at the start for the
    /// tabs' badges.
    pub(super) fn ask_acknowledged(&mut self) -> Vec<Effect> {
        let unknown = self.acknowledged.length.is_none();
        let wanted = self.screen == ScreenId::Overview || unknown;
        if !wanted || self.link != Link::Up || self.acknowledged.waiting || self.tape.is_some() {
            return Vec::new();
        }
        self.acknowledged.waiting = true;
        let length = self.acknowledged.length;
        vec![Effect::List(ask::List::Acknowledged(Request::Read {
            length,
        }))]
    }

    pub(super) fn acknowledged_came(&mut self, result: Result<Option<Known>, String>) {
        self.acknowledged.waiting = false;
        match result {
            Ok(Some((length, all))) => {
                self.acknowledged.error = None;
                self.acknowledged.take(length, all);
                self.collect(&[], true);
            }
            Ok(None) => self.acknowledged.error = None,
            Err(error) => self.acknowledged.error = Some(error),
        }
    }

    /// Merges duplicate findings, marks the acknowledged ones, and ends acknowledgements whose finding disappeared or got worse.
    pub(super) fn sort_out(&mut self, collected: Vec<Row>, now: Stamp) -> Vec<Row> {
        let watched = !self.acknowledged.is_empty() && self.link == Link::Up && self.tape.is_none();
        let mut found = if watched {
            collected.clone()
        } else {
            Vec::new()
        };
        let rows = overview::merge(collected);
        if let Some(server) = self.server.as_ref().filter(|_| watched) {
            found.extend(rows.iter().cloned());
            let at = At { now, server };
            let certain = |of: &crate::journal::acknowledge::Identity, made| {
                let rule = rules::by_name(of.2)?;
                with_table!(self.screens, of.0, |table| table
                    .certain(&of.1, rule, made, &at))
            };
            self.acknowledged.watch(&found, now, &server.role, certain);
        }
        self.acknowledged.part(rows, now)
    }

    /// Writes to the journal that acknowledgements ended because their finding disappeared or got worse.
    pub(super) fn end_acknowledged(&mut self) -> Vec<Effect> {
        let ids = self.acknowledged.ends();
        if ids.is_empty() {
            return Vec::new();
        }
        vec![self.ending(ids)]
    }

    fn ending(&self, ids: Vec<(u64, Why)>) -> Effect {
        let at = text::rfc3339(self.server_clock()).unwrap_or_default();
        Effect::List(ask::List::Acknowledged(Request::End { at, ids }))
    }

    /// Runs one of the actions `acknowledge`, `snooze` and `show-acknowledged`.
    pub(super) fn acknowledging(&mut self, here: Here) -> Vec<Effect> {
        if self.screen != ScreenId::Overview {
            self.say("findings are acknowledged on the Overview", false);
            return Vec::new();
        }
        if here == Here::ShowHidden {
            self.show_hidden();
            return Vec::new();
        }
        if let Some(why) = self.cannot_acknowledge() {
            self.say(why, true);
            return Vec::new();
        }
        let chosen: Vec<Row> = self
            .screens
            .overview
            .chosen()
            .into_iter()
            // A finding that is shown as part of another finding cannot be acknowledged alone.
            .filter(|row| !row.is_part)
            .cloned()
            .collect();
        let (hidden, rows): (Vec<_>, Vec<_>) = chosen
            .into_iter()
            .partition(|row| row.acknowledged.is_some());
        match here {
            Here::Acknowledge if rows.is_empty() && !hidden.is_empty() => {
                let ids = hidden
                    .iter()
                    .filter_map(|row| Some(row.acknowledged.as_ref()?.id));
                let ids = ids.map(|id| (id, Why::Back)).collect();
                self.screens.overview.unmark();
                vec![self.ending(ids)]
            }
            Here::Acknowledge if !rows.is_empty() => {
                self.overlay = Some(Overlay::Ask(Ask::reason(rows)));
                Vec::new()
            }
            Here::Snooze if !(rows.is_empty() && hidden.is_empty()) => {
                let all = rows.into_iter().chain(hidden).collect();
                self.overlay = Some(Overlay::Ask(Ask::snooze(all)));
                Vec::new()
            }
            _ => {
                self.say("there is no finding to acknowledge", false);
                Vec::new()
            }
        }
    }

    /// Shows or hides the acknowledged and snoozed findings.
    fn show_hidden(&mut self) {
        self.acknowledged.shown = !self.acknowledged.shown;
        let words = match (self.acknowledged.shown, self.acknowledged.hidden().words()) {
            (_, None) => "nothing is acknowledged or snoozed".to_owned(),
            (true, Some(words)) => format!("now shown: {words}"),
            (false, Some(words)) => format!("now hidden: {words}"),
        };
        self.say(words, false);
        self.collect(&[], true);
    }

    fn cannot_acknowledge(&self) -> Option<&'static str> {
        if self.tape.is_some() {
            Some("this is a recording: nothing can be acknowledged in it")
        } else if self.link != Link::Up {
            Some("not connected: nothing can be acknowledged now")
        } else {
            None
        }
    }

    /// Handles a key while the prompt for a reason or a duration is open.
    pub(super) fn ask_key(&mut self, key: &str) -> Vec<Effect> {
        let Some(Overlay::Ask(ask)) = &mut self.overlay else {
            return Vec::new();
        };
        match key {
            "esc" | "ctrl-c" => self.overlay = None,
            "enter" => return self.acknowledge_asked(),
            key => {
                ask.prompt.key(key);
                ask.check();
            }
        }
        Vec::new()
    }

    fn acknowledge_asked(&mut self) -> Vec<Effect> {
        let now = self.server_clock();
        let Some(Overlay::Ask(ask)) = &mut self.overlay else {
            return Vec::new();
        };
        let typed = ask.prompt.text();
        let (until, reason) = if ask.snoozes {
            match acknowledge::snooze(&typed) {
                Ok(seconds) => (Some(now.plus_seconds(seconds)), ""),
                Err(error) => {
                    ask.prompt.error = Some(error);
                    return Vec::new();
                }
            }
        } else {
            (None, typed.trim())
        };
        let wanted = |row: &Row| row.wanted(now, until, reason);
        let all = ask.rows.iter().map(wanted).collect();
        self.overlay = None;
        self.screens.overview.unmark();
        vec![Effect::List(ask::List::Acknowledged(Request::Acknowledge(
            all,
        )))]
    }

    /// Ends the acknowledgements selected in the Journal. `None`: no acknowledgement is selected.
    pub(super) fn undo_acknowledged(&mut self) -> Option<Vec<Effect>> {
        let chosen = self.screens.journal.chosen();
        let many = chosen.len();
        let entries = chosen.into_iter().map(|row| &row.entry);
        let acknowledged: Vec<_> = entries
            .filter(|entry| entry.begin.acknowledges.is_some())
            .collect();
        if acknowledged.is_empty() {
            return None;
        }
        if acknowledged.len() < many {
            self.say(
                "actions and acknowledgements cannot be rolled back together: mark only actions, or only acknowledgements",
                true,
            );
            return Some(Vec::new());
        }
        let (ended, counting): (Vec<_>, Vec<_>) = acknowledged
            .into_iter()
            .partition(|entry| entry.ended.is_some());
        let reason = ended.first().map(|entry| {
            format!(
                "entry {} is no longer in effect: {}",
                entry.begin.id,
                entry.state()
            )
        });
        let ids: Vec<_> = counting
            .iter()
            .map(|entry| (entry.begin.id, Why::Back))
            .collect();
        if let Some(reason) = reason.filter(|_| ids.is_empty()) {
            self.say(reason, true);
            return Some(Vec::new());
        }
        if self.link != Link::Up || self.tape.is_some() {
            self.say(
                "nothing can be rolled back now: this needs a live connection",
                true,
            );
            return Some(Vec::new());
        }
        self.screens.journal.unmark();
        self.screens.journal.doubt();
        Some(vec![self.ending(ids)])
    }
}
