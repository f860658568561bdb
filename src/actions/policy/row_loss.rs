//! When a refresh deletes rows of an aggregate for good: it reads a range whose source rows were dropped.

use crate::model::span::{Now, Span};

/// A length back from a policy's "now".
#[derive(Debug, Clone, Copy)]
pub(crate) struct Back {
    /// The point on the axis to which it leads. `None`: unknown.
    at: Option<i64>,
    length: f64,
}

impl Back {
    /// A refresh without a start.
    pub(crate) const TO_THE_BEGINNING: Self = Self {
        at: Some(i64::MIN),
        length: f64::INFINITY,
    };

    /// A known point; lengths count only where a point is unknown.
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

    /// True if it leads farther back than the other. Where a point is unknown, a month has 30 days.
    pub(crate) fn passes(self, other: Self) -> bool {
        match (self.at, other.at) {
            (Some(at), Some(other)) => at < other,
            _ => self.length > other.length,
        }
    }
}

/// True if a refresh from `start` on reaches back to rows that retention drops; `drops`: its `drop_after`.
pub(crate) fn reads_dropped(start: Back, drops: Back) -> bool {
    start.passes(drops)
}
