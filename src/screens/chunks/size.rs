//! A chunk's size, which may be unknown.

use serde::Deserialize;

use crate::model::value::Value;

/// Size of a chunk. It is read only for the newest 500 chunks, and only if no lock prevents it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(from = "Columns")]
pub(crate) enum Size {
    Bytes(i64),
    /// Another session has a conflicting lock.
    Locked,
    NotAsked,
}

/// The columns of the query. If both are NULL, the size was not read.
#[derive(Deserialize)]
struct Columns {
    bytes: Option<i64>,
    locked: Option<bool>,
}

impl From<Columns> for Size {
    fn from(columns: Columns) -> Self {
        match columns.bytes {
            Some(bytes) => Self::Bytes(bytes),
            None if columns.locked == Some(true) => Self::Locked,
            None => Self::NotAsked,
        }
    }
}

impl Size {
    pub(super) fn bytes(self) -> Option<i64> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Locked | Self::NotAsked => None,
        }
    }

    /// The part of a list's title that explains why sizes are missing.
    pub(crate) fn note(what: &str, sizes: impl Iterator<Item = Self>) -> String {
        let (mut many, mut asked, mut locked) = (0, 0, 0);
        for size in sizes {
            many += 1;
            asked += usize::from(size != Self::NotAsked);
            locked += usize::from(size == Self::Locked);
        }
        let newest = (asked < many).then(|| format!(", {what} of the newest {asked}"));
        let held = (locked > 0).then(|| format!(", {locked} locked by another session"));
        newest.into_iter().chain(held).collect()
    }
}

impl From<Size> for Value {
    fn from(size: Size) -> Self {
        match size {
            Size::Bytes(bytes) => Self::Bytes(bytes),
            Size::Locked => "locked".into(),
            Size::NotAsked => Self::Null,
        }
    }
}
