//! What a database has, or should have: hypertables, aggregates and indexes with their settings and policies; the policy file that
//! says what it should have; and the changes that lead from the one to the other.

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
