//! `hypertop check`: the Overview's findings for monitoring systems, as exit code and text.

mod collector;
mod failure;
mod figures;
mod fleet;
mod lines;
mod listen;
mod look;
mod metrics;
mod options;
mod outcome;
mod selection;
#[cfg(test)]
mod tests;
mod textfile;

use std::fmt::Write as _;

use serde_json::{Value as Json, json};
use tokio::time::Instant;

use self::failure::Failure;
use self::fleet::Fleet;
use self::metrics::{Dialect, at_most, written};
pub use self::options::Options;
use self::options::{Acknowledged, Format, WhenDown};
use self::outcome::Outcome;
use self::selection::Selection;
use crate::config;
use crate::config::Config;
use crate::connect::conninfo;
use crate::connect::conninfo::{Flags, Surroundings};
use crate::journal::Journal;
use crate::model::verdict::Level;
use crate::model::{text, threshold_settings};
use crate::run::doctor;

/// Exit code of a check that could not run. Code 2 would be a critical alert.
pub const UNKNOWN: u8 = 3;

/// Runs the check, and returns its output and exit code. If the check cannot run, the exit code is [`UNKNOWN`]. With
/// `--when-down critical`, the exit code is that of a critical finding if the server is down.
pub async fn check(flags: &Flags, around: &Surroundings, options: &Options) -> (String, u8) {
    let begun = Instant::now();
    let config = match config(around, options) {
        Ok(config) => config,
        Err(failure) => return ended(options, &failure, None),
    };
    let selection = match Selection::new(options) {
        Ok(selection) => selection,
        Err(error) => return ended(options, &error.into(), None),
    };
    if options.list {
        return (selection::list(&selection, &config.thresholds), 0);
    }
    let mut fleet = match fleet(flags, around, options, config) {
        Ok(fleet) => fleet,
        Err(error) => {
            let failure = Failure::from(error).and(&doctor::advice(flags));
            return ended(options, &failure, None);
        }
    };
    if let Some(at) = options.listen {
        return match listen::serve(at, &mut fleet, &selection, options).await {
            Ok(()) => (String::new(), 0),
            Err(error) => (refused(&format!("{error:#}")), UNKNOWN),
        };
    }
    let until = begun + options.timeout;
    let collected = Box::pin(fleet.collect(&selection, until, false)).await;
    let outcome = match collected {
        Ok(collected) if collected.in_time => Ok(collected.outcome),
        Ok(_) => Err(Failure::Wrong(format!(
            "the findings were not read within {}: raise --timeout",
            humantime::format_duration(options.timeout)
        ))),
        Err(failure) => Err(failure.and(&doctor::advice(flags))),
    };
    match outcome {
        Ok(mut outcome) => {
            outcome.figures.seconds(begun.elapsed());
            reported(options, outcome)
        }
        Err(failure) => ended(options, &failure, Some(fleet.database())),
    }
}

/// The user's configuration, with the thresholds that were given on the command line.
fn config(around: &Surroundings, options: &Options) -> Result<Config, Failure> {
    let (mut config, wrong) = config::read(around);
    if let Some(wrong) = wrong {
        // Without the thresholds and trusted owners in config.toml, the findings could be wrong.
        return Err(Failure::Wrong(wrong));
    }
    for written in &options.threshold {
        let (key, value) = threshold_settings::one(written).map_err(Failure::Wrong)?;
        config.thresholds.all.set(&key, value);
    }
    Ok(config)
}

fn fleet<'a>(
    flags: &Flags,
    around: &Surroundings,
    options: &'a Options,
    config: Config,
) -> anyhow::Result<Fleet<'a>> {
    let mut settings = conninfo::resolve(flags, around)?;
    settings.trust = config.trust(&settings.user);
    // A check runs without a user who could type a password.
    settings.never_ask = true;
    settings.ask_first = false;
    let skips = options.acknowledged == Acknowledged::Skip;
    let journal = skips.then(|| Journal::of(around)).flatten();
    Ok(Fleet::new(options, settings, config, journal))
}

/// Writes the metrics file, if any, and returns the output.
fn reported(options: &Options, mut outcome: Outcome) -> (String, u8) {
    outcome.metrics = at_most(std::mem::take(&mut outcome.metrics), options.max_series);
    if let Some(path) = &options.textfile {
        let text = written(&outcome.metrics, Dialect::Prometheus);
        if let Err(error) = textfile::write(path, &text) {
            let failure = Failure::from(error);
            return (
                failed(options, Level::Unknown, failure.words(), None),
                UNKNOWN,
            );
        }
    }
    let code = exit_code(outcome.level);
    if options.quiet && code == 0 {
        return (String::new(), code);
    }
    (printed(options, &outcome), code)
}

/// The output and exit code of a check that could not run. The metrics file, if there is one, gets `hypertop_up 0`.
fn ended(options: &Options, failure: &Failure, database: Option<&str>) -> (String, u8) {
    if let Some(path) = &options.textfile
        && let Err(error) = textfile::write(path, &textfile::of_failure(path, database))
    {
        let words = format!("{error:#}\n{}", failure.words());
        return (failed(options, Level::Unknown, &words, database), UNKNOWN);
    }
    let down = matches!(failure, Failure::Down(_));
    let level = match options.when_down {
        WhenDown::Critical if down => Level::Critical,
        _ => Level::Unknown,
    };
    let text = failed(options, level, failure.words(), database);
    (text, exit_code(level))
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
        Format::Prometheus => written(&outcome.metrics, Dialect::Prometheus),
        Format::Openmetrics => written(&outcome.metrics, Dialect::OpenMetrics),
        Format::Json => {
            let mut whole = outcome.json.clone();
            whole["status"] = outcome.level.name().into();
            whole["exit"] = exit_code(outcome.level).into();
            whole["counted"] = outcome.found.len().into();
            whole["notes"] = json!(outcome.notes);
            whole["figures"] = outcome.figures.json();
            pretty(&whole)
        }
    }
}

/// The text of a check that could not run.
fn failed(options: &Options, level: Level, error: &str, database: Option<&str>) -> String {
    let down = || metrics::down(database, None);
    match options.format {
        Format::Json => pretty(&json!({
            "status": level.name(),
            "exit": exit_code(level),
            "error": error,
        })),
        Format::Prometheus => written(&down(), Dialect::Prometheus),
        Format::Openmetrics => written(&down(), Dialect::OpenMetrics),
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
