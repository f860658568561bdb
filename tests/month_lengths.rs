//! So long before now: the guards' arithmetic is the server's, in every zone, at the ends of months and where clocks change.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::model::interval::Interval;
use jiff::tz::TimeZone;
use support::triage;

#[test]
fn a_length_before_a_moment_is_reckoned_as_the_server_does_in_the_zone_of_the_policy() {
    triage::on_each("months", "select 1", async |rig, _| {
        for name in [
            "UTC",
            "Pacific/Auckland",
            "America/New_York",
            "Asia/Kolkata",
            "Europe/London",
        ] {
            let zone = TimeZone::get(name).unwrap();
            for at in [
                "2026-03-31 11:30:00+00",
                "2026-03-30 23:30:00+00",
                "2024-02-29 12:00:00+00",
                "2024-02-28 23:30:00+00",
                "2026-11-01 05:30:00+00",
                "2026-12-01 06:30:00+00",
                "2026-04-08 06:30:00+00",
                "2026-05-04 14:30:00+00",
                "2026-10-27 13:15:00+00",
            ] {
                for span in [
                    "1 mon",
                    "1 mon 1 day",
                    "1 year",
                    "30 days",
                    "7 days 02:30:00",
                    "13 mons 1 day 00:00:01",
                    "01:00:00",
                ] {
                    let raw = |expression: &str| {
                        format!("select (extract(epoch from {expression}) * 1000000)::int8")
                    };
                    let moment = format!("'{at}'::timestamptz");
                    let now: i64 = rig.text(&raw(&moment)).await.parse().unwrap();
                    rig.sql(&format!("set timezone = '{name}'")).await;
                    let is_to_be = rig
                        .text(&raw(&format!("({moment} - '{span}'::interval)")))
                        .await;
                    // A time without a zone: the wall clock of the zone.
                    let wall = rig.text(&raw(&format!("{moment}::timestamp"))).await;
                    let bare = rig
                        .text(&raw(&format!("({moment}::timestamp - '{span}'::interval)")))
                        .await;
                    rig.sql("reset timezone").await;
                    let span = Interval::parse(span).unwrap();
                    let is = span.before(now, Some(&zone)).unwrap();
                    assert_eq!(is.to_string(), is_to_be, "{name} {at} - {span}");
                    let is = span.before(wall.parse().unwrap(), None).unwrap();
                    assert_eq!(is.to_string(), bare, "{name} {at} - {span}, no zone");
                }
            }
        }
        assert_eq!(
            Interval::parse("90000 years").unwrap().before(0, None),
            None
        );
    });
}
