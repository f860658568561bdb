//! Changes of a setup as one plan: each change by the action that the console has for it, with its guards, notes, locks and undo.

pub mod atomic;
pub mod fresh;
pub mod hazard;
mod inputs;
pub mod planned;
pub mod script;
mod slots;
mod staged;
