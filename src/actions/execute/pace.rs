//! The pause between two steps: the configured rest, limits on WAL and replica lag, and a hold by the user.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::actor::LOOK;
use super::actor::{Order, Run};
use super::progress::Progress;
use super::progress::report;
use super::writer::Writer;
use crate::model::plan::Pace;
use crate::model::text;
use crate::server::session;
use crate::server::sql::{Query, query};

const PACE: Query = query!("act_pace");

impl Run<'_> {
    /// Rests between two steps. Waits while a limit is exceeded, or while the user holds the plan. `false`: the user stopped the plan.
    pub(super) async fn pace(
        &mut self,
        writer: &Writer,
        pace: &Pace,
        wal: &mut Option<(Instant, f64)>,
        order: &mut watch::Receiver<Order>,
    ) -> bool {
        let rest = Duration::try_from_secs_f64(pace.rest_seconds.max(0.0)).unwrap_or_default();
        if !rest.is_zero() && !wait(order, rest).await {
            return false;
        }
        loop {
            let wanted = *order.borrow();
            let reason = match wanted {
                Order::Stop => return false,
                Order::Hold => Some("until you press Space".to_owned()),
                Order::Go => self.bound(writer, pace, wal).await,
            };
            if writer.connected.client.is_closed() {
                // The caller finds the lost connection, and reports it, before the next step.
                return true;
            }
            let Some(reason) = reason else {
                report(self.reports, Progress::Goes);
                return true;
            };
            report(self.reports, Progress::Waits(reason));
            if !wait(order, LOOK).await {
                return false;
            }
        }
    }

    /// Reason to wait: a limit is exceeded, or the limits cannot be checked. `None`: continue.
    async fn bound(
        &self,
        writer: &Writer,
        pace: &Pace,
        wal: &mut Option<(Instant, f64)>,
    ) -> Option<String> {
        if pace.max_replica_lag_seconds.is_none() && pace.max_wal_bytes_per_second.is_none() {
            return None;
        }
        let rows = session::ask(
            &writer.connected.client,
            PACE.text(self.actor.server.sql_version()),
            &[],
        )
        .await;
        let row = match &rows {
            Ok(rows) => rows.first()?,
            Err(error) => return Some(format!("because the limits cannot be checked: {error:#}")),
        };
        let lag: Option<f64> = row.try_get("lag_seconds").ok()?;
        if pace.max_replica_lag_seconds.is_some() && !row.try_get::<_, bool>("readable").ok()? {
            return Some("because this role cannot see replicas (grant pg_read_all_stats, or leave max_replica_lag empty)".to_owned());
        }
        if let (Some(most), Some(lag)) = (pace.max_replica_lag_seconds, lag)
            && lag > most
        {
            return Some(format!(
                "because a replica is {} behind",
                text::duration(lag)
            ));
        }
        let written: f64 = row.try_get("wal_bytes").ok()?;
        let before = wal.replace((Instant::now(), written));
        if let (Some(most), Some((at, had))) = (pace.max_wal_bytes_per_second, before) {
            let rate = (written - had) / at.elapsed().as_secs_f64().max(0.1);
            if rate > most {
                return Some(format!(
                    "because the server writes {:.0} MB of WAL per second",
                    rate / 1e6
                ));
            }
        }
        None
    }
}

/// Waits for `long`, or until the user gives another order. `false`: the user stopped the plan, or the sender of orders is gone.
async fn wait(order: &mut watch::Receiver<Order>, long: Duration) -> bool {
    // The caller reads the order again, so the wait may end for either reason.
    let gone = tokio::time::timeout(long, order.changed())
        .await
        .is_ok_and(|changed| changed.is_err());
    !gone && *order.borrow() != Order::Stop
}
