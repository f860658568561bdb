//! A rollback acts on the object that was changed, even if it was renamed, and not on another object with its old name.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::actions::execute::ApprovedPlan;
use hypertop::journal::Outcome;
use hypertop::model::plan::Consent;
use serde_json::Value as Json;
use support::act::Rig;
use support::own::{databases, on_own};

/// Query of a hypertable's state, without its name: interval, compression, policies, indexes.
fn look(id: &str) -> String {
    format!(
        "select concat_ws(E'\\n',
           (select string_agg(d.interval_length::text, ',') from _timescaledb_catalog.dimension d where d.hypertable_id = h.id),
           h.compressed_hypertable_id is not null,
           (select string_agg(concat_ws('|', s.attname, s.segmentby_column_index, s.orderby_column_index, s.orderby_asc), ',' order by s.attname)
              from timescaledb_information.compression_settings s where s.hypertable_schema = h.schema_name and s.hypertable_name = h.table_name),
           (select string_agg(concat_ws('|', b.proc_name, b.schedule_interval, b.config), ',' order by b.proc_name)
              from _timescaledb_config.bgw_job b where b.hypertable_id = h.id),
           (select string_agg(replace(pg_get_indexdef(i.indexrelid), format(' %I.%I ', h.schema_name, h.table_name), ' T '), ',' order by i.indexrelid::regclass::text)
              from pg_index i where i.indrelid = format('%I.%I', h.schema_name, h.table_name)::regclass),
           (select a.materialized_only from _timescaledb_catalog.continuous_agg a where a.mat_hypertable_id = h.id))
         from _timescaledb_catalog.hypertable h where h.id = {id}"
    )
}

/// SQL for a hypertable with this name and rows in three chunks.
fn table(name: &str) -> String {
    format!(
        "set client_min_messages = error; create table public.{name} (ts timestamptz not null, dev int, v float);
         select create_hypertable('public.{name}', 'ts', chunk_time_interval => interval '7 days');
         insert into public.{name} select now() - g * interval '6 hours', g % 5, g from generate_series(1, 60) g;"
    )
}

const COMPRESSED: &str =
    "alter table public.meter set (timescaledb.compress, timescaledb.compress_segmentby = 'dev');";
const RETENTION: &str = "select add_retention_policy('public.meter', interval '10 years', schedule_interval => interval '2 days');";
const COMPRESSION: &str = "select add_compression_policy('public.meter', interval '10 years');";

type Case = (
    &'static str,
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

/// Each case: the objects before the action, the action, its target and its inputs.
const CASES: &[Case] = &[
    (
        "",
        "set-chunk-interval",
        "public.meter",
        &[("interval", "3 days")],
    ),
    (
        "",
        "enable-compression",
        "public.meter",
        &[("segment_by", "dev")],
    ),
    (
        COMPRESSED,
        "edit-compression-settings",
        "public.meter",
        &[("segment_by", "v")],
    ),
    (COMPRESSED, "disable-compression", "public.meter", &[]),
    (
        "",
        "add-retention-policy",
        "public.meter",
        &[("drop_after", "9 years"), ("first_run", "300d")],
    ),
    (
        RETENTION,
        "edit-retention-policy",
        "public.meter",
        &[("drop_after", "8 years")],
    ),
    (RETENTION, "remove-retention-policy", "public.meter", &[]),
    (
        COMPRESSION,
        "remove-compression-policy",
        "public.meter",
        &[],
    ),
    (
        "select add_reorder_policy('public.meter', 'meter_ts_idx');",
        "remove-reorder-policy",
        "public.meter",
        &[],
    ),
    (
        "create index meter_dev_idx on public.meter (dev);",
        "drop-index",
        "public.meter_dev_idx",
        &[],
    ),
    (
        "",
        "create-index",
        "public.meter",
        &[("columns", "dev"), ("name", "meter_dev_idx")],
    ),
];

async fn id(rig: &Rig, table: &str) -> String {
    rig.text(&format!(
        "select id from _timescaledb_catalog.hypertable where schema_name = 'public' and table_name = '{table}'"
    ))
    .await
}

fn noted(approved: &ApprovedPlan, words: &str) -> bool {
    approved
        .plan
        .notes
        .iter()
        .any(|note| note.text.contains(words))
}

/// Checks that every policy's configuration names its own hypertable.
async fn no_policy_means_another_table(rig: &Rig) {
    let astray = "select string_agg(id::text, ',') from _timescaledb_config.bgw_job
        where hypertable_id <> coalesce(config ->> 'hypertable_id', config ->> 'mat_hypertable_id')::int";
    assert_eq!(rig.text(astray).await, "", "{}", rig.name);
}

/// Drops objects; tries again after a deadlock with a policy's run.
async fn dropped(rig: &Rig, sql: &str) {
    for _ in 0..10 {
        match rig.client.batch_execute(sql).await {
            Ok(()) => return,
            Err(error) => assert_eq!(
                error.code().map(tokio_postgres::error::SqlState::code),
                Some("40P01"),
                "{}: {sql}: {error:?}",
                rig.name
            ),
        }
    }
    panic!("{}: {sql}: deadlocks", rig.name);
}

/// Creates the table, and enables compression before a compression policy.
async fn made(rig: &Rig, before: &str) {
    rig.sql(&table("meter")).await;
    if before == COMPRESSION {
        rig.sql(COMPRESSED).await;
    }
    rig.sql(before).await;
}

#[test]
fn a_rollback_follows_a_rename_and_leaves_the_namesake_alone() {
    on_own(&[], async |server| {
        for rig in databases(server).await {
            for (before, action, target, set) in CASES {
                let told = format!("{}: {action}", rig.name);
                made(&rig, before).await;
                let old = id(&rig, "meter").await;
                let was = rig.text(&look(&old)).await;
                let done = rig.act(action, target, set).await.id;
                let after = rig.text(&look(&old)).await;
                assert_ne!(after, was, "{told}");
                // The schema changes, too, and the index is renamed.
                rig.sql("create schema attic; alter table public.meter rename to elsewhere; alter table public.elsewhere set schema attic").await;
                if *action == "create-index" {
                    rig.sql("alter index attic.meter_dev_idx rename to other_idx")
                        .await;
                }
                made(&rig, before).await;
                if *action == "create-index" {
                    rig.sql("create index meter_dev_idx on public.meter (v)")
                        .await;
                }
                let new = id(&rig, "meter").await;
                let namesake = rig.text(&look(&new)).await;
                let by_job = matches!(*action, "add-retention-policy" | "edit-retention-policy");
                let approved = rig
                    .rollback_plan(&[done])
                    .await
                    .unwrap_or_else(|why| panic!("{told}: {why}"));
                if !by_job {
                    let words = if *action == "create-index" {
                        "attic.other_idx"
                    } else {
                        "attic.elsewhere"
                    };
                    assert!(
                        noted(&approved, words) && noted(&approved, "is left alone"),
                        "{told}: {:?}",
                        approved.plan.notes
                    );
                    assert!(approved.plan.consent >= Consent::Yes, "{told}");
                }
                let report = rig
                    .perform(&approved)
                    .await
                    .unwrap_or_else(|why| panic!("{told}: {why}"));
                assert_eq!(
                    (report.outcome, report.problems),
                    (Outcome::Done, Vec::new()),
                    "{told}"
                );
                assert_eq!(
                    rig.text(&look(&new)).await,
                    namesake,
                    "{told}: the namesake"
                );
                let is = rig.text(&look(&old)).await;
                assert_eq!(is, was, "{told}");
                no_policy_means_another_table(&rig).await;
                rig.sql("drop table public.meter; drop schema attic cascade")
                    .await;
            }
        }
    });
}

#[test]
fn a_rollback_refuses_the_namesake_of_a_table_that_is_gone() {
    on_own(&[], async |server| {
        for rig in databases(server).await {
            for (before, action, target, set) in CASES {
                let told = format!("{}: {action}", rig.name);
                made(&rig, before).await;
                let done = rig.act(action, target, set).await.id;
                dropped(&rig, "drop table public.meter").await;
                made(&rig, before).await;
                if *action == "create-index" {
                    rig.sql("create index meter_dev_idx on public.meter (v)")
                        .await;
                }
                let new = id(&rig, "meter").await;
                let namesake = rig.text(&look(&new)).await;
                let why = rig.rollback_plan(&[done]).await.unwrap_err();
                assert!(why.contains("no longer exists"), "{told}: {why}");
                assert_eq!(rig.text(&look(&new)).await, namesake, "{told}");
                dropped(&rig, "drop table public.meter").await;
            }
        }
    });
}

const AGGREGATE: &str = "create materialized view public.meter_hourly with (timescaledb.continuous, timescaledb.materialized_only = true) as
    select time_bucket('1 hour', ts) b, sum(v) s from public.meter group by 1 with no data";

#[test]
fn an_aggregate_that_was_renamed_is_switched_back_and_not_the_one_that_has_its_name() {
    on_own(&[], async |server| {
        for rig in databases(server).await {
            rig.sql(&table("meter")).await;
            rig.sql(AGGREGATE).await;
            let only = "select string_agg(concat(user_view_name, ' ', materialized_only), ', ' order by user_view_name) from _timescaledb_catalog.continuous_agg";
            let done = rig
                .act("switch-real-time", "public.meter_hourly", &[])
                .await
                .id;
            rig.sql("alter materialized view public.meter_hourly rename to other_hourly")
                .await;
            rig.sql(&AGGREGATE.replace("= true", "= false")).await;
            assert_eq!(rig.text(only).await, "meter_hourly f, other_hourly f");
            rig.rollback(&[done]).await;
            assert_eq!(
                rig.text(only).await,
                "meter_hourly f, other_hourly t",
                "{}",
                rig.name
            );
        }
    });
}

#[test]
fn a_rename_between_the_preview_and_the_approved_stops_it() {
    on_own(&[], async |server| {
        for rig in databases(server).await {
            for (action, set) in [
                ("set-chunk-interval", &[("interval", "3 days")][..]),
                ("enable-compression", &[]),
                ("remove-retention-policy", &[]),
            ] {
                rig.sql(&table("meter")).await;
                rig.sql(RETENTION).await;
                let approved = rig.plan(action, "public.meter", set).await.unwrap();
                rig.sql("alter table public.meter rename to elsewhere")
                    .await;
                rig.sql(&table("meter")).await;
                let new = id(&rig, "meter").await;
                let namesake = rig.text(&look(&new)).await;
                let why = rig.perform(&approved).await.unwrap_err();
                assert!(
                    why.contains("changed since the preview"),
                    "{}: {action}: {why}",
                    rig.name
                );
                assert_eq!(
                    rig.text(&look(&new)).await,
                    namesake,
                    "{}: {action}",
                    rig.name
                );
                dropped(&rig, "drop table public.meter").await;
                dropped(&rig, "drop table public.elsewhere").await;
            }
        }
    });
}

/// Runs the plan while another session has renamed the table without committing. This session commits once the plan waits for it.
async fn renamed_under_it(
    rig: &Rig,
    approved: &ApprovedPlan,
) -> Result<hypertop::actions::execute::Report, String> {
    let other = support::client(&rig.conninfo).await;
    other
        .batch_execute("begin; alter table public.meter rename to elsewhere; alter table public.spare rename to meter")
        .await
        .unwrap();
    let committed = async {
        let waits = "select count(*) from pg_locks l join pg_stat_activity a on a.pid = l.pid
            where not l.granted and a.application_name = 'hypertop' and a.datname = current_database()";
        while rig.text(waits).await == "0" {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        other.batch_execute("commit").await.unwrap();
    };
    let work = rig.perform(approved);
    let mut work = std::pin::pin!(work);
    let mut committed = std::pin::pin!(committed);
    tokio::select! {
        result = &mut work => {
            // The plan did not wait, because it locked the right relation.
            other.batch_execute("commit").await.unwrap();
            result
        }
        () = &mut committed => work.await,
    }
}

#[test]
fn a_rename_while_the_statement_waits_for_its_lock_is_noticed_in_the_transaction() {
    on_own(&[], async |server| {
        for rig in databases(server).await {
            rig.sql(&table("meter")).await;
            rig.sql(&table("spare")).await;
            let (mine, spare) = (id(&rig, "meter").await, id(&rig, "spare").await);
            let was = [rig.text(&look(&mine)).await, rig.text(&look(&spare)).await];
            let approved = rig
                .plan("enable-compression", "public.meter", &[])
                .await
                .unwrap();
            let report = renamed_under_it(&rig, &approved).await.unwrap();
            assert_eq!(report.outcome, Outcome::Failed, "{}: {report:?}", rig.name);
            let said = report.lines().join("\n");
            assert!(
                said.contains("another relation than in the preview"),
                "{}: {said}",
                rig.name
            );
            let is = [rig.text(&look(&mine)).await, rig.text(&look(&spare)).await];
            assert_eq!(is, was, "{}", rig.name);
        }
    });
}

#[test]
fn an_index_that_a_rollback_made_again_is_the_one_that_was_made_first() {
    on_own(&[], async |server| {
        for rig in databases(server).await {
            rig.sql(&table("meter")).await;
            let meter = id(&rig, "meter").await;
            let was = rig.text(&look(&meter)).await;
            let columns = [("columns", "dev"), ("name", "meter_dev_idx")];
            for together in [true, false] {
                let made = rig.act("create-index", "public.meter", &columns).await.id;
                let gone = rig.act("drop-index", "public.meter_dev_idx", &[]).await.id;
                if together {
                    rig.rollback(&[made, gone]).await;
                } else {
                    rig.rollback(&[gone]).await;
                    rig.rollback(&[made]).await;
                }
                assert_eq!(
                    rig.text(&look(&meter)).await,
                    was,
                    "{}: {together}",
                    rig.name
                );
            }
            rig.sql("create index meter_dev_idx on public.meter (dev)")
                .await;
            let was = rig.text(&look(&meter)).await;
            let gone = rig.act("drop-index", "public.meter_dev_idx", &[]).await.id;
            rig.rollback(&[gone]).await;
            let text = std::fs::read_to_string(rig.journal()).unwrap();
            let lines: Vec<&str> = text.lines().collect();
            let last = lines
                .iter()
                .rposition(|line| line.contains("\"event\":\"mark\""))
                .unwrap();
            std::fs::write(rig.journal(), lines[..=last].join("\n") + "\n").unwrap();
            let why = rig.rollback_plan(&[gone]).await.unwrap_err();
            assert!(
                why.contains("the index exists") || why.contains("already rolled back"),
                "{}: {why}",
                rig.name
            );
            assert_eq!(rig.text(&look(&meter)).await, was, "{}", rig.name);
        }
    });
}

/// Makes the journal look like that of an older hypertop, which did not record the objects behind names.
fn grown_old(rig: &Rig) {
    let text = std::fs::read_to_string(rig.journal()).unwrap();
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut json: Json = serde_json::from_str(line).unwrap();
        if json["event"] == "mark" {
            continue;
        }
        if let Some(all) = json.as_object_mut() {
            all.remove("marks");
            all.remove("named");
        }
        lines.push(json.to_string());
    }
    std::fs::write(rig.journal(), lines.join("\n") + "\n").unwrap();
}

#[test]
fn an_entry_of_an_older_hypertop_is_rolled_back_where_its_names_can_be_checked_and_refused_where_not()
 {
    on_own(&[], async |server| {
        for rig in databases(server).await {
            for (before, action, target, set) in CASES {
                let told = format!("{}: {action}", rig.name);
                made(&rig, before).await;
                let old = id(&rig, "meter").await;
                let was = rig.text(&look(&old)).await;
                let done = rig.act(action, target, set).await.id;
                grown_old(&rig);
                rig.rollback(&[done]).await;
                assert_eq!(rig.text(&look(&old)).await, was, "{told}");
                // The name now belongs to another table.
                let done = rig.act(action, target, set).await.id;
                grown_old(&rig);
                rig.sql("create schema attic; alter table public.meter rename to elsewhere; alter table public.elsewhere set schema attic; alter index if exists attic.meter_dev_idx rename to other_idx").await;
                made(&rig, before).await;
                if *action == "create-index" {
                    rig.sql("create index meter_dev_idx on public.meter (v)")
                        .await;
                }
                let new = id(&rig, "meter").await;
                let namesake = rig.text(&look(&new)).await;
                match rig.rollback_plan(&[done]).await {
                    Err(why) => assert!(why.contains("another relation"), "{told}: {why}"),
                    Ok(approved) => {
                        rig.perform(&approved).await.unwrap();
                    }
                }
                assert_eq!(
                    rig.text(&look(&new)).await,
                    namesake,
                    "{told}: the namesake"
                );
                no_policy_means_another_table(&rig).await;
                rig.sql("drop table public.meter; drop schema attic cascade")
                    .await;
            }
        }
    });
}

const JOB: &str = "select id from _timescaledb_config.bgw_job where proc_name = 'work'";
const WORK: &str =
    "create procedure ops.work(job_id int, config jsonb) language plpgsql as $$ begin end $$;";

#[test]
fn a_rollback_says_whose_code_it_makes_a_job_of_where_another_role_took_the_name() {
    on_own(&[], async |server| {
        for rig in databases(server).await {
            rig.sql(&format!(
                "create schema ops; {WORK} select add_job('ops.work', '1 week', scheduled => false);
                 do $$ begin if to_regrole('mallory') is null then create role mallory; end if; end $$;
                 grant usage, create on schema ops to mallory;"
            ))
            .await;
            let done = rig.act("delete-job", &rig.text(JOB).await, &[]).await.id;
            let before = rig.rollback_plan(&[done]).await.unwrap();
            let said = |approved: &ApprovedPlan| {
                let notes = approved.plan.notes.iter();
                notes
                    .filter(|note| note.text.contains("mallory") && note.text.contains("ops.work"))
                    .count()
            };
            assert_eq!(said(&before), 0, "{}: {:?}", rig.name, before.plan.notes);
            rig.sql(&format!(
                "drop procedure ops.work; set role mallory; {WORK} reset role"
            ))
            .await;
            // The plan that was approved before is refused.
            let refused = rig.perform(&before).await.unwrap_err();
            assert!(refused.contains("changed"), "{}: {refused}", rig.name);
            assert_eq!(rig.text(JOB).await, "", "{}", rig.name);
            let after = rig.rollback_plan(&[done]).await.unwrap();
            assert_eq!(said(&after), 1, "{}: {:?}", rig.name, after.plan.notes);
            assert_eq!(after.plan.consent, Consent::Name, "{}", rig.name);
        }
    });
}

#[test]
fn a_plan_is_not_done_in_a_database_that_took_the_name_of_the_one_that_was_previewed() {
    on_own(&[], async |server| {
        for rig in databases(server).await {
            rig.sql(&table("meter")).await;
            let interval = &[("interval", "3 days")];
            let planned = rig
                .plan("set-chunk-interval", "public.meter", interval)
                .await;
            let planned = planned.unwrap();
            let change: [fn(&mut hypertop::journal::Place); 2] = [
                |place| place.database_oid += 1,
                |place| place.system = Some("7".to_owned()),
            ];
            for change in change {
                let mut elsewhere = planned.clone();
                change(elsewhere.place.as_mut().unwrap());
                let refused = rig.perform(&elsewhere).await.unwrap_err();
                let says = refused.contains("another server");
                assert!(says, "{}: {refused}", rig.name);
            }
            assert!(rig.perform(&planned).await.is_ok(), "{}", rig.name);
        }
    });
}
