//! Triage of aggregates that were never refreshed, have no policy, refresh slowly, wait for locks, have future rows, or cannot be read.
//! Each problem is created on a real server, found and fixed. Then the finding is gone.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::model::rules;
use hypertop::model::screen_id::ScreenId;
use hypertop::model::verdict::Level;
use hypertop::model::version::Version;
use hypertop::screens::overview::Row;
use support::act::Rig;
use support::client;
use support::triage::{self, fix, found, goes, gone, said, until};

const NAME: &str = r#""Me.s"."Hour ""ly""""#;
const RAW: &str = r#""Me.s"."Raw ""x""""#;

/// A hypertable with rows of three days, and an hourly aggregate whose refresh is slow if `me.slow` is set.
const SOURCE: &str = r#"set client_min_messages = error; create schema "Me.s"; create table "Me.s"."Raw ""x""" (ts timestamptz not null, v float);
create function "Me.s".slow(v float) returns float immutable language plpgsql as $$ begin if current_setting('me.slow', true) = '1' then perform pg_sleep(0.2); end if; return v; end $$;
select create_hypertable('"Me.s"."Raw ""x"""', 'ts', chunk_time_interval => interval '1 day');
insert into "Me.s"."Raw ""x""" select t, 1 from generate_series(now() - interval '3 days', now(), interval '10 minutes') t;
create materialized view "Me.s"."Hour ""ly""" with (timescaledb.continuous, timescaledb.materialized_only = true) as select time_bucket('1 hour', ts) b, sum("Me.s".slow(v)) s from "Me.s"."Raw ""x""" group by 1 with no data"#;

/// Runs a test in a new database of each version with [`SOURCE`].
fn on_each(name: &str, test: impl AsyncFn(&Rig, Version)) {
    triage::on_each(name, SOURCE, test);
}

/// A policy that does not start during the test, as if it had run successfully before.
async fn policy(rig: &Rig, start: &str, end: &str) -> String {
    let id = rig.text(&format!("select add_continuous_aggregate_policy('{NAME}', {start}, {end}, interval '1 hour', initial_start => now() + interval '20 minutes')")).await;
    rig.sql(&format!("update _timescaledb_internal.bgw_job_stat set last_run_success = true, last_finish = now() - interval '5 minutes', last_start = now() - interval '5 minutes', total_successes = 1, total_runs = 1, total_duration = interval '1 second' where job_id = {id}")).await;
    id
}

async fn refresh(rig: &Rig, to: &str) {
    let window = format!(
        "select format('%L::timestamptz, %L::timestamptz', now() - interval '4 days', {to})"
    );
    let window = rig.text(&window).await;
    rig.sql(&format!(
        "call refresh_continuous_aggregate('{NAME}', {window})"
    ))
    .await;
}

/// Checks that the aggregate has no finding.
async fn well(rig: &Rig, rule: &'static rules::Rule) {
    let said = said(rig, rule, NAME).await;
    assert_eq!(said, [], "{}", rig.name);
}

#[test]
fn an_aggregate_that_holds_nothing_is_refreshed_and_gets_a_policy() {
    on_each("never", async |rig, _| {
        let words = ["never refreshed, so it holds nothing"];
        let row = found(rig, &rules::AGGREGATE_NEVER_REFRESHED, NAME, &words).await;
        assert_eq!(row.finding.level, Level::Warning);
        found(rig, &rules::AGGREGATE_NO_POLICY, NAME, &[]).await;
        let told = triage::overview(rig).await;
        let of = told.iter().filter(|row| row.of == NAME);
        let of: Vec<_> = of
            .map(|row| (row.finding.rule.name, row.finding.fix))
            .collect();
        let once = [("aggregate-never-refreshed", Some("add-refresh-policy"))];
        assert_eq!(of, once, "{}", rig.name);
        fix(rig, &row, &[]).await;
        gone(rig, &rules::AGGREGATE_NEVER_REFRESHED, NAME).await;
        let finding = found(rig, &rules::AGGREGATE_NO_POLICY, NAME, &["behind"]).await;
        let set = [
            ("start_offset", "2 days"),
            ("end_offset", "1 hour"),
            ("schedule_interval", "1 hour"),
        ];
        fix(rig, &finding, &set).await;
        gone(rig, &rules::AGGREGATE_NO_POLICY, NAME).await;
    });
}

#[test]
fn rows_that_no_policy_will_ever_bring_in_are_told_with_the_lag_and_a_policy_is_added() {
    on_each("no_policy", async |rig, _| {
        refresh(rig, "now() - interval '1 day'").await;
        let words = ["behind, and it has no refresh policy", "readers miss"];
        let row = found(rig, &rules::AGGREGATE_NO_POLICY, NAME, &words).await;
        assert_eq!(row.finding.level, Level::Warning);
        let set = [
            ("start_offset", "4 days"),
            ("end_offset", "1 hour"),
            ("schedule_interval", "1 hour"),
        ];
        fix(rig, &row, &set).await;
        goes(rig, &rules::AGGREGATE_NO_POLICY, NAME).await;
        goes(rig, &rules::AGGREGATE_BEHIND, NAME).await;
    });
}

#[test]
fn a_source_without_new_rows_is_no_fault() {
    on_each("quiet", async |rig, _| {
        rig.sql(&format!(
            "delete from {RAW} where ts > now() - interval '1 day'"
        ))
        .await;
        refresh(rig, "now() - interval '1 hour'").await;
        policy(rig, "interval '3 days'", "interval '1 hour'").await;
        well(rig, &rules::AGGREGATE_BEHIND).await;
        let (screens, at) = triage::look(rig, &[ScreenId::Aggregates]).await;
        let row = &screens.aggregates.rows()[0];
        let verdict = hypertop::screens::record::Record::verdict(row, &at);
        assert_eq!(
            verdict.reason, "the source has no newer rows",
            "{}",
            rig.name
        );
    });
}

#[test]
fn a_refresh_that_runs_long_says_since_when_and_asks_for_no_other() {
    on_each("long", async |rig, _| {
        refresh(rig, "now() - interval '20 hours'").await;
        let id = policy(rig, "interval '1 day'", "interval '1 hour'").await;
        rig.sql("do $$ begin execute format('alter database %I set me.slow = 1', current_database()); end $$").await;
        let now = client(&rig.conninfo).await;
        now.batch_execute(&format!("select alter_job({id}, next_start => now())"))
            .await
            .unwrap();
        until(rig, "it does not run", "select exists (select from pg_stat_activity where application_name like 'Refresh%' and wait_event = 'PgSleep')").await;
        // As if the run had started long ago.
        rig.sql(&format!("update _timescaledb_internal.bgw_job_stat set last_start = now() - interval '10 minutes' where job_id = {id}")).await;
        let words = [
            "behind (expected",
            "a refresh has been running for 10m",
            "longer than usual (1s on average)",
        ];
        let row = found(rig, &rules::AGGREGATE_BEHIND, NAME, &words).await;
        assert_eq!(row.finding.fix, None);
        goes(rig, &rules::AGGREGATE_BEHIND, NAME).await;
    });
}

#[test]
fn a_refresh_that_waits_while_its_lag_cannot_be_read_says_who_holds_the_lock() {
    on_each("waits", async |rig, _| {
        refresh(rig, "now() - interval '1 hour'").await;
        let id = policy(rig, "interval '3 days'", "interval '1 hour'").await;
        well(rig, &rules::AGGREGATE_BLOCKED).await;
        rig.sql(&format!(
            "insert into {RAW} values (now() - interval '1 day', 5)"
        ))
        .await;
        let holder = client(&rig.conninfo).await;
        holder.batch_execute(&format!("set application_name = 'nightly load'; begin; lock table {RAW} in access exclusive mode")).await.unwrap();
        let pid: i32 = holder
            .query_one("select pg_backend_pid()", &[])
            .await
            .unwrap()
            .get(0);
        rig.sql(&format!("select alter_job({id}, next_start => now())"))
            .await;
        until(rig, "no refresh waits", "select exists (select from pg_locks l join pg_stat_activity a using (pid) where not l.granted and a.application_name like 'Refresh%' and now() - l.waitstart > interval '6 seconds')").await;
        let who = format!("session {pid} (nightly load)");
        let words = [
            "its refresh (session",
            "has waited",
            "lock on \"Me.s\".\"Raw",
            who.as_str(),
            "its lag is unknown meanwhile",
        ];
        let row = found(rig, &rules::AGGREGATE_BLOCKED, NAME, &words).await;
        gone(rig, &rules::AGGREGATE_UNKNOWN, NAME).await;
        let holds = format!("session-blocks Session {pid} nightly load");
        only_the_holder(rig, &holds, "waits for it").await;
        fix(rig, &row, &[]).await;
        goes(rig, &rules::AGGREGATE_BLOCKED, NAME).await;
        goes(rig, &rules::AGGREGATE_UNKNOWN, NAME).await;
    });
}

/// Checks that the Overview mentions the aggregate only in the finding on the session with the lock.
async fn only_the_holder(rig: &Rig, holder: &str, words: &str) {
    let told = triage::overview(rig).await;
    let name = |row: &Row| format!("{} {}", row.finding.rule.name, row.subject);
    let of = told.iter().filter(|row| row.finding.reason.contains(NAME));
    let of: Vec<_> = of.collect();
    let [row] = of.as_slice() else {
        panic!("{}: {told:#?}", rig.name)
    };
    assert!(name(row).starts_with(holder), "{}: {}", rig.name, name(row));
    let words = format!("{NAME} {words}");
    assert!(
        row.finding.reason.contains(&words),
        "{}: {row:#?}",
        rig.name
    );
    let others: Vec<_> = told.iter().filter(|row| row.of == NAME).map(name).collect();
    assert_eq!(others, Vec::<String>::new(), "{}", rig.name);
}

#[test]
fn a_lag_that_a_lock_hides_is_told_with_who_keeps_others_waiting_for_it() {
    on_each("hidden_by", async |rig, _| {
        refresh(rig, "now() - interval '1 hour'").await;
        policy(rig, "interval '3 days'", "interval '1 hour'").await;
        let holder = client(&rig.conninfo).await;
        holder.batch_execute(&format!("set application_name = 'nightly load'; begin; lock table {RAW} in access exclusive mode")).await.unwrap();
        let pid = holder.query_one("select pg_backend_pid()", &[]).await;
        let pid: i32 = pid.unwrap().get(0);
        // Without other waiting sessions this is a finding of its own.
        let told = triage::overview(rig).await;
        let unknown = |row: &Row| row.of == NAME && row.finding.rule == &rules::AGGREGATE_UNKNOWN;
        assert!(told.iter().any(unknown), "{}: {told:#?}", rig.name);
        let writer = client(&rig.conninfo).await;
        let write = format!("insert into {RAW} values (now(), 5)");
        let waits = async { writer.batch_execute(&write).await.unwrap() };
        let looks = async {
            let waiting = "select exists (select from pg_locks where not granted and pid <> pg_backend_pid())";
            until(rig, "nobody waits", waiting).await;
            let holds = format!("session-blocks Session {pid} nightly load");
            only_the_holder(rig, &holds, "is unknown").await;
            drop(holder);
        };
        tokio::join!(waits, looks);
        goes(rig, &rules::AGGREGATE_UNKNOWN, NAME).await;
    });
}

#[test]
fn many_changed_ranges_are_a_notice_and_a_refresh_takes_them_in() {
    on_each("pending", async |rig, _| {
        refresh(rig, "now() - interval '1 hour'").await;
        policy(rig, "interval '4 days'", "interval '1 hour'").await;
        rig.sql(&format!("do $$ begin for i in 1..1000 loop insert into {RAW} values (now() - interval '2 days' + i * interval '1 minute', 1); commit; end loop; end $$")).await;
        let words = ["1000 changed ranges wait for a refresh"];
        let row = found(rig, &rules::AGGREGATE_PENDING, NAME, &words).await;
        fix(rig, &row, &[]).await;
        gone(rig, &rules::AGGREGATE_PENDING, NAME).await;
    });
}

#[test]
fn a_further_policy_that_is_paused_or_fails_is_named_and_set_going() {
    on_each("further", async |rig, version| {
        if version < Version::new(2, 21) {
            return;
        }
        refresh(rig, "now() - interval '1 hour'").await;
        policy(rig, "interval '1 day'", "interval '1 hour'").await;
        let id = policy(rig, "interval '4 days'", "interval '1 day'").await;
        well(rig, &rules::AGGREGATE_POLICY_STOPPED).await;
        rig.sql(&format!("select alter_job({id}, scheduled => false)"))
            .await;
        let job = format!("(job {id}) is paused");
        let words = ["another refresh policy", job.as_str()];
        let row = found(rig, &rules::AGGREGATE_POLICY_STOPPED, NAME, &words).await;
        fix(rig, &row, &[]).await;
        gone(rig, &rules::AGGREGATE_POLICY_STOPPED, NAME).await;
        // The policy fails, because it waits longer than lock_timeout for a lock.
        let limit = "do $$ begin execute format('alter database %I set lock_timeout = ''200ms''', current_database()); end $$";
        rig.sql(limit).await;
        let holder = client(&rig.conninfo).await;
        rig.sql(&format!(
            "insert into {RAW} values (now() - interval '2 days', 5)"
        ))
        .await;
        holder
            .batch_execute(&format!("begin; lock table {RAW} in access exclusive mode"))
            .await
            .unwrap();
        rig.sql(&format!("select alter_job({id}, next_start => now())"))
            .await;
        until(rig, "it does not fail", &format!("select exists (select from _timescaledb_internal.bgw_job_stat where job_id = {id} and total_failures > 0 and last_finish > '-infinity')")).await;
        holder.batch_execute("rollback").await.unwrap();
        let job = format!("(job {id}) fails");
        let row = found(rig, &rules::AGGREGATE_POLICY_STOPPED, NAME, &[job.as_str()]).await;
        // The policy runs through the scheduler, because only the scheduler's runs change the statistics.
        fix(rig, &row, &[("how", "scheduler")]).await;
        goes(rig, &rules::AGGREGATE_POLICY_STOPPED, NAME).await;
    });
}

#[test]
fn a_watermark_in_the_future_names_the_rows_stays_after_a_refresh_and_is_moved_back() {
    on_each("future", async |rig, _| {
        rig.sql(&format!("alter materialized view {NAME} set (timescaledb.materialized_only = false); insert into {RAW} values (now() + interval '20 days', 1)")).await;
        let words = [
            "its watermark is in the future",
            "has 1 row dated in the future, the newest",
            "the newest chunk ends at",
        ];
        let ahead = "select to_timestamp(watermark / 1e6) - now() <= interval '1 hour' from _timescaledb_catalog.continuous_aggs_watermark";
        for _ in 0..2 {
            refresh(rig, "now() + interval '30 days'").await;
            found(rig, &rules::AGGREGATE_FUTURE, NAME, &words).await;
        }
        rig.sql(&format!("insert into {RAW} values (now(), 100)"))
            .await;
        let row = found(
            rig,
            &rules::AGGREGATE_FUTURE,
            NAME,
            &["some new rows wait for a refresh now"],
        )
        .await;
        assert_eq!(row.finding.level, Level::Warning);
        let sum = format!("select coalesce(max(s), 0) >= 100 from {NAME}");
        assert_eq!(rig.text(&sum).await, "f", "{}: it shows", rig.name);
        // The preview says which rows are deleted, and requires the name.
        let plan = rig.plan(
            "move-watermark-back",
            NAME,
            &[("delete_future_rows", "yes")],
        );
        let plan = plan.await.unwrap().plan;
        assert_eq!(
            plan.consent,
            hypertop::model::plan::Consent::Name,
            "{}",
            rig.name
        );
        assert!(
            plan.notes
                .iter()
                .any(|note| note.text.contains("DELETES DATA"))
        );
        fix(rig, &row, &[]).await;
        gone(rig, &rules::AGGREGATE_FUTURE, NAME).await;
        assert_eq!(rig.text(ahead).await, "t", "{}", rig.name);
        assert_eq!(rig.text(&sum).await, "t", "{}: it does not show", rig.name);
        let late = format!("select count(*) from {RAW} where ts > now()");
        assert_eq!(rig.text(&late).await, "0", "{}", rig.name);
        let differ = format!(
            "select count(*) from (select b, s from {NAME} except select time_bucket('1 hour', ts), sum(v) from {RAW} group by 1) d"
        );
        assert_eq!(rig.text(&differ).await, "0", "{}", rig.name);
        // Rows that were deleted earlier still leave the watermark in the future.
        rig.sql(&format!(
            "insert into {RAW} values (now() + interval '20 days', 1)"
        ))
        .await;
        refresh(rig, "now() + interval '30 days'").await;
        rig.sql(&format!("delete from {RAW} where ts > now()"))
            .await;
        refresh(rig, "now() + interval '30 days'").await;
        let words = ["are gone from", "no refresh moves it back"];
        let row = found(rig, &rules::AGGREGATE_FUTURE, NAME, &words).await;
        fix(rig, &row, &[]).await;
        gone(rig, &rules::AGGREGATE_FUTURE, NAME).await;
        assert_eq!(rig.text(ahead).await, "t", "{}", rig.name);
        let none = rig.plan("move-watermark-back", NAME, &[]).await;
        assert!(none.unwrap_err().contains("is not in the future"));
    });
}

#[test]
fn a_policy_that_materializes_the_bucket_that_is_still_filled_is_given_an_end() {
    // A bucket of ten years does not end during the test.
    let source = SOURCE.replace("time_bucket('1 hour'", "time_bucket('3650 days'");
    triage::on_each("open", &source, async |rig, _| {
        rig.sql(&format!(
            "alter materialized view {NAME} set (timescaledb.materialized_only = false)"
        ))
        .await;
        policy(rig, "null", "null").await;
        let all = format!("call refresh_continuous_aggregate('{NAME}', null, null)");
        rig.sql(&all).await;
        gone(rig, &rules::AGGREGATE_FUTURE, NAME).await;
        rig.sql(&format!("insert into {RAW} values (now(), 1)"))
            .await;
        let words = ["is in the future", "no end_offset", "an end_offset of"];
        let row = found(rig, &rules::AGGREGATE_FUTURE, NAME, &words).await;
        assert_eq!(row.finding.level, Level::Notice);
        fix(rig, &row, &[]).await;
        let end = rig.text("select (config ->> 'end_offset')::interval = interval '3650 days' from timescaledb_information.jobs where proc_name like 'policy_refresh%'").await;
        assert_eq!(end, "t", "{}", rig.name);
        let words = ["a refresh materialized the unfinished bucket"];
        found(rig, &rules::AGGREGATE_FUTURE, NAME, &words).await;
        rig.sql(&all).await;
        gone(rig, &rules::AGGREGATE_FUTURE, NAME).await;
    });
}

#[test]
fn what_may_not_be_read_is_unknown_and_the_grant_tells() {
    on_each("unknown", async |rig, _| {
        refresh(rig, "now() - interval '1 hour'").await;
        policy(rig, "interval '3 days'", "interval '1 hour'").await;
        let role = format!("reader_{}", rig.name.replace('.', "_"));
        rig.sql(&format!(
            "create role {role} login; grant usage on schema \"Me.s\" to {role}"
        ))
        .await;
        let own = rig
            .conninfo
            .replace("user=postgres", &format!("user={role}"));
        let reader = Rig::on(&rig.name, &own).await;
        let words = ["this role may not SELECT from \"Me.s\".\"Raw"];
        let row = found(&reader, &rules::AGGREGATE_UNKNOWN, NAME, &words).await;
        assert_eq!(row.finding.level, Level::Unknown);
        rig.sql(&format!("grant select on {RAW} to {role}")).await;
        gone(&reader, &rules::AGGREGATE_UNKNOWN, NAME).await;
        drop(reader);
        rig.sql(&format!("drop owned by {role}; drop role {role}"))
            .await;
    });
}

#[test]
fn a_retention_that_cannot_be_compared_with_the_window_is_unknown() {
    on_each("compare", async |rig, version| {
        refresh(rig, "now() - interval '1 hour'").await;
        policy(rig, "interval '3 days'", "interval '1 hour'").await;
        well(rig, &rules::AGGREGATE_UNKNOWN).await;
        let by = if version < Version::new(2, 27) {
            "interval '30 days'"
        } else {
            "drop_created_before => interval '30 days'"
        };
        rig.sql(&format!(
            "select add_retention_policy('{RAW}', {by}, initial_start => now() + interval '1 hour')"
        ))
        .await;
        rig.sql("update _timescaledb_config.bgw_job set config = config - 'drop_after' || '{\"drop_created_before\": \"30 days\"}' where proc_name = 'policy_retention'").await;
        let words = ["unknown whether refreshes delete rows"];
        found(rig, &rules::AGGREGATE_UNKNOWN, NAME, &words).await;
        rig.act("remove-retention-policy", RAW, &[]).await;
        rig.act("add-retention-policy", RAW, &[("drop_after", "30 days")])
            .await;
        well(rig, &rules::AGGREGATE_UNKNOWN).await;
    });
}
