//! Progress of the running statement, and the sessions that block it.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio_postgres::Row;

use super::actor::Run;
use super::progress::{Progress, report};
use super::writer::{Writer, place};
use crate::connect::{self, ConnectError, Connected};
use crate::journal::Place;
use crate::model::text;
use crate::server::known::own::Own;
use crate::server::session;
use crate::server::sql::{Param, Query, query};

const PROGRESS: Query = query!("act_progress");

/// Time until the next connection attempt, after the address led to another server.
const ELSEWHERE: Duration = Duration::from_secs(30);

/// A second connection that watches the running statement.
#[derive(Default)]
pub(super) struct Monitor {
    connected: Option<(Connected, Own)>,
    /// Time when the address last led to another server. `None`: it never did.
    elsewhere: Option<Instant>,
}

impl Run<'_> {
    /// A read connection to the server of the write session, with the usual timeouts.
    async fn monitor(&self, writer: &Writer) -> Result<(Connected, Own, Place)> {
        let settings = writer.connected.only_here(&self.actor.settings);
        let connected = connect::again(&settings, self.actor.password.as_deref()).await?;
        session::reads(&connected.client).await?;
        let own = session::own(&connected.client).await?;
        let place = place(&connected).await?;
        Ok((connected, own, place))
    }

    /// Reports the statement's progress, or the session that blocks it. Returns whether the write session still exists on the server.
    /// True is also returned if that is unknown: the server refuses the connection or the query, or the address leads to another server.
    /// `None`: the server did not answer.
    pub(super) async fn look(&self, monitor: &mut Monitor, writer: &Writer) -> Option<bool> {
        if monitor.elsewhere.is_some_and(|at| at.elapsed() < ELSEWHERE) {
            return Some(true);
        }
        if monitor.connected.is_none() {
            let (connected, own, at) = match Box::pin(self.monitor(writer)).await {
                Ok(there) => there,
                // A server that refuses the connection still answers. Any other error counts as no answer.
                Err(error) => {
                    let refused = error.downcast_ref::<ConnectError>();
                    return refused.filter(|error| error.by_server).map(|_| true);
                }
            };
            if writer.place.doubt(&at).is_some() {
                monitor.elsewhere = Some(Instant::now());
                let words = "progress unknown: the address leads to another server now";
                report(self.reports, Progress::Phase(words.to_owned(), None));
                return Some(true);
            }
            monitor.connected = Some((connected, own));
        }
        let (connected, _) = monitor.connected.as_ref()?;
        let text = PROGRESS.text(self.actor.server.sql_version());
        let pid = Param::BigInt(writer.pid);
        let answer = session::ask(&connected.client, text, &[pid]).await;
        let rows = match answer {
            Ok(rows) => rows,
            Err(error) => {
                if error.is::<session::Silence>() || connected.client.is_closed() {
                    monitor.connected = None;
                    return None;
                }
                // The server answered, although with an error.
                return Some(true);
            }
        };
        if let Some(progress) = rows.first().and_then(|row| progress(row).ok()).flatten() {
            report(self.reports, progress);
        }
        Some(!rows.is_empty())
    }
}

fn progress(row: &Row) -> Result<Option<Progress>> {
    let blocker: Option<i32> = row.try_get("blocker")?;
    if let Some(pid) = blocker {
        let said = |name: &str| {
            row.try_get::<_, Option<String>>(name)
                .map(|text| text.filter(|text| !text.is_empty()))
        };
        let role = said("blocker_role")?.map_or_else(String::new, |role| format!(" of {role}"));
        let application =
            said("blocker_application")?.map_or_else(String::new, |name| format!(", {name}"));
        let state = said("blocker_state")?.map_or_else(String::new, |state| format!(", {state}"));
        let long: Option<f64> = row.try_get("blocker_seconds")?;
        let long = long.map_or_else(String::new, |long| {
            format!(", transaction open for {}", text::duration(long))
        });
        return Ok(Some(Progress::Waits(format!(
            "for a lock that is held by session {pid}{role}{application}{state}{long}"
        ))));
    }
    if row.try_get::<_, bool>("commits")? {
        return Ok(Some(Progress::Waits(
            "for a synchronous standby; a stop only ends the wait, and the transaction stays committed"
                .to_owned(),
        )));
    }
    let phase: Option<String> = row.try_get("phase")?;
    let share: Option<f64> = row.try_get("share")?;
    Ok(phase.map(|phase| Progress::Phase(phase, share)))
}
