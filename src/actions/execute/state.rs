//! State of a plan's targets: compared with the preview before the run, and read again after it.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use tokio_postgres::Client;

use super::actor::{Actor, ApprovedPlan};
use super::named;
use super::writer::Writer;
use crate::actions::action::Does;
use crate::actions::catalogue;
use crate::actions::code;
use crate::journal::{Seen, differences};
use crate::model::plan::Bindings;
use crate::model::plan::named::Relation;
use crate::model::target::{Target, TargetKind};
use crate::server::session;
use crate::server::sql::Param;

/// Name of the action that applies a policy file. Its plans have many targets, and create some of them.
pub(crate) const APPLY: &str = "apply";

impl Actor {
    /// The present states of the targets. An error if a state differs from the state that the preview showed.
    pub(super) async fn check(
        &self,
        writer: &Writer,
        approved: &ApprovedPlan,
    ) -> Result<Vec<Seen>> {
        let mut now = Vec::new();
        for seen in &approved.seen {
            let state = self
                .state(&writer.connected.client, &seen.action, &seen.target)
                .await?;
            let moved = differences(&approved.plan.changes, &seen.state, &state);
            if let Some((what, was, is)) = moved.first() {
                bail!(
                    "{} changed since the preview ({what}: {was}, now {is}): nothing was done; preview it again",
                    seen.target.name
                );
            }
            let (client, version) = (&writer.connected.client, self.server.sql_version());
            let standing = code::standing(client, version, &seen.target).await?;
            if let Some(name) = code::unnamed(&approved.plan, &standing) {
                bail!(
                    "{} changed since the preview (the plan would run code that the preview does not show: {name}): nothing was done; preview it again",
                    seen.target.name
                );
            }
            now.push(Seen {
                state,
                ..seen.clone()
            });
        }
        if !approved.undoes.is_empty() {
            let (client, version) = (&writer.connected.client, self.server.sql_version());
            let named = code::named(client, version, &approved.plan).await?;
            if let Some(name) = code::unnamed(&approved.plan, &named) {
                bail!(
                    "a function changed since the preview (the plan would run code that the preview does not show: {name}): nothing was done; preview it again"
                );
            }
        }
        Ok(now)
    }

    /// The relations that the plan's statements name. An error if a name means another relation than in the preview.
    pub(super) async fn meant(
        &self,
        writer: &Writer,
        approved: &ApprovedPlan,
    ) -> Result<BTreeMap<String, Relation>> {
        let plan = &approved.plan;
        if !approved.undoes.is_empty() {
            // For a rollback, the relations have already been found by the oids in the journal.
            return Ok(plan.named.relations.clone());
        }
        let client = &writer.connected.client;
        let named = named::of_steps(client, &self.server, &plan.steps).await?;
        let targets = || approved.seen.iter().map(|seen| &seen.target);
        for (name, relation) in &named.relations {
            let another = targets()
                .filter(|target| target.name == *name)
                .any(|target| {
                    let id = Some(target.id);
                    match target.kind {
                        TargetKind::Hypertable | TargetKind::Aggregate => relation.hypertable != id,
                        TargetKind::Index | TargetKind::Table => relation.oid != target.id,
                        TargetKind::Job | TargetKind::Session => false,
                    }
                });
            if another {
                bail!(
                    "{name} changed since the preview (another relation has that name now): nothing was done; preview it again"
                );
            }
        }
        if plan.action == APPLY {
            return Ok(named.relations);
        }
        // If the targets are jobs, the statements may name only the hypertables of these jobs.
        let tables = |seen: &Seen| {
            (seen.target.kind == TargetKind::Job).then(|| seen.state["hypertable_id"].as_i64())
        };
        let tables: Option<Vec<_>> = approved.seen.iter().map(tables).collect();
        if let Some(tables) = tables
            && let Some((name, _)) = named
                .relations
                .iter()
                .find(|(_, relation)| !tables.contains(&relation.hypertable))
        {
            bail!(
                "{name} changed since the preview (another relation has that name now): nothing was done; preview it again"
            );
        }
        Ok(named.relations)
    }

    /// State of a target, read by the query of the action. JSON null: the target does not exist.
    pub(crate) async fn state(
        &self,
        client: &Client,
        action: &str,
        target: &Target,
    ) -> Result<serde_json::Value> {
        let Some(Does::Plan(act)) = catalogue::by_name(action).map(|action| &action.does) else {
            bail!("this version of hypertop knows no action {action:?}");
        };
        // A job's procedure that ran in this session may have changed the session's settings. They are set again.
        session::set_as_started(client).await?;
        let rows = session::ask(
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

    /// The states after the run. After a rollback, also the values that the rollback did not restore, as (field, before, now).
    pub(super) async fn look_after(
        &self,
        writer: &Writer,
        approved: &ApprovedPlan,
        bindings: &Bindings,
    ) -> (Vec<Seen>, Vec<(String, String, String)>) {
        let (mut after, mut differs) = (Vec::new(), Vec::new());
        for seen in &approved.seen {
            let target = current(&seen.target, bindings);
            // A target that cannot be read is left out. A later rollback then reports that the state could not be compared.
            if let Ok(state) = self
                .state(&writer.connected.client, &seen.action, &target)
                .await
            {
                if let Some(was) = approved
                    .restores
                    .iter()
                    .find(|was| was.target == seen.target && was.action == seen.action)
                {
                    differs.extend(differences(&approved.plan.changes, &was.state, &state));
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

/// The target with its present id. A job or an index has a new id after it was created again.
pub(crate) fn current(target: &Target, bindings: &Bindings) -> Target {
    let mut target = target.clone();
    match target.kind {
        TargetKind::Job => target.id = bindings.job(target.id),
        TargetKind::Index => target.id = bindings.index(target.id),
        _ => {}
    }
    target
}
