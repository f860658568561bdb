//! The busy hours of config.toml.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::model::moment::Stamp;

const DAY: i16 = 24 * 60;
const EXAMPLE: &str = "write \"06:00-22:00\", or \"06:00-22:00 Europe/Berlin\"";

/// Busy hours of each day, in a time zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BusyHours {
    /// Minutes after midnight; a `to` that is not after `from` is on the next day.
    from: i16,
    to: i16,
    /// `None`: the server's time zone.
    zone: Option<String>,
}

impl TryFrom<String> for BusyHours {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<BusyHours> for String {
    fn from(of: BusyHours) -> Self {
        of.text()
    }
}

impl BusyHours {
    /// Reads `06:00-22:00` or `22:00-06:00 Europe/Berlin`.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::of("busy_hours", text)
    }

    /// As [`Self::parse`], for `window`: the hours in which policies or steps may begin.
    pub(crate) fn window(text: &str) -> Result<Self, String> {
        Self::of("window", text)
    }

    /// The hours, with this time zone instead of their own.
    pub(crate) fn in_zone(&self, zone: &str) -> Result<Self, String> {
        Self::window(&format!("{} {zone}", self.hours()))
    }

    fn of(name: &str, text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("{name} = {text:?}: {why}");
        let trimmed = text.trim();
        let (hours, zone) = match trimmed.split_once(char::is_whitespace) {
            Some((hours, zone)) => (hours, Some(zone.trim().to_owned())),
            None => (trimmed, None),
        };
        let minutes = |time: &str| {
            let (hour, minute) = time.split_once(':')?;
            let digits = |text: &str| text.len() == 2 && text.bytes().all(|c| c.is_ascii_digit());
            if !digits(hour) || !digits(minute) {
                return None;
            }
            let (hour, minute): (i16, i16) = (hour.parse().ok()?, minute.parse().ok()?);
            let minutes = hour * 60 + minute;
            (minute < 60 && minutes <= DAY).then_some(minutes)
        };
        let times = hours.split_once('-');
        let times = times.and_then(|(from, to)| Some((minutes(from)?, minutes(to)?)));
        let (from, to) = times.ok_or_else(|| {
            wrong(&format!(
                "expected two times of a day, from 00:00 to 24:00: {EXAMPLE}"
            ))
        })?;
        if (to - from).rem_euclid(DAY) == 0 {
            return Err(wrong(&format!("it covers the whole day: {EXAMPLE}")));
        }
        if let Some(zone) = &zone {
            TimeZone::get(zone)
                .map_err(|_| wrong(&format!("unknown time zone {zone:?}: {EXAMPLE}")))?;
        }
        Ok(Self { from, to, zone })
    }

    /// The hours as in config.toml, without the zone: `06:00-22:00`.
    pub(crate) fn hours(&self) -> String {
        let time = |minutes: i16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        format!("{}-{}", time(self.from), time(self.to))
    }

    /// Start of the hours, as `22:00`.
    pub(crate) fn begin(&self) -> String {
        format!("{:02}:{:02}", self.from / 60 % 24, self.from % 60)
    }

    /// Start of the hours on 2000-01-01, for the `initial_start` of a job that begins at this time of day. `server`: the server's time
    /// zone. `None`: this machine does not know the time zone.
    pub(super) fn began(&self, server: &str) -> Option<Stamp> {
        let zone = TimeZone::get(self.zone(server)).ok()?;
        let day = Date::constant(2000, 1, 1);
        let begin = zone.to_timestamp(at(day, self.from)?).ok()?;
        Some(Stamp(begin.as_microsecond()))
    }

    /// Time of day of a moment, in the time zone of these hours, such as `22:00`. `None`: this machine does not know the time zone.
    pub(super) fn time(&self, moment: Stamp, server: &str) -> Option<String> {
        let zone = TimeZone::get(self.zone(server)).ok()?;
        let moment = Timestamp::from_microsecond(moment.finite()?.0).ok()?;
        Some(moment.to_zoned(zone).strftime("%H:%M").to_string())
    }

    fn text(&self) -> String {
        let zone = self.zone.iter().map(|zone| format!(" {zone}"));
        self.hours() + &zone.collect::<String>()
    }

    /// Name of the time zone; `server` is the server's.
    pub(crate) fn zone<'a>(&'a self, server: &'a str) -> &'a str {
        self.zone.as_deref().unwrap_or(server)
    }

    /// Whether this machine knows the time zone. The server may use a zone that this machine does not know.
    pub(crate) fn is_known(&self, server: &str) -> bool {
        TimeZone::get(self.zone(server)).is_ok()
    }

    /// End of the busy hours that contain this moment; `None`: outside the busy hours, or this machine does not know the time zone.
    pub(crate) fn until(&self, moment: Stamp, server: &str) -> Option<Stamp> {
        let zone = TimeZone::get(self.zone(server)).ok()?;
        let local = Timestamp::from_microsecond(moment.finite()?.0).ok()?;
        let local = local.to_zoned(zone.clone()).datetime();
        let minute = i16::from(local.hour()) * 60 + i16::from(local.minute());
        let over_midnight = self.to <= self.from;
        let (started, ended) = (minute >= self.from, minute >= self.to);
        let today = local.date();
        let ends = match (over_midnight, started, ended) {
            (false, true, false) | (true, _, false) => today,
            (true, true, true) => today.tomorrow().ok()?,
            _ => return None,
        };
        let end = zone.to_timestamp(at(ends, self.to)?).ok()?;
        Some(Stamp(end.as_microsecond()))
    }
}

/// A time on this day; 24:00 is midnight of the next day.
fn at(day: Date, minutes: i16) -> Option<DateTime> {
    let day = if minutes == DAY {
        day.tomorrow().ok()?
    } else {
        day
    };
    let minutes = minutes % DAY;
    let (hour, minute) = (i8::try_from(minutes / 60).ok()?, minutes % 60);
    Some(day.at(hour, i8::try_from(minute).ok()?, 0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(text: &str) -> Stamp {
        Stamp(text.parse::<Timestamp>().unwrap().as_microsecond())
    }

    fn until(hours: &str, moment: &str) -> Option<String> {
        let busy = BusyHours::parse(hours).unwrap();
        let end = busy.until(stamp(moment), "UTC")?;
        crate::model::text::rfc3339(end)
    }

    #[test]
    fn busy_hours_end_today_or_over_midnight_tomorrow_in_their_own_zone() {
        let day = "06:00-22:00";
        let end = |text: &str| Some(text.to_owned());
        assert_eq!(until(day, "2026-11-23T05:59:59Z"), None);
        let evening = end("2026-11-23T22:00:00Z");
        assert_eq!(until(day, "2026-11-23T06:00:00Z"), evening);
        assert_eq!(until(day, "2026-11-23T21:59:59Z"), evening);
        assert_eq!(until(day, "2026-11-23T22:00:00Z"), None);
        let night = "22:00-06:30";
        let morning = end("2026-11-24T06:30:00Z");
        assert_eq!(until(night, "2026-11-23T23:00:00Z"), morning);
        assert_eq!(until(night, "2026-11-24T06:29:00Z"), morning);
        assert_eq!(until(night, "2026-11-24T06:30:00Z"), None);
        assert_eq!(until(night, "2026-11-24T21:59:00Z"), None);
        let late = "18:00-24:00";
        let midnight = end("2026-11-24T00:00:00Z");
        assert_eq!(until(late, "2026-11-23T23:59:00Z"), midnight);
        assert_eq!(until(late, "2026-11-24T00:00:00Z"), None);
        // Berlin is one hour ahead of UTC in November, two in July.
        let berlin = "06:00-22:00 Europe/Berlin";
        assert_eq!(
            until(berlin, "2026-11-23T05:00:00Z"),
            end("2026-11-23T21:00:00Z")
        );
        assert_eq!(
            until(berlin, "2026-07-01T04:00:00Z"),
            end("2026-07-01T20:00:00Z")
        );
        assert_eq!(until(berlin, "2026-11-23T04:59:00Z"), None);
    }

    #[test]
    fn what_is_no_range_of_hours_names_itself_and_the_fix() {
        for (text, why) in [
            ("morning", "two times of a day"),
            ("6-22", "two times of a day"),
            ("06:00-25:00", "two times of a day"),
            ("06:60-07:00", "two times of a day"),
            ("06:00", "two times of a day"),
            ("06:00-06:00", "it covers the whole day"),
            ("00:00-24:00", "it covers the whole day"),
            ("06:00-22:00 Berlin", "unknown time zone \"Berlin\""),
        ] {
            let error = BusyHours::parse(text).unwrap_err();
            let named = error.starts_with(&format!("busy_hours = {text:?}"));
            assert!(named && error.contains(why), "{text}: {error}");
            assert!(error.contains("write \"06:00-22:00\""), "{error}");
        }
    }

    #[test]
    fn a_zone_that_is_not_known_here_says_so() {
        let busy = BusyHours::parse("06:00-22:00").unwrap();
        assert!(busy.is_known("Europe/Berlin") && !busy.is_known("<+03>-03"));
        let noon = stamp("2026-11-23T12:00:00Z");
        assert_eq!(busy.until(noon, "<+03>-03"), None);
        let json = serde_json::to_string(&busy).unwrap();
        assert_eq!(json, "\"06:00-22:00\"");
        assert_eq!(serde_json::from_str::<BusyHours>(&json).unwrap(), busy);
    }
}
