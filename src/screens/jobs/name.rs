//! Readable names of jobs.

use super::row::Row;

impl Row {
    /// For a policy: its kind and relation, in parentheses if a user gave the job a name. For any other job: the name that a user gave the
    /// job, or else its procedure.
    pub fn name(&self) -> String {
        let own = self.own_name();
        let Some((what, needs_target)) = self.policy() else {
            return own.map_or_else(
                || format!("{}.{}", self.proc_schema, self.proc),
                str::to_owned,
            );
        };
        let readable = match (&self.target, needs_target) {
            (Some(target), _) => format!("{what} of {target}"),
            (None, true) => format!("{what} of a table that is gone"),
            (None, false) => what.to_owned(),
        };
        own.map_or(readable.clone(), |own| format!("{own} ({readable})"))
    }

    /// Kind of a TimescaleDB policy, and whether it needs a relation; `None`: no policy.
    fn policy(&self) -> Option<(&'static str, bool)> {
        if !self.proc_schema.starts_with("_timescaledb_") {
            return None;
        }
        Some(match self.proc.as_str() {
            "policy_compression" => ("Compression", true),
            "policy_recompression" => ("Recompression", true),
            "policy_retention" => ("Retention", true),
            "policy_refresh_continuous_aggregate" => ("Refresh", true),
            "policy_reorder" => ("Reorder", true),
            "policy_compaction" => ("Compaction", true),
            "policy_process_hypertable_invalidations" => ("Invalidation processing", true),
            "policy_job_error_retention" => ("Job-error retention", false),
            "policy_job_stat_history_retention" => ("Job-history retention", false),
            "policy_telemetry" => ("Telemetry", false),
            _ => return None,
        })
    }

    /// The name that a user gave the job (TimescaleDB 2.20 and later); `None`: the default name.
    fn own_name(&self) -> Option<&str> {
        let name = self
            .application_name
            .strip_suffix(&format!(" [{}]", self.job_id))?;
        let given = match self.policy() {
            Some(_) => name.ends_with(" Policy") || name == "Telemetry Reporter",
            None => name == "User-Defined Action",
        };
        (!given && !name.is_empty()).then_some(name)
    }
}
