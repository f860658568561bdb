//! Filter of a table's rows, and search for the rows that match it.

use super::groups::Line;
use super::{Table, shown};
use crate::model::value::Value;
use crate::model::verdict::Level;
use crate::screens::filter::{Field, Filter, Kind};
use crate::screens::record::Record;
use crate::server::known::At;

/// Number of rows that are examined for the kinds of a field's values.
const SAMPLE: usize = 1000;

/// The match that the cursor is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Match {
    /// Number of the match, from 1.
    pub nth: usize,
    pub all: usize,
    /// Whether the search continued at the other end of the list.
    pub wrapped: bool,
}

impl<R: Record> Table<R> {
    /// Parses a typed filter; also returns the error, if any. The fields are all columns (even those for JSON only), and `verdict` and
    /// `reason`.
    pub(crate) fn read_filter(&self, text: &str, at: &At) -> (Filter, Option<String>) {
        let column = |column: &crate::screens::record::Column<R>| Field {
            title: column.title,
            key: column.name,
        };
        let mut fields: Vec<Field> = R::COLUMNS.iter().map(column).collect();
        fields.extend(["verdict", "reason"].map(|key| Field { title: "", key }));
        Filter::read(text, &fields, |field| self.kinds(field, at))
    }

    /// Kinds of a field's values in the present rows.
    fn kinds(&self, field: usize, at: &At) -> Vec<Kind> {
        if field == R::COLUMNS.len() {
            return vec![Kind::Level];
        }
        let mut kinds = Vec::new();
        for row in 0..self.own.min(SAMPLE) {
            let kind = Kind::of(&self.field(row, field, at));
            kinds.extend(kind.filter(|kind| !kinds.contains(kind)));
        }
        kinds
    }

    fn field(&self, row: usize, field: usize, at: &At) -> Value {
        match R::COLUMNS.get(field) {
            Some(column) => (column.value)(&self.rows[row], at),
            None if field == R::COLUMNS.len() => Value::text(self.levels[row].name()),
            None => Value::Text(self.rows[row].verdict(at).reason),
        }
    }

    pub(super) fn passes(&self, row: usize, filter: &Filter, at: &At) -> bool {
        let value = |field| self.field(row, field, at);
        if row >= self.own {
            // A merged row is found by its title only.
            let title = || self.rows[row].title();
            return filter.looks_for_text() && filter.passes(title, value, at.now);
        }
        let line = || {
            let mut line = self.levels[row].name().to_owned();
            for column in shown::<R>() {
                line.push('\t');
                line.push_str(&(column.value)(&self.rows[row], at).show(at.now));
            }
            line
        };
        filter.passes(line, value, at.now)
    }

    /// Keeps the present filter for [`Table::next_match`], even after the filter is removed.
    pub(crate) fn keep_search(&mut self) {
        *self.sought = self.filter.clone();
    }

    /// Text of the filter whose matches the search steps through; empty: it steps through rows with a problem.
    pub(crate) fn sought(&self) -> &str {
        self.sought.text()
    }

    /// Moves the cursor to the next match, or to the previous match if `forward` is false. After the last match comes the first. `None`: no
    /// line matches.
    pub(crate) fn next_match(&mut self, forward: bool, at: &At) -> Option<Match> {
        let lines = 0..self.lines.len();
        let found: Vec<usize> = lines.filter(|&line| self.is_sought(line, at)).collect();
        let next = if forward {
            found.iter().position(|&line| line > self.cursor)
        } else {
            found.iter().rposition(|&line| line < self.cursor)
        };
        let nth = match next {
            Some(nth) => nth,
            None if forward => 0,
            None => found.len().checked_sub(1)?,
        };
        self.cursor = *found.get(nth)?;
        self.moved = true;
        Some(Match {
            nth: nth + 1,
            all: found.len(),
            wrapped: next.is_none(),
        })
    }

    /// Whether a line matches; a closed group matches if one of its rows does.
    fn is_sought(&self, line: usize, at: &At) -> bool {
        let sought = |row: usize| {
            if self.sought.is_empty() {
                self.levels[row] > Level::Ok
            } else {
                self.passes(row, &self.sought, at)
            }
        };
        match self.lines[line] {
            Line::Row(row, _) => sought(row),
            Line::Group(group) => {
                let group = &self.groups.all[group];
                let open = self.groups.is_open(group.name, !self.filter.is_empty());
                !open && group.rows.iter().any(|&row| sought(row))
            }
        }
    }
}
