//! Groups of rows, and which of them are open.

use std::collections::HashSet;

use crate::model::verdict::{Finding, Level};

/// Prefix of the keys of groups' lines.
pub(super) const GROUP: &str = "group ";

/// Width of [`Branch::sign`], in cells.
pub(crate) const BRANCH: u16 = 2;

/// Position of a line in its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Branch {
    /// A row in a list without groups.
    Flat,
    /// The only row of its group.
    Alone,
    /// The line of a group: closed, or open.
    Closed,
    Open,
    /// A row below its group's line; `Last` is the last of them.
    Inner,
    Last,
}

/// A line to draw: a row or a group's line, with level, findings, mark and position in the group.
#[derive(Debug)]
pub(crate) struct Shown<'a, R> {
    pub row: &'a R,
    pub level: Level,
    pub findings: &'a [Finding],
    pub marked: bool,
    pub branch: Branch,
}

impl Branch {
    /// Sign before the text of the first column.
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Flat => "",
            Self::Alone => "  ",
            Self::Closed => "▸ ",
            Self::Open => "▾ ",
            Self::Inner => "  ├ ",
            Self::Last => "  └ ",
        }
    }

    pub(crate) fn is_inner(self) -> bool {
        matches!(self, Self::Inner | Self::Last)
    }
}

/// A line of the table: a row with its index in `rows`, or a group with its index in `all`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Line {
    Row(usize, Branch),
    Group(usize),
}

/// The rows of one group that pass the filter: indexes, in the order of the list.
#[derive(Debug)]
pub(super) struct Group<R> {
    pub(super) name: &'static str,
    pub(super) rows: Vec<usize>,
    /// The row that the group's line shows.
    pub(super) head: R,
    pub(super) level: Level,
}

#[derive(Debug)]
pub(super) struct Groups<R> {
    pub(super) on: bool,
    pub(super) all: Vec<Group<R>>,
    /// Width of the longest text of each column in the groups' lines, in cells.
    pub(super) widths: Vec<u16>,
    open: HashSet<&'static str>,
    /// Groups that the user closed while a filter is set. A filter opens all other groups.
    closed: HashSet<&'static str>,
}

impl<R> Groups<R> {
    pub(super) fn new(on: bool) -> Self {
        Self {
            on,
            all: Vec::new(),
            widths: Vec::new(),
            open: HashSet::new(),
            closed: HashSet::new(),
        }
    }

    pub(super) fn is_open(&self, name: &str, filtered: bool) -> bool {
        if filtered {
            !self.closed.contains(name)
        } else {
            self.open.contains(name)
        }
    }

    pub(super) fn toggle(&mut self, name: &'static str, filtered: bool) {
        let kept = if filtered {
            &mut self.closed
        } else {
            &mut self.open
        };
        if !kept.remove(name) {
            kept.insert(name);
        }
    }

    /// A new filter opens all groups that have a match.
    pub(super) fn filter_changed(&mut self) {
        self.closed.clear();
    }
}
