//! Texts about data of jobs that this role may not read, or that the server does not keep.

use super::row::{JobError, Row, Workers};
use super::schedule;
use crate::model::verdict::{Finding, Level};
use crate::model::version::Version;
use crate::model::{rules, text};
use crate::screens::policy::State;
use crate::server::known::{At, Edition, Server};

/// First version whose job history has successes, if they are logged.
const KEEPS_HISTORY: Version = Version::new(2, 15);
/// From this version on, and before `HIDES_ERRORS_AGAIN`, the view of errors shows every owner's errors to everyone.
const SHOWS_ALL_ERRORS: Version = Version::new(2, 18);
const HIDES_ERRORS_AGAIN: Version = Version {
    major: 2,
    minor: 27,
    patch: 1,
};

impl Workers {
    /// Whether all worker slots are in use.
    pub(super) fn full(self) -> bool {
        self.slots.is_some_and(|slots| self.used >= slots)
    }
}

pub(super) fn caveats(rows: &[Row], at: &At) -> Vec<String> {
    let mut said = Vec::new();
    said.extend(successes(at.server));
    said.extend(workers(rows, at));
    said.extend(schedule::unknown_zone(at));
    if rows
        .iter()
        .any(|row| row.error.as_ref().is_some_and(JobError::is_portal_fault))
    {
        said.push(format!(
            "PostgreSQL {} ends TimescaleDB's workers with SQLSTATE 24000 \"cannot drop portal\" after their work is committed: these are not failures",
            at.server.postgres_text()
        ));
    }
    if at.server.edition == Edition::Apache {
        said.push(
            "Apache edition: the scheduler starts policies, but they fail under this license"
                .to_owned(),
        );
    }
    said
}

/// Finding for the history of other owners' jobs, if this role may not read it.
pub(super) fn hidden(rows: &[Row], server: &Server) -> Option<Finding> {
    if server.owns_database || server.reads_job_history || server.superuser {
        return None;
    }
    let of_others = || rows.iter().filter(|row| !row.owned);
    let owner = &of_others().next()?.owner;
    let hidden: Vec<_> = of_others().map(|row| row.job_id.to_string()).collect();
    let named = match hidden.len() {
        ..=6 => hidden.join(", "),
        count => format!("{}, … ({count} jobs)", hidden[..5].join(", ")),
    };
    let version = server.sql_version();
    let what = if (SHOWS_ALL_ERRORS..HIDES_ERRORS_AGAIN).contains(&version) {
        "run history is"
    } else {
        "errors and run history are"
    };
    let (role, owner) = (
        text::quote_identifier(&server.role),
        text::quote_identifier(owner),
    );
    let reason = format!(
        "{what} hidden from {} for jobs of other owners: {named}. Only members of the job's owner or of the database's owner see them: GRANT {owner} TO {role}",
        server.role
    );
    Some(Finding::new(&rules::JOB_HIDDEN, Level::Unknown, reason))
}

fn successes(server: &Server) -> Option<String> {
    if server.sql_version() < KEEPS_HISTORY {
        Some(
            "TimescaleDB before 2.15 keeps the errors of runs only, no history of successes"
                .to_owned(),
        )
    } else if server.logs_job_successes {
        None
    } else {
        Some(
            "timescaledb.enable_job_execution_logging is off: the run history has failures only"
                .to_owned(),
        )
    }
}

fn workers(rows: &[Row], at: &At) -> Option<String> {
    let workers = rows.first()?.workers;
    if at.server.standby {
        return Some(
            "standby: jobs run on the primary, and their figures are as old as the last replicated WAL"
                .to_owned(),
        );
    }
    if at.server.simulated {
        return None;
    }
    let late = rows
        .iter()
        .filter(|row| row.state(at) == State::Late)
        .count();
    if workers.schedulers == 0 {
        return Some("no scheduler runs in this database: no job will start (the launcher has stopped, or no worker slot was free for the scheduler)".to_owned());
    }
    let slots = workers.slots?;
    if workers.full() {
        return Some(format!(
            "{} of {slots} background-worker slots of this server are taken (timescaledb.max_background_workers): the next job waits for a free slot (late jobs: {late})",
            workers.used
        ));
    }
    None
}
