//! Makes one plan from the changes of a setup. Each change uses the console's action for it, with the action's guards, notes, locks and
//! undo.

pub(crate) mod atomic;
mod fresh;
pub(crate) mod hazard;
mod inputs;
pub(crate) mod planned;
pub(crate) mod script;
mod slots;
mod staged;
