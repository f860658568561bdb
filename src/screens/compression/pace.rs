//! How fast a policy compresses.

use serde::{Deserialize, Serialize};

use crate::model::moment::Stamp;

/// What the catalogues know of the policy's pace; asked only where there is a backlog.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    /// When its last run began, also the one that runs now.
    #[serde(alias = "run_begun")]
    pub begun: Option<Stamp>,
    /// Chunks whose compressed part was made in that run; `None`: this version does not tell (before 2.14, from 2.29).
    #[serde(alias = "run_chunks")]
    pub done: Option<i64>,
    /// Chunks that fell due in the time of ten runs, by their ranges, and over how many seconds they reach.
    #[serde(alias = "due_chunks")]
    pub due: Option<i64>,
    #[serde(alias = "due_over_seconds")]
    pub due_seconds: Option<f64>,
}

impl Pace {
    /// Chunks that fall due in a second.
    #[expect(clippy::cast_precision_loss, reason = "numbers of chunks fit")]
    pub(super) fn falls_due(&self) -> Option<f64> {
        let over = self.due_seconds.filter(|over| *over > 0.0)?;
        Some(self.due? as f64 / over)
    }
}
