//! Actions on retention: add, edit and remove the policy, drop chunks now.

mod add;
mod clash;
mod drop;
mod dropped;
mod edit;
pub(super) mod facts;
mod picture;
mod remove;
mod rule;
mod whatif;

use crate::actions::action::{Action, Family, Group};
use crate::model::target::TargetKind;
use crate::server::known::Edition;
use crate::server::sql::query;

pub(super) use remove::remove_policy;

const TABLE: Family = Family {
    group: Group::Retention,
    on: TargetKind::Hypertable,
    facts: query!("plan_retention"),
    needs: Edition::Apache,
};

const POLICY: Family = Family {
    needs: Edition::Community,
    ..TABLE
};

#[rustfmt::skip]
pub(super) static ACTIONS: &[Action] = &[
    POLICY.asking("add-retention-policy", &[], add::form, add::plan, "Add a policy that drops old chunks of the selected hypertable"),
    POLICY.asking("edit-retention-policy", &["e"], edit::form, edit::plan,
        "Change drop_after of the retention policy, and how often it runs"),
    POLICY.plain("remove-retention-policy", &[], remove::plan, "Remove the retention policy of the selected hypertable"),
    TABLE.asking("drop-chunks", &["D"], drop::form, drop::plan, "Drop old chunks of the selected hypertable now, without a policy"),
];
