//! Actions on the database and on the console. An action on the database has a form, a plan, a preview, a run, and
//! a rollback.

pub mod act;
pub mod action;
mod aggregates;
mod alter_job;
mod call;
pub mod catalogue;
pub mod chord;
mod code;
mod compression;
pub mod execute;
pub mod form;
mod here;
mod hypertables;
pub(crate) mod immutable;
mod indexes;
mod job_proof;
mod jobs;
pub mod key_map;
mod membership;
pub(crate) mod page;
pub mod plans;
mod policy;
pub mod preview;
mod preview_lines;
mod proof;
mod retention;
pub mod rollback;
mod sessions;
pub mod set_keys;
pub(crate) mod setup;
