//! Groups of rows: their lines, and which of them are open.

use std::collections::HashSet;

use crate::model::verdict::{Finding, Level};

/// Start of the key of a group's line.
pub(super) const GROUP: &str = "group ";

/// Width of the sign of a line's place in its group.
pub(crate) const BRANCH: u16 = 2;

/// A line's place in its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Branch {
    /// A row of a list without groups.
    Flat,
    /// A row that is alone in its group.
    Alone,
    /// The line of a closed or an open group.
    Closed,
    Open,
    /// A row below its group's line, and the last of these rows.
    Inner,
    Last,
}

/// A line as it is drawn: a row, or the line of a group, with its level and its place in the group.
#[derive(Debug)]
pub(crate) struct Shown<'a, R> {
    pub row: &'a R,
    pub level: Level,
    pub findings: &'a [Finding],
    pub marked: bool,
    pub branch: Branch,
}

impl Branch {
    /// Sign before the first cell.
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

/// A line of the table: a row, or a group, by its index.
#[derive(Debug, Clone, Copy)]
pub(super) enum Line {
    Row(usize, Branch),
    Group(usize),
}

/// Rows of one group that pass the filter, in order.
#[derive(Debug)]
pub(super) struct Group<R> {
    pub(super) name: &'static str,
    pub(super) rows: Vec<usize>,
    /// The group's line.
    pub(super) head: R,
    pub(super) level: Level,
}

/// The groups, and which of them are open.
#[derive(Debug)]
pub(super) struct Groups<R> {
    /// Rows are shown by group.
    pub(super) on: bool,
    pub(super) all: Vec<Group<R>>,
    /// Width of the longest text of each column in the groups' lines.
    pub(super) widths: Vec<u16>,
    open: HashSet<&'static str>,
    /// Groups that the user closed while a filter opens those with a match.
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

    /// Another filter opens every group with a match.
    pub(super) fn filter_changed(&mut self) {
        self.closed.clear();
    }
}
