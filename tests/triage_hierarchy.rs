//! Aggregates on aggregates with paused or failing policies: each suggested fix works on this version. TimescaleDB
//! 2.22.0 to 2.23.0 refuse to alter these policies.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::model::plan::Undo;
use hypertop::model::screen_id::ScreenId;
use hypertop::model::version::Version;
use hypertop::screens::gather;
use hypertop::screens::overview::{self, Row};
use support::act::Rig;
use support::triage;

/// Three aggregates, each on the previous aggregate.
const SOURCE: &str = "set client_min_messages = error; create table raw (ts timestamptz not null, v float);
select create_hypertable('raw', 'ts', chunk_time_interval => interval '1 day');
insert into raw select t, 1 from generate_series(date_trunc('day', now()) - interval '30 days', now(), interval '1 hour') t;
create materialized view hourly with (timescaledb.continuous, timescaledb.materialized_only = true) as select time_bucket('1 hour', ts) b, sum(v) s from raw group by 1 with no data;
create materialized view daily with (timescaledb.continuous, timescaledb.materialized_only = true) as select time_bucket('1 day', b) b, sum(s) s from hourly group by 1 with no data;
create materialized view weekly with (timescaledb.continuous, timescaledb.materialized_only = true) as select time_bucket('7 days', b) b, sum(s) s from daily group by 1 with no data";

const JOBS: &str = "_timescaledb_config.bgw_job";
const STAT: &str = "_timescaledb_internal.bgw_job_stat";

/// States of the policies, as older versions or superusers may leave them.
const STATES: &[(&str, &[&str])] = &[
    (
        "paused",
        &["update {JOBS} set scheduled = false where id >= 1000"],
    ),
    (
        "gave up",
        &[
            "update {JOBS} set scheduled = false, max_retries = 1 where id >= 1000",
            "update {STAT} set last_start = now() - interval '5 minutes', last_finish = now() - interval '4 minutes', last_run_success = false, consecutive_failures = 1, total_failures = 1, total_runs = 1 where job_id >= 1000",
        ],
    ),
    (
        "failing",
        &[
            "update {STAT} set last_start = now() - interval '5 minutes', last_finish = now() - interval '4 minutes', last_run_success = false, consecutive_failures = 1, total_failures = 1, total_runs = 1 where job_id >= 1000",
        ],
    ),
    (
        "stopped",
        &[
            "update {JOBS} set max_runtime = interval '1 minute' where id >= 1000",
            "update {STAT} set last_start = now() - interval '5 minutes', last_finish = now() - interval '4 minutes', last_run_success = false, consecutive_failures = 1, total_failures = 1, total_runs = 1 where job_id >= 1000",
        ],
    ),
    (
        "slow",
        &[
            "update {STAT} set last_start = now() - interval '3 hours', last_finish = now() - interval '1 minute', last_run_success = true, total_successes = 1, total_runs = 1 where job_id >= 1000",
        ],
    ),
    (
        "far away",
        &[
            "update {JOBS} set initial_start = now() - interval '90 minutes' where id >= 1000",
            "update {STAT} set last_start = now() - interval '3 hours', last_finish = now() - interval '3 hours', last_run_success = true, total_successes = 1, total_runs = 1, next_start = now() + interval '30 days' where job_id >= 1000",
        ],
    ),
];

/// Adds new policies to all three aggregates, in this state before the scheduler sees them.
async fn policies(rig: &Rig, state: &[&str]) {
    let policy = |name: &str, start: &str| {
        format!(
            "select add_continuous_aggregate_policy('{name}', interval '{start}', interval '1 day', interval '1 hour', initial_start => now() + interval '20 minutes')"
        )
    };
    let mut all = vec![
        format!("select delete_job(id) from {JOBS} where id >= 1000"),
        policy("hourly", "5 days"),
        policy("daily", "10 days"),
        policy("weekly", "28 days"),
    ];
    let named = |sql: &&str| sql.replace("{JOBS}", JOBS).replace("{STAT}", STAT);
    all.extend(state.iter().map(named));
    rig.sql(&format!("begin; {}; commit", all.join("; "))).await;
}

/// The name of the finding's aggregate, which stays. Job ids change with each new policy.
async fn about(rig: &Rig, row: &Row) -> String {
    let by_job = async |id: &str| {
        rig.text(&format!("select a.user_view_name from {JOBS} b join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = b.hypertable_id where b.id = {id}")).await
    };
    match row.finding.job {
        Some(id) => by_job(&id.to_string()).await,
        None if row.screen == ScreenId::Jobs => by_job(&row.of).await,
        None => row.of.clone(),
    }
}

type Key = (ScreenId, &'static str, String);

/// The findings of these screens that suggest a fix.
async fn offered(rig: &Rig, parts: &[ScreenId]) -> Vec<(Key, Row)> {
    let (screens, at) = triage::look(rig, parts).await;
    let mut offered = Vec::new();
    let rows = parts
        .iter()
        .flat_map(|part| gather::found(&screens, *part, &at));
    for row in rows.filter(|row| row.finding.fix.is_some()) {
        let key = (row.screen, row.finding.rule.name, about(rig, &row).await);
        offered.push((key, row));
    }
    offered
}

/// Checks that the Overview's fixes are accepted, too.
async fn overview_is_taken(rig: &Rig) {
    for row in triage::overview(rig).await {
        let Some(name) = row.finding.fix else {
            continue;
        };
        let target = row.finding.fix_target(row.targets.clone()).unwrap();
        let sets = row.finding.sets.iter();
        let sets: Vec<_> = sets.map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let plan = rig.plan(name, &target.name, &sets).await;
        assert!(
            plan.is_ok(),
            "{}: {}: {row:#?}",
            rig.name,
            plan.unwrap_err()
        );
    }
}

#[test]
fn each_fix_that_any_screen_offers_for_a_hierarchy_runs_on_this_version() {
    triage::on_each("hierarchy", SOURCE, async |rig, version| {
        for (state, sql) in STATES {
            policies(rig, sql).await;
            let first = offered(rig, overview::PARTS).await;
            overview_is_taken(rig).await;
            let name = format!("{}, {state}", rig.name);
            if *state != "stopped" || !version.alters_no_hierarchy() {
                let jobs = first
                    .iter()
                    .filter(|((screen, ..), _)| *screen == ScreenId::Jobs);
                assert_eq!(jobs.count(), 3, "{name}: {first:#?}");
            }
            let mut run = Vec::new();
            for (key, row) in &first {
                // Tries each fix of each paused policy, and each other fix once.
                let fix = (key.0, key.1, row.finding.fix);
                if *state != "paused" && run.contains(&fix) {
                    continue;
                }
                run.push(fix);
                policies(rig, sql).await;
                let now = offered(rig, &[key.0]).await;
                // An earlier fix may have removed this finding.
                let Some((_, row)) = now.iter().find(|(other, _)| other == key) else {
                    continue;
                };
                triage::fix(rig, row, &[]).await;
                // A run in the foreground does not change the statistics of the failed one.
                let foreground =
                    row.finding.fix == Some("run-job-now") && row.finding.sets.is_empty();
                let left = offered(rig, &[key.0]).await;
                let left = left
                    .iter()
                    .find(|(other, left)| other == key && left.finding.fix == row.finding.fix);
                assert!(foreground || left.is_none(), "{name}: {left:#?}");
                let scheduled = format!("select count(*) from {JOBS} where id >= 1000");
                assert_eq!(rig.text(&scheduled).await, "3", "{name}: {row:#?}");
            }
        }
    });
}

#[test]
fn what_no_action_changes_on_this_version_says_what_does() {
    triage::on_each("unlimited", SOURCE, async |rig, version| {
        let (_, stopped) = STATES.iter().find(|(name, _)| *name == "stopped").unwrap();
        policies(rig, stopped).await;
        let all = triage::all(rig).await;
        let mut failing = Vec::new();
        for row in all.iter().filter(|row| row.screen == ScreenId::Jobs) {
            failing.push((about(rig, row).await, row));
        }
        let of = |name: &str| failing.iter().find(|(of, _)| of == name).unwrap().1;
        let refused = version.alters_no_hierarchy();
        assert_eq!(of("hourly").finding.fix, Some("edit-job"), "{}", rig.name);
        for name in ["daily", "weekly"] {
            let finding = &of(name).finding;
            let fix = (!refused).then_some("edit-job");
            assert_eq!(finding.fix, fix, "{}: {finding:#?}", rig.name);
            let says = finding
                .reason
                .contains("remove-refresh-policy, then add-refresh-policy");
            assert_eq!(says, refused, "{}: {finding:#?}", rig.name);
        }
    });
}

#[test]
fn resuming_such_a_policy_says_that_it_is_made_again_and_what_its_rollback_leaves() {
    triage::on_each("resumed", SOURCE, async |rig, version| {
        let (_, paused) = STATES.iter().find(|(name, _)| *name == "paused").unwrap();
        policies(rig, paused).await;
        let job = async || {
            rig.text(&format!("select b.id from {JOBS} b join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = b.hypertable_id where a.user_view_name = 'weekly'")).await
        };
        let before = job().await;
        let approved = rig.plan("resume-job", &before, &[]).await.unwrap();
        let said = format!("{:?} {:?}", approved.plan.notes, approved.plan.undo);
        let again = version.alters_no_hierarchy();
        for words in [
            "under a new id",
            "refuses alter_job on the refresh policy",
            "max_retries, retry_period and name become the defaults",
            "Then no policy refreshes",
        ] {
            assert_eq!(said.contains(words), again, "{}: {words}: {said}", rig.name);
        }
        assert!(
            matches!(approved.plan.undo, Undo::Partly(_)) || !again,
            "{said}"
        );
        let done = rig.perform(&approved).await.unwrap();
        assert_eq!(done.problems, [], "{}", rig.name);
        let after = job().await;
        assert_eq!(before != after, again, "{}: {before} {after}", rig.name);
        let scheduled = format!("select scheduled from {JOBS} where id = {after}");
        assert_eq!(rig.text(&scheduled).await, "t", "{}", rig.name);
        let back = rig.rollback_plan(&[done.id]).await.unwrap();
        let report = rig.perform(&back).await.unwrap();
        assert_eq!(report.problems, [], "{}", rig.name);
        let left = rig
            .text(&format!("select scheduled from {JOBS} where id = {after}"))
            .await;
        assert_eq!(left, if again { "" } else { "f" }, "{}", rig.name);
        // The first and last versions that refuse to alter such a policy.
        let bounds = [
            ("2.21.4", false),
            ("2.22.0", true),
            ("2.23.0", true),
            ("2.23.1", false),
        ];
        for (text, refuses) in bounds {
            assert_eq!(
                Version::parse(text).unwrap().alters_no_hierarchy(),
                refuses,
                "{text}"
            );
        }
    });
}

#[test]
fn starting_such_a_policy_never_ends_in_an_aggregate_without_a_policy() {
    triage::on_each("started", SOURCE, async |rig, version| {
        let (_, far) = STATES.iter().find(|(name, _)| *name == "far away").unwrap();
        policies(rig, far).await;
        let job = async || {
            rig.text(&format!("select b.id from {JOBS} b join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = b.hypertable_id where a.user_view_name = 'weekly'")).await
        };
        let by = [("how", "scheduler")];
        let approved = rig.plan("run-job-now", &job().await, &by).await.unwrap();
        let undo = &approved.plan.undo;
        let done = rig.perform(&approved).await.unwrap();
        assert_eq!(done.problems, [], "{}", rig.name);
        if version.alters_no_hierarchy() {
            assert!(matches!(undo, Undo::Never(_)), "{}: {undo:?}", rig.name);
            let refused = rig.rollback_plan(&[done.id]).await.unwrap_err();
            let words = "is irreversible: this TimescaleDB cannot restore the next start";
            assert!(refused.contains(words), "{}: {refused}", rig.name);
        } else {
            rig.rollback(&[done.id]).await;
            let far = format!(
                "select next_start > now() + interval '20 days' from {STAT} where job_id = {}",
                job().await
            );
            assert_eq!(rig.text(&far).await, "t", "{}", rig.name);
        }
        assert_ne!(job().await, "", "{}", rig.name);
    });
}
