//! Policy files: `export`, `plan`, `lint`, `apply`, and the Policies screen.

pub(crate) mod amend;
pub mod apply;
mod dump;
pub mod export;
mod made;
pub(crate) mod object;
pub mod plan;
mod print;
pub(crate) mod rows;
mod saved;
pub mod validate;
