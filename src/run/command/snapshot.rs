//! Keeps in an apply's journal entry what the database was like just before it.

use anyhow::Result;

use super::shell::Shell;
use crate::actions::execute::{APPLY, ApprovedPlan};
use crate::journal::{Counters, Found, Snapshot};
use crate::model::screen_id::ScreenId;
use crate::model::verdict::Level;
use crate::run::{show, stderr};
use crate::screens::gather;
use crate::screens::overview::Row;
use crate::server::known::At;

impl Shell<'_> {
    /// Adds the snapshot to the plan of an apply. Without one the apply runs too: a later validation then says what it cannot compare.
    pub(super) async fn remember(&self, approved: &mut ApprovedPlan) {
        if approved.plan.action != APPLY || !approved.undoes.is_empty() {
            return;
        }
        match self.snapshot().await {
            Ok(snapshot) => approved.snapshot = Some(snapshot),
            Err(error) => stderr::say(format_args!(
                "hypertop: the findings and counters before the apply are not kept: {error:#}"
            )),
        }
    }

    async fn snapshot(&self) -> Result<Snapshot> {
        let (settings, session) = (&self.actor.settings, &self.session);
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
}
