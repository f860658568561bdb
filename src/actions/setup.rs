//! Makes one plan from the changes that lead from the present setup of a database to the setup in a policy file. Each change is made by the
//! console's action for it, with the guards, notes, locks and undo of the action.

pub(crate) mod atomic;
mod fresh;
pub(crate) mod hazard;
mod inputs;
pub(crate) mod planned;
pub(crate) mod script;
mod slots;
mod staged;
