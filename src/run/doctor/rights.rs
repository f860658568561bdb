//! The doctor's steps for the data that is hidden from this role, one step per screen.

use std::time::Duration;

use super::step::Step;
use crate::connect::conninfo::Settings;
use crate::model::rules;
use crate::model::screen_id::ScreenId;
use crate::model::text;
use crate::model::verdict::Finding;
use crate::run::show;
use crate::screens::{Screens, gather};
use crate::server::known::At;
use crate::server::session::Session;

/// Reads every screen as the Overview does, and adds a step for each screen.
pub(super) async fn read(settings: &Settings, session: &Session, steps: &mut Vec<Step>) -> Screens {
    let server = &session.server;
    let all = show::gather(settings, session, ScreenId::Overview, Duration::ZERO);
    // After an error each screen is read alone, to find out which screen fails.
    let (mut screens, gathered) = match Box::pin(all).await {
        Ok(screens) => (screens, true),
        Err(_) => (Screens::default(), false),
    };
    let at = At {
        now: server.clock,
        server,
    };
    for screen in ScreenId::ALL {
        if matches!(
            screen,
            ScreenId::Overview | ScreenId::Journal | ScreenId::Policies
        ) {
            continue;
        }
        let name = format!("rights: {}", screen.name());
        if !session.can_show(*screen) {
            steps.push(Step::skipped(name, "TimescaleDB is not in this database"));
            continue;
        }
        if gathered {
            steps.push(seen(name, *screen, &screens, &at));
            continue;
        }
        match session.load(*screen).await {
            Ok(rows) => {
                let asked = screens.ask(*screen).unwrap_or_default();
                screens.load(asked, rows, Duration::ZERO, &at);
                steps.push(seen(name, *screen, &screens, &at));
            }
            Err(error) => {
                let error = format!("{error:#}");
                let denied = error.starts_with("42501") || error.contains("permission denied");
                let step = if denied {
                    Step::ok(name, error).fail(format!(
                        "grant {} the missing right, such as SELECT on the object or USAGE on its schema",
                        text::quote_identifier(&server.role)
                    ))
                } else {
                    Step::undecided(name, error)
                };
                steps.push(step);
            }
        }
    }
    screens
}

fn seen(name: String, screen: ScreenId, screens: &Screens, at: &At) -> Step {
    let mut findings = screens.hidden(screen, at);
    let of_rows = gather::found_on(screens, screen).into_iter();
    findings.extend(of_rows.map(|row| row.finding));
    findings.retain(|finding| finding.rule.name.ends_with("-hidden"));
    let mut step = Step::lines(name, Vec::new());
    for finding in findings {
        if !step.evidence.contains(&finding.reason) {
            let grant = grant(&finding, at);
            step = step.and(finding.reason).warn(grant);
        }
    }
    if step.evidence.is_empty() {
        return step.and(format!("{} sees everything", at.server.role));
    }
    step
}

/// The statement that grants this role the missing right. Empty: the finding does not name the right.
fn grant(finding: &Finding, at: &At) -> String {
    let role = text::quote_identifier(&at.server.role);
    let Some((_, rest)) = finding.reason.split_once("GRANT ") else {
        return if finding.rule == &rules::SESSION_HIDDEN {
            format!("GRANT pg_read_all_stats TO {role};")
        } else {
            String::new()
        };
    };
    let end = rest.find(" shows").unwrap_or(rest.len());
    format!("GRANT {};", rest[..end].trim_end_matches(['.', ';']))
}
