//! Subtracting intervals from now gives the server's results, in every time zone, at the ends of months and at clock
//! changes.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::model::interval::Interval;
use hypertop::model::moment::{Axis, Stamp};
use hypertop::model::span::{Now, Span};
use support::act::Rig;
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
                    // For time without a zone: local time of the zone.
                    let bare = rig
                        .text(&raw(&format!("({moment}::timestamp - '{span}'::interval)")))
                        .await;
                    let day =
                        format!("({moment}::timestamp - '{span}'::interval)::date::timestamp");
                    let day = rig.text(&raw(&day)).await;
                    rig.sql("reset timezone").await;
                    let span = Span::Interval(Interval::parse(span).unwrap());
                    for (axis, is_to_be) in [
                        (Axis::TimestampTz, &is_to_be),
                        (Axis::Timestamp, &bare),
                        (Axis::Date, &day),
                    ] {
                        let is = Now::on(axis, Stamp(now), None, name).less(span).unwrap();
                        assert_eq!(&is.to_string(), is_to_be, "{name} {axis:?} {at} - {span}");
                    }
                    let made = Now::of_making(Stamp(now), name).less(span).unwrap();
                    assert_eq!(made.to_string(), is_to_be, "{name} {at} - {span}");
                }
            }
        }
        assert_eq!(
            Interval::parse("90000 years").unwrap().before(0, None),
            None
        );
    });
}

/// An aggregate in a time zone whose clock changes twice a year.
const CHANGED: &str = "do $$ begin execute format('alter database %I set timezone = ''America/New_York''', current_database()); end $$;
create table raw (ts timestamptz not null, v float);
select create_hypertable('raw', 'ts', chunk_time_interval => interval '7 days');
alter table raw set (timescaledb.compress);
insert into raw select t, 1 from generate_series(now() - interval '10 months', now(), interval '1 day') t;
create materialized view hourly with (timescaledb.continuous, timescaledb.materialized_only = true) as select time_bucket('1 hour', ts) b, sum(v) s from raw group by 1 with no data";

#[test]
fn months_are_held_against_hours_over_a_change_of_the_clock() {
    triage::on_each("changed", CHANGED, async |rig, _| {
        let rig = &Rig::on(&rig.name, &rig.conninfo).await;
        // On any day, at least one of 3, 6 and 9 months ago has the other clock.
        let mut over = 0;
        for span in ["3 mons", "6 mons", "9 mons"] {
            let shift = "extract(timezone from now()) - extract(timezone from now() - interval";
            over += u32::from(rig.text(&format!("select {shift} '{span}') <> 0")).await == "t");
            let sql = format!(
                "select add_continuous_aggregate_policy('hourly', interval '{span}', interval '1 day', interval '1 hour', initial_start => now() + interval '1 day')"
            );
            rig.sql(&sql).await;
            let seconds =
                format!("select extract(epoch from now() - (now() - interval '{span}'))::int8");
            let seconds: i64 = rig.text(&seconds).await.parse().unwrap();
            let job = "select id from _timescaledb_config.bgw_job where proc_name = 'policy_refresh_continuous_aggregate'";
            let job = rig.text(job).await;
            for (drop_after, loses) in [(seconds - 1800, true), (seconds + 1800, false)] {
                let drop_after = format!("{drop_after} s");
                let set = [("drop_after", drop_after.as_str())];
                let said = match rig.plan("add-retention-policy", "public.raw", &set).await {
                    Ok(approved) => format!("{:?}", approved.plan.notes),
                    Err(why) => why,
                };
                let refused = said.starts_with("DATA LOSS: the refresh policy");
                assert_eq!(refused, loses, "{}: {span}, {drop_after}: {said}", rig.name);
                // The refresh's preview warns as well, if the retention policy was added first.
                let add = format!(
                    "begin; select alter_job(add_retention_policy('raw', interval '{drop_after}'), next_start => 'infinity'); commit"
                );
                rig.sql(&add).await;
                let approved = rig.plan("run-job-now", &job, &[]).await.unwrap();
                let said = format!("{:?}", approved.plan.notes);
                let warned = said.contains("DATA LOSS: it refreshes the last");
                assert_eq!(warned, loses, "{}: {span}, {drop_after}: {said}", rig.name);
                let set = [("start_offset", span)];
                let said = rig.plan("edit-refresh-policy", "public.hourly", &set).await;
                let said = said.map_or_else(|why| why, |_| String::new());
                let refused = said.contains("but public.raw keeps only");
                assert_eq!(refused, loses, "{}: {span}, {drop_after}: {said}", rig.name);
                rig.sql("select remove_retention_policy('raw')").await;
                // The compression policy's preview reports the same conflict.
                let set = [("compress_after", drop_after.as_str())];
                let approved = rig.plan("add-compression-policy", "public.raw", &set).await;
                let said = format!("{:?}", approved.unwrap().plan.notes);
                let met = said.contains("conflict: the refresh policy of public.hourly");
                assert_eq!(met, loses, "{}: {span}, {drop_after}: {said}", rig.name);
            }
            rig.sql("select remove_continuous_aggregate_policy('hourly')")
                .await;
        }
        assert!(over > 0, "{}", rig.name);
    });
}
