//! Intervals as a user types them: `7 days`, `7d`, `1h30m`, `1 mon`, `01:30:00`.

pub(crate) mod back;
mod parts;
pub(super) mod standard;

use self::parts::clock;
use std::fmt;

pub use self::parts::Interval;

/// Units and their (months, days, microseconds). `m` is a minute, as in `1h30m`; a month is `mon`.
const UNITS: &[(&[&str], Interval)] = &[
    (
        &["y", "year", "years", "yr", "yrs"],
        Interval {
            months: 12,
            days: 0,
            micros: 0,
        },
    ),
    (
        &["mon", "mons", "month", "months"],
        Interval {
            months: 1,
            days: 0,
            micros: 0,
        },
    ),
    (
        &["w", "week", "weeks"],
        Interval {
            months: 0,
            days: 7,
            micros: 0,
        },
    ),
    (
        &["d", "day", "days"],
        Interval {
            months: 0,
            days: 1,
            micros: 0,
        },
    ),
    (
        &["h", "hour", "hours", "hr", "hrs"],
        Interval {
            months: 0,
            days: 0,
            micros: 3_600_000_000,
        },
    ),
    (
        &["m", "min", "mins", "minute", "minutes"],
        Interval {
            months: 0,
            days: 0,
            micros: 60_000_000,
        },
    ),
    (
        &["s", "sec", "secs", "second", "seconds"],
        Interval {
            months: 0,
            days: 0,
            micros: 1_000_000,
        },
    ),
    (
        &["ms", "msec", "millisecond", "milliseconds"],
        Interval {
            months: 0,
            days: 0,
            micros: 1000,
        },
    ),
];

/// Microseconds of a day.
pub(crate) const DAY: i64 = 86_400_000_000;

const HOW: &str = "write 7 days, 7d, 1h30m or 1 mon";

/// The short name of a unit (`h` for `hours`); `None`: no such unit.
fn short(unit: &str) -> Option<&'static str> {
    let (names, _) = UNITS.iter().find(|(names, _)| names.contains(&unit))?;
    names.first().copied()
}

/// Error for `14d-5d` and `14d30d`, in which a user may have meant a range.
fn two_lengths(text: &str) -> String {
    format!("{text:?} is more than one interval, and only one is allowed here: {HOW}")
}

impl Interval {
    /// Reads an interval as a user types it or as PostgreSQL prints it. The error says how to write it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not an interval: {HOW}");
        let mut total = Self::default();
        // The style postgres_verbose begins with @.
        let mut rest = text.trim().trim_start_matches("@ ");
        if let Some(interval) = standard::read(rest) {
            return Ok(interval);
        }
        if rest.is_empty() {
            return Err(format!("an interval is needed: {HOW}"));
        }
        let (whole, mut seen) = (rest, Vec::new());
        while !rest.is_empty() {
            let before = whole[..whole.len() - rest.len()].chars().next_back();
            if rest.starts_with(['-', '+']) && before.is_some_and(|c| c != ' ') {
                return Err(two_lengths(text));
            }
            let sign = if rest.starts_with('-') { -1 } else { 1 };
            rest = rest.trim_start_matches(['-', '+']);
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':');
            let (number, tail) = rest.split_at(end.unwrap_or(rest.len()));
            if number.contains(':') {
                total.micros = clock(number)
                    .and_then(|micros| total.micros.checked_add(sign * micros))
                    .ok_or_else(wrong)?;
                seen.extend(["h", "m", "s"]);
                rest = tail.trim_start();
            } else {
                let tail = tail.trim_start();
                let end = tail.find(|c: char| !c.is_alphabetic());
                let (unit, tail) = tail.split_at(end.unwrap_or(tail.len()));
                let unit = unit.to_lowercase();
                total = total.plus(number, &unit, sign).ok_or_else(wrong)?;
                seen.extend(short(&unit));
                rest = tail.trim_start_matches([' ', ',']);
            }
            // PostgreSQL refuses a unit that comes twice, too.
            if seen
                .iter()
                .enumerate()
                .any(|(nth, unit)| seen[..nth].contains(unit))
            {
                return Err(two_lengths(text));
            }
        }
        Ok(total)
    }

    /// The interval plus `number` of `unit`; `None`: unknown unit, overflow, or a fraction of a day or month.
    fn plus(self, number: &str, unit: &str, sign: i64) -> Option<Self> {
        let (_, one) = UNITS.iter().find(|(names, _)| names.contains(&unit))?;
        if let Ok(whole) = number.parse::<i64>() {
            let times = whole.checked_mul(sign)?;
            let part = |have: i64, each: i64| have.checked_add(each.checked_mul(times)?);
            return Some(Self {
                months: part(self.months, one.months)?,
                days: part(self.days, one.days)?,
                micros: part(self.micros, one.micros)?,
            });
        }
        let number: f64 = number.parse().ok()?;
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "the last microsecond of a fraction such as 1.5 h does not matter"
        )]
        let micros = (number * one.micros as f64).round() as i64;
        (one.micros > 0).then(|| Self {
            micros: self.micros.saturating_add(sign * micros),
            ..self
        })
    }

    /// Length in seconds, with months of 30 days; for comparisons and estimates only.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub(crate) fn seconds(self) -> f64 {
        (self.months as f64 * 30.0 + self.days as f64) * 86_400.0 + self.micros as f64 / 1e6
    }

    /// Microseconds, as the server converts a chunk interval: a month has 30 days. `None`: out of range.
    pub(crate) fn fixed_micros(self) -> Option<i64> {
        let days = self.months.checked_mul(30)?.checked_add(self.days)?;
        days.checked_mul(DAY)?.checked_add(self.micros)
    }

    /// Whether the interval has neither days nor months, whose length depends on the time zone.
    pub(crate) fn is_clock_free(self) -> bool {
        self.months == 0 && self.days == 0
    }

    pub(crate) fn is_positive(self) -> bool {
        self.seconds() > 0.0
    }
}

impl fmt::Display for Interval {
    /// Text that PostgreSQL reads with any `IntervalStyle`: `1 mon 7 days 01:30:00`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        let mut part = |number: i64, one: &str| match number {
            0 => {}
            1 | -1 => parts.push(format!("{number} {one}")),
            _ => parts.push(format!("{number} {one}s")),
        };
        part(self.months / 12, "year");
        part(self.months % 12, "mon");
        part(self.days, "day");
        if self.micros != 0 || parts.is_empty() {
            let sign = if self.micros < 0 { "-" } else { "" };
            let all = self.micros.unsigned_abs();
            let (seconds, fraction) = (all / 1_000_000, all % 1_000_000);
            let mut clock = format!(
                "{sign}{:02}:{:02}:{:02}",
                seconds / 3600,
                seconds / 60 % 60,
                seconds % 60
            );
            if fraction > 0 {
                clock.push_str(format!(".{fraction:06}").trim_end_matches('0'));
            }
            parts.push(clock);
        }
        write!(f, "{}", parts.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        Interval::parse(text).map_or_else(|error| error, |interval| interval.to_string())
    }

    #[test]
    fn what_people_write_is_read() {
        for (typed, meant) in [
            ("7 days", "7 days"),
            ("7d", "7 days"),
            ("1h30m", "01:30:00"),
            ("1 mon", "1 mon"),
            ("1 month 2 weeks", "1 mon 14 days"),
            ("90 min", "01:30:00"),
            ("1.5h", "01:30:00"),
            ("1 day 02:03:04.5", "1 day 02:03:04.5"),
            ("2 years 3 mons", "2 years 3 mons"),
            ("-1 hour", "-01:00:00"),
            ("250ms", "00:00:00.25"),
            ("0s", "00:00:00"),
            ("1 day, 5 s", "1 day 00:00:05"),
            ("100:00:00", "100:00:00"),
        ] {
            assert_eq!(read(typed), meant, "{typed}");
        }
    }

    #[test]
    fn two_lengths_in_one_text_are_refused_and_not_added() {
        for typed in [
            "14d-5d",
            "14d30d",
            "14d 5d",
            "14d - 5d",
            "14 days 5 d",
            "1h-30m",
            "1d-02:00:00",
            "1h 00:30:00",
            "01:00:00 02:00:00",
            "5m 1h 5min",
        ] {
            let error = read(typed);
            assert!(
                error.contains("only one is allowed") || typed.contains(" - "),
                "{typed}: {error}"
            );
            assert!(error.contains("write 7 days"), "{typed}: {error}");
        }
        // As PostgreSQL writes them.
        assert_eq!(read("1 day -02:00:00"), "1 day -02:00:00");
        assert_eq!(read("1 mon -3 days"), "1 mon -3 days");
    }

    #[test]
    fn what_cannot_be_read_says_how_to_write_it() {
        for typed in [
            "",
            "soon",
            "7",
            "7 parsecs",
            "d7",
            "1.5 mon",
            "1:99",
            "1:2:3:4",
            "99999999999999999999 d",
        ] {
            assert!(
                read(typed).contains("write 7 days"),
                "{typed}: {}",
                read(typed)
            );
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for text in [
            "1 mon 7 days 01:30:00",
            "-3 days",
            "00:00:00.000001",
            "2 years -1 mons 5 days",
        ] {
            let once = Interval::parse(text).unwrap();
            assert_eq!(Interval::parse(&once.to_string()).unwrap(), once, "{text}");
        }
    }
}
