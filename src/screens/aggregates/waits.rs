//! Changes that wait for a refresh, and other policies that affect an aggregate.

use serde::{Deserialize, Serialize};

use crate::server::row::or_default;

/// Changes that wait for a refresh, including changes that no policy will refresh. Times are in the unit of the time dimension.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    /// Start of the policies' refresh windows at their next run; `None`: no policy, a window without a start, or unknown.
    #[serde(default)]
    pub(super) reach_from: Option<i64>,
    /// End of the refreshed range; `None`: unknown.
    #[serde(default)]
    pub(super) tail: Option<i64>,
    /// Number of changed ranges that start before every refresh window and whose rows the source still has.
    pub(super) unreached: i64,
    /// End of the latest of the `unreached` ranges; `None`: there are none, or `reach_from` is unknown.
    pub(super) unreached_to: Option<i64>,
    /// Start of the first changed range; `unread_next`: start of the first changed range inside the refresh windows. `None`: no such range,
    /// or `reach_from` is unknown.
    #[serde(default)]
    pub(super) unread_from: Option<i64>,
    #[serde(default)]
    pub(super) unread_next: Option<i64>,
    /// Latest end of the changed ranges that start before the source's oldest chunk. A drop of chunks logs such ranges. `None`: no such
    /// ranges, or `reach_from` is unknown.
    #[serde(default)]
    pub(super) cut_to: Option<i64>,
    /// Number of ranges left by an interrupted refresh; from TimescaleDB 2.22 on.
    pub(super) ranges: i64,
    /// Pid of an idle session that still reserves the range of a cancelled refresh (from TimescaleDB 2.26 on); `None`: there is none.
    pub(super) stuck_pid: Option<i32>,
    /// Start of the source's oldest chunk; `first_chunk_end`: end of this chunk. `None`: no chunks.
    pub(super) source_start: Option<i64>,
    pub(super) first_chunk_end: Option<i64>,
    /// Whether the watermark is later than now by more than the longest possible bucket; false for integer time.
    #[serde(default, deserialize_with = "or_default")]
    pub(super) ahead: bool,
}

impl Waits {
    /// Takes the exact figures of integer time; without them, nothing is reported as unreached.
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

/// Policies besides the refresh policies: retention of the source, compression of the aggregate's own chunks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Around {
    /// Whether the source's retention policy is scheduled; `None`: no such policy.
    pub source_drops: Option<bool>,
    pub source_drop_seconds: Option<f64>,
    /// `drop_after` of the source's retention policy in units of integer time; `None`: no such policy, or `drop_after` is not a number.
    pub source_drop_number: Option<i64>,
    #[serde(alias = "own_compress_after")]
    pub compress_after: Option<String>,
    /// Whether the compression policy compresses chunks inside the refresh window; `None`: no compression policy, no refresh policy, or
    /// unknown.
    pub compresses_inside: Option<bool>,
}
