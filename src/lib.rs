//! hypertop: a terminal console for `TimescaleDB` operators. The map:
pub mod action;
pub mod app;
pub mod details;
pub mod filter;
pub mod overlay;
pub mod record;
pub mod screens;
pub mod server;
pub mod sql;
pub mod table;
pub mod text;
pub mod theme;
pub mod ui;
pub mod value;
pub mod verdict;
