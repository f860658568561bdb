//! All steps of a plan as one step, so that they are done together or not at all.

use crate::actions::alter_job::LIFTS;
use crate::model::plan::{Plan, Statement, Step};

/// Joins the steps into one transaction. The error names a step that cannot share a transaction with other steps.
pub(crate) fn join(plan: &mut Plan) -> Result<(), String> {
    let alone = |step: &&Step| step.plain || step.undo_plain || step.label.starts_with(LIFTS);
    if let Some(step) = plan.steps.iter().find(alone) {
        let why = if step.label.starts_with(LIFTS) {
            "must be committed before the policy is deleted"
        } else {
            "runs outside a transaction"
        };
        return Err(format!(
            "--atomic: the step {:?} {why}: apply without --atomic, or with --on-error rollback",
            step.label
        ));
    }
    if plan.steps.len() < 2 {
        return Ok(());
    }
    let number = plan.steps.len();
    let steps = std::mem::take(&mut plan.steps);
    let bytes = steps.iter().map(|step| step.bytes).sum();
    let undo: Vec<Statement> = steps
        .iter()
        .rev()
        .flat_map(|step| step.undo.iter().cloned())
        .collect();
    let run = steps.into_iter().flat_map(|step| step.run).collect();
    let label = format!("{number} changes in one transaction");
    plan.steps = vec![Step::new(label, run, undo).sized(Some(bytes))];
    for touch in &mut plan.touches {
        touch.step = touch.step.map(|_| 0);
    }
    Ok(())
}
