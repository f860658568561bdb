//! Creates a database with many hypertables, for runs in which no database is named.

use hypertop::connect;
use hypertop::demo::private_server::{Options, PrivateServer};

use crate::settings;

/// Hypertables with 50 daily chunks on a private server, half of them compressed, with policies and aggregates. `None`:
/// TimescaleDB is not installed.
pub async fn build() -> Option<(String, PrivateServer)> {
    let server = PrivateServer::start(&Options {
        timescaledb: true,
        tcp: true,
        settings: vec![("shared_buffers".into(), "1GB".into())],
    })
    .expect("a private server");
    let version = server.timescaledb_versions().into_iter().next()?;
    let chunks: i32 = std::env::var("HYPERTOP_BENCH_CHUNKS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(2000);
    let maintenance = connect::again(&settings(&server.conninfo("postgres")), None)
        .await
        .unwrap()
        .client;
    maintenance
        .batch_execute("create database fleet")
        .await
        .unwrap();
    let conninfo = server.conninfo("fleet");
    let first = connect::again(&settings(&conninfo), None)
        .await
        .unwrap()
        .client;
    first.batch_execute(&format!("set client_min_messages = error; create extension timescaledb schema public version '{version}'; create schema fleet")).await.unwrap();
    let client = connect::again(&settings(&conninfo), None)
        .await
        .unwrap()
        .client;
    client
        .batch_execute("set client_min_messages = error; set jit = off; set search_path = public")
        .await
        .unwrap();
    for number in 0..(chunks / 50).max(1) {
        let table = format!("fleet.ht_{number:05}");
        for statement in [
            format!(
                "create table {table} (time timestamptz not null, device int not null, value float8)"
            ),
            format!(
                "select create_hypertable('{table}', 'time', chunk_time_interval => interval '1 day')"
            ),
            format!("create index on {table} (device, time desc)"),
            format!(
                "alter table {table} set (timescaledb.compress, timescaledb.compress_segmentby = 'device')"
            ),
            format!(
                "insert into {table} select now() - d * interval '1 day', r, d from generate_series(0, 49) d, generate_series(1, 20) r"
            ),
            format!(
                "select count(compress_chunk(c)) from show_chunks('{table}', older_than => interval '25 days') c"
            ),
            format!(
                "select add_compression_policy('{table}', interval '20 days', initial_start => '2100-01-01')"
            ),
            format!(
                "select add_retention_policy('{table}', interval '48 days', initial_start => '2100-01-01')"
            ),
        ] {
            client.simple_query(&statement).await.unwrap();
        }
        if number % 4 == 0 {
            let create = format!(
                "create materialized view {table}_1h with (timescaledb.continuous) as select time_bucket('1 hour', time) as bucket, device, avg(value) from {table} group by 1, 2 with no data"
            );
            client.simple_query(&create).await.unwrap();
            let policy = format!(
                "select add_continuous_aggregate_policy('{table}_1h', interval '7 days', interval '1 hour', interval '1 hour', initial_start => '2100-01-01')"
            );
            client.simple_query(&policy).await.unwrap();
        }
    }
    client.simple_query("vacuum analyze").await.unwrap();
    Some((conninfo, server))
}
