//! The lag of an aggregate, computed from watermark, newest row of the source, and clock.

use super::row::Row;
use crate::model::moment::{Axis, Point, Stamp};
use crate::model::text;
use crate::model::thresholds::Limits;
use crate::model::value::Value;
use crate::screens::policy::Policy;
use crate::server::known::At;

impl Row {
    pub(crate) fn full_name(&self) -> String {
        text::qualified(&self.schema, &self.name)
    }

    /// Thresholds for this aggregate.
    pub(super) fn limits(&self, at: &At) -> Limits {
        at.limits(&self.full_name())
    }

    pub(super) fn source(&self) -> String {
        text::qualified(&self.source_schema, &self.source_name)
    }

    pub(super) fn point(&self, raw: Option<i64>) -> Value {
        raw.map(|raw| Point {
            axis: self.axis,
            raw,
        })
        .into()
    }

    /// Current time in the unit of the aggregate's time dimension. For integer time, the largest value, because only `integer_now_func`
    /// knows the current time.
    pub(super) fn now(&self, at: &At) -> i64 {
        match self.axis {
            Axis::Integer => i64::MAX,
            Axis::TimestampTz => at.now.0,
            Axis::Timestamp | Axis::Date => at.now.0.saturating_add(self.local_shift),
        }
    }

    pub(super) fn refreshed(&self) -> Option<i64> {
        // The smallest value of the type means "never refreshed".
        self.refreshed_to.filter(|to| self.axis.is_place(*to))
    }

    /// Point up to which the rows of the source are materialized; `None`: nothing is materialized, or unknown.
    pub(super) fn covered(&self, at: &At) -> Option<i64> {
        let refreshed = self.refreshed().map(|to| to.min(self.now(at)));
        // Rows before a watermark in the future may be missing, so such a watermark does not count if the refreshed range is known.
        let watermark = self
            .watermark
            .filter(|to| refreshed.is_none() || *to <= self.now(at));
        watermark.max(refreshed)
    }

    /// The lag in the unit of the time dimension; `None`: nothing is materialized, or the newest row is unknown.
    pub fn lag(&self, at: &At) -> Option<i64> {
        if self.source_is_empty() {
            return self.covered(at).map(|_| 0);
        }
        let newest = self.newest_end()?.min(self.now(at));
        Some(newest.saturating_sub(self.covered(at)?).max(0))
    }

    /// Whether the materialized rows end before the policy's refresh window starts.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "an offset in microseconds is below 2^63"
    )]
    pub(super) fn starts_before_its_window(&self, at: &At) -> bool {
        let start = self.start_seconds.filter(|_| self.axis != Axis::Integer);
        let start = start.map(|start| self.now(at) - (start * 1e6) as i64);
        start
            .zip(self.covered(at))
            .is_some_and(|(start, covered)| covered < start)
    }

    /// The lag divided by the expected maximum; `None`: the lag or the maximum is unknown.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a lag in microseconds is below 2^53"
    )]
    pub(crate) fn behind(&self, at: &At) -> Option<f64> {
        let lag = self.lag(at)? as f64;
        let lag = if self.axis == Axis::Integer {
            lag
        } else {
            lag / 1e6
        };
        self.allowed_lag(at)
            .filter(|allowed| *allowed > 0.0)
            .map(|allowed| lag / allowed)
    }

    /// Time at which the lag began to count as late; `None`: unknown, or integer time.
    pub(super) fn late_since(&self, at: &At) -> Option<Stamp> {
        let allowed = self.allowed_lag(at)? * self.limits(at).aggregate_lag_factor;
        self.lags_since(allowed, at)
    }

    /// Time at which the lag exceeded this number of seconds; `None`: unknown, or integer time.
    pub(super) fn lags_since(&self, seconds: f64, at: &At) -> Option<Stamp> {
        let zone = match self.axis {
            Axis::Integer => return None,
            Axis::TimestampTz => 0,
            Axis::Timestamp | Axis::Date => self.local_shift,
        };
        let covered = Stamp(self.covered(at)?).finite()?.plus_seconds(seconds);
        let since = Stamp(covered.0.saturating_sub(zone));
        (since <= at.now).then_some(since)
    }

    /// Whether the source was read and has no rows.
    pub(crate) fn source_is_empty(&self) -> bool {
        self.newest
            .get()
            .is_some_and(|newest| newest.row.is_none() && newest.unknown.is_none())
    }

    /// Whether a lock of another session prevented reading the source's newest row.
    pub(super) fn newest_is_locked(&self) -> bool {
        let error = self.newest.error();
        error.is_some_and(|error| error.starts_with("55P03"))
    }

    /// Reason why the source's newest row is unknown; `None`: it is known.
    pub(crate) fn why_unknown(&self) -> Option<String> {
        let source = self.source();
        if let Some(error) = self.newest.error() {
            return Some(format!(
                "the newest row of {source} cannot be read: {error}"
            ));
        }
        match self.newest_unknown() {
            None => None,
            Some(1) => Some(format!("this role may not SELECT from {source}")),
            Some(2) => Some(format!(
                "the Apache edition does not show the compressed rows of {source}"
            )),
            Some(3) => Some(format!(
                "the time column of {source} has a type that hypertop does not read"
            )),
            Some(_) => Some(format!("the newest chunks of {source} are empty")),
        }
    }

    /// Upper bound of the lag in the unit of the time dimension, from the catalogue alone. It is used until the newest row is known.
    pub fn lag_at_most(&self, at: &At) -> Option<i64> {
        // The bucket of the newest row may end later than the row's chunk.
        let end = self.source_end?.saturating_add(self.bucket_longest?);
        let end = end.min(self.now(at));
        Some(end.saturating_sub(self.covered(at)?).max(0))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a lag in microseconds is below 2^53"
    )]
    pub(super) fn lag_seconds(&self, at: &At) -> Option<f64> {
        (self.axis != Axis::Integer).then_some(())?;
        self.lag(at).map(|micros| micros as f64 / 1e6)
    }

    pub(super) fn lag_units(&self, at: &At) -> Option<i64> {
        (self.axis == Axis::Integer).then(|| self.lag(at)).flatten()
    }

    /// The lag for the LAG column; an upper bound is marked with `<=`.
    pub(super) fn lag_value(&self, at: &At) -> Value {
        match (self.lag_seconds(at), self.lag_units(at)) {
            (Some(seconds), _) => Value::Seconds(seconds),
            (_, Some(units)) => Value::Int(units),
            // Apache edition: compressed rows cannot be read and may have any time, so the upper bound would mislead.
            _ if self.newest_unknown() == Some(2) => Value::Null,
            _ => match self.lag_at_most(at) {
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "a lag in microseconds is below 2^53"
                )]
                Some(micros) if self.axis != Axis::Integer => {
                    Value::Text(format!("<= {}", text::duration(micros as f64 / 1e6)))
                }
                Some(units) => Value::Text(format!("<= {}", text::count(units))),
                None => Value::Null,
            },
        }
    }

    /// The largest lag that does not count as late, in seconds or units, before `aggregate_lag_factor` is applied. `None`: unknown.
    #[expect(
        clippy::cast_precision_loss,
        reason = "the last digits of a threshold do not matter"
    )]
    pub(crate) fn allowed_lag(&self, at: &At) -> Option<f64> {
        let limits = self.limits(at);
        match self.axis {
            Axis::Integer => {
                let put_off = |policy: &Policy| policy.is_put_off(self.axis, &limits, at.now);
                // The schedule interval cannot be converted to units. To allow for it, the expected lag is doubled, except if the next
                // start is much later than the schedule explains.
                let windows = if self.policy.as_ref().is_some_and(put_off) {
                    1.0
                } else {
                    2.0
                };
                self.expected_units.map(|units| units as f64 * windows)
            }
            // `aggregate_patience` is a margin for the duration of the run.
            _ => self
                .expected_seconds
                .map(|seconds| seconds + limits.aggregate_patience),
        }
    }

    pub(super) fn expected_value(&self) -> Value {
        match (self.axis, self.expected_seconds, self.expected_units) {
            (Axis::Integer, _, Some(units)) => Value::Int(units),
            (_, Some(seconds), _) => Value::Seconds(seconds),
            _ => Value::Null,
        }
    }
}
