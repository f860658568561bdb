//! Edits and removes an existing policy.

use crate::actions::act::{Context, Refusal};
use crate::actions::alter_job::{Change, Job};
use crate::actions::form::Inputs;
use crate::actions::policy::rule;
use crate::model::interval::Interval;
use crate::model::moment::Stamp;
use crate::model::plan::{Note, Plan, Statement, Step, Undo};
use crate::model::text;
use crate::model::verdict::Level;

/// Undo of removing a policy, with a text on what it does not restore.
pub(crate) fn made_again(context: &Context, job: &Job) -> Undo {
    let gone = "its counters and the link to its history are lost";
    match job.lost(context) {
        None => Undo::Partly(format!(
            "the policy is created again with all its settings and its next start, under a new job id; {gone}"
        )),
        Some(lost) => Undo::Partly(format!(
            "the policy is created again under a new job id; {lost}; {gone}"
        )),
    }
}

/// Refusal because the relation has no such policy. `policy` is a text of [`Job::policy`].
pub(crate) fn none(relation: &str, policy: &str) -> Refusal {
    let add = policy.replace(' ', "-");
    Refusal::new(format!(
        "{relation} has no {policy}: add one with add-{add}"
    ))
}

pub(crate) fn edit(
    context: &Context,
    job: &Job,
    change: &Change,
    back: Statement,
    undo: Undo,
) -> Plan {
    let name = job.describe();
    let alter = job.alter(context, change);
    let step = Step::new(format!("change {name}"), vec![alter], vec![back]);
    Plan::changing_settings(&name, job.changed(change), vec![step], undo)
}

/// Removes the policy. If it can be altered, a note says that pausing it instead would keep its id and counters.
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

/// The typed schedule interval. `None`: the field is empty, or has the present interval.
pub(crate) fn every(inputs: &Inputs, job: &Job) -> Result<Option<String>, Refusal> {
    let now = Interval::parse(&job.schedule_interval).ok();
    let every = rule::every(inputs)?.filter(|every| Some(*every) != now);
    Ok(every.map(|every| every.to_string()))
}

/// Text on the time of a policy's next run, and whether the run starts within five minutes.
pub(crate) fn next_run(job: &Job, now: Stamp) -> (String, bool) {
    if !job.scheduled {
        return ("after resume-job, because it is paused".to_owned(), false);
    }
    let next = job.next_start.as_deref();
    let next = next.and_then(|next| next.parse::<jiff::Timestamp>().ok());
    let next = next.map(|next| Stamp(next.as_microsecond()));
    match next {
        Some(next) if next > now => (text::age(next, now), next < now.plus_seconds(300.0)),
        _ => ("at once".to_owned(), true),
    }
}

/// Note on the time of the next run. `None`: the policy is paused.
pub(crate) fn next_run_note(job: &Job, now: Stamp) -> Option<Note> {
    let (when, _) = next_run(job, now);
    let at = job.next_start.as_deref();
    let at = at.and_then(|at| at.parse::<jiff::Timestamp>().ok());
    let at = at
        .filter(|_| when != "at once")
        .map_or_else(String::new, |at| {
            format!(" ({})", text::moment(Stamp(at.as_microsecond())))
        });
    job.scheduled.then(|| Note {
        level: Level::Notice,
        text: format!("next run {when}{at}"),
    })
}
