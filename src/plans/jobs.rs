//! Acting on jobs: run, pause, resume, edit, delete. The example for every other family of actions.

use crate::action::{Action, Group, act};
use crate::form::Inputs;
use crate::plan::{Plan, Undo};
use crate::plans::policy::{Change, Job};
use crate::plans::{Act, Context, Kind, Refusal};
use crate::query;
use crate::sql::Query;
use crate::verdict::Level;

const FACTS: Query = query!("plan_job");

pub static ACTIONS: &[Action] = &[
    act(
        "pause-job",
        &["p"],
        Group::Jobs,
        Act {
            on: Kind::Job,
            facts: FACTS,
            form: None,
            plan: pause,
        },
        "Stop scheduling the selected job or policy",
    ),
    act(
        "resume-job",
        &["P"],
        Group::Jobs,
        Act {
            on: Kind::Job,
            facts: FACTS,
            form: None,
            plan: resume,
        },
        "Schedule the selected job or policy again",
    ),
];

fn pause(context: &Context, _: &Inputs) -> Result<Plan, Refusal> {
    let job: Job = context.read()?;
    if !job.scheduled {
        return Err(format!(
            "{} is paused already: resume-job schedules it again",
            job.describe()
        )
        .into());
    }
    let plan = switch(context, &job, false)?;
    Ok(plan.note(
        Level::Notice,
        "a run that is under way goes on to its end; no other starts",
    ))
}

fn resume(context: &Context, _: &Inputs) -> Result<Plan, Refusal> {
    let job: Job = context.read()?;
    if job.scheduled {
        return Err(format!(
            "{} is scheduled already: pause-job stops that",
            job.describe()
        )
        .into());
    }
    switch(context, &job, true)
}

fn switch(context: &Context, job: &Job, scheduled: bool) -> Result<Plan, Refusal> {
    if let Some(refusal) = job.unalterable(context) {
        return Err(refusal);
    }
    let change = Change {
        scheduled: Some(scheduled),
        ..Change::default()
    };
    let back = Change {
        scheduled: Some(!scheduled),
        ..Change::default()
    };
    let verb = if scheduled { "Resume" } else { "Pause" };
    let step = crate::plan::Step::new(
        format!("{} {}", verb.to_lowercase(), job.describe()),
        vec![job.alter(context, &change)],
        vec![job.alter(context, &back)],
    );
    let undo = Undo::Exact("the job is scheduled as it was, with its next start".to_owned());
    Ok(Plan::new(
        format!("{verb} {}", job.describe()),
        vec![step],
        undo,
    ))
}
