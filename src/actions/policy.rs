//! Code that compression, retention and refresh policies share.

pub(super) mod add;
pub(super) mod change;
pub(super) mod conflicts;
pub(super) mod picture;
pub(super) mod row_loss;
pub(super) mod rule;
