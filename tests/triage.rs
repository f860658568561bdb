//! Triage of aggregates on real servers: each problem is created, found by its rule, and fixed by the suggested action. Then the finding is
//! gone.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::time::{Duration, Instant};

use hypertop::model::rules;
use hypertop::model::rules::Rule;
use hypertop::model::screen_id::ScreenId;
use hypertop::model::target::Target as Thing;
use hypertop::model::verdict::{Finding, Level};
use hypertop::model::version::Version;
use hypertop::screens::aggregates::Newest;
use hypertop::screens::later::Later;
use hypertop::screens::record::Record;
use support::act::Rig;
use support::agree::agrees;
use support::console::Console;
use support::{client, triage};

/// A hypertable with rows of ten days, an hourly aggregate, and a daily aggregate on the hourly one.
const SOURCE: &str = r#"
set client_min_messages = error;
create schema "Me.s"; create table "Me.s"."Raw ""x""" (ts timestamptz not null, v float);
select create_hypertable('"Me.s"."Raw ""x"""', 'ts', chunk_time_interval => interval '1 day');
insert into "Me.s"."Raw ""x""" select t, 1 from generate_series(now() - interval '10 days', now(), interval '10 minutes') t;
create materialized view "Me.s".hourly with (timescaledb.continuous, timescaledb.materialized_only = true) as select time_bucket('1 hour', ts) b, sum(v) s from "Me.s"."Raw ""x""" group by 1 with no data;
create materialized view "Me.s".daily with (timescaledb.continuous, timescaledb.materialized_only = true) as select time_bucket('1 day', b) d, sum(s) s from "Me.s".hourly group by 1 with no data"#;

/// The findings of one aggregate.
async fn findings(rig: &Rig, name: &str) -> Vec<Finding> {
    let (screens, at) = triage::look(rig, &[ScreenId::Aggregates]).await;
    let row = screens
        .aggregates
        .rows()
        .iter()
        .find(|row| row.name == name);
    row.unwrap().verdict(&at).findings
}

/// The finding of this rule, whose reason must contain all these words.
async fn found(rig: &Rig, name: &str, rule: &'static Rule, words: &[&str]) -> Finding {
    let findings = findings(rig, name).await;
    let found = findings.iter().find(|finding| finding.rule == rule);
    let found =
        found.unwrap_or_else(|| panic!("{}: {name}: no {}: {findings:#?}", rig.name, rule.name));
    for word in words {
        assert!(
            found.reason.contains(word),
            "{}: {word}: {}",
            rig.name,
            found.reason
        );
    }
    Box::pin(agrees(rig, found)).await;
    found.clone()
}

async fn gone(rig: &Rig, name: &str, rule: &'static Rule) {
    let findings = findings(rig, name).await;
    let found = findings.iter().find(|finding| finding.rule == rule);
    assert!(found.is_none(), "{}: {name}: {found:#?}", rig.name);
}

/// Runs the action that the finding suggests, on the finding's target, or on the aggregate if the finding has none.
async fn fix(rig: &Rig, finding: &Finding, name: &str, set: &[(&str, &str)]) {
    let own = format!("\"Me.s\".{name}");
    let on = finding
        .on
        .as_ref()
        .map_or(own, |on: &Thing| on.name.clone());
    let action = finding.fix.unwrap_or_else(|| panic!("{finding:?}"));
    let mut all: Vec<_> = finding
        .sets
        .iter()
        .map(|(field, value)| (field.as_str(), value.as_str()))
        .collect();
    all.extend(set);
    rig.act(action, &on, &all).await;
}

/// Runs a test in a new database of each version with [`SOURCE`].
fn on_each(name: &str, test: impl AsyncFn(&Rig, Version)) {
    triage::on_each(name, SOURCE, test);
}

/// A policy that does not start during the test.
async fn policy(rig: &Rig, name: &str, start: &str, end: &str, every: &str) {
    rig.sql(&format!(
        "select add_continuous_aggregate_policy('\"Me.s\".{name}', {start}, {end}, interval '{every}', initial_start => now() + interval '20 minutes')"
    ))
    .await;
    // As if the policy had run successfully before.
    rig.sql("update _timescaledb_internal.bgw_job_stat set last_run_success = true, last_finish = now() - interval '5 minutes', last_start = now() - interval '5 minutes', total_successes = 1, total_runs = 1 where job_id >= 1000").await;
}

async fn refresh(rig: &Rig, name: &str, from: &str, to: &str) {
    let window = rig
        .text(&format!(
            "select format('%L::timestamptz, %L::timestamptz', {from}, {to})"
        ))
        .await;
    rig.sql(&format!(
        "call refresh_continuous_aggregate('\"Me.s\".{name}', {window})"
    ))
    .await;
}

#[test]
fn history_that_was_never_materialized_is_found_and_refreshed() {
    on_each("history", async |rig, _| {
        policy(
            rig,
            "hourly",
            "interval '3 days'",
            "interval '1 hour'",
            "1 hour",
        )
        .await;
        refresh(
            rig,
            "hourly",
            "now() - interval '3 days'",
            "now() - interval '1 hour'",
        )
        .await;
        let finding = found(
            rig,
            "hourly",
            &rules::AGGREGATE_HISTORY,
            &["history before", "never materialized", "\"Me.s\".\"Raw"],
        )
        .await;
        assert_eq!(finding.level, Level::Notice);
        fix(rig, &finding, "hourly", &[]).await;
        assert_eq!(findings(rig, "hourly").await, [], "{}", rig.name);
    });
}

#[test]
fn changes_that_no_policy_goes_back_to_are_found_and_refreshed() {
    on_each("unreached", async |rig, _| {
        policy(
            rig,
            "hourly",
            "interval '3 days'",
            "interval '1 hour'",
            "1 hour",
        )
        .await;
        refresh(
            rig,
            "hourly",
            "now() - interval '11 days'",
            "now() - interval '1 hour'",
        )
        .await;
        assert_eq!(findings(rig, "hourly").await, [], "{}", rig.name);
        rig.sql("insert into \"Me.s\".\"Raw \"\"x\"\"\" values (now() - interval '6 days', 5)")
            .await;
        // This is what a run of the policy does: it moves the change to the aggregate's log, but does not refresh it.
        refresh(
            rig,
            "hourly",
            "now() - interval '3 days'",
            "now() - interval '1 hour'",
        )
        .await;
        let finding = found(
            rig,
            "hourly",
            &rules::AGGREGATE_UNREACHED,
            &["changed range", "start_offset 3d", "old or missing"],
        )
        .await;
        fix(rig, &finding, "hourly", &[]).await;
        assert_eq!(findings(rig, "hourly").await, [], "{}", rig.name);
    });
}

#[test]
fn a_window_narrower_than_its_schedule_is_found_and_widened() {
    on_each("narrow", async |rig, _| {
        refresh(
            rig,
            "hourly",
            "now() - interval '11 days'",
            "now() - interval '1 hour'",
        )
        .await;
        policy(
            rig,
            "hourly",
            "interval '4 hours'",
            "interval '1 hour'",
            "1 day",
        )
        .await;
        let finding = found(
            rig,
            "hourly",
            &rules::AGGREGATE_WINDOW,
            &["window of 3h", "schedule interval of 1d", "never refreshed"],
        )
        .await;
        fix(rig, &finding, "hourly", &[("start_offset", "2 days")]).await;
        assert_eq!(findings(rig, "hourly").await, [], "{}", rig.name);
    });
}

#[test]
fn a_refresh_that_waits_for_a_lock_names_who_holds_it_and_ending_that_session_fixes() {
    on_each("blocked", async |rig, _| {
        refresh(
            rig,
            "hourly",
            "now() - interval '11 days'",
            "now() - interval '8 hours'",
        )
        .await;
        policy(
            rig,
            "hourly",
            "interval '3 days'",
            "interval '1 hour'",
            "1 hour",
        )
        .await;
        let holder = client(&rig.conninfo).await;
        holder
            .batch_execute("set application_name = 'nightly load'; begin; lock table \"Me.s\".\"Raw \"\"x\"\"\" in access exclusive mode")
            .await
            .unwrap();
        let pid: i32 = holder
            .query_one("select pg_backend_pid()", &[])
            .await
            .unwrap()
            .get(0);
        rig.sql("select alter_job(job_id, next_start => now()) from timescaledb_information.jobs where proc_name = 'policy_refresh_continuous_aggregate'").await;
        let begun = Instant::now();
        while rig
            .text("select count(*) from pg_locks where not granted")
            .await
            == "0"
        {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "{}: no refresh waits",
                rig.name
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        // The newest row of a locked source cannot be read; the lag was known before.
        let (screens, at) = triage::look(rig, &[ScreenId::Aggregates]).await;
        let row = screens
            .aggregates
            .rows()
            .iter()
            .find(|row| row.name == "hourly")
            .unwrap();
        let blocked = row
            .blocked
            .as_ref()
            .unwrap_or_else(|| panic!("{}: {row:#?}", rig.name));
        assert_eq!(blocked.blocker, Some(pid), "{}", rig.name);
        assert_eq!(
            blocked.blocker_name.as_deref(),
            Some("nightly load"),
            "{}",
            rig.name
        );
        let mut seen = row.clone();
        seen.newest = Later::Read(Newest {
            row: row.source_end,
            end: row.source_end,
            unknown: None,
        });
        let verdict = seen.verdict(&at);
        let finding = verdict
            .findings
            .iter()
            .find(|finding| finding.rule == &rules::AGGREGATE_BEHIND)
            .unwrap_or_else(|| panic!("{}: {} {seen:?}", rig.name, verdict.reason));
        for word in [
            "behind (expected",
            "has waited",
            "lock on \"Me.s\".\"Raw",
            &format!("session {pid} (nightly load)"),
        ] {
            assert!(
                finding.reason.contains(word),
                "{}: {word}: {}",
                rig.name,
                finding.reason
            );
        }
        assert_eq!(finding.fix, Some("terminate-session"));
        fix(rig, finding, "hourly", &[]).await;
        let begun = Instant::now();
        while !findings(rig, "hourly").await.is_empty() {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "{}: {:#?}",
                rig.name,
                findings(rig, "hourly").await
            );
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    });
}

#[test]
fn a_child_says_which_ancestor_is_behind_and_offers_that_ones_fix() {
    on_each("inherits", async |rig, _| {
        refresh(
            rig,
            "hourly",
            "now() - interval '11 days'",
            "now() - interval '3 days'",
        )
        .await;
        refresh(
            rig,
            "daily",
            "now() - interval '12 days'",
            "now() - interval '4 days'",
        )
        .await;
        policy(
            rig,
            "hourly",
            "interval '9 days'",
            "interval '1 hour'",
            "1 hour",
        )
        .await;
        rig.sql("select alter_job(job_id, scheduled => false) from timescaledb_information.jobs where proc_name = 'policy_refresh_continuous_aggregate'").await;
        policy(
            rig,
            "daily",
            "interval '9 days'",
            "interval '1 day'",
            "1 day",
        )
        .await;
        let finding = found(
            rig,
            "daily",
            &rules::AGGREGATE_PARENT,
            &[
                "inherits the lag of \"Me.s\".hourly",
                "behind (expected",
                "paused",
            ],
        )
        .await;
        assert_eq!(finding.fix, Some("resume-job"), "{}", rig.name);
        fix(rig, &finding, "daily", &[]).await;
        let begun = Instant::now();
        while !findings(rig, "hourly").await.is_empty() {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "{}: {:#?}",
                rig.name,
                findings(rig, "hourly").await
            );
            let run = "select alter_job(job_id, next_start => now()) from timescaledb_information.job_stats where job_id in (select min(job_id) from timescaledb_information.jobs where proc_name = 'policy_refresh_continuous_aggregate') and last_run_status is not null and next_start > now() + interval '1 minute' and last_run_started_at < now() - interval '4 minutes'";
            rig.sql(run).await;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        gone(rig, "daily", &rules::AGGREGATE_PARENT).await;
        let (screens, _) = triage::look(rig, &[ScreenId::Aggregates]).await;
        let shown: Vec<_> = screens
            .aggregates
            .rows()
            .iter()
            .map(|row| (row.name.as_str(), row.depth))
            .collect();
        assert_eq!(shown, [("hourly", 1), ("daily", 2)], "{}", rig.name);
    });
}

#[test]
fn the_key_m_on_a_child_resumes_its_parents_policy_from_its_screen_and_from_the_overview() {
    on_each("key_m", async |rig, _| {
        let window = ["now() - interval '12 days'", "now() - interval '4 days'"];
        refresh(rig, "hourly", window[0], window[1]).await;
        refresh(rig, "daily", window[0], window[1]).await;
        let (start, end) = ("interval '9 days'", "interval '1 hour'");
        policy(rig, "hourly", start, end, "1 hour").await;
        policy(rig, "daily", start, "interval '1 day'", "1 day").await;
        let parents = "select min(id)::text from _timescaledb_config.bgw_job where proc_name = 'policy_refresh_continuous_aggregate'";
        let job = rig.text(parents).await;
        let pause =
            format!("update _timescaledb_config.bgw_job set scheduled = false where id = {job}");
        let scheduled = format!(
            "select string_agg(scheduled::text, ' ' order by id) from _timescaledb_config.bgw_job where id >= {job}"
        );
        let home = rig.state_home().to_str().unwrap();
        let vars = [("XDG_CONFIG_HOME", home), ("XDG_STATE_HOME", home)];
        for (screen, keys) in [
            // The child is below its parent.
            ("aggregates", ["G", ""]),
            // Selects the finding that the child inherits.
            ("overview", ["/", "inherits\r"]),
        ] {
            rig.sql(&pause).await;
            assert_eq!(rig.text(&scheduled).await, "false true", "{}", rig.name);
            let args = ["--screen", screen, &rig.conninfo];
            let mut console = Console::open_in(&args, &vars, 140, 40);
            console.wait_for("\"Me.s\".daily");
            for keys in keys {
                console.press(keys);
                std::thread::sleep(Duration::from_millis(300));
            }
            console.wait_for("inherits the lag of \"Me.s\".hourly");
            console.press("m");
            let shown = console.wait_for("runs it");
            assert!(
                shown.contains(&format!("job {job}")),
                "{}: {shown}",
                rig.name
            );
            assert!(shown.contains("\"Me.s\".hourly"), "{}: {shown}", rig.name);
            console.press("\r");
            console.wait_for("Done");
            assert_eq!(rig.text(&scheduled).await, "true true", "{}", rig.name);
            // Two quick keys after Esc would be read as one.
            console.press("\u{1b}");
            std::thread::sleep(Duration::from_millis(200));
            console.press("q");
            assert_eq!(console.ended(), 0, "{}", rig.name);
        }
    });
}

#[test]
fn an_aggregate_that_retention_starves_is_found_and_fixed_by_keeping_its_source() {
    on_each("starved", async |rig, _| {
        refresh(
            rig,
            "hourly",
            "now() - interval '11 days'",
            "now() - interval '2 days'",
        )
        .await;
        policy(
            rig,
            "hourly",
            "interval '4 days'",
            "interval '2 days'",
            "1 hour",
        )
        .await;
        rig.sql("begin; select alter_job(add_retention_policy('\"Me.s\".\"Raw \"\"x\"\"\"', interval '36 hours'), next_start => now() + interval '1 hour'); commit").await;
        let finding = found(
            rig,
            "hourly",
            &rules::AGGREGATE_STARVED,
            &[
                "keeps rows for 36h",
                "after 2d (end_offset)",
                "already dropped",
            ],
        )
        .await;
        assert_eq!(finding.level, Level::Critical);
        gone(rig, "hourly", &rules::AGGREGATE_WIPE).await;
        fix(rig, &finding, "hourly", &[("drop_after", "30 days")]).await;
        assert_eq!(findings(rig, "hourly").await, [], "{}", rig.name);
    });
}

#[test]
fn an_aggregate_compressed_where_it_is_refreshed_is_found_and_fixed() {
    on_each("squeezed", async |rig, _| {
        refresh(
            rig,
            "hourly",
            "now() - interval '11 days'",
            "now() - interval '1 hour'",
        )
        .await;
        policy(
            rig,
            "hourly",
            "interval '30 days'",
            "interval '1 hour'",
            "1 hour",
        )
        .await;
        rig.sql("alter materialized view \"Me.s\".hourly set (timescaledb.compress = true)")
            .await;
        // Some versions refuse such a policy, but accept a changed configuration.
        rig.sql("begin; select alter_job(j, next_start => now() + interval '1 hour', config => jsonb_set(b.config, '{compress_after}', '\"20 days\"')) from (select add_compression_policy('\"Me.s\".hourly', interval '40 days') j) x join _timescaledb_config.bgw_job b on b.id = j; commit").await;
        rig.sql("update _timescaledb_config.bgw_job set config = jsonb_set(config, '{compress_after}', '\"20 days\"') where proc_name = 'policy_compression'").await;
        let finding = found(
            rig,
            "hourly",
            &rules::AGGREGATE_COMPRESSED,
            &["compressed after 20d", "the last 30d"],
        )
        .await;
        fix(rig, &finding, "hourly", &[]).await;
        assert_eq!(findings(rig, "hourly").await, [], "{}", rig.name);
    });
}

#[test]
fn what_a_cancelled_refresh_leaves_behind_is_found_and_fixed() {
    on_each("cancelled", async |rig, version| {
        refresh(
            rig,
            "hourly",
            "now() - interval '11 days'",
            "now() - interval '1 hour'",
        )
        .await;
        rig.sql("insert into \"Me.s\".\"Raw \"\"x\"\"\" values (now() - interval '6 hours', 5)")
            .await;
        let holder = client(&rig.conninfo).await;
        holder
            .batch_execute("begin; lock table \"Me.s\".\"Raw \"\"x\"\"\" in access exclusive mode")
            .await
            .unwrap();
        let impatient = client(&rig.conninfo).await;
        impatient
            .batch_execute("set statement_timeout = '1s'; set application_name = 'psql'")
            .await
            .unwrap();
        let window = rig.text("select format('%L::timestamptz, %L::timestamptz', now() - interval '2 days', now() - interval '1 hour')").await;
        let refused = impatient
            .batch_execute(&format!(
                "call refresh_continuous_aggregate('\"Me.s\".hourly', {window})"
            ))
            .await;
        refused.unwrap_err();
        holder.batch_execute("rollback").await.unwrap();
        if version >= Version::new(2, 26) {
            // 2.28.3 removes its own entry, but 2.26.4 and 2.29.2 do not; here it is inserted by hand.
            let pid = impatient
                .query_one("select pg_backend_pid()", &[])
                .await
                .unwrap()
                .get::<_, i32>(0);
            rig.sql(&format!("insert into _timescaledb_catalog.continuous_aggs_jobs_refresh_ranges
                select mat_hypertable_id, extract(epoch from now() - interval '2 days')::int8 * 1000000, extract(epoch from now())::int8 * 1000000, {pid}, 0, now()
                from _timescaledb_catalog.continuous_agg where user_view_name = 'hourly' and not exists (
                  select from _timescaledb_catalog.continuous_aggs_jobs_refresh_ranges where pid = {pid})")).await;
            let finding = found(
                rig,
                "hourly",
                &rules::AGGREGATE_STUCK,
                &["cancelled in session", "55P03"],
            )
            .await;
            fix(rig, &finding, "hourly", &[]).await;
        }
        drop(impatient);
        gone(rig, "hourly", &rules::AGGREGATE_STUCK).await;
        let left = findings(rig, "hourly").await;
        if let Some(finding) = left
            .iter()
            .find(|finding| finding.rule == &rules::AGGREGATE_INTERRUPTED)
        {
            fix(rig, finding, "hourly", &[]).await;
        }
        gone(rig, "hourly", &rules::AGGREGATE_INTERRUPTED).await;
    });
}

#[test]
fn a_refresh_that_was_cancelled_hides_neither_the_lag_nor_what_dropping_would_lose() {
    on_each("begun", async |rig, _| {
        let to = "now() - interval '8 days'";
        refresh(rig, "hourly", "now() - interval '11 days'", to).await;
        let (start, end) = ("interval '9 days'", "interval '1 hour'");
        policy(rig, "hourly", start, end, "1 hour").await;
        let reached = rig.text("select to_char((now() - interval '8 days') at time zone 'UTC', 'YYYY-MM-DD HH24:00')").await;
        let unread =
            format!("has not read all of the dropped rows: the rows between {reached} UTC and");
        let plan = async || {
            let set = [("drop_after", "2 days")];
            let approved = rig
                .plan("drop-chunks", "\"Me.s\".\"Raw \"\"x\"\"\"", &set)
                .await;
            format!("{:?}", approved.unwrap().plan.notes)
        };
        found(rig, "hourly", &rules::AGGREGATE_BEHIND, &["8d behind"]).await;
        let said = plan().await;
        assert!(said.contains(&unread), "{}: {unread}: {said}", rig.name);
        let holder = client(&rig.conninfo).await;
        let lock = "begin; lock table \"Me.s\".\"Raw \"\"x\"\"\" in access exclusive mode";
        holder.batch_execute(lock).await.unwrap();
        let impatient = client(&rig.conninfo).await;
        impatient
            .batch_execute("set statement_timeout = '1s'")
            .await
            .unwrap();
        let window = "select format('%L::timestamptz, %L::timestamptz', now() - interval '9 days', now() - interval '1 hour')";
        let window = rig.text(window).await;
        let call = format!("call refresh_continuous_aggregate('\"Me.s\".hourly', {window})");
        impatient.batch_execute(&call).await.unwrap_err();
        holder.batch_execute("rollback").await.unwrap();
        // The range stays blocked while the session exists. After that it is an unread change.
        for _ in 0..2 {
            found(rig, "hourly", &rules::AGGREGATE_BEHIND, &["8d behind"]).await;
            let said = plan().await;
            assert!(said.contains(&unread), "{}: {unread}: {said}", rig.name);
            let kill = "select pg_terminate_backend(pid) from pg_stat_activity where query like 'call refresh%' and datname = current_database()";
            rig.sql(kill).await;
        }
        drop(impatient);
        rig.act("refresh-behind", "\"Me.s\".hourly", &[]).await;
        gone(rig, "hourly", &rules::AGGREGATE_BEHIND).await;
        let said = plan().await;
        assert!(!said.contains("has not read all"), "{}: {said}", rig.name);
    });
}

async fn of_compression(rig: &Rig) -> Vec<Finding> {
    let (screens, at) = triage::look(rig, &[ScreenId::Compression]).await;
    let row = screens.compression.rows().iter().find(|row| !row.aggregate);
    row.unwrap().verdict(&at).findings
}

#[test]
fn a_table_that_is_dropped_before_it_is_compressed_is_found_and_fixed() {
    on_each("pointless", async |rig, _| {
        rig.sql("alter table \"Me.s\".\"Raw \"\"x\"\"\" set (timescaledb.compress); select compress_chunk(c, true) from show_chunks('\"Me.s\".\"Raw \"\"x\"\"\"', older_than => interval '2 days') c").await;
        rig.sql("begin; select alter_job(add_retention_policy('\"Me.s\".\"Raw \"\"x\"\"\"', interval '30 days'), next_start => now() + interval '1 hour'), alter_job(add_compression_policy('\"Me.s\".\"Raw \"\"x\"\"\"', interval '30 days'), next_start => now() + interval '1 hour'); commit").await;
        let all = of_compression(rig).await;
        let finding = all
            .iter()
            .find(|finding| finding.rule == &rules::COMPRESSION_POINTLESS);
        let finding = finding.unwrap_or_else(|| panic!("{}: {all:?}", rig.name));
        assert!(
            finding.reason.contains("compresses after 30d")
                && finding.reason.contains("drops after 30d"),
            "{}",
            finding.reason
        );
        rig.act(
            finding.fix.unwrap(),
            "\"Me.s\".\"Raw \"\"x\"\"\"",
            &[("compress_after", "3 days")],
        )
        .await;
        let all = of_compression(rig).await;
        assert!(
            all.iter()
                .all(|finding| finding.rule != &rules::COMPRESSION_POINTLESS),
            "{}: {all:?}",
            rig.name
        );
    });
}

#[test]
fn a_poor_ratio_names_the_rows_of_a_batch() {
    on_each("poor", async |rig, _| {
        rig.sql(
            "create table wide (ts timestamptz not null, d int, t text);
             select create_hypertable('wide', 'ts', chunk_time_interval => interval '10 days');
             insert into wide select t, row_number() over (), md5(random()::text) from generate_series('2026-01-02'::timestamptz, '2026-01-04', interval '4 seconds') t;
             alter table wide set (timescaledb.compress, timescaledb.compress_segmentby = 'd');
             select compress_chunk(c) from show_chunks('wide') c",
        )
        .await;
        let words = ["segmentby d is too fine", ": 1 rows per batch"];
        triage::found(rig, &rules::COMPRESSION_RATIO, "public.wide", &words).await;
    });
}

#[test]
fn a_policy_whose_hypertable_is_gone_is_found_and_deleted() {
    on_each("orphan", async |rig, _| {
        rig.sql("begin; select alter_job(add_retention_policy('\"Me.s\".\"Raw \"\"x\"\"\"', interval '30 days'), next_start => now() + interval '1 hour'); commit").await;
        let orphans = async || {
            let (screens, at) = triage::look(rig, &[ScreenId::Jobs]).await;
            let rows = screens.jobs.rows().iter();
            let of = |row: &hypertop::screens::jobs::Row| {
                let findings = row.verdict(&at).findings;
                let orphan = findings
                    .into_iter()
                    .find(|finding| finding.rule == &rules::JOB_ORPHANED);
                orphan.map(|finding| (row.job_id, finding))
            };
            rows.filter_map(of).collect::<Vec<_>>()
        };
        assert_eq!(orphans().await, [], "{}", rig.name);
        rig.sql("update _timescaledb_config.bgw_job set config = jsonb_set(config, '{hypertable_id}', '9999') where proc_name = 'policy_retention'").await;
        let found = orphans().await;
        let [(job, finding)] = found.as_slice() else {
            panic!("{}: {found:?}", rig.name)
        };
        assert_eq!(finding.level, Level::Critical);
        rig.act(finding.fix.unwrap(), &job.to_string(), &[]).await;
        assert_eq!(orphans().await, [], "{}", rig.name);
    });
}

#[test]
fn what_was_dropped_is_neither_the_oldest_chunk_nor_a_change_that_waits() {
    on_each("dropped", async |rig, _| {
        policy(
            rig,
            "hourly",
            "interval '3 days'",
            "interval '1 hour'",
            "1 hour",
        )
        .await;
        let (end, recent) = ("now() - interval '1 hour'", "now() - interval '3 days'");
        // Not next to the first chunk: TimescaleDB 2.11 would join the dropped range with the time before it, which was never refreshed.
        refresh(rig, "hourly", "now() - interval '12 days'", end).await;
        rig.sql(
            "select drop_chunks('\"Me.s\".\"Raw \"\"x\"\"\"', older_than => interval '5 days')",
        )
        .await;
        // This is what a run of the policy does: it moves the dropped range to the aggregate's log, but does not
        // refresh it.
        refresh(rig, "hourly", recent, end).await;
        assert_eq!(findings(rig, "hourly").await, [], "{}", rig.name);
        let documented = rig.text("select (extract(epoch from min(range_start)) * 1000000)::int8 from timescaledb_information.chunks where hypertable_schema = 'Me.s' and hypertable_name like 'Raw%'").await;
        let shown = [ScreenId::Retention, ScreenId::Hypertables];
        let (screens, _) = triage::look(rig, &shown).await;
        let retention = screens.retention.rows().iter();
        let oldest = retention
            .filter(|row| row.name.starts_with("Raw"))
            .map(|row| row.oldest.map(|oldest| oldest.raw));
        let hypertables = screens.hypertables.rows().iter();
        let all = oldest.chain(
            hypertables
                .filter(|row| row.name.starts_with("Raw"))
                .map(|row| row.oldest),
        );
        let all: Vec<_> = all.flatten().map(|raw| raw.to_string()).collect();
        assert_eq!(all, [documented.as_str(), &documented], "{}", rig.name);
    });
}
