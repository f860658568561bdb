//! The columns of a table: selected column, sort order by column, and the user's choice of columns.

use super::columns::{Choice, Drawn, Seen};
use super::{SortBy, Table, shown};
use crate::screens::record::{Column, Record};
use crate::server::known::At;

impl<R: Record> Table<R> {
    /// Indexes of the columns that the user has not hidden.
    pub(crate) fn chosen_columns(&self) -> Vec<usize> {
        let all = 0..shown::<R>().count();
        all.filter(|&index| self.choice(index) != Choice::Never)
            .collect()
    }

    fn choice(&self, index: usize) -> Choice {
        self.columns.choices.get(index).copied().unwrap_or_default()
    }

    /// Rank for leaving out columns on a narrow terminal, see [`Column::rank`]. The sort column is left out last, so that the order can be
    /// understood.
    pub(crate) fn rank_of(&self, index: usize, column: &Column<R>) -> i16 {
        match self.choice(index) {
            _ if self.sort == SortBy::Column(index) => -1,
            Choice::Always => 0,
            Choice::IfItFits | Choice::Never => column.rank.into(),
        }
    }

    /// Takes the columns as drawn. If the selected column was not drawn, selects the nearest drawn column before it.
    pub(crate) fn set_drawn(&mut self, drawn: Vec<Drawn>) {
        let left = |column: &&Drawn| column.index < self.column;
        if self.column > 0 {
            let nearest = drawn.iter().rev().find(left).or(drawn.first());
            self.column = nearest.map_or(1, |column| column.index + 1);
        }
        self.columns.drawn = drawn;
    }

    /// The columns that can be selected: the level's sign (0), and the drawn columns; in wide mode all columns.
    fn places(&self, wide: bool) -> Vec<usize> {
        let columns = if wide || self.columns.drawn.is_empty() {
            self.chosen_columns()
        } else {
            self.columns.drawn.iter().map(|of| of.index).collect()
        };
        let places = columns.into_iter().map(|index| index + 1);
        std::iter::once(0).chain(places).collect()
    }

    /// Moves to another column, at most to the first or last one.
    pub(crate) fn step_column(&mut self, steps: isize, wide: bool) {
        let places = self.places(wide);
        let here = places.iter().rposition(|&place| place <= self.column);
        let next = here.unwrap_or(0).saturating_add_signed(steps);
        self.column = places[next.min(places.len() - 1)];
    }

    /// Sorts by the next or previous column, and selects it. After the last column comes the first.
    pub(crate) fn step_sort(&mut self, steps: isize, wide: bool, at: &At) {
        let sorted = match self.sort {
            SortBy::Verdict => 0,
            SortBy::Column(index) => index + 1,
        };
        let places = self.places(wide);
        let here = places.iter().rposition(|&place| place <= sorted);
        let many = isize::try_from(places.len()).unwrap_or(1);
        let here = isize::try_from(here.unwrap_or(0)).unwrap_or(0);
        let next = (here + steps).rem_euclid(many);
        self.column = places[usize::try_from(next).unwrap_or(0)];
        self.sort_here(at);
    }

    /// Sorts by the selected column; if it is already the sort column, reverses the order.
    pub(crate) fn sort_here(&mut self, at: &At) {
        let by = match self.column {
            0 => SortBy::Verdict,
            column => SortBy::Column(column - 1),
        };
        let descending = if self.sort == by {
            !self.descending
        } else {
            let column = shown::<R>().nth(self.column.wrapping_sub(1));
            column.is_none_or(|column| column.right)
        };
        self.sort_by(by, descending, at);
    }

    /// Selects a column and sorts by it, as [`Self::sort_here`] does.
    pub(crate) fn sort_column(&mut self, index: usize, at: &At) {
        self.column = index + 1;
        self.sort_here(at);
    }

    /// Indexes of the visible columns whose heading begins with the typed text, then of the columns whose heading contains it elsewhere.
    pub(crate) fn columns_called(&self, typed: &str) -> Vec<usize> {
        let typed = typed.trim().to_uppercase();
        let mut found: Vec<_> = self.chosen_columns();
        let place = |index: usize| shown::<R>().nth(index)?.title.find(&typed);
        found.retain(|&index| place(index).is_some());
        found.sort_by_key(|&index| place(index) != Some(0));
        found
    }

    /// Sorts the rows, and moves the cursor to the first line.
    pub(crate) fn sort_by(&mut self, by: SortBy, descending: bool, at: &At) {
        (self.sort, self.descending) = (by, descending);
        self.arrange(None, at);
        self.cursor = 0;
        self.moved = false;
    }

    /// Handles a click: on a heading it sorts by the column, on a row it selects the row.
    pub(crate) fn click(&mut self, line: usize, cell: u16, at: &At) {
        if line + 1 != self.drawn_at {
            self.point_at(line);
            return;
        }
        let first = self.columns.drawn.first().map_or(0, |first| first.left);
        let on = |column: &&Drawn| (column.left..=column.left + column.width).contains(&cell);
        let column = self.columns.drawn.iter().find(on).copied();
        match column {
            Some(column) => self.sort_column(column.index, at),
            None if cell < first => {
                self.column = 0;
                self.sort_here(at);
            }
            None => {}
        }
    }

    pub(crate) fn seen_columns(&self, wide: bool) -> Vec<(&'static Column<R>, Seen)> {
        let seen = |index| match self.choice(index) {
            Choice::Never => Seen::Hidden,
            _ if wide || self.columns.drawn.iter().any(|of| of.index == index) => Seen::Shown,
            _ => Seen::NoRoom,
        };
        let all = shown::<R>().enumerate();
        all.map(|(index, column)| (column, seen(index))).collect()
    }

    /// Hides the column if it is visible, or else shows it; false: the first column cannot be hidden. If the sort column is hidden, the
    /// rows are sorted in the screen's own order.
    pub(crate) fn toggle_column(&mut self, index: usize, wide: bool, at: &At) -> bool {
        let seen = self.seen_columns(wide);
        let Some((_, seen)) = seen.get(index).filter(|_| index > 0) else {
            return false;
        };
        let choice = match seen {
            Seen::Shown => Choice::Never,
            Seen::NoRoom | Seen::Hidden => Choice::Always,
        };
        let many = self.columns.choices.len().max(index + 1);
        self.columns.choices.resize(many, Choice::default());
        self.columns.choices[index] = choice;
        if choice == Choice::Never {
            self.columns.drawn.retain(|drawn| drawn.index != index);
        }
        if choice == Choice::Never && self.sort == SortBy::Column(index) {
            let first = R::SORTED.filter(|first| self.choice(*first) != Choice::Never);
            self.sort_by(first.map_or(SortBy::Verdict, SortBy::Column), true, at);
        }
        true
    }

    /// Resets the user's choice of columns.
    pub(crate) fn forget_choices(&mut self) {
        self.columns.choices.clear();
    }
}
