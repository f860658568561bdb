//! How far an aggregate is behind, from where it is, where its source is and what time it is.

use super::row::Row;
use crate::model::moment::{Axis, Point};
use crate::model::text;
use crate::model::thresholds::Limits;
use crate::model::value::Value;
use crate::screens::policy::Policy;
use crate::server::known::At;

impl Row {
    pub fn full_name(&self) -> String {
        text::qualified(&self.schema, &self.name)
    }

    /// The thresholds that count for it.
    pub(super) fn limits(&self, at: &At) -> Limits {
        at.limits(&self.full_name())
    }

    pub fn source(&self) -> String {
        text::qualified(&self.source_schema, &self.source_name)
    }

    pub(super) fn point(&self, raw: Option<i64>) -> Value {
        raw.map(|raw| Point {
            axis: self.axis,
            raw,
        })
        .into()
    }

    /// What "now" is on its axis; integer time has no now that is free to ask.
    pub(super) fn now(&self, at: &At) -> i64 {
        match self.axis {
            Axis::Integer => i64::MAX,
            Axis::TimestampTz => at.now.0,
            Axis::Timestamp | Axis::Date => at.now.0.saturating_add(self.local_shift),
        }
    }

    pub(super) fn refreshed(&self) -> Option<i64> {
        // The log's first value stands for "never".
        self.refreshed_to.filter(|to| self.axis.is_place(*to))
    }

    /// Up to where the aggregate is right: rows of the source before this are in it.
    pub(super) fn covered(&self, at: &At) -> Option<i64> {
        let refreshed = self.refreshed().map(|to| to.min(self.now(at)));
        // One in the future says nothing of what lies before it.
        let watermark = self
            .watermark
            .filter(|to| refreshed.is_none() || *to <= self.now(at));
        watermark.max(refreshed)
    }

    /// How far it is behind, in the axis' unit; `None`: never refreshed, or the newest row is not known.
    pub fn lag(&self, at: &At) -> Option<i64> {
        if self.source_is_empty() {
            return self.covered(at).map(|_| 0);
        }
        let newest = self.newest_end?.min(self.now(at));
        Some(newest.saturating_sub(self.covered(at)?).max(0))
    }

    /// What it misses begins before its policy goes back to.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "microseconds of an offset fit"
    )]
    pub(super) fn starts_before_its_window(&self, at: &At) -> bool {
        let start = self.start_seconds.filter(|_| self.axis != Axis::Integer);
        let start = start.map(|start| self.now(at) - (start * 1e6) as i64);
        start
            .zip(self.covered(at))
            .is_some_and(|(start, covered)| covered < start)
    }

    /// The lag as a multiple of what its policies promise; `None`: either is not known.
    #[expect(clippy::cast_precision_loss, reason = "microseconds of a lag fit")]
    pub fn behind(&self, at: &At) -> Option<f64> {
        let lag = self.lag(at)? as f64;
        let lag = if self.axis == Axis::Integer {
            lag
        } else {
            lag / 1e6
        };
        self.promise(at)
            .filter(|promise| *promise > 0.0)
            .map(|promise| lag / promise)
    }

    /// Whether it was looked at and holds no row.
    pub(super) fn source_is_empty(&self) -> bool {
        self.newest_asked && self.newest.is_none() && self.unknown.is_none()
    }

    /// Somebody's lock keeps the newest row of the source from being read.
    pub(super) fn newest_is_locked(&self) -> bool {
        let error = self.newest_error.as_deref();
        error.is_some_and(|error| error.starts_with("55P03"))
    }

    /// Why the newest row of the source cannot be known.
    pub(super) fn why_unknown(&self) -> Option<String> {
        let source = self.source();
        match self.unknown {
            _ if self.newest_error.is_some() => self
                .newest_error
                .as_ref()
                .map(|error| format!("the newest row of {source} could not be read: {error}")),
            None => None,
            Some(1) => Some(format!("this role may not SELECT from {source}")),
            Some(2) => Some(format!(
                "the Apache edition does not show the compressed rows of {source}"
            )),
            Some(3) => Some(format!(
                "{source} has a time column of a type that is not read here"
            )),
            Some(_) => Some(format!("the newest chunks of {source} are empty")),
        }
    }

    /// An upper bound of the lag, free of cost, until the newest row is known.
    pub fn lag_at_most(&self, at: &At) -> Option<i64> {
        // The bucket of the newest row may end after the chunk that holds it.
        let end = self.source_end?.saturating_add(self.bucket_longest?);
        let end = end.min(self.now(at));
        Some(end.saturating_sub(self.covered(at)?).max(0))
    }

    #[expect(clippy::cast_precision_loss, reason = "microseconds of a lag fit")]
    pub(super) fn lag_seconds(&self, at: &At) -> Option<f64> {
        (self.axis != Axis::Integer).then_some(())?;
        self.lag(at).map(|micros| micros as f64 / 1e6)
    }

    pub(super) fn lag_units(&self, at: &At) -> Option<i64> {
        (self.axis == Axis::Integer).then(|| self.lag(at)).flatten()
    }

    /// The lag as the screen shows it: a bound is marked as one.
    pub(super) fn lag_value(&self, at: &At) -> Value {
        match (self.lag_seconds(at), self.lag_units(at)) {
            (Some(seconds), _) => Value::Seconds(seconds),
            (_, Some(units)) => Value::Int(units),
            // Compressed rows that nobody sees may lie anywhere, so that even the bound says little.
            _ if self.unknown == Some(2) => Value::Null,
            _ => match self.lag_at_most(at) {
                #[expect(clippy::cast_precision_loss, reason = "microseconds of a lag fit")]
                Some(micros) if self.axis != Axis::Integer => {
                    Value::Text(format!("<= {}", text::duration(micros as f64 / 1e6)))
                }
                Some(units) => Value::Text(format!("<= {}", text::count(units))),
                None => Value::Null,
            },
        }
    }

    /// The lag that is no reason to worry yet, in seconds or units.
    #[expect(clippy::cast_precision_loss, reason = "units of a window fit")]
    pub(super) fn promise(&self, at: &At) -> Option<f64> {
        let limits = self.limits(at);
        match self.axis {
            Axis::Integer => {
                let put_off = |policy: &Policy| policy.is_put_off(self.axis, &limits, at.now);
                // The schedule does not convert to units: another window is allowed for it, while it is kept.
                let windows = if self.policy.as_ref().is_some_and(put_off) {
                    1.0
                } else {
                    2.0
                };
                self.expected_units.map(|units| units as f64 * windows)
            }
            // The run itself takes its time.
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
