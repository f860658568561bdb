//! What the policies of a table have in common, whatever they do.

pub(crate) mod add;
pub(crate) mod change;
pub(crate) mod conflicts;
pub(crate) mod rule;
