//! Acting on jobs: run, pause, resume, edit, delete. The example for every other family of actions.

mod config;
mod edit;
mod run;

use serde::Deserialize;

use crate::action::{Action, Group, act};
use crate::form::Inputs;
use crate::plan::{Consent, Mode, Plan, Step, Undo};
use crate::plans::policy::{Change, Job};
use crate::plans::{Act, Context, Kind, Refusal};
use crate::query;
use crate::server::Edition;
use crate::sql::Query;
use crate::verdict::Level;

const FACTS: Query = query!("plan_job");

pub static ACTIONS: &[Action] = &[
    act(
        "run-job-now",
        &["n"],
        Group::Jobs,
        Act {
            on: Kind::Job,
            facts: FACTS,
            form: Some(run::form),
            plan: run::plan,
        },
        "Run the selected job or policy once, now",
    ),
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
    act(
        "edit-job",
        &["e"],
        Group::Jobs,
        Act {
            on: Kind::Job,
            facts: FACTS,
            form: Some(edit::form),
            plan: edit::plan,
        },
        "Change the selected job's schedule, limits, retries, next start or configuration",
    ),
    act(
        "delete-job",
        &["D"],
        Group::Jobs,
        Act {
            on: Kind::Job,
            facts: FACTS,
            form: None,
            plan: delete,
        },
        "Delete the selected job or policy",
    ),
];

/// A job, and what else these plans want to know of it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Known {
    #[serde(flatten)]
    job: Job,
    /// This role is a member of the job's owner.
    owned: bool,
    /// This role, as the server knows it.
    role: String,
    /// Its procedure is there.
    has_proc: bool,
    /// The aggregate's source, quoted and qualified, and what its retention policy keeps.
    source: Option<String>,
    source_drop_after: Option<String>,
    /// The indexes that a reorder policy could use.
    indexes: Option<Vec<String>>,
    /// The worker that runs it now; `None`: none, or this role does not see it.
    pid: Option<i32>,
    /// The oids of the catalogue's tables that `alter_job` and `delete_job` write.
    job_table: i64,
    stat_table: i64,
}

impl Known {
    /// The facts, where this edition and this role can do anything with a job.
    fn of(context: &Context) -> Result<Self, Refusal> {
        if context.at.server.edition == Edition::Apache {
            return Err("the Apache edition of TimescaleDB refuses to run, alter or delete jobs: it wants timescaledb.license = timescale (the Community edition)".into());
        }
        context.read()
    }

    /// The plan of an `alter_job`, which writes one row of a table of all jobs.
    fn altering(&self, plan: Plan) -> Plan {
        plan.touching(self.job_table, "bgw_job", Mode::RowExclusive)
    }

    /// The plan, warning a role that is not a member of the job's owner.
    fn warned(&self, plan: Plan) -> Plan {
        if self.owned {
            return plan;
        }
        let owner = &self.job.owner;
        plan.note(
            Level::Warning,
            format!(
                "the job belongs to {owner}, and {} is no member of that role: the server will refuse (GRANT {owner} TO {})",
                self.role, self.role
            ),
        )
    }
}

fn pause(context: &Context, _: &Inputs) -> Result<Plan, Refusal> {
    let known = Known::of(context)?;
    if !known.job.scheduled {
        return Err(format!(
            "{} is paused already: resume-job schedules it again",
            known.job.describe()
        )
        .into());
    }
    let plan = switch(context, &known, false)?;
    Ok(plan.note(
        Level::Notice,
        "a run that is under way goes on to its end; no other starts",
    ))
}

fn resume(context: &Context, _: &Inputs) -> Result<Plan, Refusal> {
    let known = Known::of(context)?;
    if known.job.scheduled {
        return Err(format!(
            "{} is scheduled already: pause-job stops that",
            known.job.describe()
        )
        .into());
    }
    let plan = switch(context, &known, true)?;
    Ok(plan.note(
        Level::Notice,
        "where its next start is past, it runs at once",
    ))
}

fn switch(context: &Context, known: &Known, scheduled: bool) -> Result<Plan, Refusal> {
    let job = &known.job;
    if let Some(refusal) = job.unalterable(context) {
        return Err(refusal);
    }
    let to = |scheduled| Change {
        scheduled: Some(scheduled),
        ..Change::default()
    };
    let verb = if scheduled { "Resume" } else { "Pause" };
    let step = Step::new(
        format!("{} {}", verb.to_lowercase(), job.describe()),
        vec![job.alter(context, &to(scheduled))],
        vec![job.alter(context, &to(!scheduled))],
    );
    let undo = Undo::Exact("the job is scheduled as it was, with its next start".to_owned());
    let plan = Plan::new(format!("{verb} {}", job.describe()), vec![step], undo);
    Ok(known.warned(known.altering(plan.changing(&["/scheduled"]))))
}

fn delete(context: &Context, _: &Inputs) -> Result<Plan, Refusal> {
    let known = Known::of(context)?;
    let job = &known.job;
    if job.is_internal() {
        return Err(format!(
            "{} is one of TimescaleDB's own: it could not be made anew; pause-job {} stops it",
            job.describe(),
            job.id
        )
        .into());
    }
    let gone = "its id, its counters and the link to its history do not come back";
    let (step, undo) = if known.has_proc {
        let undo = job.lost(context).map_or_else(
            || {
                Undo::Exact(format!(
                    "the job is made anew with all its settings, under a new id; {gone}"
                ))
            },
            |lost| {
                Undo::Partly(format!(
                    "the job is made anew under a new id; {lost}; {gone}"
                ))
            },
        );
        (job.delete(context)?, undo)
    } else {
        let why = format!(
            "its procedure {}.{} is not there any more, and without that a job cannot be made",
            job.proc_schema, job.proc_name
        );
        (job.delete_for_good(context), Undo::Never(why))
    };
    let mut plan =
        Plan::new(format!("Delete {}", job.describe()), vec![step], undo).wanting(Consent::Yes);
    plan = job.calmed(context, plan);
    if job.unalterable(context).is_none() && job.scheduled {
        plan = plan.note(Level::Notice, job.pausing_instead());
    }
    if let Some(pid) = known.pid {
        plan = plan.note(
            Level::Warning,
            format!(
                "it runs now (session {pid}): the run is cancelled, even where deleting then fails"
            ),
        );
    }
    plan = known
        .altering(plan)
        .touching(known.stat_table, "bgw_job_stat", Mode::ShareRowExclusive);
    if job.is_user_defined() && known.role != job.owner && known.has_proc {
        plan = plan.note(
            Level::Notice,
            format!("taking it back makes it anew as its owner, {}", job.owner),
        );
    }
    Ok(known.warned(plan))
}
