//! Policy files: `export`, `plan`, `lint`, `validate`, `apply`, and the Policies screen.

pub(super) mod amend;
pub(crate) mod apply;
mod dump;
pub mod export;
mod made;
pub(super) mod object;
pub mod plan;
mod print;
mod queries;
pub(super) mod rows;
mod saved;
mod spelled;
pub mod validate;
