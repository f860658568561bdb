//! Queries: the statements that the server has counted (`pg_stat_statements`), what they cost, and what could be cheaper.

mod details;
mod hint;
mod judge;
mod named;
mod own;
mod since;

use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::model::moment::Stamp;
use crate::model::screen_id::ScreenId;
use crate::model::value::Value;
use crate::model::verdict::Verdict;
use crate::screens::record::{Column, Detail, Record, Section};
use crate::server::known::At;
use crate::server::sql::{Param, Query, query};

pub use hint::Hint;
pub use named::{Catalog, Relation};
pub use since::{Begun, First};

/// The extension, as far as it is there; the same in every row.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own that the server tells"
)]
pub struct Tool {
    /// In this database.
    pub installed: bool,
    pub version: Option<String>,
    /// In `shared_preload_libraries`.
    pub loaded: bool,
    pub readable: bool,
    /// The server has its files.
    pub available: bool,
    /// `pg_stat_statements.track`.
    pub track: Option<String>,
    /// `pg_stat_statements.max`: so many statements of all databases are kept.
    #[serde(default)]
    pub most: Option<String>,
    /// `None`: before PostgreSQL 14, or never.
    pub reset: Option<Stamp>,
    /// How often the least used were dropped for want of room, since `reset`.
    pub dropped: Option<i64>,
    /// What the console saw of it first.
    #[serde(default)]
    pub begun: Option<Begun>,
    /// Statements of this database, and their time together in milliseconds.
    pub statements: Option<i64>,
    pub whole: Option<f64>,
}

/// What the server has counted of a statement, all roles together. Times are in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    pub calls: i64,
    pub total: f64,
    pub shortest: Option<f64>,
    pub longest: Option<f64>,
    pub planning: Option<f64>,
    pub rows: i64,
    /// Shared blocks.
    pub hit: i64,
    pub read: i64,
    pub dirtied: i64,
    pub written: i64,
    pub temp_read: i64,
    pub temp_written: i64,
    /// `None`: not known before `pg_stat_statements` 1.8.
    pub wal_bytes: Option<i64>,
    pub read_time: Option<f64>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Row {
    /// The server's clock when it was read.
    pub clock: Option<Stamp>,
    pub tool: Tool,
    /// `None`: hidden from this role, or there is no statement at all.
    pub queryid: Option<i64>,
    /// Whose statements these are, all together, where each by itself is hidden.
    pub hidden_of: Option<String>,
    /// The first 4000 characters, without literals.
    pub query: Option<String>,
    pub length: i64,
    pub roles: Vec<String>,
    /// `None`: a row that only says why there are no statements.
    pub figures: Option<Figures>,
    /// Bytes of a block.
    pub block: i64,
    /// The same statement with its literals, from a session that ran it last.
    pub example: Option<String>,
    /// On the first row: the hypertables and aggregates of the database.
    pub catalog: Option<serde_json::Value>,
    pub first: Option<First>,
    /// The hypertables and aggregates that the text names.
    pub named: Vec<String>,
    pub hint: Option<Hint>,
    /// One that this console asks.
    pub own: bool,
}

impl Row {
    fn key_text(&self) -> String {
        match (self.queryid, &self.hidden_of) {
            (Some(id), _) => id.to_string(),
            (None, Some(role)) => format!("hidden {role}"),
            (None, None) => "none".to_owned(),
        }
    }

    /// One line of it; the console's own are told by what they begin with.
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

    fn figure(&self, of: fn(&Figures) -> i64) -> Value {
        self.figures.as_ref().map(of).into()
    }

    fn bytes(&self, of: fn(&Figures) -> i64) -> Value {
        self.figures.as_ref().map_or(Value::Null, |figures| {
            Value::Bytes(of(figures).saturating_mul(self.block))
        })
    }

    fn mean(&self) -> Option<f64> {
        let figures = self.figures.as_ref().filter(|figures| figures.calls > 0)?;
        #[expect(clippy::cast_precision_loss, reason = "a count of calls")]
        let calls = figures.calls as f64;
        Some(figures.total / calls)
    }

    /// Of all execution time that is counted in this database, from 0 to 1.
    pub fn share(&self) -> Option<f64> {
        let whole = self.tool.whole.filter(|whole| *whole > 0.0)?;
        Some(self.figures.as_ref()?.total / whole)
    }

    /// Calls and milliseconds since the first look.
    fn since(&self) -> Option<(i64, f64)> {
        let (figures, first) = (self.figures.as_ref()?, self.first?);
        (self.clock? > first.at)
            .then_some((figures.calls - first.calls, figures.total - first.total))
    }
}

fn span(milliseconds: Option<f64>) -> Value {
    milliseconds.map_or(Value::Null, |ms| Value::Seconds(ms / 1e3))
}

impl Record for Row {
    const ID: ScreenId = ScreenId::Queries;
    const TITLE: &'static str = "Queries";
    const QUERY: Query = query!("statements");
    const PLAIN: Option<Query> = Some(query!("statements"));
    /// No catalogue tells of statements: they are read again after a while.
    const WATCHED: &'static [&'static str] = &[];
    const MAX_AGE: Duration = Duration::from_secs(5);
    const MAX_AGE_GATHERED: Duration = Duration::from_secs(60);
    const COLUMNS: &'static [Column<Self>] = &[
        Column::<Self>::text("", "STATEMENT", 32, |row, _| row.line().into()).grows(),
        // Text: no JSON reader keeps 64 bits.
        Column::<Self>::hidden("queryid", |row, _| {
            row.queryid.map(|id| id.to_string()).into()
        }),
        Column::<Self>::hidden("query", |row, _| row.query.clone().into()),
        Column::<Self>::hidden("roles", |row, _| row.roles.join(", ").into()),
        Column::<Self>::number("calls", "CALLS", 8, |row, _| row.figure(|of| of.calls)),
        Column::<Self>::number("total_seconds", "TOTAL", 8, |row, _| {
            span(row.figures.as_ref().map(|of| of.total))
        }),
        Column::<Self>::number("", "SHARE", 6, |row, _| {
            let percent = row.share().map(|share| format!("{:.0} %", share * 100.0));
            percent.into()
        }),
        Column::<Self>::hidden("share_ratio", |row, _| {
            row.share().map_or(Value::Null, Value::Ratio)
        }),
        Column::<Self>::number("mean_seconds", "MEAN", 7, |row, _| span(row.mean())),
        Column::<Self>::number("calls_since_start", "+CALLS", 7, |row, _| {
            row.since().map(|(calls, _)| calls).into()
        }),
        Column::<Self>::number("seconds_since_start", "+TIME", 7, |row, _| {
            span(row.since().map(|(_, time)| time))
        })
        .rank(1),
        Column::<Self>::hidden("start", |row, _| row.first.map(|first| first.at).into()),
        Column::<Self>::number("max_seconds", "MAX", 7, |row, _| {
            span(row.figures.as_ref().and_then(|of| of.longest))
        })
        .rank(1),
        Column::<Self>::text("named_relations", "NAMES", 22, |row, _| {
            if row.named.is_empty() {
                Value::Null
            } else {
                row.named.join(", ").into()
            }
        })
        .rank(1),
        Column::<Self>::number("rows", "ROWS", 8, |row, _| row.figure(|of| of.rows)).rank(2),
        Column::<Self>::number("shared_read_bytes", "READ", 8, |row, _| {
            row.bytes(|of| of.read)
        })
        .rank(2),
        Column::<Self>::number("shared_hit_bytes", "HIT", 8, |row, _| {
            row.bytes(|of| of.hit)
        })
        .rank(3),
        Column::<Self>::number("temp_written_bytes", "TEMP", 8, |row, _| {
            row.bytes(|of| of.temp_written)
        })
        .rank(2),
        Column::<Self>::number("wal_bytes", "WAL", 8, |row, _| {
            let wal = row.figures.as_ref().and_then(|of| of.wal_bytes);
            wal.map_or(Value::Null, Value::Bytes)
        })
        .rank(3),
        Column::<Self>::hidden("could_use", |row, _| {
            row.hint
                .as_ref()
                .map(|hint| hint.aggregates.join(", "))
                .into()
        }),
        Column::<Self>::hidden("own", |row, _| row.own.into()),
    ];
    const DETAILS: &'static [Detail<Self>] = &[Detail {
        title: "Statement",
        query: query!("statements_text"),
        params: |row| vec![Param::BigInt(row.queryid.unwrap_or(0))],
        build: details::statement,
    }];

    fn read(row: &tokio_postgres::Row) -> Result<Self> {
        Ok(Self {
            clock: row.try_get("clock")?,
            tool: read_tool(row)?,
            queryid: row.try_get("queryid")?,
            hidden_of: row.try_get("hidden_of")?,
            query: row.try_get("query")?,
            length: row.try_get::<_, Option<i32>>("length")?.unwrap_or(0).into(),
            roles: row
                .try_get::<_, Option<Vec<String>>>("roles")?
                .unwrap_or_default(),
            figures: read_figures(row)?,
            block: row.try_get("block")?,
            example: row.try_get("example")?,
            catalog: row.try_get("catalog")?,
            ..Self::default()
        })
    }

    fn key(&self) -> String {
        self.key_text()
    }

    fn title(&self) -> String {
        match self.queryid {
            Some(id) => format!("Statement {id}"),
            None => self.line(),
        }
    }

    fn settle(before: &[Self], rows: &mut Vec<Self>) {
        since::remember(before, rows);
        let catalog = rows.iter_mut().find_map(|row| row.catalog.take());
        let catalog = catalog.map_or_else(Catalog::default, |json| Catalog::read(&json));
        for row in rows {
            let Some(text) = row.query.clone().filter(|_| row.queryid.is_some()) else {
                continue;
            };
            let head = own::head_of(&text);
            row.own = head.is_some();
            if let Some(head) = head.filter(|head| !text.starts_with(head)) {
                row.query = Some(format!("{head}\n{text}"));
            }
            let found = catalog.named_in(&text);
            row.named = found.iter().map(|relation| relation.full_name()).collect();
            if !row.own {
                row.hint = hint::hint(&text, row.example.as_deref(), &found, &catalog);
            }
        }
    }

    fn verdict(&self, at: &At) -> Verdict {
        judge::verdict(self, at)
    }

    fn caveats(rows: &[Self], at: &At) -> Vec<String> {
        judge::caveats(rows, at)
    }

    fn facts(&self, at: &At) -> Vec<Section> {
        details::facts(self, at)
    }
}

fn read_tool(row: &tokio_postgres::Row) -> Result<Tool> {
    Ok(Tool {
        installed: row.try_get("installed")?,
        version: row.try_get("version")?,
        loaded: row.try_get("loaded")?,
        readable: row.try_get("readable")?,
        available: row.try_get("available")?,
        track: row.try_get("track")?,
        most: row.try_get("most")?,
        reset: row.try_get("stats_reset")?,
        dropped: row.try_get("dropped")?,
        begun: None,
        statements: row.try_get("many")?,
        whole: row.try_get("whole")?,
    })
}

fn read_figures(row: &tokio_postgres::Row) -> Result<Option<Figures>> {
    let Some(calls) = row.try_get("calls")? else {
        return Ok(None);
    };
    let count = |name| -> Result<i64> { Ok(row.try_get::<_, Option<i64>>(name)?.unwrap_or(0)) };
    Ok(Some(Figures {
        calls,
        total: row.try_get("total")?,
        shortest: row.try_get("shortest")?,
        longest: row.try_get("longest")?,
        planning: row.try_get("planning")?,
        rows: count("rows")?,
        hit: count("blocks_hit")?,
        read: count("blocks_read")?,
        dirtied: count("blocks_dirtied")?,
        written: count("blocks_written")?,
        temp_read: count("temp_read")?,
        temp_written: count("temp_written")?,
        wal_bytes: row.try_get("wal")?,
        read_time: row.try_get("read_time")?,
    }))
}
