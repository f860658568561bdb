//! On integer time "now" comes from a function. If a read may run this function, missed refreshes and early drops are found as on
//! timestamps. Otherwise the screens say that the time is unknown.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::model::rules;
use hypertop::model::verdict::Level;
use support::act::Rig;
use support::triage::{self, fix, found, gone};

const NAME: &str = "public.hundreds";
const RAW: &str = "public.raw";

/// Ten thousand units in chunks of a thousand, and buckets of a hundred; "now" is the newest row.
const UNITS: &str = "set client_min_messages = error; create table raw (t bigint not null, v float);
select create_hypertable('raw', 't', chunk_time_interval => 1000);
create function newest() returns bigint language sql stable as $$ select coalesce(max(t), 0) from public.raw $$;
select set_integer_now_func('raw', 'newest');
insert into raw select t, 1 from generate_series(0, 9999) t;
create materialized view hundreds with (timescaledb.continuous, timescaledb.materialized_only = true) as select time_bucket(100, t) b, sum(v) s from raw group by 1 with no data";

/// A policy that does not start during the test, as if it had run successfully before.
async fn policy(rig: &Rig, add: &str) -> String {
    let id = rig.text(add).await;
    rig.sql(&format!("update _timescaledb_internal.bgw_job_stat set last_run_success = true, last_finish = now() - interval '5 minutes', last_start = now() - interval '5 minutes', total_successes = 1, total_runs = 1, total_duration = interval '1 second' where job_id = {id}")).await;
    id
}

async fn refreshes(rig: &Rig, start: &str) -> String {
    policy(rig, &format!("select add_continuous_aggregate_policy('hundreds', {start}, 100::bigint, interval '1 hour', initial_start => now() + interval '20 minutes')")).await
}

async fn drops(rig: &Rig, setting: &str) -> String {
    policy(rig, &format!("select add_retention_policy('raw', {setting}, initial_start => now() + interval '30 minutes')")).await
}

/// Number of buckets in the first nine thousand units that differ from a query of the source.
async fn differ(rig: &Rig) -> String {
    let is = "select b, s from hundreds where b < 9000";
    let is_to_be = "select time_bucket(100, t), sum(v) from raw where t < 9000 group by 1";
    rig.text(&format!(
        "select count(*) from (({is} except {is_to_be}) union all ({is_to_be} except {is})) d"
    ))
    .await
}

#[test]
fn rows_below_the_window_on_integer_time_are_found_and_brought_in() {
    triage::on_each("units", UNITS, async |rig, _| {
        rig.sql("call refresh_continuous_aggregate('hundreds', null, 9900)")
            .await;
        let id = refreshes(rig, "2000::bigint").await;
        gone(rig, &rules::AGGREGATE_UNREACHED, NAME).await;
        rig.sql("insert into raw select t, 7 from generate_series(3000, 3999) t")
            .await;
        let words = [
            RAW,
            "from 3000 to 4000",
            "every refresh window begins later (start_offset",
        ];
        let row = found(rig, &rules::AGGREGATE_UNREACHED, NAME, &words).await;
        assert_eq!(row.finding.level, Level::Warning, "{}", rig.name);
        // The preview of resume-job names these rows, too.
        rig.sql(&format!("select alter_job({id}, scheduled => false)"))
            .await;
        let approved = rig.plan("resume-job", &id, &[]).await.unwrap();
        let says = |note: &hypertop::model::plan::Note| {
            note.text.contains("rows of public.raw from 3000 to ")
        };
        assert!(
            approved.plan.notes.iter().any(says),
            "{}: {:#?}",
            rig.name,
            approved.plan.notes
        );
        fix(rig, &row, &[]).await;
        gone(rig, &rules::AGGREGATE_UNREACHED, NAME).await;
        assert_eq!(differ(rig).await, "0", "{}", rig.name);
        // The next run will refresh rows inside the window.
        rig.sql("insert into raw select t, 7 from generate_series(8500, 8599) t")
            .await;
        gone(rig, &rules::AGGREGATE_UNREACHED, NAME).await;
    });
}

#[test]
fn retention_on_integer_time_that_drops_what_is_not_read_is_critical_before() {
    triage::on_each("units_drop", UNITS, async |rig, _| {
        rig.sql("call refresh_continuous_aggregate('hundreds', null, 1000)")
            .await;
        let refresh = refreshes(rig, "2000::bigint").await;
        let id = drops(rig, "6000::bigint").await;
        let words = [
            "DATA LOSS in",
            NAME,
            "1000 to 3000",
            "does not refresh that range in time",
        ];
        let row = found(rig, &rules::RETENTION_UNREAD, RAW, &words).await;
        assert_eq!(row.finding.level, Level::Critical, "{}", rig.name);
        let warns = async || {
            let approved = rig.plan("run-job-now", &id, &[]).await.unwrap();
            let says = |note: &hypertop::model::plan::Note| {
                note.text.contains(
                    "DATA LOSS: it drops rows that public.hundreds has not read, 1000 to 3000",
                )
            };
            approved.plan.notes.iter().any(says)
        };
        assert!(warns().await, "{}", rig.name);
        fix(rig, &row, &[]).await;
        gone(rig, &rules::RETENTION_UNREAD, RAW).await;
        assert!(!warns().await, "{}", rig.name);
        // If a refresh policy will read the rows before the drop, there is no finding.
        rig.sql("insert into raw values (2500, 7)").await;
        found(rig, &rules::RETENTION_UNREAD, RAW, &[]).await;
        rig.sql(&format!("select delete_job({refresh})")).await;
        refreshes(rig, "9000::bigint").await;
        gone(rig, &rules::RETENTION_UNREAD, RAW).await;
    });
}
