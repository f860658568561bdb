//! Options of `hypertop validate`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::model::busy::BusyHours;
use crate::run::command::Format;

#[derive(Debug, Clone, Args)]
#[command(group(clap::ArgGroup::new("when").required(true).args(["before", "after"])))]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each bool is an option of its own"
)]
pub struct Options {
    /// Policy files (later files override earlier ones), or with --before one plan that `plan --out` saved; -: standard input
    #[arg(required = true)]
    pub(super) file: Vec<PathBuf>,
    /// Check whether the files can be applied now
    #[arg(long)]
    pub(super) before: bool,
    /// Check whether the database is as the files say, its policies run, and `[expect]` holds
    #[arg(long)]
    pub(super) after: bool,
    /// With --before: maximum age of the newest backup
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = humantime::parse_duration, conflicts_with = "after")]
    pub(super) backup_age: Duration,
    /// With --before: confirm that there is a backup, even if the server has no trace of a backup
    #[arg(long, conflicts_with = "after")]
    pub(super) i_have_a_backup: bool,
    /// With --before: fail if the present time is not in these hours, such as 22:00-06:00 or '22:00-06:00 Europe/Berlin'
    #[arg(long, value_name = "HOURS", value_parser = BusyHours::parse, conflicts_with = "after")]
    pub(super) window: Option<BusyHours>,
    /// With --after: compare with the snapshot in this journal entry [default: the newest apply in this database]
    #[arg(long, value_name = "ID", conflicts_with = "before")]
    pub(super) entry: Option<u64>,
    /// With --after: repeat the checks until none is pending
    #[arg(long, conflicts_with = "before")]
    pub(super) watch: bool,
    /// With --watch: stop after this time, such as 12h or 7d
    #[arg(long = "for", value_name = "TIME", default_value = "7d", value_parser = humantime::parse_duration, requires = "watch")]
    pub(super) long: Duration,
    /// Also write the result to this new file, as Markdown
    #[arg(long, value_name = "FILE.md")]
    pub(super) report: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}
