//! Times of an aggregate: reading what a user types, and writing SQL literals.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::model::interval::Interval;
use crate::model::moment::{Axis, Point};
use crate::model::text;

/// Reads a time, a date, `now`, `3 days ago`, or a number of integer time. The argument `now` is the time that the texts `now` and `ago`
/// refer to, in the unit of the axis. The error says how to write a time.
pub(crate) fn parse(axis: Axis, typed: &str, now: Option<i64>) -> Result<i64, String> {
    let typed = typed.trim();
    if axis == Axis::Integer {
        return typed
            .parse()
            .map_err(|_| format!("{typed:?} is not a whole number"));
    }
    let clock = || now.ok_or_else(|| "the aggregate's current time is unknown".to_owned());
    if typed == "now" {
        return clock();
    }
    if let Some(span) = typed.strip_suffix("ago") {
        let span = interval(span.trim()).ok_or_else(|| wrong(axis, typed))?;
        return span
            .before(clock()?, None)
            .ok_or_else(|| wrong(axis, typed));
    }
    // Only timestamptz accepts a time with an offset.
    if let Ok(moment) = typed.parse::<Timestamp>() {
        if axis != Axis::TimestampTz {
            return Err(format!(
                "{typed:?}: this aggregate's time has no time zone: leave the offset out"
            ));
        }
        return Ok(moment.as_microsecond());
    }
    let civil: DateTime = typed.parse().map_err(|_| wrong(axis, typed))?;
    let since = civil.duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0));
    i64::try_from(since.as_micros()).map_err(|_| wrong(axis, typed))
}

fn wrong(axis: Axis, typed: &str) -> String {
    let how = match axis {
        Axis::TimestampTz => "2026-11-20 08:00 (UTC), 2026-11-20 08:00+01:00, 3 days ago, now",
        Axis::Date => "2026-11-20, 3 days ago, now",
        _ => "2026-11-20 08:00, 3 days ago, now",
    };
    format!("{typed:?} is not a time: write {how}")
}

/// SQL literal of the time dimension's type, without quotes; `None`: outside the calendar.
pub(crate) fn literal(axis: Axis, at: i64) -> Option<String> {
    if axis == Axis::Integer {
        return Some(at.to_string());
    }
    let moment = Timestamp::from_microsecond(at).ok()?;
    let form = match axis {
        Axis::Date => "%Y-%m-%d",
        Axis::TimestampTz => "%Y-%m-%d %H:%M:%S%.f+00",
        _ => "%Y-%m-%d %H:%M:%S%.f",
    };
    Some(moment.strftime(form).to_string())
}

/// Text for a form field: a time (UTC), a date or a number; `None`: outside the calendar.
pub(crate) fn typed(axis: Axis, at: i64) -> Option<String> {
    let text = literal(axis, at)?;
    Some(match text.strip_suffix("+00") {
        Some(moment) if axis == Axis::TimestampTz => format!("{moment}Z"),
        _ => text,
    })
}

/// Text for the screen: `2026-11-20 08:00 UTC`, `2026-11-20`, `90 000`.
pub(crate) fn show(axis: Axis, at: i64) -> String {
    text::point(Point { axis, raw: at })
}

/// An interval from a policy's configuration; `None`: not an interval.
pub(crate) fn interval(text: &str) -> Option<Interval> {
    Interval::parse(text).ok()
}

/// Time zone by the name in a setting, or in POSIX form; `None`: unknown, such as the offset `+3`.
pub(crate) fn zone(name: &str) -> Option<TimeZone> {
    let name = name.strip_prefix("posix/").unwrap_or(name);
    TimeZone::get(name).or_else(|_| TimeZone::posix(name)).ok()
}

/// Start of the day, as the server truncates a time to a date.
pub(super) fn midnight(at: i64) -> i64 {
    at.div_euclid(86_400_000_000) * 86_400_000_000
}

/// Error text for a policy whose window is unknown because this program does not know the policy's time zone.
pub(crate) fn odd_zone(zone: &str) -> String {
    format!(
        "its policy runs in time zone {zone}, which is not a name in pg_timezone_names. Set a name from that view with ALTER ROLE (for the job's owner) or ALTER DATABASE"
    )
}

/// Local time of a zone at a moment, in microseconds since 1970; `None`: unknown zone.
pub(super) fn wall(at: i64, zone: &str) -> Option<i64> {
    let shown = self::zone(zone)?.to_datetime(Timestamp::from_microsecond(at).ok()?);
    let shown = jiff::tz::Offset::UTC.to_timestamp(shown).ok()?;
    Some(shown.as_microsecond())
}

/// Text of a length in seconds, or in units of integer time: `3h 20m`, `50 000`.
pub(crate) fn say(axis: Axis, length: f64) -> String {
    match axis {
        #[expect(clippy::cast_possible_truncation, reason = "units of integer time")]
        Axis::Integer => text::count(length as i64),
        _ => text::duration(length),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_795_262_400_000_000; // 2026-11-21 12:00 UTC

    #[test]
    fn what_people_write_is_read_in_the_type_of_the_axis() {
        let tz = Axis::TimestampTz;
        let read = |axis, typed: &str| {
            let at = parse(axis, typed, Some(NOON)).unwrap();
            literal(axis, at).unwrap()
        };
        assert_eq!(read(tz, "2026-11-20"), "2026-11-20 00:00:00+00");
        assert_eq!(read(tz, "2026-11-20 08:30"), "2026-11-20 08:30:00+00");
        assert_eq!(read(tz, "2026-11-20 08:30+01:00"), "2026-11-20 07:30:00+00");
        assert_eq!(typed(tz, NOON).unwrap(), "2026-11-21 12:00:00Z");
        assert_eq!(read(tz, "2026-11-21 12:00:00Z"), "2026-11-21 12:00:00+00");
        assert_eq!(
            read(tz, "2026-11-20T08:30:00.25Z"),
            "2026-11-20 08:30:00.25+00"
        );
        assert_eq!(read(tz, "now"), "2026-11-21 12:00:00+00");
        assert_eq!(read(tz, "1 mon 1 day ago"), "2026-10-20 12:00:00+00");
        assert_eq!(
            read(Axis::Timestamp, "2026-11-20 08:30"),
            "2026-11-20 08:30:00"
        );
        assert_eq!(read(Axis::Date, "2026-11-20"), "2026-11-20");
        assert_eq!(read(Axis::Integer, "-5"), "-5");
    }

    #[test]
    fn what_cannot_be_read_says_how_to_write_it() {
        let told = parse(Axis::TimestampTz, "yesterday", Some(NOON)).unwrap_err();
        assert!(told.contains("write 2026-11-20 08:00"), "{told}");
        let told = parse(Axis::Timestamp, "2026-11-20 08:00+01:00", None).unwrap_err();
        assert!(told.contains("no time zone"), "{told}");
    }
}
