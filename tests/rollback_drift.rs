//! Changes by other users are reported before a rollback, and steps that became impossible do not prevent the other steps.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::actions::execute::ApprovedPlan;
use hypertop::journal::Outcome;
use hypertop::model::plan::Consent;
use support::act::Rig;
use support::own::{databases, on_own};

const METER: &str = "set client_min_messages = error; create table public.meter (ts timestamptz not null, dev int, v float);
    select create_hypertable('public.meter', 'ts', chunk_time_interval => interval '7 days');
    insert into public.meter select now() - interval '30 days' - g * interval '6 hours', g % 5, g from generate_series(1, 120) g;
    alter table public.meter set (timescaledb.compress);";

fn drift(approved: &ApprovedPlan) -> Vec<&str> {
    let notes = approved.plan.notes.iter().map(|note| note.text.as_str());
    notes
        .filter(|text| text.contains("drifted since"))
        .collect()
}

#[test]
fn a_policy_that_somebody_added_to_what_was_enabled_is_drift() {
    on_own(&[], async |server| {
        for rig in databases(server).await {
            rig.sql(METER).await;
            rig.sql("alter table public.meter set (timescaledb.compress = false)")
                .await;
            let done = rig.act("enable-compression", "public.meter", &[]).await.id;
            assert_eq!(
                drift(&rig.rollback_plan(&[done]).await.unwrap()),
                Vec::<&str>::new()
            );
            rig.sql("select add_compression_policy('public.meter', interval '10 years')")
                .await;
            let approved = rig.rollback_plan(&[done]).await.unwrap();
            assert!(
                drift(&approved)
                    .iter()
                    .any(|text| text.contains("policy_compression")),
                "{}: {:?}",
                rig.name,
                approved.plan.notes
            );
            assert!(approved.plan.consent >= Consent::Yes);
        }
    });
}

const WORK: &str =
    "create procedure public.work(job_id int, config jsonb) language plpgsql as $$ begin end $$";
const ADD: &str = "select add_job('public.work', '1 week', scheduled => false)";

#[test]
fn a_job_that_somebody_added_again_is_drift_and_one_that_was_there_before_is_not() {
    on_own(&[], async |server| {
        for rig in databases(server).await {
            rig.sql(WORK).await;
            // Another job of the same procedure existed all the time.
            rig.sql(ADD).await;
            let job = rig.text(ADD).await;
            let done = rig.act("delete-job", &job, &[]).await.id;
            assert_eq!(
                drift(&rig.rollback_plan(&[done]).await.unwrap()),
                Vec::<&str>::new()
            );
            let again = rig.text(ADD).await;
            let approved = rig.rollback_plan(&[done]).await.unwrap();
            let told = drift(&approved);
            assert!(
                told.len() == 1 && told[0].contains(&format!("job {again} of public.work")),
                "{}: {told:?}",
                rig.name
            );
            assert!(approved.plan.consent >= Consent::Yes);
            // A job that a rollback created again does not count as a new job.
            rig.sql(&format!("select delete_job({again})")).await;
            rig.rollback(&[done]).await;
            let first = rig
                .text("select min(id) from _timescaledb_config.bgw_job where proc_name = 'work'")
                .await;
            let second = rig.act("delete-job", &first, &[]).await.id;
            assert_eq!(
                drift(&rig.rollback_plan(&[second]).await.unwrap()),
                Vec::<&str>::new()
            );
        }
    });
}

const CHUNKS: &str = "select format('%I.%I', chunk_schema, chunk_name) from timescaledb_information.chunks where hypertable_name = 'meter' order by range_start";
const COMPRESSED: &str = "select count(*) from timescaledb_information.chunks where hypertable_name = 'meter' and is_compressed";

#[test]
fn a_rollback_goes_on_past_a_chunk_that_is_gone_and_says_what_stands() {
    on_own(&[], async |server| {
        for rig in databases(server).await {
            for in_time in [true, false] {
                rig.sql(METER).await;
                let chunks = rig.texts(CHUNKS).await;
                assert!(chunks.len() > 3, "{chunks:?}");
                let done = rig
                    .act(
                        "compress-chunks",
                        "public.meter",
                        &[("older_than", "1 day")],
                    )
                    .await
                    .id;
                assert_eq!(rig.text(COMPRESSED).await, chunks.len().to_string());
                let before = rig.rollback_plan(&[done]).await.unwrap();
                // The chunk of a step in the middle is dropped, because the steps are undone newest first.
                let drop = format!("drop table {}", chunks[1]);
                let bare = chunks[1].rsplit('.').next().unwrap().to_owned();
                rig.sql(&drop).await;
                let report = if in_time {
                    let approved = rig.rollback_plan(&[done]).await.unwrap();
                    let told = approved.plan.notes.iter().any(|note| {
                        note.text.contains(&bare) && note.text.contains("no longer exists")
                    });
                    assert!(told, "{}: {:?}", rig.name, approved.plan.notes);
                    assert!(approved.plan.consent >= Consent::Yes);
                    rig.perform(&approved).await.unwrap()
                } else {
                    let approved = ApprovedPlan {
                        // The check of the table's state is not tested here.
                        seen: rig.rollback_plan(&[done]).await.unwrap().seen,
                        ..before
                    };
                    let report = rig.perform(&approved).await.unwrap();
                    let told = report
                        .lines()
                        .iter()
                        .any(|line| line.contains(&bare) && line.contains("no longer exists"));
                    assert!(told, "{}: {report:?}", rig.name);
                    report
                };
                assert_eq!(
                    (report.outcome, report.problems),
                    (Outcome::Done, Vec::new()),
                    "{}",
                    rig.name
                );
                assert_eq!(rig.text(COMPRESSED).await, "0", "{}", rig.name);
                let entries = rig.actor.journal.entries().unwrap();
                assert_eq!(entries.find(done).unwrap().state(), "rolled back");
                rig.sql("drop table public.meter").await;
            }
        }
    });
}

#[test]
fn of_a_policy_that_somebody_removed_nothing_is_left_to_take_back() {
    on_own(&[], async |server| {
        for rig in databases(server).await {
            rig.sql(METER).await;
            let set = [("drop_after", "9 years"), ("first_run", "300d")];
            let done = rig
                .act("add-retention-policy", "public.meter", &set)
                .await
                .id;
            rig.sql("select remove_retention_policy('public.meter')")
                .await;
            rig.sql("select add_retention_policy('public.meter', interval '10 years')")
                .await;
            let why = rig.rollback_plan(&[done]).await.unwrap_err();
            assert!(why.contains("no longer exists"), "{}: {why}", rig.name);
            assert_eq!(policies(&rig).await, "1");
        }
    });
}

async fn policies(rig: &Rig) -> String {
    rig.text(
        "select count(*) from _timescaledb_config.bgw_job where proc_name = 'policy_retention'",
    )
    .await
}
