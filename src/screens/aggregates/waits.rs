//! Changes that wait for a refresh, and the other policies around an aggregate.

use serde::{Deserialize, Serialize};

use crate::server::row::or_default;

/// Changes that wait for a refresh, and those that no policy will refresh.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    /// Start of its policies' refresh windows at their next run; `None`: unbounded, or unknown.
    #[serde(default)]
    pub(crate) reach_from: Option<i64>,
    /// End of what was refreshed.
    #[serde(default)]
    pub(crate) tail: Option<i64>,
    /// Number of changed ranges before every refresh window, of which the source still has the rows.
    pub unreached: i64,
    /// End of the newest of these.
    pub(crate) unreached_to: Option<i64>,
    /// Start of the first changed range, and of the first one inside the refresh windows.
    #[serde(default)]
    pub(crate) unread_from: Option<i64>,
    #[serde(default)]
    pub(crate) unread_next: Option<i64>,
    /// End of the changed ranges that start before the source's oldest chunk.
    #[serde(default)]
    pub(crate) cut_to: Option<i64>,
    /// Number of ranges that an interrupted refresh left unfinished; since 2.22.
    pub ranges: i64,
    /// An idle session that still reserves the range of a cancelled refresh; since 2.26.
    pub(crate) stuck_pid: Option<i32>,
    /// Start and end of the source's oldest chunk.
    pub(crate) source_start: Option<i64>,
    pub(crate) first_chunk_end: Option<i64>,
    /// Its watermark is after the present bucket.
    #[serde(default, deserialize_with = "or_default")]
    pub ahead: bool,
}

impl Waits {
    /// Takes the figures of integer time; without them, unreached changes are unknown.
    pub(super) fn reach(&mut self, figures: &[Option<i64>]) {
        let figure = |nth: usize| figures.get(nth).copied().flatten();
        self.reach_from = figure(0);
        self.unreached = figure(1).unwrap_or(0);
        self.unreached_to = figure(2);
        self.unread_from = figure(3);
        self.unread_next = figure(4);
        self.cut_to = figure(5);
    }
}

/// The other policies: retention of its source, compression of its own chunks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Around {
    /// Whether the source's retention policy is scheduled; `None`: it has none.
    pub source_drops: Option<bool>,
    pub source_drop_seconds: Option<f64>,
    /// The same for integer time.
    pub source_drop_number: Option<i64>,
    #[serde(alias = "own_compress_after")]
    pub compress_after: Option<String>,
    /// Whether its compression policy compresses chunks inside its refresh window; `None`: no such policy, or unknown.
    pub compresses_inside: Option<bool>,
}
