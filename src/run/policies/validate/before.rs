//! Checks whether a policy file can be applied now.

use anyhow::Result;

use crate::actions::preview;
use crate::actions::setup::planned;
use crate::model::screen_id::ScreenId;
use crate::model::setup::file::Wanted;
use crate::model::{rules, text};
use crate::run::show;
use crate::screens::{Screens, gather};
use crate::server::known::{At, NEWEST_KNOWN, OLDEST_KNOWN, Server};
use crate::server::session::Session;
use crate::server::setup;
use crate::server::validate::Object;

use super::super::made::{Made, Reading};
use super::super::print;
use super::super::saved::Saved;
use super::check::{Checks, State, listed};
use super::here::Here;
use super::machine::Known;
use super::options::Options;
use super::{backup, objects, room};

/// Oldest supported version of PostgreSQL, as `server_version_num`.
const OLDEST_POSTGRES: i32 = 130_000;

pub(super) async fn before(
    here: &Here,
    options: &Options,
    (wanted, saved): (&Wanted, Option<&Saved>),
    machine: &Known,
    checks: &mut Checks,
) -> Result<()> {
    let session = &here.session;
    let server = &session.server;
    versions(server, checks);
    let standby = server
        .standby
        .then(|| "is a standby: connect to its primary".to_owned());
    checks.unless("server", standby, "can be written to");
    let present = setup::read(session).await?;
    let found = objects::read(session, wanted, &present).await?;
    objects::check(wanted, &present, &found, &server.role, checks);
    let screens = Box::pin(show::gather_overview(&here.settings, session)).await?;
    let reading = Reading::by(&here.settings, session, here.read_only);
    let reading = reading.pruning(saved.is_some_and(|saved| saved.prune));
    match reading.make_from(wanted, present).await {
        Ok(made) => planned_checks(here, made, saved, (&found, &screens, machine), checks).await?,
        Err(error) if session.connected.client.is_closed() => return Err(error),
        Err(error) => {
            let why = format!("{error:#}").replace('\n', "; ");
            checks.add(State::Failed, "plan", why);
        }
    }
    backup::check(session, options.backup_age, options.i_have_a_backup, checks).await?;
    window(here, options, checks).await?;
    around(session, &screens, checks);
    transactions(server, &screens, checks);
    Ok(())
}

fn versions(server: &Server, checks: &mut Checks) {
    let state = State::of(server.postgres >= OLDEST_POSTGRES);
    let seen = format!("PostgreSQL {}", server.postgres_text());
    checks.add(state, "PostgreSQL", seen).expected = Some("13 or newer".to_owned());
    let Some(version) = server.timescaledb else {
        return;
    };
    let state = match (version.major, version.minor) {
        this if this < (OLDEST_KNOWN.major, OLDEST_KNOWN.minor) => State::Failed,
        this if this > (NEWEST_KNOWN.major, NEWEST_KNOWN.minor) => State::Unknown,
        _ => State::Ok,
    };
    let (oldest, newest) = (OLDEST_KNOWN, NEWEST_KNOWN);
    let known = format!(
        "{}.{} to {}.{}",
        oldest.major, oldest.minor, newest.major, newest.minor
    );
    let seen = format!("TimescaleDB {version}; hypertop knows the versions {known}");
    checks.add(state, "version", seen).expected = Some(known);
}

/// The checks that need the plan.
async fn planned_checks(
    here: &Here,
    made: Made,
    saved: Option<&Saved>,
    (objects, screens, machine): (&[Object], &Screens, &Known),
    checks: &mut Checks,
) -> Result<()> {
    let session = &here.session;
    let refused = made.planned.iter().filter(|planned| planned.is_refused());
    let refused =
        refused.map(|planned| format!("{}: {}", planned.change.of, planned.change.words()));
    let refused = listed(&refused.collect::<Vec<_>>(), "; ");
    let against = refused.map(|refused| format!("cannot be applied: {refused}"));
    checks.unless("plan", against, print::sum(&made).replace('\n', "; "));
    let plans = made
        .planned
        .iter()
        .filter_map(|planned| planned.plan.as_ref().ok());
    let refusals = plans
        .flat_map(|plan| &plan.notes)
        .filter(|note| note.text.contains("the server will refuse"));
    let refusals: Vec<String> = refusals.map(|note| note.text.clone()).collect();
    if let Some(against) = listed(&refusals, "; ") {
        checks.add(State::Failed, "rights for the plan", against);
    }
    jobs(session, &made, screens, checks).await?;
    room::locks(&made, objects, screens, checks);
    room::workers(&made, screens, checks);
    room::disk(session, &made, machine, checks).await?;
    holders(session, made, saved, checks).await
}

/// Checks that no policy of the plan's objects is running or failing.
async fn jobs(
    session: &Session,
    made: &Made,
    screens: &Screens,
    checks: &mut Checks,
) -> Result<()> {
    let (now, _) = session.pulse(ScreenId::Jobs).await?;
    let at = At {
        now,
        server: &session.server,
    };
    for name in made.present.relations() {
        let mut planned = made.planned.iter();
        if !planned.any(|planned| planned.change.of == *name) {
            continue;
        }
        let own = made.present.jobs(name);
        let rows = screens.jobs.rows().iter();
        let mut against = Vec::new();
        for row in rows.filter(|row| own.contains(&i64::from(row.job_id))) {
            let id = row.job_id;
            if row.pid.is_some() {
                against.push(format!("job {id} runs now: wait for its end"));
            }
            if let Some(why) = super::runs::failing(row, &at) {
                against.push(format!("job {id} fails: find the cause first ({why})"));
            }
        }
        checks.unless(
            format!("policies of {name}"),
            listed(&against, "; "),
            "none runs or fails",
        );
    }
    Ok(())
}

/// Checks that the Server screen has no findings on standbys, replication slots and workers, because the plan adds load to all of them.
fn around(session: &Session, screens: &Screens, checks: &mut Checks) {
    let found = gather::found_on(screens, ScreenId::Server);
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
            checks.add(State::Unknown, what, hidden_from(&session.server));
        } else {
            checks.unless(what, listed(&against, "; "), good);
        }
    }
}

fn hidden_from(server: &Server) -> String {
    format!(
        "hidden from this role: grant pg_read_all_stats to {}",
        text::quote_identifier(&server.role)
    )
}

/// Checks the age of the oldest transaction. If it holds a lock that the plan needs, the plan waits, and meanwhile blocks other sessions.
fn transactions(server: &Server, screens: &Screens, checks: &mut Checks) {
    let limit = server.thresholds.all.long_transaction;
    let mut figures = screens.server.rows().iter();
    let oldest = figures.find(|row| row.name == "oldest-transaction");
    let oldest = oldest.and_then(|row| Some((row.value?, row)));
    let expected = format!("younger than {}", text::duration(limit));
    let what = "oldest transaction";
    match oldest {
        Some((age, row)) if age > limit => {
            let session = row.pid.map(|pid| format!("session {pid}"));
            let who: Vec<_> = session.into_iter().chain(row.about.clone()).collect();
            let who = match who.join(", ") {
                none if none.is_empty() => none,
                who => format!(" ({who})"),
            };
            let seen = format!(
                "{} old{who}: end it, or wait for its end",
                text::duration(age.floor())
            );
            checks.compare(false, what, expected, seen);
        }
        _ if !server.reads_all_stats => {
            checks
                .add(State::Unknown, what, hidden_from(server))
                .expected = Some(expected);
        }
        Some((age, _)) => {
            let seen = format!("{} old", text::duration(age.floor()));
            checks.compare(true, what, expected, seen);
        }
        None => checks.compare(true, what, expected, "there is none"),
    }
}

/// Checks whether the present time is in the hours of `--window`.
async fn window(here: &Here, options: &Options, checks: &mut Checks) -> Result<()> {
    let Some(window) = &options.window else {
        return Ok(());
    };
    let server = &here.session.server;
    let zone = &server.time_zone;
    let hours = format!("{} ({})", window.hours(), window.zone(zone));
    if !window.is_known(zone) {
        let seen = format!(
            "this machine does not know the time zone {}",
            window.zone(zone)
        );
        checks.add(State::Unknown, "window", seen).expected = Some(hours);
        return Ok(());
    }
    let now = here.now().await?;
    let open = window.until(now, zone);
    let seen = match open {
        Some(end) => format!("it is open until {}", text::moment(end)),
        None => format!("it is closed now, {}", text::moment(now)),
    };
    checks.compare(open.is_some(), "window", hours, seen);
    Ok(())
}

/// Checks which sessions would block the plan, which statements the server would refuse, and whether a saved plan still equals the plan
/// made now.
async fn holders(
    session: &Session,
    made: Made,
    saved: Option<&Saved>,
    checks: &mut Checks,
) -> Result<()> {
    let server = &session.server;
    let possible = made.planned.into_iter();
    let possible = possible.filter(|planned| planned.plan.is_ok()).collect();
    let approved = planned::together(possible, String::new(), &server.database, server);
    let mut approved = approved.map_err(|why| anyhow::anyhow!(why.join("\n")))?;
    if let Some(saved) = saved {
        approved.place = Some(session.place().await?.clone());
        let still = saved.is_still(&approved);
        let against = still.err().map(|error| format!("{error:#}"));
        checks.unless(
            "saved plan",
            against,
            "the database has not changed since the plan was saved",
        );
    }
    let seen = preview::preview(session, approved.plan).await;
    match seen.holders {
        Ok(holders) => {
            let blocking = holders.iter().filter(|holder| holder.conflicts);
            let mut blocking: Vec<String> = blocking
                .map(|holder| format!("{} on {}", session_of(holder.pid), holder.relation))
                .collect();
            blocking.extend(seen.blocking.more_than(blocking.len()));
            let against = listed(&blocking, ", ").map(|who| format!("would wait for {who}"));
            checks.unless("locks", against, "no session would block the plan now");
        }
        Err(error) => {
            checks.add(State::Unknown, "locks", error);
        }
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
