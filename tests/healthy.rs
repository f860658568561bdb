//! The Overview of a healthy database has no finding above notice.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::time::Duration;

use hypertop::connect;
use hypertop::model::screen_id::ScreenId;
use hypertop::run::show;
use hypertop::run::show::Format;
use hypertop::server::session::Session;
use serde_json::Value as Json;
use support::{Targets, block_on, client, settings, with_targets};

/// A hypertable whose policies have work and do it, with an aggregate and a second aggregate on this one; two hypertables with integer
/// time.
const HEALTHY: &str = r"
    create table readings (ts timestamptz not null, device int not null, value float8);
    select create_hypertable('readings', 'ts', chunk_time_interval => interval '1 day', create_default_indexes => false);
    create index readings_device_ts on readings (device, ts desc);
    insert into readings select t, d, random() from generate_series(now() - interval '20 days', now(), interval '10 minutes') t, generate_series(1, 20) d;
    alter table readings set (timescaledb.compress, timescaledb.compress_segmentby = 'device', timescaledb.compress_orderby = 'ts desc');
    create materialized view hourly with (timescaledb.continuous) as
      select time_bucket('1 hour', ts) as bucket, device, sum(value) as total, count(*) as n, avg(value) as value from readings group by 1, 2 with no data;
    create materialized view daily with (timescaledb.continuous) as
      select time_bucket('1 day', bucket) as bucket, device, sum(total) / sum(n) as value from hourly group by 1, 2 with no data;
    create table pieces (n bigint not null, machine int not null);
    select create_hypertable('pieces', 'n', chunk_time_interval => 1000);
    create function pieces_now() returns bigint language sql stable as 'select max(n) from public.pieces';
    select set_integer_now_func('pieces', 'pieces_now');
    insert into pieces select n, n % 3 from generate_series(1, 9999) n;
    alter table pieces set (timescaledb.compress, timescaledb.compress_segmentby = 'machine');
    create table seconds (s bigint not null, value int);
    select create_hypertable('seconds', 's', chunk_time_interval => 86400);
    create function seconds_now() returns bigint language sql stable as 'select extract(epoch from now())::bigint';
    select set_integer_now_func('seconds', 'seconds_now');
    insert into seconds select extract(epoch from now())::bigint - g * 600, g from generate_series(0, 2000) g;
    alter table seconds set (timescaledb.compress);
    analyze";

/// Statements that run after [`HEALTHY`], each by itself.
const AFTER: &[&str] = &[
    "call refresh_continuous_aggregate('hourly', null, now() - interval '1 hour')",
    "call refresh_continuous_aggregate('daily', null, now() - interval '1 day')",
    "select compress_chunk(c) from show_chunks('readings', older_than => interval '7 days') c",
    "select add_compression_policy('readings', interval '7 days')",
    "select add_retention_policy('readings', interval '60 days')",
    "select add_compression_policy('pieces', 3000::bigint), add_retention_policy('pieces', 12000::bigint)",
    "select add_compression_policy('seconds', 3 * 86400::bigint), add_retention_policy('seconds', 60 * 86400::bigint)",
    "select add_continuous_aggregate_policy('hourly', start_offset => interval '3 days', end_offset => interval '1 hour', schedule_interval => interval '30 minutes')",
    "select add_continuous_aggregate_policy('daily', start_offset => interval '7 days', end_offset => interval '1 day', schedule_interval => interval '1 hour')",
];

async fn overview(conninfo: &str) -> Json {
    let settings = settings(conninfo);
    let connected = connect::again(&settings, None).await.unwrap();
    let session = Session::start(connected).await.unwrap();
    let mut out = Vec::new();
    show::show(
        &settings,
        &session,
        ScreenId::Overview,
        Format::Json,
        &mut out,
    )
    .await
    .unwrap();
    serde_json::from_slice(&out).unwrap()
}

/// Findings above notice. The private server's own setting fsync = off is left out.
fn alarms(overview: &Json) -> Vec<String> {
    let rows = overview["rows"].as_array().unwrap();
    let alarming = rows.iter().filter(|row| {
        let level = row["verdict"].as_str().unwrap();
        !["ok", "notice"].contains(&level) && row["rule"] != "server-setting"
    });
    alarming
        .map(|row| format!("{}: {}: {}", row["subject"], row["rule"], row["reason"]))
        .collect()
}

async fn make(targets: &Targets, version: &str) -> String {
    let name = format!("healthy_{}", version.replace('.', "_"));
    let maintenance = client(&targets.server.conninfo("postgres")).await;
    maintenance
        .batch_execute(&format!("create database {name}"))
        .await
        .unwrap();
    let conninfo = targets.server.conninfo(&name);
    let client = client(&conninfo).await;
    client
        .batch_execute(&format!(
            "set client_min_messages = error; create extension timescaledb version '{version}'"
        ))
        .await
        .unwrap();
    client.batch_execute(HEALTHY).await.unwrap();
    for statement in AFTER {
        client.batch_execute(statement).await.unwrap();
    }
    // Waits until every policy has run once.
    for _ in 0..120 {
        let row = client
            .query_one(
                "select count(*) from _timescaledb_config.bgw_job j left join _timescaledb_internal.bgw_job_stat s on s.job_id = j.id
                 where j.id >= 1000 and (s.last_run_success is distinct from true or s.last_finish = '-infinity')",
                &[],
            )
            .await
            .unwrap();
        if row.get::<_, i64>(0) == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    conninfo
}

#[test]
fn nothing_is_wrong_where_every_policy_does_its_work() {
    with_targets(|targets| {
        for version in targets.server.timescaledb_versions() {
            block_on(async {
                let conninfo = make(targets, &version).await;
                assert_eq!(
                    alarms(&overview(&conninfo).await),
                    Vec::<String>::new(),
                    "{version}"
                );
                // A large load makes many chunks due before the next run.
                let load =
                    "insert into pieces select n, n % 3 from generate_series(10000, 19999) n";
                client(&conninfo).await.batch_execute(load).await.unwrap();
                let loaded = overview(&conninfo).await;
                assert_eq!(alarms(&loaded), Vec::<String>::new(), "{version}");
            });
        }
    });
}

#[test]
fn without_timescaledb_the_overview_serves_what_postgresql_tells() {
    with_targets(|targets| {
        block_on(async {
            let overview = overview(&targets.plain).await;
            assert_eq!(alarms(&overview), Vec::<String>::new());
            assert!(overview["rows"].as_array().is_some());
        });
    });
}
