//! Refresh windows: aligned to buckets and split into steps, for every type of time.

use hypertop::journal::Outcome;
use hypertop::model::plan::Consent;

use super::support::act::{Rig, script};
use super::{AXES, SCHEMA, TZ, named, notes, on_each, since};

#[test]
fn a_window_is_aligned_to_buckets_and_refreshed_on_every_kind_of_time() {
    on_each(async |rig| {
        rig.sql(AXES).await;
        for (view, from, to, source, time, buckets, rows) in [
            (
                TZ.to_owned(),
                "10 days ago",
                "2 days ago",
                "tz",
                "\"Bucket \"\"1\"\"\"",
                7,
                4,
            ),
            (
                named("naive_day"),
                "10 days ago",
                "2 days ago",
                "naive",
                "b",
                7,
                4,
            ),
            (
                named("day_week"),
                "40 days ago",
                "10 days ago",
                "day",
                "b",
                3,
                7,
            ),
            (named("small_1000"), "10500", "30001", "small", "b", 19, 10),
            (named("big_1000"), "10500", "30001", "big", "b", 19, 10),
        ] {
            let approved = rig
                .plan("refresh-aggregate", &view, &[("from", from), ("to", to)])
                .await
                .unwrap();
            assert!(
                notes(&approved).contains("aligned to whole buckets"),
                "{}",
                notes(&approved)
            );
            let report = rig.perform(&approved).await.unwrap();
            assert_eq!(
                report.outcome,
                Outcome::Done,
                "{} {view}: {:?}",
                rig.name,
                report.problems
            );
            assert_eq!(approved.plan.consent, Consent::Enter);
            let count = rig.text(&format!("select count(*) from {view}")).await;
            let said = rig
                .text(&format!(
                    "select min({time})::text || '..' || max({time})::text from {view}"
                ))
                .await;
            // One more if a bucket starts just now.
            let count: i64 = count.parse().unwrap();
            assert!(
                (buckets..=buckets + 1).contains(&count),
                "{} {view}: {count} buckets, {said}",
                rig.name
            );
            let whole = rig
                .plan("refresh-aggregate", &view, &[("from", ""), ("to", "")])
                .await
                .unwrap();
            rig.perform(&whole).await.unwrap();
            let wrong = rig
                .text(&format!("select count(*) from {view} where n <> {rows}"))
                .await;
            let all = rig
                .text(&format!(
                    "select (select sum(n) from {view}) = (select count(*) from {SCHEMA}.{source})"
                ))
                .await;
            assert_eq!(all, "t", "{} {view}", rig.name);
            assert!(
                wrong.parse::<i64>().unwrap() <= 2,
                "{} {view}: {wrong}",
                rig.name
            );
        }
    });
}

#[test]
fn a_window_that_holds_no_bucket_is_refused_with_the_one_that_was_meant() {
    on_each(async |rig| {
        rig.sql(AXES).await;
        let told = rig
            .plan(
                "refresh-aggregate",
                TZ,
                &[("from", "2026-01-01 06:00"), ("to", "2026-01-01 18:00")],
            )
            .await
            .unwrap_err();
        assert!(
            told.contains("no whole bucket")
                && told
                    .contains("--set from='2026-01-01 00:00:00Z' --set to='2026-01-02 00:00:00Z'"),
            "{told}"
        );
        let told = rig
            .plan(
                "refresh-aggregate",
                TZ,
                &[("from", "2026-01-02"), ("to", "2026-01-01")],
            )
            .await
            .unwrap_err();
        assert!(told.contains("ends before it begins"), "{told}");
        let told = rig
            .plan(
                "refresh-aggregate",
                &named("naive_day"),
                &[("from", "2026-01-01 00:00+02:00")],
            )
            .await
            .unwrap_err();
        assert!(told.contains("no time zone"), "{told}");
    });
}

/// Aggregates with monthly buckets, an origin or a time zone: name, and bucket as SQL.
fn odd_buckets(rig: &Rig) -> Vec<(&'static str, String)> {
    let mut odd = vec![
        ("months", "time_bucket('1 month', ts)".to_owned()),
        (
            "quarters_berlin",
            "time_bucket('3 months', ts, 'Europe/Berlin')".to_owned(),
        ),
        (
            "days_kolkata",
            "time_bucket('1 day', ts, 'Asia/Kolkata')".to_owned(),
        ),
        ("weeks", "time_bucket('7 days', ts)".to_owned()),
        ("hours_five", "time_bucket('5 hours', ts)".to_owned()),
    ];
    if since(rig, 15) {
        odd.extend([
            (
                "origin",
                "time_bucket('7 days', ts, origin => '2000-01-01 03:00+00'::timestamptz)"
                    .to_owned(),
            ),
            (
                "shifted",
                "time_bucket('1 day', ts, \"offset\" => interval '6 hours')".to_owned(),
            ),
            (
                "origin_zone",
                "time_bucket('2 days', ts, 'America/New_York', '2000-01-01 00:00+00'::timestamptz)"
                    .to_owned(),
            ),
        ]);
    }
    odd
}

#[test]
fn buckets_begin_where_the_server_has_them() {
    on_each(async |rig| {
        rig.sql(AXES).await;
        for (name, bucket) in odd_buckets(rig) {
            rig.sql(&format!("create materialized view {SCHEMA}.{name} with (timescaledb.continuous) as select {bucket} as b, count(*) from {SCHEMA}.tz group by 1 with no data")).await;
            let view = named(name);
            for from in [
                "2025-03-29 12:34",
                "2025-10-25 23:30",
                "2024-02-29 00:00",
                "1999-12-31 23:59",
                "2026-11-01 05:30",
            ] {
                let approved = rig
                    .plan(
                        "refresh-aggregate",
                        &view,
                        &[
                            ("from", from),
                            ("to", "2031-07-07 07:07"),
                            ("step_buckets", "0"),
                        ],
                    )
                    .await
                    .unwrap();
                let bounds: Vec<String> = approved.plan.steps[0].run[0]
                    .params
                    .iter()
                    .skip(1)
                    .map(|lit| match lit {
                        hypertop::model::plan::Lit::Text(text) => text.clone(),
                        other => panic!("{other:?}"),
                    })
                    .collect();
                for at in &bounds {
                    let begins = rig.text(&format!("select b = ts from (select ts, {bucket} as b from (select '{at}'::timestamptz as ts) t) x")).await;
                    assert_eq!(
                        begins, "t",
                        "{} {name}: {at} is where no bucket begins",
                        rig.name
                    );
                }
                // The window starts with the first bucket at or after the typed time, and ends with the last one that
                // ends before it.
                let first = rig.text(&format!("select {bucket} < '{from}+00' and '{from}+00' <= '{0}' or '{from}+00' = '{0}' from (select '{from}+00'::timestamptz as ts) t", bounds[0])).await;
                assert_eq!(
                    first, "t",
                    "{} {name}: {from} gives {}",
                    rig.name, bounds[0]
                );
                let last = rig.text(&format!("select {bucket} = '{}' from (select '2031-07-07 07:07+00'::timestamptz as ts) t", bounds[1])).await;
                assert_eq!(
                    last, "t",
                    "{} {name}: the end gives {}",
                    rig.name, bounds[1]
                );
            }
            rig.act(
                "refresh-aggregate",
                &view,
                &[("from", "2020-01-01"), ("to", "")],
            )
            .await;
            assert_eq!(
                rig.text(&format!("select sum(count) from {view}")).await,
                "240",
                "{} {name}",
                rig.name
            );
        }
    });
}

#[test]
fn a_big_window_is_cut_into_steps_that_leave_nothing_out() {
    on_each(async |rig| {
        rig.sql(AXES).await;
        let approved = rig
            .plan(
                "refresh-aggregate",
                TZ,
                &[
                    ("from", ""),
                    ("to", ""),
                    ("step_buckets", "25"),
                    ("rest", "10ms"),
                ],
            )
            .await
            .unwrap();
        assert_eq!(approved.plan.steps.len(), 3, "{}", script(&approved.plan));
        assert!(
            approved
                .plan
                .steps
                .iter()
                .all(|step| step.plain && step.run.len() == 1)
        );
        assert!(
            script(&approved.plan).starts_with("call") && !script(&approved.plan).contains("BEGIN")
        );
        assert!((approved.plan.pace.rest_seconds - 0.01).abs() < 1e-9);
        let report = rig.perform(&approved).await.unwrap();
        assert_eq!(
            (report.outcome, report.steps_done),
            (Outcome::Done, 3),
            "{:?}",
            report.problems
        );
        assert_eq!(rig.text(&format!("select sum(n) from {TZ}")).await, "240");
        let told = rig
            .plan(
                "refresh-aggregate",
                &named("big_1000"),
                &[("from", "0"), ("to", "9000000000"), ("step_buckets", "1")],
            )
            .await
            .unwrap_err();
        assert!(told.contains("set more buckets per step"), "{told}");
        // By default there are never too many steps.
        let approved = rig
            .plan(
                "refresh-aggregate",
                &named("big_1000"),
                &[("from", "0"), ("to", "9000000000")],
            )
            .await
            .unwrap();
        assert!(
            approved.plan.steps.len() <= 101,
            "{}",
            approved.plan.steps.len()
        );
    });
}

#[test]
fn what_is_late_is_refreshed_up_to_the_expected_end_of_the_policy() {
    on_each(async |rig| {
        rig.sql(AXES).await;
        let view = TZ;
        rig.act(
            "add-refresh-policy",
            view,
            &[
                ("start_offset", "10d"),
                ("end_offset", "3 days"),
                ("schedule_interval", "1h"),
                ("initial_start", "2040-01-01"),
            ],
        )
        .await;
        rig.act("refresh-behind", view, &[]).await;
        let newest = "select (max(\"Bucket \"\"1\"\"\") + interval '1 day' = time_bucket('1 day', now() - interval '3 days'))::text from";
        assert_eq!(
            rig.text(&format!("{newest} {view}")).await,
            "true",
            "{}",
            rig.name
        );
        let told = rig.plan("refresh-behind", view, &[]).await.unwrap_err();
        assert!(told.contains("not late"), "{}: {told}", rig.name);
        // A late row below the watermark is refreshed.
        rig.sql(&format!(
            "insert into {SCHEMA}.tz values (date_trunc('day', now()) - interval '30 days', 1)"
        ))
        .await;
        rig.act("refresh-behind", view, &[]).await;
        assert_eq!(
            rig.text(&format!("select max(n) from {view}")).await,
            "5",
            "{}",
            rig.name
        );
    });
}
