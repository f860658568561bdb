//! In a database with another time zone than UTC, each printed time is right and has its time zone beside it.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::model::moment::{Axis, Point, Stamp};
use hypertop::model::rules;
use hypertop::model::value::Value;
use support::act::Rig;
use support::triage::{self, found, gone};

const NAME: &str = "public.hourly";

/// An aggregate with a never materialized range and a change outside its policy's window. The policy's owner has
/// another time zone. Other policies compress and drop the chunks.
const SOURCE: &str = "set client_min_messages = error; do $$ begin execute format('alter database %I set timezone = ''Asia/Kolkata''', current_database()); end $$;
create table raw (ts timestamptz not null, v float);
select create_hypertable('raw', 'ts', chunk_time_interval => interval '1 day');
insert into raw select t, 1 from generate_series(date_trunc('day', now()) - interval '20 days', now(), interval '10 minutes') t;
create materialized view hourly with (timescaledb.continuous, timescaledb.materialized_only = true) as select time_bucket('1 hour', ts) b, sum(v) s from raw group by 1 with no data;
create table bare (ts timestamp not null, v float);
select create_hypertable('bare', 'ts', chunk_time_interval => interval '1 day');
insert into bare select t, 1 from generate_series(date_trunc('day', now()) - interval '3 days', now(), interval '1 hour') t";

/// The times in a text without a zone after them.
fn without_a_zone(text: &str) -> Vec<String> {
    let digits = |part: &str, at: &[usize]| {
        let bytes = part.as_bytes();
        at.iter()
            .all(|at| bytes.get(*at).is_some_and(u8::is_ascii_digit))
    };
    let mut found = Vec::new();
    for (at, _) in text.match_indices(':') {
        // The colon in a time such as 2026-11-20 08:00.
        let Some(start) = at
            .checked_sub(13)
            .filter(|start| text.is_char_boundary(*start))
        else {
            continue;
        };
        let part = &text[start..];
        if !digits(part, &[0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15]) || &part[4..5] != "-" {
            continue;
        }
        let rest =
            part[16..].trim_start_matches(|c: char| c.is_ascii_digit() || c == ':' || c == '.');
        if ![" UTC", "+", "-", "Z"]
            .iter()
            .any(|zone| rest.starts_with(zone))
        {
            found.push(part.chars().take(40).collect());
        }
    }
    found
}

/// All texts of the screens, their details and these previews.
async fn all_texts(rig: &Rig) -> String {
    use std::fmt::Write;
    let mut all = String::new();
    for row in triage::all(rig).await {
        let _ = writeln!(
            all,
            "{} {}: {}",
            row.of, row.finding.rule.name, row.finding.reason
        );
        // Values of a finding's fix, in the form for programs.
        let axis_has_one = row.of == NAME;
        for (field, value) in row.finding.sets.iter().filter(|_| axis_has_one) {
            let _ = writeln!(all, "{field}={value}");
        }
    }
    for (name, on, set) in [
        (
            "refresh-aggregate",
            NAME,
            &[("from", "3 days ago"), ("to", "now")][..],
        ),
        ("drop-chunks", "public.raw", &[("drop_after", "5 days")]),
        (
            "set-chunk-interval",
            "public.raw",
            &[("interval", "6 hours")],
        ),
        ("compress-chunks", "public.raw", &[]),
        (
            "add-refresh-policy",
            NAME,
            &[("start_offset", "2 days"), ("end_offset", "1 hour")],
        ),
    ] {
        match rig.plan(name, on, set).await {
            Ok(approved) => {
                let notes: Vec<_> = approved
                    .plan
                    .notes
                    .iter()
                    .map(|note| format!("{note:?}"))
                    .collect();
                let _ = writeln!(all, "{name}: {} {}", approved.plan.title, notes.join("\n"));
            }
            Err(why) => {
                let _ = writeln!(all, "{name}: {why}");
            }
        }
        // The items that a form offers. The values of its fields are in the time zone that their help names.
        let form = format!("{:?}", rig.form(name, on).await);
        let items = form.split("about: ").skip(1);
        for item in items {
            let _ = writeln!(all, "{}", item.split(" }").next().unwrap());
        }
    }
    all
}

#[test]
fn every_moment_that_is_told_names_its_zone_in_a_database_in_kolkata() {
    triage::on_each("zones", SOURCE, async |rig, _| {
        // A new session has the database's time zone.
        let rig = &Rig::on(&rig.name, &rig.conninfo).await;
        assert_eq!(
            rig.text("show timezone").await,
            "Asia/Kolkata",
            "{}",
            rig.name
        );
        rig.sql("call refresh_continuous_aggregate('hourly', date_trunc('day', now()) - interval '10 days', now())").await;
        rig.sql("select add_continuous_aggregate_policy('hourly', interval '1 day', interval '1 hour', interval '1 hour', initial_start => now() + interval '20 minutes')").await;
        rig.sql("alter table raw set (timescaledb.compress); begin; select alter_job(add_compression_policy('raw', interval '2 days'), next_start => now() + interval '3 hours'); commit").await;
        rig.sql("insert into raw values (date_trunc('day', now()) - interval '5 days', 5)")
            .await;
        rig.sql("call refresh_continuous_aggregate('hourly', now() - interval '4 hours', now())")
            .await;
        let moment = async |at: &str| {
            let sql = format!(
                "select to_char(({at}) at time zone 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC'"
            );
            rig.text(&sql).await
        };
        let never = moment(
            "time_bucket('1 hour', date_trunc('day', now()) - interval '10 days') + interval '1 hour'",
        ).await;
        let first = moment("(select min(ts) from raw)").await;
        let words = [
            format!("history before {never}"),
            format!("from {first} on"),
        ];
        found(
            rig,
            &rules::AGGREGATE_HISTORY,
            NAME,
            &[&words[0], &words[1]],
        )
        .await;
        let changed =
            moment("time_bucket('1 hour', date_trunc('day', now()) - interval '5 days')").await;
        found(
            rig,
            &rules::AGGREGATE_UNREACHED,
            NAME,
            &[&format!("from {changed} to ")],
        )
        .await;
        let all = all_texts(rig).await;
        assert!(
            all.contains(" UTC") && all.contains("from=2"),
            "{}: {all}",
            rig.name
        );
        assert_eq!(without_a_zone(&all), [""; 0], "{}: {all}", rig.name);
        // Times in a job's form are in the zone that the form names.
        let id = rig
            .text(
                "select id from _timescaledb_config.bgw_job where proc_name = 'policy_compression'",
            )
            .await;
        let form = format!("{:?}", rig.form("edit-job", &id).await.unwrap());
        assert!(
            form.contains("in Asia/Kolkata unless it has an offset"),
            "{}: {form}",
            rig.name
        );
    });
}

/// An aggregate with three changed ranges, and a policy whose window has only the newest of them.
const SCHEDULED: &str = "create table raw (ts timestamp not null, v float);
select create_hypertable('raw', 'ts', chunk_time_interval => interval '1 day');
insert into raw select t, 1 from generate_series(now()::timestamp - interval '8 days', now()::timestamp, interval '1 hour') t;
create materialized view hourly with (timescaledb.continuous, timescaledb.materialized_only = true) as select time_bucket('1 hour', ts) b, sum(v) s from raw group by 1 with no data";

#[test]
fn the_zone_of_a_schedule_or_none_changes_nothing_and_one_of_the_owner_does() {
    triage::on_each("schedule", SCHEDULED, async |rig, _| {
        let owner = format!("owner_of_{}", rig.name.replace('.', "_"));
        rig.sql(&format!(
            "create role {owner} superuser login; alter table raw owner to {owner}; alter materialized view hourly owner to {owner}"
        ))
        .await;
        rig.sql("call refresh_continuous_aggregate('hourly', null, null)")
            .await;
        rig.sql("select add_continuous_aggregate_policy('hourly', interval '4 days', interval '1 hour', interval '1 day', initial_start => now() + interval '1 hour')").await;
        rig.sql("insert into raw select now()::timestamp - ago, 5 from unnest(array['6 days', '3 days 12 hours']::interval[]) ago").await;
        let job =
            "_timescaledb_config.bgw_job where proc_name = 'policy_refresh_continuous_aggregate'";
        let id = rig.text(&format!("select id from {job}")).await;
        let none = rig
            .text(&format!("select timezone is null from {job}"))
            .await;
        assert_eq!(none, "t", "{}", rig.name);
        let told = async || {
            let row = found(rig, &rules::AGGREGATE_UNREACHED, NAME, &[]).await;
            row.finding.sets
        };
        let preview = async || {
            let approved = rig.plan("run-job-now", &id, &[]).await.unwrap();
            format!("{:?}", approved.plan.notes)
        };
        let without = told().await;
        let said = preview().await;
        assert!(said.contains("no run reaches"), "{}: {said}", rig.name);
        rig.sql(&format!(
            "update _timescaledb_config.bgw_job set timezone = 'Asia/Tokyo' where id = {id}"
        ))
        .await;
        assert_eq!(told().await, without, "{}", rig.name);
        // Fourteen hours ahead of UTC: the window starts that much later, so the newer range is outside, too.
        rig.sql(&format!(
            "alter role {owner} set timezone = 'Pacific/Kiritimati'"
        ))
        .await;
        let newer = "select 'to ' || to_char(time_bucket('1 hour', max(ts)) + interval '1 hour', 'YYYY-MM-DD HH24:MI') from raw where v = 5";
        let newer = rig.text(newer).await;
        found(rig, &rules::AGGREGATE_UNREACHED, NAME, &[&newer]).await;
        assert_ne!(told().await, without, "{}", rig.name);
        assert_ne!(preview().await, said, "{}", rig.name);
        // A setting that is no zone's name makes the window unknown, and the screen says so.
        rig.sql(&format!("alter role {owner} set timezone = '+3'"))
            .await;
        gone(rig, &rules::AGGREGATE_UNREACHED, NAME).await;
        let words = [
            "before every refresh window",
            "+3, which is not a name in",
            "pg_timezone_names",
        ];
        found(rig, &rules::AGGREGATE_UNKNOWN, NAME, &words).await;
        assert!(
            preview().await.contains("+3, which is not a name in"),
            "{}",
            rig.name
        );
        let drop = rig
            .plan("drop-chunks", "public.raw", &[("drop_after", "5 days")])
            .await;
        let refused = drop.map_or_else(|why| why, |approved| approved.plan.title);
        assert!(
            refused.contains("+3, which is not a name in"),
            "{}: {refused}",
            rig.name
        );
        rig.sql(&format!(
            "select remove_continuous_aggregate_policy('hourly'); reassign owned by {owner} to postgres; drop owned by {owner}; drop role {owner}"
        ))
        .await;
    });
}

#[test]
fn a_moment_of_a_column_without_a_zone_is_told_without_one() {
    let raw = 1_795_262_400_000_000; // 2026-11-21 12:00
    let told = |axis| {
        let value = Value::Point(Point { axis, raw });
        (value.show(Stamp(0)), value.json().to_string())
    };
    let pair = |shown: &str, json: &str| (shown.to_owned(), format!("{json:?}"));
    assert_eq!(
        told(Axis::TimestampTz),
        pair("2026-11-21 12:00 UTC", "2026-11-21T12:00:00Z")
    );
    assert_eq!(
        told(Axis::Timestamp),
        pair("2026-11-21 12:00", "2026-11-21T12:00:00")
    );
    assert_eq!(told(Axis::Date), pair("2026-11-21", "2026-11-21"));
    assert_eq!(
        without_a_zone("to 2026-11-21 12:00, 2026-11-21 12:00:30.5 UTC"),
        ["2026-11-21 12:00, 2026-11-21 12:00:30.5 "]
    );
}
