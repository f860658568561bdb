//! Lengths of time as the changes say them.

use crate::model::interval::Interval;
use crate::model::moment::Axis;
use crate::model::span::Span;

pub(crate) const DAY: i64 = 86_400_000_000;

/// A length in the unit of the time column as text.
pub(crate) fn said(axis: Axis, length: i64) -> String {
    self::length(axis, length).to_string()
}

/// A length in the unit of the time column.
pub(crate) fn length(axis: Axis, length: i64) -> Span {
    match axis {
        Axis::Integer => Span::Number(length),
        _ => Span::Interval(Interval {
            days: length / DAY,
            micros: length % DAY,
            ..Interval::default()
        }),
    }
}

pub(crate) fn open(side: Option<Span>) -> String {
    side.map_or_else(|| "open".to_owned(), |span| span.to_string())
}

pub(crate) fn spelled(interval: Interval) -> String {
    Span::Interval(interval).to_string()
}
