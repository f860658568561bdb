//! Changes that no refresh policy will ever read. Each kind is found at once on a real server, with a fix that refreshes exactly the
//! changed range. After the fix the aggregate agrees with its source.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::model::rules;
use hypertop::model::verdict::Level;
use hypertop::model::version::Version;
use support::act::Rig;
use support::triage::{self, fix, found, gone};

const NAME: &str = r#""Me.s"."Hour ""ly""""#;
const RAW: &str = r#""Me.s"."Raw ""x""""#;
const MONTHLY: &str = r#""Me.s".monthly"#;

/// Ten days of rows in daily chunks, and an hourly aggregate on them.
const HOURLY: &str = r#"set client_min_messages = error; create schema "Me.s"; create table "Me.s"."Raw ""x""" (ts timestamptz not null, v float);
select create_hypertable('"Me.s"."Raw ""x"""', 'ts', chunk_time_interval => interval '1 day');
insert into "Me.s"."Raw ""x""" select t, 1 from generate_series(date_trunc('day', now()) - interval '10 days', now(), interval '10 minutes') t;
create materialized view "Me.s"."Hour ""ly""" with (timescaledb.continuous, timescaledb.materialized_only = true) as select time_bucket('1 hour', ts) b, sum(v) s from "Me.s"."Raw ""x""" group by 1 with no data"#;

/// Two years of rows in chunks of thirty days, and a monthly aggregate.
const BY_MONTH: &str = r#"set client_min_messages = error; set timezone = 'UTC'; create schema "Me.s"; create table "Me.s"."Raw ""x""" (ts timestamptz not null, v float);
select create_hypertable('"Me.s"."Raw ""x"""', 'ts', chunk_time_interval => interval '30 days');
insert into "Me.s"."Raw ""x""" select t, 1 from generate_series(now() - interval '2 years', now(), interval '12 hours') t;
create materialized view "Me.s".monthly with (timescaledb.continuous, timescaledb.materialized_only = true) as select time_bucket('1 month', ts) b, sum(v) s from "Me.s"."Raw ""x""" group by 1 with no data"#;

/// A policy that does not start during the test, as if it had run successfully before.
async fn policy(rig: &Rig, of: &str, start: &str, end: &str) -> String {
    let id = rig.text(&format!("select add_continuous_aggregate_policy('{of}', {start}, {end}, interval '1 hour', initial_start => now() + interval '20 minutes')")).await;
    rig.sql(&format!("update _timescaledb_internal.bgw_job_stat set last_run_success = true, last_finish = now() - interval '5 minutes', last_start = now() - interval '5 minutes', total_successes = 1, total_runs = 1, total_duration = interval '1 second' where job_id = {id}")).await;
    id
}

async fn refresh(rig: &Rig, of: &str, from: &str, to: &str) {
    let window = format!("select format('%L::timestamptz, %L::timestamptz', {from}, {to})");
    let window = rig.text(&window).await;
    rig.sql(&format!(
        "call refresh_continuous_aggregate('{of}', {window})"
    ))
    .await;
}

/// Number of finished buckets that differ from a query of the source.
async fn differ(rig: &Rig, of: &str, width: &str) -> String {
    let is =
        format!("select b, s from {of} where b < now() - interval '3 hours' - '{width}'::interval");
    let is_to_be = format!(
        "select time_bucket('{width}', ts), sum(v) from {RAW} where ts < time_bucket('{width}', now() - interval '3 hours' - '{width}'::interval) + interval '{width}' group by 1"
    );
    let is_to_be = format!(
        "select * from ({is_to_be}) x(b, s) where b < now() - interval '3 hours' - '{width}'::interval"
    );
    rig.text(&format!(
        "select count(*) from (({is} except {is_to_be}) union all ({is_to_be} except {is})) d"
    ))
    .await
}

/// Checks that the change is found at once and fixed by the finding's refresh, and that the aggregate is complete then.
async fn told_and_brought_in(rig: &Rig, of: &str, width: &str, words: &[&str]) {
    assert_ne!(differ(rig, of, width).await, "0", "{}", rig.name);
    let row = found(rig, &rules::AGGREGATE_UNREACHED, of, words).await;
    assert_eq!(row.finding.level, Level::Warning, "{}", rig.name);
    assert_eq!(row.finding.fix, Some("refresh-aggregate"), "{}", rig.name);
    fix(rig, &row, &[]).await;
    gone(rig, &rules::AGGREGATE_UNREACHED, of).await;
    assert_eq!(differ(rig, of, width).await, "0", "{}", rig.name);
}

#[test]
fn a_range_that_ends_in_the_bucket_of_the_start_offset_is_found_while_the_bucket_lasts() {
    triage::on_each("boundary", BY_MONTH, async |rig, _| {
        refresh(rig, MONTHLY, "now() - interval '3 years'", "now()").await;
        policy(rig, MONTHLY, "interval '4 months'", "interval '1 month'").await;
        gone(rig, &rules::AGGREGATE_UNREACHED, MONTHLY).await;
        // Four months of rows that end an hour before the end of the bucket in which the window begins.
        let late = format!(
            "insert into {RAW} select t, 5 from generate_series(date_trunc('month', now() - interval '4 months') - interval '3 months', date_trunc('month', now() - interval '4 months') + interval '1 month' - interval '1 hour', interval '1 day') t"
        );
        rig.sql(&late).await;
        let words = ["from", "every refresh window begins later (start_offset"];
        let row = found(rig, &rules::AGGREGATE_UNREACHED, MONTHLY, &words).await;
        let month = |ago: i32| {
            format!(
                "select to_char(date_trunc('month', now() - interval '4 months') + interval '{ago} months', 'YYYY-MM-DD HH24:MI:SSZ')"
            )
        };
        let window = [rig.text(&month(-3)).await, rig.text(&month(1)).await];
        let sets: Vec<_> = row.finding.sets.iter().map(|(_, to)| to.clone()).collect();
        assert_eq!(sets, window, "{}", rig.name);
        // The finding is the same after a run has processed the invalidation log.
        refresh(rig, MONTHLY, "now() - interval '3 months'", "now()").await;
        told_and_brought_in(rig, MONTHLY, "1 month", &words).await;
    });
}

#[test]
fn rows_that_are_backfilled_below_the_window_are_found_before_any_run() {
    triage::on_each("backfill", HOURLY, async |rig, version| {
        refresh(
            rig,
            NAME,
            "now() - interval '20 days'",
            "now() - interval '1 hour'",
        )
        .await;
        policy(rig, NAME, "interval '3 days'", "interval '1 hour'").await;
        gone(rig, &rules::AGGREGATE_UNREACHED, NAME).await;
        rig.sql(&format!("insert into {RAW} select t, 7 from generate_series(now() - interval '6 days', now() - interval '5 days', interval '1 second') t")).await;
        told_and_brought_in(rig, NAME, "1 hour", &["\"Me.s\".\"Raw"]).await;
        // With several policies, the largest start_offset counts.
        if version >= Version::new(2, 21) {
            policy(rig, NAME, "interval '8 days'", "interval '4 days'").await;
            rig.sql(&format!("insert into {RAW} select t, 7 from generate_series(now() - interval '6 days', now() - interval '5 days', interval '1 hour') t")).await;
            gone(rig, &rules::AGGREGATE_UNREACHED, NAME).await;
            rig.sql(&format!("insert into {RAW} select t, 7 from generate_series(now() - interval '9 days', now() - interval '8 days 12 hours', interval '1 hour') t")).await;
            let row = found(rig, &rules::AGGREGATE_UNREACHED, NAME, &["2 policies"]).await;
            fix(rig, &row, &[]).await;
            gone(rig, &rules::AGGREGATE_UNREACHED, NAME).await;
        }
    });
}

#[test]
fn what_came_while_a_policy_stood_still_for_longer_than_it_goes_back_is_found() {
    triage::on_each("stood", HOURLY, async |rig, _| {
        refresh(
            rig,
            NAME,
            "now() - interval '20 days'",
            "now() - interval '4 days'",
        )
        .await;
        let id = policy(rig, NAME, "interval '1 day'", "interval '1 hour'").await;
        rig.sql(&format!("select alter_job({id}, scheduled => false)"))
            .await;
        found(rig, &rules::AGGREGATE_UNREACHED, NAME, &["start_offset"]).await;
        // The next run does not change it.
        rig.sql(&format!("call run_job({id})")).await;
        told_and_brought_in(rig, NAME, "1 hour", &["start_offset"]).await;
    });
}

#[test]
fn retention_that_dropped_up_to_the_next_chunk_is_no_change_that_waits() {
    triage::on_each("dropped", HOURLY, async |rig, _| {
        refresh(
            rig,
            NAME,
            "now() - interval '20 days'",
            "now() - interval '1 hour'",
        )
        .await;
        policy(rig, NAME, "interval '2 days'", "interval '1 hour'").await;
        rig.sql(&format!("select add_retention_policy('{RAW}', interval '6 days', initial_start => now() + interval '1 hour')")).await;
        rig.sql(&format!("select drop_chunks('{RAW}', interval '6 days')"))
            .await;
        gone(rig, &rules::AGGREGATE_UNREACHED, NAME).await;
        refresh(
            rig,
            NAME,
            "now() - interval '2 days'",
            "now() - interval '1 hour'",
        )
        .await;
        gone(rig, &rules::AGGREGATE_UNREACHED, NAME).await;
        gone(rig, &rules::AGGREGATE_HISTORY, NAME).await;
        // Late rows in a chunk that still exists are a change.
        rig.sql(&format!("insert into {RAW} select t, 7 from generate_series(now() - interval '4 days', now() - interval '3 days', interval '1 hour') t")).await;
        let row = found(rig, &rules::AGGREGATE_UNREACHED, NAME, &[]).await;
        fix(rig, &row, &[]).await;
        gone(rig, &rules::AGGREGATE_UNREACHED, NAME).await;
        let kept = format!("select count(*) > 70 from {NAME} where b < now() - interval '7 days'");
        assert_eq!(rig.text(&kept).await, "t", "{}: rows are lost", rig.name);
    });
}

#[test]
fn history_that_is_a_part_of_a_chunk_is_found_too() {
    let source = HOURLY.replace("interval '1 day')", "interval '30 days')");
    triage::on_each("part", &source, async |rig, _| {
        policy(rig, NAME, "interval '3 days'", "interval '1 hour'").await;
        // The finding is there even before the first run.
        let words = ["is older than its policy's refresh window"];
        found(rig, &rules::AGGREGATE_HISTORY, NAME, &words).await;
        refresh(
            rig,
            NAME,
            "now() - interval '3 days'",
            "now() - interval '1 hour'",
        )
        .await;
        let words = ["history before", "was never materialized"];
        let row = found(rig, &rules::AGGREGATE_HISTORY, NAME, &words).await;
        fix(rig, &row, &[]).await;
        gone(rig, &rules::AGGREGATE_HISTORY, NAME).await;
        assert_eq!(differ(rig, NAME, "1 hour").await, "0", "{}", rig.name);
    });
}

#[test]
fn a_policy_that_is_added_brings_in_first_what_its_runs_would_leave_out() {
    triage::on_each("added", HOURLY, async |rig, _| {
        refresh(
            rig,
            NAME,
            "now() - interval '8 days'",
            "now() - interval '5 days'",
        )
        .await;
        let row = found(rig, &rules::AGGREGATE_NO_POLICY, NAME, &[]).await;
        assert_eq!(row.finding.fix, Some("add-refresh-policy"), "{}", rig.name);
        let window = [
            ("start_offset", "2 days"),
            ("end_offset", "1 hour"),
            ("schedule_interval", "1 hour"),
        ];
        // Without the option `refresh_missing` the policy leaves these ranges out, and the preview warns about it.
        let approved = rig.plan("add-refresh-policy", NAME, &window).await.unwrap();
        let says = |word: &str| {
            approved
                .plan
                .notes
                .iter()
                .any(|note| note.text.contains(word) && note.level == Level::Warning)
        };
        assert!(
            says("rows of \"Me.s\".\"Raw")
                && says("because no run reaches them: refresh_missing=yes"),
            "{}: {:#?}",
            rig.name,
            approved.plan.notes
        );
        // With the finding's fix nothing is left out.
        let mut set: Vec<_> = row
            .finding
            .sets
            .iter()
            .map(|(field, to)| (field.as_str(), to.as_str()))
            .collect();
        set.extend(window);
        let report = rig.act("add-refresh-policy", NAME, &set).await;
        let begun = std::time::Instant::now();
        while differ(rig, NAME, "1 hour").await != "0" {
            assert!(
                begun.elapsed().as_secs() < 60,
                "{}: rows stay missing",
                rig.name
            );
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
        for rule in [
            &rules::AGGREGATE_UNREACHED,
            &rules::AGGREGATE_HISTORY,
            &rules::AGGREGATE_NO_POLICY,
        ] {
            gone(rig, rule, NAME).await;
        }
        rig.rollback(&[report.id]).await;
        let policies = "select count(*) from timescaledb_information.jobs where proc_name = 'policy_refresh_continuous_aggregate'";
        assert_eq!(rig.text(policies).await, "0", "{}", rig.name);
    });
}

#[test]
fn a_narrower_window_says_what_stays_missing_and_how_it_comes_in() {
    triage::on_each("narrower", HOURLY, async |rig, _| {
        refresh(
            rig,
            NAME,
            "now() - interval '20 days'",
            "now() - interval '1 hour'",
        )
        .await;
        policy(rig, NAME, "interval '8 days'", "interval '1 hour'").await;
        rig.sql(&format!("insert into {RAW} select t, 7 from generate_series(now() - interval '6 days', now() - interval '5 days', interval '1 hour') t")).await;
        gone(rig, &rules::AGGREGATE_UNREACHED, NAME).await;
        let plan = async |start| {
            rig.plan("edit-refresh-policy", NAME, &[("start_offset", start)])
                .await
                .unwrap()
                .plan
        };
        let says = |plan: &hypertop::model::plan::Plan| {
            plan.notes.iter().any(|note| {
                note.text.contains("stay missing") && note.text.contains("refresh-aggregate")
            })
        };
        assert!(
            says(&plan("2 days").await),
            "{}: {:#?}",
            rig.name,
            plan("2 days").await.notes
        );
        assert!(!says(&plan("9 days").await), "{}", rig.name);
    });
}

/// The critical finding on a retention policy, which the Overview also has.
async fn will_be_lost(rig: &Rig, of: &str, words: &[&str]) -> hypertop::screens::overview::Row {
    let row = found(rig, &rules::RETENTION_UNREAD, of, words).await;
    assert_eq!(row.finding.level, Level::Critical, "{}", rig.name);
    let told = triage::overview(rig).await;
    let same = |told: &&hypertop::screens::overview::Row| {
        told.of == of && told.finding.rule == &rules::RETENTION_UNREAD
    };
    assert_eq!(
        told.iter().filter(same).count(),
        1,
        "{}: {told:#?}",
        rig.name
    );
    row
}

/// True if the preview of an action on this job warns about lost rows.
async fn warns(rig: &Rig, action: &str, job: &str) -> bool {
    let approved = rig.plan(action, job, &[]).await.unwrap();
    let says = |note: &hypertop::model::plan::Note| {
        note.level == Level::Critical && note.text.contains("DATA LOSS: it drops rows that")
    };
    let says = approved.plan.notes.iter().any(says);
    assert!(
        !says || approved.plan.consent == hypertop::model::plan::Consent::Name,
        "{}",
        rig.name
    );
    says
}

#[test]
fn retention_that_will_drop_what_an_aggregate_has_not_read_is_critical_before_it_does() {
    triage::on_each("unread", HOURLY, async |rig, _| {
        refresh(
            rig,
            NAME,
            "now() - interval '20 days'",
            "now() - interval '9 days'",
        )
        .await;
        let refreshes = policy(rig, NAME, "interval '1 day'", "interval '1 hour'").await;
        let drops = rig.text(&format!("select add_retention_policy('{RAW}', interval '6 days', initial_start => now() + interval '30 minutes')")).await;
        found(
            rig,
            &rules::RETENTION_UNREAD,
            RAW,
            &["does not refresh that range in time"],
        )
        .await;
        rig.sql(&format!(
            "select alter_job({refreshes}, scheduled => false)"
        ))
        .await;
        let words = ["DATA LOSS in", NAME, "has not read", "is paused"];
        let row = will_be_lost(rig, RAW, &words).await;
        assert!(warns(rig, "run-job-now", &drops).await, "{}", rig.name);
        // A drop in many years can still be prevented.
        let start = |at: &str| format!("select alter_job({drops}, next_start => {at})");
        rig.sql(&start("now() + interval '73 years'")).await;
        let far = found(
            rig,
            &rules::RETENTION_UNREAD,
            RAW,
            &["DATA LOSS in over 10y"],
        )
        .await;
        assert_eq!(far.finding.level, Level::Notice, "{}", rig.name);
        rig.sql(&start("now() + interval '30 minutes'")).await;
        // A paused retention policy drops nothing; resuming it would.
        rig.sql(&format!("select alter_job({drops}, scheduled => false)"))
            .await;
        gone(rig, &rules::RETENTION_UNREAD, RAW).await;
        assert!(warns(rig, "resume-job", &drops).await, "{}", rig.name);
        let whole = format!("select sum(v) from {RAW} where ts < now() - interval '7 days'");
        let had = rig.text(&whole).await;
        fix(rig, &row, &[]).await;
        assert!(!warns(rig, "resume-job", &drops).await, "{}", rig.name);
        rig.act("resume-job", &drops, &[]).await;
        gone(rig, &rules::RETENTION_UNREAD, RAW).await;
        assert!(!warns(rig, "run-job-now", &drops).await, "{}", rig.name);
        rig.act("run-job-now", &drops, &[]).await;
        assert_eq!(
            rig.text(&whole).await,
            "",
            "{}: nothing was dropped",
            rig.name
        );
        let has = format!("select sum(s) from {NAME} where b < (select min(ts) from {RAW})");
        let (has, had) = (rig.text(&has).await, had.parse::<f64>().unwrap());
        assert!(
            has.parse::<f64>().unwrap() >= had,
            "{}: {has} of {had}",
            rig.name
        );
        gone(rig, &rules::RETENTION_UNREAD, RAW).await;
    });
}

#[test]
fn what_a_refresh_takes_in_before_the_retention_runs_is_not_lost() {
    triage::on_each("in_time", HOURLY, async |rig, version| {
        refresh(
            rig,
            NAME,
            "now() - interval '20 days'",
            "now() - interval '9 days'",
        )
        .await;
        let refreshes = policy(rig, NAME, "interval '20 days'", "interval '1 hour'").await;
        rig.sql(&format!("select add_retention_policy('{RAW}', interval '6 days', initial_start => now() + interval '30 minutes')")).await;
        gone(rig, &rules::RETENTION_UNREAD, RAW).await;
        // A failing refresh policy cannot be relied on.
        rig.sql(&format!("update _timescaledb_internal.bgw_job_stat set last_run_success = false where job_id = {refreshes}")).await;
        let row = will_be_lost(rig, RAW, &["fails"]).await;
        fix(rig, &row, &[]).await;
        gone(rig, &rules::RETENTION_UNREAD, RAW).await;
        // A changed range in chunks that will be dropped, and a range that an interrupted refresh left.
        rig.sql(&format!("insert into {RAW} select t, 7 from generate_series(now() - interval '9 days', now() - interval '8 days', interval '1 hour') t")).await;
        let row = will_be_lost(rig, RAW, &[NAME]).await;
        fix(rig, &row, &[]).await;
        gone(rig, &rules::RETENTION_UNREAD, RAW).await;
        if (Version::new(2, 22)..Version::new(2, 26)).contains(&version) {
            rig.sql("insert into _timescaledb_catalog.continuous_aggs_materialization_ranges select mat_hypertable_id, (extract(epoch from date_trunc('hour', now()) - interval '9 days') * 1000000)::int8, (extract(epoch from date_trunc('hour', now()) - interval '8 days') * 1000000)::int8 from _timescaledb_catalog.continuous_agg").await;
            let row = will_be_lost(rig, RAW, &[NAME]).await;
            fix(rig, &row, &[]).await;
            gone(rig, &rules::RETENTION_UNREAD, RAW).await;
        }
    });
}

#[test]
fn retention_of_a_parent_that_a_child_has_not_read_is_critical() {
    let source = format!(
        "{};\ncreate materialized view \"Me.s\".daily with (timescaledb.continuous, timescaledb.materialized_only = true) as select time_bucket('1 day', b) d, sum(s) s from {NAME} group by 1 with no data",
        HOURLY.replace("interval '10 days', now()", "interval '60 days', now()")
    );
    triage::on_each("parent", &source, async |rig, _| {
        refresh(
            rig,
            NAME,
            "now() - interval '70 days'",
            "now() - interval '1 hour'",
        )
        .await;
        rig.sql(&format!("select add_retention_policy('{NAME}', interval '20 days', initial_start => now() + interval '30 minutes')")).await;
        let daily = "\"Me.s\".daily";
        let row = will_be_lost(rig, NAME, &[daily, "has no refresh policy"]).await;
        fix(rig, &row, &[]).await;
        gone(rig, &rules::RETENTION_UNREAD, NAME).await;
        let had = format!(
            "select sum(v) from {RAW} where ts >= date_trunc('day', now()) - interval '59 days' and ts < date_trunc('day', now()) - interval '40 days'"
        );
        let has = format!(
            "select sum(s) from {daily} where d >= date_trunc('day', now()) - interval '59 days' and d < date_trunc('day', now()) - interval '40 days'"
        );
        assert_eq!(rig.text(&has).await, rig.text(&had).await, "{}", rig.name);
    });
}

#[test]
fn resuming_a_refresh_policy_offers_what_its_runs_would_leave_out() {
    triage::on_each("resumed", HOURLY, async |rig, _| {
        refresh(
            rig,
            NAME,
            "now() - interval '20 days'",
            "now() - interval '4 days'",
        )
        .await;
        let id = policy(rig, NAME, "interval '1 day'", "interval '1 hour'").await;
        rig.sql(&format!("select alter_job({id}, scheduled => false)"))
            .await;
        let approved = rig.plan("resume-job", &id, &[]).await.unwrap();
        let says = |note: &hypertop::model::plan::Note| {
            note.text.contains("rows of \"Me.s\".\"Raw") && note.text.contains("refresh-aggregate")
        };
        assert!(
            approved.plan.notes.iter().any(says),
            "{}: {:#?}",
            rig.name,
            approved.plan.notes
        );
        rig.act("resume-job", &id, &[("refresh_missing", "yes")])
            .await;
        assert_eq!(
            rig.text(&format!(
                "select scheduled from timescaledb_information.jobs where job_id = {id}"
            ))
            .await,
            "t",
            "{}",
            rig.name
        );
        rig.sql(&format!("call run_job({id})")).await;
        gone(rig, &rules::AGGREGATE_UNREACHED, NAME).await;
        assert_eq!(differ(rig, NAME, "1 hour").await, "0", "{}", rig.name);
    });
}
