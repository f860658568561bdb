//! What a check found.

use serde_json::Value as Json;

use super::figures::Figures;
use crate::model::verdict::Level;
use crate::screens::overview::Row;

/// What was found, and what of it counts.
#[derive(Debug)]
pub(super) struct Outcome {
    pub level: Level,
    /// The findings that count, worst first.
    pub rows: Vec<Row>,
    /// Notes about what is unknown, and about findings that do not count.
    pub notes: Vec<String>,
    pub figures: Figures,
    /// Metrics for the output, and for the file.
    pub metrics: Option<String>,
    pub textfile: Option<String>,
    /// The findings and the server, as `hypertop show overview` prints them.
    pub json: Json,
}

/// An outcome of the check.
pub(super) enum Checked {
    Found(Box<Outcome>),
    /// No server answers; why.
    Down(String),
    /// The list of rules.
    List(String),
}

/// Order of the levels in monitoring: what is unknown does not hide a warning.
pub(super) fn severity(level: Level) -> u8 {
    match level {
        Level::Ok => 0,
        Level::Notice => 1,
        Level::Unknown => 2,
        Level::Warning => 3,
        Level::Critical => 4,
    }
}
