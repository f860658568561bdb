//! The doctor's step for background workers: launcher, scheduler, and whether there are enough workers for the jobs of all databases that
//! may start together.

use anyhow::Result;
use serde::Deserialize;

use super::step::Step;
use crate::connect;
use crate::connect::conninfo::Settings;
use crate::model::rules;
use crate::model::screen_id::ScreenId;
use crate::model::text;
use crate::model::verdict::{Finding, Level};
use crate::model::version::Version;
use crate::screens::jobs::{Demand, Row, demand};
use crate::screens::{Rows, Screens, gather};
use crate::server::known::At;
use crate::server::row;
use crate::server::session::{Session, ask};
use crate::server::sql::{Query, query};

const DATABASES: Query = query!("doctor_databases");

/// Maximum number of databases whose jobs are read.
const MOST: usize = 50;

#[derive(Debug, Deserialize)]
struct Database {
    name: String,
    opens: bool,
}

/// The jobs of the other databases.
#[derive(Default)]
struct Others {
    rows: Vec<Row>,
    /// Number of other databases that have jobs.
    read: usize,
    /// Databases that could not be read, with the reason.
    unread: Vec<String>,
}

pub(super) async fn step(settings: &Settings, session: &Session, screens: &Screens) -> Step {
    let server = &session.server;
    let at = At {
        now: server.clock,
        server,
    };
    let step = Step::lines("workers", Vec::new());
    if server.simulated {
        return Step::skipped("workers", "the stand-in's jobs are not run by workers");
    }
    if server.timescaledb.is_none() {
        return Step::skipped("workers", "TimescaleDB is not in this database");
    }
    let others = match others(settings, session).await {
        Ok(others) => others,
        Err(error) => return Step::undecided("workers", format!("{error:#}")),
    };
    let step = found(screens, step);
    let (here, read) = (screens.jobs.rows(), others.read);
    let mut rows = here.to_vec();
    // The limits of workers belong to the whole server, so all rows get the limits that were read in this database.
    let workers = here.first().map(|row| row.workers);
    rows.extend(others.rows.into_iter().map(|row| Row {
        workers: workers.unwrap_or(row.workers),
        ..row
    }));
    let step = compared(step, &demand(rows, &at), read + 1);
    if others.unread.is_empty() {
        return step;
    }
    step.and(format!(
        "jobs of these databases are not counted: {}",
        others.unread.join("; ")
    ))
}

/// Compares the workers that the schedules need with the workers that the server allows.
fn compared(mut step: Step, demand: &Demand, databases: usize) -> Step {
    let jobs = i64::try_from(demand.planned).unwrap_or(i64::MAX);
    step = step.and(format!(
        "{} scheduled in {}, for {} ({})",
        text::plural(jobs, "job"),
        text::plural_of(databases, "database"),
        demand
            .free
            .map_or("an unknown number of workers".to_owned(), |free| {
                text::plural(free, "worker")
            }),
        demand.limits,
    ));
    step = step.and(format!(
        "these jobs keep {:.1} workers busy on average (by the mean duration of their runs)",
        demand.busy
    ));
    if demand.free.is_some_and(|free| jobs > free) && demand.crowd.is_none() {
        step = step.and(
            "there are fewer workers than jobs, but by the schedules not all jobs run at the same time",
        );
    }
    if let Some(crowd) = &demand.crowd {
        step = step.and(crowd.clone()).warn("raise timescaledb.max_background_workers (and max_worker_processes with it) and restart, or let some jobs start at other times");
    }
    let is_more = |free: i64| {
        #[expect(clippy::cast_precision_loss, reason = "the number of workers is small")]
        let free = free as f64;
        demand.busy > free
    };
    if demand.free.is_some_and(is_more) {
        step = step.fail(
            "the jobs need more workers than there are: raise timescaledb.max_background_workers (and max_worker_processes with it) and restart, or schedule jobs less often",
        );
    }
    step
}

/// Adds the Server screen's findings on the launcher, the scheduler, the limits of workers, and TimescaleDB's settings.
fn found(screens: &Screens, mut step: Step) -> Step {
    let about = [
        &rules::SERVER_LAUNCHER,
        &rules::SERVER_SCHEDULER,
        &rules::SERVER_WORKERS,
        &rules::SERVER_PROCESSES,
    ];
    let mut restores = false;
    let rows = gather::found_on(screens, ScreenId::Server);
    let is_about = |finding: &Finding| {
        about.contains(&finding.rule)
            || finding.rule == &rules::SERVER_SETTING && finding.reason.contains("timescaledb.")
    };
    for finding in rows.into_iter().map(|row| row.finding) {
        if !is_about(&finding) {
            continue;
        }
        // The step `extension` already reports a restore.
        if finding.reason.contains("timescaledb_post_restore()") {
            restores = true;
            continue;
        }
        let (what, fix) = match finding.reason.split_once(". ") {
            Some((what, fix)) => (what.to_owned(), fix.to_owned()),
            None => (finding.reason.clone(), String::new()),
        };
        let step_with = step.and(what);
        step = match finding.level {
            Level::Critical => step_with.fail(fix),
            _ => step_with.warn(fix),
        };
    }
    if restores {
        step = step.and("no job runs until the restore is over (see extension)");
    } else if step.evidence.is_empty() {
        step = step.and("launcher and scheduler run");
    }
    step
}

/// Reads the jobs of the other databases of this server, one after the other.
async fn others(settings: &Settings, session: &Session) -> Result<Others> {
    let client = &session.connected.client;
    let found = ask(client, DATABASES.text(Version::new(0, 0)), &[]).await?;
    let all: Vec<Database> = row::read_all(&found)?;
    let mut others = Others::default();
    for (nth, database) in all.into_iter().enumerate() {
        let name = database.name;
        if nth >= MOST {
            others
                .unread
                .push(format!("databases after the first {MOST}"));
            break;
        }
        if !database.opens {
            let role = text::quote_identifier(&session.server.role);
            let quoted = text::quote_identifier(&name);
            others.unread.push(format!(
                "{name:?} (GRANT CONNECT ON DATABASE {quoted} TO {role} shows its jobs)"
            ));
            continue;
        }
        match jobs_of(settings, session, &name).await {
            Ok(rows) => {
                others.read += usize::from(!rows.is_empty());
                others.rows.extend(rows);
            }
            Err(error) => others.unread.push(format!("{name:?} ({error:#})")),
        }
    }
    Ok(others)
}

async fn jobs_of(settings: &Settings, session: &Session, database: &str) -> Result<Vec<Row>> {
    let there = Settings {
        dbname: database.to_owned(),
        ..settings.clone()
    };
    let password = session.connected.password.as_deref();
    let other = Session::start(connect::again(&there, password).await?).await?;
    if other.server.timescaledb.is_none() || other.server.simulated {
        return Ok(Vec::new());
    }
    match other.load(ScreenId::Jobs).await? {
        Rows::Jobs(rows) => Ok(rows),
        _ => Ok(Vec::new()),
    }
}
