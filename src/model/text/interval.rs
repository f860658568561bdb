//! Short texts for intervals that PostgreSQL printed.

use super::number::count;
use crate::model::interval;

/// PostgreSQL's units: short form, names, and length in seconds (a month counts as 30 days).
const UNITS: [(&str, &[&str], f64); 7] = [
    ("y", &["year", "years"], 31_104_000.0),
    ("mon", &["mon", "mons", "month", "months"], 2_592_000.0),
    ("w", &["week", "weeks"], 604_800.0),
    ("d", &["day", "days"], 86_400.0),
    ("h", &["hour", "hours"], 3600.0),
    ("m", &["min", "mins", "minute", "minutes"], 60.0),
    ("s", &["sec", "secs", "second", "seconds"], 1.0),
];

/// Parts of an interval in any `IntervalStyle` (`3 days 01:30:00`), each a number and the index of its unit in [`UNITS`]. `None`: not an
/// interval.
fn interval_parts(text: &str) -> Option<Vec<(f64, usize)>> {
    let other = interval::standard::read(text).map(|interval| interval.to_string());
    let text = other.as_deref().unwrap_or(text);
    let mut parts = Vec::new();
    let mut words = text.trim_start_matches("@ ").split_whitespace();
    while let Some(word) = words.next() {
        if let Some((hours, rest)) = word.split_once(':') {
            let sign = if hours.starts_with('-') { -1.0 } else { 1.0 };
            let (minutes, seconds) = rest.split_once(':').unwrap_or((rest, "0"));
            for (digits, unit) in [(hours, 4), (minutes, 5), (seconds, 6)] {
                parts.push((sign * digits.parse::<f64>().ok()?.abs(), unit));
            }
        } else {
            let unit = words.next()?;
            let unit = UNITS.iter().position(|(_, names, _)| names.contains(&unit));
            parts.push((word.parse().ok()?, unit?));
        }
    }
    (!parts.is_empty()).then_some(parts)
}

/// Text of a setting for a table: `3d 1h 30m` for `3 days 01:30:00`, `500 000` for units of integer time. Other text is not
/// changed.
pub fn interval(setting: &str) -> String {
    if let Ok(units) = setting.parse() {
        return count(units);
    }
    let Some(parts) = interval_parts(setting) else {
        return setting.to_owned();
    };
    let parts = parts.into_iter().filter(|(number, _)| *number != 0.0);
    let said: Vec<_> = parts
        .map(|(number, unit)| format!("{number}{}", UNITS[unit].0))
        .collect();
    if said.is_empty() {
        "0s".to_owned()
    } else {
        said.join(" ")
    }
}

/// Length of an interval in seconds, or the number of units of integer time; `None`: neither.
#[expect(clippy::cast_precision_loss, reason = "only for sorting")]
pub fn interval_seconds(setting: &str) -> Option<f64> {
    if let Ok(units) = setting.parse::<i64>() {
        return Some(units as f64);
    }
    let parts = interval_parts(setting)?;
    Some(
        parts
            .iter()
            .map(|(number, unit)| number * UNITS[*unit].2)
            .sum(),
    )
}
