//! The Activity screen on real servers: locks and their holders, idle and running sessions, and what a role without
//! rights sees.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::time::Duration;

use hypertop::model::screen_id::ScreenId;
use hypertop::model::verdict::{Level, Verdict};
use hypertop::screens::Rows;
use hypertop::screens::activity::Row;
use hypertop::screens::record::Record;
use hypertop::server::known::At;
use hypertop::server::session::Session;
use support::{Target, block_on, client, session, with_targets};
use tokio_postgres::Client;

/// The rows of the screen.
async fn rows(session: &Session) -> Vec<Row> {
    let Rows::Activity(mut rows) = session.load(ScreenId::Activity).await.unwrap() else {
        panic!("rows of another screen")
    };
    Row::settle(&[], &mut rows);
    rows
}

/// Loads the rows again until one of them fulfils `wanted`.
async fn rows_when(session: &Session, what: &str, wanted: impl Fn(&Row) -> bool) -> Vec<Row> {
    for _ in 0..100 {
        let rows = rows(session).await;
        if rows.iter().any(&wanted) {
            return rows;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("never seen: {what}");
}

fn find<'a>(rows: &'a [Row], application: &str) -> &'a Row {
    rows.iter()
        .find(|row| row.application == application)
        .unwrap_or_else(|| panic!("no session {application}"))
}

/// The verdict on a row this many seconds after its statement began.
fn judged(row: &Row, session: &Session, later: f64) -> Verdict {
    let now = row.query_started.or(row.started);
    row.verdict(&At {
        now: now.unwrap_or(session.server.clock).plus_seconds(later),
        server: &session.server,
    })
}

async fn named(conninfo: &str, name: &str) -> Client {
    let client = client(conninfo).await;
    client
        .batch_execute(&format!("set application_name = '{name}'"))
        .await
        .unwrap();
    client
}

/// Runs a statement that will wait for a lock.
fn waits(client: Client, sql: String) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        // The statement fails at the end of the test, or when its session is terminated.
        let _ = client.batch_execute(&sql).await;
    })
}

fn real(targets: &support::Targets) -> impl Iterator<Item = &Target> {
    targets.all.iter().filter(|target| target.real)
}

#[test]
fn a_blocked_session_stands_under_its_blocker_with_the_lock_and_its_relation() {
    with_targets(|targets| {
        for target in real(targets) {
            block_on(async {
                let (name, conninfo) = (&target.name, &target.conninfo);
                let session = session(conninfo).await;
                let holder = named(conninfo, "holder").await;
                holder
                    .batch_execute("begin; lock table mes.oee_calculations in share mode")
                    .await
                    .unwrap();
                let first = waits(
                    named(conninfo, "first").await,
                    "begin; lock table mes.oee_calculations in access exclusive mode".to_owned(),
                );
                rows_when(&session, "the first waits", |row| {
                    row.application == "first" && row.wait.is_some()
                })
                .await;
                let second = waits(
                    named(conninfo, "second").await,
                    "select count(*) from mes.oee_calculations".to_owned(),
                );
                let rows = rows_when(&session, "the second waits", |row| {
                    row.application == "second" && row.wait.is_some()
                })
                .await;
                let place = |of: &str| {
                    rows.iter()
                        .position(|row| row.application == of)
                        .unwrap_or_else(|| panic!("{name}: {of}"))
                };
                let at = place("holder");
                assert_eq!(
                    (place("first"), place("second")),
                    (at + 1, at + 2),
                    "{name}"
                );
                let depths: Vec<_> = rows[at..at + 3].iter().map(|row| row.depth).collect();
                assert_eq!(depths, [0, 1, 2], "{name}");
                let (holding, blocked) = (&rows[at], &rows[at + 1]);
                assert_eq!(blocked.blockers, [holding.pid], "{name}");
                assert_eq!(blocked.thing(), Some("mes.oee_calculations"), "{name}");
                assert_eq!(blocked.state_name(), Some("blocked"), "{name}");
                assert_eq!(
                    (
                        holding.relation.as_deref(),
                        holding.relation_kind.as_deref()
                    ),
                    (Some("mes.oee_calculations"), Some("hypertable")),
                    "{name}"
                );
                let said = judged(blocked, &session, 30.0);
                assert_eq!(said.level, Level::Warning, "{name}: {}", said.reason);
                for words in [
                    format!(
                        "by {} (holder of postgres, idle in transaction)",
                        holding.pid
                    ),
                    "ACCESS EXCLUSIVE".to_owned(),
                    "on mes.oee_calculations".to_owned(),
                ] {
                    assert!(said.reason.contains(&words), "{name}: {}", said.reason);
                }
                let said = judged(holding, &session, 100.0);
                assert_eq!(said.level, Level::Critical, "{name}: {}", said.reason);
                assert!(
                    said.reason
                        .contains(&format!("blocks session {}", blocked.pid)),
                    "{name}: {}",
                    said.reason
                );
                // Locks of one database are not shown in another one.
                let elsewhere = support::session(&targets.plain).await;
                let others = self::rows(&elsewhere).await;
                assert!(
                    !others.iter().any(|row| row.application == "holder"),
                    "{name}"
                );
                // The second waiter is queued behind the first, and the details show that chain.
                let chain = session
                    .ask(
                        &Row::DETAILS[0].query,
                        &(Row::DETAILS[0].params)(&rows[at + 2]),
                    )
                    .await
                    .unwrap();
                let up: Vec<i32> = chain
                    .iter()
                    .filter(|link| link.get::<_, &str>("side") == "blocked by")
                    .map(|link| link.get("pid"))
                    .collect();
                assert_eq!(up, [blocked.pid, holding.pid], "{name}");
                drop(holder);
                first.abort();
                second.abort();
            });
        }
    });
}

#[test]
fn a_row_lock_names_the_table_and_a_chunk_its_hypertable() {
    with_targets(|targets| {
        for target in real(targets) {
            block_on(async {
                let (name, conninfo) = (&target.name, &target.conninfo);
                let session = session(conninfo).await;
                let holder = named(conninfo, "writer").await;
                holder
                    .batch_execute(
                        "create table if not exists public.rows_of (a int primary key); insert into public.rows_of values (1) on conflict do nothing",
                    )
                    .await
                    .unwrap();
                holder
                    .batch_execute(
                        "begin; update public.rows_of set a = 1 where a = 1;
                         do $$ declare c regclass; begin
                           select x into c from show_chunks('mes.metric_hist') x limit 1;
                           execute format('lock table %s in share update exclusive mode', c);
                         end $$",
                    )
                    .await
                    .unwrap();
                let waiter = waits(
                    named(conninfo, "waiter").await,
                    "update public.rows_of set a = 1 where a = 1".to_owned(),
                );
                let rows = rows_when(&session, "the waiter", |row| {
                    row.application == "waiter" && row.wait.is_some()
                })
                .await;
                let writing = find(&rows, "writer");
                assert_eq!(
                    writing.relation.as_deref(),
                    Some("mes.metric_hist"),
                    "{name}"
                );
                assert!(writing.chunk.is_some(), "{name}: {writing:?}");
                let blocked = find(&rows, "waiter");
                let said = judged(blocked, &session, 10.0).reason;
                assert!(
                    said.contains("a row of public.rows_of that the blocking transaction changed"),
                    "{name}: {said}"
                );
                drop(holder);
                waiter.abort();
            });
        }
    });
}

#[test]
fn idle_in_transaction_is_told_with_what_vacuum_has_to_leave() {
    with_targets(|targets| {
        let databases = targets.all.iter().map(|target| &target.conninfo);
        for conninfo in databases.chain([&targets.plain]) {
            block_on(async {
                let session = session(conninfo).await;
                let idle = named(conninfo, "forgotten").await;
                idle.batch_execute("create table if not exists public.left_open (a int)")
                    .await
                    .unwrap();
                idle.batch_execute("begin; insert into public.left_open values (1)")
                    .await
                    .unwrap();
                let others = client(conninfo).await;
                for _ in 0..3 {
                    others.batch_execute("select txid_current()").await.unwrap();
                }
                let empty = named(conninfo, "harmless").await;
                empty.batch_execute("begin; select 1").await.unwrap();
                let rows = rows(&session).await;
                let said = judged(find(&rows, "forgotten"), &session, 700.0);
                assert_eq!(said.level, Level::Warning, "{conninfo}: {}", said.reason);
                assert!(
                    said.reason.starts_with("idle in transaction for 11m")
                        && said.reason.contains("holds back vacuum ("),
                    "{conninfo}: {}",
                    said.reason
                );
                assert!(find(&rows, "forgotten").xid_age >= Some(3), "{conninfo}");
                assert_eq!(find(&rows, "forgotten").thing(), Some("public.left_open"));
                let said = judged(find(&rows, "harmless"), &session, 90.0);
                assert_eq!(said.level, Level::Notice, "{conninfo}: {}", said.reason);
                assert!(
                    said.reason.contains("does not hold back vacuum"),
                    "{}",
                    said.reason
                );
                assert_eq!(
                    judged(find(&rows, "harmless"), &session, 10.0).level,
                    Level::Ok
                );
            });
        }
    });
}

#[test]
fn the_consoles_own_sessions_are_marked_and_no_other() {
    with_targets(|targets| {
        for target in &targets.all {
            block_on(async {
                let session = session(&target.conninfo).await;
                let _other = named(&target.conninfo, "psql").await;
                let rows = rows(&session).await;
                let own: Vec<_> = rows.iter().filter(|row| row.own).collect();
                assert!(!own.is_empty(), "{}", target.name);
                assert!(
                    own.iter().all(|row| row.application == "hypertop"),
                    "{}: {own:?}",
                    target.name
                );
                assert!(!find(&rows, "psql").own, "{}", target.name);
                assert!(
                    judged(own[0], &session, 0.0)
                        .reason
                        .contains("console's own"),
                    "{}",
                    target.name
                );
            });
        }
    });
}

#[test]
fn a_long_query_is_told_and_maintenance_with_progress_is_none() {
    with_targets(|targets| {
        block_on(async {
            let session = session(&targets.plain).await;
            let setup = client(&targets.plain).await;
            setup
                .batch_execute("create table if not exists public.wide (a int)")
                .await
                .unwrap();
            let sleeper = waits(
                named(&targets.plain, "sleeper").await,
                "select pg_sleep(60)".to_owned(),
            );
            let writer = named(&targets.plain, "writer").await;
            writer
                .batch_execute("begin; insert into public.wide values (1)")
                .await
                .unwrap();
            let builder = waits(
                named(&targets.plain, "builder").await,
                "create index concurrently wide_a on public.wide (a)".to_owned(),
            );
            let rows = rows_when(&session, "the index build", |row| row.work.is_some()).await;
            let said = judged(find(&rows, "sleeper"), &session, 4000.0);
            assert_eq!(said.level, Level::Warning, "{}", said.reason);
            assert!(
                said.reason.contains("has been running for 1h 6m"),
                "{}",
                said.reason
            );
            let building = find(&rows, "builder");
            let doing = building.doing().unwrap();
            assert!(
                doing.starts_with("CREATE INDEX CONCURRENTLY public.wide: waiting for"),
                "{doing}"
            );
            // The build waits for the writer's transaction, which the row shows.
            assert_eq!(building.blockers, [find(&rows, "writer").pid]);
            drop(writer);
            sleeper.abort();
            builder.abort();
        });
    });
}

#[test]
fn a_worker_is_tied_to_its_job() {
    with_targets(|targets| {
        for target in real(targets) {
            block_on(async {
                let session = session(&target.conninfo).await;
                let admin = client(&target.conninfo).await;
                admin
                    .batch_execute("create or replace procedure public.sleeps(job_id int, config jsonb) language plpgsql as 'begin perform pg_sleep(20); end'")
                    .await
                    .unwrap();
                let id: i32 = admin
                    .query_one("select add_job('public.sleeps', '1 hour')", &[])
                    .await
                    .unwrap()
                    .get(0);
                let rows = rows_when(&session, "the worker", |row| {
                    row.job.as_ref().is_some_and(|job| job.id == id)
                })
                .await;
                let worker = rows
                    .iter()
                    .find(|row| row.job.as_ref().is_some_and(|job| job.id == id))
                    .unwrap();
                assert_eq!(
                    worker.doing(),
                    Some(format!("job {id}: sleeps")),
                    "{}",
                    target.name
                );
                assert!(
                    worker
                        .targets()
                        .iter()
                        .any(|one| one.name == id.to_string()),
                    "{}",
                    target.name
                );
                admin
                    .batch_execute(&format!("select delete_job({id})"))
                    .await
                    .unwrap();
            });
        }
    });
}

#[test]
fn a_role_without_rights_sees_who_blocks_whom_and_is_told_what_is_hidden() {
    with_targets(|targets| {
        for target in real(targets) {
            block_on(async {
                let (name, conninfo) = (&target.name, &target.conninfo);
                let admin = client(conninfo).await;
                admin.batch_execute("do $$ begin create role nobody_here login; exception when duplicate_object then null; end $$").await.unwrap();
                let poor = conninfo.replace("user=postgres", "user=nobody_here");
                let session = session(&poor).await;
                let holder = named(conninfo, "holder").await;
                holder
                    .batch_execute("begin; lock table mes.oee_calculations")
                    .await
                    .unwrap();
                let waiter = waits(
                    named(conninfo, "waiter").await,
                    "select count(*) from mes.oee_calculations".to_owned(),
                );
                let rows = rows_when(&session, "the waiter", |row| {
                    row.application == "waiter" && row.wait.is_some()
                })
                .await;
                let blocked = find(&rows, "waiter");
                assert_eq!(blocked.blockers, [find(&rows, "holder").pid], "{name}");
                assert_eq!(blocked.thing(), Some("mes.oee_calculations"), "{name}");
                assert_eq!((&blocked.query, blocked.visible), (&None, false), "{name}");
                let at = At {
                    now: session.server.clock,
                    server: &session.server,
                };
                let caveats = Row::caveats(&rows, &at);
                assert!(
                    caveats
                        .iter()
                        .any(|said| said.contains("pg_read_all_stats")),
                    "{name}: {caveats:?}"
                );
                let said = judged(find(&rows, "holder"), &session, 0.0);
                assert!(said.level >= Level::Unknown, "{name}: {}", said.reason);
                assert!(
                    said.reason.contains("hidden from nobody_here"),
                    "{name}: {}",
                    said.reason
                );
                drop(holder);
                waiter.abort();
            });
        }
    });
}
