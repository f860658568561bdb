//! Policies on integer time whose next start was moved far beyond their schedule are findings with a fix, as on
//! timestamps.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::model::rules;
use hypertop::model::rules::Rule;
use hypertop::model::verdict::Level;
use support::act::Rig;
use support::triage::{self, fix, found, gone, overview, until};

const NAME: &str = r#""Me.s"."Raw ""n""""#;
const ROLLUP: &str = r#""Me.s".rollup"#;

/// Twenty chunks with integer time, all created just now, and an aggregate on them.
const SOURCE: &str = r#"set client_min_messages = error; create schema "Me.s"; create table "Me.s"."Raw ""n""" (n bigint not null, v int);
select create_hypertable('"Me.s"."Raw ""n"""', 'n', chunk_time_interval => 100);
insert into "Me.s"."Raw ""n""" select g, 1 from generate_series(0, 1999) g;
create function now_is() returns bigint language sql stable as 'select coalesce(max(n), 0) from "Me.s"."Raw ""n"""';
select set_integer_now_func('"Me.s"."Raw ""n"""', 'now_is');
alter table "Me.s"."Raw ""n""" set (timescaledb.compress);
create materialized view "Me.s".rollup with (timescaledb.continuous, timescaledb.materialized_only) as select time_bucket(10, n) as b, count(*) from "Me.s"."Raw ""n""" group by 1 with no data"#;

/// Adds a policy by this call, whose first start is this far away.
async fn add(rig: &Rig, call: &str, start: &str) {
    rig.sql(&format!("begin; select alter_job({call}, schedule_interval => interval '1 hour', next_start => now() + interval '{start}'); commit")).await;
}

async fn start(rig: &Rig, proc: &str, start: &str) {
    rig.sql(&format!("select alter_job(id, next_start => now() + interval '{start}') from _timescaledb_config.bgw_job where proc_name = '{proc}'")).await;
}

/// Checks that there is no finding while the next start follows the schedule. If the start is a month away, there is a finding on the
/// policy's screen and once on the Overview, whose fix starts the job.
async fn put_off(rig: &Rig, proc: &str, rule: &'static Rule, of: &str, words: &[&str]) {
    gone_or_ok(rig, rule, of).await;
    start(rig, proc, "30 days").await;
    let row = found(rig, rule, of, words).await;
    assert_eq!(row.finding.level, Level::Warning, "{}: {row:?}", rig.name);
    assert!(
        !row.finding.reason.contains("as usual"),
        "{}: {row:?}",
        rig.name
    );
    let all = overview(rig).await;
    let told: Vec<_> = all
        .iter()
        .filter(|row| [rule, &rules::JOB_FAR].contains(&row.finding.rule))
        .collect();
    let [one] = told[..] else {
        panic!("{}: {all:#?}", rig.name)
    };
    assert_eq!(one.finding.rule, rule, "{}: {all:#?}", rig.name);
    assert_eq!(one.finding.fix, Some("run-job-now"), "{}", rig.name);
    if row.finding.fix == one.finding.fix {
        assert_eq!(row.finding.sets, one.finding.sets, "{}", rig.name);
    }
    fix(rig, one, &[]).await;
    until(rig, proc, &format!("select exists (select from _timescaledb_internal.bgw_job_stat st join _timescaledb_config.bgw_job j on j.id = st.job_id where j.proc_name = '{proc}' and st.last_run_success and st.last_finish > '-infinity')")).await;
    gone(rig, rule, of).await;
    rig.sql(&format!(
        "select delete_job(id) from _timescaledb_config.bgw_job where proc_name = '{proc}'"
    ))
    .await;
}

async fn gone_or_ok(rig: &Rig, rule: &'static Rule, of: &str) {
    let said = triage::said(rig, rule, of).await;
    let said = said.iter().find(|row| row.finding.rule == rule);
    assert!(
        said.is_none_or(|row| row.finding.level == Level::Ok),
        "{}: {said:?}",
        rig.name
    );
}

#[test]
fn work_on_integer_time_whose_policy_starts_in_a_month_is_told() {
    triage::on_each("putoff", SOURCE, async |rig, _| {
        // As after a refresh of all but the newest rows.
        rig.sql(&format!(
            "call refresh_continuous_aggregate('{ROLLUP}', 0, 1900)"
        ))
        .await;
        let call =
            format!("add_continuous_aggregate_policy('{ROLLUP}', 1000, 50, interval '1 hour')");
        add(rig, &call, "30 minutes").await;
        // 100 units are missing. With an hourly run at most 60 and the rows of one hour would be missing.
        let words = [
            "100 units behind",
            "the policy runs in 30d (its schedule: every 1h)",
        ];
        let of = "policy_refresh_continuous_aggregate";
        put_off(rig, of, &rules::AGGREGATE_BEHIND, ROLLUP, &words).await;

        let call = format!("add_compression_policy('{NAME}', 1000::bigint)");
        add(rig, &call, "30 minutes").await;
        let words = [
            "9 chunks past compress_after not compressed",
            "the policy runs in 30d (its schedule: every 1h)",
        ];
        let of = "policy_compression";
        put_off(rig, of, &rules::COMPRESSION_BACKLOG, NAME, &words).await;

        let call = format!("add_retention_policy('{NAME}', 1500::bigint)");
        add(rig, &call, "30 minutes").await;
        let words = [
            "4 chunks past drop_after not dropped yet",
            "the policy runs in 30d (its schedule: every 1h)",
        ];
        let of = "policy_retention";
        put_off(rig, of, &rules::RETENTION_OVERDUE, NAME, &words).await;
    });
}
