//! Aggregates: refreshes, policies and real-time, done on every TimescaleDB there is, seen by SQL, and taken back.

mod support;

use std::time::Duration;

use hypertop::act::{Order, Progress, Report};
use hypertop::db::Session;
use hypertop::journal::Outcome;
use hypertop::plan::{Consent, Undo};
use hypertop::plans::ACTIONS;
use support::act::{Rig, script};
use support::{block_on, client, with_targets};
use tokio::sync::{mpsc, watch};

/// Sixty days of a table and of a day's aggregate on each kind of time axis, with names that want quoting.
const AXES: &str = r#"
    drop schema if exists "Agg ""s"".x" cascade; create schema "Agg ""s"".x"; set search_path = "Agg ""s"".x", public;
    create table tz (ts timestamptz not null, v int); create table naive ("Time 's" timestamp not null, v int);
    create table day (d date not null, v int); create table small (n int not null, v int); create table big (n bigint not null, v int);
    select create_hypertable('tz', 'ts', chunk_time_interval => interval '1 day');
    select create_hypertable('naive', 'Time ''s', chunk_time_interval => interval '1 day');
    select create_hypertable('day', 'd', chunk_time_interval => interval '7 days');
    select create_hypertable('small', 'n', chunk_time_interval => 1000); select create_hypertable('big', 'n', chunk_time_interval => 1000);
    create function small_now() returns int language sql stable as 'select 60000';
    create function big_now() returns bigint language sql stable as 'select 60000::bigint';
    select set_integer_now_func('small', 'small_now'); select set_integer_now_func('big', 'big_now');
    insert into tz select date_trunc('day', now()) - i * interval '6 hours', 1 from generate_series(1, 240) i;
    insert into naive select date_trunc('day', now())::timestamp - i * interval '6 hours', 1 from generate_series(1, 240) i;
    insert into day select current_date - i, 1 from generate_series(1, 60) i;
    insert into small select i * 100, 1 from generate_series(0, 599) i; insert into big select i * 100, 1 from generate_series(0, 599) i;
    create materialized view "Agg of ""tz"".1" with (timescaledb.continuous, timescaledb.materialized_only = true) as
      select time_bucket('1 day', ts) as "Bucket ""1""", count(*) as n from tz group by 1 with no data;
    create materialized view naive_day with (timescaledb.continuous, timescaledb.materialized_only = true) as
      select time_bucket('1 day', "Time 's") as b, count(*) as n from naive group by 1 with no data;
    create materialized view day_week with (timescaledb.continuous, timescaledb.materialized_only = true) as
      select time_bucket('7 days', d) as b, count(*) as n from day group by 1 with no data;
    create materialized view small_1000 with (timescaledb.continuous, timescaledb.materialized_only = true) as
      select time_bucket(1000, n) as b, count(*) as n from small group by 1 with no data;
    create materialized view big_1000 with (timescaledb.continuous, timescaledb.materialized_only = true) as
      select time_bucket(1000::bigint, n) as b, count(*) as n from big group by 1 with no data;
    reset search_path"#;
const SCHEMA: &str = r#""Agg ""s"".x""#;
const TZ: &str = r#""Agg ""s"".x"."Agg of ""tz"".1""#;

fn named(name: &str) -> String {
    format!("{SCHEMA}.{name}")
}

/// All of the refresh policies of a schema but their ids.
fn policies(schema: &str) -> String {
    format!(
        "select jsonb_agg((to_jsonb(b) - 'id') || jsonb_build_object('application_name',
           regexp_replace(b.application_name::text, ' \\[\\d+\\]$', ''), 'next_start', s.next_start) order by a.user_view_name, b.config::text)
         from _timescaledb_config.bgw_job b join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = b.hypertable_id
         left join _timescaledb_internal.bgw_job_stat s on s.job_id = b.id
         where b.proc_name = 'policy_refresh_continuous_aggregate' and format('%I', a.user_view_schema) = $${schema}$$"
    )
}

/// Runs a test on each real server.
fn on_each(test: impl AsyncFn(&Rig)) {
    with_targets(|targets| {
        for target in targets.all.iter().filter(|target| target.real) {
            block_on(async { test(&Rig::new(target).await).await });
        }
    });
}

fn version(rig: &Rig) -> hypertop::sql::Version {
    rig.session.server.sql_version()
}

fn since(rig: &Rig, minor: u32) -> bool {
    version(rig) >= hypertop::sql::Version::new(2, minor)
}

fn notes(deed: &hypertop::act::Deed) -> String {
    let all: Vec<_> = deed
        .plan
        .notes
        .iter()
        .map(|note| note.text.as_str())
        .collect();
    all.join("\n")
}

#[test]
fn every_action_on_aggregates_is_in_the_catalogue() {
    let names: Vec<_> = ACTIONS
        .iter()
        .flat_map(|part| part.iter())
        .map(|action| action.name)
        .collect();
    for name in [
        "refresh-aggregate",
        "refresh-behind",
        "refresh-hierarchy",
        "add-refresh-policy",
        "edit-refresh-policy",
        "remove-refresh-policy",
        "switch-real-time",
    ] {
        assert!(names.contains(&name), "{name}");
    }
}

#[test]
fn policies_and_real_time_go_there_and_back_on_every_kind_of_time() {
    on_each(async |rig| {
        rig.sql(AXES).await;
        let sql = policies(SCHEMA);
        let interval = [
            ("start_offset", "20d"),
            ("end_offset", "1 day"),
            ("schedule_interval", "1h30m"),
        ];
        let units = [
            ("start_offset", "20000"),
            ("end_offset", "1_000"),
            ("schedule_interval", "2h"),
        ];
        for (view, set, edited) in [
            (TZ.to_owned(), interval, "1 mon"),
            (named("naive_day"), interval, "25 days"),
            (named("day_week"), interval, "30 days"),
            (named("small_1000"), units, "30000"),
            (named("big_1000"), units, "30000"),
        ] {
            let mode = format!(
                "select bool_and(materialized_only)::text from _timescaledb_catalog.continuous_agg where format('%I.%I', user_view_schema, user_view_name) = $${view}$$"
            );
            rig.there_and_back("switch-real-time", &view, &[], &mode)
                .await;
            rig.there_and_back("add-refresh-policy", &view, &set, &sql)
                .await;
            // The beat and its zone are what a careless re-creation loses.
            let fixed = [
                set[0],
                set[1],
                set[2],
                ("initial_start", "2040-01-01 00:00"),
                ("timezone", "Asia/Kolkata"),
            ];
            rig.act("add-refresh-policy", &view, &fixed).await;
            rig.sql(&format!("select alter_job(b.id, max_retries => 7, max_runtime => interval '5 min', next_start => '2041-01-01 00:00+00') from _timescaledb_config.bgw_job b
                join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = b.hypertable_id where format('%I.%I', user_view_schema, user_view_name) = $${view}$$")).await;
            rig.there_and_back(
                "edit-refresh-policy",
                &view,
                &[("start_offset", edited)],
                &sql,
            )
            .await;
            rig.there_and_back(
                "edit-refresh-policy",
                &view,
                &[("schedule_interval", "1 day")],
                &sql,
            )
            .await;
            rig.there_and_back("edit-refresh-policy", &view, &[("end_offset", "")], &sql)
                .await;
            rig.there_and_back("remove-refresh-policy", &view, &[], &sql)
                .await;
        }
    });
}

#[test]
fn a_policy_form_says_at_once_what_is_wrong_and_what_it_would_mean() {
    on_each(async |rig| {
        rig.sql(AXES).await;
        let refused = async |view: &str, set: &[(&str, &str)]| {
            rig.plan("add-refresh-policy", view, set).await.unwrap_err()
        };
        let told = refused(TZ, &[("start_offset", "soon")]).await;
        assert!(
            told.contains("start_offset") && told.contains("write 7 days"),
            "{told}"
        );
        // One bucket and a half: the server wants two.
        let told = refused(TZ, &[("start_offset", "36h"), ("end_offset", "0s")]).await;
        assert!(
            told.contains("two buckets") && told.contains("--set start_offset='2 days'"),
            "{told}"
        );
        let told = refused(&named("big_1000"), &[("start_offset", "7 days")]).await;
        assert!(told.contains("start_offset"), "{told}");
        let deed = rig
            .plan(
                "add-refresh-policy",
                TZ,
                &[
                    ("start_offset", "7d"),
                    ("end_offset", "1d"),
                    ("schedule_interval", "1h"),
                ],
            )
            .await
            .unwrap();
        let told = notes(&deed);
        assert!(told.contains("expected lag: up to 2d 1h"), "{told}");
        assert!(
            told.contains("a run now would refresh") && told.contains("of 1 day, over"),
            "{told}"
        );
        rig.act(
            "add-refresh-policy",
            TZ,
            &[
                ("start_offset", "7d"),
                ("end_offset", "1d"),
                ("schedule_interval", "1h"),
            ],
        )
        .await;
        let deed = rig
            .plan("edit-refresh-policy", TZ, &[("end_offset", "2d")])
            .await
            .unwrap();
        assert!(
            notes(&deed).contains("up to 3d 1h (it was 2d 1h)"),
            "{}",
            notes(&deed)
        );
        let told = rig
            .plan(
                "edit-refresh-policy",
                TZ,
                &[("start_offset", "168h"), ("end_offset", "24h")],
            )
            .await;
        // The same length, written otherwise, is not the same interval to PostgreSQL: it may be changed.
        assert!(told.is_ok(), "{told:?}");
        let told = rig.plan("edit-refresh-policy", TZ, &[]).await.unwrap_err();
        assert!(told.contains("change a field"), "{told}");
        let again = rig.plan("add-refresh-policy", TZ, &[]).await;
        if since(rig, 21) {
            assert!(again.unwrap_err().contains("overlaps"));
            let second = [
                ("start_offset", "30d"),
                ("end_offset", "7d"),
                ("schedule_interval", "1d"),
            ];
            let sql = policies(SCHEMA);
            rig.there_and_back("add-refresh-policy", TZ, &second, &sql)
                .await;
            rig.act("add-refresh-policy", TZ, &second).await;
            let ids = rig.text("select string_agg(id::text, ',' order by id) from _timescaledb_config.bgw_job where proc_name = 'policy_refresh_continuous_aggregate'
                and hypertable_id = (select max(mat_hypertable_id) from _timescaledb_catalog.continuous_agg where user_view_name = 'Agg of \"tz\".1')").await;
            let last = ids.rsplit(',').next().unwrap();
            rig.there_and_back(
                "edit-refresh-policy",
                TZ,
                &[("policy", last), ("start_offset", "40d")],
                &sql,
            )
            .await;
            rig.there_and_back("remove-refresh-policy", TZ, &[("policy", last)], &sql)
                .await;
            rig.there_and_back("remove-refresh-policy", TZ, &[("policy", "all")], &sql)
                .await;
        } else {
            assert!(
                again
                    .unwrap_err()
                    .contains("edit-refresh-policy changes it")
            );
        }
    });
}

#[test]
fn the_three_policies_of_an_aggregate_are_held_against_each_other() {
    on_each(async |rig| {
        rig.sql(AXES).await;
        let view = named("naive_day");
        let set = [
            ("start_offset", "20d"),
            ("end_offset", "1d"),
            ("schedule_interval", "1h"),
        ];
        rig.act("add-refresh-policy", &view, &set).await;
        rig.sql(&format!("alter materialized view {view} set (timescaledb.compress = true); select add_compression_policy($${view}$$, interval '30 days');
            select add_retention_policy($${view}$$, interval '28 days')")).await;
        let deed = rig
            .plan("edit-refresh-policy", &view, &[("start_offset", "35d")])
            .await
            .unwrap();
        let told = notes(&deed);
        for conflict in [
            "compress inside the refresh window",
            "retention shorter than the refresh window",
            "drop before compress",
        ] {
            assert!(told.contains(conflict), "{}: {told}", rig.name);
        }
        let deed = rig
            .plan("edit-refresh-policy", &view, &[("start_offset", "25d")])
            .await
            .unwrap();
        let told = notes(&deed);
        assert!(
            !told.contains("compress inside") && !told.contains("retention shorter"),
            "{told}"
        );
    });
}

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
            let deed = rig
                .plan("refresh-aggregate", &view, &[("from", from), ("to", to)])
                .await
                .unwrap();
            assert!(
                notes(&deed).contains("aligned to whole buckets"),
                "{}",
                notes(&deed)
            );
            let report = rig.perform(&deed).await.unwrap();
            assert_eq!(
                report.outcome,
                Outcome::Done,
                "{} {view}: {:?}",
                rig.name,
                report.problems
            );
            assert_eq!(deed.plan.consent, Consent::Enter);
            let count = rig.text(&format!("select count(*) from {view}")).await;
            let said = rig
                .text(&format!(
                    "select min({time})::text || '..' || max({time})::text from {view}"
                ))
                .await;
            // One more where the clock just shows where a bucket begins.
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
                && told.contains("--set from='2026-01-01 00:00:00' --set to='2026-01-02 00:00:00'"),
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

/// Aggregates whose buckets are months, or count from an origin, or by a zone's clock: name, bucket as SQL has it.
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
                let deed = rig
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
                let bounds: Vec<String> = deed.plan.steps[0].run[0]
                    .params
                    .iter()
                    .skip(1)
                    .map(|lit| match lit {
                        hypertop::plan::Lit::Text(text) => text.clone(),
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
                // The first bucket at or after what was typed, the last one that ends before it.
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
        let deed = rig
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
        assert_eq!(deed.plan.steps.len(), 3, "{}", script(&deed.plan));
        assert!(
            deed.plan
                .steps
                .iter()
                .all(|step| step.plain && step.run.len() == 1)
        );
        assert!(script(&deed.plan).starts_with("call") && !script(&deed.plan).contains("BEGIN"));
        assert!((deed.plan.pace.rest_seconds - 0.01).abs() < 1e-9);
        let report = rig.perform(&deed).await.unwrap();
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
        assert!(told.contains("take more buckets a step"), "{told}");
        // Without a word about steps there are never too many.
        let deed = rig
            .plan(
                "refresh-aggregate",
                &named("big_1000"),
                &[("from", "0"), ("to", "9000000000")],
            )
            .await
            .unwrap();
        assert!(deed.plan.steps.len() <= 101, "{}", deed.plan.steps.len());
    });
}

#[test]
fn what_is_behind_is_refreshed_up_to_what_the_policy_promises() {
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
        assert!(told.contains("not behind"), "{}: {told}", rig.name);
        // A late row below the watermark waits, and is taken in.
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

#[test]
fn a_refresh_over_what_the_source_dropped_is_refused_clamped_or_agreed_to_by_name() {
    on_each(async |rig| {
        rig.sql(AXES).await;
        for (view, source, older, from, unit) in [
            (
                TZ.to_owned(),
                "tz",
                "interval '30 days'",
                "50 days ago",
                "buckets of 1 day",
            ),
            (
                named("big_1000"),
                "big",
                "bigint '30000'",
                "5000",
                "buckets of 1000",
            ),
        ] {
            rig.act("refresh-aggregate", &view, &[("from", ""), ("to", "")])
                .await;
            rig.sql(&format!(
                "select drop_chunks('{SCHEMA}.{source}', older_than => {older})"
            ))
            .await;
            let rows = format!("select count(*) from {view}");
            let before = rig.text(&rows).await;
            assert!(before == "60", "{} {before}", rig.name);
            let told = rig
                .plan("refresh-aggregate", &view, &[("from", from), ("to", "")])
                .await
                .unwrap_err();
            assert!(
                told.contains("has no chunk any more before")
                    && told.contains("would be wiped")
                    && told.contains(unit),
                "{}: {told}",
                rig.name
            );
            assert!(told.contains("dropped by hand"), "{told}");
            // What it offers can be set as it stands, and loses nothing.
            let offered = told
                .split("--set from='")
                .nth(1)
                .unwrap()
                .split('\'')
                .next()
                .unwrap()
                .to_owned();
            let deed = rig
                .plan(
                    "refresh-aggregate",
                    &view,
                    &[("from", &offered), ("to", "")],
                )
                .await
                .unwrap();
            assert!(matches!(deed.plan.undo, Undo::Needless(_)));
            rig.perform(&deed).await.unwrap();
            assert_eq!(rig.text(&rows).await, before, "{}", rig.name);
            // Behind never touches it by itself.
            if let Ok(deed) = rig.plan("refresh-behind", &view, &[]).await {
                rig.perform(&deed).await.unwrap();
                assert_eq!(
                    rig.text(&rows).await,
                    before,
                    "{}: {}",
                    rig.name,
                    script(&deed.plan)
                );
            }
            let over = [("from", from), ("to", ""), ("override_data_loss", "yes")];
            let deed = rig.plan("refresh-aggregate", &view, &over).await.unwrap();
            assert_eq!(deed.plan.consent, Consent::Name);
            assert!(
                matches!(deed.plan.undo, Undo::Never(_)) && notes(&deed).contains("DELETES DATA")
            );
            let report = rig.perform(&deed).await.unwrap();
            assert_eq!(report.outcome, Outcome::Done, "{:?}", report.problems);
            let after: i64 = rig.text(&rows).await.parse().unwrap();
            // It was no false alarm: what the preview counted is gone.
            assert!(
                (30..=45).contains(&after),
                "{}: {after} rows are left",
                rig.name
            );
            let told = rig.rollback_plan(&[report.id.unwrap()]).await.unwrap_err();
            assert!(told.contains("cannot be taken back"), "{told}");
        }
    });
}

#[test]
fn a_gap_in_the_middle_is_seen_and_gaps_without_rows_are_no_loss() {
    on_each(async |rig| {
        rig.sql(AXES).await;
        // The source was never there before its first row: nothing to lose.
        rig.plan(
            "refresh-aggregate",
            TZ,
            &[("from", "2000-01-01"), ("to", "")],
        )
        .await
        .unwrap();
        rig.act("refresh-aggregate", TZ, &[("from", ""), ("to", "")])
            .await;
        rig.sql(&format!("select drop_chunks('{SCHEMA}.tz', older_than => interval '20 days', newer_than => interval '30 days')")).await;
        let told = rig
            .plan(
                "refresh-aggregate",
                TZ,
                &[("from", "40 days ago"), ("to", "")],
            )
            .await
            .unwrap_err();
        assert!(
            told.contains("has no chunk between"),
            "{}: {told}",
            rig.name
        );
        for (from, to) in [("19 days ago", ""), ("", "31 days ago")] {
            let fine = rig
                .plan("refresh-aggregate", TZ, &[("from", from), ("to", to)])
                .await;
            assert!(fine.is_ok(), "{}: {fine:?}", rig.name);
        }
        // An aggregate that never had those rows loses none.
        rig.sql(&format!("create materialized view {SCHEMA}.younger with (timescaledb.continuous) as select time_bucket('1 day', ts) as b, count(*) from {SCHEMA}.tz group by 1 with no data")).await;
        let fine = rig
            .plan(
                "refresh-aggregate",
                &named("younger"),
                &[("from", ""), ("to", "")],
            )
            .await;
        assert!(fine.is_ok(), "{}: {fine:?}", rig.name);
    });
}

#[test]
fn a_policy_that_reaches_over_what_retention_drops_is_refused_and_offered_clamped() {
    on_each(async |rig| {
        rig.sql(AXES).await;
        for (view, source, after, far, kept, near) in [
            (
                TZ.to_owned(),
                "tz",
                "interval '40 days'",
                "50d",
                "40 days",
                "30d",
            ),
            (
                named("small_1000"),
                "small",
                "40000",
                "50000",
                "40000",
                "30000",
            ),
        ] {
            let end = if source == "tz" { "1d" } else { "1000" };
            rig.sql(&format!(
                "select add_retention_policy('{SCHEMA}.{source}', {after})"
            ))
            .await;
            for start in [far, ""] {
                let set = [
                    ("start_offset", start),
                    ("end_offset", end),
                    ("schedule_interval", "1h"),
                    ("initial_start", "2040-01-01"),
                ];
                let told = rig
                    .plan("add-refresh-policy", &view, &set)
                    .await
                    .unwrap_err();
                assert!(
                    told.contains("retention, job")
                        && told.contains(&format!("--set start_offset='{kept}'")),
                    "{}: {told}",
                    rig.name
                );
            }
            let set = [
                ("start_offset", far),
                ("end_offset", end),
                ("schedule_interval", "1h"),
                ("initial_start", "2040-01-01"),
                ("override_data_loss", "yes"),
            ];
            let deed = rig.plan("add-refresh-policy", &view, &set).await.unwrap();
            assert_eq!(deed.plan.consent, Consent::Name);
            assert!(notes(&deed).contains("DELETES DATA"), "{}", notes(&deed));
            let set = [("start_offset", near), set[1], set[2], set[3]];
            rig.act("add-refresh-policy", &view, &set).await;
            let told = rig
                .plan("edit-refresh-policy", &view, &[("start_offset", far)])
                .await
                .unwrap_err();
            assert!(
                told.contains(&format!("--set start_offset='{kept}'")),
                "{told}"
            );
            rig.plan("edit-refresh-policy", &view, &[("start_offset", kept)])
                .await
                .unwrap();
        }
        // Dropped by hand: the first run would wipe.
        rig.act(
            "refresh-aggregate",
            &named("naive_day"),
            &[("from", ""), ("to", "")],
        )
        .await;
        rig.sql(&format!(
            "select drop_chunks('{SCHEMA}.naive', older_than => interval '20 days')"
        ))
        .await;
        let set = [
            ("start_offset", "30d"),
            ("end_offset", "1d"),
            ("schedule_interval", "1h"),
            ("initial_start", "2040-01-01"),
        ];
        let told = rig
            .plan("add-refresh-policy", &named("naive_day"), &set)
            .await
            .unwrap_err();
        assert!(told.contains("first run would delete"), "{told}");
        let offered = told
            .split("--set start_offset='")
            .nth(1)
            .unwrap()
            .split('\'')
            .next()
            .unwrap()
            .to_owned();
        rig.act(
            "add-refresh-policy",
            &named("naive_day"),
            &[("start_offset", &offered), set[1], set[2], set[3]],
        )
        .await;
    });
}

/// Hours on the table, days on the hours, weeks on the days.
const LADDER: &str = r#"
    set search_path = "Agg ""s"".x", public;
    create materialized view hours with (timescaledb.continuous, timescaledb.materialized_only = true) as
      select time_bucket('6 hours', ts) as b, count(*) as n from tz group by 1 with no data;
    create materialized view "days ""on"" hours" with (timescaledb.continuous, timescaledb.materialized_only = true) as
      select time_bucket('1 day', b) as b, sum(n) as n from hours group by 1 with no data;
    create materialized view weeks with (timescaledb.continuous, timescaledb.materialized_only = true) as
      select time_bucket('7 days', b) as b, sum(n) as n from "days ""on"" hours" group by 1 with no data;
    reset search_path"#;

#[test]
fn a_hierarchy_is_refreshed_from_the_bottom_up() {
    on_each(async |rig| {
        rig.sql(AXES).await;
        rig.sql(LADDER).await;
        let deed = rig
            .plan(
                "refresh-hierarchy",
                &named("weeks"),
                &[("step_buckets", "0")],
            )
            .await
            .unwrap();
        let order: Vec<_> = deed
            .plan
            .steps
            .iter()
            .map(|step| step.label.clone())
            .collect();
        assert!(
            order.len() == 3
                && order[0].contains(".hours,")
                && order[1].contains("days \"\"on")
                && order[2].contains(".weeks,"),
            "{order:?}"
        );
        let report = rig.perform(&deed).await.unwrap();
        assert_eq!(
            report.outcome,
            Outcome::Done,
            "{}: {:?}",
            rig.name,
            report.problems
        );
        let right = format!(
            "select (select sum(n) from {SCHEMA}.weeks) = (select count(*) from {SCHEMA}.tz where ts < (select max(b) + interval '7 days' from {SCHEMA}.weeks)) and count(*) >= 8 from {SCHEMA}.weeks"
        );
        assert_eq!(rig.text(&right).await, "t", "{}", rig.name);
        let told = rig
            .plan("refresh-hierarchy", &named("weeks"), &[])
            .await
            .unwrap_err();
        assert!(told.contains("nothing is behind"), "{told}");
        // A late row at the bottom reaches the top.
        rig.sql(&format!(
            "insert into {SCHEMA}.tz values (date_trunc('day', now()) - interval '30 days', 1)"
        ))
        .await;
        rig.act("refresh-hierarchy", &named("weeks"), &[]).await;
        assert_eq!(rig.text(&right).await, "t", "{}", rig.name);
        // Each level is guarded: what the table lost stays in all of them.
        rig.sql(&format!(
            "select drop_chunks('{SCHEMA}.tz', older_than => interval '30 days')"
        ))
        .await;
        let rows = format!(
            "select (select count(*) from {SCHEMA}.hours) || ' ' || (select count(*) from {SCHEMA}.\"days \"\"on\"\" hours\") || ' ' || (select count(*) from {SCHEMA}.weeks)"
        );
        let before = rig.text(&rows).await;
        rig.sql(&format!(
            "insert into {SCHEMA}.tz values (date_trunc('day', now()) - interval '10 days', 1)"
        ))
        .await;
        rig.act("refresh-hierarchy", &named("weeks"), &[]).await;
        assert_eq!(rig.text(&rows).await, before, "{}", rig.name);
    });
}

#[test]
fn policies_in_a_hierarchy_come_back_as_far_as_this_version_allows() {
    on_each(async |rig| {
        rig.sql(AXES).await;
        rig.sql(LADDER).await;
        let view = named("weeks");
        let sql = policies(SCHEMA);
        let set = [
            ("start_offset", "50d"),
            ("end_offset", "7 days"),
            ("schedule_interval", "12h"),
            ("initial_start", "2040-01-01 00:00"),
        ];
        let deed = rig.plan("add-refresh-policy", &view, &set).await.unwrap();
        assert!(
            notes(&deed).contains("has no policy and promises nothing"),
            "{}",
            notes(&deed)
        );
        rig.act("add-refresh-policy", &view, &set).await;
        rig.there_and_back(
            "edit-refresh-policy",
            &view,
            &[("start_offset", "40d")],
            &sql,
        )
        .await;
        rig.there_and_back("remove-refresh-policy", &view, &[], &sql)
            .await;
        let deed = rig
            .plan("edit-refresh-policy", &view, &[("start_offset", "40d")])
            .await
            .unwrap();
        let broken = version(rig).minor == 22;
        assert_eq!(
            matches!(deed.plan.undo, Undo::Partly(_)),
            broken,
            "{}: {:?}",
            rig.name,
            deed.plan.undo
        );
        if !since(rig, 29) {
            let told = rig
                .plan("add-refresh-policy", &view, &[])
                .await
                .unwrap_err();
            assert!(told.contains("edit-refresh-policy changes it"), "{told}");
        }
    });
}

#[test]
fn a_role_without_rights_gets_the_server_s_words_and_the_mend() {
    on_each(async |rig| {
        rig.sql(AXES).await;
        rig.sql(&format!("drop role if exists agg_guest; create role agg_guest login; grant usage on schema {SCHEMA} to agg_guest")).await;
        let guest = format!(
            "{} user=agg_guest",
            rig.conninfo
                .split_whitespace()
                .filter(|part| !part.starts_with("user="))
                .collect::<Vec<_>>()
                .join(" ")
        );
        let guest = Rig::on(&rig.name, &guest).await;
        for (name, set) in [
            (
                "refresh-aggregate",
                &[("from", "10 days ago"), ("to", "2 days ago")][..],
            ),
            ("add-refresh-policy", &[("start_offset", "7d")]),
            ("switch-real-time", &[]),
        ] {
            let deed = guest.plan(name, TZ, set).await.unwrap();
            let report = guest.perform(&deed).await.unwrap();
            let (_, problem) = &report.problems[0];
            assert_eq!(
                problem.sqlstate.as_deref(),
                Some("42501"),
                "{} {name}: {problem}",
                rig.name
            );
            assert!(
                problem.to_string().contains("connect as the owner"),
                "{problem}"
            );
        }
        // It cannot see the rows, so what may be lost is guarded all the same.
        rig.act("refresh-aggregate", TZ, &[("from", ""), ("to", "")])
            .await;
        rig.sql(&format!(
            "select drop_chunks('{SCHEMA}.tz', older_than => interval '30 days')"
        ))
        .await;
        let told = guest
            .plan(
                "refresh-aggregate",
                TZ,
                &[("from", "50 days ago"), ("to", "")],
            )
            .await
            .unwrap_err();
        assert!(told.contains("this role may not see"), "{told}");
        rig.sql(&format!(
            "revoke all on schema {SCHEMA} from agg_guest; drop role agg_guest"
        ))
        .await;
    });
}

/// Performs a plan and stops it as soon as it has been in this step for a while.
async fn stop_in_step(rig: &Rig, deed: &hypertop::act::Deed, step: usize) -> Report {
    let (told, mut progress) = mpsc::unbounded_channel();
    let (orders, order) = watch::channel(Order::Go);
    let stop = async {
        while let Some(message) = progress.recv().await {
            if matches!(message, Progress::Step { number, .. } if number == step) {
                tokio::time::sleep(Duration::from_millis(700)).await;
                // It may have ended by itself, and then nobody listens; the report shows which.
                let _ = orders.send(Order::Stop);
            }
        }
    };
    let (report, ()) = tokio::join!(
        async {
            let report = rig.actor.perform(deed, &told, order).await;
            drop(told);
            report.unwrap()
        },
        stop
    );
    report
}

/// Holds a lock that a refresh of the last days must wait for.
async fn block(rig: &Rig) -> tokio_postgres::Client {
    let blocker = client(&rig.conninfo).await;
    let chunk = rig.text(&format!("select show_chunks('{SCHEMA}.tz', newer_than => interval '4 days')::text order by 1 limit 1")).await;
    blocker
        .batch_execute(&format!(
            "begin; lock table {chunk} in access exclusive mode"
        ))
        .await
        .unwrap();
    blocker
}

#[test]
fn a_refresh_that_is_stopped_reports_what_was_done_and_the_rest_is_caught_up() {
    on_each(async |rig| {
        rig.sql(AXES).await;
        let deed = rig
            .plan(
                "refresh-aggregate",
                TZ,
                &[
                    ("from", "60 days ago"),
                    ("to", "1 day ago"),
                    ("step_buckets", "40"),
                ],
            )
            .await
            .unwrap();
        assert_eq!(deed.plan.steps.len(), 2, "{}", script(&deed.plan));
        let blocker = block(rig).await;
        let report = stop_in_step(rig, &deed, 2).await;
        assert_eq!(
            (report.outcome, report.steps_done, report.steps),
            (Outcome::Cancelled, 1, 2),
            "{}: {:?}",
            rig.name,
            report.problems
        );
        assert_eq!(
            rig.text(&format!("select count(*) from {TZ}")).await,
            "40",
            "{}",
            rig.name
        );
        drop(blocker);
        let told = notes(&rig.plan("refresh-behind", TZ, &[]).await.unwrap());
        assert!(!told.contains("refreshes it now"), "{told}");
        rig.act("refresh-behind", TZ, &[]).await;
        let right = format!(
            "select sum(n) = (select count(*) from {SCHEMA}.tz where ts < (select max(\"Bucket \"\"1\"\"\") + interval '1 day' from {TZ})) and count(*) >= 59 from {TZ}"
        );
        assert_eq!(rig.text(&right).await, "t", "{}", rig.name);
        if since(rig, 22) {
            let left = "select count(*) from _timescaledb_catalog.continuous_aggs_materialization_ranges r join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = r.materialization_id where a.user_view_name = 'Agg of \"tz\".1'";
            assert_eq!(rig.text(left).await, "0", "{}", rig.name);
        }
        if since(rig, 26) {
            let left = "select count(*) from _timescaledb_catalog.continuous_aggs_jobs_refresh_ranges r join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = r.materialization_id where a.user_view_name = 'Agg of \"tz\".1'";
            assert_eq!(rig.text(left).await, "0", "{}", rig.name);
        }
    });
}

#[test]
fn a_range_that_another_session_s_cancelled_refresh_holds_is_freed_by_ending_that_session() {
    on_each(async |rig| {
        if !since(rig, 26) {
            return;
        }
        rig.sql(AXES).await;
        let blocker = block(rig).await;
        let other = client(&rig.conninfo).await;
        let pid: i32 = other
            .query_one("select pg_backend_pid()", &[])
            .await
            .unwrap()
            .get(0);
        let refresh = format!(
            "call refresh_continuous_aggregate($${TZ}$$, now() - interval '20 days', now() - interval '1 day')"
        );
        let (result, ()) = tokio::join!(other.batch_execute(&refresh), async {
            tokio::time::sleep(Duration::from_millis(800)).await;
            rig.sql(&format!("select pg_cancel_backend({pid})")).await;
        });
        result.unwrap_err();
        drop(blocker);
        let set = [("from", "20 days ago"), ("to", "1 day ago")];
        let deed = rig.plan("refresh-aggregate", TZ, &set).await.unwrap();
        if !notes(&deed).contains("end_stuck_session") {
            // This version has cleaned up by itself.
            assert_eq!(rig.perform(&deed).await.unwrap().outcome, Outcome::Done);
            return;
        }
        let report = rig.perform(&deed).await.unwrap();
        assert!(
            report.problems[0]
                .1
                .to_string()
                .contains("concurrent refresh"),
            "{:?}",
            report.problems
        );
        let deed = rig
            .plan(
                "refresh-aggregate",
                TZ,
                &[set[0], set[1], ("end_stuck_session", "yes")],
            )
            .await
            .unwrap();
        assert!(deed.plan.consent >= Consent::Yes);
        let report = rig.perform(&deed).await.unwrap();
        assert_eq!(report.outcome, Outcome::Done, "{:?}", report.problems);
        drop(other);
    });
}

#[test]
fn an_aggregate_of_the_old_format_is_refreshed_and_named_as_such() {
    on_each(async |rig| {
        rig.sql(AXES).await;
        let make = format!(
            "create materialized view {SCHEMA}.old with (timescaledb.continuous, timescaledb.finalized = false) as select time_bucket('1 day', ts) as b, count(*) as n from {SCHEMA}.tz group by 1 with no data"
        );
        if rig.client.batch_execute(&make).await.is_err() {
            return;
        }
        let deed = rig
            .plan(
                "refresh-aggregate",
                &named("old"),
                &[("from", ""), ("to", "")],
            )
            .await
            .unwrap();
        assert!(notes(&deed).contains("old format"), "{}", notes(&deed));
        rig.perform(&deed).await.unwrap();
        assert_eq!(
            rig.text(&format!("select sum(n) from {SCHEMA}.old")).await,
            "240",
            "{}",
            rig.name
        );
    });
}

#[test]
fn the_dangerous_policy_of_the_factory_is_refused_and_mended() {
    on_each(async |rig| {
        let told = rig
            .plan(
                "edit-refresh-policy",
                "mes.metric_hist_1hour",
                &[("schedule_interval", "2h")],
            )
            .await
            .unwrap_err();
        assert!(
            told.contains("mes.metric_hist_1min keeps only 30d")
                && told.contains("--set start_offset='30 days'"),
            "{told}"
        );
        rig.there_and_back(
            "edit-refresh-policy",
            "mes.metric_hist_1hour",
            &[("start_offset", "30 days")],
            &policies("mes"),
        )
        .await;
    });
}

#[test]
fn every_aggregate_of_the_factory_has_a_plan_or_a_reason() {
    with_targets(|targets| {
        for target in &targets.all {
            block_on(async {
                let rig = Rig::new(target).await;
                let session: &Session = &rig.session;
                let views = rig.text("select string_agg(format('%I.%I', user_view_schema, user_view_name), '|') from _timescaledb_catalog.continuous_agg").await;
                for view in views.split('|') {
                    for name in [
                        "refresh-aggregate",
                        "refresh-behind",
                        "refresh-hierarchy",
                        "add-refresh-policy",
                        "edit-refresh-policy",
                        "remove-refresh-policy",
                        "switch-real-time",
                    ] {
                        if let Err(why) = rig.plan(name, view, &[]).await {
                            assert!(
                                why.len() > 20 && !why.contains("not understood"),
                                "{}: {name} {view}: {why}",
                                session.server.database
                            );
                        }
                    }
                }
            });
        }
    });
}
