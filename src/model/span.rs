//! A length of time on a hypertable's time dimension, and the time that is this long before now.

use std::cmp::Ordering;
use std::fmt;

use serde_json::Value as Json;

use crate::model::interval::{DAY, Interval};
use crate::model::moment::{Axis, Stamp};
use crate::model::{clock, text};

/// An interval, or units of integer time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    Interval(Interval),
    Number(i64),
}

impl Span {
    /// Reads a length as a user or a policy's configuration writes it; `None`: it does not fit the axis.
    pub(crate) fn parse(axis: Axis, text: &str) -> Option<Self> {
        match axis {
            Axis::Integer => text.parse().ok().map(Self::Number),
            _ => Interval::parse(text).ok().map(Self::Interval),
        }
    }

    /// Reads a length from a policy's configuration; `None`: neither an interval nor an integer.
    pub(crate) fn of(config: &Json) -> Option<Self> {
        match config {
            Json::String(text) => Interval::parse(text).ok().map(Self::Interval),
            Json::Number(number) => number.as_i64().map(Self::Number),
            _ => None,
        }
    }

    /// The length `raw`, in the unit of its time axis: microseconds, or units of integer time.
    pub(crate) fn of_raw(axis: Axis, raw: i64) -> Self {
        match axis {
            Axis::Integer => Self::Number(raw),
            _ => Self::Interval(Interval {
                days: raw / DAY,
                micros: raw % DAY,
                ..Interval::default()
            }),
        }
    }

    /// Length in seconds or units of integer time. A month has 30 days, as when TimescaleDB compares policy windows.
    #[expect(clippy::cast_precision_loss, reason = "only for comparing")]
    pub(crate) fn length(self) -> f64 {
        match self {
            Self::Interval(interval) => interval.seconds(),
            Self::Number(number) => number as f64,
        }
    }

    pub(crate) fn plus(self, more: Self) -> Option<Self> {
        match (self, more) {
            (Self::Number(one), Self::Number(more)) => one.checked_add(more).map(Self::Number),
            (Self::Interval(one), Self::Interval(more)) => Some(Self::Interval(Interval {
                months: one.months.checked_add(more.months)?,
                days: one.days.checked_add(more.days)?,
                micros: one.micros.checked_add(more.micros)?,
            })),
            _ => None,
        }
    }

    pub(crate) fn times(self, times: i64) -> Option<Self> {
        Some(match self {
            Self::Number(number) => Self::Number(number.checked_mul(times)?),
            Self::Interval(interval) => Self::Interval(Interval {
                months: interval.months.checked_mul(times)?,
                days: interval.days.checked_mul(times)?,
                micros: interval.micros.checked_mul(times)?,
            }),
        })
    }

    pub(crate) fn is_positive(self) -> bool {
        self.length() > 0.0
    }

    /// Text for a form field.
    pub(crate) fn typed(self) -> String {
        match self {
            Self::Interval(interval) => interval.to_string(),
            Self::Number(number) => number.to_string(),
        }
    }

    /// Value for a policy's configuration.
    pub(crate) fn json(self) -> Json {
        match self {
            Self::Interval(interval) => Json::from(interval.to_string()),
            Self::Number(number) => Json::from(number),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interval(interval) => write!(f, "{}", text::interval(&interval.to_string())),
            Self::Number(number) => write!(f, "{}", text::count(*number)),
        }
    }
}

/// The current time as a policy's run sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now<'a> {
    pub(crate) axis: Axis,
    /// Current time in the unit of the axis; `None`: unknown.
    pub(crate) at: Option<i64>,
    /// Time zone in which the policy runs; `None`: UTC.
    pub(crate) zone: Option<&'a str>,
}

impl<'a> Now<'a> {
    /// Current time on this axis; `integer` is the result of `integer_now_func`, `now` the server's time.
    pub fn on(axis: Axis, now: Stamp, integer: Option<i64>, zone: &'a str) -> Self {
        let at = match axis {
            Axis::Integer => integer,
            Axis::TimestampTz => Some(now.0),
            Axis::Timestamp | Axis::Date => clock::wall(now.0, zone),
        };
        Self {
            axis,
            at,
            zone: Some(zone),
        }
    }

    /// Current time for comparison with the creation times of chunks, which are timestamptz whatever the axis.
    pub fn of_making(now: Stamp, zone: &'a str) -> Self {
        Self::on(Axis::TimestampTz, now, None, zone)
    }

    /// The time that is `span` before now, as in PostgreSQL: days and months in local time of `zone`. `None`: the current time or the zone
    /// is unknown, the length does not fit the axis, or the result is outside the calendar.
    pub fn less(&self, span: Span) -> Option<i64> {
        match (span, self.axis) {
            (Span::Number(units), Axis::Integer) => self.at?.checked_sub(units),
            (Span::Number(_), _) | (Span::Interval(_), Axis::Integer) => None,
            // Intervals without days and months are the same in every zone.
            (Span::Interval(interval), Axis::TimestampTz) if !interval.is_clock_free() => {
                let zone = self.zone.map(|zone| clock::zone(zone).ok_or(()));
                interval.before(self.at?, zone.transpose().ok()?.as_ref())
            }
            // The server truncates the result to a date.
            (Span::Interval(interval), Axis::Date) => {
                interval.before(self.at?, None).map(clock::midnight)
            }
            (Span::Interval(interval), _) => interval.before(self.at?, None),
        }
    }

    /// Compares two lengths by the times that are this long before now. If these are unknown, compares [`Span::length`].
    fn compare(&self, one: Span, other: Span) -> Ordering {
        match (self.less(one), self.less(other)) {
            (Some(one), Some(other)) => other.cmp(&one),
            _ => one.length().total_cmp(&other.length()),
        }
    }

    pub(crate) fn exceeds(&self, one: Span, other: Span) -> bool {
        self.compare(one, other).is_gt()
    }
}
