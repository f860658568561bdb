//! Triage of jobs after a crash and after a restart of the server, on a server that no other test uses.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::process::Command;
use std::time::{Duration, Instant};

use hypertop::model::rules;
use hypertop::model::screen_id::ScreenId;
use hypertop::model::verdict::Level;
use hypertop::screens::record::Record;
use hypertop::server::known::At;
use support::act::Rig;
use support::triage::{self, fix, found, goes, gone, until};

const SOURCE: &str = r#"set client_min_messages = error; create schema "Me.s"; create table "Me.s".ran (job int);
create procedure "Me.s"."Do ""x"""(job int, config jsonb) language plpgsql as $$ begin if not exists (select from "Me.s".ran) then perform pg_sleep((config ->> 'sleep')::float); end if; insert into "Me.s".ran values (job); end $$"#;

/// Adds a job whose runs take this many seconds; returns its id.
async fn add(rig: &Rig, seconds: i32) -> String {
    rig.text(&format!("select add_job('\"Me.s\".\"Do \"\"x\"\"\"', interval '1 hour', config => '{{\"sleep\": {seconds}}}', fixed_schedule => false)")).await
}

/// The same database after the server answers again.
async fn again(rig: &Rig) -> Rig {
    let begun = Instant::now();
    while !rig.client.is_closed() && begun.elapsed() < Duration::from_secs(60) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    loop {
        let settings = support::settings(&rig.conninfo);
        if hypertop::connect::again(&settings, None).await.is_ok() {
            return Rig::on(&rig.name, &rig.conninfo).await;
        }
        let long = begun.elapsed();
        assert!(
            long < Duration::from_secs(60),
            "{}: it stays away",
            rig.name
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[test]
fn a_worker_that_was_killed_is_a_crash_and_its_job_is_started_again() {
    triage::alone_on_each("crash", SOURCE, async |_, rig, version| {
        let id = add(rig, 600).await;
        let worker = format!(
            "pg_stat_activity where application_name like '% [{id}]' and wait_event = 'PgSleep'"
        );
        until(
            rig,
            "it does not run",
            &format!("select exists (select from {worker})"),
        )
        .await;
        let pid = rig.text(&format!("select pid from {worker}")).await;
        // This server does not sync to disk, so without a checkpoint the start of the run would be lost.
        rig.sql("checkpoint").await;
        // Kills the worker as the kernel's out-of-memory killer does.
        assert!(
            Command::new("kill")
                .args(["-9", &pid])
                .status()
                .unwrap()
                .success()
        );
        let rig = &again(rig).await;
        rig.sql("insert into \"Me.s\".ran values (0)").await;
        // It is unknown whether the run has ended just now.
        let (screens, at) = triage::look(rig, &[ScreenId::Jobs]).await;
        let row = screens
            .jobs
            .rows()
            .iter()
            .find(|row| row.job_id.to_string() == id)
            .unwrap();
        let start = row.statistics.as_ref().unwrap().last_start.unwrap();
        let at = At {
            now: start.plus_seconds(5.0),
            ..at
        };
        let verdict = row.verdict(&at);
        assert_eq!(
            verdict.level,
            Level::Unknown,
            "{}: {}",
            rig.name,
            verdict.reason
        );
        assert_eq!(verdict.findings[0].rule, &rules::JOB_UNSEEN);
        assert!(verdict.reason.contains("it has just ended, or crashed"));
        until(rig, "time stands still", &format!("select now() - last_start > interval '11 seconds' from _timescaledb_internal.bgw_job_stat where job_id = {id}")).await;
        let words = [
            "crashed: it started",
            "its worker is gone",
            "retries after 5 minutes",
        ];
        let words = if rig.session.server.sql_version().minor < 26 {
            &words[..2]
        } else {
            &words[..]
        };
        let row = found(rig, &rules::JOB_CRASHED, &id, words).await;
        gone(rig, &rules::JOB_UNSEEN, &id).await;
        fix(rig, &row, &[]).await;
        let done = format!("select exists (select from \"Me.s\".ran where job = {id})");
        until(rig, "it does not run", &done).await;
        // As if the scheduler's five minutes had passed.
        let schema = triage::functions(version);
        rig.sql(&format!("select {schema}.stop_background_workers(); update _timescaledb_internal.bgw_job_stat set consecutive_crashes = 0, next_start = now() where job_id = {id}")).await;
        rig.sql(&format!("select {schema}.start_background_workers()"))
            .await;
        goes(rig, &rules::JOB_CRASHED, &id).await;
    });
}

#[test]
fn a_job_that_cannot_have_run_since_the_server_was_started_says_so() {
    triage::alone_on_each("restart", SOURCE, async |server, rig, version| {
        let id = add(rig, 0).await;
        until(
            rig,
            "it does not run",
            &format!("select exists (select from \"Me.s\".ran where job = {id})"),
        )
        .await;
        // As in an unfinished restore.
        rig.sql("do $$ begin execute format('alter database %I set timescaledb.restoring = on', current_database()); end $$").await;
        rig.sql("checkpoint").await;
        server.stop().unwrap();
        server.launch().unwrap();
        let rig = &again(rig).await;
        rig.sql(&format!("update _timescaledb_internal.bgw_job_stat set next_start = now() - interval '10 minutes' where job_id = {id}")).await;
        let words = ["late", "has not run since the server was started"];
        found(rig, &rules::JOB_LATE, &id, &words).await;
        let setting = "setting timescaledb.restoring";
        let words = ["no job runs", "timescaledb_post_restore()"];
        found(rig, &rules::SERVER_SETTING, setting, &words).await;
        rig.sql("select timescaledb_post_restore()").await;
        // A scheduler that started before that commit ends by itself, so one is started until the job ran.
        let schema = triage::functions(version);
        let start = format!(
            "select {schema}.start_background_workers() and exists (select from _timescaledb_internal.bgw_job_stat
                where job_id = {id} and isfinite(last_finish) and last_finish > pg_postmaster_start_time())"
        );
        until(rig, "the job does not run again", &start).await;
        let rig = &Rig::on(&rig.name, &rig.conninfo).await;
        goes(rig, &rules::JOB_LATE, &id).await;
        gone(rig, &rules::SERVER_SETTING, setting).await;
    });
}
