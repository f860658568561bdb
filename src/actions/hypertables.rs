//! Acting on hypertables: the interval of new chunks, statistics, the reorder policy.

mod analyze;
mod facts;
mod interval;
mod reorder;

use crate::actions::act::Act;
use crate::actions::action::{Action, Group, act};
use crate::model::target::Kind;
use crate::server::sql::{Query, query};

const FACTS: Query = query!("plan_hypertable");

pub static ACTIONS: &[Action] = &[
    act(
        "set-chunk-interval",
        &["i"],
        Group::Hypertables,
        Act {
            on: Kind::Hypertable,
            facts: FACTS,
            form: Some(interval::form),
            plan: interval::plan,
        },
        "Change what new chunks of the selected hypertable span",
    ),
    act(
        "analyze-table",
        &[],
        Group::Hypertables,
        Act {
            on: Kind::Hypertable,
            facts: FACTS,
            form: None,
            plan: analyze::plan,
        },
        "Gather the planner's statistics of the selected hypertable and its chunks",
    ),
    act(
        "add-reorder-policy",
        &[],
        Group::Hypertables,
        Act {
            on: Kind::Hypertable,
            facts: FACTS,
            form: Some(reorder::form),
            plan: reorder::add,
        },
        "Keep the rows of the selected hypertable's older chunks in the order of an index",
    ),
    act(
        "remove-reorder-policy",
        &[],
        Group::Hypertables,
        Act {
            on: Kind::Hypertable,
            facts: FACTS,
            form: None,
            plan: reorder::remove,
        },
        "Remove the reorder policy of the selected hypertable",
    ),
];
