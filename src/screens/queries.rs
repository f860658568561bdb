//! Queries: statements with their cost (from `pg_stat_statements`), and hints to make them cheaper.

mod details;
mod headline;
mod hint;
mod judge;
mod named;
mod own;
mod row;
mod since;

use std::time::Duration;

use crate::model::rules;
use crate::model::screen_id::ScreenId;
use crate::model::value::Value;
use crate::model::verdict::{Finding, Verdict};
use crate::screens::history::History;
use crate::screens::record::{Column, Detail, Record, Section};
use crate::server::known::At;
use crate::server::sql::{Param, Query, query};

use self::row::span;
use named::Catalog;

pub use self::row::{Figures, Row};

impl Record for Row {
    const ID: ScreenId = ScreenId::Queries;
    const TITLE: &'static str = "Queries";
    const QUERY: Query = query!("statements");
    const PLAIN: Option<Query> = Some(query!("statements"));
    /// Statements run without a change in a catalogue table, so they are read at intervals.
    const WATCHED: &'static [&'static str] = &[];
    const MAX_AGE: Duration = Duration::from_secs(5);
    const MAX_AGE_GATHERED: Duration = Duration::from_secs(60);
    const COLUMNS: &'static [Column<Self>] = &[
        Column::<Self>::text("", "STATEMENT", 32, |row, _| row.line().into()).grows(),
        // As text, because many JSON parsers round 64-bit numbers.
        Column::<Self>::hidden("queryid", |row, _| {
            row.queryid.map(|id| id.to_string()).into()
        }),
        Column::<Self>::hidden("query", |row, _| row.query.clone().into()),
        Column::<Self>::hidden("roles", |row, _| row.roles.join(", ").into()),
        Column::<Self>::number("calls", "CALLS", 8, |row, _| row.figure(|of| of.calls)),
        Column::<Self>::number("total_seconds", "TOTAL", 8, |row, _| {
            span(row.figures.as_ref().map(|of| of.total))
        })
        .wrong(const { &[&rules::QUERY_HEAVY] }),
        Column::<Self>::number("", "SHARE", 6, |row, _| {
            let percent = row.share().map(|share| format!("{:.0} %", share * 100.0));
            percent.into()
        })
        .wrong(const { &[&rules::QUERY_HEAVY] }),
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
        Column::<Self>::text("named_relations", "RELATIONS", 22, |row, _| {
            if row.named.is_empty() {
                Value::Null
            } else {
                row.named.join(", ").into()
            }
        })
        .wrong(const { &[&rules::QUERY_AGGREGATE] })
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
        .wrong(const { &[&rules::QUERY_SPILLS] })
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
    #[rustfmt::skip]
    const LEGEND: &'static [(&'static str, &'static str)] = &[
        ("STATEMENT", "The statement, with its constants replaced"),
        ("CALLS", "Number of calls since the statistics were reset"),
        ("TOTAL", "Time of all calls"),
        ("SHARE", "Share of the time of all statements"),
        ("MEAN", "Average time per call"),
        ("+CALLS", "Calls since this console started"),
        ("+TIME", "Time of the calls since this console started"),
        ("MAX", "Time of the longest call"),
        ("RELATIONS", "Hypertables and aggregates that the statement names"),
        ("ROWS", "Rows returned or changed"),
        ("READ", "Bytes read from outside PostgreSQL's cache"),
        ("HIT", "Bytes found in PostgreSQL's cache"),
        ("TEMP", "Bytes written to temporary files"),
        ("WAL", "Bytes of WAL written"),
    ];
    const DETAILS: &'static [Detail<Self>] = &[Detail {
        title: "Statement",
        query: query!("statements_text"),
        params: |row| vec![Param::BigInt(row.queryid.unwrap_or(0))],
        build: details::statement,
    }];

    fn key(&self) -> String {
        self.key_text()
    }

    fn title(&self) -> String {
        match self.queryid {
            Some(id) => format!("Statement {id}"),
            None => self.line(),
        }
    }

    fn brief(&self, at: &At, _: &History) -> Vec<Section> {
        details::brief(self, at)
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

    fn hidden(rows: &[Self], at: &At) -> Vec<Finding> {
        judge::hidden(rows, at).into_iter().collect()
    }

    fn caveats(rows: &[Self], at: &At) -> Vec<String> {
        judge::caveats(rows, at)
    }

    fn headline(rows: &[Self], _: &[Box<[Finding]>], at: &At) -> Vec<String> {
        headline::headline(rows, at)
    }

    fn facts(&self, at: &At) -> Vec<Section> {
        details::facts(self, at)
    }
}
