//! The preview pane: it follows the cursor, and asks the server only when the cursor rests.

use super::App;
use super::message::{Effect, Link};
use crate::app::ask;
use crate::model::moment::Stamp;
use crate::model::screen_id::ScreenId;
use crate::model::verdict::Verdict;
use crate::screens::Screens;
use crate::screens::record::Section;
use crate::server::known::At;

/// Height of the terminal from which on there is room for it.
pub(crate) const TALL: u16 = 30;
/// The cursor rests after this time on a row.
const REST_SECONDS: f64 = 0.4;
/// What is shown is made again after this time, for its ages.
const AGES_SECONDS: f64 = 60.0;
/// A row is read again after at least this multiple of the time that it took, as lists are.
const DUTY: f64 = 50.0;
/// Number of rows whose pictures are kept until the rows are read again.
const KNOWN: usize = 16;

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Pane {
    /// The user's choice.
    pub open: bool,
    /// The terminal is tall enough; set when drawn.
    fits: bool,
    /// The row under the cursor: its screen and key.
    of: Option<(ScreenId, String)>,
    /// Time when the cursor came to it.
    since: Stamp,
    pub(crate) title: String,
    pub(crate) verdict: Option<Verdict>,
    /// What needs no query.
    pub(crate) brief: Vec<Section>,
    /// Server's time of `brief` and the verdict.
    pub(crate) built: Stamp,
    /// They must be made again.
    stale: bool,
    /// Its queries were not sent since the rows were read.
    unread: bool,
    /// The row needs queries.
    reads: bool,
    /// Number and time of the request for them.
    asked: u64,
    asked_at: Stamp,
    /// Number of answers that are missing, and the sections of those that came, by query.
    missing: usize,
    came: Vec<(usize, Result<Vec<Section>, String>)>,
    /// What the answers show; an older one stays until the new one is whole.
    pub(crate) shown: Picture,
    /// Of the rows on which the cursor rested since the rows were read.
    known: Vec<(String, Picture)>,
    /// Earliest time of the next request for the same row.
    again: Stamp,
}

/// What the answers for a row show.
#[derive(Debug, Clone, Default)]
pub(crate) struct Picture {
    pub sections: Vec<Section>,
    /// What could not be read.
    pub error: Option<String>,
}

impl Pane {
    pub(super) fn new(now: Stamp) -> Self {
        Self {
            open: true,
            fits: false,
            of: None,
            since: now,
            title: String::new(),
            verdict: None,
            brief: Vec::new(),
            built: now,
            stale: true,
            unread: true,
            reads: false,
            asked: 0,
            asked_at: now,
            missing: 0,
            came: Vec::new(),
            shown: Picture::default(),
            known: Vec::new(),
            again: now,
        }
    }

    /// Whether it is drawn in a terminal of this height.
    pub(crate) fn fit(&mut self, height: u16) -> bool {
        self.fits = height >= TALL;
        self.open && self.fits
    }

    /// Takes another row; answers under way are dropped.
    fn go(&mut self, of: Option<(ScreenId, String)>, now: Stamp) {
        let screen = |of: &Option<(ScreenId, String)>| of.as_ref().map(|(screen, _)| *screen);
        let same = screen(&of) == screen(&self.of);
        *self = Self {
            open: self.open,
            fits: self.fits,
            known: std::mem::take(&mut self.known),
            of,
            ..Self::new(now)
        };
        if !same {
            self.known.clear();
        }
        let row = self.of.as_ref();
        let known = row.and_then(|(_, key)| self.known.iter().find(|(known, _)| known == key));
        if let Some((_, picture)) = known {
            self.shown = picture.clone();
            self.unread = false;
        }
    }

    /// The row's figures have changed.
    pub(super) fn renew(&mut self) {
        self.stale = true;
    }

    /// The rows were read again.
    pub(super) fn doubt(&mut self) {
        self.stale = true;
        self.unread = true;
        self.known.clear();
    }

    /// Gives up the request under way: its answers are dropped.
    pub(super) fn give_up(&mut self) {
        self.asked = 0;
        self.missing = 0;
        self.came.clear();
        self.unread = true;
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.missing > 0
    }

    /// The first answer is still to come.
    pub(crate) fn is_empty(&self) -> bool {
        let nothing = self.shown.sections.is_empty() && self.shown.error.is_none();
        self.reads && nothing && (self.unread || self.missing > 0)
    }

    /// Whether this request is its own.
    pub(super) fn asked(&self, asked: u64) -> bool {
        self.missing > 0 && self.asked == asked
    }

    pub(super) fn take(
        &mut self,
        index: usize,
        sections: Result<Vec<Section>, String>,
        now: Stamp,
    ) {
        self.missing = self.missing.saturating_sub(1);
        self.came.push((index, sections));
        let Some((screen, key)) = self.of.clone().filter(|_| self.missing == 0) else {
            return;
        };
        let mut came = std::mem::take(&mut self.came);
        came.sort_by_key(|(index, _)| *index);
        let (mut sections, mut error) = (Vec::new(), None);
        for (_, answer) in came {
            match answer {
                Ok(more) => sections.extend(more),
                Err(why) => error = error.or(Some(why)),
            }
        }
        self.shown = Picture {
            sections: Screens::picture(screen, sections),
            error,
        };
        if !self.unread {
            self.known.truncate(KNOWN - 1);
            self.known.insert(0, (key, self.shown.clone()));
        }
        let took = now.seconds_since(self.asked_at).max(0.0);
        self.again = now.plus_seconds(took * DUTY);
    }
}

impl App {
    /// Lets the pane follow the cursor; called before it is drawn.
    pub(crate) fn preview_cursor(&mut self) {
        let key = self.screens.selected_key(self.screen);
        let of = key.map(|key| (self.screen, key));
        if of != self.pane.of {
            self.pane.go(of, self.now);
        }
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
    }

    /// Time at which the row under the cursor is to be read; `None`: there is nothing to read.
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

    /// Reads the row on which the cursor rests.
    pub(super) fn rested(&mut self) -> Vec<Effect> {
        if self.rests_at().is_none_or(|at| at > self.now) {
            return Vec::new();
        }
        let now = self.server_now();
        let same = self.screens.selected_key(self.screen);
        let same = same.is_some_and(|key| self.pane.of == Some((self.screen, key)));
        let Some((of, pictured)) = self.screens.pictured(self.screen).filter(|_| same) else {
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
                format!("the preview needs a terminal of {TALL} lines"),
                false,
            );
        }
        if !self.pane.open {
            self.pane.give_up();
        }
    }
}
