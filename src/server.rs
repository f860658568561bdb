//! A PostgreSQL server with TimescaleDB: sessions that read it, and what is known of it.

pub mod exact;
pub mod known;
pub mod row;
mod script;
pub mod session;
pub mod sql;
