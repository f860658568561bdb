//! Acting on jobs: run, pause, resume, edit, delete. The example for every other family of actions.

mod config;
mod edit;
mod run;
mod unread;

use serde::Deserialize;

use crate::actions::act::{Act, Context, Refusal};
use crate::actions::alter_job;
use crate::actions::alter_job::{Change, Job};
use crate::actions::catalogue::{Action, Group, act};
use crate::actions::form::{Field, Form, Inputs, Kind as FieldKind};
use crate::actions::proof::not_the_owner;
use crate::model::plan::{Consent, Mode, Plan, Step, Undo};
use crate::model::target::Kind;
use crate::model::unread::Unread;
use crate::model::verdict::Level;
use crate::model::version::Version;
use crate::server::known::Edition;
use crate::server::sql::{Query, query};

const FACTS: Query = query!("plan_job");

/// From here on the database's owner may alter, run and delete the jobs of others.
const DATABASE_OWNER: Version = Version::new(2, 28);

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
            form: Some(unread::form),
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
            form: Some(delete_form),
            plan: delete,
        },
        "Delete the selected job or policy",
    ),
];

/// A job, and what else these plans want to know of it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own that the server tells"
)]
struct Known {
    #[serde(flatten)]
    job: Job,
    /// This role has the rights of the job's owner.
    owned: bool,
    /// This role is a member of the job's owner, perhaps without inheriting its rights.
    member: bool,
    /// This role has the rights of the database's owner.
    owns_database: bool,
    /// The role that logged in may `SET ROLE` to the job's owner.
    becomes: bool,
    /// This role, quoted where it has to be.
    role: String,
    /// The role that logged in, quoted where it has to be.
    session_role: String,
    /// Its procedure is there.
    has_proc: bool,
    /// Where a worker that runs it finds unqualified names.
    search_path: Option<String>,
    /// The aggregate's source, quoted and qualified, and what its retention policy keeps.
    source: Option<String>,
    source_drop_after: Option<String>,
    /// The indexes that a reorder policy could use.
    indexes: Option<Vec<String>>,
    /// The worker that runs it now; `None`: none, or this role does not see it.
    pid: Option<i32>,
    /// The aggregate that it refreshes, or those that read what it drops.
    unread: Vec<Unread>,
    /// Where the chunks end that a retention policy drops from.
    ends: Option<Vec<i64>>,
    /// The times of those that a policy by creation would drop now.
    made: Option<Vec<(i64, i64)>>,
    /// What is now on integer time; else the function that says so and was not run, and who could put other code in
    /// its place.
    integer_now: Option<i64>,
    code: Option<String>,
    code_owner: Option<String>,
    /// Between its source's chunks some are missing.
    gaps: bool,
    local_shift: i64,
    /// The time zone of its owner, in which its worker reckons, where that has one.
    owner_zone: Option<String>,
    /// When the server was asked, by which months have their lengths.
    #[serde(skip)]
    now: i64,
    /// The zone in which its worker reckons.
    #[serde(skip)]
    zone: String,
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
        let mut known: Self = context.read()?;
        known.now = context.at.now.0;
        let zone = known.owner_zone.as_ref();
        known.zone = zone.unwrap_or(&context.at.server.time_zone).clone();
        Ok(known)
    }

    /// The plan of an `alter_job`, which writes one row of a table of all jobs.
    fn altering(&self, plan: Plan) -> Plan {
        plan.touching(self.job_table, "bgw_job", Mode::RowExclusive)
    }

    /// The plan, warning a role that has not the rights of the job's owner.
    fn warned(&self, context: &Context, plan: Plan) -> Plan {
        let server = context.at.server;
        if self.owned || self.owns_database && server.sql_version() >= DATABASE_OWNER {
            return plan;
        }
        let (owner, role) = (&self.job.owner, &self.role);
        let words = not_the_owner("the job", owner, role, self.member, server.postgres);
        plan.note(Level::Warning, words)
    }

    /// What a retention policy does as soon as it runs again.
    fn drops(&self) -> String {
        let job = &self.job;
        let past = ["drop_after", "drop_created_before"].into_iter();
        let past = past.filter_map(|key| Some(format!("{key} ({})", job.setting(key)?)));
        format!(
            "its next run drops the chunks of {} past {} for good: the Retention screen shows which",
            job.relation.as_deref().unwrap_or("its hypertable"),
            past.collect::<Vec<_>>().join(" or ")
        )
    }

    /// Why the deleted job could not be made anew; `None`: it can.
    fn lost_for_good(&self, context: &Context) -> Option<String> {
        let job = &self.job;
        if !self.has_proc {
            return Some(format!(
                "its procedure {}.{} is not there any more, and without that a job cannot be made",
                job.proc_schema, job.proc_name
            ));
        }
        if !job.is_user_defined() || self.becomes {
            return None;
        }
        Some(format!(
            "the job would be made anew as its owner, and {}",
            alter_job::may_not_become(&self.session_role, &job.owner, context.at.server.postgres)
        ))
    }
}

/// What takes a switch back.
const AS_IT_WAS: &str = "the job is scheduled as it was, with its next start";

/// As [`Job::policy`] calls it.
const RETENTION: &str = "retention policy";

fn pause(context: &Context, _: &Inputs) -> Result<Plan, Refusal> {
    let known = Known::of(context)?;
    if !known.job.scheduled {
        return Err(format!(
            "{} is paused already: resume-job schedules it again",
            known.job.describe()
        )
        .into());
    }
    let meanwhile = if known.job.policy() == RETENTION {
        ": what is past its drop_after by then is dropped at once"
    } else {
        ""
    };
    let undo = Undo::Exact(format!("{AS_IT_WAS}{meanwhile}"));
    let plan = switch(context, &known, false, undo)?;
    Ok(plan.note(
        Level::Notice,
        "a run that is under way goes on to its end; no other starts",
    ))
}

fn resume(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let known = Known::of(context)?;
    if known.job.scheduled {
        return Err(format!(
            "{} is scheduled already: pause-job stops that",
            known.job.describe()
        )
        .into());
    }
    let mut plan = if known.job.is_made_again(context) {
        again(context, &known, format!("Resume {}", known.job.describe()))?
    } else {
        scheduled(context, &known)?
    };
    plan = known.dropping_unread(plan, context.at.now);
    plan = known.reaching_remade(plan, context.at.now);
    unread::beside(context, &known, inputs, known.wiping(plan))
}

fn scheduled(context: &Context, known: &Known) -> Result<Plan, Refusal> {
    let undo = match run::lasting(&known.job) {
        Some(why) => Undo::Partly(format!(
            "the job is paused again; what its runs did by then does not come back ({why})"
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
        "where its next start is past, it runs at once",
    ))
}

/// The policy is deleted and added again, as which it is scheduled and begins at once: where nothing else has the server
/// schedule it or start it.
fn again(context: &Context, known: &Known, title: String) -> Result<Plan, Refusal> {
    let job = &known.job;
    let mut step = job.replace(context, &Change::default())?;
    // Added once more it would be scheduled, whatever it was: not to have it is the nearest to what was.
    step.undo = job.delete_for_good(context).run;
    let why = job.unalterable(context);
    let why = why.map_or_else(String::new, |refusal| format!(", because {}", refusal.why));
    let undo = Undo::Partly(
        "the policy made again is deleted, so that nothing refreshes the aggregate any more: this TimescaleDB can neither \
         pause it nor move its next start; add-refresh-policy brings it back"
            .to_owned(),
    );
    let mut plan = Plan::new(title, vec![step], undo)
        .wanting(Consent::Yes)
        .note(
            Level::Warning,
            format!(
                "the policy is deleted and added again under a new id{why}. Its window and its schedule stay; max_runtime, \
                 max_retries, retry_period and name become the defaults"
            ),
        )
        .note(Level::Notice, "where no first run is set for later, it runs at once");
    if let Some(pid) = known.pid {
        plan = plan.note(Level::Warning, cancels(pid));
    }
    plan = known
        .altering(plan)
        .touching(known.stat_table, "bgw_job_stat", Mode::ShareRowExclusive);
    Ok(known.warned(context, plan))
}

/// What deleting a job means for the run that is under way.
fn cancels(pid: i32) -> String {
    format!("it runs now (session {pid}): the run is cancelled, even where deleting then fails")
}

fn switch(context: &Context, known: &Known, scheduled: bool, undo: Undo) -> Result<Plan, Refusal> {
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
    let plan = Plan::new(format!("{verb} {}", job.describe()), vec![step], undo);
    Ok(known.warned(context, known.altering(plan.changing(&["/scheduled"]))))
}

const CALM: &str = "lift_max_retries";

/// The check function of a job may refuse what is to be altered first: then it can still be deleted.
fn delete_form(context: &Context) -> Result<Form, Refusal> {
    let known = Known::of(context)?;
    let proof = context.proof();
    let job = proof.as_ref().and_then(|proof| proof.job(known.job.id));
    let check = job.and_then(|job| job.check.as_ref().filter(|_| job.check_there));
    let check = check.filter(|_| known.job.crashes(context));
    let field = check.map(|check| {
        Field::new(CALM, "Lift max_retries first", FieldKind::Flag, "yes").help(format!(
            "so that the server outlives it; no: where {check} refuses that"
        ))
    });
    Ok(Form::new(field.into_iter().collect()))
}

fn delete(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
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
    // What could not be made again can still be deleted.
    let lost = known
        .lost_for_good(context)
        .or_else(|| job.recreate(context).err().map(|refusal| refusal.why));
    let (step, undo) = match (lost, job.lost(context)) {
        (Some(why), _) => (job.delete_for_good(context), Undo::Never(why)),
        (None, Some(lost)) => (
            job.delete(context)?,
            Undo::Partly(format!(
                "the job is made anew under a new id; {lost}; {gone}"
            )),
        ),
        (None, None) => (
            job.delete(context)?,
            Undo::Exact(format!(
                "the job is made anew with all its settings, under a new id; {gone}"
            )),
        ),
    };
    let mut plan =
        Plan::new(format!("Delete {}", job.describe()), vec![step], undo).wanting(Consent::Yes);
    plan = if inputs.text(CALM).is_some() && !inputs.flag(CALM) {
        plan.note(Level::Warning, alter_job::risk("you chose so"))
    } else {
        job.calmed(context, plan)
    };
    if job.unalterable(context).is_none() && job.scheduled {
        plan = plan.note(Level::Notice, job.pausing_instead());
    }
    if let Some(pid) = known.pid {
        plan = plan.note(Level::Warning, cancels(pid));
    }
    plan = known
        .altering(plan)
        .touching(known.stat_table, "bgw_job_stat", Mode::ShareRowExclusive);
    if job.is_user_defined() && known.role != job.owner && known.lost_for_good(context).is_none() {
        plan = plan.note(
            Level::Notice,
            format!("taking it back makes it anew as its owner, {}", job.owner),
        );
    }
    Ok(known.warned(context, plan))
}
