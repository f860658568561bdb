//! A PostgreSQL server with TimescaleDB: the sessions that read it, and facts about it.

pub mod databases;
pub mod exact;
pub mod known;
pub mod row;
mod script;
pub mod session;
pub mod setup;
pub mod sql;
pub mod validate;
