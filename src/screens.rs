//! The screens, one module each. [`catalogue`] lists them; [`gather`] collects the findings of all.

pub(crate) mod about;
pub mod activity;
pub mod aggregates;
pub mod axis;
pub mod catalogue;
pub(crate) mod cells;
pub mod chart;
pub mod chunks;
pub mod compression;
pub mod details;
pub mod filter;
pub mod gather;
pub(crate) mod headline;
pub mod history;
pub mod hypertables;
pub mod indexes;
pub mod jobs;
pub mod journal;
pub mod later;
mod load;
pub mod overview;
mod paced;
pub mod page;
pub mod policies;
pub mod policy;
pub mod queries;
pub mod record;
pub mod retention;
pub mod server;
pub mod table;

pub(crate) use catalogue::with_table;
pub use catalogue::{Rows, Screens};
