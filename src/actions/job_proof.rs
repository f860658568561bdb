//! Checks whether a job could be created again after its deletion, and whether it can be altered.

use serde::Deserialize;

use crate::actions::act::Context;
use crate::model::interval::Interval;
use crate::model::version::Version;

/// From this version on, a compression policy on an aggregate does not require a refresh policy.
const COMPRESSES_ALONE: Version = Version::new(2, 27);

/// Facts about a job, its owner and its table. They decide whether the job can be altered, and whether it can be created again.
#[derive(Debug, Clone, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "one field for each fact that the server reports"
)]
pub(super) struct JobProof {
    /// Owner of the job, quoted.
    pub(super) owner: String,
    /// True if the connected role has the owner's rights.
    pub(super) owned: bool,
    /// True if the connected role is a member of the owner, even if it does not inherit the owner's rights.
    pub(super) member: bool,
    /// True for a user-defined job, false for one of TimescaleDB's policies.
    own: bool,
    /// Name of the procedure, without its schema.
    policy: String,
    /// True if the job's owner may log in.
    logs_in: bool,
    /// Name of the procedure, qualified and quoted.
    procedure: String,
    /// True if the job's owner may execute the procedure.
    executes: bool,
    /// True if the job's owner may execute the check function.
    check_executes: bool,
    /// Schemas for which the owner lacks USAGE.
    unusable: Vec<String>,
    /// Name of the check function. `None`: the job has no check function, or its check function is one of TimescaleDB's own.
    pub check: Option<String>,
    /// False if the check function no longer exists.
    pub(crate) check_there: bool,
    /// Role that would own the policy if it were added now. `None`: not a policy, or the table is gone.
    belongs: Option<String>,
    /// True if the configuration names a hypertable, or the job needs none.
    configured: bool,
    /// True if compression is enabled on the table. `None`: not a compression policy.
    compressing: Option<bool>,
    /// False if the table belongs to an aggregate without a refresh policy. `None`: not a compression policy.
    refreshed: Option<bool>,
    /// Index of a reorder policy. `None`: not configured, or another kind of job.
    index: Option<String>,
    /// True if this index exists. `None`: not a reorder policy.
    indexed: Option<bool>,
    /// Bucket width of the aggregate. `None`: not a refresh policy.
    bucket: Option<String>,
    /// The configured `start_offset`. `None`: the window has no start, or not a refresh policy.
    start: Option<String>,
    /// The configured `end_offset`. `None`: the window has no end, or not a refresh policy.
    end: Option<String>,
}

impl JobProof {
    /// The reason why the server refuses every `alter_job` without a new `config` on this job. `None`: no known reason.
    pub(super) fn unalterable(&self) -> Option<String> {
        match (&self.index, self.indexed) {
            (Some(index), Some(false)) => Some(format!("its index {index} is gone")),
            (None, Some(false)) => Some("its configuration names no index".to_owned()),
            _ if !self.configured => Some("its configuration names no hypertable".to_owned()),
            _ => None,
        }
    }

    /// Reasons why the server may refuse to restore the old configuration.
    pub(super) fn not_set_again(&self) -> Vec<String> {
        let mut doubts = Vec::from_iter(
            self.unalterable()
                .map(|why| format!("{why}, and the server refuses such a configuration")),
        );
        if let Some(check) = self.check.as_ref().filter(|_| self.check_there) {
            doubts.push(format!(
                "its check function {check} may refuse the old configuration at the undo"
            ));
        }
        doubts
    }

    /// Reasons why a deleted job may not be created again as it was.
    pub(super) fn not_made_again(&self, context: &Context) -> Vec<String> {
        let obstacles = self.obstacles(context).into_iter();
        let obstacles = obstacles.map(|why| format!("it cannot be created again now: {why}"));
        let mut doubts: Vec<_> = obstacles.collect();
        match &self.check {
            Some(check) if self.check_there => doubts.push(format!(
                "its check function {check} may refuse the configuration at the undo"
            )),
            Some(check) => doubts.push(format!(
                "its check function {check} no longer exists: the undo creates the job without a check function"
            )),
            None => {}
        }
        let owner = &self.owner;
        if let Some(other) = self.belongs.as_ref().filter(|other| *other != owner) {
            doubts.push(format!(
                "it would belong to {other}, who owns its table now, and not to {owner}"
            ));
        }
        doubts
    }

    /// Reasons why the server would refuse to create the job now.
    fn obstacles(&self, context: &Context) -> Vec<String> {
        let owner = &self.owner;
        let mut found = Vec::new();
        if !self.logs_in {
            found.push(format!(
                "its owner may not log in (ALTER ROLE {owner} LOGIN)"
            ));
        }
        for schema in &self.unusable {
            found.push(format!(
                "its owner has no USAGE on schema {schema} (GRANT USAGE ON SCHEMA {schema} TO {owner})"
            ));
        }
        if self.own && !self.executes {
            let procedure = &self.procedure;
            found.push(format!(
                "its owner may not execute its procedure (GRANT EXECUTE ON PROCEDURE {procedure} TO {owner})"
            ));
        }
        if let Some(check) = self
            .check
            .as_ref()
            .filter(|_| self.check_there && !self.check_executes)
        {
            found.push(format!(
                "its owner may not execute its check function (GRANT EXECUTE ON FUNCTION {check} TO {owner})"
            ));
        }
        if self.compressing == Some(false) {
            found.push(
                "compression is disabled on its table (use enable-compression first)".to_owned(),
            );
        }
        if self.refreshed == Some(false) && context.at.server.sql_version() < COMPRESSES_ALONE {
            found.push(
                "its aggregate has no refresh policy (use add-refresh-policy first)".to_owned(),
            );
        }
        if self.narrow() {
            found.push(
                "its window is shorter than two buckets, and the server refuses such a policy"
                    .to_owned(),
            );
        }
        found.extend(self.unalterable());
        found
    }

    /// True for a refresh policy whose window is shorter than two buckets.
    fn narrow(&self) -> bool {
        if self.policy != "policy_refresh_continuous_aggregate" {
            return false;
        }
        let (Some(bucket), Some(start), Some(end)) = (&self.bucket, &self.start, &self.end) else {
            return false;
        };
        let length = |text: &str| {
            let number = text.parse::<f64>().ok();
            number.or_else(|| Some(Interval::parse(text).ok()?.seconds()))
        };
        let bucket = match (bucket.parse::<f64>(), Interval::parse(start)) {
            // Up to 2.14 the catalogue has the bucket width in microseconds.
            (Ok(micros), Ok(_)) if start.parse::<i64>().is_err() => Some(micros / 1e6),
            _ => length(bucket),
        };
        match (length(start), length(end), bucket) {
            (Some(start), Some(end), Some(bucket)) if bucket > 0.0 => start - end < 2.0 * bucket,
            _ => false,
        }
    }
}
