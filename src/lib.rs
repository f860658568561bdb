//! hypertop: a terminal console for `TimescaleDB` operators. The map:
pub mod sql;
pub mod text;
pub mod value;
