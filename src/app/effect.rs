//! Compares the findings before and after an action, and shows the effect in the action's result.

use std::collections::HashMap;

use super::App;
use super::message::{Effect, Link};
use crate::actions::action::Action;
use crate::actions::preview;
use crate::app::aim::{Aim, Watch, aimed, changes, said};
use crate::app::dialog::Stage;
use crate::app::overlay::Overlay;
use crate::model::rules::Rule;
use crate::model::screen_id::ScreenId;
use crate::model::target::Target;
use crate::model::text::{self, printable};
use crate::model::verdict::Finding;
use crate::screens::record::Record;
use crate::screens::table::{Again, Table};
use crate::screens::with_table;
use crate::server::known::At;

/// Seconds after an action until its result says that the figure after the action is still unknown.
const PATIENCE: f64 = 15.0;
/// Seconds after an action until the console stops waiting for this figure.
const WAITS: f64 = 300.0;

impl App {
    /// The findings that an action on these targets should fix.
    pub(super) fn aims(&self, action: &'static Action, targets: &[Target]) -> Vec<Aim> {
        let Some(at) = self.at() else {
            return Vec::new();
        };
        let mut aims: Vec<Aim> = Vec::new();
        let mut add = |screen, key: String, own: &[Target], rule, is_found| {
            let is_known = |aim: &Aim| (aim.screen, &aim.key, aim.rule) == (screen, &key, rule);
            if aims.iter().any(is_known) {
                return;
            }
            aims.push(Aim {
                is_found,
                before: with_table!(self.screens, screen, |table| table.figure(&key, rule, &at)),
                of: own
                    .first()
                    .map_or_else(|| key.clone(), |own| own.name.clone()),
                screen,
                key,
                rule,
            });
        };
        if self.screen == ScreenId::Overview {
            let table = &self.screens.overview;
            let rows = table.chosen().into_iter().chain(table.selected());
            for row in rows.filter(|row| is_meant(&row.finding, &row.targets, targets)) {
                let (own, rule) = (&row.targets, row.finding.rule);
                add(row.screen, row.of.clone(), own, rule, true);
            }
        } else {
            let concerned = with_table!(self.screens, self.screen, |table| {
                concerned(table, action, targets, &at)
            });
            for (key, own, rule, is_found) in concerned {
                add(self.screen, key, &own, rule, is_found);
            }
        }
        aims
    }

    /// Starts waiting for the figures after an action, and adds a line about them to the result.
    pub(super) fn watch(&mut self, aims: Vec<Aim>, lines: &mut Vec<preview::Line>) -> Vec<Effect> {
        self.watched = None;
        let Some(first) = aims.first() else {
            return Vec::new();
        };
        let was = if aims.len() == 1 {
            first.waiting()
        } else {
            format!("findings to fix: {}", aims.len())
        };
        if self.link != Link::Up {
            let words = format!("{was}; not connected, so nothing was read again");
            lines.push(("caveat", printable(&words)));
            return Vec::new();
        }
        let mut unread = HashMap::new();
        for aim in &aims {
            let newest = with_table!(mut self.screens, aim.screen, |table| {
                table.forget_exact();
                table.newest_request()
            });
            unread.insert(aim.screen, newest);
        }
        lines.push(("muted", printable(&format!("{was}; reading again…"))));
        let elsewhere: Vec<_> = unread
            .keys()
            .copied()
            .filter(|screen| !self.parts().contains(screen))
            .collect();
        self.watched = Some(Watch {
            aims,
            done: self.now,
            round: self.round,
            unread,
            line: lines.len() - 1,
            late: false,
        });
        self.ask_loads(&elsewhere)
    }

    /// Notes that a screen was loaded since the action ended.
    pub(super) fn watch_rows(&mut self, screen: ScreenId, asked: u64) {
        let taken = with_table!(self.screens, screen, |table| table.newest_request()) == asked;
        if let Some(watch) = &mut self.watched
            && taken
            && watch.unread.get(&screen).is_some_and(|last| asked > *last)
        {
            watch.unread.remove(&screen);
        }
        self.say_effect();
    }

    /// Notes that exact figures have arrived.
    pub(super) fn watch_exact(&mut self, screen: ScreenId, round: u64) {
        if self
            .watched
            .as_ref()
            .is_some_and(|watch| round <= watch.round)
        {
            // The figures may have been read before the action ended.
            with_table!(mut self.screens, screen, |table| table.forget_exact());
        }
        self.say_effect();
    }

    /// Shows the effect when all figures are known. If they are not known after `PATIENCE`, says so.
    pub(super) fn say_effect(&mut self) {
        let Some(watch) = &self.watched else {
            return;
        };
        let waited = self.now.seconds_since(watch.done);
        if let Some(agains) = self.agains(watch) {
            let (role, words) = said(&watch.aims, &agains);
            self.put_effect(role, &words);
            self.watched = None;
        } else if waited > PATIENCE && !watch.late {
            let was = match watch.aims.as_slice() {
                [one] => one.waiting(),
                _ => "there were findings".to_owned(),
            };
            let long = text::duration(waited.floor());
            let words = format!("{was}; not read again within {long}: the effect is still unknown");
            self.put_effect("caveat", &words);
            if let Some(watch) = &mut self.watched {
                watch.late = true;
            }
        } else if waited > WAITS {
            self.watched = None;
        }
    }

    /// The findings and figures after the action. `None`: not all are known yet.
    fn agains(&self, watch: &Watch) -> Option<Vec<Again>> {
        let at = self.at().filter(|_| watch.unread.is_empty())?;
        let again = |aim: &Aim| {
            with_table!(self.screens, aim.screen, |table| table
                .again(&aim.key, aim.rule, &at))
        };
        watch.aims.iter().map(again).collect()
    }

    /// Replaces the line about the effect in the action's result. If the result was closed, shows the text in the status line.
    fn put_effect(&mut self, role: &'static str, words: &str) {
        let line = self.watched.as_ref().map_or(0, |watch| watch.line);
        let words = printable(words);
        if let Some(Overlay::Act(acting)) = &mut self.overlay
            && acting.asked == 0
            && let Stage::Message { lines, .. } = &mut acting.stage
            && let Some(old) = lines.get_mut(line)
        {
            *old = (role, words);
            return;
        }
        let bad = role != "level.ok";
        self.say_everywhere(words, bad);
    }
}

/// The rows whose finding the action may change: the chosen rows, and the rows of the objects on which their fixes act. Each has its key, its
/// targets, a rule, and whether the row has a finding of this rule.
fn concerned<R: Record>(
    table: &Table<R>,
    action: &'static Action,
    targets: &[Target],
    at: &At,
) -> Vec<(String, Vec<Target>, &'static Rule, bool)> {
    let changed = changes(action.name);
    let mut all = Vec::new();
    for row in table.chosen().into_iter().chain(table.selected()) {
        let own = row.targets();
        let finding = aimed(row.verdict(at), action.name);
        let finding = finding.filter(|of| is_meant(of, &own, targets));
        // The fix may act on the object of another row, such as an aggregate's parent. Then that row's figure changes too.
        if finding.is_some()
            && !is_one(&own, targets)
            && let Some(rule) = changed
        {
            for other in with_figure(table, targets, rule, at) {
                let found = other.verdict(at).findings;
                let is_found = found.iter().any(|of| of.rule == rule);
                all.push((other.key(), other.targets(), rule, is_found));
            }
        }
        if let Some(of) = finding {
            all.push((row.key(), own, of.rule, true));
        } else if is_one(&own, targets)
            && let Some(rule) = changed
            && row.figure(rule, at).is_some()
        {
            all.push((row.key(), own, rule, false));
        }
    }
    all
}

fn is_one(own: &[Target], targets: &[Target]) -> bool {
    own.iter().any(|target| targets.contains(target))
}

/// True if the finding belongs to one of these targets, or its fix acts on one of these targets.
fn is_meant(finding: &Finding, own: &[Target], targets: &[Target]) -> bool {
    let on = finding.fix_target(own.to_vec());
    is_one(own, targets) || on.is_some_and(|on| targets.contains(&on))
}

/// The rows of these targets that have a figure for this rule.
fn with_figure<'a, R: Record>(
    table: &'a Table<R>,
    targets: &'a [Target],
    rule: &'static Rule,
    at: &'a At,
) -> impl Iterator<Item = &'a R> {
    table.rows().iter().filter(move |row| {
        let mut own = row.targets().into_iter();
        own.any(|target| targets.contains(&target)) && row.figure(rule, at).is_some()
    })
}
