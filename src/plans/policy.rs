//! A job as it was captured, the `alter_job` that has no side effects, and making the job anew.
//!
//! `alter_job` sets the time zone to NULL where it is not given (2.12 and later), and moves `next_start` with the
//! schedule: so both are always given, as they were.

use serde::Deserialize;
use serde_json::Value as Json;

use crate::plan::{Lit, Statement, Step};
use crate::plans::{Context, Refusal};
use crate::sql::Version;
use crate::text;

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
    /// `None`: as it was captured.
    pub next_start: Option<String>,
}

impl Job {
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
        let broken = (Version::new(2, 22)..Version::new(2, 23)).contains(&version)
            || (version.major, version.minor, version.patch) == (2, 23, 0);
        (broken && self.hierarchical).then(|| {
            Refusal::new(format!(
                "TimescaleDB {version} refuses every alter_job on the refresh policy of an aggregate on an aggregate: \
                 remove the policy and add it again, or upgrade to 2.23.1"
            ))
        })
    }

    /// The `alter_job` that changes this and nothing else.
    pub fn alter(&self, context: &Context, change: &Change) -> Statement {
        let id = Lit::Job(self.id);
        self.alter_as(context, id, change)
    }

    fn alter_as(&self, context: &Context, id: Lit, change: &Change) -> Statement {
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
        let next_start = change
            .next_start
            .clone()
            .or_else(|| self.next_start.clone());
        call.give_some("next_start", "timestamptz", next_start);
        if context.at.server.sql_version() >= Version::new(2, 12) {
            call.give_some("timezone", "text", self.timezone.clone());
        }
        call.statement()
    }

    /// Everything as it was captured, in one call: the undo of any `alter_job`.
    pub fn restore(&self, context: &Context) -> Statement {
        self.alter(context, &self.whole())
    }

    fn whole(&self) -> Change {
        Change {
            schedule_interval: Some(self.schedule_interval.clone()),
            max_runtime: Some(self.max_runtime.clone()),
            max_retries: Some(self.max_retries),
            retry_period: Some(self.retry_period.clone()),
            scheduled: Some(self.scheduled),
            config: self.config.clone(),
            next_start: None,
        }
    }

    /// Deletes it; taken back by making it anew.
    pub fn delete(&self, context: &Context) -> Result<Step, Refusal> {
        let delete = Statement::new(
            format!("select {}($1::int)", context.function("delete_job")),
            vec![Lit::Job(self.id)],
        );
        Ok(Step::new(
            format!("delete {}", self.describe()),
            vec![delete],
            self.recreate(context)?,
        ))
    }

    /// The statements, for one transaction, that make it anew with all its settings; its id will be another
    /// (kept as `job ID`, so that later entries of the journal find it).
    pub fn recreate(&self, context: &Context) -> Result<Vec<Statement>, Refusal> {
        let kept = format!("job {}", self.id);
        let add = self.add(context)?.keeping(&kept);
        let mut alter = self.alter_as(context, Lit::Kept(kept), &self.whole());
        if context.at.server.sql_version() >= Version::new(2, 20) {
            let end = alter.sql.rfind(')').unwrap_or(alter.sql.len());
            alter.params.push(Lit::from(self.name()));
            let more = format!(", job_name => ${}::text", alter.params.len());
            alter.sql.insert_str(end, &more);
        }
        // Without alter_job what add_… takes is all that comes back.
        let alterable = self.unalterable(context).is_none();
        let mut statements = Vec::new();
        if self.is_user_defined() {
            statements.push(Statement::new(
                format!("set local role {}", self.owner),
                Vec::new(),
            ));
        }
        statements.push(add);
        if alterable {
            statements.push(alter);
        }
        Ok(statements)
    }

    pub fn is_user_defined(&self) -> bool {
        !self.proc_name.starts_with("policy_") || !self.proc_schema.starts_with("_timescaledb_")
    }

    fn config_text(&self, key: &str) -> Option<String> {
        match self.config.as_ref()?.get(key)? {
            Json::Null => None,
            Json::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    fn add(&self, context: &Context) -> Result<Statement, Refusal> {
        let relation = || {
            self.relation.clone().ok_or_else(|| {
                Refusal::new(format!(
                    "{} could not be made again: its hypertable is gone",
                    self.describe()
                ))
            })
        };
        let span = if self.integer_time == Some(true) {
            "bigint"
        } else {
            "interval"
        };
        let mut call;
        match self.proc_name.as_str() {
            _ if self.is_user_defined() => {
                call = Call::new(format!("select {}", context.function("add_job")));
                let proc = format!(
                    "{}.{}",
                    text::quote_identifier(&self.proc_schema),
                    text::quote_identifier(&self.proc_name)
                );
                call.give("", "regproc", proc.into());
                call.give(
                    "schedule_interval",
                    "interval",
                    self.schedule_interval.as_str().into(),
                );
                call.give_some("config", "jsonb", self.config.as_ref().map(Json::to_string));
                call.give("scheduled", "bool", self.scheduled.into());
                if let (Some(schema), Some(name)) = (&self.check_schema, &self.check_name) {
                    let check = format!(
                        "{}.{}",
                        text::quote_identifier(schema),
                        text::quote_identifier(name)
                    );
                    call.give("check_config", "regproc", check.into());
                }
                call.give("fixed_schedule", "bool", self.fixed_schedule.into());
            }
            "policy_compression" => {
                call = Call::new(format!(
                    "select {}",
                    context.function("add_compression_policy")
                ));
                call.give("", "regclass", relation()?.into());
                call.give_some("compress_after", span, self.config_text("compress_after"));
                call.give_some(
                    "compress_created_before",
                    "interval",
                    self.config_text("compress_created_before"),
                );
                call.give(
                    "schedule_interval",
                    "interval",
                    self.schedule_interval.as_str().into(),
                );
            }
            "policy_retention" => {
                call = Call::new(format!(
                    "select {}",
                    context.function("add_retention_policy")
                ));
                call.give("", "regclass", relation()?.into());
                call.give_some("drop_after", span, self.config_text("drop_after"));
                call.give_some(
                    "drop_created_before",
                    "interval",
                    self.config_text("drop_created_before"),
                );
                call.give(
                    "schedule_interval",
                    "interval",
                    self.schedule_interval.as_str().into(),
                );
            }
            "policy_refresh_continuous_aggregate" => {
                call = Call::new(format!(
                    "select {}",
                    context.function("add_continuous_aggregate_policy")
                ));
                call.give("", "regclass", relation()?.into());
                call.give(
                    "start_offset",
                    span,
                    self.config_text("start_offset").into(),
                );
                call.give("end_offset", span, self.config_text("end_offset").into());
                call.give(
                    "schedule_interval",
                    "interval",
                    self.schedule_interval.as_str().into(),
                );
            }
            "policy_reorder" => {
                call = Call::new(format!("select {}", context.function("add_reorder_policy")));
                call.give("", "regclass", relation()?.into());
                call.give("index_name", "name", self.config_text("index_name").into());
            }
            other => {
                return Err(Refusal::new(format!(
                    "{other} is one of TimescaleDB's own jobs: it could not be made again; pause it instead"
                )));
            }
        }
        // A policy's schedule is fixed just when it has an initial start.
        if self.fixed_schedule {
            call.give_some("initial_start", "timestamptz", self.initial_start.clone());
        }
        call.give_some("timezone", "text", self.timezone.clone());
        Ok(call.statement())
    }
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
        self.params.push(value);
        let place = format!("${}::{kind}", self.params.len());
        self.arguments.push(if name.is_empty() {
            place
        } else {
            format!("{name} => {place}")
        });
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
