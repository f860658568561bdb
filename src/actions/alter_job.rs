//! A job as it was captured, an `alter_job` call without side effects, and the re-creation of a deleted job.
//!
//! `alter_job` resets a time zone that is not given (2.12 and later), and moves `next_start` if the schedule or the
//! time zone is given. So both are always given. `next_start` gets the value at the time of the statement, because
//! every run of the job moves it; but never `-infinity`, the value of a running job, which `alter_job` refuses.

mod recreate;

use serde::Deserialize;
use serde_json::Value as Json;

use crate::actions::act::{Context, Refusal};
use crate::model::creation::ByCreation;
use crate::model::plan::{Changed, Lit, Plan, Statement, Step};
use crate::model::verdict::Level;
use crate::model::version::Version;

/// All settings that `alter_job` and `add_…` need to restore a job, as `queries/plan_job.sql` returns them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Job {
    pub id: i64,
    /// With the ` [id]` at its end.
    pub application_name: String,
    pub schedule_interval: String,
    /// Zero: no limit.
    pub max_runtime: String,
    /// -1: no limit.
    pub max_retries: i64,
    pub retry_period: String,
    pub proc_schema: String,
    pub proc_name: String,
    /// Quoted if necessary.
    pub owner: String,
    pub scheduled: bool,
    pub fixed_schedule: bool,
    pub initial_start: Option<String>,
    pub timezone: Option<String>,
    pub config: Option<Json>,
    pub check_schema: Option<String>,
    pub check_name: Option<String>,
    pub hypertable_id: Option<i64>,
    /// As the scheduler has it; `-infinity` for a job that runs or never ran. `None`: not scheduled yet.
    pub next_start: Option<String>,
    /// The hypertable, or the user's view of an aggregate; quoted and qualified.
    pub relation: Option<String>,
    /// Its time is an integer. `None`: the job has no hypertable.
    pub integer_time: Option<bool>,
    /// Its time, as a policy by creation takes it. `None`: the job has no hypertable.
    #[serde(default)]
    pub creation: Option<ByCreation>,
    /// Type of its time column, as `regtype` prints it; integer offsets of a refresh policy must have this type.
    #[serde(default)]
    pub(crate) axis_type: Option<String>,
    /// Refresh policy of an aggregate that is built on another aggregate.
    #[serde(default)]
    pub(crate) hierarchical: bool,
}

/// Settings that `alter_job` changes. `None`: stays as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Change {
    pub schedule_interval: Option<String>,
    pub max_runtime: Option<String>,
    pub max_retries: Option<i64>,
    pub retry_period: Option<String>,
    pub scheduled: Option<bool>,
    pub config: Option<Json>,
    /// `None`: keeps the value at the time of the statement.
    pub next_start: Option<String>,
    /// Restores the captured next start if that is still in the future when the statement runs.
    pub(crate) next_start_back: bool,
    /// The next start that the undone action set. A job that still has it is due now, if the captured one is past.
    pub(crate) next_start_moved: Option<String>,
    /// 2.12 and later.
    pub slots: Option<Slots>,
}

/// Schedule of a job: fixed slots from an initial start on, or an interval after the last run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Slots {
    pub fixed: bool,
    pub initial_start: Option<String>,
    pub timezone: Option<String>,
}

impl Slots {
    fn changed(&self, now: &Self) -> Vec<Changed> {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let of = |setting, was: &Option<String>, now: &Option<String>| {
            Changed::of(setting, &text(was), &text(now))
        };
        let fixed = |slots: &Self| slots.fixed.to_string();
        [
            Changed::of("fixed_schedule", &fixed(self), &fixed(now)),
            of("initial_start", &self.initial_start, &now.initial_start),
            of("timezone", &self.timezone, &now.timezone),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// Next start of job `$1` at the time of the statement.
const KEPT: &str = "(select nullif(s.next_start, '-infinity') from _timescaledb_internal.bgw_job_stat s where s.job_id = $1::int)";

/// From this version on the worker of a deleted job updates its retry counter in a row that is gone, which crashes
/// PostgreSQL: in 13 of 55 deletions of a running job on 2.26.4 and 2.29.2, in 2 of 20 on 2.27.2, in none of 25 with
/// `max_retries` -1.
const DELETING_CRASHES: Version = Version::new(2, 26);

impl Job {
    /// Advice to pause instead of removing it.
    pub(crate) fn pausing_instead(&self) -> String {
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
    pub(crate) fn describe(&self) -> String {
        let on = self
            .relation
            .as_ref()
            .map_or_else(String::new, |relation| format!(" on {relation}"));
        format!("job {} ({}{on})", self.id, self.policy())
    }

    /// Text of a form whose fields equal the job's settings.
    pub(crate) fn already_so(&self) -> String {
        format!(
            "no change: {} already has these values; change a field",
            self.describe()
        )
    }

    /// One of TimescaleDB's own jobs (telemetry, log retention).
    pub(crate) fn is_internal(&self) -> bool {
        self.id < 1000
    }

    fn name(&self) -> &str {
        let end = format!(" [{}]", self.id);
        self.application_name
            .strip_suffix(&end)
            .unwrap_or(&self.application_name)
    }

    /// The reason why `alter_job` cannot change it on this server. `None`: it can.
    pub(crate) fn unalterable(&self, context: &Context) -> Option<Refusal> {
        let version = context.at.server.sql_version();
        if self.is_made_again(context) {
            return Some(Refusal::new(format!(
                "TimescaleDB {version} refuses every alter_job on the refresh policy of an aggregate on an aggregate: \
                 delete the policy and add it again, or upgrade to 2.23.1"
            )));
        }
        self.unusable(context)
    }

    /// The reason why it can neither run nor be altered on this server. `None`: it can.
    pub(crate) fn unusable(&self, context: &Context) -> Option<Refusal> {
        let version = context.at.server.sql_version();
        let by_creation = self.proc_name == "policy_retention"
            && self.setting("drop_after").is_none()
            && self.setting("drop_created_before").is_some();
        let at = self.creation.and_then(|creation| creation.fails(version));
        at.filter(|_| by_creation).map(|at| {
            Refusal::new(format!(
                "TimescaleDB {version} can neither run nor alter a retention policy by drop_created_before {at}: \
                 delete it and add one by drop_after"
            ))
        })
    }

    /// The `alter_job` call that changes this and nothing else.
    pub fn alter(&self, context: &Context, change: &Change) -> Statement {
        self.altering(context, Lit::Job(self.id), change, true)
            .statement()
    }

    /// `kept`: the job exists, and keeps its next start if the change names none.
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
                // NULL: the server computes the next slot.
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
                // The server would choose a slot before an initial start that is still in the future.
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

    /// The settings to which this change gives other values.
    pub(crate) fn changed(&self, change: &Change) -> Vec<Changed> {
        let mut all = Vec::new();
        if let Some(config) = &change.config {
            all.extend(Changed::config(self.config.as_ref(), config));
        }
        for (setting, was, now) in [
            (
                "schedule_interval",
                &self.schedule_interval,
                &change.schedule_interval,
            ),
            ("max_runtime", &self.max_runtime, &change.max_runtime),
            ("retry_period", &self.retry_period, &change.retry_period),
        ] {
            all.extend(
                now.as_ref()
                    .and_then(|now| Changed::length(setting, was, now)),
            );
        }
        let retries = change.max_retries.map(|now| now.to_string());
        all.extend(
            retries.and_then(|now| Changed::of("max_retries", &self.max_retries.to_string(), &now)),
        );
        all.extend(
            change
                .slots
                .iter()
                .flat_map(|now| self.slots().changed(now)),
        );
        all
    }

    /// Its schedule as captured.
    pub fn slots(&self) -> Slots {
        Slots {
            fixed: self.fixed_schedule,
            initial_start: self.initial_start.clone(),
            timezone: self.timezone.clone(),
        }
    }

    /// Everything as captured, in one call: the undo of any `alter_job`.
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

    /// Deletes it; the undo makes it again.
    pub fn delete(&self, context: &Context) -> Result<Step, Refusal> {
        let mut step = self.delete_for_good(context);
        step.undo = self.recreate(context)?;
        Ok(step)
    }

    /// Sets `max_retries` to -1 before a plan that deletes the job: deleting a running job can crash the server.
    /// The worker sees the change only once it is committed.
    pub(crate) fn clear_retries_first(&self, context: &Context, mut plan: Plan) -> Plan {
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
            "its max_retries is set to -1 first: deleting a running job with a limit can crash the server (seen on TimescaleDB 2.26.4, 2.27.2 and 2.29.2)",
        )
    }

    /// True if deleting it while it runs may crash the server.
    pub fn crashes(&self, context: &Context) -> bool {
        context.at.server.sql_version() >= DELETING_CRASHES && self.max_retries >= 0
    }

    /// The reason why the server refuses to alter it as it is.
    fn refused(&self, context: &Context) -> Option<String> {
        context.proof()?.job(self.id)?.unalterable()
    }

    /// Deletes a job that cannot be made again.
    pub(crate) fn delete_for_good(&self, context: &Context) -> Step {
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

/// Text on the risk of deleting a job with its `max_retries`.
pub fn risk(why: &str) -> String {
    format!(
        "its max_retries stays, because {why}: if it runs while it is deleted, the server can crash (seen on TimescaleDB 2.26.4, 2.27.2 and 2.29.2)"
    )
}

/// A function call, built argument by argument.
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

    /// Adds an argument by name (by position if the name is empty), cast to this type.
    pub fn give(&mut self, name: &str, kind: &str, value: Lit) {
        let place = self.place(kind, value);
        self.arguments.push(if name.is_empty() {
            place
        } else {
            format!("{name} => {place}")
        });
    }

    /// Adds a parameter of this type; returns its place in an expression.
    fn place(&mut self, kind: &str, value: Lit) -> String {
        self.params.push(value);
        format!("${}::{kind}", self.params.len())
    }

    /// Adds an argument that is an expression.
    fn raw(&mut self, argument: &str) {
        self.arguments.push(argument.to_owned());
    }

    /// Like `give`; adds nothing for `None`.
    pub(crate) fn give_some<T: Into<Lit>>(&mut self, name: &str, kind: &str, value: Option<T>) {
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
