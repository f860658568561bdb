//! The state of what a plan is about: as it was in the preview, and after it ran.

use anyhow::{Result, bail};
use tokio_postgres::Client;

use super::send::execute;
use super::writer::Writer;
use super::{Actor, Deed};
use crate::action::{self, Does};
use crate::connect::packet;
use crate::db;
use crate::journal::{Seen, differences};
use crate::plan::Bindings;
use crate::plans::{Kind, Target};
use crate::sql::Param;

impl Actor {
    /// The state as it is now; an error where it is no longer what the plan was made from.
    pub(super) async fn check(&self, writer: &Writer, deed: &Deed) -> Result<Vec<Seen>> {
        let mut now = Vec::new();
        for seen in &deed.seen {
            let state = self
                .state(&writer.connected.client, &seen.action, &seen.target)
                .await?;
            let moved = differences(&deed.plan.changes, &seen.state, &state);
            if let Some((what, was, is)) = moved.first() {
                bail!(
                    "{} changed since the preview ({what}: {was}, now {is}): nothing was done; look at it again",
                    seen.target.name
                );
            }
            now.push(Seen {
                state,
                ..seen.clone()
            });
        }
        Ok(now)
    }

    /// What the action's own query captures of a target; null: it is not there.
    pub async fn state(
        &self,
        client: &Client,
        action: &str,
        target: &Target,
    ) -> Result<serde_json::Value> {
        let Some(Does::Plan(act)) = action::by_name(action).map(|action| &action.does) else {
            bail!("this version of hypertop knows no action {action:?}");
        };
        // A job's procedure that ran here may have left it otherwise.
        execute(client, &packet::statements()).await?;
        let rows = db::ask(
            client,
            act.facts.text(self.server.sql_version()),
            &[Param::BigInt(target.id)],
        )
        .await?;
        Ok(match rows.first() {
            Some(row) => row.try_get("state")?,
            None => serde_json::Value::Null,
        })
    }

    /// The state that was left, and where a rollback did not bring back what was before.
    pub(super) async fn look_after(
        &self,
        writer: &Writer,
        deed: &Deed,
        bindings: &Bindings,
    ) -> (Vec<Seen>, Vec<(String, String, String)>) {
        let (mut after, mut differs) = (Vec::new(), Vec::new());
        for seen in &deed.seen {
            let target = current(&seen.target, bindings);
            // What cannot be looked at is left out; a rollback then has nothing to compare with, and says so.
            if let Ok(state) = self
                .state(&writer.connected.client, &seen.action, &target)
                .await
            {
                if let Some(was) = deed
                    .restores
                    .iter()
                    .find(|was| was.target == seen.target && was.action == seen.action)
                {
                    differs.extend(differences(&deed.plan.changes, &was.state, &state));
                }
                after.push(Seen {
                    state,
                    ..seen.clone()
                });
            }
        }
        (after, differs)
    }
}

/// The target under the id that it has now.
pub fn current(target: &Target, bindings: &Bindings) -> Target {
    let mut target = target.clone();
    match target.kind {
        Kind::Job => target.id = bindings.job(target.id),
        Kind::Index => target.id = bindings.index(target.id),
        _ => {}
    }
    target
}
