//! Triage of replication with a real standby, on the primary and on the standby: replay is paused, the standby is stopped, WAL is lost.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::process::Stdio;

use hypertop::demo::private_server::PrivateServer;
use hypertop::model::rules;
use hypertop::model::screen_id::ScreenId;
use hypertop::model::verdict::Level;
use hypertop::screens::gather;
use support::act::Rig;
use support::client;
use support::own::{Standby, databases, on_own};
use support::triage::{comes, found, goes, gone, look, overview, until};

const SAFE: [(&str, &str); 3] = [
    ("fsync", "on"),
    ("full_page_writes", "on"),
    ("synchronous_commit", "on"),
];

async fn primary(server: &PrivateServer) -> Rig {
    let rig = Rig::on("primary", &server.conninfo("postgres")).await;
    rig.sql("create table t (v int)").await;
    rig
}

const CAUGHT_UP: &str =
    "select exists (select from pg_stat_replication where replay_lsn >= pg_current_wal_lsn())";

#[test]
fn a_standby_whose_replay_is_paused_is_told_on_both_sides_and_goes_on_as_the_words_say() {
    on_own(&SAFE, async |server| {
        let rig = primary(server).await;
        let standby = Standby::start(server, "reports", "wal_receiver_status_interval = 1s");
        let there = Rig::on("standby", &standby.conninfo(&rig.conninfo)).await;
        until(&rig, "it streams", CAUGHT_UP).await;
        for rig in [&rig, &there] {
            rig.limit(|limits| limits.replication_lag = 1.5);
        }
        // The last replayed transaction is old, but nothing is waiting: the primary is idle.
        until(
            &there,
            "a quiet primary",
            "select clock_timestamp() - pg_last_xact_replay_timestamp() > '1.6 s'",
        )
        .await;
        for of in ["standby-delay", "standby-replay", "standby-receiver"] {
            gone(&there, &rules::SERVER_REPLICATION, of).await;
        }
        gone(&rig, &rules::SERVER_REPLICATION, "replication-lag").await;

        let superuser = client(&there.conninfo).await;
        superuser
            .batch_execute("select pg_wal_replay_pause()")
            .await
            .unwrap();
        rig.sql("insert into t select generate_series(1, 10000)")
            .await;
        comes(&rig, &rules::SERVER_REPLICATION, "replication-lag").await;
        let words = [
            "standby reports streaming is ",
            " behind. Check on the standby whether replay is paused (pg_wal_replay_resume()",
        ];
        let row = found(&rig, &rules::SERVER_REPLICATION, "replication-lag", &words).await;
        assert_eq!(row.finding.level, Level::Warning);
        let words = [
            "replay is paused on this standby",
            "select pg_wal_replay_resume()",
        ];
        found(&there, &rules::SERVER_REPLICATION, "standby-replay", &words).await;
        // On the standby this is one finding, not two.
        let told = overview(&there).await;
        let told = told
            .iter()
            .filter(|row| row.finding.rule == &rules::SERVER_REPLICATION);
        assert_eq!(told.count(), 1);
        superuser
            .batch_execute("select pg_wal_replay_resume()")
            .await
            .unwrap();
        for of in ["standby-delay", "standby-replay"] {
            goes(&there, &rules::SERVER_REPLICATION, of).await;
        }
        goes(&rig, &rules::SERVER_REPLICATION, "replication-lag").await;
    });
}

#[test]
fn a_query_on_the_standby_that_holds_up_replay_is_told_there() {
    on_own(&SAFE, async |server| {
        let rig = primary(server).await;
        let settings = "wal_receiver_status_interval = 1s\nmax_standby_streaming_delay = -1";
        let standby = Standby::start(server, "reports", settings);
        let there = Rig::on("standby", &standby.conninfo(&rig.conninfo)).await;
        there.limit(|limits| limits.replication_lag = 1.0);
        until(&rig, "it streams", CAUGHT_UP).await;
        let reader = client(&there.conninfo).await;
        reader.batch_execute("begin; select from t").await.unwrap();
        rig.sql("drop table t").await;
        let row = comes(&there, &rules::SERVER_REPLICATION, "standby-delay").await;
        for words in [
            "the newest rows on this standby are",
            "waits for replay",
            "a query here",
        ] {
            assert!(row.finding.reason.contains(words), "{row:#?}");
        }
        reader.batch_execute("rollback").await.unwrap();
        goes(&there, &rules::SERVER_REPLICATION, "standby-delay").await;
    });
}

#[test]
fn a_slot_that_nobody_reads_is_told_until_its_reader_is_back_and_one_that_lost_its_wal_until_it_is_dropped()
 {
    let settings = [
        SAFE[0],
        SAFE[1],
        SAFE[2],
        ("max_wal_size", "32MB"),
        ("min_wal_size", "32MB"),
    ];
    on_own(&settings, async |server| {
        let rig = primary(server).await;
        let standby = Standby::start(server, "reports", "restart_after_crash = off");
        until(&rig, "it streams", CAUGHT_UP).await;
        rig.limit(|limits| limits.slot_bytes = 1_048_576.0);
        goes(&rig, &rules::SERVER_SLOT, "replication-slots").await;
        standby.stop();
        let write = "insert into t select generate_series(1, 50000); select pg_switch_wal()";
        rig.sql(write).await;
        let words = [
            "slot \"reports\" has no reader",
            " of WAL is kept",
            "Start its reader",
            "pg_drop_replication_slot()",
        ];
        comes(&rig, &rules::SERVER_SLOT, "replication-slots").await;
        let row = found(&rig, &rules::SERVER_SLOT, "replication-slots", &words).await;
        assert_eq!(row.finding.level, Level::Warning);
        // A slot with a smaller max_slot_wal_keep_size loses its WAL before the usual warning.
        rig.limit(|limits| limits.slot_bytes = 1e12);
        gone(&rig, &rules::SERVER_SLOT, "replication-slots").await;
        rig.sql("alter system set max_slot_wal_keep_size = '17MB'")
            .await;
        rig.sql("select pg_reload_conf()").await;
        let row = comes(&rig, &rules::SERVER_SLOT, "replication-slots").await;
        let words = "(max_slot_wal_keep_size) the WAL is removed";
        assert!(row.finding.reason.contains(words), "{row:#?}");
        standby.launch();
        goes(&rig, &rules::SERVER_SLOT, "replication-slots").await;

        standby.stop();
        rig.sql("alter system set max_slot_wal_keep_size = '1MB'")
            .await;
        rig.sql("select pg_reload_conf()").await;
        for _ in 0..4 {
            rig.sql(write).await;
        }
        rig.sql("checkpoint").await;
        let row = comes(&rig, &rules::SERVER_SLOT, "lost-slots").await;
        for words in [
            "from slot 'reports' (the WAL that it needed is gone: max_slot_wal_keep_size)",
            "set up the reader again",
        ] {
            assert!(row.finding.reason.contains(words), "{row:#?}");
        }
        standby.launch();
        let there = Rig::on("standby", &standby.conninfo(&rig.conninfo)).await;
        let row = comes(&there, &rules::SERVER_REPLICATION, "standby-receiver").await;
        assert!(row.finding.reason.contains("receives no WAL"), "{row:#?}");
        standby.stop();
        rig.sql("select pg_drop_replication_slot('reports')").await;
        gone(&rig, &rules::SERVER_SLOT, "lost-slots").await;
    });
}

#[test]
fn a_slot_that_the_server_gave_up_as_idle_is_not_said_to_have_outgrown_its_bounds() {
    on_own(&SAFE, async |server| {
        let rig = primary(server).await;
        if rig.session.server.postgres < 180_000 {
            println!("SKIPPED, slots do not time out before PostgreSQL 18");
            return;
        }
        rig.sql("select pg_create_physical_replication_slot('idler', true)")
            .await;
        rig.sql("alter system set idle_replication_slot_timeout = '1s'")
            .await;
        rig.sql("select pg_reload_conf(), pg_sleep(2)").await;
        rig.sql("insert into t select generate_series(1, 1000)")
            .await;
        rig.sql("checkpoint").await;
        let row = comes(&rig, &rules::SERVER_SLOT, "lost-slots").await;
        let words = "from slot 'idler' (it stood idle for too long: idle_replication_slot_timeout)";
        assert!(row.finding.reason.contains(words), "{row:#?}");
        rig.sql("select pg_drop_replication_slot('idler')").await;
        gone(&rig, &rules::SERVER_SLOT, "lost-slots").await;
    });
}

#[test]
fn a_receiver_of_wal_that_replays_nothing_is_no_standby_that_is_behind() {
    on_own(&SAFE, async |server| {
        let rig = primary(server).await;
        rig.limit(|limits| limits.replication_lag = 1.0);
        let mut receiver = server
            .command("pg_receivewal")
            .args(["-D", ".", "-s", "1", "-U", "postgres", "-h"])
            .arg(server.socket_folder())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until(
            &rig,
            "it streams",
            "select exists (select from pg_stat_replication where state = 'streaming')",
        )
        .await;
        rig.sql("insert into t values (1)").await;
        until(
            &rig,
            "the server calls it late",
            "select coalesce(max(replay_lag), '0') > '2 s' from pg_stat_replication",
        )
        .await;
        goes(&rig, &rules::SERVER_REPLICATION, "replication-lag").await;
        receiver.kill().unwrap();
        receiver.wait().unwrap();
    });
}

#[test]
fn every_screen_serves_on_a_standby_and_none_calls_it_sick_for_being_one() {
    on_own(&SAFE, async |server| {
        let rigs = databases(server).await;
        for rig in &rigs {
            rig.sql("create table t (ts timestamptz not null, d int); select create_hypertable('t', 'ts', chunk_time_interval => interval '1 day'); insert into t select now() - i * interval '1 hour', 1 from generate_series(1, 240) i; alter table t set (timescaledb.compress, timescaledb.compress_segmentby = 'd'); select compress_chunk(c) from show_chunks('t', older_than => interval '2 days') c").await;
            rig.sql("create materialized view a with (timescaledb.continuous) as select time_bucket('1 hour', ts) b, count(*) from t group by 1 with no data").await;
            rig.sql("call refresh_continuous_aggregate('a', null, now() - interval '1 hour')")
                .await;
            rig.sql("select add_compression_policy('t', interval '2 days'), add_retention_policy('t', interval '60 days'), add_continuous_aggregate_policy('a', interval '3 days', interval '1 hour', interval '1 hour')").await;
            until(rig, "the policies ran", "select count(*) = 3 from _timescaledb_internal.bgw_job_stat where job_id >= 1000 and last_run_success and last_finish > '-infinity'").await;
        }
        let standby = Standby::start(server, "reports", "");
        for rig in &rigs {
            let there = Rig::on(&rig.name, &standby.conninfo(&rig.conninfo)).await;
            assert!(there.session.server.standby);
            let screens: Vec<_> = ScreenId::ALL
                .iter()
                .copied()
                .filter(|id| !matches!(id, ScreenId::Overview | ScreenId::Journal))
                .collect();
            let (here, _) = look(rig, &screens).await;
            let (copy, at) = look(&there, &screens).await;
            let counts = |of: &hypertop::screens::Screens| {
                [
                    of.compression.rows().len(),
                    of.retention.rows().len(),
                    of.indexes.rows().len(),
                    of.jobs.rows().len(),
                    of.aggregates.rows().len(),
                    of.hypertables.rows().len(),
                ]
            };
            assert_eq!(counts(&here), counts(&copy), "{}", rig.name);
            assert!(copy.jobs.rows().len() >= 3, "{}", rig.name);
            assert!(
                screens.iter().all(|id| !gather::caveats(&copy, *id, &at)
                    .iter()
                    .any(|said| said.contains("no scheduler"))),
                "{}",
                rig.name
            );
            let told = overview(&there).await;
            let alarms: Vec<_> = told
                .iter()
                .filter(|row| row.finding.level > Level::Notice)
                .collect();
            assert!(alarms.is_empty(), "{}: {alarms:#?}", rig.name);
        }
    });
}
