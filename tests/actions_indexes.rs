//! Actions on indexes, on every real TimescaleDB and on plain tables: the effect is checked by SQL, and so is the
//! rollback.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[path = "actions_indexes/builds.rs"]
mod builds;
#[path = "actions_indexes/drops.rs"]
mod drops;
mod support;

use hypertop::journal::Outcome;
use support::act::Rig;
use support::{block_on, with_targets};

/// A schema and a table whose names need quotes. `LONG`: an index name of 63 bytes.
const HOSTILE: &str = r#"
    drop schema if exists "S'ch ""ö.é" cascade; create schema "S'ch ""ö.é";
    create table "S'ch ""ö.é"."T.a""b 'c" (ts timestamptz not null, "De Vice" int not null, v float8, tag text);
"#;
const TABLE: &str = r#""S'ch ""ö.é"."T.a""b 'c""#;
const LONG: &str = "ein Index, dessen Name so lang ist, wie er nur sein darf, wohl";
/// What a rollback must restore of the table's indexes: definitions, flags, comments, tablespaces, number of chunk
/// indexes.
const INDEXES: &str = r#"select jsonb_agg(jsonb_build_array(pg_get_indexdef(x.indexrelid), x.indisvalid, x.indisclustered, x.indisreplident,
      obj_description(x.indexrelid, 'pg_class'), c.reltablespace, (select count(*) from pg_index y join pg_inherits i on i.inhrelid = y.indrelid
        join pg_class d on d.oid = y.indexrelid
        where i.inhparent = x.indrelid and y.indclass = x.indclass and y.indnatts = x.indnatts and y.indoption = x.indoption and y.indisvalid
          and d.reltablespace = c.reltablespace)) order by c.relname)
  from pg_index x join pg_class c on c.oid = x.indexrelid
  where x.indrelid = (select t.oid from pg_class t join pg_namespace n on n.oid = t.relnamespace
    where n.nspname = 'S''ch "ö.é' and t.relname = 'T.a"b ''c')"#;

/// The hypertable [`TABLE`] with five chunks, two of them compressed.
async fn hostile(rig: &Rig) {
    rig.sql(HOSTILE).await;
    rig.sql(&format!(
        r"select create_hypertable('{}', 'ts', chunk_time_interval => interval '1 day');
          insert into {TABLE} select '2026-03-01'::timestamptz + i * interval '1 hour', i % 7, i, 'x' || i from generate_series(0, 119) i;
          alter table {TABLE} set (timescaledb.compress, timescaledb.compress_segmentby = '{}')",
        TABLE.replace('\'', "''"),
        r#""De Vice""#
    ))
    .await;
}

async fn compress_two(rig: &Rig) {
    let table = TABLE.replace('\'', "''");
    rig.sql(&format!(
        "select compress_chunk(c) from (select c from show_chunks('{table}') c order by c::text limit 2) x"
    ))
    .await;
}

/// Number of invalid indexes on the table and its chunks.
const INVALID: &str = r"select count(*) from pg_index x join pg_class c on c.oid = x.indexrelid
  where not x.indisvalid and (c.relname ~ '^_hyper_.*_chunk_ein Index' or c.relname ~ '^ein Index')";

/// Number of chunks without an index that begins with these columns.
async fn lacking(rig: &Rig, columns: &str) -> String {
    rig.text(&format!(
        r"select count(*) from pg_inherits i where i.inhparent = '{}'::regclass and not exists (
            select from pg_index x where x.indrelid = i.inhrelid and x.indisvalid and pg_get_indexdef(x.indexrelid) like '%({columns})%')",
        TABLE.replace('\'', "''")
    ))
    .await
}

fn index(name: &str) -> String {
    format!(r#""S'ch ""ö.é"."{}""#, name.replace('"', "\"\""))
}

/// Runs a test on each real server; `true`: 2.22 or later.
fn on_each<F: Future<Output = ()>>(test: impl Fn(Rig, bool) -> F) {
    with_targets(|targets| {
        for target in targets.all.iter().filter(|target| target.real) {
            block_on(async {
                let rig = Rig::new(target).await;
                let version = rig.session.server.timescaledb.unwrap();
                println!("{}", rig.name);
                test(rig, (version.major, version.minor) >= (2, 22)).await;
            });
        }
    });
}

#[test]
fn a_role_without_rights_gets_the_servers_words() {
    on_each(|rig, _| async move {
        rig.sql("drop table if exists guarded cascade; create table guarded (ts timestamptz not null, v int);
            select create_hypertable('guarded', 'ts'); insert into guarded values ('2026-01-01', 1), ('2026-03-01', 1); create index guarded_v on guarded (v)").await;
        rig.sql("do $$ begin create role nobody_much login; exception when duplicate_object then null; end $$").await;
        let weak = Rig::on(
            &rig.name,
            &rig.conninfo.replace("user=postgres", "user=nobody_much"),
        )
        .await;
        for (name, target, set) in [
            ("reindex-index", "guarded_v", vec![("at_least_kb", "0")]),
            ("drop-index", "guarded_v", vec![]),
            ("create-index", "guarded", vec![("columns", "v desc")]),
        ] {
            let approved = weak.plan(name, target, &set).await.unwrap();
            let report = weak.perform(&approved).await.unwrap();
            assert_eq!(report.outcome, Outcome::Failed);
            let problem = &report.problems[0].1;
            // From PostgreSQL 17 on, REINDEX requires the privilege MAINTAIN, which the owner has.
            let words = ["must be owner", "permission denied for index"];
            assert!(
                words.iter().any(|words| problem.message.contains(words)),
                "{name}: {problem:?}"
            );
            assert!(
                problem.fix.is_some_and(|fix| fix.contains("GRANT")),
                "{problem:?}"
            );
        }
        rig.sql("drop table guarded cascade").await;
    });
}

#[test]
fn tables_without_timescaledb_are_served_too() {
    with_targets(|targets| {
        block_on(async {
            let rig = Rig::on("plain", &targets.plain).await;
            rig.sql(HOSTILE).await;
            rig.sql(&format!(r#"
                insert into {TABLE} select now() + i * interval '1 hour', i, i, 'x' from generate_series(1, 500) i;
                create unique index "{LONG}1" on {TABLE} ("De Vice", ts) include (v) with (fillfactor = 60) where tag is not null;
                create unique index ident on {TABLE} ("De Vice"); alter table {TABLE} replica identity using index ident;
                create index half on {TABLE} (v); create index twin on {TABLE} (v);
                alter table {TABLE} add constraint apart exclude using btree (ts with =);
                drop table if exists parted; create table parted (a int, b int) partition by range (a);
                create table parted_1 partition of parted for values from (0) to (10); create index parted_b on parted (b)"#)).await;
            rig.there_and_back("drop-index", &index(&format!("{LONG}1")), &[], INDEXES)
                .await;
            rig.there_and_back("drop-index", &index("ident"), &[], INDEXES)
                .await;
            rig.there_and_back("drop-index", &index("twin"), &[], INDEXES)
                .await;
            rig.there_and_back("drop-index", "parted_b", &[], "select count(*) from pg_class where relname like 'parted%idx' or relname = 'parted_b'").await;
            let why = rig
                .plan("drop-index", "parted_1_b_idx", &[])
                .await
                .unwrap_err();
            assert!(why.contains("is a partition of another index"), "{why}");
            let why = rig
                .plan("drop-index", &index("apart"), &[])
                .await
                .unwrap_err();
            assert!(why.contains("exclusion constraint apart"), "{why}");
            let why = rig
                .plan("rebuild-missing", &index("half"), &[])
                .await
                .unwrap_err();
            assert!(why.contains("not a hypertable's index"), "{why}");
            for name in [index("half"), index("apart"), "parted_b".to_owned()] {
                let files = "select string_agg(relfilenode::text, ',' order by oid) from pg_class where relkind = 'i' and oid > 16384";
                let before = rig.text(files).await;
                rig.act("reindex-index", &name, &[]).await;
                assert_ne!(rig.text(files).await, before, "{name}");
            }
            let why = rig
                .plan("reindex-index", "pg_catalog.pg_class_oid_index", &[])
                .await
                .unwrap_err();
            assert!(why.contains("PostgreSQL's own"), "{why}");
        });
    });
}

#[test]
fn an_aggregates_indexes_are_acted_on_by_the_names_of_its_view() {
    on_each(|rig, _| async move {
        let of = "from pg_index x join _timescaledb_catalog.continuous_agg a on a.user_view_name = 'oee_hourly'
            join _timescaledb_catalog.hypertable h on h.id = a.mat_hypertable_id
            join pg_class t on t.relname = h.table_name and t.oid = x.indrelid";
        let indexes = format!(
            "select string_agg(pg_get_indexdef(x.indexrelid), E'\n' order by x.indexrelid::regclass::text) {of}"
        );
        let first = rig
            .text(&format!("select min(x.indexrelid)::oid::regclass {of}"))
            .await;
        rig.there_and_back("drop-index", &first, &[], &indexes)
            .await;
        rig.there_and_back(
            "create-index",
            "mes.oee_hourly",
            &[("columns", "bucket desc, oee"), ("name", "made")],
            &indexes,
        )
        .await;
        rig.act("reindex-table", "mes.oee_hourly", &[("at_least_kb", "0")])
            .await;
    });
}

#[test]
fn the_stand_in_is_reindexed_and_refuses_the_rest() {
    with_targets(|targets| {
        for target in targets.all.iter().filter(|target| !target.real) {
            block_on(async {
                let rig = Rig::new(target).await;
                let name = "mes.metric_hist_def_ts_idx";
                rig.act("reindex-index", name, &[("at_least_kb", "0")])
                    .await;
                for (name, target, set) in [
                    ("drop-index", name, vec![]),
                    ("rebuild-missing", name, vec![]),
                    ("create-index", "mes.metric_hist", vec![("columns", "ts")]),
                ] {
                    let why = rig.plan(name, target, &set).await.unwrap_err();
                    assert!(why.contains("simulated"), "{name}: {why}");
                }
            });
        }
    });
}
