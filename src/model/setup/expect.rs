//! The `[expect]` table of a policy file: totals and query times that `hypertop validate --after` checks.

use serde::Deserialize;

use crate::model::interval::Interval;
use crate::model::setup::wish::Every;

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Expect {
    /// Exact number of hypertables.
    pub hypertables: Option<u64>,
    pub hypertables_min: Option<u64>,
    pub aggregates_min: Option<u64>,
    pub indexes_min: Option<u64>,
    /// Minimum share of bytes that compression must have saved, over the chunks older than `after`.
    pub saving: Option<Percent>,
    /// Minimum age of the chunks that `saving` is checked on. `None`: all compressed chunks.
    after: Option<Every>,
    /// Lag that is accepted in addition to the lag that an aggregate's policies allow.
    lag_max: Option<Every>,
    /// Maximum delay of a policy's run after its next start. `None`: the threshold `job_late`.
    job_late: Option<Every>,
    /// Queries with their time limits.
    pub query: Vec<Timed>,
}

impl Expect {
    pub(crate) fn after(&self) -> Option<Interval> {
        self.after.map(|every| every.0)
    }

    /// Seconds.
    pub(crate) fn lag_max(&self) -> Option<f64> {
        self.lag_max.map(|every| every.0.seconds())
    }

    /// Seconds.
    pub(crate) fn job_late(&self) -> Option<f64> {
        self.job_late.map(|every| every.0.seconds())
    }
}

/// A query with a time limit that at least 95 of 100 runs must keep.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Timed {
    /// Name in the results. `None`: the text of the query.
    #[serde(alias = "workload")]
    name: Option<String>,
    pub sql: String,
    p95: Every,
}

impl Timed {
    /// Seconds.
    pub(crate) fn p95(&self) -> f64 {
        self.p95.0.seconds()
    }

    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.sql)
    }
}

/// A share in percent, written as `"70%"`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Percent(pub f64);

impl TryFrom<String> for Percent {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let number = text
            .trim()
            .strip_suffix('%')
            .and_then(|n| n.trim().parse().ok());
        let wrong = || format!("{text:?} is not a percentage: write \"70%\"");
        let number: f64 = number.ok_or_else(wrong)?;
        if (0.0..=100.0).contains(&number) {
            Ok(Self(number))
        } else {
            Err(wrong())
        }
    }
}
