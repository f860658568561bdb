//! `hypertop check`: the Overview's findings for monitoring systems, as exit code and text.

mod figures;
mod lines;
mod metrics;
mod options;
mod outcome;
mod selection;
mod textfile;

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value as Json, json};

use crate::config;
use crate::connect;
use crate::connect::conninfo;
use crate::connect::conninfo::{Flags, Settings, Surroundings};
use crate::connect::{ConnectError, FailureKind};
use crate::journal::Journal;
use crate::model::screen_id::ScreenId;
use crate::model::verdict::{Finding, Level};
use crate::model::{rules, text, threshold_settings};
use crate::run::check::figures::Figures;
use crate::run::check::metrics::{Dialect, Seen};
pub use crate::run::check::options::Options;
use crate::run::check::options::{Acknowledged, Format, NoticeAs, WhenDown};
use crate::run::check::outcome::{Checked, Outcome, severity};
use crate::run::check::selection::Selection;
use crate::run::show;
use crate::screens::gather;
use crate::screens::overview::Row;
use crate::server::known::At;
use crate::server::session::Session;

/// Exit code of a check that could not be made. 2 would alert as critical.
pub const UNKNOWN: u8 = 3;
/// Part of the time limit that is kept for printing the answer.
const MARGIN: Duration = Duration::from_millis(300);

/// Runs the check; returns its text and exit code. An error becomes UNKNOWN.
pub async fn check(flags: &Flags, around: &Surroundings, options: &Options) -> (String, u8) {
    let begun = Instant::now();
    let mut checked = checked(flags, around, options, begun).await;
    if let Some(path) = &options.textfile
        && !matches!(checked, Ok(Checked::List(_)))
        && let Err(error) = textfile::write(path, &checked)
    {
        checked = Err(error);
    }
    match checked {
        Ok(Checked::List(text)) => (text, 0),
        Ok(Checked::Found(outcome)) => {
            let code = exit_code(outcome.level);
            if options.quiet && code == 0 {
                return (String::new(), code);
            }
            (printed(options, &outcome), code)
        }
        Ok(Checked::Down(error)) => match options.when_down {
            WhenDown::Critical => (failed(options, Level::Critical, &error), 2),
            WhenDown::Unknown => (failed(options, Level::Unknown, &error), UNKNOWN),
        },
        Err(error) => (
            failed(options, Level::Unknown, &format!("{error:#}")),
            UNKNOWN,
        ),
    }
}

async fn checked(
    flags: &Flags,
    around: &Surroundings,
    options: &Options,
    begun: Instant,
) -> Result<Checked> {
    let selection = Selection::new(options)?;
    let (mut config, wrong) = config::read(around);
    if let Some(wrong) = wrong {
        // If config.toml is broken, its thresholds and trusted owners are unknown.
        anyhow::bail!("{wrong}");
    }
    for written in &options.threshold {
        let (key, value) = threshold_settings::one(written).map_err(anyhow::Error::msg)?;
        config.thresholds.all.set(&key, value);
    }
    if options.list {
        return Ok(Checked::List(selection::list(
            &selection,
            &config.thresholds,
        )));
    }
    let mut settings = conninfo::resolve(flags, around)?;
    settings.trust = config.trust(&settings.user);
    // A check has no user who could type a password.
    settings.never_ask = true;
    settings.ask_first = false;
    let left = || options.timeout.saturating_sub(begun.elapsed());
    let mut session = match tokio::time::timeout(left(), connected(&settings)).await {
        Ok(Ok(session)) => session,
        Ok(Err(error)) => return down_or_wrong(error),
        Err(_) => return Ok(Checked::Down(format!("no answer within {}", took(options)))),
    };
    session.server.thresholds = config.thresholds;
    if options.acknowledged == Acknowledged::Skip {
        session.journal = Journal::of(around);
    }
    let room = left().saturating_sub(MARGIN);
    let found = found(&settings, &session, options, &selection, room);
    let Ok(found) = tokio::time::timeout(left(), Box::pin(found)).await else {
        // Without a cancel the server would continue the statement until its time limit.
        let _ = tokio::time::timeout(MARGIN, session.connected.canceller()).await;
        anyhow::bail!(
            "the findings were not read within {}: raise --timeout, or leave rules out with --only",
            took(options)
        );
    };
    let mut found = found?;
    found.figures.seconds(begun.elapsed());
    Ok(Checked::Found(Box::new(found)))
}

fn took(options: &Options) -> humantime::FormattedDuration {
    humantime::format_duration(options.timeout)
}

async fn connected(settings: &Settings) -> Result<Session> {
    let connected = connect::again(settings, None).await?;
    Session::start(connected).await
}

/// If a server answers but a check cannot log in without a password, the result is UNKNOWN, not "down".
fn down_or_wrong(error: anyhow::Error) -> Result<Checked> {
    let kind = error.downcast_ref::<ConnectError>().map(|error| error.kind);
    match kind {
        Some(FailureKind::NoPassword) => {
            Err(error.context("a check never asks for a password: put it into ~/.pgpass"))
        }
        Some(_) => Ok(Checked::Down(format!("{error:#}"))),
        None => Err(error),
    }
}

async fn found(
    settings: &Settings,
    session: &Session,
    options: &Options,
    selection: &Selection<'_>,
    room: Duration,
) -> Result<Outcome> {
    let begun = Instant::now();
    let screens = Box::pin(show::gather(settings, session, ScreenId::Overview, room)).await?;
    let (now, _) = session.pulse(ScreenId::Overview).await?;
    let server = &session.server;
    let at = At { now, server };
    let mut notes = Vec::new();
    let mut rows = gather::all(&screens, &at);
    let unread = gather::unread(&screens, &at);
    let json = json!({
        "server": show::server(server, now),
        "findings": show::rows(&rows, &at),
        "unread": &unread,
    });
    // A figure that was not read becomes a finding, because its absence would look like health.
    rows.extend(unread.into_iter().map(|reason| {
        let finding = Finding::new(&rules::FIGURES_UNREAD, Level::Unknown, reason);
        Row::of_role(ScreenId::Overview, server, finding)
    }));
    if options.acknowledged == Acknowledged::Skip {
        let (left, said) = show::left(session, rows, now).await;
        rows = left;
        notes.extend(said);
    }
    let hides = |name: &&str| name.ends_with("-hidden") || *name == rules::FIGURES_UNREAD.name;
    let hidden = rows
        .iter()
        .map(|row| row.finding.rule.name)
        .filter(hides)
        .collect();
    let (mut rows, accepted) = selection.split(rows);
    notes.extend(accepted);
    rows.sort_by_key(|row| std::cmp::Reverse(severity(row.finding.level)));
    let counts = |row: &Row| counted(row.finding.level, options.notice_as);
    let level = rows.iter().map(counts).max_by_key(|level| severity(*level));
    let figures = Figures::of(&screens, &rows, &at);
    let seen = Seen {
        screens: &screens,
        rows: &rows,
        hidden,
        at: &at,
        took: begun.elapsed(),
    };
    let most = options.max_series;
    let metrics = match options.format {
        Format::Prometheus => Some(metrics::written(&seen, Dialect::Prometheus, most)),
        Format::Openmetrics => Some(metrics::written(&seen, Dialect::OpenMetrics, most)),
        Format::Nagios | Format::Text | Format::Json => None,
    };
    let textfile = options.textfile.as_ref();
    let textfile = textfile.map(|_| metrics::written(&seen, Dialect::Prometheus, most));
    Ok(Outcome {
        level: level.unwrap_or(Level::Ok),
        rows,
        notes,
        figures,
        metrics,
        textfile,
        json,
    })
}

/// The level at which a finding counts, with `--notice-as`.
fn counted(level: Level, notice_as: NoticeAs) -> Level {
    match (level, notice_as) {
        (Level::Notice, NoticeAs::Warning) => Level::Warning,
        (Level::Notice, NoticeAs::Critical) => Level::Critical,
        (Level::Notice, NoticeAs::Ok) => Level::Ok,
        (level, _) => level,
    }
}

fn exit_code(level: Level) -> u8 {
    match level {
        Level::Ok | Level::Notice => 0,
        Level::Warning => 1,
        Level::Critical => 2,
        Level::Unknown => UNKNOWN,
    }
}

fn printed(options: &Options, outcome: &Outcome) -> String {
    match options.format {
        Format::Nagios => lines::nagios(outcome, options.max_bytes),
        Format::Text => lines::text(outcome),
        Format::Prometheus | Format::Openmetrics => outcome.metrics.clone().unwrap_or_default(),
        Format::Json => {
            let mut whole = outcome.json.clone();
            whole["status"] = outcome.level.name().into();
            whole["exit"] = exit_code(outcome.level).into();
            whole["counted"] = outcome.rows.len().into();
            whole["notes"] = json!(outcome.notes);
            whole["figures"] = outcome.figures.json();
            pretty(&whole)
        }
    }
}

/// The text of a check that could not be made.
fn failed(options: &Options, level: Level, error: &str) -> String {
    match options.format {
        Format::Json => pretty(&json!({
            "status": level.name(),
            "exit": exit_code(level),
            "error": error,
        })),
        Format::Prometheus => metrics::down(None, Dialect::Prometheus),
        Format::Openmetrics => metrics::down(None, Dialect::OpenMetrics),
        Format::Nagios | Format::Text => lines::failed(level, error),
    }
}

fn pretty(json: &Json) -> String {
    let mut text = String::new();
    let _ = write!(text, "{json:#}");
    text::printable_json(text) + "\n"
}

/// The text for a wrong command line.
pub fn refused(error: &str) -> String {
    lines::failed(Level::Unknown, error)
}
