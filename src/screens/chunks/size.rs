//! A size in a list of chunks, where it may not be known.

use serde::Deserialize;

use crate::model::value::Value;

/// It is asked for the newest 500 only, and of nothing that would have to be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(from = "Columns")]
pub enum Size {
    Bytes(i64),
    /// Another session's lock.
    Locked,
    NotAsked,
}

/// Both NULL: it was not asked.
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
    pub fn bytes(self) -> Option<i64> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Locked | Self::NotAsked => None,
        }
    }

    /// What a list's title says of the sizes that are not there.
    pub fn note(what: &str, sizes: impl Iterator<Item = Self>) -> String {
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
