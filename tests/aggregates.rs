//! The Aggregates screen on real servers, compared with the documented functions.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use hypertop::model::moment::{Axis, Stamp};
use hypertop::model::value::Value;
use hypertop::model::version::Version;
use hypertop::screens::aggregates::Row;
use hypertop::screens::record::Record;
use hypertop::server::known;
use hypertop::server::known::{At, Server};
mod support;

use support::databases;
use tokio_postgres::{Client, Config, NoTls};

async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
        .batch_execute(
            "set default_transaction_read_only = on; set lock_timeout = '200ms'; set statement_timeout = '5s'; set jit = off",
        )
        .await
        .unwrap();
    client
}

async fn server(client: &Client) -> Server {
    let row = client
        .query_one(known::QUERY.text(Version::new(0, 0)), &[])
        .await
        .unwrap();
    Server::read(&row, "test".to_owned(), None, false).unwrap()
}

async fn list(client: &Client, server: &Server) -> Vec<Row> {
    client
        .query(Row::list_text(server), &[])
        .await
        .unwrap()
        .iter()
        .map(|row| Row::read(row.into()).unwrap())
        .collect()
}

/// The rows with the newest times of their sources, as `hypertop show` prints them.
async fn rows(client: &Client, server: &Server) -> Vec<Row> {
    let exact = &Row::EXACT[0];
    let mut rows = list(client, server).await;
    let ids: Vec<i64> = rows
        .iter()
        .filter_map(|row| (exact.want)(row).map(|(id, _)| id))
        .collect();
    let text = exact.query.text(server.timescaledb.unwrap());
    for found in client.query(text, &[&ids]).await.unwrap() {
        let id: i64 = found.get("id");
        let figures: Vec<Option<i64>> = exact.figures.iter().map(|name| found.get(*name)).collect();
        let row = rows.iter_mut().find(|row| i64::from(row.id) == id).unwrap();
        (exact.take)(row, Ok(&figures));
    }
    rows
}

fn cell(row: &Row, name: &str, at: &At) -> Value {
    let column = Row::COLUMNS.iter().find(|column| column.name == name);
    (column.unwrap_or_else(|| panic!("no column {name}")).value)(row, at)
}

fn is_integer(row: &Row) -> bool {
    row.axis == Axis::Integer
}

/// A qualified name for SQL.
async fn quoted(client: &Client, schema: &str, name: &str) -> String {
    let text = "select format('%I.%I', $1::text, $2::text)";
    let row = client.query_one(text, &[&schema, &name]).await.unwrap();
    row.get(0)
}

#[tokio::test]
async fn a_watermark_is_the_documented_functions() {
    for (label, config) in databases() {
        let client = connect(&config).await;
        let server = server(&client).await;
        let schema = if server.timescaledb.unwrap() < Version::new(2, 12) {
            "_timescaledb_internal"
        } else {
            "_timescaledb_functions"
        };
        let rows = list(&client, &server).await;
        assert!(rows.len() >= 12, "{label}: {} aggregates", rows.len());
        for row in rows {
            let text = format!("select {schema}.cagg_watermark($1)");
            let theirs: i64 = client.query_one(&text, &[&row.id]).await.unwrap().get(0);
            // The watermark of an empty aggregate is the smallest value of its type.
            let theirs = (theirs > -200_000_000_000_000_000).then_some(theirs);
            assert_eq!(row.watermark, theirs, "{label} {}", row.name);
        }
    }
}

#[tokio::test]
async fn the_newest_row_is_the_one_a_scan_finds_and_its_bucket_ends_as_time_bucket_says() {
    for (label, config) in databases() {
        let client = connect(&config).await;
        let server = server(&client).await;
        let extension = server.extension_schema.clone().unwrap();
        for row in rows(&client, &server).await {
            if row.parent_id.is_some() {
                continue;
            }
            let source = quoted(&client, &row.source_schema, &row.source_name).await;
            let column: String = client
                .query_one(
                    "select quote_ident(column_name::text) from timescaledb_information.dimensions
                      where hypertable_schema = $1::text and hypertable_name = $2::text and dimension_number = 1",
                    &[&row.source_schema, &row.source_name],
                )
                .await
                .unwrap()
                .get(0);
            let width = row.bucket_width.clone().unwrap();
            let zone = row
                .bucket_zone
                .as_ref()
                .map_or_else(String::new, |zone| format!(", '{zone}'"));
            let text = if is_integer(&row) {
                format!(
                    "select m::int8, ({extension}.time_bucket({width}, m) + {width})::int8 from (select max({column})::int8 as m from {source}) x"
                )
            } else {
                // Start of the next bucket: a time 1.1 widths after a bucket's start is in the next bucket.
                format!("select (extract(epoch from m) * 1000000)::int8,
                                (extract(epoch from {extension}.time_bucket('{width}', {extension}.time_bucket('{width}', m{zone}) + interval '{width}' * 1.1{zone})) * 1000000)::int8
                           from (select max({column}) as m from {source}) x")
            };
            let theirs = client.query_one(&text, &[]).await.unwrap();
            assert_eq!(
                row.newest_row(),
                theirs.get::<_, Option<i64>>(0),
                "{label} {}",
                row.name
            );
            assert_eq!(
                row.newest_end(),
                theirs.get::<_, Option<i64>>(1),
                "{label} {}",
                row.name
            );
        }
    }
}

#[tokio::test]
async fn a_lag_is_counted_from_the_newest_bucket_and_never_below_nothing() {
    for (label, config) in databases() {
        let client = connect(&config).await;
        let server = server(&client).await;
        let at = At {
            now: server.clock,
            server: &server,
        };
        for row in rows(&client, &server).await {
            let now = if is_integer(&row) { i64::MAX } else { at.now.0 };
            let covered = row.watermark.max(
                row.refreshed_to
                    .filter(|to| *to > -200_000_000_000_000_000)
                    .map(|to| to.min(now)),
            );
            let expected = row
                .newest_end()
                .zip(covered)
                .map(|(end, covered)| (end.min(now) - covered).max(0));
            assert_eq!(row.lag(&at), expected, "{label} {}", row.name);
            if let (Some(lag), Some(bound)) = (row.lag(&at), row.lag_at_most(&at)) {
                assert!(lag <= bound, "{label} {}: {lag} > {bound}", row.name);
            }
            assert_eq!(
                cell(&row, "lag_seconds", &at) == Value::Null,
                is_integer(&row) || expected.is_none(),
                "{label} {}",
                row.name
            );
        }
    }
}

#[tokio::test]
async fn the_seeds_troubles_are_found_by_name() {
    for (label, config) in databases() {
        let client = connect(&config).await;
        let server = server(&client).await;
        let at = At {
            now: server.clock,
            server: &server,
        };
        let rows = rows(&client, &server).await;
        let verdict = |name: &str| {
            let row = rows.iter().find(|row| row.name == name).unwrap();
            row.verdict(&at)
        };
        for (name, said) in [
            ("metric_hist_1hour", "DATA LOSS"),
            ("oee_daily", "paused"),
            ("oee_weekly", "its parent mes.oee_daily has a paused policy"),
            ("production_kpis_daily", "never refreshed"),
            ("energy_monthly", "is in the future"),
        ] {
            let reason = verdict(name).reason;
            assert!(reason.contains(said), "{label} {name}: {reason}");
        }
        let wipe: Vec<_> = rows
            .iter()
            .filter(|row| row.wipe_risk != Some(false))
            .map(|row| row.name.as_str())
            .collect();
        assert_eq!(wipe, ["metric_hist_1hour"], "{label}");
        assert!(rows.iter().all(|row| row.refreshing.is_some()), "{label}");
    }
}

/// Up to 2.25 a running refresh is recognised by its lock, and ANALYZE and ALTER TABLE take the same lock.
#[tokio::test]
async fn an_analyze_or_alter_of_an_aggregates_table_is_no_refresh() {
    for (label, config) in databases() {
        let other = connect(&config).await;
        let table: String = other
            .query_one(
                "select format('%I.%I', h.schema_name, h.table_name) from _timescaledb_catalog.continuous_agg a
                   join _timescaledb_catalog.hypertable h on h.id = a.mat_hypertable_id where a.user_view_name = 'energy_hourly'",
                &[],
            )
            .await
            .unwrap()
            .get(0);
        let client = connect(&config).await;
        let server = server(&client).await;
        let setting = "set (autovacuum_analyze_threshold = 60)";
        for locks in [
            format!("analyze {table}"),
            format!("alter table {table} {setting}"),
        ] {
            other.batch_execute("begin read write").await.unwrap();
            other.batch_execute(&locks).await.unwrap();
            let rows = rows(&client, &server).await;
            let row = rows.iter().find(|row| row.name == "energy_hourly").unwrap();
            assert_eq!(row.refreshing, Some(false), "{label}: {locks}");
            other.batch_execute("rollback").await.unwrap();
        }
    }
}

#[tokio::test]
async fn every_detail_opens_for_every_aggregate() {
    for (label, config) in databases() {
        let client = connect(&config).await;
        let server = server(&client).await;
        let at = At {
            now: Stamp(server.clock.0),
            server: &server,
        };
        for row in rows(&client, &server).await {
            assert!(!row.facts(&at).is_empty());
            for detail in Row::DETAILS {
                let text = detail.query.text(server.timescaledb.unwrap());
                let found = client
                    .query(text, &[&i64::from(row.id)])
                    .await
                    .unwrap_or_else(|error| {
                        panic!("{label} {} {}: {error:?}", row.name, detail.title)
                    });
                let sections = (detail.build)(&row, &found, &at).unwrap();
                assert!(
                    !sections.is_empty(),
                    "{label} {} {}",
                    row.name,
                    detail.title
                );
            }
        }
    }
}
