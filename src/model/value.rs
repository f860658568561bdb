//! Typed values with their units, from which screen, JSON, CSV and sort order are made.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::model::moment::{Axis, Point, Stamp};
use crate::model::text;

/// One value with its unit. An unknown value is `Null`, never zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Value {
    Null,
    Text(String),
    Bool(bool),
    Int(i64),
    /// An estimated number: shown with `~`, null in JSON.
    About(i64),
    Bytes(i64),
    /// Estimated bytes (from the pages at the last VACUUM or ANALYZE): shown with `~`, null in JSON.
    AboutBytes(i64),
    Seconds(f64),
    Ratio(f64),
    /// A number without a unit; may have a fraction.
    Number(f64),
    /// A moment; a table shows it as an age.
    Time(Stamp),
    Point(Point),
    /// An interval as PostgreSQL prints it, and its length in seconds (a month counts as 30 days) for sorting. JSON keeps the text,
    /// a table shows `3d 1h 30m`. For units of integer time the length is the number of units.
    Interval(String, f64),
    /// Form fields: names and values.
    Fields(Vec<(String, String)>),
    /// A drawing in text (a bar, a sparkline) for the screen, with a number for sorting.
    Picture(String, f64),
}

impl Value {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// From an interval as PostgreSQL prints it, or units of integer time; other text becomes `Text`.
    pub fn interval(setting: &str) -> Self {
        match text::interval_seconds(setting) {
            Some(seconds) => Self::Interval(setting.to_owned(), seconds),
            None => Self::text(setting),
        }
    }

    /// Text for a table; `now` is the server's time.
    pub fn show(&self, now: Stamp) -> String {
        match self {
            Self::Null => "-".to_owned(),
            Self::Text(text) | Self::Picture(text, _) => text.clone(),
            Self::Interval(text, _) => text::interval(text),
            Self::Bool(true) => "yes".to_owned(),
            Self::Bool(false) => "no".to_owned(),
            Self::Int(number) => text::count(*number),
            Self::About(number) => format!("~{}", text::count(*number)),
            Self::Bytes(bytes) => text::bytes(*bytes),
            Self::AboutBytes(bytes) => format!("~{}", text::bytes(*bytes)),
            Self::Seconds(seconds) => text::duration(*seconds),
            Self::Ratio(ratio) => format!("{ratio:.1}x"),
            Self::Number(number) => format!("{number}"),
            Self::Time(stamp) => text::age(*stamp, now),
            Self::Point(point) => text::point(*point),
            Self::Fields(fields) => {
                let said = fields.iter().map(|(name, value)| format!("{name}={value}"));
                said.collect::<Vec<_>>().join(" ")
            }
        }
    }

    /// Text for a narrow column: as [`Self::show`], but a point in time (UTC) without the zone.
    pub(crate) fn show_narrow(&self, now: Stamp) -> String {
        match self {
            Self::Point(point) => text::point_in_utc(*point),
            _ => self.show(now),
        }
    }

    /// Value for JSON: integers as numbers, moments as RFC 3339 (without a zone if the column's type has none), unknown and estimated
    /// values as null.
    pub fn json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Self::Null | Self::About(_) | Self::AboutBytes(_) => Json::Null,
            Self::Text(text) | Self::Interval(text, _) => Json::from(text.as_str()),
            Self::Bool(truth) => Json::from(*truth),
            Self::Int(number) | Self::Bytes(number) => Json::from(*number),
            Self::Seconds(number)
            | Self::Ratio(number)
            | Self::Number(number)
            | Self::Picture(_, number) => Json::from(*number),
            Self::Time(stamp) => text::rfc3339(*stamp).map_or(Json::Null, Json::from),
            Self::Point(point) if point.axis == Axis::Integer => Json::from(point.raw),
            Self::Point(point) => text::rfc3339(Stamp(point.raw)).map_or(Json::Null, |moment| {
                Json::from(match point.axis {
                    Axis::Timestamp => moment.trim_end_matches('Z'),
                    Axis::Date => moment.split_once('T').map_or(&*moment, |(date, _)| date),
                    Axis::TimestampTz | Axis::Integer => &moment,
                })
            }),
            Self::Fields(fields) => fields.iter().cloned().collect(),
        }
    }

    /// Sort order of two values of one column; unknown ones come first.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => text::natural_order(a, b),
            _ => self
                .rank()
                .partial_cmp(&other.rank())
                .unwrap_or(Ordering::Equal),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "only for sorting")]
    fn rank(&self) -> f64 {
        match self {
            Self::Null => f64::NEG_INFINITY,
            Self::Text(_) | Self::Fields(_) => 0.0,
            Self::Bool(truth) => f64::from(u8::from(*truth)),
            Self::Int(number)
            | Self::About(number)
            | Self::Bytes(number)
            | Self::AboutBytes(number) => *number as f64,
            Self::Seconds(number)
            | Self::Ratio(number)
            | Self::Number(number)
            | Self::Interval(_, number)
            | Self::Picture(_, number) => *number,
            Self::Time(stamp) => stamp.0 as f64,
            Self::Point(point) => point.raw as f64,
        }
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

macro_rules! value_from {
    ($($from:ty => $make:expr),+ $(,)?) => {
        $(impl From<$from> for Value {
            fn from(value: $from) -> Self {
                let make: fn($from) -> Self = $make;
                make(value)
            }
        })+
    };
}

value_from! {
    bool => Value::Bool,
    i64 => Value::Int,
    i32 => |number| Value::Int(number.into()),
    &str => |text| Value::Text(text.to_owned()),
    String => Value::Text,
    Stamp => Value::Time,
    Point => Value::Point,
}
