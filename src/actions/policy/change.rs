//! Edits and removes an existing policy.

use crate::actions::act::{Context, Refusal};
use crate::actions::alter_job::Job;
use crate::actions::form::Inputs;
use crate::actions::policy::rule;
use crate::model::interval::Interval;
use crate::model::plan::{Plan, Statement, Step, Undo};
use crate::model::verdict::Level;

/// Undo of a removed policy, with what does not come back.
pub(crate) fn made_again(context: &Context, job: &Job) -> Undo {
    let gone = "its counters and its link to the history do not come back";
    match job.lost(context) {
        None => Undo::Exact(format!(
            "the policy is made again with all its settings and its next start, under a new job id; {gone}"
        )),
        Some(lost) => Undo::Partly(format!(
            "the policy is made again under a new job id; {lost}; {gone}"
        )),
    }
}

/// Refusal because there is no such policy; `policy` as in [`Job::policy`].
pub(crate) fn none(relation: &str, policy: &str) -> Refusal {
    let add = policy.replace(' ', "-");
    Refusal::new(format!("{relation} has no {policy}: add-{add} makes one"))
}

pub(crate) fn edit(job: &Job, alter: Statement, back: Statement, undo: Undo) -> Plan {
    let job = job.describe();
    let step = Step::new(format!("change {job}"), vec![alter], vec![back]);
    Plan::new(format!("Change {job}"), vec![step], undo)
}

/// Removes it, and offers pausing, which keeps the job's id and its counters.
pub(crate) fn remove(context: &Context, job: &Job) -> Result<Plan, Refusal> {
    let plan = Plan::new(
        format!("Remove {}", job.describe()),
        vec![job.delete(context)?],
        made_again(context, job),
    );
    Ok(match job.unalterable(context) {
        None => plan.note(Level::Notice, job.pausing_instead()),
        Some(_) => plan,
    })
}

/// The typed schedule interval. `None`: it is the present one.
pub(crate) fn every(inputs: &Inputs, job: &Job) -> Result<Option<String>, Refusal> {
    let now = Interval::parse(&job.schedule_interval).ok();
    let every = rule::every(inputs)?.filter(|every| Some(*every) != now);
    Ok(every.map(|every| every.to_string()))
}
