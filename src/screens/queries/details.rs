//! A statement's details: its figures, its whole text, and who runs it.

use anyhow::Result;

use super::row::{Row, span};
use crate::model::text;
use crate::model::value::Value;
use crate::model::verdict::Level;
use crate::screens::record::Section;
use crate::server::known::At;

fn note(title: &str, text: impl Into<String>) -> Section {
    Section::Text {
        title: title.to_owned(),
        text: text.into(),
    }
}

/// A time that is counted only while a setting is on; zero may mean either.
fn counted(milliseconds: Option<f64>, setting: &str) -> Value {
    match milliseconds {
        Some(0.0) => format!("0s (or {setting} is off)").into(),
        other => span(other),
    }
}

pub(super) fn facts(row: &Row, at: &At) -> Vec<Section> {
    let Some(of) = &row.figures else {
        return vec![note("No statements", super::judge::missing(&row.tool, at))];
    };
    let bytes = |blocks: i64| Value::Bytes(blocks.saturating_mul(row.block));
    let reads = of.hit.saturating_add(of.read);
    #[expect(clippy::cast_precision_loss, reason = "a percentage")]
    let from_cache = (reads > 0).then(|| format!("{:.1} %", of.hit as f64 * 100.0 / reads as f64));
    let share = row.share().map(|share| format!("{:.1} %", share * 100.0));
    let moment = |stamp| text::moment(stamp);
    let figures: Vec<(&str, Value)> = vec![
        ("query id", row.queryid.map(|id| id.to_string()).into()),
        ("run by", row.roles.join(", ").into()),
        ("counted since", row.tool.reset.map(moment).into()),
        ("calls", of.calls.into()),
        ("total time", span(Some(of.total))),
        ("share of all time in this database", share.into()),
        ("mean time", span(row.mean())),
        ("shortest", span(of.shortest)),
        ("longest", span(of.longest)),
        (
            "planning",
            counted(of.planning, "pg_stat_statements.track_planning"),
        ),
        ("rows", of.rows.into()),
        ("shared blocks hit", bytes(of.hit)),
        ("shared blocks read", bytes(of.read)),
        ("found in cache", from_cache.into()),
        (
            "time spent reading",
            counted(of.read_time, "track_io_timing"),
        ),
        ("shared blocks dirtied", bytes(of.dirtied)),
        ("shared blocks written", bytes(of.written)),
        ("temporary files written", bytes(of.temp_written)),
        ("temporary files read", bytes(of.temp_read)),
        ("WAL", of.wal_bytes.map_or(Value::Null, Value::Bytes)),
        (
            "first seen by this console",
            row.first.map(|first| moment(first.at)).into(),
        ),
        (
            "calls since then",
            row.since().map(|(calls, _)| calls).into(),
        ),
        ("time since then", span(row.since().map(|(_, time)| time))),
        ("named in the text", row.named.join(", ").into()),
    ];
    let mut sections = vec![Section::Facts {
        title: "Figures".to_owned(),
        facts: figures
            .into_iter()
            .map(|(label, value)| (label.to_owned(), value))
            .collect(),
    }];
    if let Some(hint) = &row.hint {
        sections.push(note("An aggregate might answer it", hint.words.as_str()));
    }
    if let Some(example) = &row.example {
        sections.push(note(
            "As a session ran it last, with its literals",
            example.as_str(),
        ));
    }
    sections
}

pub(super) fn statement(row: &Row, rows: &[tokio_postgres::Row], _at: &At) -> Result<Vec<Section>> {
    let Some(first) = rows.first() else {
        let text = match (&row.hidden_of, &row.figures) {
            (Some(role), _) => format!("the statements of {role} are hidden from this role"),
            (None, Some(_)) => {
                "it is no longer counted (reset, or dropped for want of room)".to_owned()
            }
            (None, None) => return Ok(Vec::new()),
        };
        return Ok(vec![note("Statement", text)]);
    };
    let text: Option<String> = first.try_get("query")?;
    let mut grid = Vec::new();
    for one in rows {
        let bytes = |name| -> Result<Value> {
            let blocks: Option<i64> = one.try_get(name)?;
            Ok(blocks.map_or(Value::Null, |blocks| {
                Value::Bytes(blocks.saturating_mul(row.block))
            }))
        };
        let top: Option<bool> = one.try_get("toplevel")?;
        let by = match top {
            Some(false) => "a function",
            _ => "the client",
        };
        grid.push(vec![
            one.try_get::<_, Option<String>>("role")?.into(),
            by.into(),
            one.try_get::<_, Option<i64>>("calls")?.into(),
            span(one.try_get("total")?),
            span(one.try_get("longest")?),
            one.try_get::<_, Option<i64>>("rows")?.into(),
            bytes("blocks_read")?,
            bytes("temp_written")?,
        ]);
    }
    Ok(vec![
        note(
            "Statement",
            text.unwrap_or_else(|| "its text is not kept".to_owned()),
        ),
        Section::Grid {
            title: "By role".to_owned(),
            heads: vec![
                "ROLE", "RUN BY", "CALLS", "TOTAL", "LONGEST", "ROWS", "READ", "TEMP",
            ],
            levels: vec![Level::Ok; grid.len()],
            rows: grid,
        },
    ])
}
