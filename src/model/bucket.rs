//! Bounds of an aggregate's buckets, as `time_bucket` computes them.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::model::interval::Interval;
use crate::model::moment::Axis;

const DAY: i64 = 86_400_000_000;
/// Monday, 2000-01-03: the default origin of buckets of a fixed width. Microseconds since 1970.
const MONDAY: i64 = 946_857_600_000_000;

/// Description of an aggregate's buckets, as TimescaleDB's catalogue has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape<'a> {
    pub axis: Axis,
    pub width: Option<&'a str>,
    pub zone: Option<&'a str>,
    pub offset: Option<&'a str>,
    /// Origin as local time of `zone`, in microseconds since 1970; `None`: the default origin.
    pub origin: Option<i64>,
}

/// Whole buckets: start of the first, end of the last (exclusive), in the unit of the time dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub from: i64,
    pub to: i64,
}

/// Buckets of an aggregate. Times are in microseconds since 1970, or in units of integer time.
#[derive(Debug, Clone)]
pub(crate) struct Buckets {
    width: Width,
    /// `None`: UTC, or integer time.
    zone: Option<TimeZone>,
    /// Local time of `zone`, in microseconds since 1970.
    origin: i64,
    offset: i64,
    /// The width as PostgreSQL prints an interval.
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Width {
    Fixed(i64),
    Months(i64),
}

impl Buckets {
    /// An error names the part of the description that cannot be parsed.
    pub(crate) fn of(name: &str, shape: Shape) -> Result<Self, String> {
        let odd = |what: &str| format!("cannot parse the buckets of {name}: {what}");
        let text = shape.width.ok_or_else(|| odd("no width"))?.to_owned();
        let zone = shape
            .zone
            .map(|name| TimeZone::get(name).map_err(|_| odd(&format!("time zone {name:?}"))));
        if shape.axis == Axis::Integer {
            let number = |text: &str| text.parse::<i64>().map_err(|_| odd(text));
            let width = number(&text)?;
            let offset = shape.offset.map_or(Ok(0), number)?;
            return Self::new(Width::Fixed(width), None, 0, offset, text.clone())
                .ok_or_else(|| odd(&text));
        }
        let span = Interval::parse(&text).map_err(|_| odd(&text))?;
        let offset = shape.offset.map_or(Ok(Interval::default()), |offset| {
            Interval::parse(offset).map_err(|_| odd(&format!("offset {offset}")))
        })?;
        let micros = fixed(offset).ok_or_else(|| odd("an offset of months"))?;
        let (width, origin) = match fixed(span) {
            Some(width) => (Width::Fixed(width), MONDAY),
            None if span.days == 0 && span.micros == 0 => (Width::Months(span.months), MONDAY),
            None => return Err(odd(&text)),
        };
        let origin = shape.origin.unwrap_or(origin);
        Self::new(width, zone.transpose()?, origin, micros, text.clone()).ok_or_else(|| odd(&text))
    }

    fn new(
        width: Width,
        zone: Option<TimeZone>,
        origin: i64,
        offset: i64,
        text: String,
    ) -> Option<Self> {
        let (Width::Fixed(size) | Width::Months(size)) = width;
        let text = Interval::parse(&text).map_or(text, |width| width.to_string());
        (size > 0).then_some(Self {
            width,
            zone,
            origin,
            offset,
            text,
        })
    }

    /// Start of the bucket that contains `at`; `None`: outside the calendar.
    pub(crate) fn floor(&self, at: i64) -> Option<i64> {
        self.from_local(self.local_floor(self.to_local(at)?)?)
    }

    /// Start of the first bucket at or after `at`; `None`: outside the calendar.
    pub(crate) fn ceil(&self, at: i64) -> Option<i64> {
        let floor = self.floor(at)?;
        if floor == at {
            Some(at)
        } else {
            self.step(floor, 1)
        }
    }

    /// Start of the bucket that is `number` buckets later (negative: earlier); `at` is the start of a bucket.
    pub(crate) fn step(&self, at: i64, number: i64) -> Option<i64> {
        let start = self.local_floor(self.to_local(at)?)?;
        let next = match self.width {
            Width::Fixed(width) => start.checked_add(width.checked_mul(number)?)?,
            Width::Months(months) => {
                let bare = month(start.checked_sub(self.offset)?)?;
                first_of(bare.checked_add(months.checked_mul(number)?)?)?
                    .checked_add(self.offset)?
            }
        };
        self.from_local(next)
    }

    /// Number of buckets between two bucket starts; approximate if daylight saving time begins or ends between them.
    pub(crate) fn between(&self, from: i64, to: i64) -> Option<i64> {
        let (from, to) = (self.to_local(from)?, self.to_local(to)?);
        match self.width {
            Width::Fixed(width) => Some(to.checked_sub(from)? / width),
            Width::Months(months) => Some((month(to)? - month(from)?) / months),
        }
    }

    /// Width in seconds (or units of integer time); a month counts as 30 days, as in PostgreSQL.
    #[expect(clippy::cast_precision_loss, reason = "the width need not be exact")]
    pub(crate) fn length(&self, axis: Axis) -> f64 {
        match self.width {
            Width::Fixed(width) if axis == Axis::Integer => width as f64,
            Width::Fixed(width) => width as f64 / 1e6,
            Width::Months(months) => months as f64 * 30.0 * 86_400.0,
        }
    }

    fn local_floor(&self, local: i64) -> Option<i64> {
        let bare = local.checked_sub(self.offset)?;
        let start = match self.width {
            Width::Fixed(width) => {
                let past = i128::from(bare) - i128::from(self.origin);
                let start = i128::from(bare) - past.rem_euclid(i128::from(width));
                i64::try_from(start).ok()?
            }
            // As in `time_bucket`: only the month of the origin counts, not the day of the month.
            Width::Months(months) => {
                let (bare, origin) = (month(bare)?, month(self.origin)?);
                first_of(bare - (bare - origin).rem_euclid(months))?
            }
        };
        start.checked_add(self.offset)
    }

    fn to_local(&self, at: i64) -> Option<i64> {
        let Some(zone) = &self.zone else {
            return Some(at);
        };
        let moment = Timestamp::from_microsecond(at).ok()?;
        at.checked_add(i64::from(zone.to_offset(moment).seconds()) * 1_000_000)
    }

    #[expect(clippy::wrong_self_convention, reason = "from the zone's clock")]
    fn from_local(&self, local: i64) -> Option<i64> {
        let Some(zone) = &self.zone else {
            return Some(local);
        };
        // As in PostgreSQL: an ambiguous local time means the later moment.
        let moment = zone.to_ambiguous_timestamp(civil(local)?).later().ok()?;
        Some(moment.as_microsecond())
    }
}

/// Microseconds of an interval; `None`: it has months, or is too large.
fn fixed(interval: Interval) -> Option<i64> {
    (interval.months == 0)
        .then(|| interval.days.checked_mul(DAY)?.checked_add(interval.micros))
        .flatten()
}

fn civil(micros: i64) -> Option<DateTime> {
    let epoch = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
    epoch.checked_add(SignedDuration::from_micros(micros)).ok()
}

/// Months since the year 0; the argument is in microseconds since 1970.
fn month(micros: i64) -> Option<i64> {
    let at = civil(micros)?;
    Some(i64::from(at.year()) * 12 + i64::from(at.month()) - 1)
}

/// First day of a month (counted since the year 0), in microseconds since 1970.
fn first_of(month: i64) -> Option<i64> {
    let year = i16::try_from(month.div_euclid(12)).ok()?;
    let date = Date::new(year, i8::try_from(month.rem_euclid(12) + 1).ok()?, 1).ok()?;
    let days = date.duration_since(Date::constant(1970, 1, 1)).as_secs() / 86_400;
    days.checked_mul(DAY)
}
