//! A range that a refresh reads, and the buckets that the refresh would delete.

/// A range in an aggregate's time dimension, `to` not included. `None`: no limit on that side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub from: Option<i64>,
    pub to: Option<i64>,
}

/// A range of whole buckets that a refresh would delete or compute wrongly, because source rows were dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lost {
    /// Start of the range. `None`: the range includes everything before `to`.
    pub from: Option<i64>,
    pub to: i64,
    /// Start of the first bucket that would be deleted. `None`: this role may not read the aggregate's rows.
    pub first: Option<i64>,
    /// True if the source has a chunk in this range, but the chunk may have been created again after a drop.
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
