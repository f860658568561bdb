//! A COMMIT that waits for a synchronous standby is shown as such and can be stopped.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::actions::execute::{Order, Progress};
use hypertop::journal::Outcome;
use support::act::Rig;
use support::own::{databases, on_own};
use tokio::sync::{mpsc, watch};

const METER: &str =
    "set client_min_messages = error; create table public.meter (ts timestamptz not null, v float);
    select create_hypertable('public.meter', 'ts', chunk_time_interval => interval '7 days');
    do $$ begin execute format('alter database %I set synchronous_commit = on', current_database()); end $$";

const INTERVAL: &str = "select interval_length / 86400000000 from _timescaledb_catalog.dimension";

async fn standbys(rig: &Rig, names: &str) {
    rig.sql(&format!(
        "alter system set synchronous_standby_names = '{names}'"
    ))
    .await;
    rig.sql("select pg_reload_conf()").await;
    let set = "select setting from pg_settings where name = 'synchronous_standby_names'";
    while rig.text(set).await != names {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[test]
fn a_commit_that_waits_for_an_absent_standby_is_told_and_stopped_and_its_change_stands() {
    on_own(&[], async |server| {
        for rig in databases(server).await {
            rig.sql(METER).await;
            let three_days = [("interval", "3 days")];
            let plan = rig.plan("set-chunk-interval", "public.meter", &three_days);
            let approved = plan.await.unwrap();
            standbys(&rig, "nobody").await;
            let (reports, mut progress) = mpsc::unbounded_channel();
            let (orders, order) = watch::channel(Order::Go);
            let stop = async {
                while let Some(one) = progress.recv().await {
                    if matches!(&one, Progress::Waits(why) if why.contains("synchronous standby")) {
                        break;
                    }
                }
                orders.send(Order::Stop).unwrap();
            };
            let work = rig.actor.perform(&approved, &reports, order);
            let (report, ()) = tokio::join!(work, stop);
            let (report, name) = (report.unwrap(), &rig.name);
            assert_eq!(report.outcome, Outcome::Done, "{name}: {report:?}");
            let said = report.lines().join("\n");
            assert!(
                said.contains("has already committed locally"),
                "{name}: {said}"
            );
            assert_eq!(rig.text(INTERVAL).await, "3", "{name}: {said}");
            standbys(&rig, "").await;
            rig.rollback(&[report.id]).await;
            assert_eq!(rig.text(INTERVAL).await, "7", "{name}");
        }
    });
}
