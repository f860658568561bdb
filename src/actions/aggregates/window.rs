//! A range that a refresh reads, and the rows that it would lose.

/// A window on the axis. `None`: open on that side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub from: Option<i64>,
    pub to: Option<i64>,
}

/// Whole buckets that a refresh would delete or compute wrongly, because their source was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lost {
    /// `None`: from the aggregate's first row on.
    pub from: Option<i64>,
    pub to: i64,
    /// The first row that would be deleted. `None`: this role may not read it.
    pub first: Option<i64>,
    /// The source has rows there, but perhaps not the same ones.
    pub remade: bool,
}

impl Lost {
    pub(super) fn meets(self, window: Window) -> bool {
        window.from.is_none_or(|from| from < self.to)
            && self.from.zip(window.to).is_none_or(|(from, to)| from < to)
            && self
                .first
                .zip(window.to)
                .is_none_or(|(first, to)| first < to)
    }
}
