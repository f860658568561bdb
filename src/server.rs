//! A PostgreSQL server with TimescaleDB: the sessions that read it, and facts about it.

pub(crate) mod databases;
pub mod exact;
pub mod known;
pub(crate) mod row;
mod script;
pub mod session;
pub(crate) mod setup;
pub mod sql;
pub(crate) mod validate;
