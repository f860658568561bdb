//! Dropping indexes, and restoring them.

use hypertop::journal::Outcome;

use super::support::act::script;
use super::{
    HOSTILE, INDEXES, INVALID, LONG, TABLE, compress_two, hostile, index, lacking, on_each,
};

#[test]
fn a_dropped_index_comes_back_with_all_its_attributes() {
    on_each(|rig, _| async move {
        hostile(&rig).await;
        let space = format!("räum {}", rig.name);
        // Must not be in one text with other statements, which would be one transaction.
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
            assert_eq!(rig.text(INVALID).await, "0", "{}", rig.name);
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
        rig.rollback(&[first.id]).await;
        let second = rig.act("drop-index", &index("again"), &[]).await;
        rig.rollback(&[second.id]).await;
        assert_eq!(rig.text(INDEXES).await, before, "{}", rig.name);
    });
}

#[test]
fn a_unique_index_comes_back_where_timescaledb_can_make_one() {
    on_each(|rig, by_shape| async move {
        hostile(&rig).await;
        // Up to 2.21, unique indexes cannot be created while compression is enabled, so the drop is irreversible.
        let table = TABLE.replace('\'', "''");
        if by_shape {
            rig.sql(&format!("create unique index uniq on {TABLE} (\"De Vice\", ts); alter table {TABLE} replica identity using index uniq")).await;
            compress_two(&rig).await;
        } else {
            let compression =
                |on: bool| format!("alter table {TABLE} set (timescaledb.compress = {on})");
            rig.sql(&format!(
                "{}; create unique index uniq on {TABLE} (\"De Vice\", ts); {}",
                compression(false),
                compression(true)
            ))
            .await;
            let approved = rig.plan("drop-index", &index("uniq"), &[]).await.unwrap();
            assert!(
                approved.plan.undo.text().contains("compression enabled"),
                "{:?}",
                approved.plan.undo
            );
            rig.sql(&compression(false)).await;
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
        // The first chunks are older than the duplicate, so they have two indexes; the later ones share one.
        rig.sql(&format!("create index \"{LONG}1\" on {TABLE} (v desc)"))
            .await;
        rig.sql(&rows(0)).await;
        rig.sql(&format!("create index \"{LONG}2\" on {TABLE} (v desc)"))
            .await;
        rig.sql(&rows(72)).await;
        for name in [format!("{LONG}2"), format!("{LONG}1")] {
            let before = rig.text(INDEXES).await;
            let approved = rig.plan("drop-index", &index(&name), &[]).await.unwrap();
            let steps = approved.plan.steps.len();
            assert_eq!(
                steps > 1,
                by_shape,
                "{}: {}",
                rig.name,
                script(&approved.plan)
            );
            if by_shape {
                let notes = format!("{:?}", approved.plan.notes);
                assert!(
                    notes.contains("on 3 chunks the duplicates share one index"),
                    "{notes}"
                );
                let set = [("on_error", "continue")];
                let why = rig
                    .plan("drop-index", &index(&name), &set)
                    .await
                    .unwrap_err();
                assert!(why.contains("without an index"), "{why}");
            }
            let report = rig.perform(&approved).await.unwrap();
            assert_eq!(report.problems, [], "{}", rig.name);
            assert_eq!(lacking(&rig, "v DESC").await, "0", "{}", rig.name);
            if by_shape {
                let without = rig.text(&format!("select count(*) from pg_inherits i where i.inhparent = '{table}'::regclass and not exists (
                    select from pg_index x, pg_index r where x.indrelid = i.inhrelid and r.indrelid = i.inhparent and pg_get_indexdef(r.indexrelid) like '%(v DESC)'
                      and case x.indrelid when i.inhrelid then _timescaledb_functions.index_matches(r.indexrelid, x.indexrelid) end)")).await;
                assert_eq!(without, "0", "{}", rig.name);
            }
            rig.rollback(&[report.id]).await;
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
        let approved = rig.plan("drop-index", &index("two"), &[]).await.unwrap();
        rig.sql(&format!(
            "insert into {TABLE} values ('2026-05-01', 1, 1, 'x')"
        ))
        .await;
        let report = rig.perform(&approved).await.unwrap();
        assert!(
            report.problems[0]
                .1
                .message
                .contains("chunks were created or dropped"),
            "{:?}",
            report.problems
        );
        let approved = rig.plan("drop-index", &index("two"), &[]).await.unwrap();
        rig.sql(&format!("drop index {}", index("one"))).await;
        let report = rig.perform(&approved).await.unwrap();
        assert!(
            report
                .problems
                .last()
                .unwrap()
                .1
                .message
                .contains("should stay, but no longer exists"),
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
        assert!(why.contains("an index of a chunk"), "{why}");
        rig.sql("drop table needy cascade").await;
    });
}

#[test]
fn of_two_duplicates_that_are_marked_together_one_stays() {
    on_each(|rig, _| async move {
        hostile(&rig).await;
        rig.sql(&format!(
            "create index one on {TABLE} (v desc); create index two on {TABLE} (v desc);
            insert into {TABLE} values ('2026-05-01', 1, 1, 'x')"
        ))
        .await;
        let one = rig.plan("drop-index", &index("one"), &[]).await.unwrap();
        let mut both = rig.plan("drop-index", &index("two"), &[]).await.unwrap();
        both.seen.extend(one.seen);
        both.plan =
            hypertop::actions::plans::together("both".to_owned(), vec![both.plan, one.plan])
                .unwrap();
        let report = rig.perform(&both).await.unwrap();
        assert_eq!(report.outcome, Outcome::Failed);
        assert!(
            report.problems[0]
                .1
                .message
                .contains("should stay, but no longer exists"),
            "{report:?}"
        );
        assert_eq!(lacking(&rig, "v DESC").await, "0", "{}", rig.name);
        assert_eq!(
            rig.text(&format!(
                "select to_regclass('{}') is null",
                index("one").replace('\'', "''")
            ))
            .await,
            "f"
        );
    });
}
