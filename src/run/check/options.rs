//! Options of `hypertop check`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// One line with performance data, then one line per finding
    Nagios,
    /// Text for people, such as a mail from cron
    Text,
    /// JSON, for programs
    Json,
    /// Metrics in Prometheus' text format
    Prometheus,
    /// Metrics in OpenMetrics' text format
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Perfdata {
    /// The same figures for every check
    Figures,
    /// Also the lag of each aggregate that --objects names
    Objects,
}

#[derive(Debug, Args)]
pub struct Options {
    #[arg(long, value_enum, default_value_t = Format::Nagios)]
    pub(super) format: Format,
    /// Print nothing if everything is OK, so that cron sends no mail
    #[arg(long)]
    pub(super) quiet: bool,
    /// Only these rules: names or patterns such as aggregate-*, separated by commas
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    pub(super) only: Vec<String>,
    /// All rules except these: names or patterns, separated by commas
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    pub(super) except: Vec<String>,
    /// Only objects whose name matches, such as mes.*
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    pub(super) objects: Vec<String>,
    /// Performance data to print
    #[arg(long, value_enum, default_value_t = Perfdata::Figures)]
    perfdata: Perfdata,
    /// Only list the rules and the thresholds in force; check nothing
    #[arg(long)]
    pub(super) list: bool,
    /// Time limit of the whole check
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    pub(super) timeout: Duration,
    /// Override a threshold for this call; `hypertop thresholds` lists them
    #[arg(long, value_name = "KEY=VALUE")]
    pub(super) threshold: Vec<String>,
    /// Level that a notice counts as
    #[arg(long, value_enum, default_value_t = NoticeAs::Ok)]
    pub(super) notice_as: NoticeAs,
    /// Level to report if the server does not answer
    #[arg(long, value_enum, default_value_t = WhenDown::Critical)]
    pub(super) when_down: WhenDown,
    /// Whether acknowledged and snoozed findings (in this account's journal) count
    #[arg(long, value_enum, default_value_t = Acknowledged::Count)]
    pub(super) acknowledged: Acknowledged,
    /// Rules, such as server-hidden, that do not report UNKNOWN if data is hidden from this role
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
    /// Check every database that has the extension and that this role may connect to
    #[arg(long)]
    all_databases: bool,
    /// Like --all-databases, but only databases whose names match, such as plant_*
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    pub(super) databases: Vec<String>,
    /// Serve the metrics to Prometheus at http://ADDRESS:PORT/metrics until a signal arrives; a port without an address listens on this
    /// machine only
    #[arg(
        long,
        value_name = "[ADDRESS:]PORT",
        value_parser = address,
        conflicts_with_all = ["format", "quiet", "list", "textfile", "perfdata", "when_down", "max_bytes", "notice_as"],
    )]
    pub(super) listen: Option<SocketAddr>,
    /// With --listen: maximum age of the figures that a scrape gets
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = humantime::parse_duration, requires = "listen")]
    pub(super) min_interval: Duration,
    /// With --listen: share of a processor core that reading one screen may take
    #[arg(long, value_name = "SHARE", default_value = "2%", value_parser = share, requires = "listen")]
    pub(super) budget: f64,
    /// Database: a name, a URI, or key=value pairs
    #[arg(value_name = "DBNAME")]
    pub database: Option<String>,
}

impl Options {
    pub(super) fn objects_in_perfdata(&self) -> bool {
        self.perfdata == Perfdata::Objects
    }

    pub(super) fn wants_metrics(&self) -> bool {
        let asked = self.textfile.is_some() || self.listen.is_some();
        asked || matches!(self.format, Format::Prometheus | Format::Openmetrics)
    }

    /// Whether more than one database may be read.
    pub(super) fn several(&self) -> bool {
        self.all_databases || !self.databases.is_empty()
    }
}

/// An address to listen on. A port alone, or `localhost` with a port, means 127.0.0.1. Other addresses must be given as numbers.
fn address(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix("localhost:").unwrap_or(text);
    let port = port.strip_prefix(':').unwrap_or(port);
    if let Ok(port) = port.parse() {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    text.parse().map_err(|_| {
        "write a port, such as 9847, or an address with a port, such as 0.0.0.0:9847".to_owned()
    })
}

/// `2%` as 0.02.
fn share(text: &str) -> Result<f64, String> {
    let percent: Option<f64> = text
        .strip_suffix('%')
        .and_then(|text| text.trim().parse().ok());
    match percent {
        Some(percent) if percent > 0.0 && percent <= 100.0 => Ok(percent / 100.0),
        _ => Err("write a share above 0% and up to 100%, such as 2%".to_owned()),
    }
}
