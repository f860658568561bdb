//! Cursor, marked rows, and visible lines of a table.

use super::{Shown, Table};
use crate::model::target::Target;
use crate::screens::record::Record;

impl<R: Record> Table<R> {
    /// The selected row; if a group is selected, the row that the group's line shows.
    pub fn selected(&self) -> Option<&R> {
        let line = self.lines.get(self.cursor)?;
        Some(self.drawn(*line).row)
    }

    pub(super) fn key(&self) -> Option<String> {
        self.lines.get(self.cursor).map(|line| self.key_of(*line))
    }

    /// Number (from 1) of the selected line, number of lines, number of rows that pass the filter, and number of all rows.
    pub fn place(&self) -> (usize, usize, usize, usize) {
        let lines = self.lines.len();
        (
            (self.cursor + 1).min(lines),
            lines,
            self.view.len(),
            self.own,
        )
    }

    /// Moves the cursor by this number of lines, at most to the first or last line.
    pub(crate) fn step(&mut self, lines: isize) {
        let last = self.lines.len().saturating_sub(1);
        self.moved = true;
        self.cursor = self.cursor.saturating_add_signed(lines).min(last);
    }

    /// Moves the cursor to the first line when rows are loaded the next time.
    pub(crate) fn go_to_top(&mut self) {
        self.goes_to_top = true;
    }

    /// Moves the cursor to the first line unless the user has moved it.
    pub(crate) fn stay_on_top(&mut self) {
        if !self.moved {
            self.cursor = 0;
        }
    }

    pub(crate) fn page(&self) -> isize {
        isize::try_from(self.page).unwrap_or(1).max(1)
    }

    /// Selects the row at this line of the terminal (a click); does nothing where no row is drawn.
    pub(super) fn point_at(&mut self, line: usize) {
        let Some(line) = line
            .checked_sub(self.drawn_at)
            .filter(|line| *line < self.page)
        else {
            return;
        };
        let at = self.top + line;
        if at < self.lines.len() {
            self.moved = true;
            self.cursor = at;
        }
    }

    /// Marks or unmarks the selected row (or all rows of the selected group), and moves to the next line.
    pub(crate) fn mark(&mut self) {
        let rows = self.at_cursor();
        let all = rows.iter().all(|row| self.marked.contains(&row.key()));
        let keys: Vec<_> = rows.into_iter().map(Record::key).collect();
        if keys.is_empty() {
            return;
        }
        for key in keys {
            if all {
                self.marked.remove(&key);
            } else {
                self.marked.insert(key);
            }
        }
        self.step(1);
    }

    /// The selected row, or the rows of the selected group.
    fn at_cursor(&self) -> Vec<&R> {
        let group = self.group_rows();
        if group.is_empty() {
            self.selected().into_iter().collect()
        } else {
            group
        }
    }

    pub(crate) fn unmark(&mut self) {
        self.marked.clear();
    }

    pub(super) fn is_marked(&self, row: &R) -> bool {
        !self.marked.is_empty() && self.marked.contains(&row.key())
    }

    pub fn marks(&self) -> usize {
        if self.marked.is_empty() {
            return 0;
        }
        self.rows.iter().filter(|row| self.is_marked(row)).count()
    }

    /// The marked rows in the order of the screen; if none is marked, the selected row, or the rows of the selected group.
    pub(crate) fn chosen(&self) -> Vec<&R> {
        if self.marked.is_empty() {
            return self.at_cursor();
        }
        let marked: Vec<_> = self.in_order().filter(|row| self.is_marked(row)).collect();
        if marked.is_empty() {
            self.at_cursor()
        } else {
            marked
        }
    }

    pub(crate) fn chosen_keys(&self) -> Vec<String> {
        self.chosen().into_iter().map(Record::key).collect()
    }

    /// Targets of each marked row; if none is marked, of the selected row or group.
    pub(crate) fn targets(&self) -> Vec<Vec<Target>> {
        self.chosen().into_iter().map(Record::targets).collect()
    }

    pub(super) fn window(&self) -> std::ops::Range<usize> {
        let top = self.top.min(self.lines.len());
        top..(top + self.page).min(self.lines.len())
    }

    /// Scrolls so that the cursor is visible if this number of lines fits. Returns the cursor's position among the visible lines, and the
    /// visible lines.
    pub(crate) fn visible(&mut self, lines: usize) -> (usize, Vec<Shown<'_, R>>) {
        self.page = lines.max(1);
        if self.cursor < self.top {
            self.top = self.cursor;
        } else if self.cursor >= self.top + self.page {
            self.top = self.cursor + 1 - self.page;
        }
        self.top = self.top.min(self.lines.len().saturating_sub(self.page));
        let shown = self.lines[self.window()].iter();
        let shown = shown.map(|line| self.drawn(*line)).collect();
        (self.cursor.saturating_sub(self.top), shown)
    }
}
