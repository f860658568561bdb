//! Actions on a database: an action fills a form, makes a plan, shows it in a preview, runs it, and can be rolled back.

pub mod act;
pub mod action;
pub mod aggregates;
pub mod alter_job;
pub mod catalogue;
pub mod chord;
pub mod code;
pub mod compression;
pub mod execute;
pub mod form;
pub(crate) mod here;
pub mod hypertables;
pub mod indexes;
mod job_proof;
pub mod jobs;
pub mod key_map;
pub(crate) mod membership;
pub mod plans;
mod policy;
pub mod preview;
mod preview_lines;
pub(crate) mod proof;
pub mod retention;
pub mod rollback;
pub mod sessions;
pub mod set_keys;
