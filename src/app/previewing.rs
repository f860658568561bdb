//! Fills the preview pane. The pane follows the cursor at once, but queries the server only after the cursor has rested on a row.

use super::App;
use super::message::{Effect, Link};
use super::pane::TALL;
use crate::app::ask;
use crate::model::moment::Stamp;
use crate::screens::with_table;
use crate::server::known::At;

/// Seconds on a row after which the cursor counts as resting.
const REST_SECONDS: f64 = 0.4;
/// Seconds after which the pane is computed again, because it shows ages.
const AGES_SECONDS: f64 = 60.0;

impl App {
    /// Moves the pane to the row under the cursor. Called before each frame.
    pub(crate) fn preview_cursor(&mut self) {
        let key = self.screens.selected_key(self.screen);
        let of = key.map(|key| (self.screen, key));
        let group = with_table!(self.screens, self.screen, |table| table.is_on_group());
        if of != self.pane.of {
            self.pane.go(of, self.now);
            self.pane.about = self.screens.pictured_key(self.screen);
        } else if group != self.pane.group {
            self.pane.renew();
        }
        self.pane.group = group;
        let now = self.server_now();
        let old = now.seconds_since(self.pane.built).abs() >= AGES_SECONDS;
        if !self.pane.stale && !old {
            return;
        }
        let Some(server) = &self.server else {
            return;
        };
        let at = At { now, server };
        let pane = &mut self.pane;
        (pane.stale, pane.built) = (false, now);
        if let Some(brief) = self.screens.brief(self.screen, &at, &self.history) {
            pane.title = brief.title;
            pane.verdict = Some(brief.verdict);
            pane.brief = brief.sections;
            pane.reads = brief.reads;
        }
        if self.tape.is_some() {
            self.preview_from_tape();
        }
    }

    /// Time when the row under the cursor must be queried. `None`: the row has no queries, or its queries cannot be sent now.
    pub fn rests_at(&self) -> Option<Stamp> {
        let pane = &self.pane;
        let here = pane
            .of
            .as_ref()
            .is_some_and(|(screen, _)| *screen == self.screen);
        let wanted = pane.open && pane.fits && pane.reads && pane.unread && pane.missing == 0;
        let can = here && self.details.is_none() && self.tape.is_none() && self.link == Link::Up;
        let rested = pane.since.plus_seconds(REST_SECONDS);
        (wanted && can).then(|| rested.max(pane.again))
    }

    /// Queries the row on which the cursor rests.
    pub(super) fn rested(&mut self) -> Vec<Effect> {
        if self.rests_at().is_none_or(|at| at > self.now) {
            return Vec::new();
        }
        let now = self.server_now();
        let same = self.screens.selected_key(self.screen);
        let same = same.is_some_and(|key| self.pane.of == Some((self.screen, key)));
        let about = self.pane.about.as_ref().filter(|_| same);
        let Some((of, pictured)) =
            about.and_then(|(screen, key)| self.screens.pictured(*screen, key))
        else {
            return Vec::new();
        };
        self.asked += 1;
        let pane = &mut self.pane;
        pane.unread = false;
        (pane.asked, pane.asked_at, pane.missing) = (self.asked, self.now, pictured.len());
        pane.came.clear();
        let asked = self.asked;
        let queries = of.details().into_iter().enumerate();
        let wanted = queries.filter(|(index, _)| pictured.contains(index));
        let detail = |(index, (_, query, params))| {
            Effect::Figures(ask::Figures::Detail {
                asked,
                index,
                query,
                params,
                of: of.clone(),
                now,
            })
        };
        wanted.map(detail).collect()
    }

    pub(super) fn toggle_pane(&mut self) {
        self.pane.open = !self.pane.open;
        if self.pane.open && !self.pane.fits {
            self.say(
                format!("the preview needs a terminal of {TALL} lines or more"),
                false,
            );
        }
        if !self.pane.open {
            self.pane.give_up();
        }
    }
}
