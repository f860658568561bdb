//! How a person agrees without a terminal.

use clap::Args;

use super::shell::Format;

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
