//! The setup of a database: its hypertables, aggregates and indexes with their settings and policies. A policy file describes the wanted
//! setup; changes lead from the present setup to the wanted one.

pub(crate) mod amend;
pub mod apply;
pub(crate) mod bare;
pub mod change;
pub mod changes;
pub(crate) mod expect;
pub mod file;
pub mod guard;
mod length;
pub mod lint;
pub mod name;
pub mod objects;
pub(crate) mod order_by;
mod query;
pub(crate) mod reason;
pub(crate) mod wish;
pub mod write;
