//! The rate at which a policy compresses.

use serde::{Deserialize, Serialize};

use crate::model::moment::Stamp;

/// The policy's rate from the catalogue; read only if there is a backlog.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    /// Start of the last run, or of the present one; `None`: never run.
    #[serde(alias = "run_begun")]
    pub begun: Option<Stamp>,
    /// Number of chunks compressed in the run that started at `begun`; `None`: no backlog, or the server did not record it (before 2.13,
    /// from 2.29 on).
    #[serde(alias = "run_chunks")]
    pub done: Option<i64>,
    /// Number of chunks that became due during the last ten schedule intervals; 0 if there is no backlog. `due_seconds`: length of the time
    /// range of these chunks; `None`: no such chunks.
    #[serde(alias = "due_chunks")]
    due: Option<i64>,
    #[serde(alias = "due_over_seconds")]
    due_seconds: Option<f64>,
}

impl Pace {
    /// Number of chunks that become due per second; `None`: unknown.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a number of chunks is below 2^53"
    )]
    pub(super) fn falls_due(&self) -> Option<f64> {
        let over = self.due_seconds.filter(|over| *over > 0.0)?;
        Some(self.due? as f64 / over)
    }
}
