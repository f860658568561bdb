//! Order and filter of a table's rows.

use std::collections::HashMap;

use super::{SortBy, Table, shown};
use crate::model::verdict::Level;
use crate::screens::filter::Filter;
use crate::screens::record::Record;
use crate::server::known::At;

impl<R: Record> Table<R> {
    /// Folds or unfolds the rows without findings; false: this screen never folds rows.
    pub(crate) fn toggle_fold(&mut self, at: &At) -> bool {
        self.folds = !self.folds;
        self.rearrange(at);
        !R::BARE.is_empty()
    }

    /// Filters and sorts the rows again; the cursor stays on its row.
    pub(super) fn rearrange(&mut self, at: &At) {
        let key = self.key();
        self.arrange(key.as_deref(), at);
    }

    pub(crate) fn set_filter(&mut self, filter: Filter, at: &At) {
        self.filter = filter;
        self.groups.filter_changed();
        self.rearrange(at);
    }

    /// Filters and sorts the rows, and moves the cursor to the row with this key.
    pub(crate) fn arrange(&mut self, key: Option<&str>, at: &At) {
        let mut view: Vec<usize> = (0..self.rows.len())
            .filter(|&row| self.passes(row, &self.filter, at))
            .collect();
        self.folded = self.fold(&mut view);
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
            // Equal rows stay in the order of the query.
            view = stable_reverse(&view, |a, b| self.same_rank(a, b, at));
        }
        self.view = view;
        self.make_lines(at);
        let found = key.and_then(|key| self.line_of(key));
        self.cursor = found
            .unwrap_or(self.cursor)
            .min(self.lines.len().saturating_sub(1));
    }

    /// Removes the rows without findings from `view`, and returns their number. If the rows are filtered, or not sorted worst first,
    /// nothing is folded.
    fn fold(&self, view: &mut Vec<usize>) -> usize {
        let plain = self.sort == SortBy::Verdict && self.descending && self.filter.is_empty();
        if !self.folds || !plain {
            return 0;
        }
        let is_bare = |row: usize| self.levels[row] == Level::Ok && self.rows[row].is_bare();
        let bare = view.iter().filter(|&&row| is_bare(row)).count();
        // Folding a single row saves no line, and folding all rows would leave an empty list.
        if bare < 2 || bare == view.len() {
            return 0;
        }
        view.retain(|&row| !is_bare(row));
        bare
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

    /// Sets the levels by which the rows are sorted.
    pub(super) fn rank(&mut self) {
        self.ranks = ranks(&self.rows, &self.levels);
    }
}

/// Level by which each row is sorted: the row's own level, or the worst level of its family (rows that stay together).
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
