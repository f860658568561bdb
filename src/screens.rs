//! The screens, and the parts that they share. [`catalogue`] lists the screens; [`gather`] collects the findings of all screens.

mod about;
pub mod activity;
pub mod aggregates;
pub mod axis;
mod catalogue;
mod cells;
pub(crate) mod chart;
mod chunks;
pub mod compression;
pub(crate) mod details;
mod filter;
pub mod gather;
pub(crate) mod headline;
pub(crate) mod history;
pub mod hypertables;
pub mod indexes;
pub mod jobs;
pub mod journal;
pub mod later;
mod load;
pub mod overview;
mod paced;
pub(crate) mod page;
pub(crate) mod policies;
pub mod policy;
pub mod queries;
pub mod record;
pub(crate) mod retention;
pub mod server;
pub mod table;

pub(crate) use catalogue::with_table;
pub use catalogue::{Rows, Screens};
