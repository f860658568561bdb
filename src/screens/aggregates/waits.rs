//! What a refresh waits for, and what stands around an aggregate.

use serde::{Deserialize, Serialize};

use crate::server::row::or_default;

/// What waits for a refresh, and will not get one by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    /// Where the reach of its policies begins at their next run; `None`: one reaches over everything, or it is not known.
    #[serde(default)]
    pub reach_from: Option<i64>,
    /// From here on nothing was refreshed.
    #[serde(default)]
    pub tail: Option<i64>,
    /// Changed ranges of what the source still has, older than any of its policies goes back.
    pub unreached: i64,
    /// Where the newest of them ends.
    pub unreached_to: Option<i64>,
    /// Where the first changed range begins, and the first that begins within the reach.
    #[serde(default)]
    pub unread_from: Option<i64>,
    #[serde(default)]
    pub unread_next: Option<i64>,
    /// Where the changed ranges end that begin before the source does.
    #[serde(default)]
    pub cut_to: Option<i64>,
    /// What an interrupted refresh left half done; since 2.22.
    pub ranges: i64,
    /// An idle session that keeps the range of a cancelled refresh; since 2.26.
    pub stuck_pid: Option<i32>,
    /// Where the oldest chunk of the source begins and ends.
    pub source_start: Option<i64>,
    pub first_chunk_end: Option<i64>,
    /// Its watermark lies beyond the present bucket.
    #[serde(default, deserialize_with = "or_default")]
    pub ahead: bool,
}

impl Waits {
    /// Takes the figures of integer time; without them nothing is known of what no policy goes back to.
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
    /// The retention policy of the source is scheduled; `None`: there is none.
    pub source_drops: Option<bool>,
    pub source_drop_seconds: Option<f64>,
    /// The same for integer time.
    pub source_drop_number: Option<i64>,
    #[serde(alias = "own_compress_after")]
    pub compress_after: Option<String>,
    /// Its compression policy takes chunks that its refreshes still write to; `None`: no such policy, or not comparable.
    pub compresses_inside: Option<bool>,
}
