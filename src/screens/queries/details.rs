//! A statement's details: figures, whole text and roles.

use anyhow::Result;
use serde::Deserialize;

use super::row::{Figures, Row, span};
use crate::model::text;
use crate::model::value::Value;
use crate::model::verdict::Level;
use crate::screens::chart;
use crate::screens::record::{Labelled, Section, heads};
use crate::server::known::At;
use crate::server::row::read_all;

/// A time that is counted only while a setting is on. Zero may mean that the setting is off.
fn counted(milliseconds: Option<f64>, setting: &str) -> Value {
    match milliseconds {
        Some(0.0) => format!("0s (or {setting} is off)").into(),
        other => span(other),
    }
}

pub(super) fn facts(row: &Row, at: &At) -> Vec<Section> {
    let Some(of) = &row.figures else {
        return vec![Section::text(
            "No statements",
            super::judge::missing(&row.tool, at),
        )];
    };
    let mut sections = vec![figures(row, of)];
    if let Some(hint) = &row.hint {
        sections.push(Section::text(
            "An aggregate might answer this statement",
            hint.words.as_str(),
        ));
    }
    if let Some(example) = &row.example {
        sections.push(Section::text(
            "As last run by a session, with its literals",
            example.as_str(),
        ));
    }
    sections
}

fn figures(row: &Row, of: &Figures) -> Section {
    let bytes = |blocks: i64| Value::Bytes(blocks.saturating_mul(row.block));
    let reads = of.hit.saturating_add(of.read);
    #[expect(clippy::cast_precision_loss, reason = "a percentage")]
    let from_cache = (reads > 0).then(|| format!("{:.1} %", of.hit as f64 * 100.0 / reads as f64));
    let share = row.share().map(|share| format!("{:.1} %", share * 100.0));
    let moment = |stamp| text::moment(stamp);
    let planning = counted(of.planning, "pg_stat_statements.track_planning");
    Labelled::new("Figures")
        .add("query id", row.queryid.map(|id| id.to_string()))
        .add("run by", row.roles.join(", "))
        .add("counted since", row.tool.reset.map(moment))
        .add("calls", of.calls)
        .add("total time", span(Some(of.total)))
        .add("share of all time in this database", share)
        .add("mean time", span(row.mean()))
        .add("shortest", span(of.shortest))
        .add("longest", span(of.longest))
        .add("planning", planning)
        .add("rows", of.rows)
        .add("shared blocks hit", bytes(of.hit))
        .add("shared blocks read", bytes(of.read))
        .add("found in cache", from_cache)
        .add(
            "time spent reading",
            counted(of.read_time, "track_io_timing"),
        )
        .add("shared blocks dirtied", bytes(of.dirtied))
        .add("shared blocks written", bytes(of.written))
        .add("temporary files written", bytes(of.temp_written))
        .add("temporary files read", bytes(of.temp_read))
        .add("WAL", of.wal_bytes.map(Value::Bytes))
        .add(
            "first seen by this console",
            row.first.map(|first| moment(first.at)),
        )
        .add("calls since then", row.since().map(|(calls, _)| calls))
        .add("time since then", span(row.since().map(|(_, time)| time)))
        .add("named in the text", row.named.join(", "))
        .into()
}

/// Width of the bar of the statement's share, in cells.
const SHARE_CELLS: usize = 20;
/// Maximum number of characters of the statement in the preview pane.
const MOST_OF_TEXT: usize = 300;

/// The preview pane shows the share of the total time, and whether the statement became slower since the console's first load.
pub(super) fn brief(row: &Row, at: &At) -> Vec<Section> {
    let mut sections = facts(row, at);
    sections.truncate(1);
    let Some(of) = &row.figures else {
        return sections;
    };
    let share = row.share().map(|share| {
        let bar = chart::gauge(share, SHARE_CELLS);
        format!("{bar} {:.1} %", share * 100.0)
    });
    #[expect(clippy::cast_precision_loss, reason = "a count of calls")]
    let mean = |calls: i64, total: f64| (calls > 0).then(|| total / calls as f64);
    let before = row.first.and_then(|first| mean(first.calls, first.total));
    let since = row.since().and_then(|(calls, total)| mean(calls, total));
    let trend = before.zip(since).filter(|(before, _)| *before > 0.0);
    let trend = trend.map(|(before, since)| match since / before {
        times if times >= 1.2 => format!("slower: {times:.1}x"),
        times if times <= 0.8 => format!("faster: {times:.1}x"),
        _ => "as before".to_owned(),
    });
    let figures = Labelled::new("Share and trend")
        .some("share of all time", share)
        .some(
            "mean before this console started",
            before.map(|ms| span(Some(ms))),
        )
        .some("mean since then", since.map(|ms| span(Some(ms))))
        .some("trend", trend)
        .some("calls since then", row.since().map(|(calls, _)| calls))
        .add("calls", of.calls);
    let words = row.query.as_deref().map(text::one_line);
    let words = words.map(|words| Section::text("Statement", text::cut(&words, MOST_OF_TEXT)));
    let head = std::iter::once(figures.into()).chain(words);
    head.chain(sections).collect()
}

/// A statement's figures for one role; `None`: this version of `pg_stat_statements` does not have the figure.
#[derive(Deserialize)]
struct ByRole {
    role: Option<String>,
    /// The whole text; `None`: `pg_stat_statements` no longer has it.
    query: Option<String>,
    /// True: a client sent the statement. False: a function ran it. `None`: before PostgreSQL 14.
    toplevel: Option<bool>,
    calls: Option<i64>,
    /// In milliseconds, as is `longest`.
    total: Option<f64>,
    longest: Option<f64>,
    rows: Option<i64>,
    blocks_read: Option<i64>,
    temp_written: Option<i64>,
}

impl ByRole {
    fn cells(&self, block: i64) -> Vec<Value> {
        let bytes = |blocks: Option<i64>| -> Value {
            let bytes = blocks.map(|blocks| blocks.saturating_mul(block));
            bytes.map(Value::Bytes).into()
        };
        let by = match self.toplevel {
            Some(false) => "a function",
            _ => "the client",
        };
        vec![
            self.role.clone().into(),
            by.into(),
            self.calls.into(),
            span(self.total),
            span(self.longest),
            self.rows.into(),
            bytes(self.blocks_read),
            bytes(self.temp_written),
        ]
    }
}

pub(super) fn statement(row: &Row, rows: &[tokio_postgres::Row], _at: &At) -> Result<Vec<Section>> {
    let roles: Vec<ByRole> = read_all(rows)?;
    let Some(first) = roles.first() else {
        let text = match (&row.hidden_of, &row.figures) {
            (Some(role), _) => format!("the statements of {role} are hidden from this role"),
            (None, Some(_)) => {
                "no longer counted: the statistics were reset, or the statement was dropped because pg_stat_statements.max was reached".to_owned()
            }
            (None, None) => return Ok(Vec::new()),
        };
        return Ok(vec![Section::text("Statement", text)]);
    };
    let text = first.query.as_deref().unwrap_or("its text is not kept");
    Ok(vec![
        Section::text("Statement", text),
        Section::Grid {
            title: "By role".to_owned(),
            heads: heads([
                "ROLE", "RUN BY", "CALLS", "TOTAL", "LONGEST", "ROWS", "READ", "TEMP",
            ]),
            levels: vec![Level::Ok; roles.len()],
            rows: roles.iter().map(|of| of.cells(row.block)).collect(),
        },
    ])
}
