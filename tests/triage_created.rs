//! Retention by creation time drops chunks whatever their time range. If an aggregate has not read their rows, there is a critical finding
//! before the drop.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::model::rules;
use hypertop::model::verdict::Level;
use hypertop::model::version::Version;
use support::triage::{self, fix, found, gone};

const NAME: &str = "public.hourly";
const RAW: &str = "public.raw";

/// Twelve days of rows in daily chunks, all materialized in an hourly aggregate.
const HOURLY: &str = "set client_min_messages = error; create table raw (ts timestamptz not null, v float);
select create_hypertable('raw', 'ts', chunk_time_interval => interval '1 day');
insert into raw select t, 1 from generate_series(date_trunc('day', now()) - interval '12 days', now(), interval '10 minutes') t;
create materialized view hourly with (timescaledb.continuous, timescaledb.materialized_only = true) as select time_bucket('1 hour', ts) b, sum(v) s from raw group by 1 with no data;
call refresh_continuous_aggregate('hourly', null, date_trunc('hour', now()))";

fn days(ago: i32) -> String {
    format!("date_trunc('day', now()) - interval '{ago} days'")
}

#[test]
fn what_a_policy_by_creation_drops_unread_is_critical_before_and_only_that() {
    triage::on_each("created", HOURLY, async |rig, version| {
        if version < Version::new(2, 13) {
            // This version does not record the creation time of chunks.
            return;
        }
        let old = [(12, 10), (5, 4)]
            .map(|(from, to)| format!("i.start >= {} and i.start < {}", days(from), days(to)))
            .join(" or ");
        rig.sql(&format!(
            "update _timescaledb_catalog.chunk c set creation_time = now() - interval '40 days'
               from (select format('%I.%I', chunk_schema, chunk_name)::regclass as chunk, range_start as start
                       from timescaledb_information.chunks where hypertable_name = 'raw') i
              where i.chunk = {} and ({old})",
            support::CHUNK
        ))
        .await;
        let id = rig.text("select add_retention_policy('raw', drop_created_before => interval '30 days', initial_start => now() + interval '30 minutes')").await;
        gone(rig, &rules::RETENTION_UNREAD, RAW).await;
        // Late rows in a chunk that is not dropped.
        let late = async |ago: i32| {
            rig.sql(&format!(
                "insert into raw select t, 7 from generate_series({0}, {0} + interval '1 hour', interval '10 minutes') t",
                days(ago)
            ))
            .await;
        };
        late(8).await;
        gone(rig, &rules::RETENTION_UNREAD, RAW).await;
        late(5).await;
        if (version.major, version.minor, version.patch) < (2, 26, 3) {
            // Each run fails, and drops nothing.
            gone(rig, &rules::RETENTION_UNREAD, RAW).await;
            return;
        }
        let at = async |ago: i32| {
            rig.text(&format!(
                "select to_char(({}) at time zone 'UTC', 'YYYY-MM-DD HH24:MI')",
                days(ago)
            ))
            .await
        };
        let range = format!("{} UTC to {} UTC", at(5).await, at(4).await);
        let words = ["DATA LOSS in", NAME, &range, "no refresh policy"];
        let row = found(rig, &rules::RETENTION_UNREAD, RAW, &words).await;
        assert_eq!(row.finding.level, Level::Critical, "{}", rig.name);
        let lost = format!("DATA LOSS: it drops rows that {NAME} has not read, {range}");
        let warns = async || {
            let approved = rig.plan("run-job-now", &id, &[]).await.unwrap();
            approved
                .plan
                .notes
                .iter()
                .any(|note| note.text.contains(&lost))
        };
        assert!(warns().await, "{}", rig.name);
        fix(rig, &row, &[]).await;
        gone(rig, &rules::RETENTION_UNREAD, RAW).await;
        assert!(!warns().await, "{}", rig.name);
        rig.sql(&format!("call run_job({id})")).await;
        let day = format!("between {} and {} - interval '1 second'", days(5), days(4));
        let left = rig
            .text(&format!("select count(*) from raw where ts {day}"))
            .await;
        let kept = rig
            .text(&format!("select sum(s) from hourly where b {day}"))
            .await;
        assert_eq!((left.as_str(), kept.as_str()), ("0", "193"), "{}", rig.name);
    });
}
