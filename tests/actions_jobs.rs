//! Actions on jobs, on every TimescaleDB and the stand-in: the effect is checked by SQL, and so is the rollback.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

#[path = "actions_jobs/rights.rs"]
mod rights;
mod support;

use hypertop::model::plan::{Consent, Plan, Undo};
use hypertop::model::version::Version;
use support::act::{Rig, script};
use support::with_targets;
use support::works::{JOBS, on_each};

async fn ids(rig: &Rig) -> Vec<String> {
    let ids = rig.text("select string_agg(id::text, ',' order by id) from _timescaledb_config.bgw_job where id >= 1000").await;
    ids.split(',').map(str::to_owned).collect()
}

/// Id of the aggregate's job.
async fn job_of(rig: &Rig, aggregate: &str) -> String {
    rig.text(&format!("select id from _timescaledb_config.bgw_job where id >= 1000 and config ->> 'mat_hypertable_id' = (select mat_hypertable_id::text from _timescaledb_catalog.continuous_agg where user_view_name = '{aggregate}')")).await
}

/// A user-defined job with a configuration.
const OWN: &str = "select min(id) from _timescaledb_config.bgw_job where proc_name like 'Job;%' and config is not null";

#[test]
fn a_job_that_was_deleted_comes_back_with_all_that_it_had() {
    with_targets(|targets| {
        on_each(targets, "deleted", async |rig, version| {
            let before = rig.text(JOBS).await;
            let all = ids(rig).await;
            assert_eq!(all.len(), 13, "{version}");
            for job in &all {
                let top = job_of(rig, "top").await;
                let own = rig.text(OWN).await;
                let approved = rig.plan("delete-job", job, &[]).await.unwrap();
                assert!(approved.plan.consent >= Consent::Yes);
                let undo = &approved.plan.undo;
                assert_eq!(undo.heading(), "Undo (partial)", "its id is lost");
                assert_eq!(
                    undo.text()
                        .starts_with("the job is created again with all its settings"),
                    // The plan cannot know whether the job's check function will accept the old configuration.
                    *job != own && (version != "2.22.1" || *job != top),
                    "{version}: {job}"
                );
                let done = rig.perform(&approved).await.unwrap();
                assert_eq!(done.problems, [], "{version}: {job}");
                assert_eq!(ids(rig).await.len(), 12);
                rig.rollback(&[done.id]).await;
                assert_eq!(
                    rig.text(JOBS).await,
                    before,
                    "{version}: job {job}\n{}",
                    script(&approved.plan)
                );
            }
        });
    });
}

#[test]
fn jobs_deleted_and_paused_are_found_again_under_their_new_ids_by_group_and_one_by_one() {
    with_targets(|targets| {
        on_each(targets, "found", async |rig, version| {
            let before = rig.text(JOBS).await;
            let job = rig.text(OWN).await;
            let paused = rig.act("pause-job", &job, &[]).await.id;
            let edited = rig.act("edit-job", &job, &[("max_runtime", "3m")]).await.id;
            let deleted = rig.act("delete-job", &job, &[]).await.id;
            rig.rollback(&[paused, deleted, edited]).await;
            assert_eq!(rig.text(JOBS).await, before, "{version}: as one group");
            let job = rig.text(OWN).await;
            let paused = rig.act("pause-job", &job, &[]).await.id;
            let first = rig.act("delete-job", &job, &[]).await.id;
            rig.rollback(&[first]).await;
            let anew = rig.text(OWN).await;
            assert_ne!(job, anew);
            let second = rig.act("delete-job", &anew, &[]).await.id;
            rig.rollback(&[second]).await;
            let approved = rig.rollback_plan(&[paused]).await.unwrap();
            assert!(
                !approved
                    .plan
                    .notes
                    .iter()
                    .any(|note| note.text.contains("drifted")),
                "{version}: {:?}",
                approved.plan.notes
            );
            rig.rollback(&[paused]).await;
            assert_eq!(rig.text(JOBS).await, before, "{version}: one by one");
        });
    });
}

#[test]
fn what_is_edited_is_changed_and_nothing_else_and_comes_back() {
    with_targets(|targets| {
        on_each(targets, "edited", async |rig, version| {
            let own = rig.text(OWN).await;
            let retention = rig.text("select id from _timescaledb_config.bgw_job where proc_name = 'policy_retention' and timezone = 'Europe/Vienna'").await;
            let monthly = job_of(rig, "Agg \"1\"").await;
            for job in [&own, &retention, &monthly] {
                for set in [
                    ("schedule_interval", "2 days"),
                    ("max_runtime", "0s"),
                    ("max_retries", "-1"),
                    ("retry_period", "90m"),
                    ("next_start", "2039-09-09 09:09+00"),
                ] {
                    rig.there_and_back("edit-job", job, &[set], JOBS).await;
                }
                rig.there_and_back("pause-job", job, &[], JOBS).await;
            }
            rig.there_and_back(
                "edit-job",
                &own,
                &[("config", r#"{"s": 1, "who": "it's me"}"#)],
                JOBS,
            )
            .await;
            let id = rig.text(&format!("select config ->> 'hypertable_id' from _timescaledb_config.bgw_job where id = {retention}")).await;
            let config = format!(r#"{{"hypertable_id": {id}, "drop_after": "5 years"}}"#);
            rig.there_and_back("edit-job", &retention, &[("config", &config)], JOBS)
                .await;
            slots(rig, version, &own).await;
            // Changing one setting does not change the time zone or the next start.
            rig.act("edit-job", &retention, &[("schedule_interval", "3 days")])
                .await;
            let left = rig.text(&format!("select timezone || ' ' || next_start from _timescaledb_config.bgw_job j join _timescaledb_internal.bgw_job_stat s on s.job_id = j.id where id = {retention}")).await;
            assert_eq!(left, "Europe/Vienna 2038-05-05 05:05:00+00", "{version}");
            let refused = rig.plan("edit-job", &own, &[]).await.unwrap_err();
            assert!(refused.contains("already has these values"), "{refused}");
        });
    });
}

#[test]
fn a_next_start_that_passed_before_the_undo_is_due_at_once() {
    with_targets(|targets| {
        on_each(targets, "due", async |rig, version| {
            let own = rig.text(OWN).await;
            let soon = rig.text("select now() + interval '2 s'").await;
            rig.act("edit-job", &own, &[("next_start", &soon)]).await;
            let far = [("next_start", "2039-09-09 09:09+00")];
            let moved = rig.act("edit-job", &own, &far).await;
            rig.sql("select pg_sleep(2.1)").await;
            rig.rollback(&[moved.id]).await;
            let far = rig
                .text(&format!("select coalesce(next_start > now() + interval '1 year', false) from _timescaledb_internal.bgw_job_stat where job_id = {own}"))
                .await;
            assert_eq!(far, "f", "{version}: it would not run before 2039");
        });
    });
}

/// Changes the job's fixed schedule and rolls that back, if the server can change it.
async fn slots(rig: &Rig, version: &str, fixed: &str) {
    let set = ("initial_start", "2040-06-01 00:00+00");
    if version.starts_with("2.11.") {
        let refused = rig.plan("edit-job", fixed, &[set]).await.unwrap_err();
        assert!(
            refused.contains("unknown setting initial_start"),
            "{refused}"
        );
        return;
    }
    for set in [
        &[set][..],
        &[("timezone", "Asia/Tokyo")],
        &[("timezone", "")],
        &[("fixed_schedule", "no")],
        &[
            set,
            ("timezone", "Asia/Tokyo"),
            ("schedule_interval", "1 mon"),
        ],
    ] {
        rig.there_and_back("edit-job", fixed, set, JOBS).await;
    }
    rig.act("edit-job", fixed, &[set]).await;
    let next = rig
        .text(&format!(
            "select next_start from _timescaledb_internal.bgw_job_stat where job_id = {fixed}"
        ))
        .await;
    assert_eq!(
        next, "2040-06-01 00:00:00+00",
        "{version}: the first of the new slots"
    );
    let free = rig.text(&format!("select id from _timescaledb_config.bgw_job where proc_name like 'Job;%' and id <> {fixed}")).await;
    let refused = rig.plan("edit-job", &free, &[set]).await.unwrap_err();
    assert!(refused.contains("fixed_schedule=yes"), "{refused}");
    let approved = rig
        .plan("edit-job", &free, &[("fixed_schedule", "yes"), set])
        .await
        .unwrap();
    assert!(matches!(&approved.plan.undo, Undo::Partly(lost) if lost.contains("initial start")));
    let done = rig.perform(&approved).await.unwrap();
    let back = rig.rollback_plan(&[done.id]).await.unwrap();
    let report = rig.perform(&back).await.unwrap();
    let differs: Vec<_> = report
        .differs
        .iter()
        .map(|(what, was, _)| format!("{what} {was}"))
        .collect();
    assert_eq!(differs, ["initial_start (none)"], "{version}");
}

/// Procedure, name of the table, change of the configuration, expected words.
const WRONG: &[(&str, &str, &str, &str)] = &[
    (
        "policy_compression",
        "Gr",
        "|| '{\"compress_after\": \"abc\"}'",
        "an interval in quotes",
    ),
    (
        "policy_compression",
        "Gr",
        "|| '{\"compress_after\": 7}'",
        "an interval in quotes",
    ),
    (
        "policy_compression",
        "Gr",
        "- 'compress_after'",
        "compress_after is required",
    ),
    (
        "policy_compression",
        "i8",
        "|| '{\"compress_after\": \"7 days\"}'",
        "a whole number",
    ),
    (
        "policy_retention",
        "i8",
        "|| '{\"drop_after\": 1.5}'",
        "a whole number",
    ),
    (
        "policy_retention",
        "naive",
        "|| '{\"drop_after\": null}'",
        "drop_after is required",
    ),
    (
        "policy_retention",
        "naive",
        "|| '{\"hypertable_id\": 1}'",
        "hypertable_id must stay",
    ),
    (
        "policy_reorder",
        "Gr",
        "|| '{\"index_name\": \"no such\"}'",
        "one of the table's indexes",
    ),
];

#[test]
fn a_configuration_that_its_policy_would_fail_at_is_refused_with_what_it_wants() {
    with_targets(|targets| {
        on_each(targets, "config", async |rig, version| {
            let job = |proc: &str, table: &str| {
                format!(
                    "select j.id from _timescaledb_config.bgw_job j join _timescaledb_catalog.hypertable h on h.id = j.hypertable_id where j.proc_name = '{proc}' and h.table_name like '{table}%'"
                )
            };
            for (proc, table, change, words) in WRONG {
                let job = rig.text(&job(proc, table)).await;
                let config = rig
                    .text(&format!(
                        "select config {change} from _timescaledb_config.bgw_job where id = {job}"
                    ))
                    .await;
                let refused = rig
                    .plan("edit-job", &job, &[("config", &config)])
                    .await
                    .unwrap_err();
                assert!(
                    refused.contains(words),
                    "{version}: {proc} {config}: {refused}"
                );
            }
            let refresh = job_of(rig, "c4").await;
            let mat = rig.text("select mat_hypertable_id from _timescaledb_catalog.continuous_agg where user_view_name = 'c4'").await;
            let turned =
                format!(r#"{{"mat_hypertable_id": {mat}, "start_offset": 10, "end_offset": 20}}"#);
            assert!(
                rig.plan("edit-job", &refresh, &[("config", &turned)])
                    .await
                    .unwrap_err()
                    .contains("must be longer than end_offset")
            );
            // The source keeps 400 units, so a refresh of the last 1000 units would delete rows.
            let wide = format!(
                r#"{{"mat_hypertable_id": {mat}, "start_offset": 1000, "end_offset": 10}}"#
            );
            let approved = rig
                .plan("edit-job", &refresh, &[("config", &wide)])
                .await
                .unwrap();
            assert_eq!(
                approved.plan.consent,
                Consent::Name,
                "{:?}",
                approved.plan.notes
            );
            for wrong in [
                ("max_retries", "-2"),
                ("schedule_interval", "0s"),
                ("retry_period", "-1h"),
                ("config", "[1]"),
                ("next_start", "infinity"),
            ] {
                assert!(
                    rig.plan("edit-job", &refresh, &[wrong]).await.is_err(),
                    "{wrong:?}"
                );
            }
        });
    });
}

#[test]
fn every_kind_of_job_runs_in_the_foreground_and_its_counters_stay() {
    with_targets(|targets| {
        on_each(targets, "run", async |rig, version| {
            for job in ids(rig).await {
                let counters = format!(
                    "select coalesce(sum(total_runs), 0) || ' ' || count(*) from _timescaledb_internal.bgw_job_stat where job_id = {job}"
                );
                let before = (rig.text(&counters).await, rig.text(JOBS).await);
                let report = rig.act("run-job-now", &job, &[]).await;
                assert_eq!(
                    (rig.text(&counters).await, rig.text(JOBS).await),
                    before,
                    "{version}: {job}"
                );
                let refused = rig.rollback_plan(&[report.id]).await.unwrap_err();
                assert!(
                    refused.contains("is irreversible") || refused.contains("needs no rollback"),
                    "{refused}"
                );
            }
            let retention = rig.text("select min(id) from _timescaledb_config.bgw_job where proc_name = 'policy_retention'").await;
            assert_eq!(
                rig.plan("run-job-now", &retention, &[])
                    .await
                    .unwrap()
                    .plan
                    .consent,
                Consent::Name
            );
        });
    });
}

#[test]
fn the_scheduler_runs_a_job_at_once_and_its_next_start_comes_back() {
    with_targets(|targets| {
        on_each(targets, "scheduler", async |rig, version| {
            rig.sql("update _timescaledb_config.bgw_job set scheduled = false where proc_name not like 'Job;%'").await;
            let job = rig.text(OWN).await;
            rig.sql(&format!(
                "update _timescaledb_config.bgw_job set scheduled = true where id = {job}"
            ))
            .await;
            let next = format!(
                "select next_start from _timescaledb_internal.bgw_job_stat where job_id = {job}"
            );
            let report = rig.act("run-job-now", &job, &[("how", "scheduler")]).await;
            let ran = format!(
                "select total_successes from _timescaledb_internal.bgw_job_stat where job_id = {job} and last_finish > '2020-01-01'"
            );
            for _ in 0..150 {
                if rig.text(&ran).await == "1" {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            }
            assert_eq!(
                rig.text(&ran).await,
                "1",
                "{version}: the scheduler did not run it"
            );
            rig.rollback(&[report.id]).await;
            assert_eq!(rig.text(&next).await, "2038-05-05 05:05:00+00", "{version}");
            rig.act("pause-job", &job, &[]).await;
            let refused = rig
                .plan("run-job-now", &job, &[("how", "scheduler")])
                .await
                .unwrap_err();
            assert!(
                refused.contains("paused") && refused.contains("how='foreground'"),
                "{refused}"
            );
        });
    });
}

/// Waits until the job has finished a run.
async fn has_run(rig: &Rig, job: &str) {
    let ran = format!(
        "select count(*) from _timescaledb_internal.bgw_job_stat where job_id = {job} and last_finish > '2020-01-01'"
    );
    for _ in 0..150 {
        if rig.text(&ran).await == "1" {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    panic!("{}: the scheduler did not run job {job}", rig.name);
}

#[test]
fn a_rollback_of_a_start_by_the_scheduler_restores_the_next_start_and_says_that_the_run_stays() {
    with_targets(|targets| {
        on_each(targets, "start", async |rig, version| {
            rig.sql("update _timescaledb_config.bgw_job set scheduled = false")
                .await;
            let first = |proc: &str| {
                format!(
                    "select min(id) from _timescaledb_config.bgw_job where proc_name = '{proc}'"
                )
            };
            let by = [("how", "scheduler")];
            for (job, words) in [
                (
                    OWN.to_owned(),
                    "hypertop does not know what its procedure does",
                ),
                (first("policy_retention"), "chunks that it drops are gone"),
                (first("policy_compression"), "no rollback undoes a run"),
            ] {
                let job = rig.text(&job).await;
                rig.sql(&format!(
                    "update _timescaledb_config.bgw_job set scheduled = true where id = {job}"
                ))
                .await;
                let before = rig.text(JOBS).await;
                let approved = rig.plan("run-job-now", &job, &by).await.unwrap();
                let said = format!("{:?} {:?}", approved.plan.notes, approved.plan.undo);
                let stays = format!("the run itself is irreversible: {words}");
                assert!(said.contains(&stays), "{version}: {said}");
                let back = "only the job's next start is restored (2038-05-05 05:05:00+00)";
                assert!(said.contains(back), "{version}: {said}");
                let done = rig.perform(&approved).await.unwrap();
                has_run(rig, &job).await;
                let plan = rig.rollback_plan(&[done.id]).await.unwrap().plan;
                let said = format!("{:?}", plan.notes);
                assert!(said.contains("the run itself is irreversible"), "{said}");
                assert_eq!(plan.script().len(), 1, "{}", script(&plan));
                rig.rollback(&[done.id]).await;
                assert_eq!(rig.text(JOBS).await, before, "{version}: {job} {words}");
            }
        });
    });
}

#[test]
fn the_undo_of_a_start_or_a_pause_leaves_what_was_changed_later() {
    with_targets(|targets| {
        on_each(targets, "later", async |rig, version| {
            rig.sql("update _timescaledb_config.bgw_job set scheduled = false")
                .await;
            let job = rig.text(OWN).await;
            rig.sql(&format!(
                "update _timescaledb_config.bgw_job set scheduled = true where id = {job}"
            ))
            .await;
            for (action, set) in [
                ("run-job-now", &[("how", "scheduler")][..]),
                ("pause-job", &[]),
                ("edit-job", &[("max_retries", "9")]),
            ] {
                let done = rig.act(action, &job, set).await.id;
                if action == "run-job-now" {
                    has_run(rig, &job).await;
                }
                let zone = format!("Etc/GMT-{}", action.len());
                rig.sql(&format!("update _timescaledb_config.bgw_job set timezone = '{zone}', max_runtime = '77 min' where id = {job}")).await;
                let back = rig.rollback_plan(&[done]).await.unwrap();
                assert_eq!(rig.perform(&back).await.unwrap().problems, []);
                let left = rig.text(&format!("select concat_ws(' ', timezone, max_runtime, scheduled, next_start) from _timescaledb_config.bgw_job j join _timescaledb_internal.bgw_job_stat s on s.job_id = j.id where id = {job}")).await;
                let kept = format!("{zone} 01:17:00 t 2038-05-05 05:05:00+00");
                assert_eq!(left, kept, "{version}: {action}");
            }
        });
    });
}

#[test]
fn a_start_of_a_job_whose_next_start_has_passed_leaves_nothing_to_restore() {
    with_targets(|targets| {
        on_each(targets, "passed", async |rig, version| {
            let old = version.starts_with("2.11.");
            let schema = if old {
                "_timescaledb_internal"
            } else {
                "_timescaledb_functions"
            };
            rig.sql(&format!("select {schema}.stop_background_workers()"))
                .await;
            let job = rig.text(OWN).await;
            rig.sql(&format!("update _timescaledb_config.bgw_job set scheduled = true where id = {job};
                update _timescaledb_internal.bgw_job_stat set next_start = now() - interval '1 hour' where job_id = {job}")).await;
            let by = [("how", "scheduler")];
            let approved = rig.plan("run-job-now", &job, &by).await.unwrap();
            let undo = &approved.plan.undo;
            assert!(matches!(undo, Undo::Never(_)), "{version}: {undo:?}");
            let notes = format!("{:?}", approved.plan.notes);
            assert!(notes.contains("no TimescaleDB scheduler runs"), "{notes}");
            let done = rig.perform(&approved).await.unwrap();
            let refused = rig.rollback_plan(&[done.id]).await.unwrap_err();
            assert!(refused.contains("is irreversible"), "{version}: {refused}");
        });
    });
}

#[test]
fn resuming_a_policy_says_what_its_runs_do_for_good_and_asks_as_running_it_does() {
    with_targets(|targets| {
        on_each(targets, "resumed", async |rig, version| {
            rig.sql("update _timescaledb_config.bgw_job set scheduled = false")
                .await;
            let said = |plan: &Plan| {
                let notes = plan.notes.iter().map(|note| note.text.as_str());
                notes.collect::<Vec<_>>().join("; ")
            };
            let first = |proc: &str| {
                format!(
                    "select min(id) from _timescaledb_config.bgw_job where proc_name = '{proc}'"
                )
            };
            let retention = rig.text(&first("policy_retention")).await;
            let plan = rig.plan("resume-job", &retention, &[]).await.unwrap().plan;
            let notes = said(&plan);
            assert!(
                notes.contains("its next run permanently drops the chunks of"),
                "{version}: {notes}"
            );
            assert!(notes.contains("past drop_after ("), "{version}: {notes}");
            assert_eq!(plan.consent, Consent::Name, "{version}");
            let Undo::Partly(lost) = &plan.undo else {
                panic!("{version}: {:?}", plan.undo)
            };
            assert!(lost.contains("chunks that it drops are gone"), "{lost}");
            rig.there_and_back("resume-job", &retention, &[], JOBS)
                .await;
            // A refresh window that contains rows which the source has dropped.
            let refresh = first("policy_refresh_continuous_aggregate");
            let refresh = rig.text(&refresh).await;
            let raw = "select a.raw_hypertable_id from _timescaledb_catalog.continuous_agg a join _timescaledb_config.bgw_job j on j.config ->> 'mat_hypertable_id' = a.mat_hypertable_id::text where j.id = ";
            rig.sql(&format!("update _timescaledb_config.bgw_job set config = config - 'start_offset' where id = {refresh};
                insert into _timescaledb_config.bgw_job select (jsonb_populate_record(b, jsonb_build_object('id', 999999, 'hypertable_id', ({raw}{refresh}), 'config', jsonb_build_object('hypertable_id', ({raw}{refresh}), 'drop_after', '1 day')))).* from _timescaledb_config.bgw_job b where b.id = {retention} and not exists (select from _timescaledb_config.bgw_job o where o.proc_name = 'policy_retention' and o.hypertable_id = ({raw}{refresh}))")).await;
            for action in ["resume-job", "run-job-now"] {
                let plan = rig.plan(action, &refresh, &[]).await.unwrap().plan;
                let notes = said(&plan);
                assert!(notes.contains("DATA LOSS"), "{version} {action}: {notes}");
                assert_eq!(plan.consent, Consent::Name, "{version} {action}");
                let lost = "rows of the aggregate that a run deletes cannot be restored";
                assert!(
                    plan.undo.text().contains(lost),
                    "{version} {action}: {:?}",
                    plan.undo
                );
                assert!(
                    !matches!(plan.undo, Undo::Exact(_) | Undo::Needless(_)),
                    "{version} {action}"
                );
            }
            // The rollback of the pause also warns that chunks will be dropped.
            rig.sql(&format!(
                "update _timescaledb_config.bgw_job set scheduled = true where id = {retention}"
            ))
            .await;
            let paused = rig.act("pause-job", &retention, &[]).await.id;
            let back = rig.rollback_plan(&[paused]).await.unwrap().plan;
            assert!(
                said(&back).contains("are dropped at once"),
                "{version}: {}",
                said(&back)
            );
            rig.rollback(&[paused]).await;
        });
    });
}

#[test]
fn a_job_that_runs_now_is_paused_and_resumed_and_deleting_says_that_it_is_cancelled() {
    with_targets(|targets| {
        on_each(targets, "running", async |rig, version| {
            rig.sql("update _timescaledb_config.bgw_job set scheduled = false where proc_name not like 'Job;%'").await;
            let job = rig.text(OWN).await;
            // While the job runs, its next start is -infinity, which alter_job refuses.
            rig.sql(&format!("set search_path = \"ts X\", public; select alter_job({job}, scheduled => true, config => '{{\"s\": 60}}', next_start => now())")).await;
            let runs = format!(
                "select count(*) from pg_stat_activity where application_name like '%[{job}]'"
            );
            for _ in 0..150 {
                if rig.text(&runs).await == "1" {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            }
            assert_eq!(rig.text(&runs).await, "1", "{version}: it does not run");
            let scheduled =
                format!("select scheduled from _timescaledb_config.bgw_job where id = {job}");
            rig.there_and_back("pause-job", &job, &[], &scheduled).await;
            rig.there_and_back(
                "edit-job",
                &job,
                &[("max_runtime", "5m")],
                &format!("select max_runtime from _timescaledb_config.bgw_job where id = {job}"),
            )
            .await;
            let run = rig.plan("run-job-now", &job, &[]).await.unwrap();
            assert!(
                run.plan
                    .notes
                    .iter()
                    .any(|note| note.text.contains("both runs may overlap"))
            );
            let delete = rig.plan("delete-job", &job, &[]).await.unwrap();
            // Without this step the server could crash, because the job has a max_retries.
            let lifts = delete.plan.steps[0].run[0].sql.contains("max_retries => ");
            let crashes = rig.session.server.sql_version() >= Version::new(2, 26);
            assert_eq!(lifts, crashes, "{version}: {:?}", delete.plan.steps);
            assert!(
                delete
                    .plan
                    .notes
                    .iter()
                    .any(|note| note.text.contains("the run is cancelled")),
                "{:?}",
                delete.plan.notes
            );
            let report = rig.perform(&delete).await.unwrap();
            assert_eq!(report.problems, []);
            rig.rollback(&[report.id]).await;
            assert!(rig.text(OWN).await.parse::<i64>().unwrap() > job.parse().unwrap());
        });
    });
}

#[test]
fn the_policy_of_an_aggregate_on_an_aggregate_that_2_22_cannot_alter_is_refused_and_comes_back_with_less_as_told()
 {
    with_targets(|targets| {
        on_each(targets, "hierarchy", async |rig, version| {
            let job = job_of(rig, "top").await;
            if version != "2.22.1" {
                rig.there_and_back("pause-job", &job, &[], JOBS).await;
                return;
            }
            for action in ["pause-job", "edit-job"] {
                let refused = rig.plan(action, &job, &[]).await.unwrap_err();
                assert!(
                    refused.contains("refuses alter_job on the refresh policy")
                        && refused.contains("2.23.1"),
                    "{refused}"
                );
            }
            rig.sql(&format!("update _timescaledb_config.bgw_job set scheduled = false, max_runtime = '7h' where id = {job}")).await;
            let approved = rig.plan("delete-job", &job, &[]).await.unwrap();
            let Undo::Partly(lost) = &approved.plan.undo else {
                panic!("{:?}", approved.plan.undo)
            };
            assert!(
                lost.contains("max_runtime") && lost.contains("IT WOULD BE SCHEDULED"),
                "{lost}"
            );
            let done = rig.perform(&approved).await.unwrap();
            let back = rig.rollback_plan(&[done.id]).await.unwrap();
            let report = rig.perform(&back).await.unwrap();
            assert_eq!(report.problems, []);
            let differs: Vec<_> = report
                .differs
                .iter()
                .map(|(what, was, _)| format!("{what} {was}"))
                .collect();
            assert_eq!(differs, ["max_runtime 07:00:00", "scheduled false"]);
        });
    });
}

#[test]
fn a_job_without_its_procedure_goes_for_good_and_timescaledbs_own_jobs_stay() {
    with_targets(|targets| {
        on_each(targets, "orphan", async |rig, version| {
            let job = rig.text(OWN).await;
            rig.sql(&format!(
                "update _timescaledb_config.bgw_job set proc_name = 'nowhere' where id = {job}"
            ))
            .await;
            assert!(
                rig.plan("run-job-now", &job, &[])
                    .await
                    .unwrap_err()
                    .contains("does not exist")
            );
            let approved = rig.plan("delete-job", &job, &[]).await.unwrap();
            assert!(
                matches!(&approved.plan.undo, Undo::Never(why) if why.contains("procedure")),
                "{:?}",
                approved.plan.undo
            );
            assert_eq!(approved.plan.consent, Consent::Name);
            rig.perform(&approved).await.unwrap();
            let own = rig
                .text("select min(id) from _timescaledb_config.bgw_job where id < 1000")
                .await;
            assert!(
                rig.plan("delete-job", &own, &[])
                    .await
                    .unwrap_err()
                    .contains("TimescaleDB's own"),
                "{version}"
            );
            rig.there_and_back(
                "edit-job",
                &own,
                &[("retry_period", "2h")],
                "select max(retry_period) from _timescaledb_config.bgw_job where id < 1000",
            )
            .await;
        });
    });
}

#[test]
fn the_stand_ins_jobs_run_too_and_fail_as_their_history_says() {
    with_targets(|targets| {
        let target = targets.all.iter().find(|target| !target.real).unwrap();
        support::block_on(async {
            let rig = Rig::new(target).await;
            let job = |procedure: &str| {
                format!(
                    "select min(id) from _timescaledb_config.bgw_job where proc_name = '{procedure}'"
                )
            };
            // This aggregate is days late, so a refresh changes it.
            let refresh = rig.text("select id from _timescaledb_config.bgw_job where config ->> 'end_offset' = '1 day'").await;
            let tails = "select string_agg(lowest_modified_value::text, ',' order by materialization_id) from _timescaledb_catalog.continuous_aggs_materialization_invalidation_log where greatest_modified_value = 9223372036854775807";
            let before = rig.text(tails).await;
            rig.act("run-job-now", &refresh, &[]).await;
            assert_ne!(rig.text(tails).await, before, "the refresh went on");
            let chunks = "select count(*) from _timescaledb_catalog.chunk";
            let (retention, before) = (
                rig.text(&job("policy_retention")).await,
                rig.text(chunks).await,
            );
            rig.act("run-job-now", &retention, &[]).await;
            assert_ne!(rig.text(chunks).await, before, "chunks were dropped");
            let export = rig.text(&job("job_export_erp")).await;
            let approved = rig.plan("run-job-now", &export, &[]).await.unwrap();
            let report = rig.perform(&approved).await.unwrap();
            assert_eq!(
                report.problems[0].1.sqlstate.as_deref(),
                Some("08001"),
                "{report:?}"
            );
        });
    });
}
