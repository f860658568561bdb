//! `hypertop validate`: checks whether a policy file can be applied (`--before`), or whether the database is as the file says (`--after`).

mod after;
mod backup;
mod before;
mod check;
mod expected;
mod health;
mod here;
mod machine;
mod measured;
mod objects;
mod options;
mod report;
mod room;
mod round;
mod runs;
mod since;
mod timed;
mod watch;

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::model::text;
use crate::run::command::{Format, print};

use self::check::State;
pub use self::here::Here;
pub(crate) use self::options::Options;
use self::report::{About, Report};
use self::round::{Validation, lines};
use super::plan;

/// Prints the checks, and returns the exit code. 0: every check is ok or pending. 1: an error. 2: a check failed. 3: a check is unknown.
pub async fn validate(here: &mut Here, options: &Options) -> Result<u8> {
    if let Some(path) = options.report.as_ref().filter(|path| path.exists()) {
        bail!("--report {}: the file exists already", path.display());
    }
    let validation = Validation::of(options)?;
    let round = if options.watch {
        Box::pin(watch::watch(here, &validation)).await?
    } else {
        let mut round = Box::pin(validation.round(here)).await?;
        validation.time(here, &mut round).await;
        if options.format == Format::Text {
            print(lines(&round.checks))?;
        }
        round
    };
    let server = &here.session.server;
    let about = About {
        files: &validation.paths,
        since: round.since.as_ref(),
        machine: &round.machine,
        measured: round.measured.as_ref(),
        after: options.after,
        now: here.now().await.unwrap_or(server.clock),
    };
    let report = Report::of(server, &round.checks, about);
    if let Some(path) = &options.report {
        write(path, &report.markdown())?;
    }
    match options.format {
        Format::Json => {
            let json = serde_json::to_string_pretty(&report)?;
            print(text::printable_json(json) + "\n")?;
        }
        Format::Text => print(format!("{}\n", round.checks.sum()))?,
    }
    Ok(match round.checks.worst() {
        State::Ok | State::Pending => plan::SAME,
        State::Unknown => plan::REFUSED,
        State::Failed => plan::DIFFERS,
    })
}

fn write(path: &Path, text: &str) -> Result<()> {
    let mut file = std::fs::OpenOptions::new();
    let file = file.write(true).create_new(true).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.with_context(|| format!("--report {}", path.display()))
}
