//! Options of `hypertop check`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// One line with performance data, then a line a finding
    Nagios,
    /// For people, as in a mail of cron
    Text,
    Json,
    /// Metrics in Prometheus' classic text
    Prometheus,
    Openmetrics,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum WhenDown {
    Critical,
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum NoticeAs {
    Ok,
    Warning,
    Critical,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Acknowledged {
    Count,
    Skip,
}

/// Options of `check`.
#[derive(Debug, Args)]
pub struct Options {
    #[arg(long, value_enum, default_value_t = Format::Nagios)]
    pub(super) format: Format,
    /// Print nothing where all is OK, so that cron mails trouble only
    #[arg(long)]
    pub(super) quiet: bool,
    /// Only these rules: names, or patterns as aggregate-*, separated by commas
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    pub(super) only: Vec<String>,
    /// Not these rules
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    pub(super) except: Vec<String>,
    /// Only objects whose name matches, as mes.*
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    pub(super) objects: Vec<String>,
    /// List the rules, with the thresholds in force, and do nothing else
    #[arg(long)]
    pub(super) list: bool,
    /// The whole check takes this time at most
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    pub(super) timeout: Duration,
    /// Another threshold for this call; `hypertop thresholds` lists them
    #[arg(long, value_name = "KEY=VALUE")]
    pub(super) threshold: Vec<String>,
    /// What a notice counts as
    #[arg(long, value_enum, default_value_t = NoticeAs::Ok)]
    pub(super) notice_as: NoticeAs,
    /// What a server that does not answer counts as
    #[arg(long, value_enum, default_value_t = WhenDown::Critical)]
    pub(super) when_down: WhenDown,
    /// Whether findings count that somebody acknowledged or snoozed (in this account's journal)
    #[arg(long, value_enum, default_value_t = Acknowledged::Count)]
    pub(super) acknowledged: Acknowledged,
    /// Rules as server-hidden, of which what this role may not see is no reason for UNKNOWN
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    pub(super) accept_hidden: Vec<String>,
    /// Length of the output, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 4096)]
    pub(super) max_bytes: usize,
    /// Also write the metrics to this file, for the textfile collector of Prometheus' node exporter
    #[arg(long, value_name = "FILE")]
    pub(super) textfile: Option<PathBuf>,
    /// Most series in the metrics; those of healthy objects are left out first
    #[arg(long, value_name = "NUMBER", default_value_t = 5000)]
    pub(super) max_series: usize,
    /// Database: a name, a URI, or key=value pairs
    #[arg(value_name = "DBNAME")]
    pub database: Option<String>,
}
