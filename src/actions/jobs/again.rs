//! Deletes a policy that this server refuses to alter, and adds it again.

use super::facts::JobFacts;
use crate::actions::act::{Context, Refusal};
use crate::actions::alter_job::Change;
use crate::model::plan::{Consent, Mode, Plan, Statement, Undo};
use crate::model::verdict::Level;

pub(super) fn resumed(context: &Context, known: &JobFacts) -> Result<Plan, Refusal> {
    let job = &known.job;
    // The undo only deletes the new policy. Adding the original policy again would be no undo: that policy would be scheduled, and might
    // run at once.
    let undo = Undo::Partly(
        "the new policy is deleted, because this TimescaleDB can neither pause it nor move its next start. Then no policy refreshes \
         the aggregate, until add-refresh-policy adds one"
            .to_owned(),
    );
    let title = format!("Resume {}", job.describe());
    again(
        context,
        known,
        title,
        job.delete_for_good(context).run,
        undo,
    )
}

/// The policy was scheduled before and stays so: an undo that deletes it would stop all refreshes.
pub(super) fn started(context: &Context, known: &JobFacts, title: String) -> Result<Plan, Refusal> {
    let undo = Undo::Never(
        "this TimescaleDB cannot restore the next start, and the run itself is not undone. The new policy stays, and runs by its \
         schedule"
            .to_owned(),
    );
    again(context, known, title, Vec::new(), undo)
}

/// Deletes the policy and adds it again. The new policy is scheduled, and may run at once. Used only if the server refuses `alter_job`.
fn again(
    context: &Context,
    known: &JobFacts,
    title: String,
    back: Vec<Statement>,
    undo: Undo,
) -> Result<Plan, Refusal> {
    let job = &known.job;
    let mut step = job.replace(context, &Change::default())?;
    step.undo = back;
    let why = job.unalterable(context);
    let why = why.map_or_else(String::new, |refusal| format!(", because {}", refusal.why));
    let mut plan = Plan::new(title, vec![step], undo)
        .wanting(Consent::Yes)
        .note(
            Level::Warning,
            format!(
                "the policy is deleted and added again under a new id{why}. Its refresh window and schedule stay; max_runtime, \
                 max_retries, retry_period and name become the defaults"
            ),
        )
        .note(Level::Notice, "if its schedule does not begin later, it runs at once");
    if let Some(pid) = known.pid {
        plan = plan.note(Level::Warning, cancels(pid));
    }
    plan = known
        .altering(plan)
        .touching(known.stat_table, "bgw_job_stat", Mode::ShareRowExclusive);
    Ok(known.warned(context, plan))
}

/// Warning that deleting the job cancels its present run.
pub(super) fn cancels(pid: i32) -> String {
    format!("it runs now (session {pid}): the run is cancelled, even if the deletion then fails")
}
