//! The Indexes screen in databases of their own, with indexes that simple matching gets wrong.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use hypertop::model::value::Value;
use hypertop::model::verdict::Level;
use hypertop::screens::indexes::Row;
use hypertop::screens::record::Record;
use tokio_postgres::Config;

#[path = "indexes/real.rs"]
mod real;
mod support;
use real::{at, cell, connect, equals_the_map, indexes, open, server};

/// Creates and fills a database; returns its name and configuration. `None`: the version is not installed.
async fn trapped(test: &str, version: Option<&str>) -> Option<(String, Config)> {
    let (mut config, versions) = support::maintenance()?;
    if version.is_some_and(|version| !versions.iter().any(|offered| offered == version)) {
        return None;
    }
    let name = format!(
        "mine_ix_{test}_{}",
        version.unwrap_or("none").replace('.', "_")
    );
    let maintenance = open(config.clone().dbname("postgres")).await;
    for statement in ["drop database if exists", "create database"] {
        let statement = format!("{statement} {name}");
        maintenance.batch_execute(&statement).await.unwrap();
    }
    config.dbname(&name);
    if let Some(version) = version {
        let statement = format!("create extension timescaledb version '{version}'");
        // A new session, because a session loads the library of one version at its start.
        open(&config).await.batch_execute(&statement).await.unwrap();
        let client = open(&config).await;
        client
            .batch_execute("set client_min_messages = error")
            .await
            .unwrap();
        client
            .batch_execute(include_str!("indexes/traps.sql"))
            .await
            .unwrap();
    }
    Some((name, config))
}

/// The versions of the private server.
fn versions() -> Vec<String> {
    support::maintenance().map_or_else(Vec::new, |(_, versions)| versions)
}

async fn drop_database(name: &str) {
    let Some((config, _)) = support::maintenance() else {
        return;
    };
    let maintenance = open(&config).await;
    let statement = format!("drop database if exists {name} with (force)");
    maintenance.batch_execute(&statement).await.unwrap();
}

/// Cancels a REINDEX CONCURRENTLY that waits for a reader; returns the invalid index that is left.
async fn interrupt_a_reindex(config: &Config) -> String {
    let mut reader = open(config).await;
    let writer = open(config).await;
    let chunk: String = writer
        .query_one("select max(i.inhrelid::regclass::text) from pg_inherits i where i.inhparent = 't'::regclass", &[])
        .await
        .unwrap()
        .get(0);
    let index: String = writer
        .query_one(
            "select x.indexrelid::regclass::text from pg_index x join pg_class c on c.oid = x.indexrelid
             where x.indrelid = $1::text::regclass and c.relname like '%\\_i\\_d'",
            &[&chunk],
        )
        .await
        .unwrap()
        .get(0);
    let held = reader.transaction().await.unwrap();
    held.batch_execute(&format!("lock table {chunk} in row exclusive mode"))
        .await
        .unwrap();
    writer
        .batch_execute("set statement_timeout = '500ms'")
        .await
        .unwrap();
    let statement = format!("reindex index concurrently {index}");
    writer.batch_execute(&statement).await.unwrap_err();
    // The error is sent before the locks are released.
    writer.batch_execute("select 1").await.unwrap();
    held.rollback().await.unwrap();
    index
}

#[tokio::test]
async fn traps_do_not_change_a_count() {
    for version in &versions() {
        let Some((name, config)) = trapped("traps", Some(version)).await else {
            return;
        };
        let client = connect(&config).await;
        let server = server(&client).await;
        let compared = equals_the_map(version, &client, &server, &[]).await;
        assert_eq!(compared, 18, "{version}");
        let at = at(&server);
        let rows = indexes(&client, &server).await;
        let lacking = &rows["i_e"];
        let parts = lacking.parts.as_ref().unwrap();
        assert_eq!((parts.with, parts.without), (8, 1), "{version}");
        let reason = lacking.verdict(&at).reason;
        assert!(
            reason.contains("1 of 9 chunks does not have it"),
            "{version}: {reason}"
        );
        for (name, of) in [("i_unique", "c_unique"), ("i_twin_later", "i_twin")] {
            assert_eq!(rows[name].duplicate_of.as_deref(), Some(of), "{version}");
        }
        for name in [
            "c_unique",
            "i_ts_desc",
            "i_pattern",
            "i_sum",
            "i_difference",
            "i_less",
            "i_ab_include",
            "i_hash",
        ] {
            assert_eq!(rows[name].duplicate_of, None, "{version} {name}");
        }
        interrupt_a_reindex(&config).await;
        let rows = indexes(&client, &server).await;
        let left = &rows["i_d"];
        let parts = left.parts.as_ref().unwrap();
        assert_eq!(
            (parts.with, parts.leftovers, parts.invalid),
            (9, 1, 0),
            "{version}"
        );
        let verdict = left.verdict(&at);
        assert!(
            verdict.reason.contains("_ccnew"),
            "{version}: {}",
            verdict.reason
        );
        assert_eq!(verdict.level, Level::Warning, "{version}");
        drop(client);
        drop_database(&name).await;
    }
}

#[tokio::test]
async fn plain_tables_are_served_with_and_without_timescaledb() {
    let versions = versions();
    for version in [None].into_iter().chain(versions.iter().map(Some)) {
        let version = version.map(String::as_str);
        let Some((name, config)) = trapped("plain", version).await else {
            return;
        };
        let label = version.unwrap_or("none");
        let owner = open(&config).await;
        owner
            .batch_execute(include_str!("indexes/plain.sql"))
            .await
            .unwrap();
        let client = connect(&config).await;
        let server = server(&client).await;
        let at = at(&server);
        let rows = indexes(&client, &server).await;
        if version.is_none() {
            assert_eq!(rows.len(), 7, "{label}: {:?}", rows.keys());
        }
        let key = &rows["plain_pkey"];
        assert_eq!(key.table_name(), "\"a.b \"\"c\"\"\".plain", "{label}");
        assert_eq!(key.unused(&at), Some(false), "{label}");
        assert_eq!(
            cell(key, "chunks", &at),
            Value::Null,
            "{label}: a plain table has no chunks"
        );
        let again = &rows["plain_v_again"];
        assert_eq!(again.duplicate_of.as_deref(), Some("plain_v"), "{label}");
        assert_eq!(
            rows["plain_w"].covered_by.as_deref(),
            Some("plain_w_x"),
            "{label}"
        );
        assert!(rows["plain_x"].referenced, "{label}");
        let bytes: i64 = client
            .query_one(
                "select pg_relation_size($1::int8::oid::regclass)",
                &[&again.id],
            )
            .await
            .unwrap()
            .get(0);
        assert_eq!(again.bytes(), Some(bytes), "{label}");
        assert!(rows["plain_w_x"].bloat_bytes().is_some(), "{label}");
        let parted = rows["parted_k"].parts.as_ref().unwrap();
        assert_eq!(
            (parted.with, parted.without),
            (2, 0),
            "{label}: one row for all partitions"
        );
        assert!(
            !rows.contains_key("parted_1_k_idx") && !rows.contains_key("hidden_pkey"),
            "{label}"
        );
        let query = &Row::DETAILS[0].query;
        let found = client
            .query(query.text(server.sql_version()), &[&rows["parted_k"].id])
            .await
            .unwrap();
        assert_eq!(found.len(), 2, "{label}");
        drop((client, owner));
        drop_database(&name).await;
    }
}
