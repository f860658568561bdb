//! Stores a snapshot of the database in the journal entry of an apply: the findings and counters just before it.

use anyhow::{Context as _, Result};

use crate::actions::execute::{APPLY, ApprovedPlan};
use crate::connect::conninfo::Settings;
use crate::journal::{Counters, Found, Snapshot};
use crate::model::screen_id::ScreenId;
use crate::model::verdict::Level;
use crate::run::show;
use crate::screens::gather;
use crate::screens::overview::Row;
use crate::server::known::At;
use crate::server::session::Session;

/// Whether a validation may later compare with this plan's journal entry.
pub(super) fn is_wanted(approved: &ApprovedPlan) -> bool {
    approved.plan.action == APPLY && approved.undoes.is_empty()
}

/// Adds the snapshot to the plan. If it cannot be read, the apply still runs; a later validation then reports what it cannot compare.
pub(super) async fn keep(
    settings: &Settings,
    session: &Session,
    approved: &mut ApprovedPlan,
) -> Result<()> {
    let taken = taken(settings, session).await;
    let taken = taken
        .context("the findings and counters before the apply were not saved in the journal")?;
    approved.snapshot = Some(taken);
    Ok(())
}

async fn taken(settings: &Settings, session: &Session) -> Result<Snapshot> {
    let screens = Box::pin(show::gather_overview(settings, session)).await?;
    let counted = session.counters().await?;
    let (clock, _) = session.pulse(ScreenId::Overview).await?;
    let at = At {
        now: clock,
        server: &session.server,
    };
    let found = |row: Row| Found {
        screen: row.screen,
        of: row.of,
        rule: row.finding.rule.name.to_owned(),
        level: row.finding.level,
    };
    let all = gather::every(&screens, &at).into_iter();
    let grave = all.filter(|row| row.finding.level >= Level::Warning);
    Ok(Snapshot {
        clock,
        findings: grave.map(found).collect(),
        counters: Counters {
            commits: counted.commits,
            rollbacks: counted.rollbacks,
            deadlocks: counted.deadlocks,
            reset: session.server.stats_reset,
        },
    })
}
