//! Progress reports of a running plan.

use tokio::sync::mpsc::UnboundedSender;

/// Progress report of a running plan.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// The journal has it, under this number.
    Began(u64),
    /// Step `number` (from 1) begins.
    Step {
        number: usize,
        of: usize,
        label: String,
    },
    /// A step ended; bytes done so far, and in total.
    Bytes {
        done: i64,
        of: i64,
    },
    /// From the server's progress view: the phase, and the share done (0 to 1).
    Phase(String, Option<f64>),
    /// Reason for waiting: a lock and its holder, a replica, or the user.
    Waits(String),
    /// The wait is over.
    Goes,
    Notice(String),
}

pub(super) fn report(reports: &UnboundedSender<Progress>, progress: Progress) {
    // A closed receiver does not stop the plan.
    let _ = reports.send(progress);
}
