//! Subtraction of an interval from a moment, as in PostgreSQL: months and days in local time, then the microseconds.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Timestamp};

use super::parts::Interval;

impl Interval {
    /// `at` minus this interval, both in microseconds since 1970 UTC; months and days are subtracted in local time of `zone`.
    /// Without a zone, `at` and the result are local times. `None`: outside the calendar.
    pub fn before(self, at: i64, zone: Option<&TimeZone>) -> Option<i64> {
        let mut at = at;
        if self.months != 0 {
            at = on_the_clock(at, Span::new().try_months(self.months).ok()?, zone)?;
        }
        if self.days != 0 {
            at = on_the_clock(at, Span::new().try_days(self.days).ok()?, zone)?;
        }
        at.checked_sub(self.micros)
    }
}

fn on_the_clock(at: i64, span: Span, zone: Option<&TimeZone>) -> Option<i64> {
    let moment = Timestamp::from_microsecond(at).ok()?;
    let Some(zone) = zone else {
        let back = Offset::UTC.to_datetime(moment).checked_sub(span).ok()?;
        return Some(Offset::UTC.to_timestamp(back).ok()?.as_microsecond());
    };
    local(zone.to_datetime(moment).checked_sub(span).ok()?, zone)
}

/// Moment of a local time. As in PostgreSQL, an ambiguous local time means the later moment, and a skipped one (start of daylight
/// saving time) is shifted forward.
pub(crate) fn local(shown: DateTime, zone: &TimeZone) -> Option<i64> {
    let moment = zone.to_ambiguous_timestamp(shown).later().ok()?;
    Some(moment.as_microsecond())
}
