//! What is told while a plan runs.

use tokio::sync::mpsc::UnboundedSender;

/// What is told while a plan runs.
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
    /// A step ended; the weight that is done so far, of the whole.
    Weight {
        done: i64,
        of: i64,
    },
    /// The server's own progress view: the phase, and the share that is done.
    Phase(String, Option<f64>),
    /// Why it waits: for a lock and its holder, for a replica, for a person.
    Waits(String),
    /// It goes on.
    Goes,
    Notice(String),
}

pub(super) fn tell(told: &UnboundedSender<Progress>, progress: Progress) {
    // Nobody may be listening any more; the work goes on to its end all the same.
    let _ = told.send(progress);
}
