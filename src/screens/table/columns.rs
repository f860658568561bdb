//! The columns of a table that are shown, and their positions.

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    #[default]
    IfItFits,
    /// On a narrow terminal, left out only if all columns without this choice are left out already.
    Always,
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    Shown,
    NoRoom,
    Hidden,
}

/// A drawn column: index among the screen's columns, first cell, and width in cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Drawn {
    pub index: usize,
    pub left: u16,
    pub width: u16,
}

#[derive(Debug, Default)]
pub(super) struct Columns {
    /// The user's choice for each column, by index. A column past the end is [`Choice::IfItFits`].
    pub(super) choices: Vec<Choice>,
    /// The columns as last drawn.
    pub(super) drawn: Vec<Drawn>,
}
