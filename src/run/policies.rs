//! Policy files: `export`, `plan`, `lint` and `apply`.

pub mod apply;
mod dump;
pub mod export;
mod made;
pub mod plan;
mod print;
mod saved;
pub mod validate;
