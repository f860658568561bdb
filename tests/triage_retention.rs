//! Triage of retention on real servers: each problem is created, found by its rule, and fixed by the suggested action or the advice in the
//! reason. Then the finding is gone.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::model::plan::Undo;
use hypertop::model::rules;
use hypertop::model::screen_id::ScreenId;
use hypertop::model::verdict::Level;
use hypertop::model::version::Version;
use hypertop::run::show;
use support::act::Rig;
use support::client;
use support::triage::{self, fix, found, goes, gone, look, made, until};

const NAME: &str = r#""Me.s"."Raw ""x""""#;
const COUNTED: &str = r#""Me.s"."By.number""#;
const READER: &str = r#""Me.s"."By.hundred""#;

/// A hypertable with ten daily chunks, and one with integer time.
const SOURCE: &str = r#"set client_min_messages = error; create schema "Me.s"; create table "Me.s"."Raw ""x""" (ts timestamptz not null, v int);
select create_hypertable('"Me.s"."Raw ""x"""', 'ts', chunk_time_interval => interval '1 day');
insert into "Me.s"."Raw ""x""" select t, 1 from generate_series(date_trunc('day', now()) - interval '9 days', now(), interval '1 hour') t;
create table "Me.s"."By.number" (n bigint not null); create function "Me.s".clock() returns bigint language sql stable as 'select 1000::bigint';
select create_hypertable('"Me.s"."By.number"', 'n', chunk_time_interval => 100); select set_integer_now_func('"Me.s"."By.number"', '"Me.s".clock');
insert into "Me.s"."By.number" select g from generate_series(0, 999) g"#;

/// Runs a test in a new database of each version with [`SOURCE`].
fn on_each(name: &str, test: impl AsyncFn(&Rig, Version)) {
    triage::on_each(name, SOURCE, test);
}

/// Adds a policy that does not start during the test.
async fn policy(rig: &Rig, of: &str, after: &str) {
    rig.sql(&format!("begin; select alter_job(add_retention_policy('{of}', {after}), next_start => now() + interval '1 hour'); commit")).await;
}

/// Changes the policy's configuration without any checks, as a restore might.
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
        // Another session waits in the queue before the policy. Terminating this session would not help.
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
            let words = ["its policy (session", "has waited", who.as_str()];
            let row = found(rig, &rules::RETENTION_BLOCKED, NAME, &words).await;
            assert_eq!(row.finding.level, Level::Warning);
            assert!(row.finding.since.is_some());
            fix(rig, &row, &[]).await;
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
        let count = format!("{count} chunks past drop_after not dropped yet, the oldest due for");
        let words = [count.as_str(), "the policy runs in 1h"];
        let row = found(rig, &rules::RETENTION_OVERDUE, NAME, &words).await;
        assert!(row.finding.since.is_some());
        fix(rig, &row, &[]).await;
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
        fix(rig, &row, &[("drop_after", "300 days")]).await;
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
        let words = [
            "past drop_after not dropped, because frozen",
            unfreeze.as_str(),
        ];
        found(rig, &rules::RETENTION_FROZEN, NAME, &words).await;
        rig.sql(&format!(
            "select {schema}.unfreeze_chunk(c) from {oldest} c"
        ))
        .await;
        gone(rig, &rules::RETENTION_FROZEN, NAME).await;
        let overdue = found(rig, &rules::RETENTION_OVERDUE, NAME, &[]).await;
        fix(rig, &overdue, &[]).await;
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
        fix(rig, &row, &[("drop_after", "30 days")]).await;
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
        fix(rig, &row, &[]).await;
        rig.act("add-retention-policy", NAME, &[("drop_after", "30 days")])
            .await;
        gone(rig, &rules::RETENTION_SETTING, NAME).await;
    });
}

/// States of a policy, as older versions or superusers may leave them.
const STATES: &[(&str, &str)] = &[
    (
        "paused",
        "update _timescaledb_config.bgw_job set scheduled = false where proc_name = 'policy_retention'",
    ),
    (
        "gave up",
        "update _timescaledb_config.bgw_job set scheduled = false, max_retries = 1 where proc_name = 'policy_retention'; {FAILED}",
    ),
    ("failing", "{FAILED}"),
    (
        "late",
        "update _timescaledb_internal.bgw_job_stat set next_start = now() - interval '1 hour'",
    ),
];
const FAILED: &str = "update _timescaledb_internal.bgw_job_stat set last_start = now() - interval '5 minutes', last_finish = now() - interval '4 minutes', last_run_success = false, consecutive_failures = 1, total_failures = 1, total_runs = 1, next_start = now() + interval '1 hour' where job_id >= 1000";

#[test]
fn whatever_state_it_is_in_each_fix_that_any_screen_offers_can_be_taken() {
    on_each("hopeless", async |rig, version| {
        if version < Version::new(2, 13) {
            return;
        }
        // With integer time and an integer_now_func, every version misreads such a configuration.
        let time = version < Version::parse("2.26.3").unwrap();
        // Every version also misreads the policy of an aggregate on such a table.
        rig.sql(&format!("create materialized view {READER} with (timescaledb.continuous) as select time_bucket(100::bigint, n) as bucket, count(*) from {COUNTED} group by 1 with no data")).await;
        let tables = [(NAME, time), (COUNTED, true), (READER, true)];
        let states = STATES
            .iter()
            .flat_map(|state| tables.map(|table| (state, table)));
        for ((state, sql), (table, hopeless)) in states {
            let sql = sql.replace("{FAILED}", FAILED);
            let id =
                "select id from _timescaledb_config.bgw_job where proc_name = 'policy_retention'";
            rig.sql(&format!("begin; select delete_job(id) from ({id}) j; select add_retention_policy('{table}', drop_created_before => interval '30 days', initial_start => now() + interval '1 hour'); {sql}; commit")).await;
            let name = format!("{}: {table}: {state}", rig.name);
            let rows = triage::all(rig).await;
            for row in rows.iter().filter(|row| row.finding.fix.is_some()) {
                let fix = row.finding.fix.unwrap();
                let target = row.finding.fix_target(row.targets.clone()).unwrap();
                let sets = row.finding.sets.iter();
                let sets: Vec<_> = sets.map(|(k, v)| (k.as_str(), v.as_str())).collect();
                let plan = rig.plan(fix, &target.name, &sets).await;
                assert!(plan.is_ok(), "{name}: {}: {row:#?}", plan.unwrap_err());
                let of_job = row.screen == ScreenId::Jobs && fix == "delete-job";
                assert!(!of_job || hopeless, "{name}: {row:#?}");
            }
            let job = rig.text(id).await;
            let mut ends = Vec::new();
            for (action, target) in [
                ("delete-job", job.as_str()),
                ("remove-retention-policy", table),
            ] {
                ends.push(rig.plan(action, target, &[]).await.unwrap().plan.undo);
            }
            let whole = |undo: &Undo| {
                undo.text()
                    .contains(" is created again with all its settings")
            };
            let wholes = ends.iter().map(whole).collect::<Vec<_>>();
            assert_eq!(wholes, [!hopeless; 2], "{name}: {ends:?}");
            assert!(ends.iter().all(|undo| undo.heading() == "Undo (partial)"));
            for how in ["foreground", "scheduler"] {
                let run = rig.plan("run-job-now", &job, &[("how", how)]).await;
                let why = run.as_ref().err().map(String::as_str).unwrap_or_default();
                let says = why.contains("can neither run nor alter");
                assert_eq!(says, hopeless, "{name}: {how}: {why}");
            }
            let removed = rig.act("remove-retention-policy", table, &[]).await;
            let back = rig.rollback_plan(&[removed.id]).await.unwrap();
            let report = rig.perform(&back).await.unwrap();
            assert_eq!(report.problems, [], "{name}");
            let created = "select config ->> 'drop_created_before' from _timescaledb_config.bgw_job where proc_name = 'policy_retention'";
            assert_eq!(rig.text(created).await, "30 days", "{name}");
        }
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
        let words = ["drop_created_before (abc) is not an interval"];
        let row = found(rig, &rules::RETENTION_SETTING, NAME, &words).await;
        fix(rig, &row, &[("drop_created_before", "30 days")]).await;
        gone(rig, &rules::RETENTION_SETTING, NAME).await;
    });
}

#[test]
fn a_number_without_a_clock_is_told_what_gives_it_one() {
    on_each("clock", async |rig, _| {
        policy(rig, COUNTED, "500").await;
        gone(rig, &rules::RETENTION_SETTING, COUNTED).await;
        // The state after a restore or a dropped function.
        rig.sql("update _timescaledb_catalog.dimension set integer_now_func = null, integer_now_func_schema = null where integer_now_func is not null").await;
        let words = ["without integer_now_func", "set_integer_now_func()"];
        let row = found(rig, &rules::RETENTION_SETTING, COUNTED, &words).await;
        assert_eq!(row.finding.fix, None);
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
            "what the next run drops is unknown",
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

/// A hypertable whose integer time is seconds since 1970. Five daily chunks are older than ten days.
const SECONDS: &str = r#"create table "Me.s"."By.second" (n bigint not null); create function "Me.s".seconds() returns bigint language sql stable as 'select extract(epoch from now())::bigint';
select create_hypertable('"Me.s"."By.second"', 'n', chunk_time_interval => 86400); select set_integer_now_func('"Me.s"."By.second"', '"Me.s".seconds');
insert into "Me.s"."By.second" select extract(epoch from now())::bigint - g * 3600 from generate_series(0, 24 * 15) g"#;

#[test]
fn a_number_that_counts_seconds_is_overdue_as_time_is() {
    on_each("seconds", async |rig, version| {
        rig.sql(SECONDS).await;
        let name = r#""Me.s"."By.second""#;
        policy(rig, name, "10 * 86400").await;
        if version >= Version::new(2, 13) {
            // New chunks cannot have been due for long.
            gone(rig, &rules::RETENTION_OVERDUE, name).await;
        }
        made(rig, version, "By.second", "20", "true").await;
        let due = "select count(*) from show_chunks('\"Me.s\".\"By.second\"', older_than => extract(epoch from now())::bigint - 864000)";
        let words = format!(
            "{} chunks past drop_after not dropped yet",
            rig.text(due).await
        );
        let words = [
            words.as_str(),
            "the oldest due for at least 4d",
            "runs in 1h",
        ];
        let row = found(rig, &rules::RETENTION_OVERDUE, name, &words).await;
        assert_eq!(row.finding.level, Level::Warning);
        assert!(row.finding.since.is_some());
        // The Overview has the finding, too, although the Retention screen was not opened.
        assert!(
            told(rig)
                .await
                .contains(&"retention-overdue By.second".to_owned()),
            "{}",
            rig.name
        );
        fix(rig, &row, &[]).await;
        gone(rig, &rules::RETENTION_OVERDUE, name).await;
    });
}

#[test]
fn a_number_that_counts_days_by_the_current_date_is_overdue_as_time_is() {
    on_each("days", async |rig, version| {
        rig.sql(r#"create table "Me.s"."By.day" (n int not null); create function "Me.s".days() returns int language sql stable as $$ select (current_date - date '1970-01-01')::int $$; select create_hypertable('"Me.s"."By.day"', 'n', chunk_time_interval => 1); select set_integer_now_func('"Me.s"."By.day"', '"Me.s".days'); insert into "Me.s"."By.day" select "Me.s".days() - g from generate_series(0, 15) g"#).await;
        policy(rig, r#""Me.s"."By.day""#, "10").await;
        made(rig, version, "By.day", "20", "true").await;
        let words = ["5 chunks past drop_after", "oldest due for at least 3d 23h"];
        found(rig, &rules::RETENTION_OVERDUE, r#""Me.s"."By.day""#, &words).await;
    });
}

/// Rule and table of each row of `hypertop show overview`.
async fn told(rig: &Rig) -> Vec<String> {
    let settings = support::settings(&rig.conninfo);
    let mut out = Vec::new();
    let (screen, format) = (ScreenId::Overview, show::Format::Json);
    let shown = show::show(&settings, &rig.session, screen, format, &mut out);
    shown.await.unwrap();
    let shown: serde_json::Value = serde_json::from_slice(&out).unwrap();
    let rows = shown["rows"].as_array().unwrap().iter();
    let word = |row: &serde_json::Value, key: &str| {
        row[key]
            .as_str()
            .unwrap()
            .replace("\"Me.s\".", "")
            .replace('"', "")
    };
    rows.map(|row| format!("{} {}", word(row, "rule"), word(row, "subject")))
        .collect()
}

#[test]
fn a_number_that_counts_anything_is_overdue_since_rows_came_that_lie_far_enough_beyond() {
    on_each("counts", async |rig, version| {
        policy(rig, COUNTED, "500").await;
        // After a single load the next run drops its chunks.
        gone(rig, &rules::RETENTION_OVERDUE, COUNTED).await;
        if version < Version::new(2, 13) {
            return;
        }
        // Old chunks that became due by a load of today.
        made(rig, version, "By.number", "9", "start < 700").await;
        gone(rig, &rules::RETENTION_OVERDUE, COUNTED).await;
        // Rows of today in a range where all other chunks are old.
        made(rig, version, "By.number", "9", "true").await;
        made(rig, version, "By.number", "0", "start < 500").await;
        gone(rig, &rules::RETENTION_OVERDUE, COUNTED).await;
        made(rig, version, "By.number", "3", "start >= 600").await;
        made(rig, version, "By.number", "9", "start < 600").await;
        let words = ["5 chunks past drop_after not dropped yet, the oldest due for at least 3d"];
        let row = found(rig, &rules::RETENTION_OVERDUE, COUNTED, &words).await;
        assert_eq!(row.finding.level, Level::Warning);
        assert!(
            told(rig)
                .await
                .contains(&"retention-overdue By.number".to_owned()),
            "{}",
            rig.name
        );
        // If the next run may still drop the chunks, there is no finding.
        rig.limit(|limits| limits.retention_patience = 3.0 * 86_400.0);
        gone(rig, &rules::RETENTION_OVERDUE, COUNTED).await;
        rig.limit(|limits| limits.retention_patience = 300.0);
        fix(rig, &row, &[]).await;
        gone(rig, &rules::RETENTION_OVERDUE, COUNTED).await;
    });
}

#[test]
fn an_aggregate_of_integer_time_goes_by_the_now_of_its_hypertable() {
    on_each("rollup", async |rig, version| {
        rig.sql(r#"insert into "Me.s"."By.number" select g from generate_series(1000, 9999) g; create or replace function "Me.s".clock() returns bigint language sql stable as 'select 10000::bigint'"#).await;
        rig.sql(r#"create materialized view "Me.s"."Ten.s" with (timescaledb.continuous) as select time_bucket(10, n) as b, count(*) from "Me.s"."By.number" group by 1"#).await;
        let name = r#""Me.s"."Ten.s""#;
        policy(rig, name, "5000").await;
        gone(rig, &rules::RETENTION_SETTING, name).await;
        let shown = async || {
            let (screens, _) = look(rig, &[ScreenId::Retention]).await;
            let mut rows = screens.retention.rows().iter();
            let row = rows.find(|row| row.name == "Ten.s").unwrap();
            (row.eligible(), row.eligible_bytes(), row.chunks)
        };
        let bytes = rig
            .text(r#"select sum(pg_total_relation_size(c)) from show_chunks('"Me.s"."Ten.s"', older_than => 5000::bigint) c"#)
            .await;
        let five = (Some(5), bytes.parse().ok(), 10);
        assert_eq!(shown().await, five, "{}", rig.name);
        gone(rig, &rules::RETENTION_OVERDUE, name).await;
        let material = rig
            .text("select table_name from _timescaledb_catalog.hypertable where table_name like '\\_mat%'")
            .await;
        made(rig, version, &material, "2", "true").await;
        if version >= Version::new(2, 13) {
            let words = ["5 chunks past drop_after", "at least 2d"];
            found(rig, &rules::RETENTION_OVERDUE, name, &words).await;
        }
        // A run of the policy confirms this.
        rig.sql("do $$ declare j int; begin select id into j from _timescaledb_config.bgw_job where proc_name = 'policy_retention'; call run_job(j); end $$").await;
        assert_eq!(shown().await, (Some(0), Some(0), 5), "{}", rig.name);
    });
}
