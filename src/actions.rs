//! Actions on the database and on the console. An action on the database has a form, a plan, a preview, a run, and
//! a rollback.

pub mod act;
pub mod action;
pub mod aggregates;
pub mod alter_job;
pub mod call;
pub mod catalogue;
pub mod chord;
pub mod code;
pub mod compression;
pub mod execute;
pub mod form;
pub(crate) mod here;
pub mod hypertables;
pub(crate) mod immutable;
pub mod indexes;
mod job_proof;
pub mod jobs;
pub mod key_map;
pub(crate) mod membership;
pub mod page;
pub mod plans;
mod policy;
pub mod preview;
mod preview_lines;
pub(crate) mod proof;
pub mod retention;
pub mod rollback;
pub mod sessions;
pub mod set_keys;
pub mod setup;
