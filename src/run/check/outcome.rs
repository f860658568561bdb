//! Result of a check.

use serde_json::Value as Json;

use super::figures::Figures;
use crate::model::verdict::Level;
use crate::screens::overview::Row;

#[derive(Debug)]
pub(super) struct Outcome {
    pub level: Level,
    /// The findings that the options select, worst first.
    pub rows: Vec<Row>,
    /// Notes on what is unknown, and on findings that were left out.
    pub notes: Vec<String>,
    pub figures: Figures,
    /// Metrics for the output. `None`: another format. `textfile`: metrics for `--textfile`.
    pub metrics: Option<String>,
    pub textfile: Option<String>,
    /// The findings and the server, as `hypertop show overview --format json` prints them.
    pub json: Json,
}

pub(super) enum Checked {
    Found(Box<Outcome>),
    /// No server answers, for this reason.
    Down(String),
    /// Text of `--list`.
    List(String),
}

/// Rank of a level. In monitoring a warning ranks above unknown.
pub(super) fn severity(level: Level) -> u8 {
    match level {
        Level::Ok => 0,
        Level::Notice => 1,
        Level::Unknown => 2,
        Level::Warning => 3,
        Level::Critical => 4,
    }
}
