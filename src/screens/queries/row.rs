//! One statement with its figures.

use serde::{Deserialize, Serialize};

use super::hint::Hint;
use crate::model::moment::Stamp;
use crate::model::value::Value;
use crate::server::row::or_default;

/// State of `pg_stat_statements`, the same in every row.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each bool is a separate fact that the server reports"
)]
pub(super) struct Tool {
    /// The extension is created in this database.
    pub installed: bool,
    version: Option<String>,
    /// The library is in `shared_preload_libraries`.
    pub loaded: bool,
    pub(crate) readable: bool,
    /// The extension's files are on the server, so that it can be created.
    pub available: bool,
    /// Setting `pg_stat_statements.track`; `None`: not loaded.
    pub track: Option<String>,
    /// Setting `pg_stat_statements.max`: maximum number of statements, for all databases together. `None`: not loaded.
    #[serde(default)]
    pub most: Option<String>,
    /// Time of the last reset; `None`: no reset, or before PostgreSQL 14.
    #[serde(alias = "stats_reset")]
    pub reset: Option<Stamp>,
    /// Number of times since `reset` that the least used statements were dropped because `most` was reached; `None`: unknown.
    pub dropped: Option<i64>,
    /// State at the console's first load; `None`: this is the first load.
    #[serde(default)]
    pub begun: Option<Begun>,
    /// Number of statements of this database; `whole` is their total time in milliseconds. `None`: no statements.
    #[serde(alias = "many")]
    pub statements: Option<i64>,
    pub whole: Option<f64>,
}

/// Figures of a statement, summed over all roles. Times are in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    pub calls: i64,
    pub total: f64,
    pub(super) shortest: Option<f64>,
    pub longest: Option<f64>,
    pub(super) planning: Option<f64>,
    #[serde(deserialize_with = "or_default")]
    pub rows: i64,
    /// Number of shared blocks, as in `read`, `dirtied` and `written`.
    #[serde(alias = "blocks_hit", deserialize_with = "or_default")]
    pub hit: i64,
    #[serde(alias = "blocks_read", deserialize_with = "or_default")]
    pub(super) read: i64,
    #[serde(alias = "blocks_dirtied", deserialize_with = "or_default")]
    pub(super) dirtied: i64,
    #[serde(alias = "blocks_written", deserialize_with = "or_default")]
    pub(super) written: i64,
    #[serde(deserialize_with = "or_default")]
    pub(super) temp_read: i64,
    #[serde(deserialize_with = "or_default")]
    pub(super) temp_written: i64,
    /// Bytes of WAL; `None`: before version 1.8 of `pg_stat_statements`.
    #[serde(alias = "wal")]
    pub wal_bytes: Option<i64>,
    pub(super) read_time: Option<f64>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Row {
    /// The server's time when the row was read.
    pub clock: Option<Stamp>,
    #[serde(alias = "installed")]
    pub(super) tool: Tool,
    /// Id of the statement; `None`: hidden from this role, or a row without a statement.
    pub queryid: Option<i64>,
    /// The role whose hidden statements are summed in this row; `None`: the row is one statement.
    pub hidden_of: Option<String>,
    /// First 4000 characters of the statement, without literals; `None`: hidden, or no longer kept.
    pub query: Option<String>,
    #[serde(deserialize_with = "or_default")]
    length: i64,
    #[serde(deserialize_with = "or_default")]
    pub roles: Vec<String>,
    /// Figures of the statement; `None`: the row only says why no statements are listed.
    #[serde(alias = "calls")]
    pub figures: Option<Figures>,
    /// Size of a block in bytes.
    pub(super) block: i64,
    /// The statement with its literals, from the session that ran it last; `None`: no such session is visible.
    pub(super) example: Option<String>,
    /// The hypertables and aggregates of the database; `None` in all rows but the first.
    pub(super) catalog: Option<serde_json::Value>,
    pub(super) first: Option<First>,
    /// Names of the hypertables and aggregates that the text names.
    #[serde(default)]
    pub named: Vec<String>,
    pub hint: Option<Hint>,
    /// This is one of the console's own statements.
    #[serde(default)]
    pub own: bool,
}

impl Row {
    pub(super) fn key_text(&self) -> String {
        match (self.queryid, &self.hidden_of) {
            (Some(id), _) => id.to_string(),
            (None, Some(role)) => format!("hidden {role}"),
            (None, None) => "none".to_owned(),
        }
    }

    /// The statement on one line; the console's own statements are shown by their first comment.
    pub fn line(&self) -> String {
        match (&self.query, &self.hidden_of, self.figures.is_some()) {
            (_, Some(role), _) => format!("(statements of {role}, hidden)"),
            (Some(query), ..) if self.own => format!(
                "(own) {}",
                crate::model::text::one_line(query.trim_start_matches("-- "))
            ),
            (Some(query), ..) => crate::model::text::one_line(query),
            (None, None, true) => "(text not kept)".to_owned(),
            (None, None, false) => "(no statements)".to_owned(),
        }
    }

    pub(super) fn figure(&self, of: fn(&Figures) -> i64) -> Value {
        self.figures.as_ref().map(of).into()
    }

    pub(super) fn bytes(&self, of: fn(&Figures) -> i64) -> Value {
        self.figures.as_ref().map_or(Value::Null, |figures| {
            Value::Bytes(of(figures).saturating_mul(self.block))
        })
    }

    pub(super) fn mean(&self) -> Option<f64> {
        let figures = self.figures.as_ref().filter(|figures| figures.calls > 0)?;
        #[expect(clippy::cast_precision_loss, reason = "a count of calls")]
        let calls = figures.calls as f64;
        Some(figures.total / calls)
    }

    /// Part of the total execution time in this database, from 0 to 1.
    pub fn share(&self) -> Option<f64> {
        let whole = self.tool.whole.filter(|whole| *whole > 0.0)?;
        Some(self.figures.as_ref()?.total / whole)
    }

    /// Calls and milliseconds since the console's first load.
    pub(super) fn since(&self) -> Option<(i64, f64)> {
        let (figures, first) = (self.figures.as_ref()?, self.first?);
        (self.clock? > first.at)
            .then_some((figures.calls - first.calls, figures.total - first.total))
    }
}

pub(super) fn span(milliseconds: Option<f64>) -> Value {
    milliseconds.map_or(Value::Null, |ms| Value::Seconds(ms / 1e3))
}

/// State of `pg_stat_statements` at the console's first load.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Begun {
    pub at: Stamp,
    pub reset: Option<Stamp>,
    pub dropped: Option<i64>,
}

/// Figures of a statement at the console's first load.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct First {
    pub at: Stamp,
    pub calls: i64,
    pub total: f64,
}
