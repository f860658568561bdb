//! Which columns of a table are on the screen, and where.

/// The user's choice for a column.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    #[default]
    IfItFits,
    /// Other columns are left out before it.
    Always,
    Never,
}

/// What the chooser says of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    Shown,
    NoRoom,
    Hidden,
}

/// A column on the terminal: its index among the screen's columns, its first cell and its width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Drawn {
    pub index: usize,
    pub left: u16,
    pub width: u16,
}

#[derive(Debug, Default)]
pub(super) struct Columns {
    /// By index; a column without an entry is shown if it fits.
    pub(super) choices: Vec<Choice>,
    /// Set when drawn.
    pub(super) drawn: Vec<Drawn>,
}
