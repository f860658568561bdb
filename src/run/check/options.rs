//! Options of `hypertop check`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// One line with performance data, then one line per finding
    Nagios,
    /// Text for people, such as a mail from cron
    Text,
    Json,
    /// Metrics in Prometheus' text format
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

#[derive(Debug, Args)]
pub struct Options {
    #[arg(long, value_enum, default_value_t = Format::Nagios)]
    pub(super) format: Format,
    /// Print nothing if all is OK, so that cron sends no mail then
    #[arg(long)]
    pub(super) quiet: bool,
    /// Only these rules: names or patterns such as aggregate-*, separated by commas
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    pub(super) only: Vec<String>,
    /// Not these rules
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    pub(super) except: Vec<String>,
    /// Only objects whose name matches, such as mes.*
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    pub(super) objects: Vec<String>,
    /// List the rules and the thresholds in force, and do nothing else
    #[arg(long)]
    pub(super) list: bool,
    /// Time limit of the whole check
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    pub(super) timeout: Duration,
    /// Override a threshold for this call; `hypertop thresholds` lists them
    #[arg(long, value_name = "KEY=VALUE")]
    pub(super) threshold: Vec<String>,
    /// Level at which a notice counts
    #[arg(long, value_enum, default_value_t = NoticeAs::Ok)]
    pub(super) notice_as: NoticeAs,
    /// Level if the server does not answer
    #[arg(long, value_enum, default_value_t = WhenDown::Critical)]
    pub(super) when_down: WhenDown,
    /// Whether acknowledged and snoozed findings (in this account's journal) count
    #[arg(long, value_enum, default_value_t = Acknowledged::Count)]
    pub(super) acknowledged: Acknowledged,
    /// Rules, such as server-hidden, for which hidden data does not cause UNKNOWN
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    pub(super) accept_hidden: Vec<String>,
    /// Maximum length of the output, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 4096)]
    pub(super) max_bytes: usize,
    /// Also write the metrics to this file, for the textfile collector of Prometheus' node exporter
    #[arg(long, value_name = "FILE")]
    pub(super) textfile: Option<PathBuf>,
    /// Maximum number of series in the metrics; healthy objects are left out first
    #[arg(long, value_name = "NUMBER", default_value_t = 5000)]
    pub(super) max_series: usize,
    /// Database: a name, a URI, or key=value pairs
    #[arg(value_name = "DBNAME")]
    pub database: Option<String>,
}
