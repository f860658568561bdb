//! Acting on indexes: build anew, clean up, drop, complete, create.
//!
//! A hypertable's index is a pattern; what is scanned, bloated and missing are its copies on the chunks.

mod create;
mod drop;
mod facts;
mod rebuild;
mod reindex;

use crate::actions::act::Act;
use crate::actions::action::{Action, Group, act};
use crate::model::target::Kind;
use crate::server::sql::{Query, query};

const FACTS: Query = query!("plan_index");
const TABLE_FACTS: Query = query!("plan_index_table");

pub static ACTIONS: &[Action] = &[
    act(
        "reindex-index",
        &["i"],
        Group::Indexes,
        Act {
            on: Kind::Index,
            facts: FACTS,
            form: Some(reindex::form),
            plan: reindex::index,
        },
        "REINDEX CONCURRENTLY the index, chunk by chunk",
    ),
    act(
        "drop-leftovers",
        &[],
        Group::Indexes,
        Act {
            on: Kind::Index,
            facts: FACTS,
            form: None,
            plan: drop::leftovers,
        },
        "Drop the invalid _ccnew and _ccold indexes that an interrupted REINDEX left on the index's table",
    ),
    act(
        "drop-index",
        &["D"],
        Group::Indexes,
        Act {
            on: Kind::Index,
            facts: FACTS,
            form: Some(drop::form),
            plan: drop::index,
        },
        "Drop an unused or duplicate index; a duplicate's survivor keeps an index on every chunk",
    ),
    act(
        "rebuild-missing",
        &["b"],
        Group::Indexes,
        Act {
            on: Kind::Index,
            facts: FACTS,
            form: Some(rebuild::form),
            plan: rebuild::missing,
        },
        "Create the index on the chunks that lack it",
    ),
    act(
        "create-index",
        &[],
        Group::Indexes,
        Act {
            on: Kind::Hypertable,
            facts: TABLE_FACTS,
            form: Some(create::form),
            plan: create::index,
        },
        "Create an index on the hypertable, one chunk at a time",
    ),
    act(
        "reindex-table",
        &[],
        Group::Indexes,
        Act {
            on: Kind::Hypertable,
            facts: TABLE_FACTS,
            form: Some(reindex::table_form),
            plan: reindex::table,
        },
        "REINDEX CONCURRENTLY all indexes of the hypertable's chunks, compressed ones too",
    ),
];
