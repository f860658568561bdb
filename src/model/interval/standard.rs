//! Intervals in the styles `iso_8601` and `sql_standard`. A policy keeps the style of the session that created it.

use super::parts::{Interval, clock};

/// Designators of the date and of the time, in order, with their units.
const DATE: &[(char, &str)] = &[('Y', "y"), ('M', "mon"), ('W', "w"), ('D', "d")];
const TIME: &[(char, &str)] = &[('H', "h"), ('M', "m"), ('S', "s")];

/// Reads `P1Y2M3DT4H5M6.7S`, `1-2`, `7 0:00:00`, `+1-2 +3 +4:05:06.7` as PostgreSQL does. `None`: another style, or a text
/// whose sign depends on `IntervalStyle` (`-7 1:00:00`).
pub(crate) fn read(text: &str) -> Option<Interval> {
    iso(text).or_else(|| sql(text))
}

fn iso(text: &str) -> Option<Interval> {
    let fields = text.strip_prefix('P').filter(|fields| !fields.is_empty())?;
    let none = Interval::default();
    match fields.split_once('T') {
        Some((_, "")) => None,
        Some((date, time)) => designated(time, TIME, designated(date, DATE, none)?),
        None => designated(fields, DATE, none),
    }
}

/// `total` plus the fields, each a number and its designator. Only seconds may have a fraction.
fn designated(fields: &str, units: &[(char, &str)], mut total: Interval) -> Option<Interval> {
    let (mut rest, mut units) = (fields, units.iter());
    while !rest.is_empty() {
        let (number, tail) = rest.split_at(rest.find(|c: char| c.is_ascii_uppercase())?);
        let (_, unit) = units.find(|(designator, _)| tail.starts_with(*designator))?;
        let (sign, number) = match number.strip_prefix('-') {
            Some(number) => (-1, number),
            None => (1, number),
        };
        let (digits, fraction) = number.split_once('.').unwrap_or((number, "0"));
        if !(is_whole(digits) && is_whole(fraction)) || (number != digits && *unit != "s") {
            return None;
        }
        total = total.plus(number, unit, sign)?;
        rest = &tail[1..];
    }
    Some(total)
}

fn sql(text: &str) -> Option<Interval> {
    let words: Vec<_> = text.split(' ').collect();
    let (months, days, micros) = match words[..] {
        [months] => match months.strip_prefix('-') {
            Some(months) => (-years(months)?, 0, 0),
            None => (years(months)?, 0, 0),
        },
        [days, time] => match days.strip_prefix('-') {
            // `IntervalStyle` decides whether the time is negative too.
            Some(days) => (0, -whole(days)?, time_of(time).filter(|time| *time == 0)?),
            None => (0, whole(days)?, time_of(time)?),
        },
        [months, days, time] => (
            signed(months, years)?,
            signed(days, whole)?,
            signed(time, time_of)?,
        ),
        _ => return None,
    };
    Some(Interval {
        months,
        days,
        micros,
    })
}

/// Reads a sign, which is required, and then a value with `unsigned`.
fn signed(text: &str, unsigned: fn(&str) -> Option<i64>) -> Option<i64> {
    match text.strip_prefix('-') {
        Some(text) => unsigned(text).map(|number| -number),
        None => unsigned(text.strip_prefix('+')?),
    }
}

/// Months of `1-2` (a year and two months).
fn years(text: &str) -> Option<i64> {
    let (years, months) = text.split_once('-')?;
    let months = whole(months).filter(|months| *months < 12)?;
    whole(years)?.checked_mul(12)?.checked_add(months)
}

fn time_of(text: &str) -> Option<i64> {
    let is_unsigned = text.split([':', '.']).all(is_whole) && text.contains(':');
    is_unsigned.then(|| clock(text)).flatten()
}

fn whole(text: &str) -> Option<i64> {
    is_whole(text).then(|| text.parse().ok()).flatten()
}

fn is_whole(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_style_that_postgresql_writes_in_is_read_with_its_meaning() {
        // One interval in the styles postgres, postgres_verbose, iso_8601 and sql_standard.
        for (postgres, verbose, iso, sql) in [
            ("7 days", "@ 7 days", "P7D", "7 0:00:00"),
            ("1 mon", "@ 1 mon", "P1M", "0-1"),
            ("1 year 2 mons", "@ 1 year 2 mons", "P1Y2M", "1-2"),
            (
                "1 mon 7 days",
                "@ 1 mon 7 days",
                "P1M7D",
                "+0-1 +7 +0:00:00",
            ),
            ("01:30:00", "@ 1 hour 30 mins", "PT1H30M", "1:30:00"),
            ("500:00:00", "@ 500 hours", "PT500H", "500:00:00"),
            (
                "1 day 00:00:00.000001",
                "@ 1 day 0.000001 secs",
                "P1DT0.000001S",
                "1 0:00:00.000001",
            ),
            (
                "1 year 2 mons 3 days 04:05:06.7",
                "@ 1 year 2 mons 3 days 4 hours 5 mins 6.7 secs",
                "P1Y2M3DT4H5M6.7S",
                "+1-2 +3 +4:05:06.7",
            ),
            (
                "-1 days +02:00:00",
                "@ -1 days 2 hours",
                "P-1DT2H",
                "+0-0 -1 +2:00:00",
            ),
            (
                "-1 mons -1 days",
                "@ -1 mons -1 days",
                "P-1M-1D",
                "-0-1 -1 +0:00:00",
            ),
            ("-7 days", "@ -7 days", "P-7D", "-7 0:00:00"),
            ("-1 years -2 mons", "@ -1 years -2 mons", "P-1Y-2M", "-1-2"),
            ("-00:00:00.5", "@ -0.5 secs", "PT-0.5S", "-0:00:00.5"),
        ] {
            let meant = Interval::parse(postgres);
            assert!(meant.is_ok(), "{meant:?}");
            for written in [verbose, iso, sql] {
                assert_eq!(Interval::parse(written), meant, "{written}");
            }
        }
        let weeks = Interval::parse("P2WT36H").unwrap();
        assert_eq!(weeks.to_string(), "14 days 36:00:00");
    }

    #[test]
    fn what_could_mean_two_things_or_none_is_not_read() {
        for typed in [
            "7",
            "0",
            "-7",
            "P",
            "PT",
            "P7",
            "P1DT",
            "P-",
            "PD",
            "p7d",
            "P1M1Y",
            "P1D1D",
            "P1.5D",
            "PT1.S",
            "PT.5S",
            "PT1H P1D",
            "P7Dé",
            "Pé",
            "1-12",
            "1-2-3",
            "2026-11-20",
            "--1-2",
            "-7 1:00:00",
            "7 +1:00:00",
            "7 1:00:60",
            "7 1",
            "+7 1:00:00",
            "+0-1 7 +0:00:00",
            "0-1 7 0:00:00",
            "P99999999999999999999D",
            "99999999999999999999-1",
        ] {
            assert!(Interval::parse(typed).is_err(), "{typed}");
        }
    }
}
