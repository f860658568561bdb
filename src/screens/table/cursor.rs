//! Cursor, marked rows, and visible lines of a table.

use super::{Table, shown};
use crate::model::target::Target;
use crate::model::verdict::Level;
use crate::screens::record::Record;

impl<R: Record> Table<R> {
    pub fn selected(&self) -> Option<&R> {
        self.view.get(self.cursor).map(|&row| &self.rows[row])
    }

    /// Position of the selected row, number of rows that pass the filter, and number of all rows.
    pub fn place(&self) -> (usize, usize, usize) {
        (
            (self.cursor + 1).min(self.view.len()),
            self.view.len(),
            self.rows.len(),
        )
    }

    /// Moves the cursor by this number of lines; it stops at the ends.
    pub fn step(&mut self, lines: isize) {
        let last = self.view.len().saturating_sub(1);
        self.moved = true;
        self.cursor = self.cursor.saturating_add_signed(lines).min(last);
    }

    /// Moves the cursor to the worst row, unless the user has moved it.
    pub(crate) fn stay_on_top(&mut self) {
        if !self.moved {
            self.cursor = 0;
        }
    }

    pub(crate) fn page(&self) -> isize {
        isize::try_from(self.page).unwrap_or(1).max(1)
    }

    /// Selects the row at a line of the screen, after a click.
    pub(crate) fn point_at(&mut self, line: usize) {
        let at = self.top + line;
        if at < self.view.len() {
            self.moved = true;
            self.cursor = at;
        }
    }

    /// Moves the column cursor.
    pub(crate) fn step_column(&mut self, columns: isize) {
        let last = shown::<R>().count();
        self.column = self.column.saturating_add_signed(columns).min(last);
    }

    /// Marks or unmarks the selected row, and moves to the next one.
    pub fn mark(&mut self) {
        if let Some(key) = self.selected().map(Record::key) {
            if !self.marked.remove(&key) {
                self.marked.insert(key);
            }
            self.step(1);
        }
    }

    pub(crate) fn unmark(&mut self) {
        self.marked.clear();
    }

    pub(crate) fn is_marked(&self, row: &R) -> bool {
        !self.marked.is_empty() && self.marked.contains(&row.key())
    }

    /// Number of marked rows.
    pub fn marks(&self) -> usize {
        self.rows.iter().filter(|row| self.is_marked(row)).count()
    }

    /// The marked rows in the order of the screen; the selected one if none is marked.
    pub fn chosen(&self) -> Vec<&R> {
        let marked: Vec<_> = self.in_order().filter(|row| self.is_marked(row)).collect();
        if marked.is_empty() {
            self.selected().into_iter().collect()
        } else {
            marked
        }
    }

    pub(crate) fn chosen_keys(&self) -> Vec<String> {
        self.chosen().into_iter().map(Record::key).collect()
    }

    /// Targets of each chosen row.
    pub fn targets(&self) -> Vec<Vec<Target>> {
        self.chosen().into_iter().map(Record::targets).collect()
    }

    /// Visible lines of the view.
    pub(super) fn window(&self) -> std::ops::Range<usize> {
        let top = self.top.min(self.view.len());
        top..(top + self.page).min(self.view.len())
    }

    /// Scrolls so that the cursor is visible in a window of this many lines. Returns the cursor's line in it, and its rows, each
    /// with its level and whether it is marked.
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
}
