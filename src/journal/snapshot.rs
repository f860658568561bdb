//! The snapshot of a database just before an apply: findings and counters. Their values at that time cannot be read later.

use serde::{Deserialize, Serialize};

use crate::model::moment::Stamp;
use crate::model::screen_id::ScreenId;
use crate::model::verdict::Level;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Server time of the snapshot.
    pub(crate) clock: Stamp,
    /// The warnings and critical findings of the Overview, acknowledged ones included.
    pub(crate) findings: Vec<Found>,
    pub(crate) counters: Counters,
}

/// A finding: its screen, row, rule and level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Found {
    pub screen: ScreenId,
    /// Key of the row on its screen.
    pub of: String,
    /// Name of the rule.
    pub rule: String,
    pub level: Level,
}

/// Counters of the database since its statistics were reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counters {
    pub commits: i64,
    /// Transactions that were rolled back: after an error, a cancel or a timeout, or by the client.
    pub rollbacks: i64,
    pub deadlocks: i64,
    /// Time of the last reset of the statistics. `None`: they were never reset.
    pub reset: Option<Stamp>,
}
