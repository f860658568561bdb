//! Acting on retention: add, edit and remove the policy, drop chunks now.

mod add;
mod clash;
mod drop;
mod edit;
pub mod facts;
mod going;
mod remove;
mod rule;
mod whatif;

use crate::actions::act::Act;
use crate::actions::action::{Action, Group, act};
use crate::model::target::Kind;
use crate::server::sql::{Query, query};

pub(crate) use facts::community;
pub(crate) use remove::remove_policy;

const FACTS: Query = query!("plan_retention");
pub static ACTIONS: &[Action] = &[
    act(
        "add-retention-policy",
        &[],
        Group::Retention,
        Act {
            on: Kind::Hypertable,
            facts: FACTS,
            form: Some(add::form),
            plan: add::plan,
        },
        "Drop chunks of the selected hypertable by a policy",
    ),
    act(
        "edit-retention-policy",
        &["e"],
        Group::Retention,
        Act {
            on: Kind::Hypertable,
            facts: FACTS,
            form: Some(edit::form),
            plan: edit::plan,
        },
        "Change after which time the retention policy drops, and how often it looks",
    ),
    act(
        "remove-retention-policy",
        &[],
        Group::Retention,
        Act {
            on: Kind::Hypertable,
            facts: FACTS,
            form: None,
            plan: remove::plan,
        },
        "Remove the retention policy of the selected hypertable",
    ),
    act(
        "drop-chunks",
        &["D"],
        Group::Retention,
        Act {
            on: Kind::Hypertable,
            facts: FACTS,
            form: Some(drop::form),
            plan: drop::plan,
        },
        "Drop the chunks of the selected hypertable that are old enough, now",
    ),
];
