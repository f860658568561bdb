//! Code that compression, retention and refresh policies share.

pub(crate) mod add;
pub(crate) mod change;
pub(crate) mod conflicts;
pub(crate) mod picture;
pub(crate) mod row_loss;
pub(crate) mod rule;
