//! Actions on continuous aggregates: refresh, refresh policies, real-time aggregation. A guard refuses refreshes
//! that would delete buckets whose source rows were dropped.

mod behind;
pub(super) mod create;
mod explain;
mod facts;
mod guard;
mod missing;
mod notes;
mod picture;
mod policies;
mod refresh;
mod remarks;
mod remove;
mod timeline;
mod watermark;
mod what_if;
mod window;

use self::facts::Hierarchy;
use crate::actions::act::{Context, Refusal};
use crate::actions::action::{Action, Family, Group};
use crate::actions::form::Inputs;
use crate::model::plan::{Mode, Plan, Statement, Step, Undo};
use crate::model::target::TargetKind;
use crate::model::verdict::Level;
use crate::server::known::Edition;
use crate::server::sql::query;

const AGGREGATE: Family = Family {
    group: Group::Aggregates,
    on: TargetKind::Aggregate,
    facts: query!("plan_aggregate"),
    needs: Edition::Community,
};

const SOURCE: Family = Family {
    on: TargetKind::Hypertable,
    facts: query!("plan_hypertable"),
    ..AGGREGATE
};

#[rustfmt::skip]
pub(super) static ACTIONS: &[Action] = &[
    AGGREGATE.asking("refresh-aggregate", &["f"], refresh::form, refresh::window, "Refresh a window of the selected aggregate"),
    AGGREGATE.asking("refresh-behind", &["b"], behind::form, behind::one,
        "Refresh what is late: all changes up to now minus the policy's end_offset"),
    AGGREGATE.asking("refresh-hierarchy", &["B"], behind::form, behind::hierarchy,
        "Refresh what is late in the selected aggregate, after the aggregates that it is built on"),
    AGGREGATE.asking("add-refresh-policy", &[], policies::add_form, policies::add, "Add a policy that refreshes the selected aggregate on a schedule"),
    AGGREGATE.asking("edit-refresh-policy", &["e"], policies::edit_form, policies::edit,
        "Change the window or the schedule of a refresh policy"),
    AGGREGATE.asking("remove-refresh-policy", &[], remove::form, remove::remove, "Remove a refresh policy (pause-job only stops it)"),
    AGGREGATE.asking("move-watermark-back", &[], watermark::form, watermark::back,
        "Move back a watermark that lies in the future; optionally first delete the future rows"),
    SOURCE.asking("create-aggregate", &[], create::form, create::plan, "Create a continuous aggregate over the selected hypertable"),
    AGGREGATE.plain("drop-aggregate", &[], create::drop, "Drop the selected aggregate, with its rows and policies"),
    AGGREGATE.plain("switch-real-time", &["M"], switch_real_time, "Switch the selected aggregate between real-time and materialized rows only"),
];

fn switch_real_time(context: &Context, _: &Inputs) -> Result<Plan, Refusal> {
    let facts = Hierarchy::read(context)?;
    let level = facts.own()?;
    if context.at.server.simulated {
        return Err("TimescaleDB is only simulated here: plain PostgreSQL has no ALTER MATERIALIZED VIEW … SET (timescaledb.…)".into());
    }
    let set = |only: bool| {
        let sql = format!(
            "alter materialized view {} set (timescaledb.materialized_only = {only})",
            level.name
        );
        vec![Statement::new(sql, Vec::new())]
    };
    let only = level.materialized_only;
    let (to, meaning) = if only {
        (
            "real-time",
            "readers will also see rows that are not materialized yet, computed from the source at every query; late rows in \
             buckets that are already materialized show only after a refresh",
        )
    } else {
        (
            "materialized rows only",
            "readers will see materialized rows only, and nothing newer; queries get cheaper",
        )
    };
    let title = format!("Switch {} to {to}", level.name);
    let step = Step::new(
        format!("switch {} to {to}", level.name),
        set(!only),
        set(only),
    );
    let undo = Undo::Exact("queries return the same rows as before".to_owned());
    let mut plan = Plan::new(title, vec![step], undo)
        .note(Level::Notice, meaning)
        .touching(level.view_oid, level.name.clone(), Mode::AccessExclusive)
        .changing(&["/materialized_only"]);
    if !level.children.is_empty() {
        let names = level.children.join(", ");
        plan = plan.note(
            Level::Notice,
            format!("aggregates built on it ({names}) do not change: their refreshes read only materialized rows"),
        );
    }
    Ok(plan)
}
