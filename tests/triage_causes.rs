//! The finding names the cause of a failing job or an idle policy, with its fix; on real servers.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::model::rules;
use support::act::Rig;
use support::triage::{self, PACKS_WELL, comes, fix, found, goes, gone, overview, until};
use support::{client, session};

async fn pid(of: &tokio_postgres::Client) -> i32 {
    let row = of.query_one("select pg_backend_pid()", &[]).await.unwrap();
    row.get(0)
}

const NAME: &str = triage::NAME;

#[test]
fn an_owner_that_may_not_log_in_stands_before_how_its_runs_fail() {
    triage::on_each("no_login", PACKS_WELL, async |rig, _| {
        let role = format!("packer of {}", rig.name);
        rig.sql(&format!("create role \"{role}\" login; grant usage on schema \"Me.s\" to \"{role}\"; alter table {NAME} owner to \"{role}\"; set role \"{role}\"; select add_compression_policy('{NAME}', interval '2 days', initial_start => now() + interval '1 day'); reset role; alter role \"{role}\" nologin")).await;
        let id = rig
            .text("select max(id) from _timescaledb_config.bgw_job")
            .await;
        // The statistics as they are after runs whose owner could not log in.
        rig.sql(&format!("insert into _timescaledb_internal.bgw_job_stat (job_id, last_start, last_finish, next_start, last_successful_finish, last_run_success, total_runs, total_duration, total_duration_failures, total_successes, total_failures, total_crashes, consecutive_failures, consecutive_crashes, flags) values ({id}, now() - interval '2 minutes', now() - interval '1 minute', now() + interval '1 hour', '-infinity', false, 3, '0', '0', 0, 3, 0, 3, 0, 0) on conflict (job_id) do update set last_start = excluded.last_start, last_finish = excluded.last_finish, next_start = excluded.next_start, last_run_success = false, total_failures = 3, consecutive_failures = 3")).await;
        let words = ["may not log in", "ALTER ROLE", "failed 3 times in a row"];
        found(rig, &rules::JOB_OWNER, &id, &words).await;
        gone(rig, &rules::JOB_FAILING, &id).await;
        let told = overview(rig).await;
        let told: Vec<_> = told
            .iter()
            .filter(|row| row.finding.reason.contains("failed 3 times"))
            .collect();
        assert_eq!(told.len(), 1, "{}: {told:#?}", rig.name);
        rig.sql(&format!("alter role \"{role}\" login")).await;
        gone(rig, &rules::JOB_OWNER, &id).await;
        rig.sql(&format!("alter table {NAME} owner to postgres; select delete_job({id}); drop owned by \"{role}\"; drop role \"{role}\"")).await;
    });
}

#[test]
fn a_table_that_was_given_to_another_role_leaves_a_policy_without_rights_and_that_is_said() {
    triage::on_each("given_away", PACKS_WELL, async |rig, _| {
        let (old, new) = (
            format!("old of {}", rig.name),
            format!("new of {}", rig.name),
        );
        rig.sql(&format!("create role \"{old}\" login; create role \"{new}\" login; grant usage on schema \"Me.s\" to \"{old}\", \"{new}\"; alter table {NAME} owner to \"{old}\"; set role \"{old}\"; select add_compression_policy('{NAME}', interval '2 days', initial_start => now() + interval '1 day'); reset role")).await;
        let id = rig
            .text("select max(id) from _timescaledb_config.bgw_job")
            .await;
        gone(rig, &rules::JOB_OWNER, &id).await;
        rig.sql(&format!("alter table {NAME} owner to \"{new}\""))
            .await;
        let owner =
            format!("select owner::regrole::text from _timescaledb_config.bgw_job where id = {id}");
        if rig.text(&owner).await.contains("old") {
            let grant = format!("GRANT \"{new}\" TO \"{old}\"");
            let words = ["lacks the rights of", "even if they report success", &grant];
            found(rig, &rules::JOB_OWNER, &id, &words).await;
            rig.sql(&grant).await;
        }
        // Some versions change the job's owner with the table's; then there is no finding.
        gone(rig, &rules::JOB_OWNER, &id).await;
        rig.sql(&format!("alter table {NAME} owner to postgres; select delete_job({id}); drop owned by \"{old}\", \"{new}\"; drop role \"{old}\", \"{new}\"")).await;
    });
}

#[test]
fn a_policy_that_fails_for_a_lock_is_fixed_by_ending_who_holds_it_and_not_by_editing_it() {
    triage::on_each("held", PACKS_WELL, async |rig, _| {
        let holder = client(&rig.conninfo).await;
        let oldest = rig
            .text(&format!(
                "select c::text from show_chunks('{NAME}') c limit 1"
            ))
            .await;
        rig.limit(|limits| limits.idle_in_transaction_notice = 0.0);
        holder.batch_execute(&format!("set application_name = 'nightly load'; begin; lock table {oldest} in access exclusive mode")).await.unwrap();
        rig.sql(&format!(
            "select add_compression_policy('{NAME}', interval '2 days')"
        ))
        .await;
        let id = rig
            .text("select max(id) from _timescaledb_config.bgw_job")
            .await;
        rig.sql(&format!(
            "select alter_job({id}, max_runtime => interval '2 seconds')"
        ))
        .await;
        let stopped = format!(
            "select last_finish > '-infinity' and not last_run_success from _timescaledb_internal.bgw_job_stat where job_id = {id}"
        );
        until(rig, "it is not stopped", &stopped).await;
        rig.sql(&format!(
            "select alter_job({id}, next_start => now() + interval '1 hour')"
        ))
        .await;
        comes(rig, &rules::JOB_FAILING, &id).await;
        let pid = pid(&holder).await;
        let rows = overview(rig).await;
        let about: Vec<_> = rows
            .iter()
            .filter(|row| row.finding.reason.contains("max_runtime"))
            .collect();
        let [row] = about.as_slice() else {
            panic!("{}: {rows:#?}", rig.name)
        };
        assert_eq!(
            row.finding.fix,
            Some("terminate-session"),
            "{}: {row:#?}",
            rig.name
        );
        let target = row.finding.fix_target(row.targets.clone()).unwrap();
        assert_eq!(target.name, pid.to_string(), "{}: {row:#?}", rig.name);
        fix(rig, row, &[]).await;
        rig.act("run-job-now", &id, &[("how", "scheduler")]).await;
        goes(rig, &rules::JOB_FAILING, &id).await;
    });
}

#[test]
fn the_consoles_own_sessions_count_among_no_waiters_and_whoever_bears_its_name_does() {
    triage::on_each("own", "select 1", async |rig, _| {
        let holder = client(&rig.conninfo).await;
        holder
            .batch_execute("set application_name = 'nightly load'; select pg_advisory_lock(7)")
            .await
            .unwrap();
        let wait = "set lock_timeout = 0; set statement_timeout = 0; select pg_advisory_lock(7)";
        let own = session(&rig.conninfo).await;
        let own_pid = pid(&own.connected.client).await;
        let own =
            tokio::spawn(
                async move { own.connected.client.batch_execute(wait).await.map(|()| own) },
            );
        let namesake = client(&rig.conninfo).await;
        namesake
            .batch_execute("set application_name = 'hypertop'")
            .await
            .unwrap();
        let namesake_pid = pid(&namesake).await;
        let namesake =
            tokio::spawn(async move { namesake.batch_execute(wait).await.map(|()| namesake) });
        until(
            rig,
            "they do not wait",
            "select count(*) = 2 from pg_locks where not granted and locktype = 'advisory'",
        )
        .await;
        let (screens, _) =
            triage::look(rig, &[hypertop::model::screen_id::ScreenId::Activity]).await;
        let rows = screens.activity.rows();
        let find = |pid: i32| rows.iter().find(|row| row.pid == pid).unwrap();
        assert!(
            find(own_pid).own && !find(namesake_pid).own,
            "{}: {rows:#?}",
            rig.name
        );
        assert_eq!(
            find(pid(&holder).await).blocks,
            [namesake_pid],
            "{}",
            rig.name
        );
        let told = overview(rig).await;
        let blocked: Vec<_> = told
            .iter()
            .filter(|row| row.finding.rule == &rules::SESSION_BLOCKED)
            .collect();
        assert!(
            !blocked
                .iter()
                .any(|row| row.of.starts_with(&own_pid.to_string())),
            "{blocked:#?}"
        );
        holder
            .batch_execute("select pg_advisory_unlock(7)")
            .await
            .unwrap();
        drop(holder);
        let ended = |rig: &Rig| {
            format!("select pg_terminate_backend({own_pid}), pg_terminate_backend({namesake_pid}), {:?} is not null", rig.name).replace('"', "'")
        };
        rig.sql(&ended(rig)).await;
        drop((own.await, namesake.await));
    });
}
