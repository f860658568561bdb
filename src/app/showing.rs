//! Switches screens, and opens details.

use super::App;
use super::message::{Effect, Link};
use crate::app::ask;
use crate::model::screen_id::ScreenId;
use crate::screens::details::Details;
use crate::screens::with_table;

impl App {
    pub(super) fn show(&mut self, screen: ScreenId) -> Vec<Effect> {
        self.details = None;
        self.back_to = None;
        if self.screen == screen {
            return Vec::new();
        }
        let left = self.screen.parts();
        let mut effects = Vec::new();
        if self.pane.is_waiting() {
            self.pane.give_up();
            let screen = self.screen;
            effects.push(Effect::Figures(ask::Figures::Cancel { screen }));
        }
        self.screen = screen;
        self.notice = self.notice.take().filter(|notice| notice.stays);
        let wanted = self.screen.parts();
        for part in left {
            let (busy, waiting) = with_table!(self.screens, part, |table| (
                table.is_busy(),
                table.is_waiting()
            ));
            if wanted.contains(&part) {
                // Cancels the running request for exact figures, because the new screen's figures come first.
                if busy && !waiting {
                    effects.extend(cancel(part));
                }
            } else if busy {
                effects.extend(cancel(part));
                // A request that has not started is removed, and will not be answered.
                with_table!(mut self.screens, part, |table| table.abandon());
            }
        }
        self.find();
        self.pulse_waiting = false;
        // The answer to a pulse that is still in progress is ignored.
        self.pulse += 1;
        if self.link == Link::Up && !self.paused {
            effects.extend(self.ask_pulse());
            let mut never = self.parts();
            never.retain(|part| with_table!(self.screens, *part, |table| table.is_empty_of_data()));
            effects.extend(self.ask_loads(&never));
        }
        effects
    }

    pub(super) fn show_neighbour(&mut self, steps: usize) -> Vec<Effect> {
        let here = ScreenId::ALL.iter().position(|id| *id == self.screen);
        let next = (here.unwrap_or(0) + steps) % ScreenId::ALL.len();
        self.show(ScreenId::ALL[next])
    }

    pub(super) fn open(&mut self) -> Vec<Effect> {
        if self.details.is_some() {
            return Vec::new();
        }
        let screen = self.screen;
        let mut is_group = false;
        self.with_at(|screens, at| {
            is_group = with_table!(mut screens, screen, |table| table.toggle_group(at));
        });
        if is_group {
            return Vec::new();
        }
        let Some(key) = self.screens.selected_key(self.screen) else {
            return Vec::new();
        };
        if self.screen != ScreenId::Overview {
            self.details = Some(Details::new(key));
            return self.refresh_details();
        }
        // The details of a finding are the details of the row that the finding is about. They are shown on that row's screen.
        let Some((screen, of)) = self
            .screens
            .overview
            .selected()
            .map(|row| (row.screen, row.of.clone()))
        else {
            return Vec::new();
        };
        let mut effects = self.show(screen);
        self.back_to = Some(ScreenId::Overview);
        self.with_at(|screens, at| {
            with_table!(mut screens, screen, |table| table.arrange(Some(&of), at));
        });
        // A finding about several rows has no details, because details are of one row.
        if !of.is_empty() {
            self.details = Some(Details::new(of));
            effects.extend(self.refresh_details());
        }
        effects
    }

    /// Requests the open details again. The old details are shown until the answers arrive.
    pub(super) fn refresh_details(&mut self) -> Vec<Effect> {
        let now = self.server_now();
        let (Some(details), Some(server)) = (&mut self.details, &self.server) else {
            return Vec::new();
        };
        let at = crate::server::known::At { now, server };
        let Some((of, title, facts, verdict)) = self.screens.open(self.screen, &details.key, &at)
        else {
            details.gone = true;
            return Vec::new();
        };
        details.gone = false;
        details.title = title;
        details.verdict = Some(verdict);
        let queries = of.details();
        let titles = queries.iter().map(|(title, ..)| *title).collect();
        // These requests replace the pane's requests that still wait. The replaced requests are never answered.
        self.pane.give_up();
        self.asked += 1;
        details.ask(self.asked, facts, titles);
        if self.link != Link::Up {
            return Vec::new();
        }
        let asked = self.asked;
        let detail = |(index, (_, query, params)): (usize, (_, _, _))| {
            Effect::Figures(ask::Figures::Detail {
                asked,
                index,
                query,
                params,
                of: of.clone(),
                now,
            })
        };
        queries.into_iter().enumerate().map(detail).collect()
    }

    pub(super) fn back(&mut self) -> Vec<Effect> {
        if let Some(screen) = self.back_to.take() {
            return self.show(screen);
        }
        if self.details.take().is_none() {
            self.set_filter("");
        }
        Vec::new()
    }
}

/// Requests to cancel all queries of the screen.
fn cancel(screen: ScreenId) -> [Effect; 2] {
    [
        Effect::List(ask::List::Cancel { screen }),
        Effect::Figures(ask::Figures::Cancel { screen }),
    ]
}
