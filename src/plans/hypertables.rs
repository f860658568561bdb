//! Acting on hypertables.
pub static ACTIONS: &[crate::action::Action] = &[];
