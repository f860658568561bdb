//! `hypertop validate`: checks whether a policy file can be applied (`--before`), and whether it was applied with success (`--after`).

mod after;
mod before;
mod check;
mod report;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::json;

use crate::connect::conninfo::Settings;
use crate::model::text::{self, printable};
use crate::run::command::Format;
use crate::server::session::Session;

use self::check::{Check, Checks, State};
use super::made::{self, Reading};
use super::plan;

#[derive(Debug, Clone, Args)]
#[command(group(clap::ArgGroup::new("when").required(true).args(["before", "after"])))]
pub struct Options {
    /// Policy files, later ones override earlier ones; -: standard input
    #[arg(required = true)]
    pub file: Vec<PathBuf>,
    /// Check whether the files can be applied now
    #[arg(long)]
    pub before: bool,
    /// Check whether the database is as the files say, its policies run, and the expectations in `[expect]` are met
    #[arg(long)]
    pub after: bool,
    /// Also write the result to this new file, as Markdown
    #[arg(long, value_name = "FILE.md")]
    pub report: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// The printed checks and the exit code: 0 all passed, or have to wait; 1 an error; 2 a check failed; 3 a result is unknown.
pub async fn validate(
    settings: &Settings,
    session: &Session,
    read_only: bool,
    options: &Options,
) -> Result<(String, u8)> {
    let sources = made::sources(&options.file)?;
    let wanted = made::wanted(&sources)?;
    let made = Reading::by(settings, session, read_only)
        .make(&wanted)
        .await?;
    let mut checks = Checks::default();
    if options.after {
        after::after(settings, session, &wanted, &made, &mut checks).await?;
    } else {
        before::before(settings, session, made, &mut checks).await?;
    }
    let code = match checks.worst() {
        State::Ok | State::Pending => plan::SAME,
        State::Unknown => plan::REFUSED,
        State::Failed => plan::DIFFERS,
    };
    if let Some(path) = &options.report {
        let paths: Vec<_> = sources.iter().map(|source| source.path.as_str()).collect();
        let text = report::report(session, &checks, &paths.join(", "), options.after).await?;
        let mut file = std::fs::OpenOptions::new();
        let file = file.write(true).create_new(true).open(path);
        std::io::Write::write_all(
            &mut file.with_context(|| format!("--report {}", path.display()))?,
            text.as_bytes(),
        )?;
    }
    let out = match options.format {
        Format::Json => {
            let json = json!({"result": checks.worst(), "checks": checks.0});
            text::printable_json(serde_json::to_string_pretty(&json)?) + "\n"
        }
        Format::Text => {
            let line = |check: &Check| {
                printable(&format!(
                    "{:<8}{}: {}",
                    check.state.name(),
                    check.what,
                    check.seen
                )) + "\n"
            };
            let lines: String = checks.0.iter().map(line).collect();
            format!("{lines}{}\n", checks.sum())
        }
    };
    Ok((out, code))
}
