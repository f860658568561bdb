//! Triage of jobs on real servers: each problem is created, found by its rule, and fixed by the suggested action or the advice in the
//! reason. Then the finding is gone.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::model::rules;
use hypertop::model::verdict::Level;
use hypertop::model::version::Version;
use hypertop::screens::overview::merge;
use support::act::Rig;
use support::triage::{self, all, fix, found, goes, gone, until};

/// A procedure that sleeps and fails as its configuration says, and records its runs.
const SOURCE: &str = r#"set client_min_messages = error; create schema "Me.s"; create table "Me.s".ran (job int, at timestamptz default clock_timestamp());
create procedure "Me.s"."Do ""x"""(job int, config jsonb) language plpgsql as $$ begin  perform pg_sleep(coalesce((config ->> 'sleep')::float, 0));  if config ? 'code' then raise exception using errcode = config ->> 'code', message = config ->> 'message', hint = 'ask the ERP team.'; end if;  insert into "Me.s".ran values (job); end $$"#;

/// Runs a test in a new database of each version with [`SOURCE`].
fn on_each(name: &str, test: impl AsyncFn(&Rig, Version)) {
    triage::on_each(name, SOURCE, test);
}

/// Adds a job with this configuration; returns its id. `then`: further arguments of `alter_job`.
async fn add(rig: &Rig, config: &str, then: &str) -> String {
    let sql = format!(
        "select job_id from alter_job(add_job('\"Me.s\".\"Do \"\"x\"\"\"', interval '1 hour', config => '{config}', fixed_schedule => false), {then})"
    );
    rig.text(&sql).await
}

/// Waits until the job's statistics meet this condition.
async fn counted(rig: &Rig, id: &str, what: &str) {
    let sql = format!(
        "select exists (select from _timescaledb_internal.bgw_job_stat where job_id = {id} and {what})"
    );
    until(rig, what, &sql).await;
}

/// Stops or starts the scheduler of this database.
async fn scheduler(rig: &Rig, version: Version, verb: &str) {
    let schema = triage::functions(version);
    rig.sql(&format!("select {schema}.{verb}_background_workers()"))
        .await;
    let runs = if verb == "start" { "t" } else { "f" };
    until(
        rig,
        "the scheduler does not follow",
        &format!("select (exists (select from pg_stat_activity where datname = current_database() and application_name like '%Scheduler'))::text = '{}'", if runs == "t" { "true" } else { "false" }),
    )
    .await;
}

async fn ran(rig: &Rig, id: &str) {
    let sql = format!("select exists (select from \"Me.s\".ran where job = {id})");
    until(rig, "it does not run", &sql).await;
}

#[test]
fn a_failing_job_says_its_error_and_is_fixed_by_another_configuration() {
    on_each("fails", async |rig, _| {
        let config = r#"{"code": "08001", "message": "ERP not reachable"}"#;
        let id = add(rig, config, "next_start => now()").await;
        counted(rig, &id, "total_failures > 0").await;
        let words = [
            "failed ",
            "08001 ERP not reachable",
            "ask the ERP team; tries again in",
        ];
        let row = found(rig, &rules::JOB_FAILING, &id, &words).await;
        assert_eq!(row.finding.level, Level::Warning);
        // A run shows the error as long as its cause exists.
        assert_eq!(row.finding.fix, Some("run-job-now"));
        let run = rig.plan("run-job-now", &id, &[]).await.unwrap();
        let report = rig.perform(&run).await.unwrap();
        assert!(
            format!("{:?}", report.problems).contains("ERP not reachable"),
            "{}: {report:?}",
            rig.name
        );
        found(rig, &rules::JOB_FAILING, &id, &words[1..2]).await;
        let set = [("config", r#"{"erp": "up"}"#), ("next_start", "now")];
        rig.act("edit-job", &id, &set).await;
        goes(rig, &rules::JOB_FAILING, &id).await;
    });
}

#[test]
fn a_run_that_is_stopped_at_its_max_runtime_says_so_and_gets_more_time() {
    on_each("stopped", async |rig, _| {
        let then = "max_runtime => interval '1 second', next_start => now()";
        let id = add(rig, r#"{"sleep": 3}"#, then).await;
        counted(rig, &id, "last_finish > '-infinity'").await;
        let words = [
            "stopped at its max_runtime of 1s",
            "edit-job suggests twice the limit",
        ];
        let row = found(rig, &rules::JOB_FAILING, &id, &words).await;
        assert_eq!(row.finding.fix, Some("edit-job"));
        let set = [("max_runtime", "1 minute"), ("next_start", "now")];
        fix(rig, &row, &set).await;
        goes(rig, &rules::JOB_FAILING, &id).await;
    });
}

#[test]
fn a_job_that_max_retries_paused_is_critical_and_is_resumed_once_its_cause_is_fixed() {
    on_each("gave_up", async |rig, _| {
        let config = r#"{"code": "08001", "message": "ERP not reachable"}"#;
        let id = add(rig, config, "max_retries => 1, next_start => now()").await;
        let paused =
            format!("select not scheduled from timescaledb_information.jobs where job_id = {id}");
        until(rig, "it is not paused", &paused).await;
        let words = [
            "paused by the scheduler",
            "max_retries is 1",
            "08001 ERP not reachable",
        ];
        let row = found(rig, &rules::JOB_GAVE_UP, &id, &words).await;
        assert_eq!(row.finding.level, Level::Critical);
        // The failures are part of the same finding.
        gone(rig, &rules::JOB_FAILING, &id).await;
        let set = [("config", "{}"), ("next_start", "now")];
        rig.act("edit-job", &id, &set).await;
        fix(rig, &row, &[]).await;
        goes(rig, &rules::JOB_GAVE_UP, &id).await;
        goes(rig, &rules::JOB_FAILING, &id).await;
    });
}

#[test]
fn a_paused_job_is_a_notice_and_is_resumed() {
    on_each("paused", async |rig, _| {
        let id = add(rig, "{}", "scheduled => false").await;
        let words = ["paused: it will not run until"];
        let row = found(rig, &rules::JOB_PAUSED, &id, &words).await;
        fix(rig, &row, &[]).await;
        gone(rig, &rules::JOB_PAUSED, &id).await;
        ran(rig, &id).await;
    });
}

#[test]
fn a_start_that_was_moved_far_away_is_brought_back() {
    on_each("far", async |rig, _| {
        let id = add(rig, "{}", "next_start => now() + interval '30 days'").await;
        let words = ["runs next in 30d", "every 1h"];
        let row = found(rig, &rules::JOB_FAR, &id, &words).await;
        fix(rig, &row, &[]).await;
        ran(rig, &id).await;
        goes(rig, &rules::JOB_FAR, &id).await;
    });
}

#[test]
fn without_a_scheduler_a_job_is_late_and_runs_in_the_foreground_until_one_is_started() {
    on_each("late", async |rig, version| {
        scheduler(rig, version, "stop").await;
        let id = add(rig, "{}", "next_start => now() - interval '10 minutes'").await;
        let words = [
            "should have started 10m",
            "no scheduler runs in this database",
        ];
        let row = found(rig, &rules::JOB_LATE, &id, &words).await;
        assert_eq!(row.finding.level, Level::Critical);
        fix(rig, &row, &[]).await;
        ran(rig, &id).await;
        // The Overview shows the cause, with the function that starts a scheduler.
        let rows = merge(all(rig).await);
        assert!(
            rows.iter().all(|row| row.finding.rule != &rules::JOB_LATE),
            "{rows:#?}"
        );
        let words = [triage::functions(version), "start_background_workers()"];
        found(rig, &rules::SERVER_SCHEDULER, "scheduler", &words[1..]).await;
        scheduler(rig, version, "start").await;
        goes(rig, &rules::JOB_LATE, &id).await;
        goes(rig, &rules::SERVER_SCHEDULER, "scheduler").await;
    });
}

#[test]
fn a_job_that_finds_no_free_worker_says_that_all_are_taken() {
    triage::alone_on_each("starved", SOURCE, async |_, rig, _| {
        rig.sql(r#"select add_job('"Me.s"."Do ""x"""', interval '1 hour', config => '{"sleep": 300}', fixed_schedule => false) from generate_series(1, 30)"#).await;
        until(rig, "workers are left", "select count(*) >= current_setting('timescaledb.max_background_workers')::int from pg_stat_activity where application_name ~ '( \\[\\d+\\]|^TimescaleDB Background Worker (Launcher|Scheduler))$'").await;
        let id = add(rig, "{}", "next_start => now() - interval '10 minutes'").await;
        let words = ["late", "all slots of timescaledb.max_background_workers"];
        let row = found(rig, &rules::JOB_LATE, &id, &words).await;
        found(
            rig,
            &rules::SERVER_WORKERS,
            "workers",
            &["the next job waits for a free slot"],
        )
        .await;
        fix(rig, &row, &[]).await;
        ran(rig, &id).await;
        rig.sql(&format!("select alter_job(job_id, scheduled => false) from timescaledb_information.jobs where job_id >= 1000 and job_id <> {id}")).await;
        rig.sql(
            "select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'",
        )
        .await;
        goes(rig, &rules::JOB_LATE, &id).await;
        goes(rig, &rules::SERVER_WORKERS, "workers").await;
    });
}

#[test]
fn a_job_that_the_scheduler_never_looked_at_is_given_a_start() {
    on_each("never", async |rig, version| {
        scheduler(rig, version, "stop").await;
        let id = rig.text(r#"select add_job('"Me.s"."Do ""x"""', interval '1 hour', fixed_schedule => false)"#).await;
        let words = ["never ran", "no scheduler runs in this database"];
        let row = found(rig, &rules::JOB_NEVER_RAN, &id, &words).await;
        assert_eq!(row.finding.level, Level::Unknown);
        fix(rig, &row, &[]).await;
        gone(rig, &rules::JOB_NEVER_RAN, &id).await;
        scheduler(rig, version, "start").await;
        ran(rig, &id).await;
    });
}

#[test]
fn a_job_that_is_due_at_once_and_does_not_start_is_given_a_start() {
    on_each("at_once", async |rig, version| {
        scheduler(rig, version, "stop").await;
        let id = add(rig, "{}", "next_start => now()").await;
        // The state after alter_job with a new interval before the first run.
        rig.sql(&format!(
            "select alter_job({id}, schedule_interval => interval '2 hours')"
        ))
        .await;
        assert_eq!(
            rig.text(&format!(
                "select next_start from _timescaledb_internal.bgw_job_stat where job_id = {id}"
            ))
            .await,
            "-infinity",
            "{}",
            rig.name
        );
        let row = found(rig, &rules::JOB_AT_ONCE, &id, &["due at once"]).await;
        fix(rig, &row, &[]).await;
        gone(rig, &rules::JOB_AT_ONCE, &id).await;
        scheduler(rig, version, "start").await;
        ran(rig, &id).await;
    });
}

#[test]
fn an_owner_that_may_not_log_in_is_told_with_what_lets_it() {
    on_each("owner", async |rig, _| {
        let role = format!("\"Own.er {}\"", rig.name);
        rig.sql(&format!("create role {role} login; grant all on schema \"Me.s\" to {role}; grant all on \"Me.s\".ran to {role}; set role {role}")).await;
        let id = add(rig, "{}", "next_start => now() + interval '1 hour'").await;
        rig.sql(&format!("reset role; alter role {role} nologin"))
            .await;
        let fix = format!("ALTER ROLE {role} LOGIN");
        let words = ["may not log in", fix.as_str()];
        let row = found(rig, &rules::JOB_OWNER, &id, &words).await;
        assert_eq!(row.finding.level, Level::Critical);
        // The finding is right: no worker can start the job.
        rig.sql(&format!("select alter_job({id}, next_start => now())"))
            .await;
        counted(rig, &id, "total_crashes + total_failures > 0").await;
        rig.sql(&fix).await;
        gone(rig, &rules::JOB_OWNER, &id).await;
        rig.act("run-job-now", &id, &[("how", "scheduler")]).await;
        ran(rig, &id).await;
        rig.sql(&format!(
            "select delete_job({id}); drop owned by {role}; drop role {role}"
        ))
        .await;
    });
}

#[test]
fn a_job_whose_procedure_is_gone_is_deleted() {
    on_each("no_code", async |rig, _| {
        let id = add(rig, "{}", "next_start => now() + interval '1 hour'").await;
        gone(rig, &rules::JOB_PROCEDURE_GONE, &id).await;
        // Newer versions refuse to drop a job's procedure, but a partial restore may leave this state.
        rig.sql("set allow_system_table_mods = on; update pg_proc set proname = 'done' where prokind = 'p' and pronamespace = '\"Me.s\"'::regnamespace").await;
        let words = [r#"its procedure "Me.s"."Do ""x""" no longer exists"#];
        let row = found(rig, &rules::JOB_PROCEDURE_GONE, &id, &words).await;
        assert_eq!(row.finding.level, Level::Critical);
        fix(rig, &row, &[]).await;
        gone(rig, &rules::JOB_PROCEDURE_GONE, &id).await;
    });
}

#[test]
fn a_run_longer_than_its_interval_is_given_a_longer_one() {
    on_each("slow", async |rig, _| {
        let id = add(
            rig,
            r#"{"sleep": 1.2}"#,
            "schedule_interval => interval '1 second', next_start => now()",
        )
        .await;
        counted(
            rig,
            &id,
            "total_successes > 0 and last_finish > '-infinity'",
        )
        .await;
        rig.sql(&format!(
            "select alter_job({id}, next_start => now() + interval '1 minute')"
        ))
        .await;
        counted(rig, &id, "last_finish > '-infinity'").await;
        let words = ["its last run took 1", "longer than its interval of 1s"];
        let row = found(rig, &rules::JOB_SLOW, &id, &words).await;
        fix(rig, &row, &[("schedule_interval", "10 minutes")]).await;
        goes(rig, &rules::JOB_SLOW, &id).await;
    });
}

#[test]
fn a_run_far_longer_than_its_others_is_cancelled() {
    on_each("long", async |rig, _| {
        let id = add(rig, r#"{"sleep": 600}"#, "next_start => now()").await;
        let runs = format!(
            "select exists (select from pg_stat_activity where application_name like '% [{id}]' and wait_event = 'PgSleep')"
        );
        until(rig, "it does not run", &runs).await;
        // As if the run had started long ago, and earlier runs had been short.
        rig.sql(&format!("update _timescaledb_internal.bgw_job_stat set last_start = now() - interval '10 minutes', total_successes = 10, total_duration = interval '20 seconds' where job_id = {id}")).await;
        let words = ["running for 10m", "take 2s on average", "session "];
        let row = found(rig, &rules::JOB_SLOW, &id, &words).await;
        assert_eq!(row.finding.fix, Some("cancel-query"));
        fix(rig, &row, &[]).await;
        goes(rig, &rules::JOB_SLOW, &id).await;
    });
}

#[test]
fn a_run_that_nobody_stops_at_its_max_runtime_is_ended() {
    on_each("overrun", async |rig, version| {
        let id = add(
            rig,
            r#"{"sleep": 600}"#,
            "max_runtime => interval '1 hour', next_start => now()",
        )
        .await;
        let runs = format!(
            "select exists (select from pg_stat_activity where application_name like '% [{id}]' and wait_event = 'PgSleep')"
        );
        until(rig, "it does not run", &runs).await;
        // The scheduler counts max_runtime from the start that it knows itself.
        rig.sql(&format!("update _timescaledb_internal.bgw_job_stat set last_start = now() - interval '2 hours' where job_id = {id}")).await;
        let words = [
            "running for 2h",
            "past its max_runtime of 1h",
            "has not stopped it",
        ];
        let row = found(rig, &rules::JOB_OVERRUN, &id, &words).await;
        fix(rig, &row, &[]).await;
        goes(rig, &rules::JOB_OVERRUN, &id).await;
        let _ = version;
    });
}

#[test]
fn what_postgresqls_portal_fault_ends_is_one_finding_of_all_jobs() {
    on_each("portal", async |rig, _| {
        let config =
            r#"{"code": "24000", "message": "cannot drop portal \"\" while it is being set up"}"#;
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(add(rig, config, "next_start => now()").await);
        }
        for id in &ids {
            counted(rig, id, "total_failures > 0 and last_finish > '-infinity'").await;
            let words = ["its work was done and committed", "Another minor version"];
            let row = found(rig, &rules::JOB_PORTAL_FAULT, id, &words).await;
            assert_eq!(row.finding.level, Level::Warning);
            gone(rig, &rules::JOB_FAILING, id).await;
        }
        let mut rows = merge(all(rig).await);
        rows.retain(|row| row.finding.rule == &rules::JOB_PORTAL_FAULT);
        let [row] = rows.as_slice() else {
            panic!("{}: {rows:#?}", rig.name)
        };
        let others = format!("the same for 2 other jobs: {}, {}", ids[1], ids[2]);
        assert!(
            row.finding.reason.ends_with(&others),
            "{}",
            row.finding.reason
        );
        // As on a later minor version, where the next run succeeds.
        for id in &ids {
            rig.sql(&format!(
                "select alter_job({id}, config => '{{}}', next_start => now())"
            ))
            .await;
        }
        for id in &ids {
            goes(rig, &rules::JOB_PORTAL_FAULT, id).await;
        }
    });
}
