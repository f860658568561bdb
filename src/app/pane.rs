//! State of the preview pane, which shows the row under the cursor.

use crate::model::moment::Stamp;
use crate::model::screen_id::ScreenId;
use crate::model::verdict::Verdict;
use crate::screens::Screens;
use crate::screens::record::Section;

/// Terminal height, in lines, from which on the pane is drawn.
pub(super) const TALL: u16 = 30;
/// A row's queries are sent again at the earliest after this multiple of the time that they took.
const DUTY: f64 = 50.0;
/// Maximum number of rows whose query results are kept until the list is loaded again.
const KNOWN: usize = 16;

#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the flags are independent of each other"
)]
pub struct Pane {
    /// True: the user wants the pane.
    pub open: bool,
    /// True: the terminal is tall enough. Set when drawn.
    pub(super) fits: bool,
    /// Screen and key of the row under the cursor. `None`: no row.
    pub(super) of: Option<(ScreenId, String)>,
    /// Screen and key of the previewed row. On the Overview: the row that the finding is about. `None`: the finding is not about a single
    /// row.
    pub(super) about: Option<(ScreenId, String)>,
    /// True: the cursor is on the line of a group. `of` is then the worst row of the group.
    pub(super) group: bool,
    /// Time when the cursor came to the row.
    pub(super) since: Stamp,
    pub(crate) title: String,
    pub(crate) verdict: Option<Verdict>,
    /// Sections that need no query.
    pub(crate) brief: Vec<Section>,
    /// Server time when `brief` and `verdict` were computed.
    pub(crate) built: Stamp,
    /// True: `brief` and `verdict` must be computed again.
    pub(super) stale: bool,
    /// True: the row's queries have not been sent since the list was loaded.
    pub(super) unread: bool,
    /// True: the row has queries.
    pub(super) reads: bool,
    /// Number of the last request for the row's queries; `asked_at`: time of this request.
    pub(super) asked: u64,
    pub(super) asked_at: Stamp,
    /// Number of answers still to come; `came`: the answers so far, each with the index of its query.
    pub(super) missing: usize,
    pub(super) came: Vec<(usize, Result<Vec<Section>, String>)>,
    /// The last complete results. They are shown until all new answers have arrived.
    pub(crate) shown: Picture,
    /// Results by row key, of the rows on which the cursor rested since the list was loaded.
    pub(super) known: Vec<(String, Picture)>,
    /// Earliest time of the next request for the same row.
    pub(super) again: Stamp,
}

/// Results of the queries for a row.
#[derive(Debug, Clone, Default)]
pub(crate) struct Picture {
    pub sections: Vec<Section>,
    /// Errors of the queries. `None`: no error.
    pub error: Option<String>,
    /// Time of these results in a recording. `None`: they were just read from the server.
    pub recorded: Option<Stamp>,
}

impl Pane {
    pub(super) fn new(now: Stamp) -> Self {
        Self {
            open: true,
            fits: false,
            of: None,
            about: None,
            group: false,
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

    /// Sets `fits` for this terminal height, in lines. True if the pane is drawn.
    pub(crate) fn fit(&mut self, height: u16) -> bool {
        self.fits = height >= TALL;
        self.open && self.fits
    }

    /// Shows another row, and drops the answers for the former row.
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

    /// Marks the row's figures as changed, so that the pane is computed again.
    pub(super) fn renew(&mut self) {
        self.stale = true;
    }

    /// Marks the list as loaded again, so that the row's queries are sent again.
    pub(super) fn doubt(&mut self) {
        self.stale = true;
        self.unread = true;
        self.known.clear();
    }

    /// Forgets the answers that have not arrived, so that the request is sent again later.
    pub(super) fn give_up(&mut self) {
        self.asked = 0;
        self.missing = 0;
        self.came.clear();
        self.unread = true;
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.missing > 0
    }

    /// True if the row has queries, but no answer has been shown yet.
    pub(crate) fn is_empty(&self) -> bool {
        let nothing = self.shown.sections.is_empty() && self.shown.error.is_none();
        self.reads && nothing && (self.unread || self.missing > 0)
    }

    /// True if the pane waits for the answer to this request.
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
        let about = self.about.as_ref().map(|(screen, _)| *screen);
        let key = self.of.as_ref().map(|(_, key)| key.clone());
        let Some((screen, key)) = about.zip(key).filter(|_| self.missing == 0) else {
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
            recorded: None,
        };
        if !self.unread {
            self.known.truncate(KNOWN - 1);
            self.known.insert(0, (key, self.shown.clone()));
        }
        let took = now.seconds_since(self.asked_at).max(0.0);
        self.again = now.plus_seconds(took * DUTY);
    }
}
