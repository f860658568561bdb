//! The indexes screen against `TimescaleDB`'s own answers on real servers, and on a database made of traps.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::HashMap;

use hypertop::record::{At, Record, Section};
use hypertop::screens::indexes::Row;
use hypertop::server::{self, Server};
use hypertop::sql::Version;
use hypertop::value::Value;
use hypertop::verdict::Level;
use tokio_postgres::{Client, Config, NoTls};

/// The seeded databases, one a version.
fn databases() -> Vec<(&'static str, Config)> {
    let Ok(url) = std::env::var("HYPERTOP_DEV_PG") else {
        return Vec::new();
    };
    ["seed_2_11_2", "seed_2_17_2", "seed_2_22_1", "seed_2_28_3"]
        .into_iter()
        .map(|name| {
            let mut config: Config = url.parse().unwrap();
            config.dbname(name);
            (name, config)
        })
        .collect()
}

async fn open(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// As the console reads: read only, no waiting for locks.
async fn connect(config: &Config) -> Client {
    let client = open(config).await;
    client
        .batch_execute(
            "set default_transaction_read_only = on; set lock_timeout = '200ms'; set statement_timeout = '5s';
             set jit = off; set max_parallel_workers_per_gather = 0; set client_min_messages = error",
        )
        .await
        .unwrap();
    client
}

async fn server(client: &Client) -> Server {
    let text = server::QUERY.text(Version::new(0, 0));
    let row = client.query_one(text, &[]).await.unwrap();
    Server::read(&row, "test".to_owned(), None).unwrap()
}

/// The rows by name, with their exact figures.
async fn indexes(client: &Client, server: &Server) -> HashMap<String, Row> {
    let text = Row::list_text(server);
    let mut rows: Vec<_> = client
        .query(text, &[])
        .await
        .unwrap()
        .iter()
        .map(|row| Row::read(row).unwrap())
        .collect();
    let exact = Row::EXACT.unwrap();
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let text = exact.query.text(server.sql_version());
    let mut figures = HashMap::new();
    for row in client.query(text, &[&ids]).await.unwrap() {
        let of: Vec<Option<i64>> = exact.figures.iter().map(|name| row.get(*name)).collect();
        figures.insert(row.get::<_, i64>("id"), of);
    }
    for row in &mut rows {
        (exact.take)(row, Ok(&figures[&row.id]));
    }
    let named = rows.into_iter().map(|row| (row.name.clone(), row));
    named.collect()
}

fn at(server: &Server) -> At<'_> {
    At {
        now: server.clock,
        server,
    }
}

fn cell(row: &Row, name: &str, at: &At) -> Value {
    let column = Row::COLUMNS.iter().find(|column| column.name == name);
    (column.unwrap_or_else(|| panic!("no column {name}")).value)(row, at)
}

/// What `TimescaleDB`'s own map says: name, chunks that have it, those that lack it, scans, bytes.
fn map(version: Version) -> &'static str {
    if version < Version::new(2, 22) {
        "select i.relname::text as name, count(distinct m.chunk_id) as chunks, sum(pg_stat_get_numscans(m.oid))::int8 as scans,
                sum(pg_relation_size(m.oid))::int8 as bytes, hypertable_index_size(i.oid::regclass) - pg_relation_size(i.oid) as documented,
                (select count(*) from pg_inherits p where p.inhparent = x.indrelid) - count(distinct m.chunk_id) as without
         from pg_index x join pg_class i on i.oid = x.indexrelid
         join _timescaledb_catalog.hypertable h on h.compression_state <> 2
         join pg_namespace n on n.nspname = h.schema_name
         join pg_class t on t.oid = x.indrelid and t.relname = h.table_name and t.relnamespace = n.oid
         left join (select ci.chunk_id, ci.hypertable_id, ci.hypertable_index_name, k.oid
                    from _timescaledb_catalog.chunk_index ci join _timescaledb_catalog.chunk c on c.id = ci.chunk_id and not c.dropped
                    join pg_namespace cn on cn.nspname = c.schema_name
                    join pg_class k on k.relname = ci.index_name and k.relnamespace = cn.oid) m
           on m.hypertable_id = h.id and m.hypertable_index_name = i.relname
         group by i.oid, i.relname, x.indrelid"
    } else {
        "select i.relname::text as name, count(distinct p.inhrelid) filter (where k.indexrelid is not null) as chunks,
                sum(pg_stat_get_numscans(k.indexrelid))::int8 as scans, sum(pg_relation_size(k.indexrelid))::int8 as bytes,
                hypertable_index_size(i.oid::regclass)::int8 - pg_relation_size(i.oid) as documented,
                count(distinct p.inhrelid) filter (where k.indexrelid is null) as without
         from pg_index x join pg_class i on i.oid = x.indexrelid
         join pg_class t on t.oid = x.indrelid join pg_namespace n on n.oid = t.relnamespace
         join _timescaledb_catalog.hypertable h on h.schema_name = n.nspname and h.table_name = t.relname and h.compression_state <> 2
         left join pg_inherits p on p.inhparent = t.oid
         left join pg_index k on k.indrelid = p.inhrelid and _timescaledb_functions.index_matches(x.indexrelid, k.indexrelid)
         group by i.oid, i.relname"
    }
}

/// Compares every hypertable's index with the map; `but` are those that the map itself tells wrong.
async fn equals_the_map(label: &str, client: &Client, server: &Server, but: &[&str]) -> usize {
    let mut compared = 0;
    for attempt in 0..5 {
        let rows = indexes(client, server).await;
        let told = client.query(map(server.sql_version()), &[]).await.unwrap();
        compared = told.len();
        let mut differences = Vec::new();
        for told in &told {
            let name: &str = told.get("name");
            let row = &rows[name];
            let parts = row.parts.as_ref().unwrap();
            let mine = (parts.with, parts.without, row.scans, row.bytes.unwrap());
            let theirs = (
                told.get("chunks"),
                told.get("without"),
                told.get::<_, Option<i64>>("scans").unwrap_or(0),
                told.get::<_, Option<i64>>("bytes").unwrap_or(0),
            );
            assert_eq!(theirs.3, told.get::<_, i64>("documented"), "{label} {name}");
            if mine != theirs && !but.contains(&name) {
                differences.push(format!("{name}: {mine:?} for {theirs:?}"));
            }
        }
        if differences.is_empty() {
            return compared;
        }
        // Jobs run meanwhile; their scans count.
        assert!(attempt < 4, "{label}: {differences:?}");
    }
    compared
}

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
        let shares = verdict.reason.contains("share one index");
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
            unused.verdict(&at).reason.contains("uncompressed span"),
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
            ("mes", hypertop::screens::indexes::Kind::Aggregate),
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
            assert_eq!(Some(bytes), row.bytes, "{label} {name}");
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
        assert!(
            seen.values()
                .filter(|row| row.bytes > Some(1 << 20))
                .all(|row| row.bloat_bytes.is_none()),
            "{label}: bloat needs statistics that this role may not read"
        );
    }
}

/// Makes a database of its own and fills it; gives the way to it and its name.
async fn trapped(test: &str, version: Option<&str>) -> Option<(String, Config)> {
    let url = std::env::var("HYPERTOP_DEV_PG").ok()?;
    let mut config: Config = url.parse().unwrap();
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
        // In a session of its own: the library is loaded by version when a session starts.
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

async fn drop_database(name: &str) {
    let config: Config = std::env::var("HYPERTOP_DEV_PG").unwrap().parse().unwrap();
    let maintenance = open(config.clone().dbname("postgres")).await;
    let statement = format!("drop database if exists {name} with (force)");
    maintenance.batch_execute(&statement).await.unwrap();
}

/// A REINDEX CONCURRENTLY that waits for a reader and is cancelled leaves an invalid index behind.
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
    held.rollback().await.unwrap();
    index
}

#[tokio::test]
async fn traps_do_not_change_a_count() {
    for version in ["2.11.2", "2.17.2", "2.22.1", "2.28.3"] {
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
            reason.contains("1 of 9 chunk lacks it"),
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
    for version in [None, Some("2.17.2"), Some("2.28.3")] {
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
        assert_eq!(again.bytes, Some(bytes), "{label}");
        assert!(rows["plain_w_x"].bloat_bytes.is_some(), "{label}");
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
