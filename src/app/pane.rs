//! State of the preview pane: the row under the cursor, and what was read of it.

use crate::model::moment::Stamp;
use crate::model::screen_id::ScreenId;
use crate::model::verdict::Verdict;
use crate::screens::Screens;
use crate::screens::record::Section;

/// Height of the terminal from which on there is room for it.
pub(super) const TALL: u16 = 30;
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
    pub(super) fits: bool,
    /// The row under the cursor: its screen and key.
    pub(super) of: Option<(ScreenId, String)>,
    /// Time when the cursor came to it.
    pub(super) since: Stamp,
    pub(crate) title: String,
    pub(crate) verdict: Option<Verdict>,
    /// What needs no query.
    pub(crate) brief: Vec<Section>,
    /// Server's time of `brief` and the verdict.
    pub(crate) built: Stamp,
    /// They must be made again.
    pub(super) stale: bool,
    /// Its queries were not sent since the rows were read.
    pub(super) unread: bool,
    /// The row needs queries.
    pub(super) reads: bool,
    /// Number and time of the request for them.
    pub(super) asked: u64,
    pub(super) asked_at: Stamp,
    /// Number of answers that are missing, and the sections of those that came, by query.
    pub(super) missing: usize,
    pub(super) came: Vec<(usize, Result<Vec<Section>, String>)>,
    /// What the answers show; an older one stays until the new one is whole.
    pub(crate) shown: Picture,
    /// Of the rows on which the cursor rested since the rows were read.
    pub(super) known: Vec<(String, Picture)>,
    /// Earliest time of the next request for the same row.
    pub(super) again: Stamp,
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
    pub(super) fn go(&mut self, of: Option<(ScreenId, String)>, now: Stamp) {
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
