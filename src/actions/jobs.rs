//! Actions on jobs: run, pause, resume, edit, delete. New actions on the database can follow this example.

mod again;
mod config;
mod edit;
mod facts;
mod run;
mod unread;

use self::facts::{JobFacts, RETENTION};
use crate::actions::act::{Context, Refusal};
use crate::actions::action::{Action, Family, Group};
use crate::actions::alter_job;
use crate::actions::alter_job::Change;
use crate::actions::form::{Field, FieldType, Form, Inputs};
use crate::model::plan::{Consent, Mode, Plan, Step, Undo};
use crate::model::target::TargetKind;
use crate::model::verdict::Level;
use crate::server::known::Edition;
use crate::server::sql::query;

const JOB: Family = Family {
    group: Group::Jobs,
    on: TargetKind::Job,
    facts: query!("plan_job"),
    needs: Edition::Community,
};

#[rustfmt::skip]
pub(super) static ACTIONS: &[Action] = &[
    JOB.asking("run-job-now", &["R"], run::form, run::plan, "Run the selected job or policy once, now"),
    JOB.plain("pause-job", &["p"], pause, "Stop scheduling the selected job or policy"),
    JOB.asking("resume-job", &["P"], unread::form, resume, "Schedule the selected job or policy again"),
    JOB.asking("edit-job", &["e"], edit::form, edit::plan,
        "Change the selected job's schedule, limits, retries, next start or configuration"),
    JOB.asking("delete-job", &["D"], delete_form, delete, "Delete the selected job or policy"),
];

const AS_IT_WAS: &str = "the job is paused or scheduled as before, with its next start";

fn pause(context: &Context, _: &Inputs) -> Result<Plan, Refusal> {
    let known = JobFacts::of(context)?;
    if !known.job.scheduled {
        return Err(format!(
            "{} is paused already: resume-job schedules it again",
            known.job.describe()
        )
        .into());
    }
    let meanwhile = if known.job.policy() == RETENTION {
        "; chunks that are due by then are dropped at once"
    } else {
        ""
    };
    let undo = Undo::Exact(format!("{AS_IT_WAS}{meanwhile}"));
    let plan = switch(context, &known, false, undo)?;
    Ok(plan.note(
        Level::Notice,
        "a run in progress continues to its end; no other run starts",
    ))
}

fn resume(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let known = JobFacts::of(context)?;
    if known.job.scheduled {
        return Err(format!(
            "{} is already scheduled: pause-job stops it",
            known.job.describe()
        )
        .into());
    }
    let mut plan = if known.job.is_made_again(context) {
        again::resumed(context, &known)?
    } else {
        scheduled(context, &known)?
    };
    plan = known.dropping_unread(plan, context.at.now);
    plan = known.reaching_remade(plan, context.at.now);
    unread::with_missed_refresh(context, &known, inputs, known.with_row_loss(plan))
}

fn scheduled(context: &Context, known: &JobFacts) -> Result<Plan, Refusal> {
    let undo = match run::lasting(&known.job) {
        Some(why) => Undo::Partly(format!(
            "the job is paused again; changes made by runs meanwhile are not undone ({why})"
        )),
        None => Undo::Exact(AS_IT_WAS.to_owned()),
    };
    let mut plan = switch(context, known, true, undo)?;
    if known.job.policy() == RETENTION {
        plan = plan
            .note(Level::Warning, known.drops())
            .wanting(Consent::Name);
    }
    Ok(plan.note(
        Level::Notice,
        "if its next start is in the past, it runs at once",
    ))
}

fn switch(
    context: &Context,
    known: &JobFacts,
    scheduled: bool,
    undo: Undo,
) -> Result<Plan, Refusal> {
    let job = &known.job;
    if let Some(refusal) = job.unalterable(context) {
        return Err(refusal);
    }
    let to = |scheduled| Change {
        scheduled: Some(scheduled),
        ..Change::default()
    };
    let back = Change {
        zone_kept: true,
        ..to(!scheduled)
    };
    let verb = if scheduled { "Resume" } else { "Pause" };
    let step = Step::new(
        format!("{} {}", verb.to_lowercase(), job.describe()),
        vec![job.alter(context, &to(scheduled))],
        vec![job.alter(context, &back)],
    );
    let plan = Plan::new(format!("{verb} {}", job.describe()), vec![step], undo);
    Ok(known.warned(context, known.altering(plan.changing(&["/scheduled"]))))
}

const CALM: &str = "lift_max_retries";

/// Form with one field: whether `max_retries` is changed before the deletion. A job without a check function has no field, because nothing
/// would refuse that change.
fn delete_form(context: &Context) -> Result<Form, Refusal> {
    let known = JobFacts::of(context)?;
    let proof = context.proof();
    let job = proof.as_ref().and_then(|proof| proof.job(known.job.id));
    let check = job.and_then(|job| job.check.as_ref().filter(|_| job.check_there));
    let check = check.filter(|_| known.job.crashes(context));
    let field = check.map(|check| {
        Field::new(CALM, "Lift max_retries first", FieldType::Flag, "yes").help(format!(
            "yes: prevents a crash of the server; choose no if {check} refuses this change"
        ))
    });
    Ok(Form::new(field.into_iter().collect()))
}

fn delete(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let known = JobFacts::of(context)?;
    let job = &known.job;
    if job.is_internal() {
        return Err(format!(
            "{} is one of TimescaleDB's own jobs. It is not deleted, because it could not be created again. To stop it: pause-job {}",
            job.describe(),
            job.id
        )
        .into());
    }
    let gone = "its id, its counters and the link to its history are lost";
    // A job that cannot be created again can still be deleted, without an undo.
    let lost = known
        .lost_for_good(context)
        .or_else(|| job.recreate(context).err().map(|refusal| refusal.why));
    let (step, undo) = match (lost, job.lost(context)) {
        (Some(why), _) => (job.delete_for_good(context), Undo::Never(why)),
        (None, Some(lost)) => (
            job.delete(context)?,
            Undo::Partly(format!(
                "the job is created again under a new id; {lost}; {gone}"
            )),
        ),
        (None, None) => (
            job.delete(context)?,
            Undo::Partly(format!(
                "the job is created again with all its settings, under a new id; {gone}"
            )),
        ),
    };
    let mut plan =
        Plan::new(format!("Delete {}", job.describe()), vec![step], undo).wanting(Consent::Yes);
    plan = if inputs.text(CALM).is_some() && !inputs.flag(CALM) {
        plan.note(Level::Warning, alter_job::risk("you chose no"))
    } else {
        job.clear_retries_first(context, plan)
    };
    if job.unalterable(context).is_none() && job.scheduled {
        plan = plan.note(Level::Notice, job.pausing_instead());
    }
    if let Some(pid) = known.pid {
        plan = plan.note(Level::Warning, again::cancels(pid));
    }
    plan = known
        .altering(plan)
        .touching(known.stat_table, "bgw_job_stat", Mode::ShareRowExclusive);
    if job.is_user_defined() && known.role != job.owner && known.lost_for_good(context).is_none() {
        plan = plan.note(
            Level::Notice,
            format!("the undo creates the job again as its owner, {}", job.owner),
        );
    }
    Ok(known.warned(context, plan))
}
