//! Checks whether a policy file can be applied now.

use std::time::Duration;

use anyhow::Result;

use crate::actions::preview;
use crate::actions::setup::planned;
use crate::connect::conninfo::Settings;
use crate::model::screen_id::ScreenId;
use crate::model::{rules, text};
use crate::run::show;
use crate::screens::gather;
use crate::server::known::NEWEST_KNOWN;
use crate::server::session::Session;
use crate::server::setup;

use super::super::made::Made;
use super::super::print;
use super::check::{Checks, State, listed};

/// Time limit for reading expensive figures.
const LATER: Duration = Duration::from_secs(3);

pub(super) async fn before(
    settings: &Settings,
    session: &Session,
    made: Made,
    checks: &mut Checks,
) -> Result<()> {
    let server = &session.server;
    if let Some(version) = server.timescaledb {
        let known = (version.major, version.minor) <= (NEWEST_KNOWN.major, NEWEST_KNOWN.minor);
        let state = if known { State::Ok } else { State::Unknown };
        checks.add(
            state,
            "version",
            format!(
                "TimescaleDB {version}; this hypertop knows up to {}.{}",
                NEWEST_KNOWN.major, NEWEST_KNOWN.minor
            ),
        );
    }
    let standby = server
        .standby
        .then(|| "is a standby: connect to its primary".to_owned());
    checks.unless("server", standby, "can be written to");
    let refused = made.planned.iter().filter(|planned| planned.plan.is_err());
    let refused =
        refused.map(|planned| format!("{}: {}", planned.change.of, planned.change.words()));
    let refused = listed(&refused.collect::<Vec<_>>(), "; ");
    let against = refused
        .as_ref()
        .map(|refused| format!("cannot be applied: {refused}"));
    checks.unless("plan", against, print::sum(&made).replace('\n', "; "));
    let plans = made
        .planned
        .iter()
        .filter_map(|planned| planned.plan.as_ref().ok());
    let rights = plans
        .flat_map(|plan| &plan.notes)
        .filter(|note| note.text.contains("the server will refuse"));
    let rights: Vec<String> = rights.map(|note| note.text.clone()).collect();
    checks.unless(
        "rights",
        listed(&rights, "; "),
        format!("role {} may do it all", server.role),
    );
    let runs = setup::runs(session).await?;
    for name in made.present.relations() {
        if !made
            .planned
            .iter()
            .any(|planned| planned.change.of == *name)
        {
            continue;
        }
        let jobs = made.present.jobs(name);
        let failing = runs
            .iter()
            .filter(|run| jobs.contains(&run.id) && run.succeeded == Some(false));
        let failing: Vec<String> = failing.map(|run| run.id.to_string()).collect();
        let against =
            listed(&failing, ", ").map(|jobs| format!("job {jobs} fails: look at it first"));
        checks.unless(format!("policies of {name}"), against, "none fails");
    }
    around(settings, session, checks).await?;
    if refused.is_none() {
        locks(session, made, checks).await?;
    }
    Ok(())
}

/// The Server screen's findings on standbys, replication slots and workers, which will get the load of the plan.
async fn around(settings: &Settings, session: &Session, checks: &mut Checks) -> Result<()> {
    let screens = Box::pin(show::gather(settings, session, ScreenId::Server, LATER)).await?;
    let found = gather::found_on(&screens, ScreenId::Server);
    let figures = screens.server.rows();
    for (what, names, of, good) in [
        (
            "replication lag",
            &["replication-lag"][..],
            &[&rules::SERVER_REPLICATION][..],
            "no standby is too far behind",
        ),
        (
            "replication slots",
            &["replication-slots", "lost-slots"],
            &[&rules::SERVER_SLOT],
            "none keeps too much WAL, and none is lost",
        ),
        (
            "workers",
            &["workers", "launcher", "scheduler"],
            &[
                &rules::SERVER_WORKERS,
                &rules::SERVER_LAUNCHER,
                &rules::SERVER_SCHEDULER,
            ],
            "jobs can start",
        ),
    ] {
        let against = found.iter().filter(|row| of.contains(&row.finding.rule));
        let against: Vec<String> = against.map(|row| row.finding.reason.clone()).collect();
        let hidden = figures
            .iter()
            .any(|row| names.contains(&row.name.as_str()) && row.value.is_none());
        if against.is_empty() && hidden {
            let why = format!(
                "hidden from this role: grant pg_read_all_stats to {}",
                text::quote_identifier(&session.server.role)
            );
            checks.add(State::Unknown, what, why);
        } else {
            checks.unless(what, listed(&against, "; "), good);
        }
    }
    Ok(())
}

/// Sessions that would block the plan, and errors with which the server would refuse its statements.
async fn locks(session: &Session, made: Made, checks: &mut Checks) -> Result<()> {
    let server = &session.server;
    let approved = planned::together(made.planned, String::new(), &server.database, server);
    let approved = approved.map_err(|why| anyhow::anyhow!(why.join("\n")))?;
    let seen = preview::preview(session, approved.plan).await;
    match seen.holders {
        Ok(holders) => {
            let blocking = holders.iter().filter(|holder| holder.conflicts);
            let blocking: Vec<String> = blocking
                .map(|holder| format!("{} on {}", session_of(holder.pid), holder.relation))
                .collect();
            let against = listed(&blocking, ", ").map(|who| format!("would wait for {who}"));
            checks.unless("locks", against, "no session would block it now");
        }
        Err(error) => checks.add(State::Unknown, "locks", error),
    }
    if let Some(why) = seen.refused {
        checks.add(State::Failed, "statements", why);
    }
    Ok(())
}

fn session_of(pid: i32) -> String {
    if pid == 0 {
        text::PREPARED.to_owned()
    } else {
        format!("session {pid}")
    }
}
