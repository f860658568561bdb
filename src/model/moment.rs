//! Moments, and points on a hypertable's time dimension.

use std::error::Error;

use serde::{Deserialize, Deserializer, Serialize};
use tokio_postgres::types::{FromSql, Type};

/// A moment: microseconds since 1970 UTC, or one of the two infinities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stamp(pub i64);

impl Stamp {
    pub const BEFORE_ALL: Self = Self(i64::MIN);
    pub(crate) const AFTER_ALL: Self = Self(i64::MAX);

    pub(crate) fn is_finite(self) -> bool {
        self != Self::BEFORE_ALL && self != Self::AFTER_ALL
    }

    /// Seconds from `earlier` to `self`; negative when `self` is the earlier one.
    #[expect(
        clippy::cast_precision_loss,
        reason = "microseconds of an age fit a float's mantissa"
    )]
    pub fn seconds_since(self, earlier: Self) -> f64 {
        (self.0.saturating_sub(earlier.0)) as f64 / 1e6
    }

    /// This moment plus `seconds`; an infinity does not change.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float out of range saturates"
    )]
    #[must_use]
    pub fn plus_seconds(self, seconds: f64) -> Self {
        if self.is_finite() {
            Self(self.0.saturating_add((seconds * 1e6) as i64))
        } else {
            self
        }
    }

    /// The moment; `None` for an infinity. TimescaleDB writes `-infinity` for a job that never ran or is running.
    pub fn finite(self) -> Option<Self> {
        self.is_finite().then_some(self)
    }
}

/// Reads a field in which an infinity means `None`.
pub(crate) fn finite<'de, D: Deserializer<'de>>(stamp: D) -> Result<Option<Stamp>, D::Error> {
    Ok(Option::<Stamp>::deserialize(stamp)?.and_then(Stamp::finite))
}

/// Microseconds from 1970 to 2000, the epoch of PostgreSQL.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

impl<'a> FromSql<'a> for Stamp {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let since_2000 = i64::from_sql(&Type::INT8, raw).map_err(|_| format!("not a {ty}"))?;
        Ok(match since_2000 {
            i64::MIN => Self::BEFORE_ALL,
            i64::MAX => Self::AFTER_ALL,
            micros => Self(micros.saturating_add(POSTGRES_EPOCH)),
        })
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::TIMESTAMPTZ | Type::TIMESTAMP)
    }
}

/// The type of a hypertable's time dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String")]
pub enum Axis {
    TimestampTz,
    /// `timestamp without time zone`; computed as if it were UTC.
    Timestamp,
    Date,
    Integer,
}

impl Axis {
    /// Whether `at` is a real point in time. TimescaleDB writes values near the type's minimum for "none" and for minus infinity.
    pub(crate) fn is_place(self, at: i64) -> bool {
        match self {
            Self::Integer => at > i64::MIN + 1_000_000,
            _ => at > -200_000_000_000_000_000,
        }
    }

    /// Axis of a column type, named as by `format_type` or `regtype`, or by this enum in a recording.
    pub(crate) fn of(column_type: &str) -> Self {
        match column_type {
            "timestamp without time zone" | "Timestamp" => Self::Timestamp,
            "date" | "Date" => Self::Date,
            "bigint" | "integer" | "smallint" | "Integer" => Self::Integer,
            // Dimensions of type uuid (UUIDv7) are in microseconds since 1970 UTC too.
            _ => Self::TimestampTz,
        }
    }
}

impl From<String> for Axis {
    fn from(name: String) -> Self {
        Self::of(&name)
    }
}

/// A point on a hypertable's time dimension, in TimescaleDB's internal unit:
/// microseconds since 1970 for time types, the number itself for integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Point {
    pub axis: Axis,
    pub raw: i64,
}
