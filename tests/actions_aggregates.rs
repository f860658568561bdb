//! Actions on aggregates, on every real TimescaleDB: the effect is checked by SQL, and so is the rollback.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

#[path = "aggregates_acts/guard.rs"]
mod guard;
#[path = "aggregates_acts/hierarchy.rs"]
mod hierarchy;
#[path = "aggregates_acts/policies.rs"]
mod policies;
#[path = "aggregates_acts/stopping.rs"]
mod stopping;
#[path = "aggregates_acts/windows.rs"]
mod windows;

use hypertop::actions::catalogue::ACTIONS;
use support::act::Rig;
use support::{block_on, with_targets};

/// For each type of time column: a table with rows of 60 days and a daily aggregate, with names that need quotes.
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

/// All columns of a schema's refresh policies, except their ids.
fn policies_of(schema: &str) -> String {
    format!(
        "select jsonb_agg((to_jsonb(b) - 'id') || jsonb_build_object('application_name',
           regexp_replace(b.application_name::text, ' \\[\\d+\\]$', ''), 'next_start', s.next_start) order by a.user_view_name, b.config::text)
         from _timescaledb_config.bgw_job b join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = b.hypertable_id
         left join _timescaledb_internal.bgw_job_stat s on s.job_id = b.id
         where b.proc_name = 'policy_refresh_continuous_aggregate' and format('%I', a.user_view_schema) = $${schema}$$"
    )
}

/// Runs a test on each real server.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a closure is written in place"
)]
fn on_each(test: impl AsyncFn(&Rig)) {
    with_targets(|targets| {
        for target in targets.all.iter().filter(|target| target.real) {
            block_on(async { test(&Rig::new(target).await).await });
        }
    });
}

fn version(rig: &Rig) -> hypertop::model::version::Version {
    rig.session.server.sql_version()
}

fn since(rig: &Rig, minor: u32) -> bool {
    version(rig) >= hypertop::model::version::Version::new(2, minor)
}

fn notes(approved: &hypertop::actions::execute::ApprovedPlan) -> String {
    let all: Vec<_> = approved
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
        "create-aggregate",
        "drop-aggregate",
    ] {
        assert!(names.contains(&name), "{name}");
    }
}

#[test]
fn every_aggregate_of_the_factory_has_a_plan_or_a_reason() {
    with_targets(|targets| {
        for target in &targets.all {
            block_on(async {
                let rig = Rig::new(target).await;
                let session = &rig.session;
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
                                why.len() > 20 && !why.contains("cannot read its settings"),
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
