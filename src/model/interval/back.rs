//! So long before a moment, as PostgreSQL reckons it: months, then days, on the clock of a zone, then the rest.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Timestamp};

use super::parts::Interval;

impl Interval {
    /// This much before a moment (microseconds since 1970), on the clock of this zone; `None`: there is no zone, the moment
    /// is a wall clock's. The answer is `None` where it lies beyond the calendar.
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

/// When the wall clock of a zone shows this. An hour that comes twice is the second one to PostgreSQL; one that does not
/// come, as if the clock had not been changed.
pub fn local(shown: DateTime, zone: &TimeZone) -> Option<i64> {
    let moment = zone.to_ambiguous_timestamp(shown).later().ok()?;
    Some(moment.as_microsecond())
}
