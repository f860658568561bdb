//! Creating indexes, completing them, and rebuilding them.

use std::time::Duration;

use hypertop::actions::execute::{Order, Progress, Report};
use hypertop::journal::Outcome;
use tokio::sync::{mpsc, watch};

use super::support::act::{Rig, script};
use super::{
    INDEXES, INVALID, LONG, TABLE, compress_two, hostile, index, lacking, on_each, support,
};

/// Runs a plan until it waits for this session, then stops it.
async fn stopped(
    rig: &Rig,
    blocker: &str,
    name: &str,
    target: &str,
    set: &[(&str, &str)],
) -> Report {
    let approved = rig.plan(name, target, set).await.unwrap();
    let (told, mut progress) = mpsc::unbounded_channel();
    let (orders, order) = watch::channel(Order::Go);
    let stop = async {
        let waits = async {
            while let Some(told) = progress.recv().await {
                if matches!(told, Progress::Waits(why) if why.contains(&format!("session {blocker} ")))
                {
                    break;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(60), waits)
            .await
            .unwrap();
        orders.send(Order::Stop).unwrap();
    };
    let (report, ()) = tokio::join!(rig.actor.perform(&approved, &told, order), stop);
    report.unwrap()
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
                rig.rollback(&[report.id]).await;
                assert_eq!(rig.text(INDEXES).await, before, "{}", rig.name);
                rig.act("rebuild-missing", &index(&name), &[]).await;
            } else {
                assert!(rig.rollback_plan(&[report.id]).await.is_err());
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
        if rig.session.server.timescaledb.unwrap().minor < 14 {
            let why = refused(&[("columns", "(v + 1)")]).await;
            assert!(why.contains("crash the server"), "{why}");
        }
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
    on_each(|rig, _| async move {
        hostile(&rig).await;
        let approved = rig
            .plan(
                "create-index",
                TABLE,
                &[("columns", "(100 / (v - 60))"), ("name", "broken")],
            )
            .await
            .unwrap();
        let report = rig.perform(&approved).await.unwrap();
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

        rig.there_and_back("drop-index", &index("broken"), &[], INDEXES)
            .await;
    });
}

/// The files of all chunk indexes.
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
        let approved = rig
            .plan("reindex-index", &index(&format!("{LONG}1")), &[])
            .await
            .unwrap();
        assert_eq!(
            approved.plan.steps.len(),
            3,
            "the empty ones of compressed chunks are left out: {}",
            script(&approved.plan)
        );
        assert!(
            approved
                .plan
                .notes
                .iter()
                .any(|note| note.text.contains("2 indexes smaller than")),
            "{:?}",
            approved.plan.notes
        );
        let between = rig.text(FILES).await;
        assert_ne!(between, files);
        // Two indexes on each of five chunks, and those of the compressed rows of two.
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
            rig.rollback_plan(&[report.id])
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
        // The build on the third chunk waits for this open transaction.
        let other = support::client(&rig.conninfo).await;
        let row = other
            .query_one("select pg_backend_pid()::text", &[])
            .await
            .unwrap();
        let blocker: &str = row.get(0);
        other
            .batch_execute(&format!(
                "begin; insert into {TABLE} values ('2026-03-03 12:30', 1, 1, 'x')"
            ))
            .await
            .unwrap();
        let report = stopped(
            &rig,
            blocker,
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
        assert_eq!(rig.text(INVALID).await, "1", "{}", rig.name);
        let approved = rig
            .plan("drop-leftovers", &index(&format!("{LONG}1")), &[])
            .await
            .unwrap();
        assert!(
            script(&approved.plan).contains("_ccnew"),
            "{}",
            script(&approved.plan)
        );
        let report = rig.perform(&approved).await.unwrap();
        assert_eq!(report.problems, []);
        assert_eq!(rig.text(INVALID).await, "0", "{}", rig.name);
    });
}
