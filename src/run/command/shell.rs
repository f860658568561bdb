//! What every command without a terminal has: its session, its format, its exit codes.

use std::io::Write as _;

use anyhow::Result;
use serde_json::Value as Json;

use crate::actions::execute::Actor;
use crate::model::access::Access;
use crate::model::text;
use crate::server::session::Session;
use clap::Args;

/// Exit codes: done; an error or a failure; no connection; nothing was changed.
pub const DONE: u8 = 0;

pub const FAILED: u8 = 1;

pub const NO_CONNECTION: u8 = 2;

pub(crate) const UNCHANGED: u8 = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    Text,
    Json,
}

/// Where a command acts, and how it speaks.
#[derive(Debug)]
pub struct Shell<'a> {
    pub session: Session,
    pub actor: Actor,
    pub rules: Access,
    pub agreement: &'a Agreement,
}

pub(super) fn say(json: &Json) -> Result<()> {
    let text = serde_json::to_string_pretty(json)?;
    print(format!("{}\n", text::printable_json(text)))
}

/// Lines for a person to read.
pub(super) fn tell(lines: &str) -> Result<()> {
    print(format!("{}\n", text::printable_lines(lines)))
}

/// Writes to standard output; a reader that went away is no error.
pub fn print(text: impl AsRef<[u8]>) -> Result<()> {
    match std::io::stdout().write_all(text.as_ref()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// How `run` and `rollback` are agreed to.
#[derive(Debug, Clone, Args)]
pub struct Agreement {
    /// Show what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Agree to what can be taken back
    #[arg(long, short = 'y')]
    pub yes: bool,
    /// Agree to what cannot be taken back, by naming its target
    #[arg(long, value_name = "NAME")]
    pub confirm: Option<String>,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}
