//! hypertop: a terminal console for `TimescaleDB` operators. The map:
pub mod filter;
pub mod record;
pub mod screens;
pub mod server;
pub mod sql;
pub mod table;
pub mod text;
pub mod value;
pub mod verdict;
