//! An interval's three parts.

/// Months, days and microseconds, which PostgreSQL keeps apart because a month and a day have no fixed length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Interval {
    pub(crate) months: i64,
    pub(crate) days: i64,
    pub(crate) micros: i64,
}

/// Converts `01:30` or `01:30:05.5` to microseconds.
pub(super) fn clock(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let hours: i64 = parts.next()?.parse().ok()?;
    let minutes: i64 = parts.next()?.parse().ok().filter(|m| *m < 60)?;
    let seconds: f64 = parts.next().map_or(Some(0.0), |s| s.parse().ok())?;
    if parts.next().is_some() || !(0.0..60.0).contains(&seconds) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the microseconds of a minute fit into an i64"
    )]
    let micros = (seconds * 1e6).round() as i64;
    hours
        .checked_mul(3600)?
        .checked_add(minutes * 60)?
        .checked_mul(1_000_000)?
        .checked_add(micros)
}
