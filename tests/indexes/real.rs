//! Shared by the tests of the Indexes screen: connections, rows with exact figures, and TimescaleDB's own mapping of
//! indexes.
#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "a test may fail; each test file uses its part"
)]

use std::collections::HashMap;

use hypertop::model::value::Value;
use hypertop::model::version::Version;
use hypertop::screens::indexes::Row;
use hypertop::screens::record::Record;
use hypertop::server::known;
use hypertop::server::known::{At, Server};
use tokio_postgres::{Client, Config, NoTls};

/// Connects to a database.
pub async fn open(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Connects with the settings of the console's read sessions.
pub async fn connect(config: &Config) -> Client {
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

pub async fn server(client: &Client) -> Server {
    let text = known::QUERY.text(Version::new(0, 0));
    let row = client.query_one(text, &[]).await.unwrap();
    Server::read(&row, "test".to_owned(), None, false).unwrap()
}

/// The rows by name, with their exact figures.
pub async fn indexes(client: &Client, server: &Server) -> HashMap<String, Row> {
    let text = Row::list_text(server);
    let mut rows: Vec<_> = client
        .query(text, &[])
        .await
        .unwrap()
        .iter()
        .map(|row| Row::read(row.into()).unwrap())
        .collect();
    let exact = &Row::EXACT[0];
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let mut once = ids.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), ids.len(), "an index has one row");
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

pub fn at(server: &Server) -> At<'_> {
    At {
        now: server.clock,
        server,
    }
}

pub fn cell(row: &Row, name: &str, at: &At) -> Value {
    let column = Row::COLUMNS.iter().find(|column| column.name == name);
    (column.unwrap_or_else(|| panic!("no column {name}")).value)(row, at)
}

/// Query of the indexes in TimescaleDB's own catalogue: name, number of chunks with and without it, scans, bytes.
pub fn map(version: Version) -> &'static str {
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
         left join pg_index k on k.indrelid = p.inhrelid
           and case k.indrelid when p.inhrelid then _timescaledb_functions.index_matches(x.indexrelid, k.indexrelid) end
         group by i.oid, i.relname"
    }
}

/// Compares all indexes of hypertables with [`map`]. `but`: indexes for which the catalogue is wrong.
pub async fn equals_the_map(label: &str, client: &Client, server: &Server, but: &[&str]) -> usize {
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
            let mine = (parts.with, parts.without, row.scans, row.bytes().unwrap());
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
        // Jobs scan indexes meanwhile, so the comparison is repeated.
        assert!(attempt < 4, "{label}: {differences:?}");
    }
    compared
}
