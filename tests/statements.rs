//! The Queries screen on real servers: figures of `pg_stat_statements`, a server without it, and hints.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::demo::private_server::{Options, PrivateServer};
use hypertop::model::screen_id::ScreenId;
use hypertop::model::verdict::Level;
use hypertop::screens::Rows;
use hypertop::screens::queries::Row;
use hypertop::screens::record::Record;
use hypertop::screens::table::Table;
use hypertop::server::known::At;
use hypertop::server::session::Session;
use support::{Target, Targets, block_on, client, has_server, session, with_targets};
use tokio_postgres::Client;

async fn read(session: &Session) -> Vec<Row> {
    let Rows::Queries(rows) = session.load(ScreenId::Queries).await.unwrap() else {
        panic!("rows of another screen")
    };
    rows
}

async fn rows(session: &Session) -> Vec<Row> {
    let mut rows = read(session).await;
    Row::settle(&[], &mut rows);
    rows
}

fn find<'a>(rows: &'a [Row], part: &str) -> &'a Row {
    rows.iter()
        .find(|row| {
            let text = row.query.as_deref().unwrap_or_default();
            text.contains(part) && !row.own
        })
        .unwrap_or_else(|| panic!("no statement with {part}"))
}

fn at(session: &Session) -> At<'_> {
    At {
        now: session.server.clock,
        server: &session.server,
    }
}

/// True if the test server can install `pg_stat_statements`.
async fn has_extension(client: &Client) -> bool {
    let row = client
        .query_one(
            "select exists (select from pg_available_extensions where name = 'pg_stat_statements')",
            &[],
        )
        .await
        .unwrap();
    let has: bool = row.get(0);
    if !has {
        println!("SKIPPED: the server has no pg_stat_statements (PostgreSQL's contrib package)");
    }
    has
}

fn real(targets: &Targets) -> impl Iterator<Item = &Target> {
    targets.all.iter().filter(|target| target.real)
}

const CREATE: &str = "set client_min_messages = error; create schema if not exists \"s X\"; create extension if not exists pg_stat_statements schema \"s X\"";

#[test]
fn the_figures_are_those_of_the_extension_wherever_it_lives() {
    with_targets(|targets| {
        let databases = targets.all.iter().map(|target| &target.conninfo);
        for conninfo in databases.chain([&targets.plain]) {
            block_on(async {
                let user = client(conninfo).await;
                if !has_extension(&user).await {
                    return;
                }
                user.batch_execute(CREATE).await.unwrap();
                for _ in 0..7 {
                    user.batch_execute(
                        "select count(*) from generate_series(1, 12345) counted_here",
                    )
                    .await
                    .unwrap();
                }
                let session = session(conninfo).await;
                let rows = rows(&session).await;
                let row = find(&rows, "counted_here");
                let theirs = user
                    .query_one(
                        "select queryid, calls, total_exec_time, max_exec_time, rows, shared_blks_hit, wal_bytes::int8 as wal
                         from \"s X\".pg_stat_statements where query like '%counted\\_here%' and query not like '%pg_stat%'
                           and dbid = (select oid from pg_database where datname = current_database())",
                        &[],
                    )
                    .await
                    .unwrap();
                let ours = row.figures.as_ref().unwrap();
                assert_eq!(row.queryid, theirs.get("queryid"));
                assert_eq!(ours.calls, 7);
                assert_eq!(ours.calls, theirs.get::<_, i64>("calls"));
                assert!((ours.total - theirs.get::<_, f64>("total_exec_time")).abs() < 1e-6);
                assert_eq!(ours.longest, theirs.get("max_exec_time"));
                assert_eq!(ours.rows, theirs.get::<_, i64>("rows"));
                assert_eq!(ours.hit, theirs.get::<_, i64>("shared_blks_hit"));
                assert_eq!(ours.wal_bytes, theirs.get("wal"));
                assert!(row.share().unwrap() > 0.0 && row.share().unwrap() < 1.0);
                assert_eq!(row.roles, ["postgres"]);
                assert_eq!(row.verdict(&at(&session)).level, Level::Ok);
                assert!(rows.iter().any(|row| row.own), "the console knows its own");
                // The details have the whole text.
                let detail = &Row::DETAILS[0];
                let found = session
                    .ask(&detail.query, &(detail.params)(row))
                    .await
                    .unwrap();
                assert_eq!(
                    found[0].get::<_, String>("query"),
                    row.query.clone().unwrap()
                );
            });
        }
    });
}

#[test]
fn without_the_extension_the_screen_says_how_to_get_it() {
    with_targets(|targets| {
        block_on(async {
            let admin = client(&targets.plain).await;
            admin
                .batch_execute("drop database if exists uncounted")
                .await
                .unwrap();
            admin
                .batch_execute("create database uncounted")
                .await
                .unwrap();
            let conninfo = targets.server.conninfo("uncounted");
            let session = session(&conninfo).await;
            let rows = rows(&session).await;
            assert_eq!(rows.len(), 1);
            let said = rows[0].verdict(&at(&session));
            assert_eq!(said.level, Level::Unknown);
            if has_extension(&admin).await {
                assert!(
                    said.reason.contains("CREATE EXTENSION pg_stat_statements")
                        && said.reason.contains("no restart"),
                    "{}",
                    said.reason
                );
            } else {
                assert!(said.reason.contains("contrib"), "{}", said.reason);
            }
            assert_eq!(Row::caveats(&rows, &at(&session)), [said.reason]);
        });
    });
}

#[test]
fn a_query_on_raw_rows_is_hinted_at_the_aggregate_that_has_its_buckets() {
    with_targets(|targets| {
        for target in real(targets) {
            block_on(async {
                let name = &target.name;
                let user = client(&target.conninfo).await;
                if !has_extension(&user).await {
                    return;
                }
                user.batch_execute(CREATE).await.unwrap();
                let session = session(&target.conninfo).await;
                let by = |width: &str, what: &str| {
                    format!(
                        "select time_bucket('{width}', ts) as b, {what} from mes.oee_calculations where ts > now() - interval '1 day' group by 1"
                    )
                };
                user.batch_execute(&by("1 hour", "count(*) as hinted"))
                    .await
                    .unwrap();
                // The session's own text still has the literals.
                let seen = rows(&session).await;
                let row = find(&seen, "hinted");
                assert!(
                    row.named.iter().any(|one| one == "mes.oee_calculations"),
                    "{name}: {:?}",
                    row.named
                );
                let said = row.verdict(&at(&session));
                assert_eq!(said.level, Level::Notice, "{name}: {}", said.reason);
                let known = session.server.postgres >= 140_000;
                if known {
                    assert!(
                        said.reason.contains(
                            "groups raw rows of mes.oee_calculations by time_bucket of 1h"
                        ) && said
                            .reason
                            .contains("mes.oee_hourly (1h) has the same buckets"),
                        "{name}: {}",
                        said.reason
                    );
                }
                // After another statement of the session the bucket width is unknown.
                user.batch_execute("select 1").await.unwrap();
                let seen = rows(&session).await;
                let said = find(&seen, "hinted").verdict(&at(&session)).reason;
                assert!(
                    said.contains("leave it out") && said.contains("mes.oee_hourly (1h)"),
                    "{name}: {said}"
                );
                if known {
                    // No aggregate has buckets that fit into ten minutes.
                    user.batch_execute(&by("10 minutes", "max(ts) as too_fine"))
                        .await
                        .unwrap();
                    let seen = rows(&session).await;
                    let row = find(&seen, "too_fine");
                    assert_eq!(row.hint, None, "{name}: {:?}", row.hint);
                }
                user.batch_execute(
                    "select time_bucket('1 day', bucket) as b, count(*) as answered from mes.oee_hourly group by 1",
                )
                .await
                .unwrap();
                let seen = rows(&session).await;
                let row = find(&seen, "answered");
                assert_eq!(
                    (&row.hint, row.named.as_slice()),
                    (&None, &["mes.oee_hourly".to_owned()][..]),
                    "{name}"
                );
            });
        }
    });
}

#[test]
fn spills_are_told_and_the_change_since_the_start_is_counted() {
    with_targets(|targets| {
        block_on(async {
            let user = client(&targets.plain).await;
            if !has_extension(&user).await {
                return;
            }
            user.batch_execute(CREATE).await.unwrap();
            let spill = "set work_mem = '64kB'; select count(*) from (select g as spilled from generate_series(1, 3000000) g order by 1 desc offset 0) x";
            user.batch_execute(spill).await.unwrap();
            let session = session(&targets.plain).await;
            let mut table = Table::<Row>::default();
            let mut look = async || {
                let rows = read(&session).await;
                let asked = table.ask().unwrap();
                table.load(asked, rows, std::time::Duration::ZERO, &at(&session));
                let row = find(table.rows(), "spilled");
                let value = |name: &str| {
                    let column = Row::COLUMNS.iter().find(|column| column.name == name);
                    (column.unwrap().value)(row, &at(&session)).json()
                };
                (
                    value("calls"),
                    value("calls_since_start"),
                    value("seconds_since_start"),
                    row.verdict(&at(&session)),
                )
            };
            let (calls, since, _, said) = look().await;
            assert_eq!((calls.as_i64(), since.as_i64()), (Some(1), None));
            assert!(
                said.level >= Level::Notice && said.reason.contains("spills to temporary files"),
                "{said:?}"
            );
            user.batch_execute(spill).await.unwrap();
            let (calls, since, seconds, _) = look().await;
            assert_eq!((calls.as_i64(), since.as_i64()), (Some(2), Some(1)));
            assert!(seconds.as_f64().unwrap() > 0.0, "{seconds}");
        });
    });
}

#[test]
fn what_is_dropped_for_want_of_room_or_reset_is_told_and_does_not_falsify_the_change_since_the_start()
 {
    if !has_server() {
        return;
    }
    // A separate server with the smallest pg_stat_statements.max.
    let server = PrivateServer::start(&Options {
        timescaledb: false,
        settings: vec![("pg_stat_statements.max".to_owned(), "100".to_owned())],
        ..Options::default()
    });
    let conninfo = server.as_ref().unwrap().conninfo("postgres");
    block_on(async {
        let user = client(&conninfo).await;
        if !has_extension(&user).await {
            return;
        }
        user.batch_execute(CREATE).await.unwrap();
        let seen = "select count(*) from generate_series(1, 500) seen_here";
        let call = async |times: usize| {
            for _ in 0..times {
                user.batch_execute(seen).await.unwrap();
            }
        };
        let session = session(&conninfo).await;
        let mut table = Table::<Row>::default();
        let mut look = async || {
            let rows = read(&session).await;
            let now = rows[0].clock.unwrap();
            let asked = table.ask().unwrap();
            let at = At {
                now,
                server: &session.server,
            };
            table.load(asked, rows, std::time::Duration::ZERO, &at);
            let value = |name: &str| {
                let column = Row::COLUMNS.iter().find(|column| column.name == name);
                let row = table.rows().iter().find(|row| {
                    row.query
                        .as_deref()
                        .is_some_and(|text| text.contains("seen_here"))
                });
                row.map(|row| (column.unwrap().value)(row, &at).json())
            };
            let caveats = Row::caveats(table.rows(), &at).join("\n");
            (value("calls_since_start"), value("calls"), caveats)
        };
        call(5).await;
        let (_, calls, caveats) = look().await;
        assert_eq!(calls.unwrap(), 5);
        assert!(!caveats.contains("dropped"), "{caveats}");
        // After a reset, the counters soon exceed their old values; only calls since the reset count.
        user.batch_execute("select \"s X\".pg_stat_statements_reset()")
            .await
            .unwrap();
        call(7).await;
        let (since, calls, caveats) = look().await;
        assert_eq!((since.unwrap(), calls.unwrap()), (7.into(), 7.into()));
        assert!(caveats.contains("the statistics were reset"), "{caveats}");
        assert!(
            caveats.contains("+CALLS and +TIME count from that time"),
            "{caveats}"
        );
        // Resetting a single statement does not show in the global reset time.
        let one = "select \"s X\".pg_stat_statements_reset(0, 0, queryid) from \"s X\".pg_stat_statements where query like '%seen\\_here%'";
        user.batch_execute(one).await.unwrap();
        call(2).await;
        let (since, ..) = look().await;
        assert!(since.unwrap().is_null(), "it begins anew");
        call(3).await;
        assert_eq!(look().await.0.unwrap(), 3);
        // More statements than the extension can hold.
        for nth in 1..160 {
            // Only a different structure makes a different statement.
            let other = format!("select {}", vec!["1"; nth].join(", "));
            user.batch_execute(&other).await.unwrap();
        }
        let (.., caveats) = look().await;
        for words in [
            "pg_stat_statements.max (100) is too small",
            "were dropped",
            "Raise it (needs a restart)",
            "since this console started",
        ] {
            assert!(caveats.contains(words), "{words}: {caveats}");
        }
        let dealloc = "select dealloc from \"s X\".pg_stat_statements_info";
        let dealloc: i64 = user.query_one(dealloc, &[]).await.unwrap().get(0);
        assert!(
            dealloc > 0 && caveats.contains("time"),
            "{dealloc} {caveats}"
        );
    });
}

#[test]
fn a_role_without_rights_is_told_whose_statements_it_does_not_see() {
    with_targets(|targets| {
        for target in real(targets) {
            block_on(async {
                let admin = client(&target.conninfo).await;
                if !has_extension(&admin).await {
                    return;
                }
                admin.batch_execute("do $$ begin create role nobody_here login; exception when duplicate_object then null; end $$").await.unwrap();
                admin.batch_execute(CREATE).await.unwrap();
                admin
                    .batch_execute("revoke all on schema \"s X\" from nobody_here")
                    .await
                    .unwrap();
                let conninfo = target.conninfo.replace("user=postgres", "user=nobody_here");
                let session = session(&conninfo).await;
                let said = rows(&session).await[0].verdict(&at(&session)).reason;
                assert!(
                    said.contains("nobody_here may not read pg_stat_statements"),
                    "{}: {said}",
                    target.name
                );
                admin
                    .batch_execute("grant usage on schema \"s X\" to nobody_here")
                    .await
                    .unwrap();
                let rows = rows(&session).await;
                let hidden = rows
                    .iter()
                    .find(|row| row.hidden_of.as_deref() == Some("postgres"))
                    .unwrap_or_else(|| panic!("{}: {} rows", target.name, rows.len()));
                assert_eq!(hidden.line(), "(statements of postgres, hidden)");
                assert_eq!(hidden.verdict(&at(&session)).level, Level::Unknown);
                let said = &Row::hidden(&rows, &at(&session))[0].reason;
                let words =
                    "postgres are hidden from nobody_here. GRANT pg_read_all_stats TO nobody_here";
                assert!(said.contains(words), "{said}");
                admin
                    .batch_execute("revoke all on schema \"s X\" from nobody_here")
                    .await
                    .unwrap();
            });
        }
    });
}
