//! A table of typed rows, with its filter, order, cursor, and the age of its rows.

mod again;
mod clipboard;
mod columns;
mod cursor;
mod exact;
mod figure;
mod grouping;
mod groups;
mod judging;
mod known;
mod order;
mod search;
mod sideways;

use std::collections::HashSet;
use std::time::Duration;

use crate::model::moment::Stamp;
use crate::model::text::{self, printable};
use crate::model::verdict::{Finding, Level};
use crate::screens::filter::Filter;
use crate::screens::record::{Column, Record};
use crate::server::known::{At, Counters};

pub(crate) use again::Again;
use columns::Columns;
pub(crate) use columns::{Drawn, Seen};
pub(crate) use groups::{BRANCH, Branch, Shown};
use groups::{Groups, Line};
pub(crate) use known::{GATHERED_SECONDS, LATER_SECONDS};
use known::{Known, apply};

/// After a query has run, its next run waits for this multiple of its duration. So it uses at most 2 % of a processor core.
const DUTY: f64 = 50.0;

/// Whether the rows of a screen have been read, and when.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) enum Freshness {
    #[default]
    Never,
    At(Stamp),
    /// The last load failed. The rows that were read at `since` are still shown; `None`: none were read.
    Failed {
        error: String,
        since: Option<Stamp>,
    },
}

impl Freshness {
    /// Time at which the present rows were read. `None`: none were read.
    pub(crate) fn read(&self) -> Option<Stamp> {
        match self {
            Self::At(read) => Some(*read),
            Self::Failed { since, .. } => *since,
            Self::Never => None,
        }
    }
}

/// Sort order of the rows: by a column (its index on the screen), or by level (worst first).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SortBy {
    Verdict,
    Column(usize),
}

#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each bool is a separate switch"
)]
pub struct Table<R: 'static> {
    /// The rows, then the rows merged into them ([`Record::parts`]).
    rows: Vec<R>,
    /// Number of rows, not counting the merged rows.
    own: usize,
    levels: Vec<Level>,
    /// Findings of each row, by its last verdict.
    findings: Vec<Box<[Finding]>>,
    /// Level by which each row is sorted: its own level, or the worst level of its family (the rows that are kept together).
    ranks: Vec<Level>,
    /// Indices of the rows that pass the filter, in order.
    view: Vec<usize>,
    /// The lines of the table: rows, or groups and the rows of open groups.
    lines: Vec<Line>,
    /// Boxed, because otherwise futures that hold all screens would be large.
    groups: Box<Groups<R>>,
    /// Number of rows that are folded into one line, see [`Record::is_bare`]; they are not in `view`.
    folded: usize,
    /// Whether rows without findings are folded into one line. True only in the console.
    pub(super) folds: bool,
    /// Lines of totals over all rows.
    headline: Vec<String>,
    /// Texts about data that cannot be shown, by the last verdicts.
    caveats: Vec<String>,
    /// Width of the longest text of each column on the screen.
    widths: Vec<u16>,
    pub(crate) fresh: Freshness,
    pub(crate) sort: SortBy,
    pub(crate) descending: bool,
    pub filter: Filter,
    /// The filter whose matches the search steps through.
    sought: Box<Filter>,
    /// Index of the selected line in `lines`.
    cursor: usize,
    /// Whether the user has moved the cursor.
    moved: bool,
    /// Whether the next load moves the cursor to the first line.
    goes_to_top: bool,
    /// Time of the first load.
    opened: Option<Stamp>,
    /// Index of the first visible line.
    top: usize,
    /// Line of the terminal where the first visible line is drawn.
    pub(crate) drawn_at: usize,
    /// The selected column: 0 is the level's sign, 1 the first column on the screen.
    pub column: usize,
    columns: Box<Columns>,
    /// Number of lines that fitted on the screen when the table was last drawn.
    page: usize,
    exact: Known,
    /// Number of rows whose expensive figures (`Exact::later`) are missing, and number of rows that need such figures.
    ungathered: (usize, usize),
    /// Number of the running request for exact figures; `None`: none is running.
    round: Option<u64>,
    asked: u64,
    waiting: bool,
    marked: HashSet<String>,
    /// The change counters before the rows were read; `None`: unknown.
    counters: Option<Counters>,
    took: Duration,
    /// After a query has run, its next run waits for this multiple of its duration: [`DUTY`], unless a budget is set.
    pub(super) duty: f64,
    judged: Stamp,
}

impl<R: Record> Default for Table<R> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            own: 0,
            levels: Vec::new(),
            findings: Vec::new(),
            ranks: Vec::new(),
            view: Vec::new(),
            lines: Vec::new(),
            groups: Box::new(Groups::new(R::GROUPED)),
            folded: 0,
            folds: false,
            headline: Vec::new(),
            caveats: Vec::new(),
            widths: Vec::new(),
            fresh: Freshness::Never,
            sort: R::SORTED.map_or(SortBy::Verdict, SortBy::Column),
            descending: true,
            filter: Filter::default(),
            sought: Box::default(),
            cursor: 0,
            moved: false,
            goes_to_top: false,
            opened: None,
            top: 0,
            drawn_at: 0,
            column: 1,
            columns: Box::default(),
            page: 50,
            exact: Known::new(),
            ungathered: (0, 0),
            round: None,
            asked: 0,
            waiting: false,
            marked: HashSet::new(),
            counters: None,
            took: Duration::ZERO,
            duty: DUTY,
            judged: Stamp(0),
        }
    }
}

/// The columns of a screen (without those for JSON and CSV only), in order.
pub fn shown<R: Record>() -> impl Iterator<Item = &'static Column<R>> {
    R::COLUMNS.iter().filter(|column| !column.title.is_empty())
}

impl<R: Record> Table<R> {
    /// Number of a new request; answers to older requests are ignored. `None`: a request is running.
    pub fn ask(&mut self) -> Option<u64> {
        if self.waiting {
            return None;
        }
        self.waiting = true;
        self.asked += 1;
        Some(self.asked)
    }

    /// Ignores the answers of running requests, because the connection is lost or the database has changed.
    pub(crate) fn abandon(&mut self) {
        self.waiting = false;
        self.round = None;
        self.asked += 1;
        self.counters = None;
    }

    /// Resets the table to its state before the first load.
    pub(crate) fn clear(&mut self) {
        self.abandon();
        self.rows.clear();
        self.own = 0;
        self.levels.clear();
        self.findings.clear();
        self.view.clear();
        self.lines.clear();
        self.groups.all.clear();
        self.folded = 0;
        self.headline.clear();
        self.caveats.clear();
        self.exact.clear();
        self.ungathered = (0, 0);
        self.fresh = Freshness::Never;
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting
    }

    /// Whether a request is running, for rows or for exact figures.
    pub(crate) fn is_busy(&self) -> bool {
        self.waiting || self.round.is_some()
    }

    fn most_age(gathered: bool) -> Duration {
        if gathered {
            R::MAX_AGE_GATHERED
        } else {
            R::MAX_AGE
        }
    }

    /// Seconds after a load for which the rows are not read again, whatever changes. It is a multiple of the duration of the load.
    fn rests(&self) -> f64 {
        self.took.as_secs_f64() * self.duty
    }

    /// Seconds after which the rows are read again if nothing changes.
    pub(crate) fn reads_every(&self, gathered: bool) -> f64 {
        let most = Self::most_age(gathered).as_secs_f64();
        self.rests().max(most)
    }

    /// Whether the rows should be read again: a change counter moved, the rows are too old, or the time [`Record::due`] of a row has come.
    /// `gathered`: only the Overview needs the rows, so they may be older.
    pub(super) fn is_stale(&self, counters: &Counters, gathered: bool, now: Stamp) -> bool {
        let Freshness::At(loaded) = self.fresh else {
            return true;
        };
        let age = now.seconds_since(loaded);
        if age < self.rests() {
            return false;
        }
        let moved = self.counters.as_ref() != Some(counters);
        let due = self.rows.iter().filter_map(Record::due).min();
        moved
            || age >= Self::most_age(gathered).as_secs_f64()
            || due.is_some_and(|due| due <= now && due > loaded)
    }

    /// Whether the Overview reads the rows less often than [`Record::MAX_AGE_GATHERED`] asks for, because reading them takes so long.
    pub(super) fn is_stretched(&self) -> bool {
        self.rests() > R::MAX_AGE_GATHERED.as_secs_f64()
    }

    /// Sets the change counters that were read before the rows.
    pub(super) fn counted(&mut self, counters: Counters) {
        self.counters = Some(counters);
    }

    /// Takes the rows of a request; the cursor stays on its row.
    pub fn load(&mut self, asked: u64, rows: Vec<R>, took: Duration, at: &At) {
        if asked != self.asked {
            return;
        }
        self.waiting = false;
        self.took = took;
        self.fresh = Freshness::At(at.now);
        self.opened.get_or_insert(at.now);
        let key = self.key();
        let before = std::mem::replace(&mut self.rows, rows);
        R::settle(&before, &mut self.rows);
        for row in &mut self.rows {
            apply(row, &self.exact);
        }
        R::relate(&mut self.rows, at);
        self.own = self.rows.len();
        let parts: Vec<_> = self.rows.iter().flat_map(R::parts).collect();
        self.rows.extend(parts);
        self.count_ungathered();
        self.update_verdicts(at);
        self.arrange(key.as_deref(), at);
        if std::mem::take(&mut self.goes_to_top) {
            self.cursor = 0;
        }
    }

    pub(super) fn fail(&mut self, asked: u64, error: String) {
        if asked != self.asked {
            return;
        }
        self.waiting = false;
        let since = self.fresh.read();
        self.fresh = Freshness::Failed { error, since };
    }

    /// Ends a request without an answer; the previous rows stay.
    pub(super) fn cancelled(&mut self, asked: u64) {
        self.waiting &= asked != self.asked;
    }

    pub fn find(&self, key: &str) -> Option<&R> {
        self.rows.iter().find(|row| row.key() == key)
    }

    /// Forgets the change counters, so that the rows are read again at the next tick.
    pub(crate) fn doubt(&mut self) {
        self.counters = None;
    }

    /// Number of rows that are folded into one line.
    pub(crate) fn folded(&self) -> usize {
        self.folded
    }

    pub fn rows(&self) -> &[R] {
        &self.rows[..self.own]
    }

    /// The rows that pass the filter, in order.
    pub fn in_order(&self) -> impl Iterator<Item = &R> {
        self.view.iter().map(|&row| &self.rows[row])
    }

    /// Whether no answer has arrived yet.
    pub(crate) fn is_empty_of_data(&self) -> bool {
        self.fresh == Freshness::Never
    }

    /// Width that a column on the screen needs for its content, in cells.
    pub(crate) fn content_width(&self, column: usize) -> u16 {
        let rows = self.widths.get(column).copied().unwrap_or(0);
        if !self.groups.on {
            return rows;
        }
        let heads = self.groups.widths.get(column).copied().unwrap_or(0);
        let branch = if column == 0 { BRANCH } else { 0 };
        rows.max(heads) + branch
    }
}

/// Width of a cell's text, in terminal cells.
pub(crate) fn cell_width<R: Record>(column: &Column<R>, row: &R, at: &At) -> u16 {
    let text = printable(&(column.value)(row, at).show_narrow(at.now));
    u16::try_from(text::width(&text)).unwrap_or(u16::MAX)
}
