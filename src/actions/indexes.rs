//! Actions on indexes: rebuild, clean up, drop, complete and create.
//!
//! An index on a hypertable itself contains no rows. Only the indexes of its chunks are scanned, become bloated, or are missing.

mod create;
mod drop;
pub(super) mod expressions;
mod facts;
mod rebuild;
mod reindex;

use crate::actions::action::{Action, Family, Group};
use crate::model::target::TargetKind;
use crate::server::known::Edition;
use crate::server::sql::query;

const INDEX: Family = Family {
    group: Group::Indexes,
    on: TargetKind::Index,
    facts: query!("plan_index"),
    needs: Edition::Apache,
};
const TABLE: Family = Family {
    group: Group::Indexes,
    on: TargetKind::Hypertable,
    facts: query!("plan_index_table"),
    needs: Edition::Apache,
};

#[rustfmt::skip]
pub(super) static ACTIONS: &[Action] = &[
    INDEX.asking("reindex-index", &["i"], reindex::form, reindex::index, "REINDEX CONCURRENTLY the index, chunk by chunk"),
    INDEX.plain("drop-leftovers", &[], drop::leftovers,
        "Drop the invalid _ccnew and _ccold indexes that an interrupted REINDEX left on the index's table"),
    INDEX.asking("drop-index", &["D"], drop::form, drop::index,
        "Drop an unused or duplicate index; the other duplicate stays on every chunk"),
    INDEX.asking("rebuild-missing", &["b"], rebuild::form, rebuild::missing, "Create the index on the chunks where it is missing"),
    TABLE.asking("create-index", &[], create::form, create::index, "Create an index on the hypertable, one chunk at a time"),
    TABLE.asking("reindex-table", &[], reindex::table_form, reindex::table,
        "REINDEX CONCURRENTLY all indexes of the hypertable's chunks, compressed ones too"),
];
