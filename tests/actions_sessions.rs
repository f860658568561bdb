//! Cancelling statements and terminating sessions: never a session of the console, and only the session in the preview.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::time::Duration;

use hypertop::model::plan::{Consent, Undo};
use support::act::{Rig, script};
use support::{block_on, client, with_targets};
use tokio_postgres::Client;

/// A session of another client, and its pid.
async fn victim(rig: &Rig, name: &str) -> (Client, String) {
    let client = client(&rig.conninfo).await;
    client
        .batch_execute(&format!("set application_name = '{name}'"))
        .await
        .unwrap();
    let row = client
        .query_one("select pg_backend_pid()::text", &[])
        .await
        .unwrap();
    (client, row.get(0))
}

/// Runs the statement in a task, which returns the SQLSTATE of its error. `lost`: the connection ended.
fn runs(client: Client, sql: &'static str) -> tokio::task::JoinHandle<(Client, Option<String>)> {
    tokio::spawn(async move {
        let result = client.batch_execute(sql).await;
        let code = result.err().map(|error| {
            error
                .code()
                .map_or_else(|| "lost".to_owned(), |code| code.code().to_owned())
        });
        (client, code)
    })
}

async fn when(rig: &Rig, sql: &str) {
    for _ in 0..100 {
        if rig.text(sql).await == "t" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{}: never true: {sql}", rig.name);
}

fn notes(plan: &hypertop::model::plan::Plan) -> String {
    let texts: Vec<_> = plan.notes.iter().map(|note| note.text.as_str()).collect();
    texts.join("\n")
}

#[test]
fn a_cancel_ends_the_statement_and_leaves_the_session() {
    with_targets(|targets| {
        let all = targets
            .all
            .iter()
            .map(|target| (&target.name, &target.conninfo));
        let plain = "plain PostgreSQL".to_owned();
        for (name, conninfo) in all.chain([(&plain, &targets.plain)]) {
            block_on(async {
                let rig = Rig::on(name, conninfo).await;
                let (client, pid) = victim(&rig, "sleeper").await;
                let work = runs(client, "select pg_sleep(60)");
                when(
                    &rig,
                    &format!("select state = 'active' from pg_stat_activity where pid = {pid}"),
                )
                .await;
                let approved = rig.plan("cancel-query", &pid, &[]).await.unwrap();
                assert_eq!(approved.plan.consent, Consent::Yes, "{name}");
                assert!(matches!(approved.plan.undo, Undo::Never(_)), "{name}");
                let sql = script(&approved.plan);
                assert!(
                    sql.contains("pg_cancel_backend(a.pid)") && sql.contains("a.backend_start = '"),
                    "{name}: {sql}"
                );
                assert!(
                    notes(&approved.plan).contains("select pg_sleep(60)"),
                    "{name}"
                );
                let report = rig.perform(&approved).await.unwrap();
                assert_eq!(report.problems, [], "{name}");
                let (client, code) = work.await.unwrap();
                assert_eq!(code.as_deref(), Some("57014"), "{name}");
                client.batch_execute("select 1").await.unwrap();
                // The statement of the preview has ended, so the same plan must not cancel the session's next one.
                let work = runs(client, "select pg_sleep(2)");
                when(
                    &rig,
                    &format!("select state = 'active' from pg_stat_activity where pid = {pid}"),
                )
                .await;
                let refused = rig.perform(&approved).await.unwrap_err();
                assert!(
                    refused.contains("changed since the preview"),
                    "{name}: {refused}"
                );
                let (_client, code) = work.await.unwrap();
                assert_eq!(code, None, "{name}");
                let refused = rig.plan("cancel-query", &pid, &[]).await.unwrap_err();
                assert!(refused.contains("runs no statement"), "{name}: {refused}");
                let refused = rig.rollback_plan(&[report.id]).await.unwrap_err();
                assert!(!refused.is_empty(), "{name}");
            });
        }
    });
}

#[test]
fn a_terminated_session_is_gone_and_those_it_blocked_go_on() {
    with_targets(|targets| {
        let all = targets
            .all
            .iter()
            .map(|target| (&target.name, &target.conninfo));
        let plain = "plain PostgreSQL".to_owned();
        for (name, conninfo) in all.chain([(&plain, &targets.plain)]) {
            block_on(async {
                let rig = Rig::on(name, conninfo).await;
                rig.sql("create table if not exists public.held (a int)")
                    .await;
                let (holder, pid) = victim(&rig, "holder").await;
                holder
                    .batch_execute(
                        "begin; insert into public.held values (1); lock table public.held",
                    )
                    .await
                    .unwrap();
                let (waiter, waiting) = victim(&rig, "waiter").await;
                let work = runs(waiter, "select count(*) from public.held");
                when(
                    &rig,
                    &format!(
                        "select exists (select from pg_locks where pid = {waiting} and not granted)"
                    ),
                )
                .await;
                let approved = rig.plan("terminate-session", &pid, &[]).await.unwrap();
                assert_eq!(approved.plan.consent, Consent::Name, "{name}");
                assert_eq!(approved.plan.target, pid, "{name}");
                let said = notes(&approved.plan);
                for words in [
                    format!("it blocks 1 session: {waiting} (waiter of postgres"),
                    "all its changes are rolled back".to_owned(),
                    "its client: application holder, on this server's machine (Unix socket), role postgres"
                        .to_owned(),
                ] {
                    assert!(said.contains(&words), "{name}: {said}");
                }
                // An idle transaction has no statement to cancel.
                let refused = rig.plan("cancel-query", &pid, &[]).await.unwrap_err();
                assert!(refused.contains("terminate-session"), "{name}: {refused}");
                let report = rig.perform(&approved).await.unwrap();
                assert_eq!(
                    (report.problems, report.notices),
                    (vec![], vec![]),
                    "{name}"
                );
                let (_waiter, code) = work.await.unwrap();
                assert_eq!(code, None, "{name}");
                assert!(holder.batch_execute("select 1").await.is_err(), "{name}");
                assert_eq!(
                    rig.text("select count(*) from public.held").await,
                    "0",
                    "{name}"
                );
                assert_eq!(
                    rig.text(&format!(
                        "select count(*) from pg_stat_activity where pid = {pid}"
                    ))
                    .await,
                    "0",
                    "{name}"
                );
                let refused = rig.perform(&approved).await.unwrap_err();
                assert!(
                    refused.contains("changed since the preview"),
                    "{name}: {refused}"
                );
                let refused = rig.plan("terminate-session", &pid, &[]).await.unwrap_err();
                assert!(refused.contains("no longer exists"), "{name}: {refused}");
            });
        }
    });
}

#[test]
fn the_consoles_own_sessions_are_refused() {
    with_targets(|targets| {
        for target in &targets.all {
            block_on(async {
                let rig = Rig::new(target).await;
                let own = rig
                    .session
                    .connected
                    .client
                    .query_one("select pg_backend_pid()::text", &[])
                    .await
                    .unwrap();
                let own: String = own.get(0);
                for action in ["cancel-query", "terminate-session"] {
                    let refused = rig.plan(action, &own, &[]).await.unwrap_err();
                    assert!(
                        refused.contains("console's own"),
                        "{}: {refused}",
                        target.name
                    );
                    let refused = rig.plan(action, "mes.oee", &[]).await.unwrap_err();
                    assert!(
                        refused.contains("is not a process id"),
                        "{}: {refused}",
                        target.name
                    );
                }
                // A second operator's hypertop, as it looks on the server: same application name, role and address.
                let (_other, pid) = victim(&rig, "hypertop").await;
                let approved = rig.plan("terminate-session", &pid, &[]).await.unwrap();
                let said = notes(&approved.plan);
                assert!(said.contains("its client: application hypertop"), "{said}");
                assert!(!said.contains("own sessions"), "{said}");
                rig.perform(&approved).await.unwrap();
                let left = format!("select count(*) from pg_stat_activity where pid = {pid}");
                assert_eq!(rig.text(&left).await, "0", "{}", target.name);
            });
        }
    });
}

#[test]
fn the_scheduler_and_a_jobs_worker_are_warned_of() {
    with_targets(|targets| {
        for target in targets.all.iter().filter(|target| target.real) {
            block_on(async {
                let rig = Rig::new(target).await;
                let scheduler = "from pg_stat_activity where datname = current_database() and application_name = 'TimescaleDB Background Worker Scheduler'";
                when(&rig, &format!("select exists (select {scheduler})")).await;
                let pid = rig.text(&format!("select pid {scheduler}")).await;
                let approved = rig.plan("terminate-session", &pid, &[]).await.unwrap();
                let said = notes(&approved.plan);
                assert!(
                    said.contains("NO JOB of this database will start"),
                    "{}: {said}",
                    target.name
                );
                let refused = rig.plan("cancel-query", &pid, &[]).await.unwrap_err();
                assert!(refused.contains("pause-job"), "{}: {refused}", target.name);

                rig.sql("create or replace procedure public.sleeps(job_id int, config jsonb) language plpgsql as 'begin perform pg_sleep(30); end'").await;
                let job = rig.text("select add_job('public.sleeps', '1 hour')").await;
                let worker = format!(
                    "from pg_stat_activity where application_name like '% [{job}]' and state = 'active' and query_start < clock_timestamp() - interval '300 ms'"
                );
                when(&rig, &format!("select exists (select {worker})")).await;
                let pid = rig.text(&format!("select pid {worker}")).await;
                let approved = rig.plan("terminate-session", &pid, &[]).await.unwrap();
                assert!(
                    notes(&approved.plan).contains(&format!("it is the worker of job {job}")),
                    "{}",
                    target.name
                );
                let report = rig.act("cancel-query", &pid, &[]).await;
                assert_eq!(report.steps_done, 1, "{}", target.name);
                when(&rig, &format!("select last_run_success is false and last_finish > '-infinity' from _timescaledb_internal.bgw_job_stat where job_id = {job}")).await;
                rig.sql(&format!("select delete_job({job})")).await;
            });
        }
    });
}

/// Checks that the warning is right: only the function that it names starts the scheduler again.
#[test]
fn a_terminated_scheduler_comes_back_only_when_it_is_started() {
    with_targets(|targets| {
        for target in targets.all.iter().filter(|target| target.real) {
            block_on(async {
                let rig = Rig::new(target).await;
                let scheduler = "from pg_stat_activity where datname = current_database() and application_name = 'TimescaleDB Background Worker Scheduler'";
                when(&rig, &format!("select exists (select {scheduler})")).await;
                let pid = rig.text(&format!("select pid {scheduler}")).await;
                rig.act("terminate-session", &pid, &[]).await;
                tokio::time::sleep(Duration::from_secs(3)).await;
                assert_eq!(
                    rig.text(&format!("select count(*) {scheduler}")).await,
                    "0",
                    "{}",
                    target.name
                );
                let schema = if rig.session.server.sql_version()
                    < hypertop::model::version::Version::new(2, 12)
                {
                    "_timescaledb_internal"
                } else {
                    "_timescaledb_functions"
                };
                rig.sql(&format!("select {schema}.start_background_workers()"))
                    .await;
                when(&rig, &format!("select exists (select {scheduler})")).await;
            });
        }
    });
}

#[test]
fn a_role_without_rights_is_warned_and_gets_the_servers_words() {
    with_targets(|targets| {
        for target in targets.all.iter().filter(|target| target.real) {
            block_on(async {
                let admin = client(&target.conninfo).await;
                admin.batch_execute("do $$ begin create role nobody_here login; exception when duplicate_object then null; end $$").await.unwrap();
                let poor = target.conninfo.replace("user=postgres", "user=nobody_here");
                let rig = Rig::on(&target.name, &poor).await;
                let theirs = Rig::new(target).await;
                let (_client, pid) = victim(&theirs, "victim").await;
                let approved = rig.plan("terminate-session", &pid, &[]).await.unwrap();
                let said = notes(&approved.plan);
                assert!(
                    said.contains("nobody_here may not signal sessions of postgres"),
                    "{}: {said}",
                    target.name
                );
                assert!(
                    said.contains("hidden from nobody_here"),
                    "{}: {said}",
                    target.name
                );
                let report = rig.perform(&approved).await.unwrap();
                let (_, problem) = report.problems.first().expect("a problem");
                assert_eq!(
                    problem.sqlstate.as_deref(),
                    Some("42501"),
                    "{}",
                    target.name
                );
                assert_eq!(
                    theirs
                        .text(&format!(
                            "select count(*) from pg_stat_activity where pid = {pid}"
                        ))
                        .await,
                    "1",
                    "{}",
                    target.name
                );
            });
        }
    });
}

#[test]
fn a_membership_that_is_not_inherited_is_no_right_to_signal() {
    with_targets(|targets| {
        block_on(async {
            let admin = Rig::on("plain PostgreSQL", &targets.plain).await;
            admin
                .sql("create role quiet login noinherit; create role noisy login; grant pg_signal_backend, noisy to quiet")
                .await;
            let as_role = |role: &str| {
                targets
                    .plain
                    .replace("user=postgres", &format!("user={role}"))
            };
            let quiet = Rig::on("quiet", &as_role("quiet")).await;
            let noisy = Rig::on("noisy", &as_role("noisy")).await;
            let (_client, pid) = victim(&noisy, "noise").await;
            let warning = "quiet may not signal sessions of noisy";
            let approved = quiet.plan("terminate-session", &pid, &[]).await.unwrap();
            assert!(
                notes(&approved.plan).contains(warning),
                "{:?}",
                approved.plan.notes
            );
            let report = quiet.perform(&approved).await.unwrap();
            assert_eq!(report.problems[0].1.sqlstate.as_deref(), Some("42501"));
            // With inherited rights, either membership is enough.
            admin
                .sql("alter role quiet inherit; revoke noisy, pg_signal_backend from quiet; grant noisy to quiet")
                .await;
            let approved = quiet.plan("terminate-session", &pid, &[]).await.unwrap();
            assert!(
                !notes(&approved.plan).contains(warning),
                "{:?}",
                approved.plan.notes
            );
            let report = quiet.perform(&approved).await.unwrap();
            assert_eq!(report.problems, []);
            drop((quiet, noisy));
            admin.sql("drop role quiet, noisy").await;
        });
    });
}

#[test]
fn a_process_of_the_server_itself_is_nobodys_to_signal() {
    with_targets(|targets| {
        block_on(async {
            let admin = Rig::on("plain PostgreSQL", &targets.plain).await;
            admin.sql("create role passer_by login").await;
            let conninfo = targets.plain.replace("user=postgres", "user=passer_by");
            let rig = Rig::on("plain PostgreSQL", &conninfo).await;
            let pid = admin
                .text("select pid from pg_stat_activity where backend_type = 'autovacuum launcher'")
                .await;
            let approved = rig.plan("terminate-session", &pid, &[]).await.unwrap();
            let said = notes(&approved.plan);
            assert!(
                said.contains(
                    "passer_by may not signal a process of the server itself: only a superuser may"
                ),
                "{said}"
            );
            drop(rig);
            admin.sql("drop role passer_by").await;
        });
    });
}
