//! A job's details: its row, configuration, errors and runs.

use anyhow::Result;
use serde::{Deserialize, Deserializer};

use super::row::{Row, started};
use super::runs;
use super::strip::LEGEND;
use crate::model::moment::{Stamp, finite};
use crate::model::text;
use crate::model::value::Value;
use crate::model::verdict::{Level, without_stop};
use crate::screens::record::{Labelled, Section, heads};
use crate::server::known::At;
use crate::server::row::{or_default, read, read_all};

/// Maximum number of errors that are shown with their whole text.
const ERRORS: usize = 50;
/// Column head by which other code recognizes the table of errors.
pub(super) const SQLSTATE: &str = "SQLSTATE";

pub(super) fn facts(row: &Row, at: &At) -> Vec<Section> {
    vec![job(row), figures(row, at)]
}

fn job(row: &Row) -> Section {
    let limit = if row.max_runtime.seconds > 0.0 {
        (&row.max_runtime).into()
    } else {
        Value::text("no limit")
    };
    let retries = if row.max_retries < 0 {
        Value::text("no limit")
    } else {
        row.max_retries.into()
    };
    let schedule = if row.fixed_schedule {
        "at fixed times"
    } else {
        "interval counted from the end of the last run"
    };
    let first = row.initial_start.and_then(Stamp::finite);
    Labelled::new("Job")
        .add("id", row.job_id)
        .add("name", row.name())
        .add("application name", row.application_name.as_str())
        .add("procedure", format!("{}.{}", row.proc_schema, row.proc))
        .add("target", row.target.clone())
        .add("owner", row.owner.as_str())
        .add("scheduled", row.scheduled)
        .add("every", &row.schedule)
        .add("schedule", schedule)
        .add("first start", first.map(moment))
        .add("time zone", row.timezone.clone())
        .add("max_runtime", limit)
        .add("max_retries", retries)
        .add("retry_period", &row.retry_period)
        .into()
}

fn figures(row: &Row, at: &At) -> Section {
    let last = row.statistics.as_ref();
    let finish = last.and_then(|of| of.last_finish);
    let next = last.and_then(|of| of.next_start);
    Labelled::new("Runs")
        .add("state", row.state(at).name())
        .add("worker pid", row.pid)
        .add("running for", row.running_seconds(at).map(Value::Seconds))
        .add("last status", row.last_run_status())
        .add("last start", started(row).map(moment))
        .add("last end", finish.map(moment))
        .add("last run took", row.run_seconds().map(Value::Seconds))
        .add(
            "average of successes",
            row.average_seconds().map(Value::Seconds),
        )
        .add("next start", next.map(moment))
        .some("newest runs, the last run at the end", newest(row, at))
        .add("runs", row.count(|of| of.total_runs))
        .add("successes", row.count(|of| of.total_successes))
        .add("failures", row.count(|of| of.total_failures))
        .add("crashes", row.crashes())
        .add(
            "failures in a row",
            row.count(|of| of.consecutive_failures.into()),
        )
        .into()
}

/// The newest runs with a legend; `None`: no runs.
fn newest(row: &Row, at: &At) -> Option<String> {
    match row.newest_runs(at) {
        Value::Picture(runs, _) => Some(format!("{runs}  ({LEGEND})")),
        _ => None,
    }
}

fn moment(stamp: Stamp) -> String {
    text::moment(stamp)
}

#[derive(Deserialize)]
struct Configuration {
    config: Option<String>,
    check_function: Option<String>,
}

pub(super) fn configuration(
    _row: &Row,
    rows: &[tokio_postgres::Row],
    _at: &At,
) -> Result<Vec<Section>> {
    let Some(found) = rows.first() else {
        return Ok(vec![Section::text(
            "Configuration",
            "the job no longer exists",
        )]);
    };
    let Configuration {
        config,
        check_function,
    } = read(found)?;
    let mut text = config.unwrap_or_else(|| "none".to_owned());
    if let Some(check) = check_function {
        text.push_str("\nchecked by ");
        text.push_str(&check);
    }
    Ok(vec![Section::text("Configuration", text)])
}

#[derive(Deserialize)]
struct Run {
    #[serde(deserialize_with = "plausible")]
    started: Option<Stamp>,
    #[serde(deserialize_with = "plausible")]
    finished: Option<Stamp>,
    #[serde(deserialize_with = "or_default")]
    succeeded: bool,
    sqlstate: Option<String>,
    message: Option<String>,
    pid: Option<i32>,
}

/// Ignores times before 2001: a killed worker may leave a time in the year 2000.
fn plausible<'de, D: Deserializer<'de>>(stamp: D) -> Result<Option<Stamp>, D::Error> {
    Ok(finite(stamp)?.filter(|stamp| *stamp > Y2001))
}

impl Run {
    fn seconds(&self) -> Value {
        match (self.started, self.finished) {
            (Some(start), Some(finish)) => Value::Seconds(finish.seconds_since(start)),
            _ => Value::Null,
        }
    }

    fn when(&self) -> Value {
        self.started.or(self.finished).map(moment).into()
    }
}

/// 2001-01-01.
const Y2001: Stamp = Stamp(978_307_200_000_000);

pub(super) fn history(row: &Row, rows: &[tokio_postgres::Row], at: &At) -> Result<Vec<Section>> {
    let runs: Vec<Run> = read_all(rows)?;
    let began = |run: &Run| Some((run.started.or(run.finished)?, run.succeeded));
    let began: Vec<_> = runs.iter().filter_map(began).collect();
    let logged = at.server.logs_job_successes;
    Ok(vec![
        runs::axis(row, &began, logged, at.now),
        errors(row, &runs, at),
        past(row, &runs, at),
    ])
}

fn errors(row: &Row, runs: &[Run], at: &At) -> Section {
    let failed: Vec<_> = runs
        .iter()
        .filter(|run| !run.succeeded)
        .take(ERRORS)
        .collect();
    if failed.is_empty() {
        return Section::text("Errors", why_none(row, at));
    }
    Section::Grid {
        title: "Errors, newest first".to_owned(),
        heads: heads(["STARTED (UTC)", "TOOK", SQLSTATE, "MESSAGE, DETAIL, HINT"]),
        rows: failed
            .iter()
            .map(|run| {
                let message = run
                    .message
                    .as_deref()
                    .map_or("crashed: see the server's log", without_stop);
                vec![
                    run.when(),
                    run.seconds(),
                    run.sqlstate.clone().into(),
                    message.into(),
                ]
            })
            .collect(),
        levels: vec![Level::Warning; failed.len()],
    }
}

fn why_none(row: &Row, at: &At) -> String {
    let hidden = !row.owned && !at.server.owns_database && !at.server.superuser;
    let failures = row.statistics.as_ref().map_or(0, |of| of.total_failures);
    match (hidden, failures) {
        (true, _) => format!(
            "hidden from {}: TimescaleDB shows the history of a job to members of the job's owner ({}) and of the database's owner",
            at.server.role, row.owner
        ),
        (false, 0) => "none".to_owned(),
        (false, count) => format!(
            "none on record, although failures are counted ({count}): errors are kept for a month, and TimescaleDB before 2.15 records none for a killed run"
        ),
    }
}

fn past(row: &Row, runs: &[Run], at: &At) -> Section {
    if at.server.sql_version() < crate::model::version::Version::new(2, 15) {
        return Section::text(
            "Run history",
            "TimescaleDB before 2.15 keeps failed runs only",
        );
    }
    if runs.is_empty() {
        return Section::text(
            "Run history",
            if at.server.logs_job_successes {
                why_none(row, at)
            } else {
                format!(
                    "{}; successes are not logged: timescaledb.enable_job_execution_logging is off",
                    why_none(row, at)
                )
            },
        );
    }
    let title = if at.server.logs_job_successes {
        "Run history, newest first"
    } else {
        "Run history, newest first (successes are not logged: timescaledb.enable_job_execution_logging is off)"
    };
    Section::Grid {
        title: title.to_owned(),
        heads: heads(["STARTED (UTC)", "TOOK", "OUTCOME", "PID"]),
        rows: runs
            .iter()
            .map(|run| {
                let outcome = if run.succeeded { "success" } else { "failed" };
                vec![
                    run.when(),
                    run.seconds(),
                    outcome.into(),
                    run.pid.map(|pid| pid.to_string()).into(),
                ]
            })
            .collect(),
        levels: runs
            .iter()
            .map(|run| {
                if run.succeeded {
                    Level::Ok
                } else {
                    Level::Warning
                }
            })
            .collect(),
    }
}
