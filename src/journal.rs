//! The change journal on disk: one JSON object a line, synced before a statement runs and after it has ended.
//!
//! An action leaves a `begin` line (with its plan and the state before), a `mark` line before each step takes effect, a
//! `step` line after it, an `end` line (with the state after). A mark without a step line was interrupted between the two:
//! the server knows by the mark's transaction id whether the step took effect. A begin without an end was interrupted:
//! its last step may or may not have happened. An acknowledged finding has an `acknowledge` line, and an `ended` line
//! when it is shown again; the database is not changed by these.

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
mod words;

#[cfg(test)]
mod tests;

pub use changes::PolicyChange;
pub use differences::differences;
pub(crate) use entries::Entries;
pub use entry::Entry;
pub use file::Journal;
pub use place::{Place, Run};
pub use process::{Running, began};

pub(crate) use self::line::{Begin, End, Mark, Ran};
pub use self::line::{Outcome, Seen};
