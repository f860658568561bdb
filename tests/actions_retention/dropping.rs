//! Dropping chunks now: exactly those of the preview, for every type of time.

use hypertop::model::plan::{Consent, Undo};
use hypertop::model::version::Version;

use super::support::act::Rig;
use super::{HOSTILE, going, notes, on_each};

/// A hypertable of ten daily chunks with a foreign key, compressed and frozen chunks, and an aggregate.
const DOOMED: &str = r#"
create table "devices;" (id int primary key);
insert into "devices;" values (1), (2);
create table "to ""drop"" $1" (ts timestamptz not null, device int references "devices;", v int);
select create_hypertable('"to ""drop"" $1"', 'ts', chunk_time_interval => interval '1 day');
insert into "to ""drop"" $1" select t, 1, 1 from generate_series(date_trunc('day', now()) - interval '9 days 12 hours', date_trunc('day', now()), interval '6 hours') t;
alter table "to ""drop"" $1" set (timescaledb.compress, timescaledb.compress_segmentby = 'device');
select compress_chunk(c) from (select c from show_chunks('"to ""drop"" $1"') c order by c::text limit 2) x;
create materialized view dropped_daily with (timescaledb.continuous, timescaledb.materialized_only = true) as
  select time_bucket('1 day', ts) as b, count(*) as n from "to ""drop"" $1" group by 1 with no data;
"#;
const DOOMED_NAME: &str = r#"public."to ""drop"" $1""#;

async fn doomed(rig: &Rig) {
    forget(rig).await;
    for statement in DOOMED.split(";\n").filter(|one| !one.trim().is_empty()) {
        rig.sql(statement).await;
    }
    rig.sql("call refresh_continuous_aggregate('dropped_daily', null, date_trunc('day', now()) - interval '5 days')")
        .await;
}

const LEFT: &str = r#"select coalesce(string_agg(c::text, ' ' order by c::text), '') from show_chunks('"to ""drop"" $1"') c"#;

async fn forget(rig: &Rig) {
    rig.sql(r#"drop table if exists "to ""drop"" $1" cascade; drop table if exists "devices;""#)
        .await;
}

#[test]
fn chunks_are_dropped_step_by_step_and_just_those_that_were_shown() {
    on_each(async |rig, _| {
        doomed(rig).await;
        let rest = r#"select coalesce(string_agg(c::text, ' ' order by c::text), '') from (select show_chunks('"to ""drop"" $1"') except select show_chunks('"to ""drop"" $1"', older_than => interval '4 days')) x(c)"#;
        let stays = rig.text(rest).await;
        let aggregated = rig.text("select count(*) from dropped_daily").await;
        let set = [("drop_after", "4d"), ("chunks_per_step", "2")];
        let approved = rig.plan("drop-chunks", DOOMED_NAME, &set).await.unwrap();
        assert_eq!(approved.plan.consent, Consent::Name);
        assert!(matches!(approved.plan.undo, Undo::Never(_)));
        let number = going(&approved.plan).len() - 1;
        assert!(
            going(&approved.plan).contains(&r#"public."devices;""#.to_owned()),
            "its foreign key locks that too"
        );
        assert_eq!(
            approved.plan.steps.len(),
            number.div_ceil(2),
            "{}",
            approved.plan.title
        );
        assert!(
            approved
                .plan
                .title
                .contains(&format!("Drop {number} chunks")),
            "{}",
            approved.plan.title
        );
        assert!(approved.plan.steps.iter().all(|step| step.bytes > 0));
        let said = notes(&approved.plan);
        assert!(
            said.contains("public.dropped_daily has not read all of the dropped rows"),
            "{said}"
        );
        assert!(
            said.contains("public.dropped_daily keeps its rows, because it has no refresh policy"),
            "{said}"
        );
        let report = rig.perform(&approved).await.unwrap();
        assert_eq!(report.problems, [], "{}", rig.name);
        assert_eq!(rig.text(LEFT).await, stays, "{}", rig.name);
        assert_eq!(
            rig.text("select count(*) from dropped_daily").await,
            aggregated
        );
        let why = rig.rollback_plan(&[report.id]).await.unwrap_err();
        assert!(why.contains("backup"), "{}: {why}", rig.name);
        let why = rig
            .plan("drop-chunks", DOOMED_NAME, &set)
            .await
            .unwrap_err();
        assert!(
            why.contains("has no chunk older than 4d: its oldest chunk ends at"),
            "{why}"
        );
        forget(rig).await;
    });
}

#[test]
fn a_frozen_chunk_stays_and_one_that_came_after_the_preview_stops_it() {
    on_each(async |rig, version| {
        doomed(rig).await;
        let schema = if version < Version::new(2, 12) {
            "_timescaledb_internal"
        } else {
            "_timescaledb_functions"
        };
        let third = r#"(select c from show_chunks('"to ""drop"" $1"') c order by c::text offset 2 limit 1)"#;
        rig.sql(&format!("select {schema}.freeze_chunk({third})"))
            .await;
        let frozen = rig.text(&format!("select {third}")).await;
        let set = [("drop_after", "4d"), ("chunks_per_step", "1000")];
        let approved = rig.plan("drop-chunks", DOOMED_NAME, &set).await.unwrap();
        assert!(
            notes(&approved.plan).contains("1 frozen chunk past the limit"),
            "{}",
            notes(&approved.plan)
        );
        assert!(!going(&approved.plan).contains(&frozen));
        // A late row creates a chunk that was not in the preview and is older than the others.
        let before = rig.text(LEFT).await;
        rig.sql(r#"insert into "to ""drop"" $1" values (date_trunc('day', now()) - interval '60 days', 1, 1)"#).await;
        let why = rig.perform(&approved).await.unwrap_err();
        assert!(
            why.contains("changed since the preview"),
            "{}: {why}",
            rig.name
        );
        let approved = rig.plan("drop-chunks", DOOMED_NAME, &set).await.unwrap();
        let report = rig.perform(&approved).await.unwrap();
        assert_eq!(report.problems, [], "{}", rig.name);
        let left = rig.text(LEFT).await;
        assert!(left.contains(&frozen), "{}: {left}", rig.name);
        assert!(left.len() < before.len(), "{}: {left}", rig.name);
        forget(rig).await;
    });
}

#[test]
fn a_step_in_which_another_chunk_would_go_drops_nothing() {
    on_each(async |rig, _| {
        doomed(rig).await;
        // A gap between chunks, which a late row fills after the preview.
        rig.sql(r#"select drop_chunks('"to ""drop"" $1"', older_than => date_trunc('day', now(), 'UTC') - interval '6 days', newer_than => date_trunc('day', now(), 'UTC') - interval '8 days')"#).await;
        let before = rig.text(LEFT).await;
        let set = [("drop_after", "2d"), ("chunks_per_step", "1000")];
        let approved = rig.plan("drop-chunks", DOOMED_NAME, &set).await.unwrap();
        rig.sql(r#"insert into "to ""drop"" $1" values (date_trunc('day', now(), 'UTC') - interval '7 days', 1, 1)"#).await;
        let report = rig.perform(&approved).await.unwrap();
        let (_, problem) = report.problems.first().expect("it is refused");
        assert!(
            problem
                .to_string()
                .contains("other chunks than those of the preview"),
            "{}: {problem}",
            rig.name
        );
        let left = rig.text(LEFT).await;
        for chunk in before.split(' ') {
            assert!(left.contains(chunk), "{}: {chunk} went", rig.name);
        }
        forget(rig).await;
    });
}

#[test]
fn a_place_in_time_says_up_to_where_in_the_columns_own_type() {
    on_each(async |rig, _| {
        for (table, before, sql) in [
            (
                "counted",
                "300",
                "select count(*) from show_chunks('counted', older_than => 300)",
            ),
            (
                "naive",
                "",
                "select count(*) from show_chunks('naive', older_than => '{}'::timestamp)",
            ),
            (
                "by_day",
                "",
                "select count(*) from show_chunks('by_day', older_than => '{}'::date)",
            ),
            (
                "two_dimensions",
                "",
                "select count(*) from show_chunks('two_dimensions', older_than => '{}'::timestamptz)",
            ),
        ] {
            let before = if before.is_empty() {
                rig.text("select (current_date - 1)::text").await
            } else {
                before.to_owned()
            };
            let expected = rig.text(&sql.replace("{}", &before)).await;
            let approved = rig
                .plan("drop-chunks", table, &[("before", &before)])
                .await
                .unwrap();
            assert_eq!(
                going(&approved.plan).len().to_string(),
                expected,
                "{}: {table}",
                rig.name
            );
        }
        let why = rig
            .plan("drop-chunks", "naive", &[("before", "yesterday")])
            .await
            .unwrap_err();
        assert!(why.contains("write 2026-11-01"), "{why}");
    });
}

#[test]
fn each_kind_of_time_can_be_dropped_by() {
    on_each(async |rig, _| {
        for (kind, column, row, after, width) in [
            ("smallint", "smallint", "g", "50", "20"),
            ("integer", "int", "g", "50", "20"),
            (
                "day",
                "date",
                "date '2026-01-01' + g",
                "10 days",
                "interval '7 days'",
            ),
            (
                "naive_time",
                "timestamp",
                "timestamp '2026-01-01' + g * interval '1 day'",
                "10 days",
                "interval '1 day'",
            ),
        ] {
            let table = format!("by_{kind}_kind");
            rig.sql(&format!("create table {table} (t {column} not null, space int);
                select create_hypertable('{table}', 't', 'space', 2, chunk_time_interval => {width});
                insert into {table} select {row}, g from generate_series(0, 99) g")).await;
            if width == "20" {
                rig.sql(&format!("create function now_{kind}() returns {column} language sql stable as 'select 99::{column}';
                    select set_integer_now_func('{table}', 'now_{kind}')")).await;
            }
            let set = [("drop_after", after), ("chunks_per_step", "3")];
            let approved = rig.plan("drop-chunks", &table, &set).await.unwrap();
            let report = rig.perform(&approved).await.unwrap();
            assert_eq!(report.problems, [], "{}: {table}", rig.name);
            let left = format!("select count(*) from {table}");
            let expected = if width == "20" { "60" } else { "0" };
            assert_eq!(rig.text(&left).await, expected, "{}: {table}", rig.name);
            rig.sql(&format!("drop table {table}")).await;
        }
    });
}

#[test]
fn a_step_leaves_room_in_the_lock_table() {
    on_each(async |rig, _| {
        let set = [("drop_after", "1h"), ("chunks_per_step", "100000")];
        let approved = rig.plan("drop-chunks", HOSTILE, &set).await.unwrap();
        assert_eq!(approved.plan.steps.len(), 1);
        let none = [("drop_after", "1h"), ("chunks_per_step", "0")];
        let why = rig.plan("drop-chunks", HOSTILE, &none).await.unwrap_err();
        assert!(why.contains("1 or more"), "{why}");
    });
}
