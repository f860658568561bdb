//! Makes one plan from the changes of a setup. Each change uses the console's action for it, with the action's guards, notes, locks and
//! undo.

pub mod atomic;
pub mod fresh;
pub mod hazard;
mod inputs;
pub mod planned;
pub mod script;
mod slots;
mod staged;
