//! What was done, kept on disk: one JSON object a line, appended and synced before a statement runs and after it ended.
//!
//! An action leaves a `begin` line (with its plan and the state before), a `mark` line before each step takes effect, a
//! `step` line after it, an `end` line (with the state after). A mark without its step was cut off between the two; the
//! mark's transaction id tells, by the server's own record, whether the step took effect. A finding that is acknowledged leaves an `acknowledge` line, and an `ended` line when it counts
//! again; nothing was changed in the database then. A begin without an end was cut off: what was under way then may or may not have happened.

pub mod acknowledge;
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

pub use differences::differences;
pub(crate) use entries::Entries;
pub use entry::Entry;
pub use file::Journal;
pub use place::{Place, Run};
pub use process::{Running, began};

pub(crate) use self::line::{Begin, End, Mark, Ran};
pub use self::line::{Outcome, Seen};
