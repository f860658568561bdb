//! Progress reports of a running plan.

use tokio::sync::mpsc::UnboundedSender;

#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// The plan started, with this journal entry id.
    Began(u64),
    /// Step `number` (counted from 1) starts.
    Step {
        number: usize,
        of: usize,
        label: String,
    },
    /// A step ended: bytes of the steps done so far, and of all steps.
    Bytes {
        done: i64,
        of: i64,
    },
    /// Phase in PostgreSQL's progress view, and the fraction done (0 to 1; `None`: unknown).
    Phase(String, Option<f64>),
    /// The plan waits, for this reason: a lock, a replica, or the user.
    Waits(String),
    /// The wait is over.
    Goes,
    Notice(String),
}

pub(super) fn report(reports: &UnboundedSender<Progress>, progress: Progress) {
    // The plan continues even if no one receives the reports.
    let _ = reports.send(progress);
}
