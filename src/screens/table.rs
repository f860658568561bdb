//! One table of typed rows: what is shown of them, in which order, from where, and how fresh they are.

mod exact;
mod known;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::model::moment::Stamp;
use crate::model::target::Target;
use crate::model::text;
use crate::model::value::Value;
use crate::model::verdict::{Finding, Level, Verdict};
use crate::screens::filter::Filter;
use crate::screens::record::{Column, Record};
use crate::server::known::{At, Counters};

pub(crate) use crate::model::text::printable;
pub use crate::server::exact::Figures;
pub(crate) use known::LATER_SECONDS;
use known::{Known, apply};

/// A query is asked again after at least so many times its own cost: 2 % of one server core at most.
const DUTY: f64 = 50.0;

/// What a screen has of its data.
#[derive(Debug, Default, Clone, PartialEq)]
pub enum Freshness {
    #[default]
    Never,
    At(Stamp),
    /// The last answer was an error; rows of an earlier one may still be shown.
    Failed {
        error: String,
        since: Option<Stamp>,
    },
}

/// What orders the rows: a column of the screen, or the verdict (worst first).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortBy {
    Verdict,
    Column(usize),
}

#[derive(Debug)]
pub struct Table<R: 'static> {
    rows: Vec<R>,
    levels: Vec<Level>,
    /// What is wrong with each row, as it was judged last.
    findings: Vec<Box<[Finding]>>,
    /// The same, or the worst of its family: what the rows are sorted by.
    ranks: Vec<Level>,
    /// Indices into `rows`: what passes the filter, in order.
    view: Vec<usize>,
    /// The longest text of each screen column.
    widths: Vec<u16>,
    pub fresh: Freshness,
    pub sort: SortBy,
    pub descending: bool,
    pub filter: Filter,
    /// The selected line of `view`.
    cursor: usize,
    /// A person has moved the cursor.
    moved: bool,
    /// When the first rows came.
    opened: Option<Stamp>,
    /// The first line on the screen.
    top: usize,
    /// The selected column: 0 is the verdict's sign, then the screen columns from 1.
    pub column: usize,
    /// Lines that fit on the screen; set when drawn.
    page: usize,
    exact: Known,
    /// The round of exact figures that is under way.
    round: Option<u64>,
    asked: u64,
    waiting: bool,
    /// The keys of the rows that are marked.
    marked: HashSet<String>,
    /// What the change counters said when the rows were asked for.
    counters: Option<Counters>,
    took: Duration,
    judged: Stamp,
}

impl<R: Record> Default for Table<R> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            levels: Vec::new(),
            findings: Vec::new(),
            ranks: Vec::new(),
            view: Vec::new(),
            widths: Vec::new(),
            fresh: Freshness::Never,
            sort: R::SORTED.map_or(SortBy::Verdict, SortBy::Column),
            descending: true,
            filter: Filter::default(),
            cursor: 0,
            moved: false,
            opened: None,
            top: 0,
            column: 1,
            page: 50,
            exact: Known::new(),
            round: None,
            asked: 0,
            waiting: false,
            marked: HashSet::new(),
            counters: None,
            took: Duration::ZERO,
            judged: Stamp(0),
        }
    }
}

/// The columns that a screen shows, in order.
pub fn shown<R: Record>() -> impl Iterator<Item = &'static Column<R>> {
    R::COLUMNS.iter().filter(|column| !column.title.is_empty())
}

impl<R: Record> Table<R> {
    /// Numbers a new request; an answer to an older one is not taken. `None`: one is under way.
    pub fn ask(&mut self) -> Option<u64> {
        if self.waiting {
            return None;
        }
        self.waiting = true;
        self.asked += 1;
        Some(self.asked)
    }

    /// Forgets what is under way: the connection is gone, or another database is meant.
    pub fn abandon(&mut self) {
        self.waiting = false;
        self.round = None;
        self.asked += 1;
        self.counters = None;
    }

    /// As if it had never been read.
    pub fn clear(&mut self) {
        self.abandon();
        self.rows.clear();
        self.levels.clear();
        self.findings.clear();
        self.view.clear();
        self.exact.clear();
        self.fresh = Freshness::Never;
    }

    pub fn is_waiting(&self) -> bool {
        self.waiting
    }

    /// Whether anything is under way for it, exact figures too.
    pub fn is_busy(&self) -> bool {
        self.waiting || self.round.is_some()
    }

    /// Whether rows should be read again, now that the catalogues' counters are known; `gathered`: for the Overview.
    pub fn is_stale(&self, counters: &Counters, gathered: bool, now: Stamp) -> bool {
        let most = if gathered {
            R::MAX_AGE_GATHERED
        } else {
            R::MAX_AGE
        };
        let Freshness::At(loaded) = self.fresh else {
            return true;
        };
        let age = now.seconds_since(loaded);
        if age < self.took.as_secs_f64() * DUTY {
            return false;
        }
        let moved = self.counters.as_ref() != Some(counters);
        let due = self.rows.iter().filter_map(Record::due).min();
        moved || age >= most.as_secs_f64() || due.is_some_and(|due| due <= now && due > loaded)
    }

    /// The counters as they stood before the rows were read.
    pub fn counted(&mut self, counters: Counters) {
        self.counters = Some(counters);
    }

    /// Takes an answer, keeping the cursor on the same thing.
    pub fn load(&mut self, asked: u64, rows: Vec<R>, took: Duration, at: &At) {
        if asked != self.asked {
            return;
        }
        self.waiting = false;
        self.took = took;
        self.fresh = Freshness::At(at.now);
        self.opened.get_or_insert(at.now);
        let key = self.selected().map(Record::key);
        let before = std::mem::replace(&mut self.rows, rows);
        R::settle(&before, &mut self.rows);
        for row in &mut self.rows {
            apply(row, &self.exact);
        }
        R::relate(&mut self.rows, at);
        self.update_verdicts(at);
        self.arrange(key.as_deref(), at);
    }

    /// The rows with something wrong, and what it was when they were judged last.
    pub fn found(&self) -> impl Iterator<Item = (&R, &[Finding])> {
        let all = self.rows.iter().zip(&self.findings);
        all.filter(|(_, findings)| !findings.is_empty())
            .map(|(row, findings)| (row, &**findings))
    }

    pub fn fail(&mut self, asked: u64, error: String) {
        if asked != self.asked {
            return;
        }
        self.waiting = false;
        let since = match self.fresh {
            Freshness::At(at) => Some(at),
            Freshness::Failed { since, .. } => since,
            Freshness::Never => None,
        };
        self.fresh = Freshness::Failed { error, since };
    }

    /// Judges the rows again when the clock has moved enough to matter.
    pub fn tick(&mut self, at: &At) {
        if at.now.seconds_since(self.judged) >= 10.0 {
            self.judge(at);
        }
    }

    /// Judges every row again; one that got worse, or better, goes to its place.
    pub fn judge(&mut self, at: &At) {
        let before = self.levels.clone();
        self.update_verdicts(at);
        if before != self.levels {
            self.rearrange(at);
        }
    }

    fn update_verdicts(&mut self, at: &At) {
        let judged = self.rows.iter().map(|row| {
            let mut verdict = row.verdict(at);
            verdict.findings.retain(|finding| finding.level > Level::Ok);
            (verdict.level, verdict.findings.into_boxed_slice())
        });
        (self.levels, self.findings) = judged.collect();
        self.ranks = ranks(&self.rows, &self.levels);
        self.judged = at.now;
        self.widths = shown::<R>()
            .map(|column| {
                let longest =
                    |row| text::width(&printable(&(column.value)(row, at).show_narrow(at.now)));
                // Only the columns that may grow are worth measuring, and a sample says enough.
                let rows = self.rows.iter().take(if column.grows { 2000 } else { 0 });
                u16::try_from(rows.map(longest).max().unwrap_or(0)).unwrap_or(u16::MAX)
            })
            .collect();
    }

    /// Filters and sorts, and puts the cursor back on the thing with this key.
    pub fn arrange(&mut self, key: Option<&str>, at: &At) {
        let mut view: Vec<usize> = (0..self.rows.len())
            .filter(|&row| self.passes(row, at))
            .collect();
        match self.sort {
            SortBy::Verdict => view.sort_by_key(|&row| self.ranks[row]),
            SortBy::Column(column) => {
                if let Some(column) = shown::<R>().nth(column) {
                    let mut valued: Vec<_> = view
                        .iter()
                        .map(|&row| ((column.value)(&self.rows[row], at), row))
                        .collect();
                    valued.sort_by(|(a, _), (b, _)| a.order(b));
                    view = valued.into_iter().map(|(_, row)| row).collect();
                }
            }
        }
        if self.descending {
            // Reversed by runs, so that equals stay in the order in which the query gave them.
            view = stable_reverse(&view, |a, b| self.same_rank(a, b, at));
        }
        self.view = view;
        let found = key.and_then(|key| {
            self.view
                .iter()
                .position(|&row| self.rows[row].key() == key)
        });
        self.cursor = found
            .unwrap_or(self.cursor)
            .min(self.view.len().saturating_sub(1));
    }

    fn same_rank(&self, a: usize, b: usize, at: &At) -> bool {
        match self.sort {
            SortBy::Verdict => self.ranks[a] == self.ranks[b],
            SortBy::Column(column) => shown::<R>().nth(column).is_some_and(|column| {
                let value = |row: usize| (column.value)(&self.rows[row], at);
                value(a).order(&value(b)).is_eq()
            }),
        }
    }

    fn passes(&self, row: usize, at: &At) -> bool {
        self.filter.is_empty()
            || self.filter.passes(|| {
                let mut line = self.levels[row].name().to_owned();
                for column in shown::<R>() {
                    line.push('\t');
                    line.push_str(&(column.value)(&self.rows[row], at).show(at.now));
                }
                line
            })
    }

    pub fn selected(&self) -> Option<&R> {
        self.view.get(self.cursor).map(|&row| &self.rows[row])
    }

    pub fn find(&self, key: &str) -> Option<&R> {
        self.rows.iter().find(|row| row.key() == key)
    }

    /// Marks the selected row or takes its mark away, and goes on to the next.
    pub fn mark(&mut self) {
        if let Some(key) = self.selected().map(Record::key) {
            if !self.marked.remove(&key) {
                self.marked.insert(key);
            }
            self.step(1);
        }
    }

    pub fn unmark(&mut self) {
        self.marked.clear();
    }

    pub fn is_marked(&self, row: &R) -> bool {
        !self.marked.is_empty() && self.marked.contains(&row.key())
    }

    /// How many rows are marked.
    pub fn marks(&self) -> usize {
        self.rows.iter().filter(|row| self.is_marked(row)).count()
    }

    /// The marked rows in the order of the screen; the selected one where none is marked.
    pub fn chosen(&self) -> Vec<&R> {
        let marked: Vec<_> = self.in_order().filter(|row| self.is_marked(row)).collect();
        if marked.is_empty() {
            self.selected().into_iter().collect()
        } else {
            marked
        }
    }

    pub fn chosen_keys(&self) -> Vec<String> {
        self.chosen().into_iter().map(Record::key).collect()
    }

    /// What the chosen rows stand for, row by row.
    pub fn targets(&self) -> Vec<Vec<Target>> {
        self.chosen().into_iter().map(Record::targets).collect()
    }

    /// Forgets the counters, so that the rows are read again at the next look.
    pub fn doubt(&mut self) {
        self.counters = None;
    }

    pub fn verdict(&self, at: &At) -> Option<Verdict> {
        self.selected().map(|row| row.verdict(at))
    }

    /// The selected row's place and the number of rows shown, and of all.
    pub fn place(&self) -> (usize, usize, usize) {
        (
            (self.cursor + 1).min(self.view.len()),
            self.view.len(),
            self.rows.len(),
        )
    }

    pub fn rows(&self) -> &[R] {
        &self.rows
    }

    /// The rows that pass the filter, in order.
    pub fn in_order(&self) -> impl Iterator<Item = &R> {
        self.view.iter().map(|&row| &self.rows[row])
    }

    pub fn level_counts(&self) -> [(Level, usize); 5] {
        Level::ALL.map(|level| {
            let count = self.levels.iter().filter(|&&other| other == level).count();
            (level, count)
        })
    }

    /// Moves the cursor by so many lines; it stops at the ends.
    pub fn step(&mut self, lines: isize) {
        let last = self.view.len().saturating_sub(1);
        self.moved = true;
        self.cursor = self.cursor.saturating_add_signed(lines).min(last);
    }

    /// The worst row is what is looked at, until a person looks at another.
    pub fn stay_on_top(&mut self) {
        if !self.moved {
            self.cursor = 0;
        }
    }

    pub fn page(&self) -> isize {
        isize::try_from(self.page).unwrap_or(1).max(1)
    }

    /// The line of the screen that a click meets.
    pub fn point_at(&mut self, line: usize) {
        let at = self.top + line;
        if at < self.view.len() {
            self.moved = true;
            self.cursor = at;
        }
    }

    /// Moves the column cursor.
    pub fn step_column(&mut self, columns: isize) {
        let last = shown::<R>().count();
        self.column = self.column.saturating_add_signed(columns).min(last);
    }

    /// Sorts by the selected column; the same again turns the order round.
    pub fn sort_here(&mut self, at: &At) {
        let by = match self.column {
            0 => SortBy::Verdict,
            column => SortBy::Column(column - 1),
        };
        if self.sort == by {
            self.descending = !self.descending;
        } else {
            self.sort = by;
            let numbers = shown::<R>().nth(self.column.wrapping_sub(1));
            self.descending = numbers.is_none_or(|column| column.right);
        }
        self.rearrange(at);
    }

    /// Arranges the rows again; the cursor stays on its row.
    pub fn rearrange(&mut self, at: &At) {
        let key = self.selected().map(Record::key);
        self.arrange(key.as_deref(), at);
    }

    /// No answer has come yet.
    pub fn is_empty_of_data(&self) -> bool {
        self.fresh == Freshness::Never
    }

    pub fn set_filter(&mut self, filter: Filter, at: &At) {
        self.filter = filter;
        self.rearrange(at);
    }

    /// The lines of the view that are on the screen.
    fn window(&self) -> std::ops::Range<usize> {
        let top = self.top.min(self.view.len());
        top..(top + self.page).min(self.view.len())
    }

    /// Fits the window to so many lines around the cursor, and gives the rows in it with their levels.
    /// Each row with its level, and whether it is marked.
    pub fn visible(&mut self, lines: usize) -> (usize, Vec<(&R, Level, bool)>) {
        self.page = lines.max(1);
        if self.cursor < self.top {
            self.top = self.cursor;
        } else if self.cursor >= self.top + self.page {
            self.top = self.cursor + 1 - self.page;
        }
        self.top = self.top.min(self.view.len().saturating_sub(self.page));
        let rows = self.view[self.window()].iter();
        let rows = rows.map(|&row| {
            let of = &self.rows[row];
            (of, self.levels[row], self.is_marked(of))
        });
        (self.cursor.saturating_sub(self.top), rows.collect())
    }

    /// The width that the content of a screen column wants.
    pub fn content_width(&self, column: usize) -> u16 {
        self.widths.get(column).copied().unwrap_or(0)
    }

    /// The selected cell as text for the clipboard; the verdict's column gives the reason.
    pub fn cell_text(&self, at: &At) -> Option<String> {
        let row = self.selected()?;
        Some(match self.column.checked_sub(1) {
            None => {
                let verdict = row.verdict(at);
                format!("{}: {}", verdict.level.name(), verdict.reason)
            }
            Some(column) => plain(&(shown::<R>().nth(column)?.value)(row, at)),
        })
    }

    /// The selected row as a line of tab-separated values.
    pub fn row_text(&self, at: &At) -> Option<String> {
        let row = self.selected()?;
        let cells: Vec<_> = shown::<R>()
            .map(|column| plain(&(column.value)(row, at)))
            .collect();
        Some(cells.join("\t"))
    }
}

/// What each row is sorted by: its level, or the worst of its family.
fn ranks<R: Record>(rows: &[R], levels: &[Level]) -> Vec<Level> {
    let mut worst: HashMap<i64, Level> = HashMap::new();
    for (row, level) in rows.iter().zip(levels) {
        if let Some(family) = row.family() {
            let so_far = worst.entry(family).or_insert(*level);
            *so_far = (*so_far).max(*level);
        }
    }
    let rank = |(row, level): (&R, &Level)| {
        let family = row.family().and_then(|family| worst.get(&family));
        *family.unwrap_or(level)
    };
    rows.iter().zip(levels).map(rank).collect()
}

/// A value as another program can read it.
pub fn plain(value: &Value) -> String {
    match value.json() {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    }
}

fn stable_reverse(sorted: &[usize], same: impl Fn(usize, usize) -> bool) -> Vec<usize> {
    let mut reversed = Vec::with_capacity(sorted.len());
    let mut end = sorted.len();
    while end > 0 {
        let mut start = end - 1;
        while start > 0 && same(sorted[start - 1], sorted[end - 1]) {
            start -= 1;
        }
        reversed.extend_from_slice(&sorted[start..end]);
        end = start;
    }
    reversed
}
