//! Findings that remain on a target after an action.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value as Json, json};

use super::shell::Shell;
use crate::actions::execute::ApprovedPlan;
use crate::model::screen_id::ScreenId;
use crate::model::target::Target;
use crate::model::text::printable;
use crate::run::show;
use crate::screens::gather;
use crate::screens::overview::Row;
use crate::screens::record::Record;
use crate::server::known::At;

/// Time limit for reading expensive figures again.
const LATER: Duration = Duration::from_secs(3);

/// The remaining findings, or the reason why they are unknown.
pub(super) struct Still(Result<Vec<Row>>);

impl Shell<'_> {
    /// Reads the findings of the Overview again, and keeps the findings about the plan's targets.
    pub(super) async fn still(&self, approved: &ApprovedPlan) -> Still {
        let found = async {
            let (settings, session) = (&self.actor.settings, &self.session);
            let screens =
                Box::pin(show::gather(settings, session, ScreenId::Overview, LATER)).await?;
            let (now, _) = session.pulse(ScreenId::Overview).await?;
            let at = At {
                now,
                server: &session.server,
            };
            let is_about = |row: &Row| {
                let mut of = row
                    .targets()
                    .into_iter()
                    .flat_map(Target::and_materialization);
                of.any(|of| {
                    let mut seen = approved.seen.iter().map(|seen| &seen.target);
                    seen.any(|seen| (seen.kind, seen.id) == (of.kind, of.id))
                })
            };
            let mut rows = gather::all(&screens, &at);
            rows.retain(is_about);
            rows.sort_by_key(|row| std::cmp::Reverse(row.verdict(&at).level));
            Ok(rows)
        };
        Still(found.await)
    }
}

impl Still {
    pub(super) fn lines(&self) -> Vec<String> {
        let line = |row: &Row| {
            let finding = &row.finding;
            let said = format!(
                "{} {} {}: {}",
                finding.level.sign(),
                finding.level.name(),
                row.subject,
                finding.reason
            );
            printable(&said)
        };
        match &self.0 {
            Ok(rows) if rows.is_empty() => {
                vec!["Findings on the target now: none".to_owned()]
            }
            Ok(rows) => {
                let head = "Findings on the target now:".to_owned();
                std::iter::once(head).chain(rows.iter().map(line)).collect()
            }
            Err(error) => vec![printable(&format!(
                "Findings on the target now are unknown: {error:#}"
            ))],
        }
    }

    pub(super) fn put(&self, json: &mut Json) {
        let one = |row: &Row| {
            let finding = &row.finding;
            json!({"rule": finding.rule.name, "subject": row.subject, "verdict": finding.level.name(), "reason": finding.reason})
        };
        match &self.0 {
            Ok(rows) => json["still_found"] = rows.iter().map(one).collect(),
            Err(error) => json["still_found_error"] = format!("{error:#}").into(),
        }
    }
}
