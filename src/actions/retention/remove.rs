//! Removes a retention policy.

use super::facts::{POLICY, Policy, Retention, policy};
use super::rule;
use crate::actions::act::{Context, Refusal};
use crate::actions::form::Inputs;
use crate::actions::policy::change;
use crate::actions::policy::rule::DROP;
use crate::model::moment::Axis;
use crate::model::plan::{Consent, Plan, Step, Undo};
use crate::model::verdict::Level;

pub(super) fn plan(context: &Context, _: &Inputs) -> Result<Plan, Refusal> {
    let facts = Retention::read(context)?;
    let policy = policy(&facts)?;
    let plan = match unmakable(&facts, policy) {
        Some(why) => Plan::new(
            format!("Remove {}", policy.job.describe()),
            vec![Step {
                undo: Vec::new(),
                ..policy.job.delete(context)?
            }],
            Undo::Never(format!("it could not be created again: {why}")),
        ),
        None => remove_policy(context, policy)?,
    };
    let words = format!(
        "{} then keeps every chunk until a user drops it",
        facts.relation
    );
    let plan = policy.job.clear_retries_first(context, plan);
    Ok(plan.changing(&[POLICY]).note(Level::Ok, words))
}

/// The reason why the present policy could not be added again. `None`: the policy could be added again.
fn unmakable(facts: &Retention, policy: &Policy) -> Option<String> {
    let by_number = facts.axis() == Axis::Integer && DROP.of_job(&policy.job) != DROP.created;
    rule::no_clock(facts).filter(|_| by_number && !facts.has_now)
}

/// Removes any policy of a hypertable, with a warning if the removal cancels a run.
pub(crate) fn remove_policy(context: &Context, policy: &Policy) -> Result<Plan, Refusal> {
    let mut plan = change::remove(context, &policy.job)?;
    if let Some(pid) = policy.pid {
        plan = plan.note(
            Level::Warning,
            format!("it runs now (session {pid}): removing it cancels that run, even if the removal itself fails"),
        );
    }
    Ok(plan.wanting(Consent::Yes))
}
