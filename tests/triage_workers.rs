//! Triage of TimescaleDB's workers: launcher, scheduler, slots, processes, library, lock table. Each problem is created on a server of its
//! own, reported once, and fixed as the reason says. Then the finding is gone.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::model::rules;
use hypertop::model::verdict::Level;
use hypertop::model::version::Version;
use hypertop::screens::overview::Row;
use support::act::Rig;
use support::own::{databases, on_own, restarted};
use support::triage::{comes, found, goes, gone, overview, until};

/// The Overview's findings on workers, and on the jobs that wait for workers.
async fn told(rig: &Rig) -> Vec<Row> {
    let starved = [
        "server-launcher",
        "server-scheduler",
        "server-workers",
        "job-late",
        "job-never-ran",
        "job-at-once",
        "aggregate-behind",
        "aggregate-never-refreshed",
        "compression-backlog",
        "retention-overdue",
    ];
    let mut rows = overview(rig).await;
    rows.retain(|row| starved.contains(&row.finding.rule.name));
    rows
}

/// The only one of these findings, which must have this rule.
async fn told_alone(rig: &Rig, rule: &str) -> Row {
    let mut rows = told(rig).await;
    assert_eq!(rows.len(), 1, "{}: {rows:#?}", rig.name);
    let row = rows.remove(0);
    assert_eq!(row.finding.rule.name, rule, "{}: {row:#?}", rig.name);
    row
}

/// A hypertable with an aggregate and each kind of policy, all with work to do.
const WORK: &str = "create table t (ts timestamptz not null, d int);
    select create_hypertable('t', 'ts', chunk_time_interval => interval '1 day');
    insert into t select now() - i * interval '1 hour', 1 from generate_series(1, 240) i;
    alter table t set (timescaledb.compress, timescaledb.compress_segmentby = 'd');
    select add_compression_policy('t', interval '2 days'), add_retention_policy('t', interval '9 days');
    create materialized view a with (timescaledb.continuous, timescaledb.materialized_only = true) as select time_bucket('1 hour', ts) b, count(*) from t group by 1 with no data;
    select add_continuous_aggregate_policy('a', interval '5 days', interval '1 hour', interval '1 hour')";

const RAN: &str = "select count(*) = 3 from _timescaledb_internal.bgw_job_stat where job_id >= 1000 and last_finish > '-infinity'";

/// As if time had passed: the policies should have started an hour ago, and there is new work.
const LATER: &str = "update _timescaledb_internal.bgw_job_stat set next_start = now() - interval '1 hour', last_start = now() - interval '5 hours', last_finish = now() - interval '5 hours', last_run_success = true, consecutive_failures = 0, consecutive_crashes = 0 where job_id >= 1000;
    insert into t select now() - i * interval '1 hour', 2 from generate_series(1, 300) i;
    select decompress_chunk(c, true) from show_chunks('t') c";

#[test]
fn without_a_launcher_nothing_starts_and_that_is_the_one_finding() {
    on_own(&[], async |server| {
        let rigs = databases(server).await;
        for rig in &rigs {
            rig.sql(WORK).await;
            until(rig, "the policies run", RAN).await;
        }
        let few = [("max_worker_processes", "1")];
        let rigs = restarted(server, rigs, &few).await;
        for rig in &rigs {
            let words = ["no TimescaleDB launcher runs", "raise max_worker_processes"];
            let row = found(rig, &rules::SERVER_LAUNCHER, "launcher", &words).await;
            assert_eq!(row.finding.level, Level::Critical);
            found(
                rig,
                &rules::SERVER_SCHEDULER,
                "scheduler",
                &["only the launcher starts it, and the launcher does not run"],
            )
            .await;
            rig.sql(LATER).await;
            for job in ["1000", "1001", "1002"] {
                found(rig, &rules::JOB_LATE, job, &["no scheduler runs"]).await;
            }
            let row = told_alone(rig, "server-launcher").await;
            assert!(
                row.finding.reason.contains("Not started because of this: "),
                "{row:#?}"
            );
        }
        let enough = [("max_worker_processes", "48")];
        let rigs = restarted(server, rigs, &enough).await;
        for rig in &rigs {
            goes(rig, &rules::SERVER_LAUNCHER, "launcher").await;
            goes(rig, &rules::SERVER_SCHEDULER, "scheduler").await;
            for job in ["1000", "1001", "1002"] {
                goes(rig, &rules::JOB_LATE, job).await;
            }
        }
    });
}

#[test]
fn a_scheduler_that_was_stopped_is_found_and_started_with_the_statement_in_the_words() {
    on_own(&[], async |server| {
        for rig in databases(server).await {
            goes(&rig, &rules::SERVER_SCHEDULER, "scheduler").await;
            let version = rig.session.server.sql_version();
            let schema = if version < Version::new(2, 12) {
                "_timescaledb_internal"
            } else {
                "_timescaledb_functions"
            };
            rig.sql(&format!("select {schema}.stop_background_workers()"))
                .await;
            comes(&rig, &rules::SERVER_SCHEDULER, "scheduler").await;
            let start = format!("select {schema}.start_background_workers()");
            found(&rig, &rules::SERVER_SCHEDULER, "scheduler", &[&start]).await;
            gone(&rig, &rules::SERVER_LAUNCHER, "launcher").await;
            rig.sql(&start).await;
            goes(&rig, &rules::SERVER_SCHEDULER, "scheduler").await;
        }
    });
}

#[test]
fn too_few_slots_for_the_schedulers_are_told_by_the_database_that_has_none() {
    let settings = [("timescaledb.max_background_workers", "2")];
    on_own(&settings, async |server| {
        let rigs = databases(server).await;
        if rigs.len() < 2 {
            return;
        }
        let mut without = 0;
        for rig in &rigs {
            until(rig, "the launcher has looked", "select count(*) = 2 from pg_stat_activity where backend_type in ('TimescaleDB Background Worker Launcher', 'TimescaleDB Background Worker Scheduler')").await;
            if rig.text("select exists (select from pg_stat_activity where backend_type = 'TimescaleDB Background Worker Scheduler' and datname = current_database())").await == "t" {
                let words = ["all 2 slots of timescaledb.max_background_workers are taken (the launcher, 1 scheduler): no job can start"];
                let row = comes(rig, &rules::SERVER_WORKERS, "workers").await;
                assert!(row.finding.reason.contains(words[0]), "{row:#?}");
                assert_eq!(row.finding.level, Level::Critical);
                continue;
            }
            without += 1;
            let words = ["timescaledb.max_background_workers", ": raise this setting"];
            found(rig, &rules::SERVER_SCHEDULER, "scheduler", &words).await;
            told_alone(rig, "server-scheduler").await;
        }
        assert!(without > 0, "each has a scheduler");
        let more = [("timescaledb.max_background_workers", "16")];
        for rig in restarted(server, rigs, &more).await {
            goes(&rig, &rules::SERVER_SCHEDULER, "scheduler").await;
            gone(&rig, &rules::SERVER_WORKERS, "workers").await;
        }
    });
}

#[test]
fn jobs_that_are_late_because_every_slot_is_taken_are_one_finding() {
    let settings = [("timescaledb.max_background_workers", "3")];
    on_own(&settings, async |server| {
        for version in server.timescaledb_versions() {
            let rig = support::own::database(server, &version).await;
            goes(&rig, &rules::SERVER_SCHEDULER, "scheduler").await;
            // TimescaleDB's own jobs must not take the slot.
            rig.sql("select alter_job(id, scheduled => false) from _timescaledb_config.bgw_job where id < 1000").await;
            rig.sql("create procedure nap(int, jsonb) language sql as 'select pg_sleep(600)'")
                .await;
            rig.sql("select add_job('nap', '1 hour', initial_start => now())")
                .await;
            let runs = "select exists (select from pg_stat_activity where application_name like '% [1000]')";
            until(&rig, "the nap", runs).await;
            gone(&rig, &rules::JOB_LATE, "1001").await;
            rig.sql("create procedure act(int, jsonb) language sql as 'select 1'; select add_job('act', '1 hour', initial_start => now() + interval '1 day'), add_job('act', '1 hour', initial_start => now() + interval '1 day')").await;
            // Full slots for a short time are no problem.
            let row = found(
                &rig,
                &rules::SERVER_WORKERS,
                "workers",
                &["the next job waits"],
            )
            .await;
            assert_eq!(row.finding.level, Level::Notice, "{row:#?}");
            for words in [
                "all 3 slots of timescaledb.max_background_workers are taken (the launcher, 1 scheduler, ",
                "[1000] in database \"of ",
                " since 20",
            ] {
                let reason = &row.finding.reason;
                assert!(reason.contains(words), "{words}: {reason}");
            }
            rig.sql("update _timescaledb_internal.bgw_job_stat set next_start = now() - interval '1 hour' where job_id in (1001, 1002)").await;
            for job in ["1001", "1002"] {
                found(
                    &rig,
                    &rules::JOB_LATE,
                    job,
                    &["all slots of timescaledb.max_background_workers"],
                )
                .await;
            }
            let row = told_alone(&rig, "server-workers").await;
            assert_eq!(row.finding.level, Level::Warning);
            assert!(
                row.finding
                    .reason
                    .contains("Not started because of this: 2 jobs"),
                "{row:#?}"
            );
            let more = [("timescaledb.max_background_workers", "16")];
            let rigs = restarted(server, vec![rig], &more).await;
            let rig = &rigs[0];
            until(rig, "the nap again", &format!("{runs} or true")).await;
            goes(rig, &rules::SERVER_WORKERS, "workers").await;
            for job in ["1001", "1002"] {
                goes(rig, &rules::JOB_LATE, job).await;
            }
            let fewer = [("timescaledb.max_background_workers", "3")];
            drop(rigs);
            let maintenance = Rig::on("plain", &server.conninfo("postgres")).await;
            let name = version.replace('.', "_");
            maintenance
                .sql(&format!("drop database \"of {name}\" with (force)"))
                .await;
            restarted(server, Vec::new(), &fewer).await;
        }
    });
}

#[test]
fn too_few_processes_for_what_is_configured_are_told_with_the_number_that_fixes() {
    let settings = [("max_worker_processes", "20")];
    on_own(&settings, async |server| {
        let rigs = databases(server).await;
        let Some(rig) = rigs.first() else { return };
        let of = "worker-processes";
        let words = [
            "max_worker_processes is 20",
            "add up to 35: under load",
            "Set it to at least 35",
        ];
        let row = found(rig, &rules::SERVER_PROCESSES, of, &words).await;
        assert_eq!(row.finding.level, Level::Notice);
        let rigs = restarted(server, rigs, &[("max_worker_processes", "35")]).await;
        gone(&rigs[0], &rules::SERVER_PROCESSES, of).await;
    });
}

#[test]
fn a_library_that_is_not_loaded_is_told_instead_of_any_screen() {
    on_own(&[], async |server| {
        for rig in databases(server).await {
            let preload = [("shared_preload_libraries", "default")];
            restarted(server, Vec::new(), &preload).await;
            let connected = hypertop::connect::again(&support::settings(&rig.conninfo), None).await;
            let Err(error) = hypertop::server::session::Session::start(connected.unwrap()).await
            else {
                panic!("a session of {}", rig.name)
            };
            let said = format!("{error:#}");
            for words in [
                "has the extension timescaledb, but the server does not load",
                "shared_preload_libraries",
                "restart",
            ] {
                assert!(said.contains(words), "{said}");
            }
            let preload = [("shared_preload_libraries", "timescaledb")];
            restarted(server, Vec::new(), &preload).await;
            let rig = Rig::on(&rig.name, &rig.conninfo).await;
            goes(&rig, &rules::SERVER_LAUNCHER, "launcher").await;
            goes(&rig, &rules::SERVER_SCHEDULER, "scheduler").await;
        }
    });
}

#[test]
fn a_statement_that_the_lock_table_cannot_hold_fails_and_goes_through_with_the_advised_setting() {
    let settings = [
        ("max_locks_per_transaction", "10"),
        ("max_connections", "40"),
        ("timescaledb.max_background_workers", "8"),
        ("max_worker_processes", "16"),
        // Autovacuum workers would hold locks, too.
        ("autovacuum", "off"),
    ];
    on_own(&settings, async |server| {
        let mut rigs = databases(server).await;
        let count = "select count(*) from \"Me.s\".\"Raw \"\"x\"\"\"";
        let name = "\"Me.s\".\"Raw \"\"x\"\"\"";
        for rig in &rigs {
            rig.sql("create schema \"Me.s\"; create table \"Me.s\".\"Raw \"\"x\"\"\" (ts timestamptz not null, v int)").await;
            rig.sql(&format!(
                "select create_hypertable('{name}', 'ts', chunk_time_interval => interval '1 day')"
            ))
            .await;
            gone(rig, &rules::CHUNKS_LOCKS, name).await;
            // One chunk per transaction, as in practice.
            rig.sql(&format!("do $$ begin for i in 1 .. 900 loop insert into {name} values (now() - i * interval '1 day', i); commit; end loop; end $$")).await;
            let error = rig.client.simple_query(count).await.unwrap_err();
            assert_eq!(error.code().unwrap().code(), "53200", "{error:?}");
            // Parallel workers keep their locks for a moment after the error.
            let gone =
                "select count(*) = 0 from pg_stat_activity where backend_type = 'parallel worker'";
            until(rig, "the parallel workers end", gone).await;
            let words = [
                "900 chunks x (1 + 1 index)",
                "the lock table has 400",
                "out of shared memory",
                "set max_locks_per_transaction to 128",
            ];
            let row = found(rig, &rules::CHUNKS_LOCKS, name, &words).await;
            assert_eq!(row.finding.level, Level::Warning);
        }
        rigs = restarted(server, rigs, &[("max_locks_per_transaction", "128")]).await;
        for rig in &rigs {
            assert_eq!(rig.text(count).await, "900");
            gone(rig, &rules::CHUNKS_LOCKS, name).await;
        }
    });
}
