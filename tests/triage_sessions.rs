//! Triage of sessions that wait, block others, are idle, run long or are hidden. Each problem is created on a real server, reported once,
//! and fixed by the suggested action. Then the finding is gone.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::model::rules;
use hypertop::model::verdict::Level;
use hypertop::screens::overview::Row;
use support::act::Rig;
use support::client;
use support::own::on_own;
use support::triage::{self, comes, fix, found, goes, gone, overview, until};
use tokio::task::JoinHandle;
use tokio_postgres::Client;

const NAME: &str = r#""Me.s"."Raw ""x""""#;

const SOURCE: &str = r#"set client_min_messages = error; create schema "Me.s"; create table "Me.s"."Raw ""x""" (ts timestamptz not null, d int);
select create_hypertable('"Me.s"."Raw ""x"""', 'ts', chunk_time_interval => interval '1 day');
insert into "Me.s"."Raw ""x""" select now() - i * interval '1 hour', 1 from generate_series(1, 200) i;
alter table "Me.s"."Raw ""x""" set (timescaledb.compress, timescaledb.compress_segmentby = 'd')"#;

/// A client with this application name, and its key on the Activity screen.
async fn named(rig: &Rig, name: &str) -> (Client, String) {
    let client = client(&rig.conninfo).await;
    let set = format!("set application_name = '{name}'");
    client.batch_execute(&set).await.unwrap();
    let key = rig.text(&format!("select pid::text || ' ' || (extract(epoch from backend_start) * 1000000)::int8 from pg_stat_activity where application_name = '{name}'")).await;
    (client, key)
}

/// Runs a statement in a task, which returns the SQLSTATE of its error. `None`: no error.
fn runs(client: Client, sql: &str) -> JoinHandle<Option<String>> {
    let sql = sql.to_owned();
    tokio::spawn(async move {
        let error = client.batch_execute(&sql).await.err()?;
        let code = error.code().map(|code| code.code().to_owned());
        Some(code.unwrap_or_default())
    })
}

async fn waiting(rig: &Rig, many: usize) {
    let sql = format!("select count(distinct pid) = {many} from pg_locks where not granted");
    until(rig, "they wait", &sql).await;
}

/// The Overview's findings on sessions, and on policies that wait for a session.
async fn told(rig: &Rig) -> Vec<Row> {
    let mut rows = overview(rig).await;
    rows.retain(|row| {
        let name = row.finding.rule.name;
        name.starts_with("session-") || name == "compression-blocked"
    });
    rows
}

#[test]
fn an_idle_blocker_is_the_one_finding_of_all_that_wait_and_ending_it_frees_them() {
    triage::on_each("blocks", SOURCE, async |rig, _| {
        rig.limit(|limits| {
            limits.blocked = 0.1;
            limits.stuck_blocker = 0.2;
            limits.idle_in_transaction_notice = 0.1;
            limits.idle_in_transaction = 0.1;
        });
        let (holder, of) = named(rig, "nightly load").await;
        let lock = format!("begin; lock table {NAME} in share mode");
        holder.batch_execute(&lock).await.unwrap();
        let (writer, shop) = named(rig, "shop").await;
        let writer = runs(writer, &format!("insert into {NAME} values (now(), 2)"));
        waiting(rig, 1).await;
        let (owner, alters) = named(rig, "migration").await;
        let owner = runs(owner, &format!("alter table {NAME} add x int"));
        waiting(rig, 2).await;
        let (reader, reads) = named(rig, "report").await;
        let reader = runs(reader, &format!("select count(*) from {NAME}"));
        waiting(rig, 3).await;
        let pid = of.split(' ').next().unwrap();

        until(
            rig,
            "a while",
            "select now() - max(waitstart) > '0.3 s' from pg_locks where not granted",
        )
        .await;
        for (key, words) in [
            (&shop, "a lock (ROW EXCLUSIVE)"),
            (&alters, "a lock (ACCESS EXCLUSIVE)"),
            (&reads, "a lock (ACCESS SHARE)"),
        ] {
            let row = found(
                rig,
                &rules::SESSION_BLOCKED,
                key,
                &["blocked for", words, "\"Raw \"\"x\"\"\""],
            )
            .await;
            assert_eq!(row.finding.level, Level::Warning);
            // Each waiting session leads to the first blocker.
            assert_eq!(row.finding.fix, Some("terminate-session"));
            assert_eq!(row.finding.on.unwrap().name, pid);
        }
        let words = ["blocks ", "and 1 more in the queue, for up to"];
        comes(rig, &rules::SESSION_BLOCKS, &of).await;
        let row = found(rig, &rules::SESSION_BLOCKS, &of, &words).await;
        assert_eq!(
            (row.finding.level, row.finding.fix),
            (Level::Critical, Some("terminate-session"))
        );
        found(
            rig,
            &rules::SESSION_IDLE,
            &of,
            &["idle in transaction", "keeps its locks"],
        )
        .await;
        let told = told(rig).await;
        assert_eq!(told.len(), 1, "{}: {told:#?}", rig.name);
        assert_eq!((told[0].finding.rule, &told[0].of), (row.finding.rule, &of));
        // All waiting sessions count, also those queued behind others.
        let reason = &told[0].finding.reason;
        assert!(
            reason.contains("blocks 2 sessions") && reason.contains("and 1 more in the queue")
                || reason.contains("keeps 3 sessions"),
            "{reason}"
        );

        fix(rig, &told[0], &[]).await;
        for job in [writer, owner, reader] {
            assert_eq!(job.await.unwrap(), None, "{}", rig.name);
        }
        goes(rig, &rules::SESSION_BLOCKS, &of).await;
        assert!(self::told(rig).await.is_empty());
    });
}

#[test]
fn a_blocker_that_works_is_cancelled_and_lives_and_a_policy_that_waits_for_it_is_told_with_it() {
    triage::on_each("works", SOURCE, async |rig, _| {
        rig.limit(|limits| limits.blocked = 0.1);
        let (holder, of) = named(rig, "nightly load").await;
        let chunk = rig
            .text(&format!(
                "select min(c::text) from show_chunks('{NAME}', older_than => interval '7 days') c"
            ))
            .await;
        let lock = format!("begin; lock table {chunk} in row exclusive mode");
        holder.batch_execute(&lock).await.unwrap();
        let holder = runs(holder, "select pg_sleep(600)");
        rig.sql(&format!(
            "select add_compression_policy('{NAME}', interval '2 days')"
        ))
        .await;
        until(rig, "the policy waits", "select exists (select from pg_locks l where not l.granted and now() - l.waitstart > interval '6 seconds')").await;
        let row = comes(rig, &rules::COMPRESSION_BLOCKED, NAME).await;
        assert!(row.finding.reason.contains("nightly load"), "{row:#?}");
        let row = found(rig, &rules::SESSION_BLOCKS, &of, &["blocks session"]).await;
        assert_eq!(row.finding.fix, Some("cancel-query"));
        let told = told(rig).await;
        assert_eq!(told.len(), 1, "{}: {told:#?}", rig.name);
        let reason = &told[0].finding.reason;
        assert!(reason.contains(&format!("{NAME} waits for it")), "{reason}");
        fix(rig, &told[0], &[]).await;
        assert_eq!(holder.await.unwrap().as_deref(), Some("57014"));
        goes(rig, &rules::SESSION_BLOCKS, &of).await;
        goes(rig, &rules::COMPRESSION_BLOCKED, NAME).await;
    });
}

#[test]
fn a_session_that_idles_in_its_transaction_is_told_with_what_vacuum_leaves_and_ended() {
    on_own(&[], async |server| {
        let rig = Rig::on("plain", &server.conninfo("postgres")).await;
        let (idler, of) = named(&rig, "nightly \"x\" [1]").await;
        idler
            .batch_execute("begin isolation level repeatable read; select 1")
            .await
            .unwrap();
        rig.sql("create table t (v int)").await;
        gone(&rig, &rules::SESSION_IDLE, &of).await;
        rig.limit(|limits| limits.idle_in_transaction_notice = 0.1);
        comes(&rig, &rules::SESSION_IDLE, &of).await;
        let words = [
            "idle in transaction for",
            "it holds back vacuum (1 transaction so far)",
        ];
        let row = found(&rig, &rules::SESSION_IDLE, &of, &words).await;
        assert_eq!(row.finding.level, Level::Notice);
        rig.limit(|limits| limits.idle_in_transaction = 0.1);
        let row = found(&rig, &rules::SESSION_IDLE, &of, &words).await;
        assert_eq!(row.finding.level, Level::Warning);
        fix(&rig, &row, &[]).await;
        gone(&rig, &rules::SESSION_IDLE, &of).await;
        assert!(idler.batch_execute("select 1").await.is_err());
    });
}

#[test]
fn a_query_that_runs_long_is_told_and_cancelled() {
    on_own(&[], async |server| {
        let rig = Rig::on("plain", &server.conninfo("postgres")).await;
        let (reader, of) = named(&rig, "report").await;
        let reader = runs(reader, "select pg_sleep(600)");
        until(
            &rig,
            "it runs",
            "select exists (select from pg_stat_activity where wait_event = 'PgSleep')",
        )
        .await;
        gone(&rig, &rules::SESSION_LONG, &of).await;
        rig.limit(|limits| {
            limits.long_transaction_notice = 0.1;
            limits.long_transaction = 0.2;
        });
        until(&rig, "a while", "select now() - query_start > '0.3 s' from pg_stat_activity where wait_event = 'PgSleep'").await;
        let row = found(
            &rig,
            &rules::SESSION_LONG,
            &of,
            &["its query has been running for", "holds back vacuum"],
        )
        .await;
        assert_eq!(
            (row.finding.level, row.finding.fix),
            (Level::Warning, Some("cancel-query"))
        );
        fix(&rig, &row, &[]).await;
        assert_eq!(reader.await.unwrap().as_deref(), Some("57014"));
        gone(&rig, &rules::SESSION_LONG, &of).await;
    });
}

#[test]
fn what_a_poor_role_cannot_see_is_one_finding_whose_grant_fixes_it() {
    on_own(&[], async |server| {
        let rig = Rig::on("plain", &server.conninfo("postgres")).await;
        rig.sql("create role \"On Call, to see it\" login").await;
        let poor = rig
            .conninfo
            .replace("user=postgres", "user='On Call, to see it'");
        let poor = Rig::on("On Call", &poor).await;
        let (_one, of) = named(&rig, "one").await;
        let (_two, _) = named(&rig, "two").await;
        let hidden = of.split(' ').next().unwrap();
        let row = comes(&poor, &rules::SESSION_HIDDEN, &format!("{hidden} 0")).await;
        assert!(
            row.finding
                .reason
                .contains("hidden from On Call, to see it: grant pg_read_all_stats"),
            "{row:#?}"
        );
        let told = told(&poor).await;
        assert_eq!(told.len(), 1, "{told:#?}");
        let reason = &told[0].finding.reason;
        assert!(
            reason.contains(
                "their queries are hidden from On Call, to see it: grant pg_read_all_stats to see them"
            ),
            "{reason}"
        );
        assert!(told[0].subject.ends_with(" sessions"), "{told:#?}");
        rig.sql("grant pg_read_all_stats to \"On Call, to see it\"")
            .await;
        assert!(self::told(&poor).await.is_empty());
    });
}

#[test]
fn a_session_that_is_not_tracked_is_told_until_its_role_is() {
    on_own(&[], async |server| {
        let rig = Rig::on("plain", &server.conninfo("postgres")).await;
        let (shy, of) = named(&rig, "shy").await;
        gone(&rig, &rules::SESSION_UNTRACKED, &of).await;
        shy.batch_execute("set track_activities = off")
            .await
            .unwrap();
        let row = found(
            &rig,
            &rules::SESSION_UNTRACKED,
            &of,
            &["track_activities is off in this session", "can turn it on"],
        )
        .await;
        assert_eq!(row.finding.level, Level::Unknown);
        shy.batch_execute("set track_activities = on")
            .await
            .unwrap();
        gone(&rig, &rules::SESSION_UNTRACKED, &of).await;
    });
}
