//! Indexes: each action is done, seen by SQL, taken back, and seen to be as before; on every TimescaleDB there is, and
//! on tables of PostgreSQL's own.

mod support;

use std::time::Duration;

use hypertop::act::{Order, Progress, Report};
use hypertop::journal::Outcome;
use support::act::{Rig, script};
use support::{block_on, with_targets};
use tokio::sync::{mpsc, watch};

/// A schema and a table whose names are quoted, and index names of 63 bytes that are the same at their beginning.
const HOSTILE: &str = r#"
    drop schema if exists "S'ch ""ö.é" cascade; create schema "S'ch ""ö.é";
    create table "S'ch ""ö.é"."T.a""b 'c" (ts timestamptz not null, "De Vice" int not null, v float8, tag text);
"#;
const TABLE: &str = r#""S'ch ""ö.é"."T.a""b 'c""#;
const LONG: &str = "ein Index, dessen Name so lang ist, wie er nur sein darf, wohl";
/// All that an undo promises of the indexes of the table: definitions, flags, comments, tablespaces; and how many copies.
const INDEXES: &str = r#"select jsonb_agg(jsonb_build_array(pg_get_indexdef(x.indexrelid), x.indisvalid, x.indisclustered, x.indisreplident,
      obj_description(x.indexrelid, 'pg_class'), c.reltablespace, (select count(*) from pg_index y join pg_inherits i on i.inhrelid = y.indrelid
        join pg_class d on d.oid = y.indexrelid
        where i.inhparent = x.indrelid and y.indclass = x.indclass and y.indnatts = x.indnatts and y.indoption = x.indoption and y.indisvalid
          and d.reltablespace = c.reltablespace)) order by c.relname)
  from pg_index x join pg_class c on c.oid = x.indexrelid
  where x.indrelid = (select t.oid from pg_class t join pg_namespace n on n.oid = t.relnamespace
    where n.nspname = 'S''ch "ö.é' and t.relname = 'T.a"b ''c')"#;

/// The hypertable of hostile names, five chunks of it, two of them compressed.
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

/// How many chunks of the table lack an index that begins with these columns.
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

/// Every real TimescaleDB, one after the other.
fn on_each<F: Future<Output = ()>>(test: impl Fn(Rig, bool) -> F) {
    with_targets(|targets| {
        for target in targets.all.iter().filter(|target| target.real) {
            block_on(async {
                let rig = Rig::new(target).await;
                let version = rig.session.server.timescaledb.expect("a version");
                println!("{}", rig.name);
                test(rig, (version.major, version.minor) >= (2, 22)).await;
            });
        }
    });
}

/// Performs until the first notice of progress that waits for a lock, or for a while; then stops it.
async fn stopped(rig: &Rig, name: &str, target: &str, set: &[(&str, &str)]) -> Report {
    let deed = rig.plan(name, target, set).await.expect("a plan");
    let (told, mut progress) = mpsc::unbounded_channel();
    let (orders, order) = watch::channel(Order::Go);
    let stop = async {
        let waits = async {
            while let Some(told) = progress.recv().await {
                if matches!(told, Progress::Waits(_)) {
                    break;
                }
            }
        };
        // On PostgreSQL whose progress views say nothing of the waiting, time has to do.
        let _ = tokio::time::timeout(Duration::from_secs(5), waits).await;
        orders.send(Order::Stop).expect("it runs");
    };
    let (report, ()) = tokio::join!(rig.actor.perform(&deed, &told, order), stop);
    report.expect("a report")
}

#[test]
fn a_dropped_index_comes_back_with_all_its_attributes() {
    on_each(|rig, _| async move {
        hostile(&rig).await;
        let space = format!("räum {}", rig.name);
        // Cannot be in one text with others, which would be one transaction.
        rig.sql("set allow_in_place_tablespaces = on").await;
        rig.sql(&format!("drop tablespace if exists \"{space}\""))
            .await;
        rig.sql(&format!("create tablespace \"{space}\" location ''"))
            .await;
        rig.sql(&format!(
            r#"create index "{LONG}1" on {TABLE} ("De Vice", ts desc nulls last) with (fillfactor = 70) where v > 3;
               create index "{LONG}2" on {TABLE} (lower(tag) text_pattern_ops, ts) tablespace "{space}";
               comment on index {} is 'it''s "mine"';
               alter table {TABLE} cluster on "{LONG}2""#,
            index(&format!("{LONG}2")),
        ))
        .await;
        compress_two(&rig).await;
        for name in [format!("{LONG}1"), format!("{LONG}2")] {
            rig.there_and_back("drop-index", &index(&name), &[], INDEXES)
                .await;
            assert_eq!(
                rig.text("select count(*) from pg_index where not indisvalid")
                    .await,
                "0",
                "{}",
                rig.name
            );
        }
        rig.sql("drop schema \"S'ch \"\"ö.é\" cascade").await;
        rig.sql(&format!("drop tablespace \"{space}\"")).await;
    });
}

#[test]
fn an_index_that_was_made_anew_can_be_dropped_and_taken_back_again() {
    on_each(|rig, _| async move {
        hostile(&rig).await;
        rig.sql(&format!("create index again on {TABLE} (v)")).await;
        let before = rig.text(INDEXES).await;
        let first = rig.act("drop-index", &index("again"), &[]).await;
        rig.rollback(&[first.id.unwrap()]).await;
        let second = rig.act("drop-index", &index("again"), &[]).await;
        rig.rollback(&[second.id.unwrap()]).await;
        assert_eq!(rig.text(INDEXES).await, before, "{}", rig.name);
    });
}

#[test]
fn a_unique_index_comes_back_where_timescaledb_can_make_one() {
    on_each(|rig, by_shape| async move {
        hostile(&rig).await;
        // Up to 2.21 compression keeps unique indexes from being made: it is enabled, so this must be said.
        let table = TABLE.replace('\'', "''");
        if !by_shape {
            rig.sql(&format!("alter table {TABLE} set (timescaledb.compress = false); create unique index uniq on {TABLE} (\"De Vice\", ts);
                alter table {TABLE} set (timescaledb.compress)")).await;
            let deed = rig.plan("drop-index", &index("uniq"), &[]).await.unwrap();
            assert!(
                deed.plan.undo.text().contains("compression enabled"),
                "{:?}",
                deed.plan.undo
            );
            rig.sql(&format!(
                "alter table {TABLE} set (timescaledb.compress = false)"
            ))
            .await;
        } else {
            rig.sql(&format!(
                "create unique index uniq on {TABLE} (\"De Vice\", ts)"
            ))
            .await;
            compress_two(&rig).await;
        }
        if by_shape {
            rig.sql(&format!(
                "alter table {TABLE} replica identity using index uniq"
            ))
            .await;
        }
        rig.there_and_back("drop-index", &index("uniq"), &[], INDEXES)
            .await;
        let chunks = rig
            .text(&format!(
                "select count(*) from pg_inherits where inhparent = '{table}'::regclass"
            ))
            .await;
        let kept = rig.text(&format!("select count(*) from pg_index x join pg_inherits i on i.inhrelid = x.indrelid where i.inhparent = '{table}'::regclass
            and x.indisunique")).await;
        assert_eq!(chunks, kept, "{}", rig.name);
    });
}

#[test]
fn the_survivor_of_a_duplicate_has_its_index_on_every_chunk() {
    on_each(|rig, by_shape| async move {
        rig.sql(HOSTILE).await;
        let table = TABLE.replace('\'', "''");
        let rows = |from: i32| {
            format!(
                "insert into {TABLE} select '2026-03-01'::timestamptz + i * interval '1 hour', i % 7, i from generate_series({from}, {from} + 71) i"
            )
        };
        rig.sql(&format!(
            "select create_hypertable('{table}', 'ts', chunk_time_interval => interval '1 day')"
        ))
        .await;
        // The first chunks come before the duplicate, so they have an index for each of the two; the last share one.
        rig.sql(&format!("create index \"{LONG}1\" on {TABLE} (v desc)"))
            .await;
        rig.sql(&rows(0)).await;
        rig.sql(&format!("create index \"{LONG}2\" on {TABLE} (v desc)"))
            .await;
        rig.sql(&rows(72)).await;
        for name in [format!("{LONG}2"), format!("{LONG}1")] {
            let before = rig.text(INDEXES).await;
            let deed = rig.plan("drop-index", &index(&name), &[]).await.unwrap();
            let steps = deed.plan.steps.len();
            assert_eq!(steps > 1, by_shape, "{}: {}", rig.name, script(&deed.plan));
            let report = rig.perform(&deed).await.unwrap();
            assert_eq!(report.problems, [], "{}", rig.name);
            assert_eq!(lacking(&rig, "v DESC").await, "0", "{}", rig.name);
            if by_shape {
                let without = rig.text(&format!("select count(*) from pg_inherits i where i.inhparent = '{table}'::regclass and not exists (
                    select from pg_index x, pg_index r where x.indrelid = i.inhrelid and r.indrelid = i.inhparent and pg_get_indexdef(r.indexrelid) like '%(v DESC)'
                      and _timescaledb_functions.index_matches(r.indexrelid, x.indexrelid))")).await;
                assert_eq!(without, "0", "{}", rig.name);
            }
            rig.rollback(&[report.id.unwrap()]).await;
            assert_eq!(rig.text(INDEXES).await, before, "{}", rig.name);
        }
    });
}

#[test]
fn a_duplicate_is_not_dropped_when_the_other_has_gone_or_chunks_have_come() {
    on_each(|rig, _| async move {
        hostile(&rig).await;
        rig.sql(&format!(
            "create index one on {TABLE} (v); create index two on {TABLE} (v)"
        ))
        .await;
        let deed = rig.plan("drop-index", &index("two"), &[]).await.unwrap();
        rig.sql(&format!(
            "insert into {TABLE} values ('2026-05-01', 1, 1, 'x')"
        ))
        .await;
        let report = rig.perform(&deed).await.unwrap();
        assert!(
            report.problems[0].1.message.contains("chunks came or went"),
            "{:?}",
            report.problems
        );
        let deed = rig.plan("drop-index", &index("two"), &[]).await.unwrap();
        rig.sql(&format!("drop index {}", index("one"))).await;
        let report = rig.perform(&deed).await.unwrap();
        assert!(
            report
                .problems
                .last()
                .unwrap()
                .1
                .message
                .contains("should stay, but is gone"),
            "{:?}",
            report.problems
        );
    });
}

#[test]
fn what_needs_an_index_keeps_it_from_being_dropped() {
    on_each(|rig, _| async move {
        rig.sql("drop table if exists needy cascade; create table needy (ts timestamptz primary key, v int);
            select create_hypertable('needy', 'ts'); insert into needy values ('2026-01-01', 1); create index needy_v on needy (v);
            select add_reorder_policy('needy', 'needy_v')").await;
        let why = rig.plan("drop-index", "needy_pkey", &[]).await.unwrap_err();
        assert!(
            why.contains("ALTER TABLE public.needy DROP CONSTRAINT needy_pkey"),
            "{why}"
        );
        let why = rig.plan("drop-index", "needy_v", &[]).await.unwrap_err();
        assert!(why.contains("reorder policy"), "{why}");
        let chunk = rig.text("select x.indexrelid::regclass from pg_index x join pg_inherits i on i.inhrelid = x.indrelid
            where i.inhparent = 'needy'::regclass limit 1").await;
        let why = rig.plan("drop-index", &chunk, &[]).await.unwrap_err();
        assert!(why.contains("a chunk's"), "{why}");
        rig.sql("drop table needy cascade").await;
    });
}

#[test]
fn chunks_that_lack_an_index_get_it() {
    on_each(|rig, by_shape| async move {
        hostile(&rig).await;
        rig.sql(&format!("create index \"{LONG}1\" on {TABLE} (\"De Vice\", v desc); create index \"{LONG}2\" on {TABLE} (v) where v > 4;
            comment on index {} is 'kept'", index(&format!("{LONG}1")))).await;
        compress_two(&rig).await;
        for (name, columns) in [
            (format!("{LONG}1"), "\"De Vice\", v DESC"),
            (format!("{LONG}2"), "v"),
        ] {
            let whole = rig.text(INDEXES).await;
            let why = rig
                .plan("rebuild-missing", &index(&name), &[])
                .await
                .unwrap_err();
            assert!(why.contains("on every chunk"), "{why}");
            rig.sql(&format!("do $$ declare i regclass; begin for i in select y.indexrelid from pg_inherits h join pg_index y on y.indrelid = h.inhrelid
                where h.inhparent = '{}'::regclass and pg_get_indexdef(y.indexrelid) like '%({columns})%' order by 1 limit 3
                loop execute 'drop index ' || i; end loop; end $$", TABLE.replace('\'', "''"))).await;
            let before = rig.text(INDEXES).await;
            assert_eq!(lacking(&rig, columns).await, "3", "{}", rig.name);
            let report = rig.act("rebuild-missing", &index(&name), &[]).await;
            assert_eq!(lacking(&rig, columns).await, "0", "{}", rig.name);
            assert_eq!(rig.text(INDEXES).await, whole, "{}", rig.name);
            let why = rig
                .plan("rebuild-missing", &index(&name), &[])
                .await
                .unwrap_err();
            assert!(why.contains("on every chunk"), "{why}");
            if by_shape {
                rig.rollback(&[report.id.unwrap()]).await;
                assert_eq!(rig.text(INDEXES).await, before, "{}", rig.name);
                rig.act("rebuild-missing", &index(&name), &[]).await;
            } else {
                assert!(rig.rollback_plan(&[report.id.unwrap()]).await.is_err());
            }
        }
    });
}

#[test]
fn a_new_index_is_on_every_chunk_and_goes_again() {
    on_each(|rig, by_shape| async move {
        hostile(&rig).await;
        compress_two(&rig).await;
        let create = |set: &[(&str, &str)]| {
            let set: Vec<_> = set
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect();
            let rig = &rig;
            async move {
                let set: Vec<_> = set.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
                rig.there_and_back("create-index", TABLE, &set, INDEXES)
                    .await;
            }
        };
        create(&[
            ("columns", "\"De Vice\", ts desc"),
            ("where", "v > 3 and tag <> 'a;b'"),
        ])
        .await;
        create(&[
            ("columns", "v"),
            ("method", "brin"),
            ("name", LONG),
            ("per_chunk", "no"),
        ])
        .await;
        create(&[("columns", "tag"), ("include", "v, \"De Vice\"")]).await;
        if by_shape {
            create(&[("columns", "\"De Vice\", ts"), ("unique", "yes")]).await;
        } else {
            let why = rig
                .plan(
                    "create-index",
                    TABLE,
                    &[("columns", "\"De Vice\", ts"), ("unique", "yes")],
                )
                .await
                .unwrap_err();
            assert!(why.contains("compression enabled"), "{why}");
        }
        let refused = |set: &'static [(&'static str, &'static str)]| {
            let rig = &rig;
            async move { rig.plan("create-index", TABLE, set).await.unwrap_err() }
        };
        assert!(
            refused(&[("columns", "v); drop table x; --")])
                .await
                .contains("parentheses"),
            "{}",
            rig.name
        );
        assert!(
            refused(&[("columns", "v"), ("unique", "yes")])
                .await
                .contains("must include ts"),
            "{}",
            rig.name
        );
        rig.sql(&format!("create index there on {TABLE} (v, tag desc)"))
            .await;
        assert!(
            refused(&[("columns", "v,tag DESC")])
                .await
                .contains("the same index already"),
            "{}",
            rig.name
        );
    });
}

#[test]
fn an_index_whose_build_failed_is_dropped_or_made_whole() {
    on_each(|rig, by_shape| async move {
        hostile(&rig).await;
        let deed = rig
            .plan(
                "create-index",
                TABLE,
                &[("columns", "(100 / (v - 60))"), ("name", "broken")],
            )
            .await
            .unwrap();
        let report = rig.perform(&deed).await.unwrap();
        assert_eq!(report.outcome, Outcome::Failed, "{}", rig.name);
        assert!(
            report.problems[0].1.message.contains("division by zero"),
            "{:?}",
            report.problems
        );
        assert_eq!(
            rig.text(&format!(
                "select indisvalid from pg_index where indexrelid = '{}'::regclass",
                index("broken").replace('\'', "''")
            ))
            .await,
            "f"
        );
        rig.sql(&format!("update {TABLE} set v = 61 where v = 60"))
            .await;
        rig.act("rebuild-missing", &index("broken"), &[]).await;
        let valid = format!(
            "select indisvalid from pg_index where indexrelid = '{}'::regclass",
            index("broken").replace('\'', "''")
        );
        assert_eq!(rig.text(&valid).await, "t", "{}", rig.name);
        assert_eq!(rig.text(&format!("select count(*) from pg_index x join pg_inherits i on i.inhrelid = x.indrelid where i.inhparent = '{}'::regclass
            and x.indexprs is not null and x.indisvalid", TABLE.replace('\'', "''"))).await, "5", "{}", rig.name);
        let _ = by_shape;
        rig.there_and_back("drop-index", &index("broken"), &[], INDEXES)
            .await;
    });
}

/// The files of all copies of the indexes.
const FILES: &str = r#"select string_agg(c.relfilenode::text, ',' order by c.relfilenode) from pg_index x join pg_class c on c.oid = x.indexrelid
  join pg_inherits i on i.inhrelid = x.indrelid join pg_class t on t.oid = i.inhparent where t.relname = 'T.a"b ''c'"#;

#[test]
fn a_reindex_gives_every_copy_a_new_file_and_nothing_else() {
    on_each(|rig, _| async move {
        hostile(&rig).await;
        rig.sql(&format!("create index \"{LONG}1\" on {TABLE} (v)"))
            .await;
        compress_two(&rig).await;
        let (indexes, files) = (rig.text(INDEXES).await, rig.text(FILES).await);
        let report = rig
            .act(
                "reindex-index",
                &index(&format!("{LONG}1")),
                &[("at_least_kb", "0")],
            )
            .await;
        assert_eq!(report.steps_done, 5);
        let deed = rig
            .plan("reindex-index", &index(&format!("{LONG}1")), &[])
            .await
            .unwrap();
        assert_eq!(
            deed.plan.steps.len(),
            3,
            "the empty ones of compressed chunks are left out: {}",
            script(&deed.plan)
        );
        assert!(
            deed.plan
                .notes
                .iter()
                .any(|note| note.text.contains("2 indexes smaller than")),
            "{:?}",
            deed.plan.notes
        );
        let between = rig.text(FILES).await;
        assert_ne!(between, files);
        // Both indexes of five chunks, and those of what is compressed of two.
        let report = rig
            .act("reindex-table", TABLE, &[("at_least_kb", "0")])
            .await;
        assert!(
            report.steps_done >= 12,
            "{}: {}",
            rig.name,
            report.steps_done
        );
        assert_ne!(rig.text(FILES).await, between);
        assert_eq!(rig.text(INDEXES).await, indexes);
        assert!(
            rig.rollback_plan(&[report.id.unwrap()])
                .await
                .unwrap_err()
                .contains("new files")
        );
    });
}

#[test]
fn a_reindex_that_was_cancelled_says_so_and_its_leftover_is_dropped() {
    on_each(|rig, _| async move {
        hostile(&rig).await;
        rig.sql(&format!("create index \"{LONG}1\" on {TABLE} (v)"))
            .await;
        let why = rig
            .plan("drop-leftovers", &index(&format!("{LONG}1")), &[])
            .await
            .unwrap_err();
        assert!(why.contains("no invalid _ccnew"), "{why}");
        // An open transaction that wrote to the third chunk keeps its build waiting.
        let other = support::client(&rig.conninfo).await;
        other
            .batch_execute(&format!(
                "begin; insert into {TABLE} values ('2026-03-03 12:30', 1, 1, 'x')"
            ))
            .await
            .unwrap();
        let report = stopped(
            &rig,
            "reindex-index",
            &index(&format!("{LONG}1")),
            &[("at_least_kb", "0")],
        )
        .await;
        assert_eq!(
            report.outcome,
            Outcome::Cancelled,
            "{}: {report:?}",
            rig.name
        );
        assert_eq!(report.steps_done, 2, "{}: {report:?}", rig.name);
        other.batch_execute("rollback").await.unwrap();
        let left = "select count(*) from pg_index where not indisvalid";
        assert_eq!(rig.text(left).await, "1", "{}", rig.name);
        let deed = rig
            .plan("drop-leftovers", &index(&format!("{LONG}1")), &[])
            .await
            .unwrap();
        assert!(
            script(&deed.plan).contains("_ccnew"),
            "{}",
            script(&deed.plan)
        );
        let report = rig.perform(&deed).await.unwrap();
        assert_eq!(report.problems, []);
        assert_eq!(rig.text(left).await, "0", "{}", rig.name);
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
            let deed = weak.plan(name, target, &set).await.unwrap();
            let report = weak.perform(&deed).await.unwrap();
            assert_eq!(report.outcome, Outcome::Failed);
            let problem = &report.problems[0].1;
            assert!(
                problem.message.contains("must be owner"),
                "{name}: {problem:?}"
            );
            assert!(
                problem.mend.is_some_and(|mend| mend.contains("GRANT")),
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
            assert!(why.contains("a partition's part"), "{why}");
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
