//! Triage of retention: each trouble provoked on a real server, found by its rule and in its words, mended by the action
//! that the finding offers (else as its words say), and gone.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::rules;
use hypertop::sql::Version;
use hypertop::verdict::Level;
use support::act::Rig;
use support::client;
use support::triage::{self, found, goes, gone, mend, until};

const NAME: &str = r#""Me.s"."Raw ""x""""#;
const COUNTED: &str = r#""Me.s"."By.number""#;

/// A hypertable of ten daily chunks, and one whose time is a number.
const SOURCE: &str = r#"set client_min_messages = error; create schema "Me.s"; create table "Me.s"."Raw ""x""" (ts timestamptz not null, v int);
select create_hypertable('"Me.s"."Raw ""x"""', 'ts', chunk_time_interval => interval '1 day');
insert into "Me.s"."Raw ""x""" select t, 1 from generate_series(date_trunc('day', now()) - interval '9 days', now(), interval '1 hour') t;
create table "Me.s"."By.number" (n bigint not null); create function "Me.s".clock() returns bigint language sql stable as 'select 1000::bigint';
select create_hypertable('"Me.s"."By.number"', 'n', chunk_time_interval => 100); select set_integer_now_func('"Me.s"."By.number"', '"Me.s".clock');
insert into "Me.s"."By.number" select g from generate_series(0, 999) g"#;

/// A new database of each version with [`SOURCE`] in it.
fn on_each(name: &str, test: impl AsyncFn(&Rig, Version)) {
    triage::on_each(name, SOURCE, test);
}

/// Adds a policy that the scheduler leaves alone for the time of a test.
async fn policy(rig: &Rig, of: &str, after: &str) {
    rig.sql(&format!("begin; select alter_job(add_retention_policy('{of}', {after}), next_start => now() + interval '1 hour'); commit")).await;
}

/// Changes the policy's configuration past all checks, as a restore or a hand does.
async fn configure(rig: &Rig, config: &str) {
    rig.sql(&format!("update _timescaledb_config.bgw_job set config = (config - 'drop_after') || '{config}' where proc_name = 'policy_retention'")).await;
}

async fn pid(of: &tokio_postgres::Client) -> i32 {
    let row = of.query_one("select pg_backend_pid()", &[]).await;
    row.unwrap().get(0)
}

#[test]
fn a_policy_that_waits_for_a_lock_says_who_is_at_the_head_of_the_queue_and_ends_that_session() {
    on_each("blocked", async |rig, _| {
        let chunk = rig
            .text(&format!(
                "select min(c::text) from show_chunks('{NAME}', older_than => interval '8 days') c"
            ))
            .await;
        let holder = client(&rig.conninfo).await;
        let read = format!("set application_name = 'nightly report'; begin; select from {chunk}");
        holder.batch_execute(&read).await.unwrap();
        let holder_pid = pid(&holder).await;
        // Another one waits before the policy does: to end that one would not help.
        let second = client(&rig.conninfo).await;
        let lock = format!("begin; lock table {chunk} in access exclusive mode");
        let waits = async { drop(second.batch_execute(&lock).await) };
        let provoked = async {
            until(
                rig,
                "nobody waits",
                "select exists (select from pg_locks where not granted)",
            )
            .await;
            rig.sql(&format!(
                "select add_retention_policy('{NAME}', interval '5 days')"
            ))
            .await;
            until(rig, "no policy waits", "select exists (select from pg_locks l join pg_stat_activity a using (pid) where not l.granted and a.application_name like 'Retention%' and now() - l.waitstart > interval '6 seconds')").await;
            let who = format!("session {holder_pid} (nightly report)");
            let words = ["its policy (session", "waits since", who.as_str()];
            let row = found(rig, &rules::RETENTION_BLOCKED, NAME, &words).await;
            assert_eq!(row.finding.level, Level::Warning);
            assert!(row.finding.since.is_some());
            mend(rig, &row, &[]).await;
            rig.sql("select pg_terminate_backend(pid) from pg_stat_activity where query like 'begin; lock table%'").await;
        };
        tokio::join!(waits, provoked);
        let done = "select exists (select from timescaledb_information.job_stats where hypertable_name like 'Raw%' and last_run_status = 'Success')";
        until(rig, "the run does not end", done).await;
        gone(rig, &rules::RETENTION_BLOCKED, NAME).await;
        gone(rig, &rules::RETENTION_OVERDUE, NAME).await;
    });
}

#[test]
fn chunks_that_should_be_gone_are_counted_and_dropped() {
    on_each("overdue", async |rig, _| {
        policy(rig, NAME, "interval '5 days'").await;
        let count = rig
            .text(&format!(
                "select count(*) from show_chunks('{NAME}', older_than => interval '5 days')"
            ))
            .await;
        let count = format!("{count} chunks past drop-after still there, the oldest due for");
        let words = [count.as_str(), "the policy runs in 1h"];
        let row = found(rig, &rules::RETENTION_OVERDUE, NAME, &words).await;
        assert!(row.finding.since.is_some());
        mend(rig, &row, &[]).await;
        gone(rig, &rules::RETENTION_OVERDUE, NAME).await;
    });
}

#[test]
fn old_chunks_that_nothing_drops_are_a_notice_and_get_a_policy() {
    on_each("none", async |rig, _| {
        gone(rig, &rules::RETENTION_NONE, NAME).await;
        rig.sql(&format!("insert into {NAME} select now() - interval '500 days' + i * interval '1 day', 1 from generate_series(1, 100) i")).await;
        let words = ["nothing is ever dropped", "chunks begins 4"];
        let row = found(rig, &rules::RETENTION_NONE, NAME, &words).await;
        assert_eq!(row.finding.level, Level::Notice);
        mend(rig, &row, &[("drop_after", "300 days")]).await;
        goes(rig, &rules::RETENTION_NONE, NAME).await;
        goes(rig, &rules::RETENTION_OVERDUE, NAME).await;
    });
}

#[test]
fn frozen_chunks_are_told_with_what_lets_them_go() {
    on_each("frozen", async |rig, version| {
        policy(rig, NAME, "interval '5 days'").await;
        let schema = triage::functions(version);
        let oldest = format!("show_chunks('{NAME}', older_than => interval '8 days')");
        rig.sql(&format!("select {schema}.freeze_chunk(c) from {oldest} c"))
            .await;
        let unfreeze = format!("{schema}.unfreeze_chunk()");
        let words = ["past drop-after frozen", unfreeze.as_str()];
        found(rig, &rules::RETENTION_FROZEN, NAME, &words).await;
        rig.sql(&format!(
            "select {schema}.unfreeze_chunk(c) from {oldest} c"
        ))
        .await;
        gone(rig, &rules::RETENTION_FROZEN, NAME).await;
        let overdue = found(rig, &rules::RETENTION_OVERDUE, NAME, &[]).await;
        mend(rig, &overdue, &[]).await;
        gone(rig, &rules::RETENTION_OVERDUE, NAME).await;
    });
}

#[test]
fn a_setting_that_is_no_length_of_time_is_found_and_set_right() {
    on_each("misfit", async |rig, _| {
        policy(rig, NAME, "interval '30 days'").await;
        gone(rig, &rules::RETENTION_SETTING, NAME).await;
        configure(rig, r#"{"drop_after": "abc"}"#).await;
        let words = ["drop_after (abc) does not fit"];
        let row = found(rig, &rules::RETENTION_SETTING, NAME, &words).await;
        mend(rig, &row, &[("drop_after", "30 days")]).await;
        gone(rig, &rules::RETENTION_SETTING, NAME).await;
    });
}

#[test]
fn a_policy_by_creation_that_fails_at_every_run_is_removed() {
    on_each("by_creation", async |rig, version| {
        if version < Version::new(2, 13) {
            return;
        }
        rig.sql(&format!("select add_retention_policy('{NAME}', drop_created_before => interval '30 days', initial_start => now() + interval '1 hour')")).await;
        if version >= Version::parse("2.26.3").unwrap() {
            return gone(rig, &rules::RETENTION_SETTING, NAME).await;
        }
        let words = ["drop_created_before (", "always fails", "use drop_after"];
        let row = found(rig, &rules::RETENTION_SETTING, NAME, &words).await;
        assert_eq!(row.finding.level, Level::Critical);
        let fails = rig.client.batch_execute("do $$ declare j int; begin select id into j from _timescaledb_config.bgw_job where proc_name = 'policy_retention'; call run_job(j); end $$").await;
        assert!(fails.is_err(), "{}: it runs", rig.name);
        mend(rig, &row, &[]).await;
        rig.act("add-retention-policy", NAME, &[("drop_after", "30 days")])
            .await;
        gone(rig, &rules::RETENTION_SETTING, NAME).await;
    });
}

#[test]
fn a_creation_that_is_no_interval_is_found_and_set_right() {
    on_each("created", async |rig, version| {
        if version < Version::new(2, 27) {
            return;
        }
        policy(rig, NAME, "interval '30 days'").await;
        configure(rig, r#"{"drop_created_before": "abc"}"#).await;
        let words = ["drop_created_before (abc) is no interval"];
        let row = found(rig, &rules::RETENTION_SETTING, NAME, &words).await;
        mend(rig, &row, &[("drop_created_before", "30 days")]).await;
        gone(rig, &rules::RETENTION_SETTING, NAME).await;
    });
}

#[test]
fn a_number_without_a_clock_is_told_what_gives_it_one() {
    on_each("clock", async |rig, _| {
        policy(rig, COUNTED, "500").await;
        gone(rig, &rules::RETENTION_SETTING, COUNTED).await;
        // As a restore or a dropped function leaves it.
        rig.sql("update _timescaledb_catalog.dimension set integer_now_func = null, integer_now_func_schema = null where integer_now_func is not null").await;
        let words = ["without integer_now_func", "set_integer_now_func()"];
        let row = found(rig, &rules::RETENTION_SETTING, COUNTED, &words).await;
        assert_eq!(row.finding.mend, None);
        rig.sql(&format!(
            "select set_integer_now_func('{COUNTED}', '\"Me.s\".clock', replace_if_exists => true)"
        ))
        .await;
        gone(rig, &rules::RETENTION_SETTING, COUNTED).await;
    });
}

#[test]
fn a_clock_that_fails_says_why_nobody_knows_what_the_next_run_drops() {
    on_each("broken", async |rig, _| {
        policy(rig, COUNTED, "500").await;
        gone(rig, &rules::RETENTION_UNKNOWN, COUNTED).await;
        let clock = |body: &str| {
            format!(
                "create or replace function \"Me.s\".clock() returns bigint language plpgsql stable as $$ begin {body}; end $$"
            )
        };
        rig.sql(&clock("raise 'the clock is on strike'")).await;
        let words = [
            "what the next run drops is not known",
            "the clock is on strike",
        ];
        let row = found(rig, &rules::RETENTION_UNKNOWN, COUNTED, &words).await;
        assert_eq!(row.finding.level, Level::Unknown);
        rig.sql(&clock("return 1000")).await;
        gone(rig, &rules::RETENTION_UNKNOWN, COUNTED).await;
    });
}

#[test]
fn an_owners_time_zone_that_has_no_name_is_told_with_what_to_set() {
    on_each("zone", async |rig, _| {
        let role = format!("\"Own.er {}\"", rig.name);
        rig.sql(&format!(
            "create role {role} login; alter table {NAME} owner to {role}"
        ))
        .await;
        policy(rig, NAME, "interval '30 days'").await;
        gone(rig, &rules::RETENTION_UNKNOWN, NAME).await;
        rig.sql(&format!("alter role {role} set timezone = '+3'"))
            .await;
        let words = ["policy's owner (", "ALTER ROLE", "pg_timezone_names"];
        found(rig, &rules::RETENTION_UNKNOWN, NAME, &words).await;
        rig.sql(&format!(
            "alter role {role} set timezone = 'Europe/Istanbul'"
        ))
        .await;
        gone(rig, &rules::RETENTION_UNKNOWN, NAME).await;
        rig.sql(&format!("select remove_retention_policy('{NAME}'); reassign owned by {role} to current_user; drop role {role}")).await;
    });
}
