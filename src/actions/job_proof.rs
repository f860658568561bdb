//! Requirements for making a job again, or altering it.

use serde::Deserialize;

use crate::actions::act::Context;
use crate::model::interval::Interval;
use crate::model::version::Version;

/// From this version on an aggregate needs no refresh policy to have a compression policy.
const COMPRESSES_ALONE: Version = Version::new(2, 27);

/// Facts that decide whether a job can be made again or altered.
#[derive(Debug, Clone, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own that the server reports"
)]
pub struct JobProof {
    pub(super) owner: String,
    pub(super) owned: bool,
    pub(super) member: bool,
    /// A user-defined action, not one of TimescaleDB's policies.
    pub(super) own: bool,
    pub(super) policy: String,
    /// True if its owner may log in; the next fields: execute its procedure, and its check function.
    pub(super) logs_in: bool,
    pub(super) procedure: String,
    pub(super) executes: bool,
    pub(super) check_executes: bool,
    /// Schemas for which its owner lacks USAGE.
    pub(super) unusable: Vec<String>,
    /// The check function. `None`: it is TimescaleDB's own.
    pub check: Option<String>,
    pub(crate) check_there: bool,
    /// The role that would own the policy if it were added now.
    pub(super) belongs: Option<String>,
    /// Its configuration names its hypertable.
    pub(super) configured: bool,
    pub(super) compressing: Option<bool>,
    pub(super) refreshed: Option<bool>,
    pub(super) index: Option<String>,
    pub(super) indexed: Option<bool>,
    pub(super) bucket: Option<String>,
    pub(super) start: Option<String>,
    pub(super) end: Option<String>,
}

impl JobProof {
    /// The reason why the server refuses any `alter_job`. `None`: it does not.
    pub(crate) fn unalterable(&self) -> Option<String> {
        match (&self.index, self.indexed) {
            (Some(index), Some(false)) => Some(format!("its index {index} is gone")),
            (None, Some(false)) => Some("its configuration names no index".to_owned()),
            _ if !self.configured => Some("its configuration names no hypertable".to_owned()),
            _ => None,
        }
    }

    /// The reason why the server may refuse its old configuration in an undo.
    pub(super) fn not_set_again(&self) -> Vec<String> {
        let mut doubts = Vec::from_iter(
            self.unalterable()
                .map(|why| format!("{why}, and the server takes no such configuration back")),
        );
        if let Some(check) = self.check.as_ref().filter(|_| self.check_there) {
            doubts.push(format!(
                "its check function {check} has to agree to the old configuration then, which cannot be known before"
            ));
        }
        doubts
    }

    /// The reason why it may not come back unchanged after it was deleted.
    pub(super) fn not_made_again(&self, context: &Context) -> Vec<String> {
        let owner = &self.owner;
        let mut doubts = Vec::new();
        let mut unless =
            |why: String| doubts.push(format!("it cannot be made again as things are: {why}"));
        if !self.logs_in {
            unless(format!(
                "its owner may not log in (ALTER ROLE {owner} LOGIN)"
            ));
        }
        for schema in &self.unusable {
            unless(format!(
                "its owner has no USAGE on schema {schema} (GRANT USAGE ON SCHEMA {schema} TO {owner})"
            ));
        }
        if self.own && !self.executes {
            let procedure = &self.procedure;
            unless(format!(
                "its owner may not execute its procedure (GRANT EXECUTE ON PROCEDURE {procedure} TO {owner})"
            ));
        }
        if let Some(check) = self
            .check
            .as_ref()
            .filter(|_| self.check_there && !self.check_executes)
        {
            unless(format!(
                "its owner may not execute its check function (GRANT EXECUTE ON FUNCTION {check} TO {owner})"
            ));
        }
        if self.compressing == Some(false) {
            unless("compression is disabled on its table (enable-compression first)".to_owned());
        }
        if self.refreshed == Some(false) && context.at.server.sql_version() < COMPRESSES_ALONE {
            unless("its aggregate has no refresh policy (add-refresh-policy first)".to_owned());
        }
        if self.narrow() {
            unless(
                "its window is shorter than two buckets, and the server adds no such policy"
                    .to_owned(),
            );
        }
        if let Some(why) = self.unalterable() {
            unless(why);
        }
        match &self.check {
            Some(check) if self.check_there => doubts.push(format!(
                "its check function {check} has to agree to its configuration again, which cannot be known before"
            )),
            Some(check) => doubts.push(format!("its check function {check} is not there any more: it comes back without one")),
            None => {}
        }
        if let Some(other) = self.belongs.as_ref().filter(|other| *other != owner) {
            doubts.push(format!(
                "it would belong to {other}, who owns its table now, and not to {owner}"
            ));
        }
        doubts
    }

    /// True if it is a refresh policy over less than two buckets.
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
            // Up to 2.14 in microseconds.
            (Ok(micros), Ok(_)) if start.parse::<i64>().is_err() => Some(micros / 1e6),
            _ => length(bucket),
        };
        match (length(start), length(end), bucket) {
            (Some(start), Some(end), Some(bucket)) if bucket > 0.0 => start - end < 2.0 * bucket,
            _ => false,
        }
    }
}
