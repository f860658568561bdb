//! Loads the screens and collects their findings.

use std::time::Duration;

use super::{App, Effect, Link, ask};
use crate::model::moment::Stamp;
use crate::model::screen_id::ScreenId;
use crate::screens::gather;
use crate::screens::history::History;
use crate::screens::overview;
use crate::screens::table::Freshness;
use crate::screens::{Rows, Screens, with_table};
use crate::server::exact::Figures;
use crate::server::known::{At, Counters, Server};

impl App {
    pub(super) fn ask_pulse(&mut self) -> Vec<Effect> {
        if self.pulse_waiting {
            return Vec::new();
        }
        self.pulse_waiting = true;
        self.pulse += 1;
        vec![Effect::List(ask::List::Pulse {
            screen: self.screen,
            asked: self.pulse,
        })]
    }

    /// The screens whose rows are shown: the shown screen itself, or the parts of the Overview (the screens whose findings it lists).
    pub(crate) fn parts(&self) -> Vec<ScreenId> {
        let mut parts = self.screen.parts();
        parts.retain(|part| self.can_show(*part));
        parts
    }

    fn ask_load(&mut self) -> Vec<Effect> {
        let parts = self.parts();
        self.ask_loads(&parts)
    }

    /// Requests the rows of these screens.
    pub(super) fn ask_loads(&mut self, parts: &[ScreenId]) -> Vec<Effect> {
        if self.link != Link::Up {
            return Vec::new();
        }
        let mut effects = Vec::new();
        for screen in parts.iter().copied() {
            if let Some(asked) = self.screens.ask(screen) {
                effects.push(Effect::List(ask::List::Load { screen, asked }));
            }
        }
        effects
    }

    /// True if all parts of the shown screen have been loaded once.
    pub(crate) fn has_read(&self) -> bool {
        let mut parts = self.parts().into_iter();
        parts.all(|part| was_read(&self.screens, part))
    }

    /// The most severe findings of a screen, for its tab, from the rows loaded so far. `None`: there are none.
    pub fn badge(&self, screen: ScreenId) -> Option<gather::Badge> {
        gather::badge(&self.screens, screen, &self.open, self.server_clock())
    }

    /// Whether the screen was read so long ago that its findings may have changed.
    pub(crate) fn is_old(&self, screen: ScreenId) -> bool {
        gather::is_old(&self.screens, screen, self.server_clock())
    }

    /// True if this server has data for the screen. Most screens need TimescaleDB.
    pub(crate) fn can_show(&self, screen: ScreenId) -> bool {
        let server = self.server.as_ref();
        screen.is_served(server.is_some_and(|server| server.timescaledb.is_some()))
    }

    /// Requests the exact figures that are missing or old, for all parts of the shown screen.
    pub(super) fn ask_exact(&mut self) -> Vec<Effect> {
        let parts = self.parts();
        self.ask_exact_of(&parts)
    }

    /// The same for one screen, if it is a part of the shown one.
    fn ask_exact_for(&mut self, screen: ScreenId) -> Vec<Effect> {
        if self.parts().contains(&screen) {
            self.ask_exact_of(&[screen])
        } else {
            Vec::new()
        }
    }

    fn ask_exact_of(&mut self, parts: &[ScreenId]) -> Vec<Effect> {
        if self.link != Link::Up {
            return Vec::new();
        }
        let now = self.server_clock();
        let overview = self.screen == ScreenId::Overview;
        // Expensive figures are requested after the rows of all parts.
        let later = self.has_read();
        let mut effects = Vec::new();
        for screen in parts.iter().copied() {
            let asks = with_table!(self.screens, screen, |table| table
                .asks(overview, later, now));
            let Some((nth, ids)) = asks else {
                continue;
            };
            self.round += 1;
            let round = self.round;
            with_table!(mut self.screens, screen, |table| table.exact_asked(round));
            effects.push(Effect::Figures(ask::Figures::Exact {
                screen,
                nth,
                round: self.round,
                ids,
            }));
        }
        effects
    }

    pub(super) fn up(&mut self, server: Server) -> Vec<Effect> {
        self.ahead = server.clock.0.saturating_sub(self.now.0);
        if matches!(self.link, Link::Down { .. }) {
            self.say_everywhere("connected again", false);
        }
        self.link = Link::Up;
        self.server = Some(server);
        self.screens.abandon();
        self.pulse_waiting = false;
        self.acknowledged.doubt();
        let mut effects = self.ask_acknowledged();
        // The tab of the Policies screen needs its rows, whichever screen is open.
        let has_files = self
            .server
            .as_ref()
            .is_some_and(|server| !server.policy_files.is_empty());
        if has_files && self.can_show(ScreenId::Policies) && self.screen != ScreenId::Policies {
            effects.extend(self.ask_loads(&[ScreenId::Policies]));
        }
        // The pulse (clock and change counters) comes first, because its counters belong to the rows that are loaded next.
        effects.extend(self.ask_pulse());
        effects.extend(self.ask_load());
        effects.extend(self.refresh_details());
        effects
    }

    pub(super) fn down(&mut self, error: String, retry: Duration) {
        let since = match &self.link {
            Link::Down { since, .. } => *since,
            Link::Connecting | Link::Up => self.now,
        };
        self.link = Link::Down {
            since,
            error,
            again: self.now.plus_seconds(retry.as_secs_f64()),
        };
        self.screens.abandon();
        self.pulse_waiting = false;
    }

    pub(super) fn pulsed(
        &mut self,
        screen: ScreenId,
        asked: u64,
        clock: Stamp,
        counters: Counters,
    ) -> Vec<Effect> {
        if asked != self.pulse {
            return Vec::new();
        }
        self.pulse_waiting = false;
        self.ahead = clock.0.saturating_sub(self.now.0);
        if screen != self.screen {
            return Vec::new();
        }
        let reload = std::mem::take(&mut self.reload);
        let mut counters = counters.into_iter();
        let mut wanted = Vec::new();
        for part in self.screen.parts() {
            let counters: Counters = counters.by_ref().take(part.about().counters()).collect();
            if self.can_show(part) && self.counted(part, counters, clock, reload) {
                wanted.push(part);
            }
        }
        self.ask_loads(&wanted)
    }

    /// Takes a screen's counters. True: its rows must be loaded again.
    fn counted(&mut self, part: ScreenId, counters: Counters, clock: Stamp, reload: bool) -> bool {
        let waiting = with_table!(self.screens, part, |table| table.is_waiting());
        if waiting && !was_read(&self.screens, part) {
            // The rows and this pulse were requested together, so the counters belong to these rows.
            self.screens.counted(part, counters);
            return false;
        }
        let gathered = self.screen == ScreenId::Overview;
        let wanted = reload || self.screens.is_stale(part, &counters, gathered, clock);
        if !wanted || waiting {
            return false;
        }
        self.screens.counted(part, counters);
        true
    }

    pub(super) fn loaded(&mut self, asked: u64, rows: Rows, took: Duration) -> Vec<Effect> {
        let Some(server) = &self.server else {
            return Vec::new();
        };
        let at = At {
            now: Stamp(self.now.0.saturating_add(self.ahead)),
            server,
        };
        let screen = rows.screen();
        let had_read = self.has_read();
        self.screens.load(asked, rows, took, &at);
        let mut effects = if had_read {
            self.ask_exact_for(screen)
        } else {
            self.ask_exact()
        };
        self.watch_rows(screen, asked);
        self.gather(screen);
        if screen == self.screen {
            self.pane.doubt();
        }
        effects.extend(self.refresh_details());
        effects
    }

    pub(super) fn exact(
        &mut self,
        screen: ScreenId,
        nth: usize,
        round: u64,
        figures: Vec<(i64, Figures)>,
        last: bool,
    ) -> Vec<Effect> {
        if round > self.round {
            return Vec::new();
        }
        let last = last && with_table!(self.screens, screen, |table| table.is_round(round));
        if let Some(server) = &self.server {
            let at = At {
                now: Stamp(self.now.0.saturating_add(self.ahead)),
                server,
            };
            self.screens.take_exact(screen, nth, figures, last, &at);
        }
        if screen == self.screen {
            self.pane.renew();
        }
        self.watch_exact(screen, round);
        if !last {
            return Vec::new();
        }
        self.gather(screen);
        self.ask_exact_for(screen)
    }

    /// Updates the Overview's gauges with one screen's rows, and the Overview itself if it is shown.
    fn gather(&mut self, part: ScreenId) {
        let now = self.server_now();
        let Some(server) = &self.server else {
            return;
        };
        let at = At { now, server };
        if matches!(
            part,
            ScreenId::Jobs | ScreenId::Aggregates | ScreenId::Compression
        ) {
            self.standing = gather::Standing::of(&self.screens, &at);
        }
        self.keep_figures(part);
        if !self.read.contains(&part) {
            self.read.push(part);
        }
    }

    /// Collects all findings again. If the Overview is shown, first computes all verdicts again.
    pub(super) fn find(&mut self) {
        let now = self.server_now();
        let Some(server) = &self.server else {
            return;
        };
        let at = At { now, server };
        let judged = self.screen == ScreenId::Overview;
        for part in overview::PARTS.iter().filter(|_| judged) {
            if was_read(&self.screens, *part) {
                with_table!(mut self.screens, *part, |table| table.judge(&at));
            }
        }
        self.collect(overview::PARTS, true);
    }

    /// Updates the badges, and the Overview if it is shown, with the findings of these screens. `force`: even if no
    /// finding changed.
    pub(super) fn collect(&mut self, parts: &[ScreenId], force: bool) {
        if self.server.is_none() {
            return;
        }
        let now = self.server_now();
        let mut changed = force;
        for part in parts.iter().filter(|part| overview::PARTS.contains(part)) {
            if was_read(&self.screens, *part) {
                let Some(server) = &self.server else { return };
                let found = gather::found(&self.screens, *part, &At { now, server });
                if self.found.get(part) != Some(&found) {
                    changed = true;
                    self.found.insert(*part, found);
                }
            }
        }
        // Differences from the policy file are counted on the Policies tab only.
        let policies = gather::found_on(&self.screens, ScreenId::Policies);
        let mut policies = gather::open(&policies, &self.acknowledged, now);
        if self.found.is_empty() {
            self.open = policies;
            return;
        }
        changed |= parts.contains(&ScreenId::Policies);
        if !changed && self.acknowledged.is_empty() {
            return;
        }
        if self.screen != ScreenId::Overview {
            self.open = gather::open(&gather::findings(&self.found), &self.acknowledged, now);
            self.open.append(&mut policies);
            return;
        }
        let rows = self.sort_out(gather::collected(&self.found), now);
        self.open = gather::open(&rows, &self.acknowledged, now);
        self.open.append(&mut policies);
        let Some(server) = &self.server else {
            return;
        };
        let at = At { now, server };
        let asked = self.screens.ask(ScreenId::Overview).unwrap_or_default();
        self.screens
            .load(asked, Rows::Overview(rows), Duration::ZERO, &at);
        self.screens.overview.stay_on_top();
        self.pane.renew();
    }

    /// Adds a screen's figures to the history.
    #[expect(clippy::cast_precision_loss, reason = "figures for a sparkline")]
    pub(super) fn keep_figures(&mut self, part: ScreenId) {
        let Freshness::At(read) = self.screens.fresh(part).clone() else {
            return;
        };
        match part {
            ScreenId::Server => {
                for figure in self.screens.server.rows() {
                    keep_figure(&mut self.history, figure, read);
                }
            }
            ScreenId::Jobs => {
                if let Some((failing, _)) = self.standing.failing {
                    self.history.add("failing-jobs", read, failing as f64);
                }
            }
            ScreenId::Aggregates => {
                if let Some((times, _)) = self.standing.worst_lag {
                    self.history.add("worst-lag", read, times);
                }
            }
            _ => {}
        }
    }

    /// Adds the server's figures at a moment of a recording to the history.
    pub(super) fn keep_server(&mut self, rows: &[crate::screens::server::Row], read: Stamp) {
        for figure in rows {
            keep_figure(&mut self.history, figure, read);
        }
    }
}

/// True if the screen was loaded, or loading it failed.
fn was_read(screens: &Screens, part: ScreenId) -> bool {
    *screens.fresh(part) != Freshness::Never
}

#[expect(clippy::cast_precision_loss, reason = "figures for a sparkline")]
fn keep_figure(history: &mut History, figure: &crate::screens::server::Row, read: Stamp) {
    if let Some(value) = figure.value {
        history.add(&figure.name, read, value);
    }
    if let Some(bound) = figure.bound {
        history.add(&format!("{} of", figure.name), read, bound);
    }
    if let Some(bytes) = figure.size.get().and_then(|size| size.known_bytes()) {
        history.add("database-size", read, bytes as f64);
    }
}
