//! Actions on hypertables: their creation from a plain table, the chunk interval, statistics, the reorder policy.

mod analyze;
mod create;
mod facts;
mod interval;
mod reorder;

use crate::actions::action::{Action, Family, Group};
use crate::model::target::TargetKind;
use crate::server::known::Edition;
use crate::server::sql::query;

const TABLE: Family = Family {
    group: Group::Hypertables,
    on: TargetKind::Hypertable,
    facts: query!("plan_hypertable"),
    needs: Edition::Apache,
};

const POLICY: Family = Family {
    needs: Edition::Community,
    ..TABLE
};

const PLAIN: Family = Family {
    on: TargetKind::Table,
    facts: query!("plan_table"),
    ..TABLE
};

#[rustfmt::skip]
pub(super) static ACTIONS: &[Action] = &[
    TABLE.asking("set-chunk-interval", &["i"], interval::form, interval::plan, "Change the chunk interval of the selected hypertable, for new chunks"),
    PLAIN.asking("create-hypertable", &[], create::form, create::plan, "Make the selected plain table a hypertable, with its rows"),
    TABLE.plain("analyze-table", &[], analyze::plan, "Gather the planner's statistics of the selected hypertable and its chunks"),
    POLICY.asking("add-reorder-policy", &[], reorder::form, reorder::add,
        "Keep the rows of the selected hypertable's older chunks in the order of an index"),
    POLICY.plain("remove-reorder-policy", &[], reorder::remove, "Remove the reorder policy of the selected hypertable"),
];
