//! Makes the plan of an action, with the checks that all plans share.

use std::mem;

use crate::actions::act::{Act, Context, Refusal};
use crate::actions::form::Inputs;
use crate::model::plan::{Plan, Touch, Undo};

/// The plan of an action. Refuses on a standby, and if the edition lacks the action. Adds notes on untrusted code and on missing rights.
/// Shows a doubtful undo as partial.
pub fn make(
    action: &'static str,
    act: &Act,
    context: &Context,
    inputs: &Inputs,
) -> Result<Plan, Refusal> {
    let server = context.at.server;
    if server.standby {
        return Err(Refusal::new(
            "this server is a standby: connect to its primary to change anything",
        ));
    }
    act.allowed(context)?;
    let mut plan = (act.plan)(context, inputs)?;
    action.clone_into(&mut plan.action);
    context.target.name.clone_into(&mut plan.target);
    Ok(crate::actions::proof::prove(
        context,
        crate::actions::code::say(plan, server, &context.facts.code),
    ))
}

/// Joins several plans of one action into one plan that is run and undone as a whole. `None`: the list is empty.
pub fn together(title: String, plans: Vec<Plan>) -> Option<Plan> {
    let mut plans = plans.into_iter();
    let mut all = plans.next()?;
    let one = plans.len() == 0;
    for plan in plans {
        // A plan whose list `changes` is empty may change every part of the state.
        if all.changes.is_empty() || plan.changes.is_empty() {
            all.changes.clear();
        } else {
            all.changes.extend(plan.changes.iter().cloned());
        }
        all.target = format!("{}, {}", all.target, plan.target);
        append(&mut all, plan);
    }
    all.title = title;
    if !one {
        // The changed settings of several targets cannot be shown as one list.
        all.changed.clear();
        all.picture = None;
    }
    Some(all)
}

/// Adds a plan's steps, notes, locks, consent and undo. The caller joins the plans' `changed` and `changes`.
pub(super) fn append(all: &mut Plan, plan: Plan) {
    all.lock_timeout_seconds = all.lock_timeout_seconds.max(plan.lock_timeout_seconds);
    let before = all.steps.len();
    all.steps.extend(plan.steps);
    all.notes.extend(plan.notes);
    all.touches
        .extend(plan.touches.into_iter().map(|touch| Touch {
            step: touch.step.map(|step| step + before),
            ..touch
        }));
    all.consent = all.consent.max(plan.consent);
    all.undo = mem::replace(&mut all.undo, Undo::Needless(String::new())).and(plan.undo);
    all.runs.extend(plan.runs);
    all.expressions.extend(plan.expressions);
}
