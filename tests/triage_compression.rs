//! Triage of compression: each trouble provoked on a real server, found by its rule and in its words, mended by the action
//! that the finding offers, and gone.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::time::{Duration, Instant};

use hypertop::record::{At, Record};
use hypertop::rules::{self, Rule};
use hypertop::screens::{Rows, ScreenId, Screens};
use hypertop::sql::Version;
use hypertop::verdict::Finding;
use support::act::Rig;
use support::{block_on, client, with_targets};

const SCREEN: ScreenId = ScreenId::Compression;
const NAME: &str = r#""Me.s"."Raw ""x""""#;

/// A hypertable of ten daily chunks that compress well, all of them past compress-after but the last.
const SOURCE: &str = r#"set client_min_messages = error; create schema "Me.s"; create table "Me.s"."Raw ""x""" (ts timestamptz not null, d int, v text);
select create_hypertable('"Me.s"."Raw ""x"""', 'ts', chunk_time_interval => interval '1 day');
insert into "Me.s"."Raw ""x""" select t, 1, repeat('x', 100) from generate_series(date_trunc('day', now()) - interval '9 days', now(), interval '5 minutes') t;
alter table "Me.s"."Raw ""x""" set (timescaledb.compress, timescaledb.compress_segmentby = 'd', timescaledb.compress_orderby = 'ts desc')"#;

/// What is said of the hypertable, with the exact figures in.
async fn findings(rig: &Rig) -> Vec<Finding> {
    let mut screens = Screens::default();
    let (now, _) = rig.session.pulse(ScreenId::ALL[0]).await.unwrap();
    let at = At {
        now,
        server: &rig.session.server,
    };
    let rows: Rows = rig.session.load(SCREEN).await.unwrap();
    let asked = screens.ask(SCREEN).unwrap();
    screens.load(asked, rows, Duration::ZERO, &at);
    let wanted = screens.wanted_at_first(SCREEN, 100, now);
    let mut exact = hypertop::db::Exact::new(&rig.actor.settings, None);
    let figures = exact.slice(SCREEN.about().exact.unwrap(), &wanted).await;
    screens.take_exact(SCREEN, figures, false, &at);
    let row = screens.compression.rows().iter().find(|row| !row.aggregate);
    row.unwrap().verdict(&at).findings
}

async fn find(rig: &Rig, rule: &'static Rule) -> Option<Finding> {
    let mut findings = findings(rig).await.into_iter();
    findings.find(|finding| finding.rule == rule)
}

/// The finding of this rule, which must be there and say all of these words.
async fn found(rig: &Rig, rule: &'static Rule, words: &[&str]) -> Finding {
    let found = find(rig, rule).await;
    let Some(found) = found else {
        panic!("{}: no {}: {:#?}", rig.name, rule.name, findings(rig).await)
    };
    for word in words {
        let reason = &found.reason;
        assert!(reason.contains(word), "{}: {word}: {reason}", rig.name);
    }
    found
}

async fn gone(rig: &Rig, rule: &'static Rule) {
    let found = find(rig, rule).await;
    assert!(found.is_none(), "{}: {found:#?}", rig.name);
}

async fn mend(rig: &Rig, finding: &Finding) {
    let on = finding.on.as_ref().map_or(NAME, |on| on.name.as_str());
    let sets: Vec<_> = finding
        .sets
        .iter()
        .map(|(field, value)| (field.as_str(), value.as_str()))
        .collect();
    rig.act(finding.mend.unwrap(), on, &sets).await;
}

/// A new database of each version with [`SOURCE`] in it.
#[allow(
    clippy::needless_pass_by_value,
    reason = "a closure, written where it is given"
)]
fn on_each(name: &str, test: impl AsyncFn(&Rig, Version)) {
    with_targets(|targets| {
        for version in targets.server.timescaledb_versions() {
            block_on(async {
                let maintenance = client(&targets.server.conninfo("postgres")).await;
                let database = format!("{name}_{}", version.replace('.', "_"));
                let run = async |sql: String| maintenance.batch_execute(&sql).await.unwrap();
                run(format!("create database {database}")).await;
                let conninfo = targets.server.conninfo(&database);
                let owner = client(&conninfo).await;
                let create = format!("create extension timescaledb version '{version}'");
                owner.batch_execute(&create).await.unwrap();
                for statement in SOURCE.split(";\n") {
                    owner.batch_execute(statement).await.unwrap();
                }
                let rig = Rig::on(&version, &conninfo).await;
                let version = rig.session.server.sql_version();
                test(&rig, version).await;
                drop(rig);
                drop(owner);
                run(format!("drop database {database} with (force)")).await;
            });
        }
    });
}

/// Compresses the chunks that are older.
async fn compress(rig: &Rig, older: &str) {
    rig.sql(&format!("select count(compress_chunk(c, true)) from show_chunks('{NAME}', older_than => interval '{older}') c")).await;
}

/// Waits until this query says `t`.
async fn until(rig: &Rig, what: &str, sql: &str) {
    let begun = Instant::now();
    while rig.text(sql).await != "t" {
        let long = begun.elapsed();
        assert!(long < Duration::from_secs(60), "{}: {what}", rig.name);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[test]
fn chunks_under_old_settings_are_counted_and_rewritten() {
    on_each("old", async |rig, version| {
        compress(rig, "4 days").await;
        gone(rig, &rules::COMPRESSION_OLD).await;
        // Before, settings change only while nothing is compressed.
        if version < Version::new(2, 14) {
            return;
        }
        rig.sql(&format!("alter table {NAME} set (timescaledb.compress, timescaledb.compress_segmentby = '', timescaledb.compress_orderby = 'd, ts desc')")).await;
        compress(rig, "2 days").await;
        let count = "select count(*) filter (where range_end < now() - interval '4 days')::text || ' of ' || count(*)::text from timescaledb_information.chunks where is_compressed";
        let count = rig.text(count).await;
        let words = [count.as_str(), "other settings than the table's now"];
        let finding = found(rig, &rules::COMPRESSION_OLD, &words).await;
        mend(rig, &finding).await;
        gone(rig, &rules::COMPRESSION_OLD).await;
    });
}

#[test]
fn late_rows_that_outgrow_the_record_are_found_and_packed() {
    on_each("drift", async |rig, _| {
        compress(rig, "4 days").await;
        gone(rig, &rules::COMPRESSION_RECORD).await;
        rig.sql(&format!("insert into {NAME} select date_trunc('day', now()) - interval '7 days' + t * interval '1 second', 1, repeat('x', 100) from generate_series(1, 14000) t")).await;
        let words = ["1 compressed chunk takes", "MB where", "kB is on record"];
        let finding = found(rig, &rules::COMPRESSION_RECORD, &words).await;
        mend(rig, &finding).await;
        rig.sql(&format!("vacuum {NAME}")).await;
        gone(rig, &rules::COMPRESSION_RECORD).await;
    });
}

/// Locks the oldest chunk in a session of its own; returns it, with its pid and the chunk's name.
async fn hold(rig: &Rig) -> (tokio_postgres::Client, i32, String) {
    let oldest = format!(
        "select min(c::text) from show_chunks('{NAME}', older_than => interval '8 days') c"
    );
    let chunk = rig.text(&oldest).await;
    let holder = client(&rig.conninfo).await;
    let lock = format!(
        "set application_name = 'nightly load'; begin; lock table {chunk} in row exclusive mode"
    );
    holder.batch_execute(&lock).await.unwrap();
    let row = holder.query_one("select pg_backend_pid()", &[]).await;
    let pid = row.unwrap().get(0);
    let name = chunk.rsplit('.').next().unwrap().to_owned();
    (holder, pid, name)
}

#[test]
fn a_policy_that_waits_for_a_lock_says_whose_and_ends_the_session() {
    on_each("waits", async |rig, _| {
        let (_holder, pid, chunk) = hold(rig).await;
        rig.sql(&format!(
            "select add_compression_policy('{NAME}', interval '2 days')"
        ))
        .await;
        until(rig, "no policy waits", "select exists (select from pg_locks l where not l.granted and now() - l.waitstart > interval '6 seconds')").await;
        let who = format!("session {pid} (nightly load)");
        let words = ["its policy (session", chunk.as_str(), who.as_str()];
        let finding = found(rig, &rules::COMPRESSION_BLOCKED, &words).await;
        assert_eq!(finding.mend, Some("terminate-session"));
        mend(rig, &finding).await;
        until(rig, "the run does not end", "select exists (select from timescaledb_information.job_stats where hypertable_name like 'Raw%' and last_run_status = 'Success')").await;
        gone(rig, &rules::COMPRESSION_BLOCKED).await;
        gone(rig, &rules::COMPRESSION_BACKLOG).await;
    });
}

#[test]
fn the_chunk_that_a_policy_leaves_behind_is_named_with_who_holds_it() {
    on_each("stuck", async |rig, _| {
        rig.sql("do $$ begin execute format('alter database %I set lock_timeout = ''500ms''', current_database()); end $$").await;
        let (_holder, pid, chunk) = hold(rig).await;
        rig.sql(&format!(
            "select add_compression_policy('{NAME}', interval '2 days')"
        ))
        .await;
        // Some versions report success where a lock kept them from a chunk.
        until(rig, "the run does not end", "select exists (select from _timescaledb_internal.bgw_job_stat where job_id >= 1000 and last_finish > '-infinity')").await;
        let who = format!("session {pid} (nightly load) holds RowExclusiveLock");
        let words = [chunk.as_str(), "later ones are compressed", who.as_str()];
        let finding = found(rig, &rules::COMPRESSION_BLOCKED, &words).await;
        assert_eq!(finding.mend, Some("terminate-session"));
        mend(rig, &finding).await;
        let words = [chunk.as_str(), "later ones are compressed"];
        let finding = found(rig, &rules::COMPRESSION_BLOCKED, &words).await;
        assert_eq!(finding.mend, Some("compress-chunks"));
        mend(rig, &finding).await;
        gone(rig, &rules::COMPRESSION_BLOCKED).await;
        gone(rig, &rules::COMPRESSION_BACKLOG).await;
    });
}
