//! Creates a deleted job again with all its settings.

use serde_json::Value as Json;

use super::{Change, Job};
use crate::actions::act::{Context, Refusal};
use crate::actions::call::Call;
use crate::model::plan::{Lit, Statement, Step};
use crate::model::text;
use crate::model::version::Version;

/// Options of a refresh policy besides its window, each with the first version whose `add_…` function accepts the option.
const OPTIONS: &[(&str, &str, Version)] = &[
    ("include_tiered_data", "bool", Version::new(2, 18)),
    ("buckets_per_batch", "int", Version::new(2, 19)),
    ("max_batches_per_execution", "int", Version::new(2, 19)),
    ("refresh_newest_first", "bool", Version::new(2, 20)),
];

impl Job {
    /// Statements, for one transaction, that create the job again with all its settings. They record the new id under the name `job ID`
    /// (`ID` is the old id), so that a rollback of older journal entries finds the new job. An error if this server cannot create the job.
    pub(crate) fn recreate(&self, context: &Context) -> Result<Vec<Statement>, Refusal> {
        let kept = format!("job {}", self.id);
        let add = self.add(context)?.keeping(&kept);
        let mut statements = Vec::new();
        if self.is_user_defined() {
            // A new policy belongs to the owner of its table. Any other new job belongs to the role that adds it, so the statements first
            // become the old owner.
            statements.push(Statement::becoming(&self.owner));
        }
        statements.push(add);
        // If the server refuses `alter_job`, only the arguments of `add_…` are restored.
        if self.unalterable(context).is_none() {
            let mut change = self.whole();
            change.next_start = self.next_start.clone().filter(|at| at != "-infinity");
            // A job without a fixed schedule may still have an old initial start, which is restored too.
            if self.begins_without_slots() && context.at.server.sql_version() >= Version::new(2, 12)
            {
                change.slots = Some(self.slots());
            }
            let mut alter = self.altering(context, Lit::Kept(kept), &change, false);
            if context.at.server.sql_version() >= Version::new(2, 20) {
                alter.give("job_name", "text", self.name().into());
            }
            statements.push(alter.statement());
        }
        Ok(statements)
    }

    /// True if this server refuses `alter_job` on the job. The server still lets the job be deleted and created again.
    pub(crate) fn is_made_again(&self, context: &Context) -> bool {
        self.hierarchical && context.at.server.sql_version().alters_no_hierarchy()
    }

    /// Deletes the job, and creates it again with the changed window and schedule, in one transaction. Used only on servers that refuse
    /// `alter_job`.
    pub(crate) fn replace(&self, context: &Context, change: &Change) -> Result<Step, Refusal> {
        let mut changed = self.clone();
        if let Some(every) = &change.schedule_interval {
            changed.schedule_interval.clone_from(every);
        }
        if change.config.is_some() {
            changed.config.clone_from(&change.config);
        }
        let mut step = self.delete(context)?;
        let delete = step.run.clone();
        step.label = format!("create {} again", self.describe());
        step.run.extend(changed.recreate(context)?);
        step.undo = [delete, self.recreate(context)?].concat();
        Ok(step)
    }

    fn begins_without_slots(&self) -> bool {
        !self.fixed_schedule && self.initial_start.is_some()
    }

    /// Settings that are lost when the job is created again on this server. `None`: only its id and its history are lost.
    pub(crate) fn lost(&self, context: &Context) -> Option<String> {
        let refusal = self.unalterable(context)?;
        let paused = if self.scheduled {
            ""
        } else {
            "; IT WOULD BE SCHEDULED, though it is paused now"
        };
        Some(format!(
            "max_runtime, max_retries, retry_period, next start and name become the defaults{paused}: {refusal}"
        ))
    }

    pub(crate) fn is_user_defined(&self) -> bool {
        !self.proc_name.starts_with("policy_") || !self.proc_schema.starts_with("_timescaledb_")
    }

    /// A setting of the configuration as text. `None`: missing or null.
    pub(crate) fn setting(&self, key: &str) -> Option<String> {
        match self.config.as_ref()?.get(key)? {
            Json::Null => None,
            Json::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    /// SQL type of the ages and offsets in the configuration.
    fn span(&self) -> &str {
        match (self.integer_time, self.axis_type.as_deref()) {
            (Some(true), Some(axis)) => axis,
            (Some(true), None) => "bigint",
            _ => "interval",
        }
    }

    fn add(&self, context: &Context) -> Result<Statement, Refusal> {
        let mut call = match self.proc_name.as_str() {
            _ if self.is_user_defined() => self.add_user_defined(context),
            "policy_compression" => self.add_after(
                context,
                "add_compression_policy",
                ["compress_after", "compress_created_before"],
            )?,
            "policy_retention" => self.add_after(
                context,
                "add_retention_policy",
                ["drop_after", "drop_created_before"],
            )?,
            "policy_refresh_continuous_aggregate" => self.add_refresh(context)?,
            "policy_reorder" => {
                let mut call = self.add_on(context, "add_reorder_policy")?;
                call.give("index_name", "name", self.setting("index_name").into());
                call
            }
            other => {
                return Err(Refusal::new(format!(
                    "hypertop cannot create a job of the procedure {other} again: pause the job instead (pause-job {})",
                    self.id
                )));
            }
        };
        // A policy has a fixed schedule if and only if it was added with an initial start.
        if self.fixed_schedule {
            call.give_some("initial_start", "timestamptz", self.initial_start.clone());
        }
        call.give_some("timezone", "text", self.timezone.clone());
        Ok(call.statement())
    }

    /// Call of an `add_…_policy` function with the job's relation as its first argument.
    fn add_on(&self, context: &Context, function: &str) -> Result<Call, Refusal> {
        let relation = self.relation.clone().ok_or_else(|| {
            Refusal::new(format!(
                "{} could not be created again: its hypertable is gone",
                self.describe()
            ))
        })?;
        let mut call = Call::new(format!("select {}", context.function(function)));
        call.give("", "regclass", relation.into());
        Ok(call)
    }

    fn schedule(&self, call: &mut Call) {
        let every = self.schedule_interval.as_str().into();
        call.give("schedule_interval", "interval", every);
    }

    /// Call that adds a policy which compresses or drops chunks of a certain age. The age counts from the end of a chunk, or from its
    /// creation.
    fn add_after(
        &self,
        context: &Context,
        function: &str,
        [after, created]: [&str; 2],
    ) -> Result<Call, Refusal> {
        let mut call = self.add_on(context, function)?;
        match (self.setting(after), self.setting(created)) {
            (None, Some(before)) => call.give(created, "interval", before.into()),
            // `sound` may give a placeholder. The whole configuration is set afterwards and replaces it.
            (age, _) => call.give(after, self.span(), self.sound(age).into()),
        }
        self.schedule(&mut call);
        Ok(call)
    }

    /// The configured age if `add_…_policy` accepts it, or else a placeholder. The whole configuration is set afterwards.
    fn sound(&self, age: Option<String>) -> String {
        let integer = self.integer_time == Some(true);
        let sound = |age: &String| {
            if integer {
                age.parse::<i64>().is_ok()
            } else {
                crate::model::interval::Interval::parse(age).is_ok()
            }
        };
        age.filter(sound).unwrap_or_else(|| {
            if integer {
                "1".to_owned()
            } else {
                "1 day".to_owned()
            }
        })
    }

    fn add_refresh(&self, context: &Context) -> Result<Call, Refusal> {
        let mut call = self.add_on(context, "add_continuous_aggregate_policy")?;
        for offset in ["start_offset", "end_offset"] {
            call.give(offset, self.span(), self.setting(offset).into());
        }
        self.schedule(&mut call);
        let version = context.at.server.sql_version();
        for (option, kind, since) in OPTIONS {
            call.give_some(
                option,
                kind,
                self.setting(option).filter(|_| version >= *since),
            );
        }
        Ok(call)
    }

    fn add_user_defined(&self, context: &Context) -> Call {
        let mut call = Call::new(format!("select {}", context.function("add_job")));
        // The argument types are given, because several procedures may have the same name.
        let named = |schema: &str, name: &str, arguments: &str| {
            let (schema, name) = (text::quote_identifier(schema), text::quote_identifier(name));
            Lit::from(format!("{schema}.{name}({arguments})"))
        };
        call.give(
            "",
            "regprocedure::oid::regproc",
            named(&self.proc_schema, &self.proc_name, "integer, jsonb"),
        );
        self.schedule(&mut call);
        let config = self.config.as_ref().map(Json::to_string);
        call.give_some("config", "jsonb", config);
        call.give("scheduled", "bool", self.scheduled.into());
        let proof = context.proof();
        let there = proof.and_then(|proof| Some(proof.job(self.id)?.check_there));
        if let (Some(schema), Some(name), true) =
            (&self.check_schema, &self.check_name, there != Some(false))
        {
            call.give(
                "check_config",
                "regprocedure::oid::regproc",
                named(schema, name, "jsonb"),
            );
        }
        call.give("fixed_schedule", "bool", self.fixed_schedule.into());
        if self.begins_without_slots() {
            call.give_some("initial_start", "timestamptz", self.initial_start.clone());
        }
        call
    }
}
