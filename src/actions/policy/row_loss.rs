//! Decides whether a refresh reads a range whose source rows were dropped. Such a refresh permanently deletes the aggregate's rows of that
//! range.

use crate::model::span::{Now, Span};

/// An age or offset, counted back from a policy's "now".
#[derive(Debug, Clone, Copy)]
pub(crate) struct Back {
    /// Position in the time dimension, in its unit. `None`: unknown.
    at: Option<i64>,
    /// Seconds, or units of integer time.
    length: f64,
}

impl Back {
    /// A refresh window without a start.
    pub(crate) const TO_THE_BEGINNING: Self = Self {
        at: Some(i64::MIN),
        length: f64::INFINITY,
    };

    /// A known position, for which the length is not needed.
    pub(crate) fn at(point: i64) -> Self {
        Self {
            at: Some(point),
            length: 0.0,
        }
    }

    pub(crate) fn of(now: &Now, span: Span) -> Self {
        Self {
            at: now.less(span),
            length: span.length(),
        }
    }

    /// True if `self` is farther back than `other`. If a position is unknown, the lengths are compared, with 30 days per month.
    pub(super) fn passes(self, other: Self) -> bool {
        match (self.at, other.at) {
            (Some(at), Some(other)) => at < other,
            _ => self.length > other.length,
        }
    }
}

/// True if a refresh window that starts at `start` contains rows that retention drops at the age `drops`.
pub(crate) fn reads_dropped(start: Back, drops: Back) -> bool {
    start.passes(drops)
}
