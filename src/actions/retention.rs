//! Acting on retention: add, edit and remove the policy, drop chunks now.

mod add;
mod clash;
mod drop;
mod edit;
pub mod facts;
mod rule;
mod whatif;

use crate::actions::act::{Act, Context, Refusal};
use crate::actions::catalogue::{Action, Group, act};
use crate::actions::form::Inputs;
use crate::model::moment::Axis;
use crate::model::plan::{Consent, Plan, Step, Undo};
use crate::model::target::Kind;
use crate::model::verdict::Level;
use crate::server::known::Edition;
use crate::server::sql::{Query, query};

use facts::{Policy, Retention};

const FACTS: Query = query!("plan_retention");
/// What a rollback of a policy's change compares.
const POLICY: &str = "/policies/policy_retention";

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
            plan: remove,
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

/// Policies are the Community edition's.
pub fn community(context: &Context) -> Result<(), Refusal> {
    if context.at.server.edition == Edition::Apache {
        return Err("this server runs TimescaleDB's Apache edition, which has no policies: timescaledb.license = 'timescale' and a restart give them".into());
    }
    Ok(())
}

/// The policy of the target, or the words that there is none.
fn policy<'a>(context: &Context, facts: &'a Retention) -> Result<&'a Policy, Refusal> {
    community(context)?;
    facts.policy().ok_or_else(|| {
        Refusal::new(format!(
            "{} has no retention policy: add-retention-policy makes one",
            facts.relation
        ))
    })
}

fn remove(context: &Context, _: &Inputs) -> Result<Plan, Refusal> {
    let facts = Retention::read(context)?;
    let policy = policy(context, &facts)?;
    let plan = match unmakable(context, &facts, policy) {
        Some(why) => Plan::new(
            format!("Remove {}", policy.job.describe()),
            vec![Step {
                undo: Vec::new(),
                ..policy.job.delete(context)?
            }],
            Undo::Never(format!("it could not be made again: {why}")),
        ),
        None => remove_policy(context, policy)?,
    };
    let words = format!(
        "{} then keeps every chunk until somebody drops it",
        facts.relation
    );
    let plan = policy.job.calmed(context, plan);
    Ok(plan.changing(&[POLICY]).note(Level::Ok, words))
}

/// Why the policy, as it is, could not be added today.
fn unmakable(context: &Context, facts: &Retention, policy: &Policy) -> Option<String> {
    if edit::key(&policy.job) == "drop_created_before" {
        let why = rule::created_before_fails(context.at.server.sql_version(), facts)?;
        return Some(why.to_owned());
    }
    let integer = facts.axis() == Axis::Integer;
    rule::no_clock(facts).filter(|_| integer && !facts.has_now)
}

/// Removes any policy of a hypertable; pausing is offered, because it keeps the job's id and its counters.
pub fn remove_policy(context: &Context, policy: &Policy) -> Result<Plan, Refusal> {
    let job = &policy.job;
    let undo = Undo::Exact(
        "the policy is made again with all its settings and its next start, under a new job id; its counters and its link to the history do not come back".to_owned(),
    );
    let mut plan = Plan::new(
        format!("Remove {}", job.describe()),
        vec![job.delete(context)?],
        undo,
    )
    .note(Level::Notice, job.pausing_instead());
    if let Some(pid) = policy.pid {
        plan = plan.note(
            Level::Warning,
            format!("it runs now (session {pid}): removing it cancels that run, even where the removal itself fails"),
        );
    }
    Ok(plan.wanting(Consent::Yes))
}
