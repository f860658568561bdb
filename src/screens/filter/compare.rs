//! Comparison of a field with a typed value.

use std::cmp::Ordering;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::tokens::Operator;
use crate::model::interval::Interval;
use crate::model::moment::{Axis, Stamp};
use crate::model::text;
use crate::model::value::Value;
use crate::model::verdict::Level;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Truth,
    Number,
    Bytes,
    Length,
    /// A moment that a table shows as an age.
    Age,
    /// A point of the time dimension, which a table shows as a time or date.
    Date,
    Level,
}

impl Kind {
    /// Kind of a value; `None`: the value is NULL.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Null => return None,
            Value::Text(_) | Value::Fields(_) => Self::Text,
            Value::Bool(_) => Self::Truth,
            Value::Int(_)
            | Value::About(_)
            | Value::Ratio(_)
            | Value::Number(_)
            | Value::Picture(..) => Self::Number,
            Value::Bytes(_) | Value::AboutBytes(_) => Self::Bytes,
            Value::Seconds(_) | Value::Interval(..) => Self::Length,
            Value::Time(_) => Self::Age,
            Value::Point(point) if point.axis == Axis::Integer => Self::Number,
            Value::Point(_) => Self::Date,
        })
    }

    /// How to write a value of this kind.
    fn how(self) -> &'static str {
        match self {
            Self::Text => "write a text; * in it matches any text",
            Self::Truth => "write yes or no",
            Self::Number => "write a number",
            Self::Bytes => "write a size such as 500kB, 1MB or 2GB",
            Self::Length => "write a duration such as 90s, 15m, 1h or 3d",
            Self::Age => "write an age such as 15m, 1h or 3d, or a day such as 2026-11-23",
            Self::Date => "write a day or a time such as 2026-11-23 or 2026-11-23T08:00",
            Self::Level => "write ok, notice, unknown, warning or critical",
        }
    }
}

/// A parsed `FIELD OPERATOR VALUE`.
#[derive(Debug, Clone)]
pub(super) struct Comparison {
    pub(crate) field: usize,
    operator: Operator,
    wanted: Wanted,
}

/// The typed value, parsed as every type that it may have.
#[derive(Debug, Clone)]
struct Wanted {
    text: String,
    /// `?` or `-`: matches NULL.
    unknown: bool,
    number: Option<f64>,
    bytes: Option<f64>,
    seconds: Option<f64>,
    truth: Option<bool>,
    at: Option<Stamp>,
    /// The level, if the field is the level column.
    level: Option<Level>,
}

impl Comparison {
    /// `name`: the field as typed; `kinds`: kinds of its values in the present rows, empty if unknown.
    pub(super) fn new(
        (field, name): (usize, &str),
        operator: Operator,
        value: &str,
        kinds: &[Kind],
    ) -> Result<Self, String> {
        let typed = format!("{name}{}{value}", operator.sign());
        let how = kinds.first().map_or("write a value", |kind| kind.how());
        if value.is_empty() {
            return Err(format!(
                "{typed} needs a value: {how}; ? finds unknown values"
            ));
        }
        let wanted = Wanted::read(value, kinds.contains(&Kind::Level));
        let equality = matches!(operator, Operator::Equal | Operator::Differs);
        if wanted.unknown && !equality {
            return Err(format!(
                "{typed}: an unknown value is neither larger nor smaller. Write {name}=? or {name}!=?"
            ));
        }
        let fits = |kind: &Kind| wanted.fits(*kind);
        if !wanted.unknown && !kinds.is_empty() && !kinds.iter().any(fits) {
            return Err(format!("{typed}: {value:?} does not fit: {how}"));
        }
        Ok(Self {
            field,
            operator,
            wanted,
        })
    }

    /// Whether the comparison is true for a value. A NULL matches `=?` only.
    pub(super) fn holds(&self, value: &Value, now: Stamp) -> bool {
        let unknown = *value == Value::Null;
        if self.wanted.unknown {
            return unknown == (self.operator == Operator::Equal);
        }
        let Some(order) = self.wanted.order(value, now) else {
            return false;
        };
        let equal = order == Ordering::Equal || self.wanted.looks_like(value, now);
        match self.operator {
            Operator::Equal => equal,
            Operator::Differs => !equal,
            Operator::Less => order == Ordering::Less,
            Operator::More => order == Ordering::Greater,
            Operator::AtMost => equal || order == Ordering::Less,
            Operator::AtLeast => equal || order == Ordering::Greater,
        }
    }
}

impl Wanted {
    fn read(value: &str, is_level: bool) -> Self {
        let number = value.trim_end_matches(['x', '%']).parse::<f64>().ok();
        let number = number.filter(|number| number.is_finite());
        let level = |level: &&Level| level.name().eq_ignore_ascii_case(value);
        Self {
            text: value.to_lowercase(),
            unknown: !is_level && matches!(value, "?" | "-"),
            number,
            bytes: text::bytes_of(value),
            // A number without a unit means seconds, as in PostgreSQL's intervals.
            seconds: number.or_else(|| Interval::parse(value).ok().map(Interval::seconds)),
            truth: match value.to_lowercase().as_str() {
                "yes" | "y" | "true" | "t" | "on" => Some(true),
                "no" | "n" | "false" | "f" | "off" => Some(false),
                _ => None,
            },
            at: moment(value),
            level: Level::ALL.iter().find(level).copied().filter(|_| is_level),
        }
    }

    fn fits(&self, kind: Kind) -> bool {
        match kind {
            Kind::Text => true,
            Kind::Truth => self.truth.is_some(),
            Kind::Number => self.number.is_some(),
            Kind::Bytes => self.bytes.is_some(),
            Kind::Length => self.seconds.is_some(),
            Kind::Age => self.seconds.is_some() || self.at.is_some(),
            Kind::Date => self.at.is_some(),
            Kind::Level => self.level.is_some(),
        }
    }

    /// Order of a value relative to the typed value; `None`: the two values cannot be compared.
    #[expect(
        clippy::cast_precision_loss,
        reason = "the last digits do not matter for a comparison"
    )]
    fn order(&self, value: &Value, now: Stamp) -> Option<Ordering> {
        let figures = |have: f64, wanted: Option<f64>| have.partial_cmp(&wanted?);
        match value {
            Value::Null => None,
            Value::Text(text) => self.text_order(text),
            Value::Fields(_) => self.text_order(&value.show(now)),
            Value::Bool(truth) => Some(truth.cmp(&self.truth?)),
            Value::Int(number) | Value::About(number) => figures(*number as f64, self.number),
            Value::Ratio(number) | Value::Number(number) | Value::Picture(_, number) => {
                figures(*number, self.number)
            }
            Value::Bytes(bytes) | Value::AboutBytes(bytes) => figures(*bytes as f64, self.bytes),
            Value::Seconds(seconds) | Value::Interval(_, seconds) => {
                figures(*seconds, self.seconds)
            }
            // A typed duration is compared with the moment's distance from now.
            Value::Time(at) => match self.at {
                Some(wanted) => Some(at.cmp(&wanted)),
                None => figures(distance(*at, now)?, self.seconds),
            },
            Value::Point(point) if point.axis == Axis::Integer => {
                figures(point.raw as f64, self.number)
            }
            Value::Point(point) => Some(point.raw.cmp(&self.at?.0)),
        }
    }

    fn text_order(&self, text: &str) -> Option<Ordering> {
        if let Some(level) = self.level {
            let of = Level::ALL.iter().find(|of| of.name() == text);
            return Some(of?.cmp(&level));
        }
        // Text in a column of numbers ("never", "<= 3h") is neither less nor greater than a number.
        let is_figure = self.number.or(self.bytes).or(self.seconds).is_some();
        if is_figure && !text.starts_with(|c: char| c.is_ascii_digit()) {
            return text::fits(&self.text, &text.to_lowercase()).then_some(Ordering::Equal);
        }
        Some(text::natural_order(text, &self.text))
    }

    /// Whether a value is displayed like the typed value: `bytes=24MB` matches every size that is shown as 24.0 MB.
    fn looks_like(&self, value: &Value, now: Stamp) -> bool {
        let seconds = |have: f64| {
            let wanted = self.seconds.map(text::duration);
            wanted.is_some_and(|wanted| wanted == text::duration(have))
        };
        match value {
            Value::Text(text) => text::fits(&self.text, &text.to_lowercase()),
            Value::Bytes(have) | Value::AboutBytes(have) => {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "a float out of range saturates"
                )]
                let wanted = self.bytes.map(|wanted| text::bytes(wanted as i64));
                wanted.is_some_and(|wanted| wanted == text::bytes(*have))
            }
            Value::Ratio(have) => {
                let wanted = self.number.map(|wanted| format!("{wanted:.1}"));
                wanted.is_some_and(|wanted| wanted == format!("{have:.1}"))
            }
            Value::Picture(_, have) => self.number.map(f64::round) == Some(have.round()),
            Value::Seconds(have) => seconds(*have),
            Value::Time(at) if self.at.is_none() => distance(*at, now).is_some_and(seconds),
            _ => false,
        }
    }
}

/// Seconds between a moment and now, rounded like the age that the table shows; `None`: the moment is infinite.
fn distance(at: Stamp, now: Stamp) -> Option<f64> {
    let seconds = now.seconds_since(at.finite()?);
    Some(if seconds < 0.0 {
        (-seconds).ceil()
    } else {
        seconds.floor()
    })
}

fn moment(text: &str) -> Option<Stamp> {
    let at: DateTime = text.parse().ok()?;
    let at = at.to_zoned(TimeZone::UTC).ok()?;
    Some(Stamp(at.timestamp().as_microsecond()))
}
