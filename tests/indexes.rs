//! The Indexes screen on real servers, compared with TimescaleDB's own answers.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::HashMap;

use hypertop::model::value::Value;
use hypertop::model::verdict::Level;
use hypertop::model::version::Version;
use hypertop::screens::indexes::{Row, TableKind};
use hypertop::screens::record::{Record, Section};

#[path = "indexes/real.rs"]
mod real;
mod support;
use real::{at, cell, connect, equals_the_map, indexes, open, server};
use support::databases;

#[tokio::test]
async fn chunks_scans_and_bytes_are_those_of_timescaledbs_own_map() {
    for (label, config) in databases() {
        let client = connect(&config).await;
        let server = server(&client).await;
        let compared = equals_the_map(label, &client, &server, &[]).await;
        assert!(compared > 30, "{label}: {compared} indexes");
    }
}

#[tokio::test]
async fn the_seeds_flaws_are_found_on_every_version() {
    for (label, config) in databases() {
        let client = connect(&config).await;
        let server = server(&client).await;
        let at = at(&server);
        let rows = indexes(&client, &server).await;
        let duplicate = &rows["metric_hist_def_ts_dup_idx"];
        assert_eq!(
            duplicate.duplicate_of.as_deref(),
            Some("metric_hist_def_ts_idx"),
            "{label}"
        );
        let verdict = duplicate.verdict(&at);
        assert_eq!(verdict.level, Level::Warning, "{label}");
        let shares = verdict.reason.contains("share one chunk index");
        assert_eq!(
            shares,
            server.sql_version() >= Version::new(2, 22),
            "{label}: {}",
            verdict.reason
        );
        assert_eq!(rows["metric_hist_def_ts_idx"].duplicate_of, None, "{label}");
        assert_eq!(
            rows["metric_hist_def_idx"].covered_by.as_deref(),
            Some("metric_hist_def_ts_idx"),
            "{label}"
        );
        let unused = &rows["oee_unused_idx"];
        assert_eq!(unused.unused(&at), Some(true), "{label}");
        assert!(
            unused.verdict(&at).reason.contains(
                "they are compressed, and queries there use the index of the compressed data"
            ),
            "{label}"
        );
        let key = &rows["oee_calculations_pkey"];
        assert_eq!(key.unused(&at), Some(false), "{label}");
        assert_eq!(
            cell(key, "constraint_backed", &at),
            Value::Bool(true),
            "{label}"
        );
        assert!(rows["production_kpis_line_idx"].reorders, "{label}");
        let odd = &rows["Idx; drop table x --"];
        assert_eq!(odd.table_name(), "\"Weird \"\"Name\"\"\".x", "{label}");
        let aggregate = rows.values().find(|row| row.table == "oee_weekly").unwrap();
        assert_eq!(
            (aggregate.schema.as_str(), aggregate.kind),
            ("mes", TableKind::Aggregate),
            "{label}"
        );
        assert!(
            rows.values()
                .all(|row| !row.schema.starts_with("_timescaledb")),
            "{label}: only users' names are shown"
        );
    }
}

#[tokio::test]
async fn the_details_list_every_chunk_and_add_up_to_the_row() {
    for (label, config) in databases() {
        let client = connect(&config).await;
        let server = server(&client).await;
        let at = at(&server);
        let rows = indexes(&client, &server).await;
        let query = &Row::DETAILS[0].query;
        for name in [
            "energy_meter_ts_idx",
            "machine_cycles_cycle_idx",
            "x_Time Stamp_idx",
        ] {
            let row = &rows[name];
            let found = client
                .query(query.text(server.sql_version()), &[&row.id])
                .await
                .unwrap();
            let bytes: i64 = found.iter().map(|row| row.get::<_, i64>("bytes")).sum();
            assert_eq!(Some(bytes), row.bytes(), "{label} {name}");
            let sections = (Row::DETAILS[0].build)(row, &found, &at).unwrap();
            let Some(Section::Grid { rows: grid, .. }) = sections.last() else {
                panic!("{label} {name}: no list");
            };
            let chunks = i64::try_from(grid.len()).unwrap();
            assert_eq!(chunks, row.parts.as_ref().unwrap().with, "{label} {name}");
            assert!(
                matches!(grid[0][1], Value::Point(_)),
                "{label} {name}: no range"
            );
        }
    }
}

#[tokio::test]
async fn a_role_without_rights_sees_the_same_list() {
    for (label, config) in databases() {
        let client = connect(&config).await;
        let server = server(&client).await;
        let all = indexes(&client, &server).await;
        client
            .batch_execute("set role pg_read_server_files")
            .await
            .unwrap();
        let seen = indexes(&client, &server).await;
        assert_eq!(seen.len(), all.len(), "{label}");
        let of = |rows: &HashMap<String, Row>| rows["energy_meter_ts_idx"].bloat_bytes();
        assert!(of(&all) > Some(0), "{label}");
        assert_eq!(
            of(&seen),
            None,
            "{label}: bloat needs statistics that this role may not read"
        );
    }
}

#[tokio::test]
async fn the_list_does_not_wait_for_a_locked_chunk_and_holds_few_locks() {
    for (label, config) in databases() {
        let mut owner = open(&config).await;
        let held = owner.transaction().await.unwrap();
        held.batch_execute("lock table mes.energy_consumption in access exclusive mode")
            .await
            .unwrap();
        let mut client = connect(&config).await;
        let server = server(&client).await;
        let reading = client.transaction().await.unwrap();
        let rows = reading.query(Row::list_text(&server), &[]).await.unwrap();
        assert!(rows.len() > 30, "{label}");
        let locks: i64 = reading
            .query_one(
                "select count(*) from pg_locks where pid = pg_backend_pid()",
                &[],
            )
            .await
            .unwrap()
            .get(0);
        assert!(locks <= 64, "{label}: {locks} locks");
        reading.rollback().await.unwrap();
        held.rollback().await.unwrap();
    }
}
