//! Builds calls of `alter_job` that change nothing but the given settings, and creates a deleted job again.
//!
//! `alter_job` resets the time zone unless it is given (from 2.12 on), and moves `next_start` if the schedule or the time zone is given.
//! So every call gives the time zone and `next_start`. Each run of the job changes `next_start`, so the statement itself reads the present
//! value. While the job runs, that value is `-infinity`, which `alter_job` refuses. The statement then gives NULL, which changes nothing.

mod recreate;

use serde::Deserialize;
use serde_json::Value as Json;

use crate::actions::act::{Context, Refusal};
use crate::actions::call::Call;
use crate::model::creation::ByCreation;
use crate::model::plan::{Changed, Lit, Plan, Statement, Step};
use crate::model::verdict::Level;
use crate::model::version::Version;

/// All settings that `alter_job`, `add_job` and `add_…_policy` need to restore a job, as `queries/plan_job.sql` returns them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Job {
    pub id: i64,
    /// Name of the job, and ` [id]` at the end.
    application_name: String,
    pub schedule_interval: String,
    /// An interval. `0`: no limit.
    pub max_runtime: String,
    /// Number of retries. -1: no limit.
    pub max_retries: i64,
    pub retry_period: String,
    pub proc_schema: String,
    pub proc_name: String,
    /// Owner role, quoted if necessary.
    pub owner: String,
    pub scheduled: bool,
    pub fixed_schedule: bool,
    pub initial_start: Option<String>,
    pub timezone: Option<String>,
    pub config: Option<Json>,
    check_schema: Option<String>,
    check_name: Option<String>,
    hypertable_id: Option<i64>,
    /// Timestamp in the scheduler's table; `-infinity`: the job runs now or never ran. `None`: the job has no row in that table yet.
    pub next_start: Option<String>,
    /// Hypertable, or view of the continuous aggregate; quoted and qualified. `None`: the job has no hypertable.
    pub relation: Option<String>,
    /// True if the hypertable's time is an integer. `None`: the job has no hypertable.
    pub integer_time: Option<bool>,
    /// Facts on the hypertable's time that decide whether a policy by creation time works. `None`: the job has no hypertable.
    #[serde(default)]
    creation: Option<ByCreation>,
    /// Type of the hypertable's time column, as `regtype` prints it. Integer offsets of a refresh policy must have this type.
    #[serde(default)]
    pub(crate) axis_type: Option<String>,
    /// True for the refresh policy of an aggregate that is built on another aggregate.
    #[serde(default)]
    hierarchical: bool,
}

/// Settings that `alter_job` changes. `None`: the setting stays as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Change {
    pub schedule_interval: Option<String>,
    pub max_runtime: Option<String>,
    pub max_retries: Option<i64>,
    pub retry_period: Option<String>,
    pub scheduled: Option<bool>,
    pub config: Option<Json>,
    /// New `next_start`. `None`: unchanged.
    pub next_start: Option<String>,
    /// True: set `next_start` back to the value in [`Job`], if that is still in the future when the statement runs.
    pub(crate) next_start_back: bool,
    /// For an undo: the `next_start` that the action has set. If the job still has this value and the value in [`Job`] is in the past, the
    /// job becomes due now.
    pub(crate) next_start_moved: Option<String>,
    /// For an undo that does not restore the time zone: true: the job keeps the one that it has when the statement runs, instead of the one
    /// in [`Job`].
    pub(crate) zone_kept: bool,
    /// New schedule. `None`: unchanged. 2.12 and later only.
    pub(super) slots: Option<Slots>,
}

/// Schedule of a job: fixed slots counted from an initial start, or an interval after the end of the last run.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Slots {
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

/// First words of the label of a step that must be committed before the next step, because a worker sees only committed changes.
pub(super) const LIFTS: &str = "lift the max_retries of";

/// SQL: the present `next_start` of job `$1`. NULL while the job runs, or if it never ran.
const KEPT: &str = "(select nullif(s.next_start, '-infinity') from _timescaledb_internal.bgw_job_stat s where s.job_id = $1::int)";

/// SQL: the present time zone of job `$1`.
const ZONE: &str = "(select b.timezone from _timescaledb_config.bgw_job b where b.id = $1::int)";

/// From this version on, deleting a running job can crash PostgreSQL, because the job's worker updates a retry counter whose row is gone.
/// Measured: 13 of 55 deletions on 2.26.4 and 2.29.2, 2 of 20 on 2.27.2, none of 25 with `max_retries` -1.
const DELETING_CRASHES: Version = Version::new(2, 26);

impl Job {
    /// Advice to pause the job instead of deleting it.
    pub(super) fn pausing_instead(&self) -> String {
        format!(
            "pause-job {} stops it too, and keeps its id, its counters and its history",
            self.id
        )
    }

    /// The kind of policy, such as `retention policy`; for other jobs the procedure's name.
    pub(super) fn policy(&self) -> &str {
        match self.proc_name.as_str() {
            "policy_compression" => "compression policy",
            "policy_retention" => "retention policy",
            "policy_refresh_continuous_aggregate" => "refresh policy",
            "policy_reorder" => "reorder policy",
            other => other,
        }
    }

    /// Text such as `job 1001 (retention policy on public.metrics)`.
    pub(super) fn describe(&self) -> String {
        let on = self
            .relation
            .as_ref()
            .map_or_else(String::new, |relation| format!(" on {relation}"));
        format!("job {} ({}{on})", self.id, self.policy())
    }

    /// Reason to refuse a form that would change nothing.
    pub(super) fn already_so(&self) -> String {
        format!(
            "no change: {} already has these values; change a field",
            self.describe()
        )
    }

    /// True for TimescaleDB's own jobs, such as telemetry and the retention of the job log. Their ids are below 1000.
    pub(super) fn is_internal(&self) -> bool {
        self.id < 1000
    }

    fn name(&self) -> &str {
        let end = format!(" [{}]", self.id);
        self.application_name
            .strip_suffix(&end)
            .unwrap_or(&self.application_name)
    }

    /// The reason why `alter_job` refuses this job on this server. `None`: no known reason.
    pub(super) fn unalterable(&self, context: &Context) -> Option<Refusal> {
        let version = context.at.server.sql_version();
        if self.is_made_again(context) {
            return Some(Refusal::new(format!(
                "TimescaleDB {version} refuses alter_job on the refresh policy of an aggregate that is built on another aggregate: delete the policy and add it again, or upgrade to 2.23.1"
            )));
        }
        self.unusable(context)
    }

    /// The reason why this job can neither run nor be altered on this server. `None`: no known reason.
    pub(super) fn unusable(&self, context: &Context) -> Option<Refusal> {
        let version = context.at.server.sql_version();
        let by_creation = self.proc_name == "policy_retention"
            && self.setting("drop_after").is_none()
            && self.setting("drop_created_before").is_some();
        let at = self.creation.and_then(|creation| creation.fails(version));
        at.filter(|_| by_creation).map(|at| {
            Refusal::new(format!(
                "TimescaleDB {version} can neither run nor alter a retention policy by drop_created_before {at}: \
                 delete the policy and add one with drop_after"
            ))
        })
    }

    /// The `alter_job` call that makes exactly this change.
    pub(super) fn alter(&self, context: &Context, change: &Change) -> Statement {
        self.altering(context, Lit::Job(self.id), change, true)
            .statement()
    }

    /// Builds the `alter_job` call. `kept`: the job exists, so its `next_start` stays, unless the change sets it or a fixed schedule.
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
        match context.at.server.sql_version() >= Version::new(2, 12) {
            true if change.zone_kept => call.raw(&format!("timezone => {ZONE}")),
            true => call.give_some("timezone", "text", timezone.clone()),
            false => {}
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
                // With NULL the server computes the next slot.
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
                // Without `next_start`, the server may choose a slot before an initial start that is in the future.
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

    /// The settings that this change gives another value, each with its old and its new value.
    pub(super) fn changed(&self, change: &Change) -> Vec<Changed> {
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

    /// The schedule that the job had when the facts were read.
    pub(super) fn slots(&self) -> Slots {
        Slots {
            fixed: self.fixed_schedule,
            initial_start: self.initial_start.clone(),
            timezone: self.timezone.clone(),
        }
    }

    /// One `alter_job` call that sets all settings to the values in [`Job`]. It undoes every other `alter_job` on the job.
    pub(super) fn restore(&self, context: &Context) -> Statement {
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

    /// Step that deletes the job; its undo creates the job again.
    pub(super) fn delete(&self, context: &Context) -> Result<Step, Refusal> {
        let mut step = self.delete_for_good(context);
        step.undo = self.recreate(context)?;
        Ok(step)
    }

    /// Adds a first step to a plan that deletes the job: it sets `max_retries` to -1 (no limit). With a limit, deleting the job while it
    /// runs could crash the server. The step is a transaction of its own, because the job's worker sees only committed changes. If the
    /// server would refuse the step, the plan gets a warning instead.
    pub(super) fn clear_retries_first(&self, context: &Context, mut plan: Plan) -> Plan {
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
            format!("{LIFTS} {}", self.describe()),
            vec![self.alter(context, &retries(-1))],
            vec![back.statement()],
        );
        plan.steps.insert(0, step);
        plan.note(
            Level::Notice,
            "first sets its max_retries to -1 (no limit), because deleting a running job that has a limit can crash the server (seen on TimescaleDB 2.26.4, 2.27.2 and 2.29.2)",
        )
    }

    /// True if deleting the job while it runs may crash the server.
    pub(super) fn crashes(&self, context: &Context) -> bool {
        context.at.server.sql_version() >= DELETING_CRASHES && self.max_retries >= 0
    }

    /// The reason why the server refuses to alter the job, by the facts in `JobProof`. `None`: no known reason.
    fn refused(&self, context: &Context) -> Option<String> {
        context.proof()?.job(self.id)?.unalterable()
    }

    /// Step that deletes the job, without an undo.
    pub(super) fn delete_for_good(&self, context: &Context) -> Step {
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

/// Warning for a plan that deletes the job although its `max_retries` could not be changed first.
pub(super) fn risk(why: &str) -> String {
    format!(
        "its max_retries is not changed first, because {why}: if it runs while it is deleted, the server can crash (seen on TimescaleDB 2.26.4, 2.27.2 and 2.29.2)"
    )
}
