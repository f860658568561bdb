//! The setup of a database: its hypertables, aggregates and indexes with their settings and policies. A policy file describes the wanted
//! setup; changes lead from the present setup to the wanted one.

pub mod amend;
pub mod apply;
pub(crate) mod bare;
pub mod change;
pub mod changes;
pub mod expect;
pub mod file;
pub mod guard;
pub(crate) mod length;
pub mod lint;
pub mod name;
pub mod objects;
pub mod order_by;
pub(crate) mod query;
pub mod reason;
pub mod wish;
pub mod write;
