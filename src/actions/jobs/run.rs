//! Runs a job now: in the foreground, or through the scheduler.

use super::again;
use super::facts::JobFacts;
use crate::actions::act::{Context, Refusal};
use crate::actions::alter_job::{Change, Job};
use crate::actions::form::{Field, FieldType, Form, Inputs};
use crate::actions::policy::row_loss::{Back, reads_dropped};
use crate::model::clock;
use crate::model::moment::Axis;
use crate::model::plan::{Consent, Plan, Statement, Step, Undo};
use crate::model::span::Span;
use crate::model::verdict::Level;

const FOREGROUND: &str = "foreground";
const SCHEDULER: &str = "scheduler";

#[expect(
    clippy::unnecessary_wraps,
    reason = "all functions that make forms have this type"
)]
pub(super) fn form(_: &Context) -> Result<Form, Refusal> {
    let how = Field::new(
        "how",
        "How",
        FieldType::Choice(vec![FOREGROUND, SCHEDULER]),
        FOREGROUND,
    );
    Ok(Form::new(vec![how.help(
        "foreground: in a session of hypertop, which shows errors; scheduler: by setting its next start to now",
    )]))
}

pub(super) fn plan(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let known = JobFacts::of(context)?;
    let job = &known.job;
    if !known.has_proc {
        return Err(format!(
            "{} cannot run: its procedure {}.{} does not exist",
            job.describe(),
            job.proc_schema,
            job.proc_name
        )
        .into());
    }
    if let Some(refusal) = job.unusable(context) {
        return Err(refusal);
    }
    let plan = if inputs.text("how") == Some(SCHEDULER) {
        by_scheduler(context, &known)?
    } else {
        foreground(context, &known)
    };
    let plan = known.dropping_unread(known.with_row_loss(plan), context.at.now);
    let plan = known.reaching_remade(known.left_out(plan, context.at.now), context.at.now);
    Ok(known.warned(context, plan))
}

fn foreground(context: &Context, known: &JobFacts) -> Plan {
    let job = &known.job;
    // Sent without parameters, as psql sends it, because compression and refresh procedures commit between their steps.
    let call = Statement::new(
        format!("call {}({})", context.function("run_job"), job.id),
        Vec::new(),
    );
    let mut run = vec![call];
    if job.is_user_defined()
        && let Some(path) = &known.search_path
    {
        // The settings of a job's worker. hypertop's own sessions have other values, which might change the result.
        let as_worker = "select pg_catalog.set_config('search_path', $1::text, false), pg_catalog.set_config('row_security', 'on', false)";
        run.insert(0, Statement::new(as_worker, vec![path.as_str().into()]));
    }
    if let Some(zone) = &known.owner_zone {
        // The worker computes in this time zone.
        let as_worker = "select pg_catalog.set_config('TimeZone', $1::text, false)";
        run.insert(0, Statement::new(as_worker, vec![zone.as_str().into()]));
    }
    let step = Step::new(format!("run {}", job.describe()), run, Vec::new()).plain();
    let (undo, consent) = outcome(job);
    let mut plan = Plan::new(format!("Run {} now", job.describe()), vec![step], undo);
    plan.consent = consent;
    if let Some(pid) = known.pid {
        plan = plan.note(
            Level::Warning,
            format!("the scheduler runs it now (session {pid}), and both runs may overlap"),
        );
    }
    if known.role != job.owner {
        plan = plan.note(
            Level::Notice,
            format!("it runs as {}, not as its owner {}", known.role, job.owner),
        );
    }
    plan.note(
        Level::Notice,
        "its counters, history and next start do not change. max_runtime does not limit this run, and a scheduled run may start at the same time",
    )
}

/// The reason why the job's run cannot be undone. `None`: it needs no undo.
pub(super) fn lasting(job: &Job) -> Option<String> {
    match outcome(job).0 {
        Undo::Never(why) => Some(why),
        _ => None,
    }
}

/// Undo of a run, and the consent that it requires.
fn outcome(job: &Job) -> (Undo, Consent) {
    let never = |why: &str| Undo::Never(why.to_owned());
    match job.proc_name.as_str() {
        _ if job.is_user_defined() => (
            never("hypertop does not know what its procedure does"),
            Consent::Name,
        ),
        "policy_retention" => (never("chunks that it drops are gone"), Consent::Name),
        "policy_compression" => (
            never(
                "no rollback undoes a run; decompress-chunks decompresses the chunks that it compressed",
            ),
            Consent::Yes,
        ),
        "policy_refresh_continuous_aggregate" => (
            Undo::Needless("it brings the aggregate up to date with its source".to_owned()),
            Consent::Enter,
        ),
        "policy_reorder" => (
            Undo::Needless("it changes the order of rows only".to_owned()),
            Consent::Enter,
        ),
        _ => (never("it cleans up TimescaleDB's own tables"), Consent::Yes),
    }
}

fn by_scheduler(context: &Context, known: &JobFacts) -> Result<Plan, Refusal> {
    let job = &known.job;
    let foreground = || vec![("how", FOREGROUND.to_owned())];
    if !job.scheduled {
        return Err(Refusal::new(format!(
            "{} is paused, so the scheduler would not run it: use resume-job {}",
            job.describe(),
            job.id
        ))
        .offering("run it in the foreground", foreground()));
    }
    if let Some(pid) = known.pid {
        return Err(Refusal::new(format!(
            "{} is running already (session {pid})",
            job.describe()
        )));
    }
    let title = format!("Let the scheduler run {} now", job.describe());
    if job.is_made_again(context) && !starts_later(context, job) {
        return again::started(context, known, title);
    }
    if let Some(refusal) = job.unalterable(context) {
        return Err(refusal.offering("run it in the foreground", foreground()));
    }
    let now = Change {
        next_start: Some("now".to_owned()),
        ..Change::default()
    };
    let back = Change {
        next_start_back: true,
        zone_kept: true,
        ..Change::default()
    };
    let planned = job.next_start.as_deref();
    let planned = planned.filter(|at| is_later(context, at));
    let back = planned.map(|_| job.alter(context, &back));
    let step = Step::new(
        format!("start {}", job.describe()),
        vec![job.alter(context, &now)],
        back.into_iter().collect(),
    );
    let (run, consent) = outcome(job);
    let undo = match planned {
        Some(at) => only_its_start(at, &run),
        None => run.clone(),
    };
    let mut plan = Plan::new(title, vec![step], undo);
    plan.consent = consent;
    if let (Undo::Never(why), Undo::Partly(_)) = (&run, &plan.undo) {
        let words = format!("the run itself is irreversible: {why}");
        plan = plan.note(Level::Warning, words);
    }
    let (level, then) = if known.scheduler || context.at.server.simulated {
        (
            Level::Notice,
            "the scheduler starts it within seconds, if a worker is free; the Jobs screen shows the result",
        )
    } else {
        (
            Level::Warning,
            "no TimescaleDB scheduler runs in this database, so the job does not start before one does; how=foreground runs it now",
        )
    };
    Ok(known.altering(plan).note(level, then))
}

/// Undo of a start by the scheduler: the run stays, and the next start that the job had before (`at`) is restored.
fn only_its_start(at: &str, run: &Undo) -> Undo {
    let run = match run {
        Undo::Needless(why) => format!("the run itself needs no undo ({why})"),
        run => format!("the run itself is irreversible ({})", run.text()),
    };
    Undo::Partly(format!(
        "{run}; only the job's next start is restored ({at}), if that is still in the future by then"
    ))
}

/// True if the `initial_start` is in the future: after the policy is added again, it first runs at that time.
fn starts_later(context: &Context, job: &Job) -> bool {
    let first = job.initial_start.as_deref().filter(|_| job.fixed_schedule);
    first.is_some_and(|first| is_later(context, first))
}

fn is_later(context: &Context, at: &str) -> bool {
    at == "infinity"
        || clock::parse(Axis::TimestampTz, at, None).is_ok_and(|at| at > context.at.now.0)
}

impl JobFacts {
    /// Adds a warning if a refresh would reach rows that the source's retention drops.
    pub(super) fn with_row_loss(&self, mut plan: Plan) -> Plan {
        let Some(why) = self.row_loss(self.job.setting("start_offset").as_deref()) else {
            return plan;
        };
        let gone = "rows of the aggregate that a run deletes cannot be restored";
        plan.undo = match plan.undo {
            Undo::Needless(_) => Undo::Never(gone.to_owned()),
            Undo::Never(why) => Undo::Never(format!("{why}; {gone}")),
            undo => Undo::Partly(format!("{}; {gone}", undo.text())),
        };
        plan.note(Level::Critical, why).wanting(Consent::Name)
    }

    /// The reason why a refresh from this `start_offset` on would delete rows of the aggregate. `None`: it would
    /// not.
    pub(super) fn row_loss(&self, start_offset: Option<&str>) -> Option<String> {
        if self.job.policy() != "refresh policy" {
            return None;
        }
        let keeps = self.source_drop_after.as_deref()?;
        let back = |span| {
            Some(Back::of(
                &self.worker_now(),
                Span::parse(self.axis(), span)?,
            ))
        };
        let start = start_offset.map_or(Some(Back::TO_THE_BEGINNING), back);
        // If an age cannot be parsed, a loss is assumed.
        let reads = start
            .zip(back(keeps))
            .is_none_or(|(start, drops)| reads_dropped(start, drops));
        let over = start_offset.map_or_else(
            || "all of".to_owned(),
            |start| format!("the last {start} of"),
        );
        reads.then(|| {
            format!(
                "DATA LOSS: it refreshes {over} {}, which keeps rows for {keeps} only. The run deletes the aggregate's rows whose source rows were dropped",
                self.source.as_deref().unwrap_or("its source")
            )
        })
    }
}
