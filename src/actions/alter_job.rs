//! A job as it was captured, the `alter_job` that has no side effects, and making the job anew.
//!
//! `alter_job` sets the time zone to NULL where it is not given (2.12 and later), and moves `next_start` with the
//! schedule and the time zone: so both are always given. `next_start` is what it is when the statement runs (it moves
//! with every run of the job), but never `-infinity`, which a running job has and `alter_job` refuses.

mod recreate;

use serde::Deserialize;
use serde_json::Value as Json;

use crate::actions::act::{Context, Refusal};
use crate::model::plan::{Lit, Plan, Statement, Step};
use crate::model::verdict::Level;
use crate::model::version::Version;

/// All that `alter_job` and `add_…` need to bring a job back, as `queries/plan_job.sql` gives it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Job {
    pub id: i64,
    /// With the ` [id]` at its end.
    pub application_name: String,
    pub schedule_interval: String,
    /// Zero: without limit.
    pub max_runtime: String,
    /// -1: without limit.
    pub max_retries: i64,
    pub retry_period: String,
    pub proc_schema: String,
    pub proc_name: String,
    /// Quoted where it has to be.
    pub owner: String,
    pub scheduled: bool,
    pub fixed_schedule: bool,
    pub initial_start: Option<String>,
    pub timezone: Option<String>,
    pub config: Option<Json>,
    pub check_schema: Option<String>,
    pub check_name: Option<String>,
    pub hypertable_id: Option<i64>,
    /// As the scheduler has it, `-infinity` for a job that runs or never ran; `None`: it never looked at the job.
    pub next_start: Option<String>,
    /// The hypertable, or the user's view of an aggregate: quoted and qualified.
    pub relation: Option<String>,
    /// Its time is an integer; `None` without a hypertable.
    pub integer_time: Option<bool>,
    /// The type of its time, as `regtype` writes it; the offsets of a refresh policy must be of just this integer type.
    #[serde(default)]
    pub axis_type: Option<String>,
    /// The refresh policy of an aggregate on another aggregate.
    #[serde(default)]
    pub hierarchical: bool,
}

/// What `alter_job` is to change; `None`: stays as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Change {
    pub schedule_interval: Option<String>,
    pub max_runtime: Option<String>,
    pub max_retries: Option<i64>,
    pub retry_period: Option<String>,
    pub scheduled: Option<bool>,
    pub config: Option<Json>,
    /// `None`: stays as it is when the statement runs.
    pub next_start: Option<String>,
    /// Back to the captured next start, if that is still to come when the statement runs.
    pub next_start_back: bool,
    /// The next start that is being taken back: where the job still has it, and the captured one has passed, it is due now.
    pub next_start_moved: Option<String>,
    /// 2.12 and later.
    pub slots: Option<Slots>,
}

/// When a job is due: by slots from an initial start on, or so long after its last run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Slots {
    pub fixed: bool,
    pub initial_start: Option<String>,
    pub timezone: Option<String>,
}

/// The next start that the job `$1` has when the statement runs.
const KEPT: &str = "(select nullif(s.next_start, '-infinity') from _timescaledb_internal.bgw_job_stat s where s.job_id = $1::int)";

/// From here on a worker whose job was deleted under it counts its retries in a row that is gone, and PostgreSQL goes down
/// with it: 13 of 55 deletions of a running job on 2.26.4 and 2.29.2, 2 of 20 on 2.27.2, none of 25 where `max_retries` was -1.
const DELETING_CRASHES: Version = Version::new(2, 26);

impl Job {
    /// What to do instead of removing it.
    pub fn pausing_instead(&self) -> String {
        format!(
            "pause-job {} stops it too, and keeps its id, its counters and its history",
            self.id
        )
    }

    /// `compression`, `retention`, `refresh`, `reorder`, or the procedure's name.
    pub fn policy(&self) -> &str {
        match self.proc_name.as_str() {
            "policy_compression" => "compression policy",
            "policy_retention" => "retention policy",
            "policy_refresh_continuous_aggregate" => "refresh policy",
            "policy_reorder" => "reorder policy",
            other => other,
        }
    }

    /// `job 1001 (retention policy on public.metrics)`.
    pub fn describe(&self) -> String {
        let on = self
            .relation
            .as_ref()
            .map_or_else(String::new, |relation| format!(" on {relation}"));
        format!("job {} ({}{on})", self.id, self.policy())
    }

    /// What a form says while its fields stand as the job has them.
    pub fn already_so(&self) -> String {
        format!(
            "nothing is changed yet: {} already has these values; change a field",
            self.describe()
        )
    }

    /// One of TimescaleDB's own jobs (telemetry, log retention).
    pub fn is_internal(&self) -> bool {
        self.id < 1000
    }

    fn name(&self) -> &str {
        let end = format!(" [{}]", self.id);
        self.application_name
            .strip_suffix(&end)
            .unwrap_or(&self.application_name)
    }

    /// Why `alter_job` cannot touch it on this server, if it cannot.
    pub fn unalterable(&self, context: &Context) -> Option<Refusal> {
        let version = context.at.server.sql_version();
        if self.is_made_again(context) {
            return Some(Refusal::new(format!(
                "TimescaleDB {version} refuses every alter_job on the refresh policy of an aggregate on an aggregate: \
                 delete the policy and add it again, or upgrade to 2.23.1"
            )));
        }
        self.hopeless(context)
    }

    /// Why it can neither run nor be altered on this server, if so.
    pub fn hopeless(&self, context: &Context) -> Option<Refusal> {
        let version = context.at.server.sql_version();
        let by_creation = self.proc_name == "policy_retention"
            && self.setting("drop_after").is_none()
            && self.setting("drop_created_before").is_some();
        let never = self.integer_time != Some(true) && version.drops_none_by_creation();
        (by_creation && never).then(|| {
            Refusal::new(format!(
                "TimescaleDB {version} can neither run nor alter a retention policy by drop_created_before: delete it \
                 and add one by drop_after, or upgrade to 2.26.3"
            ))
        })
    }

    /// The `alter_job` that changes this and nothing else.
    pub fn alter(&self, context: &Context, change: &Change) -> Statement {
        self.altering(context, Lit::Job(self.id), change, true)
            .statement()
    }

    /// `kept`: the job is there, and keeps its next start where the change names none.
    fn altering(&self, context: &Context, id: Lit, change: &Change, kept: bool) -> Call {
        let mut call = Call::new(format!(
            "select job_id from {}",
            context.function("alter_job")
        ));
        call.give("", "int", id);
        call.give_some(
            "schedule_interval",
            "interval",
            change.schedule_interval.clone(),
        );
        call.give_some("max_runtime", "interval", change.max_runtime.clone());
        call.give_some("max_retries", "int", change.max_retries);
        call.give_some("retry_period", "interval", change.retry_period.clone());
        call.give_some("scheduled", "bool", change.scheduled);
        call.give_some(
            "config",
            "jsonb",
            change.config.as_ref().map(Json::to_string),
        );
        let mut timezone = &self.timezone;
        if let Some(slots) = &change.slots {
            call.give("fixed_schedule", "bool", slots.fixed.into());
            let start = slots.initial_start.clone();
            call.give_some("initial_start", "timestamptz", start);
            timezone = &slots.timezone;
        }
        self.next_start(&mut call, change, kept);
        if context.at.server.sql_version() >= Version::new(2, 12) {
            call.give_some("timezone", "text", timezone.clone());
        }
        call
    }

    fn next_start(&self, call: &mut Call, change: &Change, kept: bool) {
        let back = self.next_start.as_ref().filter(|at| *at != "-infinity");
        match (&change.next_start, back, &change.slots) {
            (Some(at), ..) => call.give("next_start", "timestamptz", at.as_str().into()),
            (None, Some(at), slots) if change.next_start_back => {
                let place = call.place("timestamptz", at.as_str().into());
                let fixed = slots.as_ref().is_some_and(|slots| slots.fixed);
                // NULL: the server computes the next of the slots.
                let stays = if fixed { "null" } else { KEPT };
                let due = change.next_start_moved.as_deref().map(|moved| {
                    let moved = call.place("timestamptz", moved.into());
                    format!(" when {KEPT} = {moved} then now()")
                });
                let due = due.unwrap_or_default();
                call.raw(&format!(
                    "next_start => case when {place} > now() then {place}{due} else {stays} end"
                ));
            }
            (_, _, Some(slots)) if slots.fixed => {
                // The server would take a slot before the first one, where that is still to come.
                if let Some(first) = &slots.initial_start {
                    let place = call.place("timestamptz", first.as_str().into());
                    call.raw(&format!(
                        "next_start => case when {place} > now() then {place} end"
                    ));
                }
            }
            _ if kept => call.raw(&format!("next_start => {KEPT}")),
            _ => {}
        }
    }

    /// Its slots as they were captured.
    pub fn slots(&self) -> Slots {
        Slots {
            fixed: self.fixed_schedule,
            initial_start: self.initial_start.clone(),
            timezone: self.timezone.clone(),
        }
    }

    /// Everything as it was captured, in one call: the undo of any `alter_job`.
    pub fn restore(&self, context: &Context) -> Statement {
        let change = Change {
            next_start_back: true,
            ..self.whole()
        };
        self.alter(context, &change)
    }

    fn whole(&self) -> Change {
        Change {
            schedule_interval: Some(self.schedule_interval.clone()),
            max_runtime: Some(self.max_runtime.clone()),
            max_retries: Some(self.max_retries),
            retry_period: Some(self.retry_period.clone()),
            scheduled: Some(self.scheduled),
            config: self.config.clone(),
            ..Change::default()
        }
    }

    /// Deletes it; taken back by making it anew.
    pub fn delete(&self, context: &Context) -> Result<Step, Refusal> {
        let mut step = self.delete_for_good(context);
        step.undo = self.recreate(context)?;
        Ok(step)
    }

    /// A plan that deletes it, so that the server outlives it: the worker counts no retries where they are unlimited, and it
    /// sees that only once it is committed.
    pub fn calmed(&self, context: &Context, mut plan: Plan) -> Plan {
        if !self.crashes(context) {
            return plan;
        }
        let refused = self.unalterable(context).map(|refusal| refusal.why);
        if let Some(why) = refused.or_else(|| self.refused(context)) {
            return plan.note(Level::Warning, risk(&why));
        }
        let retries = |max_retries| Change {
            max_retries: Some(max_retries),
            ..Change::default()
        };
        let mut back = self.altering(context, Lit::Job(self.id), &retries(self.max_retries), true);
        back.raw("if_exists => true");
        let step = Step::new(
            format!("lift the max_retries of {}", self.describe()),
            vec![self.alter(context, &retries(-1))],
            vec![back.statement()],
        );
        plan.steps.insert(0, step);
        plan.note(
            Level::Notice,
            "its max_retries goes first: to delete a job with one while it runs can crash the server (seen on TimescaleDB 2.26.4, 2.27.2 and 2.29.2)",
        )
    }

    /// Deleting it while it runs may crash the server.
    pub fn crashes(&self, context: &Context) -> bool {
        context.at.server.sql_version() >= DELETING_CRASHES && self.max_retries >= 0
    }

    /// Why the server refuses to alter it as it is.
    fn refused(&self, context: &Context) -> Option<String> {
        context.proof()?.job(self.id)?.unalterable()
    }

    /// Deletes a job that could not be made anew.
    pub fn delete_for_good(&self, context: &Context) -> Step {
        let delete = Statement::new(
            format!("select {}($1::int)", context.function("delete_job")),
            vec![Lit::Job(self.id)],
        );
        Step::new(
            format!("delete {}", self.describe()),
            vec![delete],
            Vec::new(),
        )
    }
}

/// What it means that a job is deleted with its `max_retries`.
pub fn risk(why: &str) -> String {
    format!(
        "its max_retries stays, because {why}: if it runs while it is deleted, the server can crash (seen on TimescaleDB 2.26.4, 2.27.2 and 2.29.2)"
    )
}

/// A function call that grows argument by argument.
#[derive(Debug)]
pub struct Call {
    head: String,
    arguments: Vec<String>,
    params: Vec<Lit>,
}

impl Call {
    /// `head` is everything before the parenthesis: `select public.alter_job`, `call public.run_job`.
    pub fn new(head: String) -> Self {
        Self {
            head,
            arguments: Vec::new(),
            params: Vec::new(),
        }
    }

    /// An argument by name (by place where the name is empty), of this type.
    pub fn give(&mut self, name: &str, kind: &str, value: Lit) {
        let place = self.place(kind, value);
        self.arguments.push(if name.is_empty() {
            place
        } else {
            format!("{name} => {place}")
        });
    }

    /// Where a value of this type stands in an expression.
    fn place(&mut self, kind: &str, value: Lit) -> String {
        self.params.push(value);
        format!("${}::{kind}", self.params.len())
    }

    /// An argument that is an expression.
    fn raw(&mut self, argument: &str) {
        self.arguments.push(argument.to_owned());
    }

    /// The same, left out where there is nothing to give.
    pub fn give_some<T: Into<Lit>>(&mut self, name: &str, kind: &str, value: Option<T>) {
        if let Some(value) = value {
            self.give(name, kind, value.into());
        }
    }

    pub fn statement(self) -> Statement {
        Statement::new(
            format!("{}({})", self.head, self.arguments.join(", ")),
            self.params,
        )
    }
}
