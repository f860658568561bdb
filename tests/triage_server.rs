//! Triage of the server, each problem on a server of its own: it is found and fixed as the reason says. Then the finding is gone.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::time::Duration;

use hypertop::actions::preview;
use hypertop::model::rules::Rule;
use hypertop::model::screen_id::ScreenId;
use hypertop::model::value::Value;
use hypertop::model::verdict::Level;
use hypertop::model::{rules, text};
use hypertop::screens::record::Record;
use hypertop::screens::server as figures;
use support::act::Rig;
use support::own::{database, databases, on_own};
use support::triage::{comes, fix, found, goes, gone, look, overview, said, until};
use support::{client, try_client};
use tokio_postgres::error::SqlState;

/// Safe settings, in place of the private server's fast ones.
const SAFE: [(&str, &str); 2] = [("fsync", "on"), ("full_page_writes", "on")];

/// The rules of the Overview's findings.
async fn told(rig: &Rig) -> Vec<&'static str> {
    let rows = overview(rig).await;
    rows.iter().map(|row| row.finding.rule.name).collect()
}

/// Runs the statement in the reason, from `statement` to the next comma.
async fn do_as_told(rig: &Rig, reason: &str, statement: &str) {
    let start = reason.find(statement).unwrap_or_else(|| panic!("{reason}"));
    let end = reason[start..]
        .find(',')
        .map_or(reason.len(), |end| start + end);
    rig.sql(&reason[start..end]).await;
}

#[test]
fn a_setting_that_hurts_is_found_and_set_as_the_words_say() {
    let off = [
        ("fsync", Level::Warning, "can destroy the database"),
        ("full_page_writes", Level::Warning, "can destroy"),
        (
            "autovacuum",
            Level::Warning,
            "neither vacuumed nor analyzed",
        ),
        ("track_counts", Level::Warning, "changes are not counted"),
        (
            "track_activities",
            Level::Notice,
            "queries of sessions are not shown",
        ),
    ];
    let settings = off.map(|(name, ..)| (name, "off"));
    on_own(&settings, async |server| {
        let rig = Rig::on("plain", &server.conninfo("postgres")).await;
        // If activity is not tracked, that is one finding, and single sessions have none.
        let told = told(&rig).await;
        assert!(!told.contains(&"session-untracked"), "{told:?}");
        for (name, level, words) in off {
            let of = format!("setting {name}");
            let rule: &Rule = &rules::SERVER_SETTING;
            let row = found(&rig, &rules::SERVER_SETTING, &of, &["is off: ", words]).await;
            assert_eq!((row.finding.rule, row.finding.level), (rule, level));
            do_as_told(&rig, &row.finding.reason, "alter system").await;
            rig.sql("select pg_reload_conf()").await;
            goes(&rig, &rules::SERVER_SETTING, &of).await;
        }
    });
}

/// TimescaleDB's switches that the rule checks.
const SWITCHES: [&str; 6] = [
    "enable_transparent_decompression",
    "enable_columnarscan",
    "enable_optimizations",
    "enable_chunk_append",
    "enable_constraint_exclusion",
    "enable_dml_decompression",
];

#[test]
fn a_setting_that_hides_compressed_rows_is_critical_on_the_very_versions_where_it_does() {
    on_own(&SAFE, async |server| {
        for rig in databases(server).await {
            rig.sql("create table t (ts timestamptz not null, d int); select create_hypertable('t', 'ts'); insert into t select now(), 1 from generate_series(1, 100)").await;
            rig.sql("alter table t set (timescaledb.compress, timescaledb.compress_segmentby = 'd'); select compress_chunk(c) from show_chunks('t') c").await;
            let database = rig.text("select format('%I', current_database())").await;
            for switch in SWITCHES {
                let of = format!("setting timescaledb.{switch}");
                let set = format!("alter database {database} set timescaledb.{switch} = off");
                rig.sql(&set).await;
                let later = Rig::on(&rig.name, &rig.conninfo).await;
                let hides = later.text("select count(*) from t").await == "0";
                // Old and new consoles report the setting that new sessions get.
                for rig in [&rig, &later] {
                    let row = said(rig, &rules::SERVER_SETTING, &of).await.pop();
                    let critical = row.is_some_and(|row| row.finding.level == Level::Critical);
                    assert_eq!(critical, hides, "{}: {switch}", rig.name);
                }
                if let Some(row) = said(&rig, &rules::SERVER_SETTING, &of).await.pop() {
                    do_as_told(&rig, &row.finding.reason, "alter database").await;
                    gone(&later, &rules::SERVER_SETTING, &of).await;
                }
                gone(&rig, &rules::SERVER_SETTING, &of).await;
            }
            let of = "setting timescaledb.enable_chunk_append";
            rig.sql("alter role all set timescaledb.enable_chunk_append = off")
                .await;
            let row = found(
                &rig,
                &rules::SERVER_SETTING,
                of,
                &["more chunks than necessary"],
            )
            .await;
            do_as_told(&rig, &row.finding.reason, "alter role all reset").await;
            gone(&rig, &rules::SERVER_SETTING, of).await;
        }
    });
}

#[test]
fn the_size_of_the_database_is_what_postgresql_says() {
    on_own(&SAFE, async |server| {
        for rig in databases(server).await {
            rig.sql("create table heap as select g, repeat('x', 500) as t from generate_series(1, 20000) g; create index on heap (g)").await;
            let (screens, at) = look(&rig, &[ScreenId::Server]).await;
            let mut rows = screens.server.rows().iter();
            let row = rows.find(|row| row.name == "database-size").unwrap();
            let column = figures::Row::COLUMNS
                .iter()
                .find(|column| column.name == "value");
            let Value::Number(ours) = (column.unwrap().value)(row, &at) else {
                panic!("{}: {row:?}", rig.name);
            };
            let theirs = rig
                .text("select pg_database_size(current_database())")
                .await;
            let share = ours / theirs.parse::<f64>().unwrap();
            assert!((0.99..1.01).contains(&share), "{}: {share}", rig.name);
        }
    });
}

#[test]
fn a_restore_that_was_left_on_is_one_finding_and_ends_as_the_words_say() {
    on_own(&SAFE, async |server| {
        for rig in databases(server).await {
            rig.sql("create procedure act(int, jsonb) language sql as 'select 1'; select add_job('act', '1 second', initial_start => now() - interval '1 hour')").await;
            until(&rig, "it runs", "select exists (select from _timescaledb_internal.bgw_job_stat where job_id >= 1000 and total_successes > 0)").await;
            rig.sql("select timescaledb_pre_restore()").await;
            let of = "setting timescaledb.restoring";
            let row = found(
                &rig,
                &rules::SERVER_SETTING,
                of,
                &["no job runs", "timescaledb_post_restore()"],
            )
            .await;
            assert_eq!(row.finding.level, Level::Critical);
            let words = ["timescaledb.restoring is on", "timescaledb_post_restore()"];
            comes(&rig, &rules::SERVER_SCHEDULER, "scheduler").await;
            found(&rig, &rules::SERVER_SCHEDULER, "scheduler", &words).await;
            rig.sql("update _timescaledb_internal.bgw_job_stat set next_start = now() - interval '1 hour' where job_id >= 1000").await;
            comes(&rig, &rules::JOB_LATE, "1000").await;
            let told = told(&rig).await;
            assert_eq!(
                told.iter()
                    .filter(|rule| **rule == "server-setting")
                    .count(),
                1,
                "{told:?}"
            );
            for rule in ["server-scheduler", "job-late"] {
                assert!(!told.contains(&rule), "{}: {told:?}", rig.name);
            }
            do_as_told(
                &rig,
                &row.finding.reason,
                "select timescaledb_post_restore()",
            )
            .await;
            gone(&rig, &rules::SERVER_SETTING, of).await;
            // A scheduler that was started before the setting was committed has read the old one, and ends.
            let begun = std::time::Instant::now();
            while !said(&rig, &rules::JOB_LATE, "1000").await.is_empty() {
                assert!(begun.elapsed().as_secs() < 60, "{}", rig.name);
                let absent = said(&rig, &rules::SERVER_SCHEDULER, "scheduler").await;
                if let Some(row) = absent.first() {
                    do_as_told(&rig, &row.finding.reason, "select _timescaledb").await;
                }
                tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            }
            gone(&rig, &rules::SERVER_SCHEDULER, "scheduler").await;
        }
    });
}

#[test]
fn connections_that_run_out_are_told_with_who_has_them() {
    let settings = [("max_connections", "13"), ("max_wal_senders", "0")];
    on_own(&settings, async |server| {
        let rig = Rig::on("plain", &server.conninfo("postgres")).await;
        rig.sql("create role shop login").await;
        let shop = rig.conninfo.replace("user=postgres", "user=shop");
        let of = "connections";
        gone(&rig, &rules::SERVER_CONNECTIONS, of).await;
        let mut clients = Vec::new();
        for _ in 0..6 {
            let client = client(&shop).await;
            client
                .batch_execute("set application_name = 'web'")
                .await
                .unwrap();
            clients.push(client);
        }
        let words = [
            "8 of 10 client connections",
            "room for 2 more",
            "most: web of shop (6)",
        ];
        let row = found(&rig, &rules::SERVER_CONNECTIONS, of, &words).await;
        assert_eq!(row.finding.level, Level::Warning);
        for _ in 0..2 {
            clients.push(client_as_soon_as_there_is_room(&shop).await);
        }
        let words = ["10 of 10 client connections", "clients are refused"];
        let row = found(&rig, &rules::SERVER_CONNECTIONS, of, &words).await;
        assert_eq!(row.finding.level, Level::Critical);
        let refused = hypertop::connect::again(&support::settings(&shop), None).await;
        assert!(refused.is_err(), "they are not refused");
        drop(clients);
        goes(&rig, &rules::SERVER_CONNECTIONS, of).await;
    });
}

/// Connects as soon as a connection is free: a session that read figures ends only a moment after its client is gone.
async fn client_as_soon_as_there_is_room(conninfo: &str) -> tokio_postgres::Client {
    for _ in 0..100 {
        match try_client(conninfo).await {
            Ok(client) => return client,
            Err(error) if error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS) => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    panic!("no room in 10 s");
}

#[test]
fn a_prepared_transaction_that_was_forgotten_is_named_as_sql_wants_it_and_ended() {
    on_own(&[("max_prepared_transactions", "5")], async |server| {
        let rig = Rig::on("plain", &server.conninfo("postgres")).await;
        rig.limit(|limits| limits.prepared_age = 0.5);
        rig.sql("create table \"Me ?\" (v int primary key)").await;
        rig.sql("begin; insert into \"Me ?\" values (1); lock table \"Me ?\" in share update exclusive mode; prepare transaction 'it''s \"x\"'")
            .await;
        let of = "prepared-transaction";
        comes(&rig, &rules::SERVER_PREPARED, of).await;
        let words = [
            "'it''s \"x\"' in database postgres, of postgres",
            "keeps its locks",
            "ROLLBACK PREPARED 'it''s \"x\"' in that database",
        ];
        found(&rig, &rules::SERVER_PREPARED, of, &words).await;
        // The preview of a plan that the prepared transaction would block says so.
        let approved = rig.plan("reindex-index", "public.\"Me ?_pkey\"", &[]).await;
        let preview = preview::preview(&rig.session, approved.unwrap().plan).await;
        let holders = preview.holders.clone().unwrap();
        assert!(holders.iter().any(|holder| holder.pid == 0), "{holders:?}");
        let lines: Vec<_> = preview.lines().into_iter().map(|(_, line)| line).collect();
        let words = "a prepared transaction (pg_prepared_xacts) holds";
        assert!(lines.join("\n").contains(words), "{lines:?}");
        // The waiting session's finding names the prepared transaction, and suggests no session to terminate.
        let waiter = client(&rig.conninfo).await;
        waiter
            .batch_execute("set application_name = 'nightly load'")
            .await
            .unwrap();
        let waits = tokio::spawn(async move {
            waiter
                .batch_execute("begin; lock table \"Me ?\" in share mode")
                .await
                .unwrap();
        });
        until(
            &rig,
            "nobody waits",
            "select exists (select from pg_locks where not granted)",
        )
        .await;
        let pid = rig.text("select pid::text || ' ' || (extract(epoch from backend_start) * 1000000)::int8 from pg_stat_activity where application_name = 'nightly load'").await;
        let row = found(
            &rig,
            &rules::SESSION_BLOCKED,
            &pid,
            &[
                "a prepared transaction",
                "ended by COMMIT PREPARED or ROLLBACK PREPARED 'it''s \"x\"')",
                "\"Me ?\"",
            ],
        )
        .await;
        assert_eq!(row.finding.fix, None);
        rig.sql("rollback prepared 'it''s \"x\"'").await;
        gone(&rig, &rules::SERVER_PREPARED, of).await;
        goes(&rig, &rules::SESSION_BLOCKED, &pid).await;
        waits.await.unwrap();
    });
}

#[test]
fn an_archive_that_fails_is_found_with_the_file_and_gone_when_it_is_fixed() {
    let settings = [("archive_mode", "on"), ("archive_command", "false")];
    on_own(&settings, async |server| {
        let rig = Rig::on("plain", &server.conninfo("postgres")).await;
        let of = "archiver";
        gone(&rig, &rules::SERVER_ARCHIVER, of).await;
        let switch = "create table if not exists t (v int); insert into t values (1); select pg_switch_wal()";
        rig.sql(switch).await;
        comes(&rig, &rules::SERVER_ARCHIVER, of).await;
        let words = [
            "archiving fails for 0000000100000000",
            "no file was archived",
            "the disk fills up with WAL",
            "archive_command",
        ];
        let row = found(&rig, &rules::SERVER_ARCHIVER, of, &words).await;
        assert_eq!(row.finding.level, Level::Critical);
        let set = async |command: &str| {
            rig.sql(&format!("alter system set archive_command = '{command}'"))
                .await;
            rig.sql("select pg_reload_conf()").await;
            rig.sql(switch).await;
        };
        set("true").await;
        goes(&rig, &rules::SERVER_ARCHIVER, of).await;
        // An empty archive_command neither fails nor archives.
        set("").await;
        comes(&rig, &rules::SERVER_ARCHIVER, of).await;
        found(
            &rig,
            &rules::SERVER_ARCHIVER,
            of,
            &[
                "archive_mode is on, and neither",
                "the disk fills up with WAL",
            ],
        )
        .await;
        set("true").await;
        goes(&rig, &rules::SERVER_ARCHIVER, of).await;
    });
}

#[test]
fn ids_that_run_out_are_told_with_the_session_that_holds_vacuum_back_and_ending_it_fixes() {
    let settings = [
        ("autovacuum_freeze_max_age", "100000"),
        ("autovacuum_naptime", "1s"),
        ("autovacuum_max_workers", "8"),
    ];
    on_own(&settings, async |server| {
        let Some(version) = server.timescaledb_versions().first().cloned() else {
            return;
        };
        let rig = database(server, &version).await;
        let holder = client(&rig.conninfo).await;
        holder
            .batch_execute("set application_name = 'report'; begin; select pg_current_xact_id()")
            .await
            .unwrap();
        rig.sql("do $$ begin for i in 1 .. 151000 loop perform pg_current_xact_id(); commit; end loop; end $$").await;
        let words = [
            &format!(
                "age of the oldest transaction id is {}",
                &text::count(151_000)[..3]
            ),
            &format!(
                "autovacuum should have frozen it at {}",
                text::count(100_000)
            ),
            "(report, idle in transaction) holds back vacuum. End it",
        ];
        let row = found(&rig, &rules::SERVER_WRAPAROUND, "wraparound", &words).await;
        assert_eq!(row.finding.level, Level::Warning);
        assert_eq!(row.finding.fix, Some("terminate-session"));
        fix(&rig, &row, &[]).await;
        goes(&rig, &rules::SERVER_WRAPAROUND, "wraparound").await;
        assert!(
            said(&rig, &rules::SERVER_WRAPAROUND, "wraparound")
                .await
                .is_empty()
        );
    });
}

#[test]
fn multixact_ids_that_run_out_are_told_and_vacuumed() {
    let settings = [
        ("autovacuum_multixact_freeze_max_age", "10000"),
        ("autovacuum_naptime", "1s"),
        ("autovacuum_max_workers", "8"),
    ];
    on_own(&settings, async |server| {
        let rig = Rig::on("plain", &server.conninfo("postgres")).await;
        rig.sql("create table t (v int primary key); insert into t values (1)")
            .await;
        let holder = client(&rig.conninfo).await;
        holder
            .batch_execute("begin; select from t for key share")
            .await
            .unwrap();
        rig.sql("do $$ begin for i in 1 .. 15100 loop perform from t for key share; commit; end loop; end $$").await;
        let words = [
            "multixact",
            "in database postgres",
            "VACUUM (FREEZE) in postgres",
        ];
        found(
            &rig,
            &rules::SERVER_WRAPAROUND,
            "multixact-wraparound",
            &words,
        )
        .await;
        drop(holder);
        goes(&rig, &rules::SERVER_WRAPAROUND, "multixact-wraparound").await;
    });
}
