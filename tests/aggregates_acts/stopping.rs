//! Roles without rights, and what stopped refreshes leave behind.

use std::time::Duration;

use hypertop::actions::execute::{Order, Progress, Report};
use hypertop::journal::Outcome;
use hypertop::model::plan::Consent;
use tokio::sync::{mpsc, watch};

use super::support::act::{Rig, script};
use super::support::client;
use super::{AXES, SCHEMA, TZ, notes, on_each, since};

#[test]
fn a_role_without_rights_gets_the_server_s_words_and_the_fix() {
    on_each(async |rig| {
        rig.sql(AXES).await;
        rig.sql(&format!("drop role if exists agg_guest; create role agg_guest login; grant usage on schema {SCHEMA} to agg_guest")).await;
        let guest = format!(
            "{} user=agg_guest",
            rig.conninfo
                .split_whitespace()
                .filter(|part| !part.starts_with("user="))
                .collect::<Vec<_>>()
                .join(" ")
        );
        let guest = Rig::on(&rig.name, &guest).await;
        for (name, set) in [
            (
                "refresh-aggregate",
                &[("from", "10 days ago"), ("to", "2 days ago")][..],
            ),
            ("add-refresh-policy", &[("start_offset", "7d")]),
            ("switch-real-time", &[]),
        ] {
            let approved = guest.plan(name, TZ, set).await.unwrap();
            let report = guest.perform(&approved).await.unwrap();
            let (_, problem) = &report.problems[0];
            assert_eq!(
                problem.sqlstate.as_deref(),
                Some("42501"),
                "{} {name}: {problem}",
                rig.name
            );
            assert!(
                problem.to_string().contains("connect as the owner"),
                "{problem}"
            );
        }
        // The role cannot see the rows, but is warned about a possible loss.
        rig.act("refresh-aggregate", TZ, &[("from", ""), ("to", "")])
            .await;
        rig.sql(&format!(
            "select drop_chunks('{SCHEMA}.tz', older_than => interval '30 days')"
        ))
        .await;
        let told = guest
            .plan(
                "refresh-aggregate",
                TZ,
                &[("from", "50 days ago"), ("to", "")],
            )
            .await
            .unwrap_err();
        assert!(
            told.contains("whether the aggregate has rows there is unknown"),
            "{told}"
        );
        rig.sql(&format!(
            "revoke all on schema {SCHEMA} from agg_guest; drop role agg_guest"
        ))
        .await;
    });
}

/// Runs a plan, and stops it after it has been in this step for a while.
async fn stop_in_step(
    rig: &Rig,
    approved: &hypertop::actions::execute::ApprovedPlan,
    step: usize,
) -> Report {
    let (teller, mut heard) = mpsc::unbounded_channel();
    let (orders, wanted) = watch::channel(Order::Go);
    let halt = async {
        while let Some(message) = heard.recv().await {
            if matches!(message, Progress::Step { number, .. } if number == step) {
                tokio::time::sleep(Duration::from_millis(700)).await;
                // If the plan has ended by itself, there is no receiver; the report shows that.
                let _ = orders.send(Order::Stop);
            }
        }
    };
    let (report, ()) = tokio::join!(
        async {
            let report = rig.actor.perform(approved, &teller, wanted).await;
            drop(teller);
            report.unwrap()
        },
        halt
    );
    report
}

/// Holds a lock for which a refresh of the last days must wait.
async fn block(rig: &Rig) -> tokio_postgres::Client {
    let blocker = client(&rig.conninfo).await;
    let chunk = rig.text(&format!("select string_agg(c::text, ', ') from show_chunks('{SCHEMA}.tz', newer_than => interval '4 days') c")).await;
    blocker
        .batch_execute(&format!(
            "begin; lock table {chunk} in access exclusive mode"
        ))
        .await
        .unwrap();
    blocker
}

#[test]
fn a_refresh_that_is_stopped_reports_what_was_done_and_the_rest_is_caught_up() {
    on_each(async |rig| {
        rig.sql(AXES).await;
        let approved = rig
            .plan(
                "refresh-aggregate",
                TZ,
                &[
                    ("from", "61 days ago"),
                    ("to", "1 day ago"),
                    ("step_buckets", "40"),
                ],
            )
            .await
            .unwrap();
        assert_eq!(approved.plan.steps.len(), 2, "{}", script(&approved.plan));
        let blocker = block(rig).await;
        let report = stop_in_step(rig, &approved, 2).await;
        assert_eq!(
            (report.outcome, report.steps_done, report.steps),
            (Outcome::Cancelled, 1, 2),
            "{}: {:?}",
            rig.name,
            report.problems
        );
        assert_eq!(
            rig.text(&format!("select count(*) from {TZ}")).await,
            "40",
            "{}",
            rig.name
        );
        drop(blocker);
        let told = notes(&rig.plan("refresh-behind", TZ, &[]).await.unwrap());
        assert!(!told.contains("refreshes the aggregate now"), "{told}");
        rig.act("refresh-behind", TZ, &[]).await;
        let right = format!(
            "select sum(n) = (select count(*) from {SCHEMA}.tz where ts < (select max(\"Bucket \"\"1\"\"\") + interval '1 day' from {TZ})) and count(*) >= 59 from {TZ}"
        );
        assert_eq!(rig.text(&right).await, "t", "{}", rig.name);
        if since(rig, 22) {
            let left = "select count(*) from _timescaledb_catalog.continuous_aggs_materialization_ranges r join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = r.materialization_id where a.user_view_name = 'Agg of \"tz\".1'";
            assert_eq!(rig.text(left).await, "0", "{}", rig.name);
        }
        if since(rig, 26) {
            let left = "select count(*) from _timescaledb_catalog.continuous_aggs_jobs_refresh_ranges r join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = r.materialization_id where a.user_view_name = 'Agg of \"tz\".1'";
            assert_eq!(rig.text(left).await, "0", "{}", rig.name);
        }
    });
}

#[test]
fn a_range_that_another_session_s_cancelled_refresh_holds_is_freed_by_ending_that_session() {
    on_each(async |rig| {
        if !since(rig, 26) {
            return;
        }
        rig.sql(AXES).await;
        let blocker = block(rig).await;
        let other = client(&rig.conninfo).await;
        let pid: i32 = other
            .query_one("select pg_backend_pid()", &[])
            .await
            .unwrap()
            .get(0);
        let refresh = format!(
            "call refresh_continuous_aggregate($${TZ}$$, now() - interval '20 days', now() - interval '1 day')"
        );
        let (result, ()) = tokio::join!(other.batch_execute(&refresh), async {
            tokio::time::sleep(Duration::from_millis(800)).await;
            rig.sql(&format!("select pg_cancel_backend({pid})")).await;
        });
        result.unwrap_err();
        drop(blocker);
        // 2.28.3 removes its own entry, but 2.26.4 and 2.29.2 do not; here it is inserted by hand.
        rig.sql(&format!("insert into _timescaledb_catalog.continuous_aggs_jobs_refresh_ranges
            select mat_hypertable_id, extract(epoch from now() - interval '20 days')::int8 * 1000000, extract(epoch from now())::int8 * 1000000, {pid}, 0, now()
            from _timescaledb_catalog.continuous_agg where user_view_name = 'Agg of \"tz\".1' and not exists (
              select from _timescaledb_catalog.continuous_aggs_jobs_refresh_ranges where pid = {pid})")).await;
        let set = [("from", "20 days ago"), ("to", "1 day ago")];
        let approved = rig.plan("refresh-aggregate", TZ, &set).await.unwrap();
        assert!(
            notes(&approved).contains("end_stuck_session"),
            "{}",
            notes(&approved)
        );
        let report = rig.perform(&approved).await.unwrap();
        assert!(
            report.problems[0]
                .1
                .to_string()
                .contains("concurrent refresh"),
            "{:?}",
            report.problems
        );
        let approved = rig
            .plan(
                "refresh-aggregate",
                TZ,
                &[set[0], set[1], ("end_stuck_session", "yes")],
            )
            .await
            .unwrap();
        assert!(approved.plan.consent >= Consent::Yes);
        let report = rig.perform(&approved).await.unwrap();
        assert_eq!(report.outcome, Outcome::Done, "{:?}", report.problems);
        drop(other);
    });
}
