//! Reports of a plan that runs.

use tokio::sync::mpsc::UnboundedSender;

/// Reports of a plan that runs.
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
    /// A step ended; the bytes that are done so far, of the whole.
    Bytes {
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

pub(super) fn report(reports: &UnboundedSender<Progress>, progress: Progress) {
    // Nobody may be listening any more; the work goes on to its end all the same.
    let _ = reports.send(progress);
}
