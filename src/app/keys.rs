//! Handles keys. An open overlay gets a key first. Otherwise the key map finds the action.

use super::message::{Effect, Link};
use super::{App, FASTEST, SLOWEST};
use crate::actions::action::{Action, Does, Here};
use crate::app::overlay::{Answer, Overlay};
use crate::model::screen_id::ScreenId;
use crate::model::text;
use crate::screens::table::SortBy;
use crate::screens::with_table;

impl App {
    pub(super) fn key(&mut self, key: &str) -> Vec<Effect> {
        // An open overlay gets all keys, except ctrl-z if that is the key of `suspend`.
        let suspends = key == "ctrl-z" && self.keys.here(key) == Some(Here::Suspend);
        if self.overlay.is_some() && !suspends {
            return match &self.overlay {
                Some(Overlay::Act(_)) => self.acting_key(key),
                Some(Overlay::Running) => self.running_key(key),
                Some(Overlay::Ask(_)) => self.ask_key(key),
                Some(Overlay::Columns(_)) => self.columns_key(key),
                Some(Overlay::SortBy(_)) => self.sort_key(key),
                Some(Overlay::Switch(_)) => self.switch_key(key),
                _ => self.overlay_key(key),
            };
        }
        match self.keys.by_key(key, &self.kinds(), self.screen) {
            // With details open, the key of `quit` closes them; ctrl-c always quits.
            Some(action) if is_quit(action) && self.details.is_some() && key != "ctrl-c" => {
                self.back()
            }
            Some(action) => self.take(action),
            None => {
                if key.chars().count() == 1 {
                    let help = self.keys.key_of(Here::Help);
                    let help =
                        help.map_or_else(String::new, |help| format!("; {help} shows the keys"));
                    self.say(format!("{key} does nothing here{help}"), false);
                }
                Vec::new()
            }
        }
    }

    fn take(&mut self, action: &'static Action) -> Vec<Effect> {
        match &action.does {
            Does::Here(here) => self.here(*here),
            Does::Plan(_) => self.begin(action),
        }
    }

    fn overlay_key(&mut self, key: &str) -> Vec<Effect> {
        let Some(overlay) = &mut self.overlay else {
            return Vec::new();
        };
        match overlay.key(key, &self.keys) {
            Answer::Stay => self.filter_as_typed(),
            Answer::Close => {
                if let Some(Overlay::Filter(_)) = self.overlay.take() {
                    with_table!(mut self.screens, self.screen, |table| table.keep_search());
                }
            }
            Answer::Cancel => {
                if let Some(Overlay::Filter(prompt)) = self.overlay.take() {
                    self.set_filter(&prompt.before);
                }
            }
            Answer::Run(action) => {
                self.overlay = None;
                return self.take(action);
            }
        }
        Vec::new()
    }

    pub(super) fn paste(&mut self, text: &str) {
        let now = self.server_clock();
        match (&mut self.overlay, &self.server) {
            (Some(Overlay::Act(acting)), Some(server)) => {
                acting.paste(text, &crate::server::known::At { now, server });
            }
            (Some(overlay), _) => overlay.paste(text),
            (None, _) => {}
        }
        self.filter_as_typed();
    }

    fn show_progress(&mut self) {
        if self.running.is_some() {
            self.overlay = Some(Overlay::Running);
        } else {
            self.say("no action is running", false);
        }
    }

    /// Filters while the user types, ignoring parts of the text that have an error.
    fn filter_as_typed(&mut self) {
        let Some(Overlay::Filter(prompt)) = &self.overlay else {
            return;
        };
        let error = self.set_filter(&prompt.text());
        if let Some(Overlay::Filter(prompt)) = &mut self.overlay {
            prompt.error = error;
        }
    }

    /// Sets the screen's filter. Returns the error in the filter's text; `None`: no error.
    pub(super) fn set_filter(&mut self, text: &str) -> Option<String> {
        let screen = self.screen;
        let mut error = None;
        self.with_at(|screens, at| {
            with_table!(mut screens, screen, |table| {
                let (filter, wrong) = table.read_filter(text, at);
                table.set_filter(filter, at);
                error = wrong;
            });
        });
        error
    }

    /// Calls `act` with the screens, the time and the server. Does nothing before the first connection.
    pub(super) fn with_at(
        &mut self,
        act: impl FnOnce(&mut crate::screens::Screens, &crate::server::known::At),
    ) {
        let now = self.server_now();
        if let Some(server) = &self.server {
            act(&mut self.screens, &crate::server::known::At { now, server });
        }
    }

    pub(super) fn here(&mut self, here: Here) -> Vec<Effect> {
        match here {
            Here::Quit => return self.leave(),
            Here::Suspend => return vec![Effect::Suspend],
            Here::Palette => {
                self.overlay = Some(Overlay::palette(self.kinds(), self.screen));
            }
            Here::Actions => self.overlay = Some(self.action_menu()),
            Here::Rollback => return self.begin_rollback(),
            Here::ApplyObject => return self.begin_object(false),
            Here::WriteObject => return self.begin_object(true),
            Here::Progress => self.show_progress(),
            Here::Help => self.explain(),
            Here::Columns if self.details.is_none() => self.overlay = Some(Overlay::Columns(0)),
            Here::Screen(screen) => return self.show(screen),
            Here::NextScreen => return self.show_neighbour(1),
            Here::PreviousScreen => return self.show_neighbour(ScreenId::ALL.len() - 1),
            Here::Open => return self.open(),
            Here::Back => return self.back(),
            Here::Fix => return self.fix(),
            Here::Acknowledge | Here::Snooze | Here::ShowHidden => return self.acknowledging(here),
            Here::Reload => return self.reload_now(),
            Here::Pause => return self.pause(),
            Here::Record => return vec![Effect::Record],
            Here::Switch(other) => return self.offer(other),
            Here::Moment(moments) => return self.seek(|replay| replay.step(moments)),
            Here::Minute(minutes) => {
                return self.seek(|replay| replay.skip(f64::from(minutes) * 60.0));
            }
            Here::Faster => return self.set_interval(self.interval / 2),
            Here::Slower => return self.set_interval(self.interval * 2),
            Here::CopyCell | Here::CopyRow => return self.copy(here == Here::CopyRow),
            Here::Preview => self.toggle_pane(),
            Here::NextTheme => {
                self.theme = (self.theme + 1) % self.themes.len();
                self.say(format!("theme {}", self.theme().name), false);
            }
            Here::Groups => self.toggle_groups(),
            _ if self.details.is_some() => self.scroll_details(here),
            _ => return self.in_table(here),
        }
        Vec::new()
    }

    fn in_table(&mut self, here: Here) -> Vec<Effect> {
        let (screen, wide) = (self.screen, self.wide);
        let screens = &mut self.screens;
        match here {
            Here::Step(lines) => with_table!(mut screens, screen, |table| table.step(lines)),
            Here::Page(pages) => with_table!(mut screens, screen, |table| table
                .step(table.page() * pages)),
            Here::HalfPage(pages) => {
                with_table!(mut screens, screen, |table| table
                    .step((table.page() / 2).max(1) * pages));
            }
            Here::First => with_table!(mut screens, screen, |table| table.step(isize::MIN)),
            Here::Last => with_table!(mut screens, screen, |table| table.step(isize::MAX)),
            Here::Column(columns) => {
                with_table!(mut screens, screen, |table| table
                    .step_column(columns, wide));
            }
            Here::Wide => self.wide = !self.wide,
            Here::ShowFolded => self.toggle_fold(),
            Here::Filter => {
                let before = with_table!(screens, screen, |table| table.filter.text().to_owned());
                self.overlay = Some(Overlay::filter(before));
            }
            Here::ClearFilter => {
                self.set_filter("");
            }
            Here::Match { forward } => self.next_match(forward),
            Here::Mark => with_table!(mut screens, screen, |table| table.mark()),
            Here::Unmark => with_table!(mut screens, screen, |table| table.unmark()),
            Here::Sort => self.with_at(|screens, at| {
                with_table!(mut screens, screen, |table| table.sort_here(at));
            }),
            Here::SortStep(steps) => self.with_at(|screens, at| {
                with_table!(mut screens, screen, |table| table
                    .step_sort(steps, wide, at));
            }),
            Here::SortBy => self.overlay = Some(Overlay::sort_by()),
            Here::SortByVerdict => self.with_at(|screens, at| {
                with_table!(mut screens, screen, |table| table.sort_by(
                    SortBy::Verdict,
                    true,
                    at
                ));
            }),
            Here::Reverse => self.with_at(|screens, at| {
                with_table!(mut screens, screen, |table| table.sort_by(
                    table.sort,
                    !table.descending,
                    at
                ));
            }),
            _ => {}
        }
        self.ask_exact()
    }

    fn toggle_groups(&mut self) {
        let screen = self.screen;
        self.with_at(|screens, at| {
            with_table!(mut screens, screen, |table| table.toggle_groups(at));
        });
        let words = match with_table!(self.screens, screen, |table| table.is_grouped()) {
            true => "grouped by problem",
            false if screen == ScreenId::Overview => "one line per finding",
            false => "this list has no groups",
        };
        self.say(words, false);
    }

    fn toggle_fold(&mut self) {
        let screen = self.screen;
        let mut folds = false;
        self.with_at(|screens, at| {
            folds = with_table!(mut screens, screen, |table| table.toggle_fold(at));
        });
        if !folds {
            self.say("no row of this screen is folded", false);
        }
    }

    /// Selects the next or previous match of the last filter, and shows its number and the total.
    fn next_match(&mut self, forward: bool) {
        let screen = self.screen;
        let mut found = None;
        self.with_at(|screens, at| {
            found = with_table!(mut screens, screen, |table| table.next_match(forward, at));
        });
        let (sought, folded) = with_table!(self.screens, screen, |table| (
            table.sought().to_owned(),
            table.folded() > 0
        ));
        let sought = if sought.is_empty() {
            "row with a problem".to_owned()
        } else {
            format!("/{}", text::cut(&sought, 40))
        };
        let words = match found {
            None if folded => {
                let key = self.keys.key_of(Here::ShowFolded);
                let key = key.unwrap_or(":toggle-folded");
                format!("{sought}: none in the list ({key} shows more rows)")
            }
            None => format!("{sought}: none in the list"),
            Some(found) => {
                let end = match (found.wrapped, forward) {
                    (false, _) => "",
                    (true, true) => ", from the top again",
                    (true, false) => ", from the end again",
                };
                format!("{sought}: {} of {}{end}", found.nth, found.all)
            }
        };
        self.say(words, false);
    }

    fn scroll_details(&mut self, here: Here) {
        let page = isize::try_from(self.details_page).unwrap_or(1).max(2);
        if let Some(details) = &mut self.details {
            match here {
                Here::Step(lines) => details.step(lines),
                Here::Page(pages) => details.step(pages * (page - 1)),
                Here::HalfPage(pages) => details.step(pages * page / 2),
                Here::First => details.step(isize::MIN),
                Here::Last => details.step(isize::MAX),
                Here::Column(columns) => details.step_sideways(columns * 8),
                _ => {}
            }
        }
    }

    pub(super) fn reload_now(&mut self) -> Vec<Effect> {
        if self.link != Link::Up {
            self.say("not connected: nothing can be read now", true);
            return Vec::new();
        }
        // The Overview shows rows of other screens.
        for screen in self.screen.parts() {
            with_table!(mut self.screens, screen, |table| table.forget_exact());
        }
        self.reload = true;
        self.pulse_waiting = false;
        self.ask_pulse()
    }

    fn pause(&mut self) -> Vec<Effect> {
        if let Some(replay) = &mut self.tape {
            replay.plays = !replay.plays;
            return Vec::new();
        }
        self.paused = !self.paused;
        if self.paused {
            Vec::new()
        } else {
            self.ask_pulse()
        }
    }

    fn set_interval(&mut self, interval: std::time::Duration) -> Vec<Effect> {
        self.interval = interval.clamp(FASTEST, SLOWEST);
        self.say(
            format!(
                "checks for changes every {}",
                text::duration(self.interval.as_secs_f64())
            ),
            false,
        );
        vec![Effect::Interval(self.interval)]
    }

    fn copy(&mut self, row: bool) -> Vec<Effect> {
        let copied = match (&self.details, self.at()) {
            (Some(details), Some(at)) => Some(details.text(at.now)),
            (None, Some(at)) => with_table!(self.screens, self.screen, |table| {
                if row {
                    table.row_text(&at)
                } else {
                    table.cell_text(&at)
                }
            }),
            _ => None,
        };
        let Some(copied) = copied else {
            return Vec::new();
        };
        let lines = copied.lines().count();
        let shown = if lines > 1 {
            format!("{lines} lines")
        } else {
            text::cut(&copied, 40)
        };
        self.say(format!("copied: {shown}"), false);
        vec![Effect::Copy(copied)]
    }
}

fn is_quit(action: &Action) -> bool {
    matches!(action.does, Does::Here(Here::Quit))
}
