//! `hypertop plan` and `hypertop lint`: the changes that a policy file would make, and advice on the file. Nothing is changed.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use tokio::time::Instant;

use crate::actions::execute::{self, alone};
use crate::actions::setup::planned;
use crate::connect::conninfo::Settings;
use crate::model::setup::change::What;
use crate::model::setup::file::Wanted;
use crate::model::text;
use crate::run::command::{Format, Shell};
use crate::run::stderr;
use crate::server::session::Session;

use super::made::{self, Made, Reading, Source};
use super::print;
use super::saved::Saved;

/// Exit code of `plan`: no difference.
pub const SAME: u8 = 0;
/// Exit code of `plan`: an error, or no connection.
pub const ERROR: u8 = 1;
/// Exit code of `plan`: a difference.
pub const DIFFERS: u8 = 2;
/// Exit code of `plan`: a difference that cannot be applied.
pub(super) const REFUSED: u8 = 3;
/// Maximum time that `plan --drift` waits for the end of an apply.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Policy files (later files override earlier ones); -: standard input
    #[arg(required = true)]
    file: Vec<PathBuf>,
    /// Save the plan to this new file, for apply
    #[arg(long, value_name = "PLAN")]
    out: Option<PathBuf>,
    /// For cron: print only the differences from the file; wait for a running apply, at most a minute
    #[arg(long, conflicts_with = "out")]
    drift: bool,
    /// Also remove objects that match `owns` and have no entry in the file
    #[arg(long)]
    prune: bool,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// The printed plan and the exit code.
pub async fn plan(
    settings: &Settings,
    session: &Session,
    read_only: bool,
    options: &Options,
) -> Result<(String, u8)> {
    let sources = made::sources(&options.file)?;
    let wanted = made::wanted(&sources)?;
    let reading = Reading::by(settings, session, read_only).pruning(options.prune);
    let made = if options.drift {
        settled(&reading, session, &wanted).await?
    } else {
        reading.make(&wanted).await?
    };
    let code = match () {
        () if made.is_same() => SAME,
        () if made.is_refused() => REFUSED,
        () => DIFFERS,
    };
    let mut out = match options.format {
        Format::Json => {
            text::printable_json(serde_json::to_string_pretty(&print::json(&made))?) + "\n"
        }
        Format::Text if options.drift => print::brief(&made),
        Format::Text => print::whole(&made),
    };
    if let Some(path) = options.out.as_ref().filter(|_| code == DIFFERS) {
        save(session, made, sources, options.prune, path).await?;
        if options.format == Format::Text {
            let _ = writeln!(
                out,
                "the plan is saved; to apply it: hypertop apply {}",
                text::shell_word(&path.display().to_string())
            );
        }
    }
    if options.out.is_some() && code != DIFFERS {
        let why = match code {
            SAME => "there is nothing to apply",
            _ => "a part of the plan cannot be applied",
        };
        stderr::say(format_args!("hypertop: no plan was saved: {why}"));
    }
    Ok((out, code))
}

/// Compares while no apply is running, because a change that is being applied is no drift. An error if an apply runs too long.
async fn settled(reading: &Reading<'_>, session: &Session, wanted: &Wanted) -> Result<Made> {
    let (client, version) = (&session.connected.client, session.server.sql_version());
    let until = Instant::now() + PATIENCE;
    loop {
        if alone::holder(client, version).await?.is_none() {
            let made = Box::pin(reading.make(wanted)).await?;
            if alone::holder(client, version).await?.is_none() {
                return Ok(made);
            }
        }
        if Instant::now() > until {
            bail!(
                "an apply has been running in this database for more than {} s, so nothing was compared: try again when the apply has ended",
                PATIENCE.as_secs()
            );
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn save(
    session: &Session,
    made: Made,
    sources: Vec<Source>,
    prune: bool,
    path: &Path,
) -> Result<()> {
    let hazards = made.hazards();
    let title = title(&sources, &made);
    let server = &session.server;
    let possible = made.planned.into_iter();
    let possible = possible.filter(|planned| planned.change.what != What::Unnamed);
    let approved = planned::together(possible.collect(), title, &server.database, server);
    let mut approved = approved.map_err(|refused| anyhow::anyhow!(refused.join("\n")))?;
    approved.place = Some(execute::place(&session.connected).await?);
    let saved = Saved::of(approved, sources, prune, hazards, server);
    saved
        .write(path)
        .with_context(|| format!("{}: the plan cannot be saved", path.display()))
}

pub(super) fn title(sources: &[Source], made: &Made) -> String {
    let paths: Vec<_> = sources.iter().map(|source| source.path.as_str()).collect();
    let sum = print::sum(made);
    format!(
        "Apply {}: {}",
        paths.join(", "),
        sum.lines().next().unwrap_or_default()
    )
}

#[derive(Debug, Clone, Args)]
pub struct LintOptions {
    /// Policy files (later files override earlier ones); -: standard input
    #[arg(required = true)]
    file: Vec<PathBuf>,
}

/// Advice on the setup after applying the files, and the exit code: 0 no advice, 2 advice.
pub async fn lint(
    settings: &Settings,
    session: &Session,
    options: &LintOptions,
) -> Result<(String, u8)> {
    let sources = made::sources(&options.file)?;
    let wanted = made::wanted(&sources)?;
    let made = Reading::by(settings, session, true).make(&wanted).await?;
    let lines = made
        .advice
        .iter()
        .map(|advice| format!("{}: {}: {}", advice.at, advice.of, advice.words));
    let lines: String = lines.map(|line| text::printable(&line) + "\n").collect();
    let code = if lines.is_empty() { SAME } else { DIFFERS };
    Ok((lines, code))
}

impl Shell<'_> {
    pub(super) fn reading(&self, prune: bool) -> Reading<'_> {
        let read_only = self.rules.read_only.is_some();
        let reading = Reading::by(&self.actor.settings, &self.session, read_only);
        reading.next_to(&self.actor.journal).pruning(prune)
    }
}
