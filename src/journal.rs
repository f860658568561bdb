//! The change journal on disk: one JSON object per line, synced before a statement runs and after it has ended.
//!
//! An action writes a `begin` line (its plan and the state before), for each step a `mark` line before the step takes effect and a `step`
//! line after it, and an `end` line (the state after). If a step line is missing, the step was interrupted. The server then knows, by the
//! transaction id in the mark, whether the step took effect. An acknowledged finding has an `acknowledge` line. It also has an `ended` line
//! after it was shown again.

pub mod acknowledge;
mod changes;
mod differences;
mod entries;
mod entry;
mod file;
mod line;
mod own;
mod place;
mod process;
pub mod serve;
mod snapshot;
mod words;

#[cfg(test)]
mod tests;

pub(crate) use changes::PolicyChange;
pub(crate) use differences::differences;
pub(crate) use entries::Entries;
pub use entry::Entry;
pub use file::Journal;
pub use place::{Place, Run};
pub(crate) use process::{Running, began};
pub(crate) use snapshot::{Counters, Found, Snapshot};

pub(crate) use self::line::{Begin, End, Mark, Ran};
pub use self::line::{Outcome, Seen};
