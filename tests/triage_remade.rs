//! A late row re-creates a dropped chunk. A refresh of this range would compute the aggregate's buckets from the late row alone, so
//! previews warn, and no finding suggests the refresh as a fix.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::model::plan::Consent;
use hypertop::model::rules;
use hypertop::model::verdict::Level;
use support::act::Rig;
use support::triage::{self, fix, found, gone};

const NAME: &str = r#""Me.s"."Hour ""ly""""#;
const RAW: &str = r#""Me.s"."Raw ""x""""#;

/// Twelve days of rows in daily chunks, all materialized in an hourly aggregate, whose policy's `start_offset` is three
/// days.
const HOURLY: &str = r#"set client_min_messages = error; create schema "Me.s"; create table "Me.s"."Raw ""x""" (ts timestamptz not null, v float);
select create_hypertable('"Me.s"."Raw ""x"""', 'ts', chunk_time_interval => interval '1 day');
insert into "Me.s"."Raw ""x""" select t, 1 from generate_series(date_trunc('day', now()) - interval '12 days', now(), interval '10 minutes') t;
create materialized view "Me.s"."Hour ""ly""" with (timescaledb.continuous, timescaledb.materialized_only = true) as select time_bucket('1 hour', ts) b, sum(v) s from "Me.s"."Raw ""x""" group by 1 with no data;
call refresh_continuous_aggregate('"Me.s"."Hour ""ly"""', null, date_trunc('hour', now()));
select add_continuous_aggregate_policy('"Me.s"."Hour ""ly"""', interval '3 days', interval '1 hour', interval '1 hour', initial_start => now() + interval '20 minutes');
update _timescaledb_internal.bgw_job_stat set last_run_success = true, last_finish = now() - interval '5 minutes', last_start = now() - interval '5 minutes', total_successes = 1, total_runs = 1, total_duration = interval '1 second'"#;

/// The aggregate's sum for the day that began this many days ago.
async fn kept(rig: &Rig, ago: i32) -> String {
    rig.text(&format!("select coalesce(sum(s), 0) from {NAME} where b >= date_trunc('day', now()) - interval '{ago} days' and b < date_trunc('day', now()) - interval '{} days'", ago - 1)).await
}

async fn late(rig: &Rig, ago: i32) {
    rig.sql(&format!("insert into {RAW} values (date_trunc('day', now()) - interval '{ago} days' + interval '5 hours 10 minutes', 1000)")).await;
}

/// Checks that a refresh of that day is refused, and with consent says what it deletes.
async fn says_before(rig: &Rig, ago: i32) {
    let at = async |ago: i32| {
        rig.text(&format!("select to_char((date_trunc('day', now()) - interval '{ago} days') at time zone 'UTC', 'YYYY-MM-DD HH24:MI')")).await
    };
    let (from, to) = (at(ago).await, at(ago - 1).await);
    let mut set = vec![("from", from.as_str()), ("to", to.as_str())];
    let why = rig.plan("refresh-aggregate", NAME, &set).await.unwrap_err();
    assert!(
        why.contains("by a late row after the old chunk was dropped")
            && why.contains("override_data_loss"),
        "{}: {why}",
        rig.name
    );
    set.push(("override_data_loss", "yes"));
    let approved = rig.plan("refresh-aggregate", NAME, &set).await.unwrap();
    assert_eq!(approved.plan.consent, Consent::Name, "{}", rig.name);
    let says = |note: &hypertop::model::plan::Note| {
        note.level == Level::Critical && note.text.contains("DELETES DATA")
    };
    assert!(approved.plan.notes.iter().any(says), "{}", rig.name);
}

/// Runs all suggested fixes, and checks that these days are unchanged.
async fn takes_what_is_offered(rig: &Rig, days: &[i32]) {
    let said = triage::said(rig, &rules::AGGREGATE_UNREACHED, NAME).await;
    let offered = said
        .iter()
        .filter(|row| row.finding.rule == &rules::AGGREGATE_UNREACHED);
    for row in offered {
        fix(rig, row, &[]).await;
    }
    for ago in days {
        assert_eq!(kept(rig, *ago).await, "144", "{}: {ago}", rig.name);
    }
}

#[test]
fn a_late_row_in_a_chunk_that_was_dropped_is_no_gap_to_refresh() {
    triage::on_each("remade", HOURLY, async |rig, _| {
        rig.sql(&format!("select drop_chunks('{RAW}', interval '6 days')"))
            .await;
        gone(rig, &rules::AGGREGATE_REMADE, NAME).await;
        let had = kept(rig, 9).await;
        assert_eq!(had, "144", "{}", rig.name);
        late(rig, 9).await;
        let words = [
            "DATA LOSS by a refresh",
            "created after chunks of later ranges",
        ];
        let row = found(rig, &rules::AGGREGATE_REMADE, NAME, &words).await;
        assert_eq!(row.finding.fix, None, "{}", rig.name);
        gone(rig, &rules::AGGREGATE_UNREACHED, NAME).await;
        says_before(rig, 9).await;
        // A change in an original chunk has its fix as before, which refreshes exactly that range.
        late(rig, 5).await;
        let row = found(rig, &rules::AGGREGATE_UNREACHED, NAME, &[]).await;
        fix(rig, &row, &[]).await;
        gone(rig, &rules::AGGREGATE_UNREACHED, NAME).await;
        assert_eq!(kept(rig, 5).await, "1144", "{}", rig.name);
        // Other refreshes leave that range out, too, and resume-job warns about it.
        let id = rig.text("select job_id from timescaledb_information.jobs where proc_name like 'policy_refresh%'").await;
        rig.sql(&format!("select alter_job({id}, scheduled => false)"))
            .await;
        let approved = rig.plan("resume-job", &id, &[]).await.unwrap();
        let says =
            |note: &hypertop::model::plan::Note| note.text.contains("DATA LOSS by a refresh of");
        let notes = &approved.plan.notes;
        assert!(notes.iter().any(says), "{}: {notes:#?}", rig.name);
        let set = [("refresh_missing", "yes")];
        let why = rig.plan("resume-job", &id, &set).await.unwrap_err();
        assert!(why.contains("refresh_missing"), "{}: {why}", rig.name);
        rig.sql(&format!("select delete_job({id})")).await;
        let set = [
            ("start_offset", "2 days"),
            ("end_offset", "1 hour"),
            ("schedule_interval", "1 hour"),
            ("refresh_missing", "yes"),
        ];
        let approved = rig.plan("add-refresh-policy", NAME, &set).await.unwrap();
        let says = |note: &hypertop::model::plan::Note| {
            note.text
                .contains("some missing buckets can no longer be refreshed")
                && note
                    .text
                    .contains("by a late row after the old chunk was dropped")
        };
        let notes = &approved.plan.notes;
        assert!(notes.iter().any(says), "{}: {notes:#?}", rig.name);
        rig.act("add-refresh-policy", NAME, &set).await;
        assert_eq!(kept(rig, 9).await, had, "{}: rows are lost", rig.name);
    });
}

#[test]
fn a_chunk_made_again_amid_others_and_one_that_is_the_only_one_are_found_too() {
    triage::on_each("amid", HOURLY, async |rig, _| {
        rig.sql(&format!("select drop_chunks('{RAW}', older_than => date_trunc('day', now()) - interval '6 days', newer_than => date_trunc('day', now()) - interval '9 days')"))
            .await;
        for ago in [9, 8, 7] {
            late(rig, ago).await;
        }
        let row = found(rig, &rules::AGGREGATE_REMADE, NAME, &[]).await;
        assert_eq!(row.finding.fix, None, "{}", rig.name);
        says_before(rig, 8).await;
        takes_what_is_offered(rig, &[9, 8, 7]).await;
        // The result is the same if no other chunk is left.
        rig.sql(&format!(
            "select drop_chunks('{RAW}', newer_than => '2000-01-01'::timestamptz)"
        ))
        .await;
        late(rig, 8).await;
        found(rig, &rules::AGGREGATE_REMADE, NAME, &[]).await;
        says_before(rig, 8).await;
        takes_what_is_offered(rig, &[8]).await;
    });
}

/// Rows that were loaded and refreshed day by day, so that the materialization's one chunk is older than most source
/// chunks.
const DAILY: &str = r#"set client_min_messages = error; create schema "Me.s"; create table "Me.s"."Raw ""x""" (ts timestamptz not null, v float);
select create_hypertable('"Me.s"."Raw ""x"""', 'ts', chunk_time_interval => interval '1 day');
create materialized view "Me.s"."Hour ""ly""" with (timescaledb.continuous, timescaledb.materialized_only = true) as select time_bucket('1 hour', ts) b, sum(v) s from "Me.s"."Raw ""x""" group by 1 with no data;
select add_continuous_aggregate_policy('"Me.s"."Hour ""ly"""', interval '3 days', interval '1 hour', interval '1 hour', initial_start => now() + interval '20 minutes');
update _timescaledb_internal.bgw_job_stat set last_run_success = true, last_finish = now() - interval '5 minutes', last_start = now() - interval '5 minutes', total_successes = 1, total_runs = 1, total_duration = interval '1 second'"#;

async fn load(rig: &Rig, ago: i32) {
    rig.sql(&format!("insert into {RAW} select t, 1 from generate_series(date_trunc('day', now()) - interval '{ago} days', date_trunc('day', now()) - interval '{} days' - interval '1 second', interval '10 minutes') t", ago - 1)).await;
    rig.sql(&format!("call refresh_continuous_aggregate('{NAME}', null, date_trunc('day', now()) - interval '{} days')", ago - 1)).await;
}

#[test]
fn the_newest_chunk_of_all_is_found_where_it_was_made_again_and_not_where_it_was_always_there() {
    triage::on_each("alone", DAILY, async |rig, version| {
        for ago in (20..=29).rev() {
            load(rig, ago).await;
        }
        // DDL and compression change the same catalogue rows and files, but must not look like a re-created chunk.
        rig.sql(&format!("create index on {RAW} (v); alter table {RAW} add column w int; alter table {RAW} set (timescaledb.compress)")).await;
        rig.sql(&format!(
            "select compress_chunk(c), decompress_chunk(c) from show_chunks('{RAW}') c"
        ))
        .await;
        let newest = rig
            .text(&format!(
                "select c from show_chunks('{RAW}') c order by c desc limit 1"
            ))
            .await;
        rig.sql(&format!("vacuum full {newest}")).await;
        rig.sql(&format!("analyze {RAW}")).await;
        let keeps_when = version >= hypertop::model::version::Version::new(2, 13);
        late(rig, 20).await;
        if !keeps_when {
            // From 2.13 on there is a finding: by its recorded creation time this chunk looks re-created, because the test loaded it today.
            gone(rig, &rules::AGGREGATE_REMADE, NAME).await;
        }
        rig.sql(&format!(
            "select drop_chunks('{RAW}', newer_than => '2000-01-01'::timestamptz)"
        ))
        .await;
        late(rig, 20).await;
        found(rig, &rules::AGGREGATE_REMADE, NAME, &[]).await;
        says_before(rig, 20).await;
        takes_what_is_offered(rig, &[20]).await;
    });
}

#[test]
fn retention_that_drops_late_rows_in_a_chunk_made_again_offers_no_refresh_of_them() {
    triage::on_each("dropped", HOURLY, async |rig, _| {
        rig.sql(&format!("select drop_chunks('{RAW}', interval '6 days')"))
            .await;
        let drops = rig.text(&format!("select add_retention_policy('{RAW}', interval '6 days', initial_start => now() + interval '30 minutes')")).await;
        gone(rig, &rules::RETENTION_UNREAD, RAW).await;
        late(rig, 9).await;
        let words = ["DATA LOSS in", NAME, "created after chunks of later ranges"];
        let row = found(rig, &rules::RETENTION_UNREAD, RAW, &words).await;
        assert_eq!(row.finding.fix, None, "{}", rig.name);
        let approved = rig.plan("run-job-now", &drops, &[]).await.unwrap();
        let says = |note: &hypertop::model::plan::Note| {
            note.level == Level::Critical
                && note
                    .text
                    .contains("by a late row after the old chunk was dropped")
        };
        let notes = &approved.plan.notes;
        assert!(notes.iter().any(says), "{}: {notes:#?}", rig.name);
        assert_eq!(approved.plan.consent, Consent::Name, "{}", rig.name);
    });
}

#[test]
fn dropping_chunks_says_what_changed_there_and_was_not_taken_in() {
    triage::on_each("changed", HOURLY, async |rig, _| {
        let unread = async || {
            let set = [("drop_after", "6 days")];
            let plan = rig.plan("drop-chunks", RAW, &set).await.unwrap().plan;
            let says = |note: &&hypertop::model::plan::Note| {
                note.text.contains("has not read all of the dropped rows")
            };
            let said = plan.notes.iter().find(says);
            said.map(|note| note.text.clone())
        };
        assert_eq!(unread().await, None, "{}", rig.name);
        late(rig, 9).await;
        let said = unread().await.unwrap_or_default();
        assert!(
            said.contains("unless it is refreshed first"),
            "{}: {said}",
            rig.name
        );
        rig.sql(&format!("select drop_chunks('{RAW}', interval '6 days')"))
            .await;
        late(rig, 9).await;
        let said = unread().await.unwrap_or_default();
        assert!(
            said.contains("by a late row after the old chunk was dropped"),
            "{}: {said}",
            rig.name
        );
    });
}

#[test]
fn resuming_a_policy_whose_own_window_reaches_a_chunk_made_again_says_what_its_runs_delete() {
    triage::on_each("reached", HOURLY, async |rig, _| {
        rig.sql(&format!("select drop_chunks('{RAW}', interval '6 days')"))
            .await;
        late(rig, 9).await;
        let id = rig.text("select job_id from timescaledb_information.jobs where proc_name like 'policy_refresh%'").await;
        let warns = async |config: &str| {
            let alter = format!(
                "select alter_job({id}, scheduled => false, config => config || '{config}') from timescaledb_information.jobs where job_id = {id}"
            );
            rig.sql(&alter).await;
            let plan = rig.plan("resume-job", &id, &[]).await.unwrap().plan;
            let says = |note: &hypertop::model::plan::Note| {
                note.level == Level::Critical && note.text.contains("DATA LOSS: its runs refresh")
            };
            (plan.notes.iter().any(says), plan.consent == Consent::Name)
        };
        let config = |days: i32| format!(r#"{{"start_offset": "{days} days"}}"#);
        assert_eq!(warns(&config(3)).await, (false, false), "{}", rig.name);
        assert_eq!(warns(&config(11)).await, (true, true), "{}", rig.name);
    });
}
