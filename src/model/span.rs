//! A length of time on a hypertable's axis, and what lies so long before now.

use std::cmp::Ordering;
use std::fmt;

use serde_json::Value as Json;

use crate::model::interval::Interval;
use crate::model::moment::{Axis, Stamp};
use crate::model::{clock, text};

/// An interval, or units of integer time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    Interval(Interval),
    Number(i64),
}

impl Span {
    /// As a person or a policy's configuration writes it; `None`: it is not of this axis' kind.
    pub fn parse(axis: Axis, text: &str) -> Option<Self> {
        match axis {
            Axis::Integer => text.parse().ok().map(Self::Number),
            _ => Interval::parse(text).ok().map(Self::Interval),
        }
    }

    /// From a policy's configuration; `None`: it is not understood.
    pub fn of(config: &Json) -> Option<Self> {
        match config {
            Json::String(text) => Interval::parse(text).ok().map(Self::Interval),
            Json::Number(number) => number.as_i64().map(Self::Number),
            _ => None,
        }
    }

    /// In seconds, or in units of integer time; a month has 30 days, as `add_…_policy` compares windows.
    #[expect(clippy::cast_precision_loss, reason = "for comparing")]
    pub fn length(self) -> f64 {
        match self {
            Self::Interval(interval) => interval.seconds(),
            Self::Number(number) => number as f64,
        }
    }

    pub fn plus(self, more: Self) -> Option<Self> {
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

    pub fn times(self, times: i64) -> Option<Self> {
        Some(match self {
            Self::Number(number) => Self::Number(number.checked_mul(times)?),
            Self::Interval(interval) => Self::Interval(Interval {
                months: interval.months.checked_mul(times)?,
                days: interval.days.checked_mul(times)?,
                micros: interval.micros.checked_mul(times)?,
            }),
        })
    }

    pub fn is_positive(self) -> bool {
        self.length() > 0.0
    }

    /// As a form takes it.
    pub fn typed(self) -> String {
        match self {
            Self::Interval(interval) => interval.to_string(),
            Self::Number(number) => number.to_string(),
        }
    }

    /// As a policy's configuration keeps it.
    pub fn json(self) -> Json {
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

/// What is now to the runs of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now<'a> {
    pub axis: Axis,
    /// On that axis; `None`: not known.
    pub at: Option<i64>,
    /// The zone in which the runs reckon; `None`: UTC.
    pub zone: Option<&'a str>,
}

impl<'a> Now<'a> {
    /// At this moment; `integer` is what the function for integer time says.
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

    /// For moments at which chunks were made, which have nothing to do with the axis.
    pub fn of_making(now: Stamp, zone: &'a str) -> Self {
        Self::on(Axis::TimestampTz, now, None, zone)
    }

    /// So long before now, as PostgreSQL reckons it: days and months on the clock of the zone. `None`: now or the zone is
    /// not known here, the length is of another kind, or the place lies beyond the calendar.
    pub fn less(&self, span: Span) -> Option<i64> {
        match (span, self.axis) {
            (Span::Number(units), Axis::Integer) => self.at?.checked_sub(units),
            (Span::Number(_), _) | (Span::Interval(_), Axis::Integer) => None,
            // Hours and less are the same in every zone.
            (Span::Interval(interval), Axis::TimestampTz) if !interval.is_clock_free() => {
                let zone = self.zone.map(|zone| clock::zone(zone).ok_or(()));
                interval.before(self.at?, zone.transpose().ok()?.as_ref())
            }
            // A date has no hours: the server cuts them off.
            (Span::Interval(interval), Axis::Date) => {
                interval.before(self.at?, None).map(clock::midnight)
            }
            (Span::Interval(interval), _) => interval.before(self.at?, None),
        }
    }

    /// Which of two lengths goes farther back, as a run reckons it; where that is not known, by months of 30 days.
    pub fn compare(&self, one: Span, other: Span) -> Ordering {
        match (self.less(one), self.less(other)) {
            (Some(one), Some(other)) => other.cmp(&one),
            _ => one.length().total_cmp(&other.length()),
        }
    }

    pub fn exceeds(&self, one: Span, other: Span) -> bool {
        self.compare(one, other).is_gt()
    }
}
