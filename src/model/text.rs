//! Text for the screen and for SQL: figures (bytes, counts, ages, durations, moments) and names.

mod cells;
mod glyphs;
mod interval;
mod names;
mod near;
mod number;
mod order;
mod printable;
mod session;
mod shell;

use crate::model::moment::{Axis, Point, Stamp};

pub use cells::{cut, width};
pub(crate) use cells::{cut_middle, cut_words, goes_on, pad, pad_left, wrap, wrap_keeping_indent};
pub(crate) use glyphs::{ascii, is_utf8};
pub use interval::{interval, interval_seconds};
pub use names::{qualified, quote_identifier, quote_literal};
pub(crate) use near::nearest;
pub(crate) use order::natural_order;
pub(crate) use printable::bounded;
pub(crate) use printable::{printable, printable_cell, printable_json, printable_lines};
pub(crate) use session::{one_line, party};
pub(crate) use shell::shell_word;

pub use self::number::{bytes, count};
pub(crate) use self::number::{bytes_of, plural, plural_of};

/// Text for a lock holder whose process id is 0.
pub(crate) const PREPARED: &str = "a prepared transaction (pg_prepared_xacts)";

/// Text for a prepared transaction that blocks others, with the statement that ends it. `gid`: its quoted identifier, or several separated
/// by commas; `None`: unknown.
pub(crate) fn prepared(gid: Option<&str>) -> String {
    match gid {
        Some(several) if several.contains("', '") => format!(
            "several prepared transactions ({several} in pg_prepared_xacts, each ended by COMMIT PREPARED or ROLLBACK PREPARED)"
        ),
        Some(gid) => format!(
            "a prepared transaction ({gid} in pg_prepared_xacts, ended by COMMIT PREPARED or ROLLBACK PREPARED {gid})"
        ),
        None => PREPARED.to_owned(),
    }
}

/// A length of time in its two largest units: `340ms`, `12s`, `4m 10s`, `3h 5m`, `12d 4h`.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a float out of range saturates"
)]
pub(crate) fn duration(seconds: f64) -> String {
    let sign = if seconds < 0.0 { "-" } else { "" };
    let size = seconds.abs();
    if size == 0.0 {
        return "0s".to_owned();
    }
    if size < 0.01 {
        return format!("{sign}{:.1}ms", size * 1e3);
    }
    if size < 1.0 {
        return format!("{sign}{:.0}ms", size * 1e3);
    }
    if size < 10.0 && size.fract() >= 0.05 {
        return format!("{sign}{size:.1}s");
    }
    let whole = size.round() as i64;
    let two = |big: i64, unit: &str, rest: i64, small: &str| {
        if rest == 0 {
            format!("{sign}{big}{unit}")
        } else {
            format!("{sign}{big}{unit} {rest}{small}")
        }
    };
    match whole {
        ..60 => format!("{sign}{whole}s"),
        60..3600 => two(whole / 60, "m", whole % 60, "s"),
        3600..86_400 => two(whole / 3600, "h", whole % 3600 / 60, "m"),
        86_400..8_640_000 => two(whole / 86_400, "d", whole % 86_400 / 3600, "h"),
        8_640_000..63_072_000 => format!("{sign}{}d", whole / 86_400),
        _ => format!("{sign}{:.1}y", size / 31_557_600.0),
    }
}

/// A moment relative to the server's time: `40s ago`, `4m ago`, `in 3h 5m`, `now`. After the first minute, the age is in whole minutes, so
/// that the text changes rarely.
pub fn age(stamp: Stamp, now: Stamp) -> String {
    match stamp {
        Stamp::BEFORE_ALL => "-infinity".to_owned(),
        Stamp::AFTER_ALL => "infinity".to_owned(),
        _ => {
            let seconds = now.seconds_since(stamp);
            if seconds.abs() < 1.0 {
                "now".to_owned()
            } else if seconds >= 60.0 {
                format!("{} ago", duration((seconds / 60.0).floor() * 60.0))
            } else if seconds > 0.0 {
                format!("{} ago", duration(seconds.floor()))
            } else {
                ahead(-seconds)
            }
        }
    }
}

/// Ten years in seconds. A job that starts later practically never starts, so the exact time until then is not shown.
const FAR: f64 = 10.0 * 31_557_600.0;

/// `in 3h 5m`; `in over 10y` beyond that.
pub(crate) fn ahead(seconds: f64) -> String {
    if seconds > FAR {
        "in over 10y".to_owned()
    } else {
        format!("in {}", duration(seconds.ceil()))
    }
}

/// A moment of the journal (RFC 3339) as [`moment`] shows it. A text that is no moment is returned unchanged.
pub(crate) fn written_moment(at: &str) -> String {
    let read: Result<jiff::Timestamp, _> = at.parse();
    read.map_or_else(|_| at.to_owned(), |at| moment(Stamp(at.as_microsecond())))
}

/// `2026-11-21T01:36:08Z`, with a fraction if it is not zero; `None`: an infinity, or a year after 9999.
pub fn rfc3339(stamp: Stamp) -> Option<String> {
    let moment = jiff::Timestamp::from_microsecond(stamp.finite()?.0).ok()?;
    (moment.strftime("%Y").to_string().len() == 4).then(|| moment.to_string())
}

/// A moment to the second, in UTC: `2026-11-21 01:36:08 UTC`.
pub(crate) fn moment(stamp: Stamp) -> String {
    with_zone(calendar(stamp), stamp)
}

/// A moment in UTC, without the zone's name: `2026-11-21 01:36:08`.
fn calendar(stamp: Stamp) -> String {
    match stamp {
        Stamp::BEFORE_ALL => "-infinity".to_owned(),
        Stamp::AFTER_ALL => "infinity".to_owned(),
        _ => jiff::Timestamp::from_microsecond(stamp.0).map_or_else(
            |_| "out of range".to_owned(),
            |moment| moment.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        ),
    }
}

fn with_zone(text: String, stamp: Stamp) -> String {
    if stamp.is_finite() {
        text + " UTC"
    } else {
        text
    }
}

/// A point on a time dimension, for use in a sentence: a date, a number, or a time (without seconds if they are zero). The zone (UTC) is
/// shown for `timestamptz` only.
pub(crate) fn point(point: Point) -> String {
    let text = point_in_utc(point);
    match point.axis {
        Axis::TimestampTz => with_zone(text, Stamp(point.raw)),
        _ => text,
    }
}

/// As [`point`], without the zone, for columns whose heading names the zone.
pub(crate) fn point_in_utc(point: Point) -> String {
    let stamp = Stamp(point.raw);
    match point.axis {
        Axis::Integer if !stamp.is_finite() => age(stamp, stamp),
        Axis::Integer => count(point.raw),
        Axis::Date => calendar(stamp).chars().take(10).collect(),
        Axis::TimestampTz | Axis::Timestamp => {
            let text = calendar(stamp);
            text.strip_suffix(":00").map_or(text.clone(), str::to_owned)
        }
    }
}

/// Whether a text matches a pattern in which `*` stands for any text.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            (0..=text.len())
                .filter(|at| text.is_char_boundary(*at))
                .any(|at| fits(rest, &text[at..]))
        }),
    }
}
