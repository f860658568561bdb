//! Triage of queries: slow queries, queries with temporary files, queries that an aggregate could answer, and missing statistics. Each is
//! found and fixed as the reason says. Then the finding is gone.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::demo::private_server::{Options, PrivateServer};
use hypertop::model::rules;
use hypertop::model::rules::Rule;
use hypertop::model::verdict::Level;
use support::act::Rig;
use support::triage::{self, found, gone};
use support::{block_on, client, has_server};

/// A hypertable with an aggregate, and `pg_stat_statements` in a schema of its own.
const SOURCE: &str = r#"set client_min_messages = error; create schema "s X"; create extension pg_stat_statements schema "s X"; create schema "Me.s"; create table "Me.s"."Raw ""x""" (ts timestamptz not null, v float8);
select create_hypertable('"Me.s"."Raw ""x"""', 'ts', chunk_time_interval => interval '1 day');
insert into "Me.s"."Raw ""x""" select t, 1 from generate_series(now() - interval '3 days', now(), interval '1 hour') t;
create materialized view "Me.s"."hour.ly" with (timescaledb.continuous) as select time_bucket('1 hour', ts) b, sum(v) s from "Me.s"."Raw ""x""" group by 1 with no data;
call refresh_continuous_aggregate('"Me.s"."hour.ly"', null, null);
select "s X".pg_stat_statements_reset(0, (select oid from pg_database where datname = current_database()), 0)"#;

fn on_each(name: &str, test: impl AsyncFn(&Rig)) {
    if has_extension() {
        triage::on_each(name, SOURCE, async move |rig, _| test(rig).await);
    }
}

/// True if the test server can install `pg_stat_statements`.
fn has_extension() -> bool {
    let mut has = false;
    support::with_targets(|targets| {
        block_on(async {
            let client = client(&targets.plain).await;
            let available = "select exists (select from pg_available_extensions where name = 'pg_stat_statements')";
            has = client.query_one(available, &[]).await.unwrap().get(0);
        });
    });
    if !has {
        println!("SKIPPED: the server has no pg_stat_statements (PostgreSQL's contrib package)");
    }
    has
}

/// Runs a statement in a session of its own; returns its queryid.
async fn counted(rig: &Rig, sql: &str, part: &str) -> String {
    let user = client(&rig.conninfo).await;
    user.batch_execute(sql).await.unwrap();
    rig.text(&format!(
        "select queryid from \"s X\".pg_stat_statements where query like '%{part}%' and query not like '%pg_stat%' and dbid = (select oid from pg_database where datname = current_database())"
    ))
    .await
}

/// Resets the statement's statistics with the call in the finding's reason.
async fn forget(rig: &Rig, rule: &'static Rule, id: &str) {
    let finding = found(
        rig,
        rule,
        id,
        &["after a fix, pg_stat_statements_reset(0, 0, "],
    )
    .await;
    let reason = finding.finding.reason;
    let call = &reason[reason.find("pg_stat_statements_reset").unwrap()..];
    let call = &call[..=call.find(')').unwrap()];
    rig.sql(&format!("select \"s X\".{call}")).await;
}

#[test]
fn a_statement_that_takes_most_of_the_time_is_told_and_forgotten_once_it_is_fixed() {
    on_each("heavy", async |rig| {
        let id = counted(
            rig,
            "with w as (select pg_sleep(0.4)) select 1 as heavy_one from w",
            "heavy_one",
        )
        .await;
        // There is no finding while the total time is short.
        gone(rig, &rules::QUERY_HEAVY, &id).await;
        rig.limit(|limits| limits.query_time = 0.3);
        let words = [
            " % of all execution time in this database",
            "EXPLAIN (ANALYZE, BUFFERS)",
        ];
        let finding = found(rig, &rules::QUERY_HEAVY, &id, &words).await;
        assert_eq!(finding.finding.level, Level::Warning);
        forget(rig, &rules::QUERY_HEAVY, &id).await;
        counted(
            rig,
            "with w as (select pg_sleep(0)) select 1 as heavy_one from w",
            "heavy_one",
        )
        .await;
        counted(
            rig,
            "with w as (select pg_sleep(0.4)) select 1 as another, 2 from w",
            "another",
        )
        .await;
        gone(rig, &rules::QUERY_HEAVY, &id).await;
    });
}

#[test]
fn a_statement_that_spills_is_told_and_more_memory_fixes_it() {
    on_each("spills", async |rig| {
        rig.limit(|limits| limits.spill_bytes_notice = 1024.0 * 1024.0);
        let sort = "select count(*) from (select g as spilled from generate_series(1, 100000) g order by 1 desc offset 0) x";
        let id = counted(rig, &format!("set work_mem = '64kB'; {sort}"), "spilled").await;
        let words = [
            "spills to temporary files: ",
            "MB per call",
            "Raise work_mem",
        ];
        let finding = found(rig, &rules::QUERY_SPILLS, &id, &words).await;
        assert_eq!(finding.finding.level, Level::Notice);
        rig.limit(|limits| limits.spill_bytes_a_call = 1024.0 * 1024.0);
        let finding = found(rig, &rules::QUERY_SPILLS, &id, &words).await;
        assert_eq!(finding.finding.level, Level::Warning);
        forget(rig, &rules::QUERY_SPILLS, &id).await;
        let again = counted(rig, &format!("set work_mem = '64MB'; {sort}"), "spilled").await;
        assert_eq!(again, id);
        gone(rig, &rules::QUERY_SPILLS, &id).await;
    });
}

#[test]
fn a_statement_that_an_aggregate_could_answer_is_told_and_asks_the_aggregate_instead() {
    on_each("hinted", async |rig| {
        let raw = "select time_bucket('1 hour', ts) as raw_hours, sum(v) from \"Me.s\".\"Raw \"\"x\"\"\" group by 1";
        let id = counted(rig, raw, "raw\\_hours").await;
        let words = [
            "groups raw rows of \"Me.s\".\"Raw \"\"x\"\"\"",
            "\"Me.s\".\"hour.ly\" (1h)",
        ];
        let finding = found(rig, &rules::QUERY_AGGREGATE, &id, &words).await;
        assert_eq!(finding.finding.level, Level::Notice);
        forget(rig, &rules::QUERY_AGGREGATE, &id).await;
        let ready = "select b as ready_hours, s from \"Me.s\".\"hour.ly\"";
        let other = counted(rig, ready, "ready\\_hours").await;
        gone(rig, &rules::QUERY_AGGREGATE, &id).await;
        gone(rig, &rules::QUERY_AGGREGATE, &other).await;
    });
}

#[test]
fn statements_that_nobody_shows_are_told_with_the_statement_that_shows_them() {
    on_each("missing", async |rig| {
        gone(rig, &rules::QUERIES_MISSING, "none").await;
        rig.sql("drop extension pg_stat_statements").await;
        let words = [
            "the server counts statements, but this database cannot show them",
            "CREATE EXTENSION pg_stat_statements in this database (as a superuser, no restart",
        ];
        let finding = found(rig, &rules::QUERIES_MISSING, "none", &words).await;
        assert_eq!(finding.finding.level, Level::Unknown);
        rig.sql("create extension pg_stat_statements").await;
        gone(rig, &rules::QUERIES_MISSING, "none").await;
        rig.sql("do $$ begin execute format('alter database %I set pg_stat_statements.track = none', current_database()); end $$").await;
        let unheard = Rig::on(&rig.name, &rig.conninfo).await;
        unheard.sql("select pg_stat_statements_reset(0, (select oid from pg_database where datname = current_database()), 0)").await;
        let words = ["pg_stat_statements.track is none: nothing is counted"];
        found(&unheard, &rules::QUERIES_MISSING, "none", &words).await;
    });
}

#[test]
fn a_server_that_does_not_count_statements_is_told_what_to_load_and_where() {
    if !has_server() || !has_extension() {
        return;
    }
    let mut loaded = "";
    support::with_targets(|targets| {
        if !targets.server.timescaledb_versions().is_empty() {
            loaded = "timescaledb";
        }
    });
    let server = PrivateServer::start(&Options {
        tcp: true,
        settings: vec![("shared_preload_libraries".to_owned(), loaded.to_owned())],
        ..Options::default()
    })
    .unwrap();
    block_on(async {
        let rig = Rig::on("not loaded", &server.conninfo("postgres")).await;
        let words = [
            "the server does not count statements",
            "add pg_stat_statements to shared_preload_libraries (keep what is there)",
            "restart the server, then CREATE EXTENSION",
        ];
        found(&rig, &rules::QUERIES_MISSING, "none", &words).await;
        rig.sql("create extension pg_stat_statements").await;
        let words = [
            "is in this database, but its library is not loaded",
            "restart the server",
        ];
        found(&rig, &rules::QUERIES_MISSING, "none", &words).await;
    });
}

#[test]
fn statements_of_others_are_hidden_until_the_grant_that_the_words_tell() {
    on_each("hidden", async |rig| {
        let role = format!("seer_{}", rig.name.replace('.', "_"));
        rig.sql(&format!(
            "create role {role} login; grant usage on schema \"s X\" to {role}"
        ))
        .await;
        let mine = rig
            .conninfo
            .replace("user=postgres", &format!("user={role}"));
        let theirs = Rig::on(&rig.name, &mine).await;
        let words = [
            "the statements of postgres are hidden from seer_",
            "grant pg_read_all_stats to see them",
        ];
        let finding = found(&theirs, &rules::QUERIES_HIDDEN, "hidden postgres", &words).await;
        assert_eq!(finding.finding.level, Level::Unknown);
        rig.sql(&format!("grant pg_read_all_stats to {role}")).await;
        gone(&theirs, &rules::QUERIES_HIDDEN, "hidden postgres").await;
        drop(theirs);
        rig.sql(&format!("drop owned by {role}; drop role {role}"))
            .await;
    });
}
