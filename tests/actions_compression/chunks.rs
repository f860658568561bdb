//! Compressing, decompressing and recompressing chunks, and failures.

use hypertop::actions::plans;
use hypertop::journal::Outcome;
use hypertop::model::plan::{Consent, Undo};
use hypertop::model::version::Version;

use super::support::act::{Rig, script};
use super::{Place, everywhere, notes, support, version};

#[test]
fn old_chunks_are_compressed_oldest_first_and_decompressed_again() {
    everywhere(&async |rig, _| {
        let place = Place::make(&rig, "compress").await;
        place.compress(&rig, "9 days").await;
        let set = [("older_than", "7d")];
        let approved = rig
            .plan("compress-chunks", &place.table, &set)
            .await
            .unwrap();
        assert_eq!(approved.plan.steps.len(), 2, "{}", script(&approved.plan));
        assert!(matches!(approved.plan.undo, Undo::Partly(_)));
        assert!(
            notes(&approved.plan).contains("become about"),
            "{}",
            notes(&approved.plan)
        );
        assert!(approved.plan.steps.iter().all(|step| step.bytes > 0));
        rig.there_and_back("compress-chunks", &place.table, &set, &place.chunks())
            .await;
        let report = rig
            .act(
                "compress-chunks",
                &place.table,
                &[("older_than", "7d"), ("at_most", "1")],
            )
            .await;
        assert_eq!(report.steps, 1);
        assert_eq!(
            rig.text(&place.statuses()).await,
            "11000000000",
            "{}",
            rig.name
        );
    });
}

#[test]
fn of_two_tables_in_one_plan_a_change_to_the_second_is_noticed_before_it_runs() {
    everywhere(&async |rig, _| {
        let (one, other) = (
            Place::make(&rig, "one").await,
            Place::make(&rig, "other").await,
        );
        let set = [("older_than", "7d")];
        let mut approved = rig.plan("compress-chunks", &one.table, &set).await.unwrap();
        let second = rig
            .plan("compress-chunks", &other.table, &set)
            .await
            .unwrap();
        let both = vec![approved.plan, second.plan];
        approved.plan = plans::together("compress both".to_owned(), both).unwrap();
        approved.seen.extend(second.seen);
        other.compress(&rig, "9 days").await;
        let before = rig.text(&one.statuses()).await;
        let told = rig.perform(&approved).await.unwrap_err();
        assert!(
            told.contains("changed since the preview"),
            "{}: {told}",
            rig.name
        );
        assert_eq!(rig.text(&one.statuses()).await, before, "{}", rig.name);
    });
}

#[test]
fn where_nothing_waits_it_says_so_and_offers_what_would() {
    everywhere(&async |rig, _| {
        let place = Place::make(&rig, "nothing").await;
        let refused = rig
            .plan("compress-chunks", &place.table, &[("older_than", "1y")])
            .await
            .unwrap_err();
        assert!(
            refused.contains("10 chunks can") && refused.contains("--set older_than='0s'"),
            "{refused}"
        );
        place.compress(&rig, "0 days").await;
        let refused = rig
            .plan("compress-chunks", &place.table, &[])
            .await
            .unwrap_err();
        assert!(refused.contains("has not ended yet"), "{refused}");
    });
}

#[test]
fn late_rows_are_recompressed() {
    everywhere(&async |rig, _| {
        let place = Place::make(&rig, "late").await;
        place.compress(&rig, "8 days").await;
        let refused = rig
            .plan("recompress-chunks", &place.table, &[])
            .await
            .unwrap_err();
        assert!(
            refused.contains("partial or unordered (in the whole table: 0 chunks"),
            "{refused}"
        );
        rig.sql(&format!(
            "insert into {} select date_trunc('day', now()) - interval '10 days' + interval '7 min', 1, 'late', 0",
            place.table
        ))
        .await;
        assert!(
            rig.text(&place.statuses()).await.starts_with("91"),
            "{}",
            rig.name
        );
        let rows = rig
            .text(&format!("select count(*) from {}", place.table))
            .await;
        let report = rig.act("recompress-chunks", &place.table, &[]).await;
        assert_eq!(report.steps_done, 1);
        assert!(
            rig.text(&place.statuses()).await.starts_with("110"),
            "{}",
            rig.name
        );
        assert_eq!(
            rig.text(&format!("select count(*) from {}", place.table))
                .await,
            rows
        );
        let refused = rig.rollback_plan(&[report.id]).await.unwrap_err();
        assert!(refused.contains("better packed"), "{refused}");
    });
}

#[test]
fn a_chunk_that_fails_in_the_middle_is_noted_and_the_rest_goes_on_or_stops_as_chosen() {
    everywhere(&async |rig, target| {
        let place = Place::make(&rig, "middle").await;
        let chunk = rig
            .text(&format!(
                "select c from show_chunks('{}') c order by c::oid offset 1 limit 1",
                place.table
            ))
            .await;
        let holder = support::client(&target.conninfo).await;
        holder
            .batch_execute(&format!("begin; lock table {chunk} in row exclusive mode"))
            .await
            .unwrap();
        for (on_error, done, left) in [("stop", 1, "10000000000"), ("continue", 2, "10100000000")] {
            let set = [("older_than", "7d"), ("on_error", on_error)];
            let mut approved = rig
                .plan("compress-chunks", &place.table, &set)
                .await
                .unwrap();
            assert_eq!(approved.plan.steps.len(), 3);
            approved.plan.lock_timeout_seconds = 1;
            let report = rig.perform(&approved).await.unwrap();
            assert_eq!(
                (report.outcome, report.steps_done, report.problems.len()),
                (Outcome::Failed, done, 1),
                "{report:?}"
            );
            assert!(
                report.problems[0].1.to_string().contains("lock timeout"),
                "{:?}",
                report.problems
            );
            assert_eq!(
                rig.text(&place.statuses()).await,
                left,
                "{} {on_error}",
                rig.name
            );
            // Only the steps that succeeded are rolled back, and only their chunks are locked.
            let back = rig.rollback_plan(&[report.id]).await.unwrap();
            let touches = back.plan.touches.iter().map(|touch| touch.name.as_str());
            let locked: Vec<_> = touches.filter(|name| name.contains("_chunk")).collect();
            let bare = chunk.rsplit('.').next().unwrap();
            assert_eq!(locked.len(), done, "{} {on_error}: {locked:?}", rig.name);
            assert!(
                !locked.iter().any(|name| name.contains(bare)),
                "{}: {bare}: {locked:?}",
                rig.name
            );
            rig.rollback(&[report.id]).await;
            assert_eq!(
                rig.text(&place.statuses()).await,
                "00000000000",
                "{}",
                rig.name
            );
        }
        holder.batch_execute("rollback").await.unwrap();
    });
}

#[test]
fn a_frozen_chunk_is_left_alone() {
    everywhere(&async |rig, _| {
        let place = Place::make(&rig, "frozen").await;
        let schema = if version(&rig) < Version::new(2, 12) {
            "_timescaledb_internal"
        } else {
            "_timescaledb_functions"
        };
        rig.sql(&format!(
            "select {schema}.freeze_chunk(c) from (select c from show_chunks('{}') c order by c::oid limit 1) x",
            place.table
        ))
        .await;
        let approved = rig
            .plan("compress-chunks", &place.table, &[("older_than", "7d")])
            .await
            .unwrap();
        assert_eq!(approved.plan.steps.len(), 2);
        assert!(
            notes(&approved.plan).contains("1 chunk frozen"),
            "{}",
            notes(&approved.plan)
        );
        rig.act("compress-chunks", &place.table, &[("older_than", "7d")])
            .await;
        assert!(
            rig.text(&place.statuses()).await.starts_with("4110"),
            "{}",
            rig.name
        );
    });
}

#[test]
fn a_role_without_rights_gets_the_servers_words() {
    everywhere(&async |rig, target| {
        let place = Place::make(&rig, "guest").await;
        rig.sql(&format!(
            "do $$ begin create role hypertop_comp_guest login; exception when duplicate_object then null; end $$;
             grant usage on schema {} to hypertop_comp_guest",
            place.schema
        ))
        .await;
        let conninfo = target
            .conninfo
            .replace("user=postgres", "user=hypertop_comp_guest");
        assert_ne!(conninfo, target.conninfo, "a conninfo with its user");
        let guest = Rig::on(&target.name, &conninfo).await;
        for (action, set) in [
            ("compress-chunks", &[("older_than", "9d")][..]),
            ("edit-compression-settings", &[("segment_by", "none")]),
            ("add-compression-policy", &[("compress_after", "7d")]),
        ] {
            let approved = guest
                .plan(action, &place.table, set)
                .await
                .unwrap_or_else(|why| panic!("{}: {action}: {why}", guest.name));
            let report = guest.perform(&approved).await.unwrap();
            assert_eq!(report.outcome, Outcome::Failed, "{action}");
            let words = report.problems[0].1.to_string();
            assert!(
                words.contains("must be owner of") || words.contains("permission denied"),
                "{action}: {words}"
            );
        }
        assert_eq!(rig.text(&place.statuses()).await, "00000000000");
        rig.sql("drop owned by hypertop_comp_guest").await;
    });
}

#[test]
fn where_decompressing_would_crash_the_server_it_is_refused_and_compressing_has_no_way_back() {
    everywhere(&async |rig, _| {
        if version(&rig) >= Version::new(2, 14) {
            return;
        }
        let place = Place::make(&rig, "crash").await;
        rig.sql(&format!(
            r#"create index on {} (lower("select"))"#,
            place.table
        ))
        .await;
        place.compress(&rig, "9 days").await;
        let refused = rig
            .plan("decompress-chunks", &place.table, &[("chunks", "all")])
            .await
            .unwrap_err();
        assert!(refused.contains("crashes the whole server"), "{refused}");
        let approved = rig
            .plan("compress-chunks", &place.table, &[("older_than", "7d")])
            .await
            .unwrap();
        assert!(matches!(approved.plan.undo, Undo::Never(_)));
        assert!(approved.plan.steps.iter().all(|step| step.undo.is_empty()));
    });
}

#[test]
fn what_is_older_is_what_the_server_finds_older_in_any_time_zone_and_on_any_kind_of_time() {
    everywhere(&async |rig, target| {
        let schema = Place::named("zones").schema;
        rig.sql(&format!(
            "set client_min_messages = error; drop schema if exists {schema} cascade; create schema {schema}"
        ))
        .await;
        let kinds = ["timestamptz", "timestamp", "date"];
        for kind in kinds {
            rig.sql(&format!(
                "create table {schema}.{kind}s (t {kind} not null, v int);
                 select create_hypertable('{schema}.{kind}s', 't', chunk_time_interval => interval '{interval}');
                 insert into {schema}.{kind}s select now() - i * interval '3 hours', 1 from generate_series(0, 300) i;
                 alter table {schema}.{kind}s set (timescaledb.compress)",
                interval = if kind == "date" { "1 day" } else { "3 hours" }
            ))
            .await;
        }
        let database = rig.text("select quote_ident(current_database())").await;
        for zone in ["Asia/Kolkata", "America/New_York"] {
            rig.sql(&format!(
                "alter database {database} set timezone = '{zone}'"
            ))
            .await;
            let abroad = Rig::new(target).await;
            for kind in kinds {
                for age in ["5 days", "1 mon", "50:00:00", "7 days 01:30:00"] {
                    let table = format!("{schema}.{kind}s");
                    let found = abroad
                        .text(&format!(
                            "select count(*) from show_chunks('{table}', older_than => interval '{age}')"
                        ))
                        .await;
                    let approved = abroad
                        .plan("compress-chunks", &table, &[("older_than", age)])
                        .await
                        .unwrap();
                    let steps = approved.plan.steps.len().to_string();
                    assert_eq!(steps, found, "{}: {kind} {age} in {zone}", rig.name);
                }
            }
        }
        rig.sql(&format!(
            "alter database {database} reset timezone; drop schema {schema} cascade"
        ))
        .await;
    });
}

#[test]
fn compressing_that_merges_chunks_says_that_there_is_no_way_back() {
    everywhere(&async |rig, _| {
        let place = Place::make(&rig, "merged").await;
        rig.sql(&format!(
            r#"alter table {} set (timescaledb.compress, timescaledb.compress_segmentby = '"a,b"', timescaledb.compress_orderby = '"Zeit.Punkt"',
                 timescaledb.compress_chunk_time_interval = '10 days')"#,
            place.table
        ))
        .await;
        let set = [("older_than", "6 days")];
        let approved = rig
            .plan("compress-chunks", &place.table, &set)
            .await
            .unwrap();
        assert!(matches!(&approved.plan.undo, Undo::Never(why) if why.contains("merges")));
        assert_eq!(approved.plan.consent, Consent::Name);
        let sum = format!(r#"select sum("Größe (mm)") from {}"#, place.table);
        let before = rig.text(&sum).await;
        rig.act("compress-chunks", &place.table, &set).await;
        assert_eq!(rig.text(&sum).await, before);
    });
}

#[test]
fn without_a_policy_every_chunk_that_has_ended_waits_and_with_one_its_backlog() {
    everywhere(&async |rig, _| {
        let place = Place::make(&rig, "backlog").await;
        let approved = rig
            .plan("compress-chunks", &place.table, &[])
            .await
            .unwrap();
        assert_eq!(approved.plan.steps.len(), 10, "{}", script(&approved.plan));
        rig.sql(&format!(
            "select alter_job(add_compression_policy('{}', interval '4 days'), next_start => now() + interval '1 day')",
            place.table
        ))
        .await;
        let approved = rig
            .plan("compress-chunks", &place.table, &[])
            .await
            .unwrap();
        let due = rig
            .text(&format!(
                "select count(*) from show_chunks('{}', older_than => interval '4 days')",
                place.table
            ))
            .await;
        assert_eq!(approved.plan.steps.len().to_string(), due);
        // The typed range is in UTC, and selects each chunk that may have rows in it.
        let day = |ago: i32| {
            rig.text(Box::leak(
                format!("select (now() - interval '{ago} days')::date").into_boxed_str(),
            ))
        };
        let (from, to) = (day(6).await, day(4).await);
        let approved = rig
            .plan(
                "compress-chunks",
                &place.table,
                &[("older_than", ""), ("from", &from), ("to", &to)],
            )
            .await
            .unwrap();
        assert_eq!(approved.plan.steps.len(), 2, "{}", script(&approved.plan));
    });
}
