//! The `[expect]` table of a policy file: totals that `hypertop validate --after` checks.

use serde::Deserialize;

use crate::model::interval::Interval;
use crate::model::setup::wish::Every;

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// Exact number of hypertables.
    pub hypertables: Option<u64>,
    pub hypertables_min: Option<u64>,
    pub aggregates_min: Option<u64>,
    pub indexes_min: Option<u64>,
    /// Minimum share of bytes that compression must have saved, over the chunks older than `after`.
    pub saving: Option<Percent>,
    /// Minimum age of the chunks that `saving` is checked on. `None`: all compressed chunks.
    after: Option<Every>,
}

impl Expect {
    pub fn after(&self) -> Option<Interval> {
        self.after.map(|every| every.0)
    }
}

/// A share in percent, written as `"70%"`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct Percent(pub f64);

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
