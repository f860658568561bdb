//! Common parts of the shell commands: session and output format.

use std::io::Write as _;

use anyhow::Result;
use serde_json::Value as Json;

use crate::actions::execute::Actor;
use crate::model::access::Access;
use crate::model::text;
use crate::server::session::Session;
use clap::Args;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    Text,
    Json,
}

/// Session, executor and options of a shell command.
#[derive(Debug)]
pub struct Shell<'a> {
    pub(crate) session: Session,
    pub(crate) actor: Actor,
    pub(crate) rules: Access,
    pub(crate) agreement: &'a Agreement,
}

pub(super) fn say(json: &Json) -> Result<()> {
    let text = serde_json::to_string_pretty(json)?;
    print(format!("{}\n", text::printable_json(text)))
}

/// Prints lines of text with control characters escaped.
pub(super) fn print_lines(lines: &str) -> Result<()> {
    print(format!("{}\n", text::printable_lines(lines)))
}

/// Writes to standard output. A closed pipe is not an error.
pub fn print(text: impl AsRef<[u8]>) -> Result<()> {
    match std::io::stdout().write_all(text.as_ref()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

#[derive(Debug, Clone, Args)]
pub struct Agreement {
    /// Only show the plan
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Consent to a plan that can be undone
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
    /// Consent to an irreversible plan, by naming its target
    #[arg(long, value_name = "NAME")]
    pub(crate) confirm: Option<String>,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}
