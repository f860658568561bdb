//! Rows by group. Each group has a line, and while the group is open, its rows are below this line.

use std::collections::HashMap;

use super::groups::{GROUP, Group};
use super::{Branch, Line, Shown, Table, cell_width, shown};
use crate::model::verdict::Level;
use crate::screens::record::Record;
use crate::server::known::At;

impl<R: Record> Table<R> {
    pub(crate) fn is_grouped(&self) -> bool {
        self.groups.on
    }

    /// Switches between grouped rows and a plain list.
    pub(crate) fn toggle_groups(&mut self, at: &At) {
        let key = self.key();
        self.groups.on = R::GROUPED && !self.groups.on;
        self.arrange(key.as_deref(), at);
    }

    /// Opens or closes the selected group; false: a row is selected.
    pub(crate) fn toggle_group(&mut self, at: &At) -> bool {
        let Some(name) = self.selected_group().map(|group| group.name) else {
            return false;
        };
        self.groups.toggle(name, !self.filter.is_empty());
        self.moved = true;
        self.rearrange(at);
        true
    }

    /// Opens the selected group, and selects the row that the group's line shows; false: a row is selected.
    pub(crate) fn enter_group(&mut self, at: &At) -> bool {
        let Some(group) = self.selected_group() else {
            return false;
        };
        let shown = group.head.key();
        if !self.groups.is_open(group.name, !self.filter.is_empty()) {
            self.toggle_group(at);
        }
        self.moved = true;
        self.arrange(Some(&shown), at);
        true
    }

    pub(crate) fn is_on_group(&self) -> bool {
        self.selected_group().is_some()
    }

    /// The rows of the selected group; empty: a row is selected.
    pub(crate) fn group_rows(&self) -> Vec<&R> {
        let rows = self.selected_group().map_or(&[][..], |group| &group.rows);
        rows.iter().map(|&row| &self.rows[row]).collect()
    }

    fn selected_group(&self) -> Option<&Group<R>> {
        match self.lines.get(self.cursor)? {
            Line::Group(group) => self.groups.all.get(*group),
            Line::Row(..) => None,
        }
    }

    pub(super) fn key_of(&self, line: Line) -> String {
        match line {
            Line::Row(row, _) => self.rows[row].key(),
            Line::Group(group) => format!("{GROUP}{}", self.groups.all[group].name),
        }
    }

    /// Fills `lines` from the rows that pass the filter. Groups are in the order of their first rows.
    pub(super) fn make_lines(&mut self, at: &At) {
        self.groups.all.clear();
        self.lines = if self.groups.on {
            self.grouped_lines(at)
        } else {
            let flat = |row: &usize| Line::Row(*row, Branch::Flat);
            self.view.iter().map(flat).collect()
        };
    }

    fn grouped_lines(&mut self, at: &At) -> Vec<Line> {
        let mut places: HashMap<&'static str, usize> = HashMap::new();
        let mut parts: Vec<(Option<&'static str>, Vec<usize>)> = Vec::new();
        for &row in &self.view {
            let name = self.rows[row].group();
            if let Some(&place) = name.and_then(|name| places.get(name)) {
                parts[place].1.push(row);
            } else {
                places.extend(name.map(|name| (name, parts.len())));
                parts.push((name, vec![row]));
            }
        }
        let mut lines = Vec::new();
        let mut heads = vec![0; shown::<R>().count()];
        for (name, rows) in parts {
            let of: Vec<_> = rows.iter().map(|&row| &self.rows[row]).collect();
            let head = if of.len() > 1 { R::head(&of, at) } else { None };
            let Some((name, head)) = name.zip(head) else {
                lines.extend(rows.into_iter().map(|row| Line::Row(row, Branch::Alone)));
                continue;
            };
            for (width, column) in heads.iter_mut().zip(shown::<R>()) {
                *width = cell_width(column, &head, at).max(*width);
            }
            lines.push(Line::Group(self.groups.all.len()));
            if self.groups.is_open(name, !self.filter.is_empty()) {
                let last = rows.len() - 1;
                lines.extend(rows.iter().enumerate().map(|(nth, &row)| {
                    let branch = if nth == last {
                        Branch::Last
                    } else {
                        Branch::Inner
                    };
                    Line::Row(row, branch)
                }));
            }
            let level = rows.iter().map(|&row| self.levels[row]).max();
            self.groups.all.push(Group {
                name,
                rows,
                head,
                level: level.unwrap_or(Level::Ok),
            });
        }
        self.groups.widths = heads;
        lines
    }

    /// Index of the line with this key. For a row in a closed group: the group's line. For a group that has no line: the line of its first
    /// row. `None`: no such line.
    pub(super) fn line_of(&self, key: &str) -> Option<usize> {
        let exact = |line: &Line| match (line, key.strip_prefix(GROUP)) {
            (Line::Group(group), Some(name)) => self.groups.all[*group].name == name,
            (Line::Row(row, _), None) => self.rows[*row].key() == key,
            _ => false,
        };
        let in_group = |name: &str| {
            self.lines.iter().position(|line| match line {
                Line::Group(group) => self.groups.all[*group].name == name,
                Line::Row(row, _) => self.rows[*row].group() == Some(name),
            })
        };
        self.lines.iter().position(exact).or_else(|| {
            let name = match key.strip_prefix(GROUP) {
                Some(name) => name,
                None if !self.groups.on => return None,
                None => self.find(key)?.group()?,
            };
            in_group(name)
        })
    }

    pub(super) fn drawn(&self, line: Line) -> Shown<'_, R> {
        match line {
            Line::Row(row, branch) => {
                let of = &self.rows[row];
                Shown {
                    row: of,
                    level: self.levels[row],
                    findings: &self.findings[row],
                    marked: self.is_marked(of),
                    branch,
                }
            }
            Line::Group(group) => {
                let group = &self.groups.all[group];
                let open = self.groups.is_open(group.name, !self.filter.is_empty());
                let branch = if open { Branch::Open } else { Branch::Closed };
                let marked = group
                    .rows
                    .iter()
                    .all(|&row| self.is_marked(&self.rows[row]));
                Shown {
                    row: &group.head,
                    level: group.level,
                    findings: &[],
                    marked,
                    branch,
                }
            }
        }
    }
}
