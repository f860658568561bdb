//! Policy files: `export`, `plan`, `lint`, `apply`, and the Policies screen.

pub(super) mod amend;
pub(crate) mod apply;
mod dump;
pub mod export;
mod made;
pub(super) mod object;
pub mod plan;
mod print;
pub(super) mod rows;
mod saved;
pub mod validate;
