//! A session's details: what it is, who waits for whom, its progress, its whole statement, its locks.

use anyhow::Result;

use super::session::{Row, Wait, seconds, span};
use crate::model::moment::Stamp;
use crate::model::plan::Mode;
use crate::model::text;
use crate::model::text::{one_line, party};
use crate::model::value::Value;
use crate::model::verdict::Level;
use crate::screens::record::Section;
use crate::server::known::At;

pub(super) fn facts(row: &Row, at: &At) -> Vec<Section> {
    vec![Section::Facts {
        title: "Session".to_owned(),
        facts: session(row, at),
    }]
}

fn note(title: &str, text: impl Into<String>) -> Section {
    Section::Text {
        title: title.to_owned(),
        text: text.into(),
    }
}

fn session(row: &Row, at: &At) -> Vec<(String, Value)> {
    let since = |stamp: Option<Stamp>| stamp.map(text::moment).into();
    let hidden = |value: Value| match value {
        Value::Null if !row.visible => Value::text("hidden from this role"),
        value => value,
    };
    let held_back = match row.holds_back() {
        Some(behind) => text::plural(behind.into(), "transaction").into(),
        None if row.visible => Value::text("no"),
        None => Value::Null,
    };
    let facts: Vec<(&str, Value)> = vec![
        ("pid", row.pid.to_string().into()),
        ("database", row.database.clone().into()),
        ("role", row.role.clone().into()),
        ("application", row.application.as_str().into()),
        ("kind", hidden(row.backend.clone().into())),
        ("client", hidden(row.client.clone().into())),
        ("the console's own", row.own.into()),
        ("connected since", hidden(since(row.started))),
        ("state", hidden(row.state.clone().into())),
        ("in this state for", hidden(span(row.state_seconds(at)))),
        ("transaction since", hidden(since(row.transaction))),
        ("transaction open for", span(seconds(row.transaction, at))),
        ("transaction has written", hidden(row.writes.into())),
        ("holds back vacuum", hidden(held_back)),
        ("waits for", hidden(row.wait_words())),
        ("lock waited for", row.wait.as_ref().map(Wait::words).into()),
        ("works on", row.relation.clone().into()),
        ("that is", row.relation_kind.clone().into()),
        ("chunk", row.chunk.clone().into()),
        (
            "job",
            row.job
                .as_ref()
                .map(|job| format!("{} ({})", job.id, job.proc))
                .into(),
        ),
        ("does", row.doing().into()),
    ];
    facts
        .into_iter()
        .map(|(label, value)| (label.to_owned(), value))
        .collect()
}

pub(super) fn query(row: &Row, rows: &[tokio_postgres::Row], at: &At) -> Result<Vec<Section>> {
    let title = if row.is_active() {
        "Statement"
    } else {
        "Last statement"
    };
    let Some(found) = rows.first() else {
        return Ok(vec![note(title, "the session has ended")]);
    };
    if !row.visible {
        return Ok(vec![note(
            title,
            format!(
                "hidden from {}: grant pg_read_all_stats to see it",
                at.server.role
            ),
        )]);
    }
    let query: Option<String> = found.try_get("query")?;
    let mut text = query
        .filter(|query| !query.is_empty())
        .unwrap_or_else(|| "none".to_owned());
    if found.try_get::<_, Option<bool>>("cut")?.unwrap_or(false) {
        let room: String = found.try_get("room")?;
        text.push_str("\n… (the server keeps no more: track_activity_query_size is ");
        text.push_str(&room);
        text.push(')');
    }
    Ok(vec![note(title, text)])
}

pub(super) fn chain(_row: &Row, rows: &[tokio_postgres::Row], at: &At) -> Result<Vec<Section>> {
    let mut sections = Vec::new();
    for (side, title, level) in [
        ("blocked by", "Kept waiting by", Level::Warning),
        ("blocks", "Keeps waiting", Level::Notice),
    ] {
        let mut grid = Vec::new();
        for row in rows {
            if row.try_get::<_, &str>("side")? == side {
                grid.push(link(row, at)?);
            }
        }
        if grid.is_empty() {
            sections.push(note(title, "nobody"));
            continue;
        }
        sections.push(Section::Grid {
            title: title.to_owned(),
            heads: vec!["SESSION", "TX", "WAITS FOR", "STATEMENT"],
            levels: vec![level; grid.len()],
            rows: grid,
        });
    }
    Ok(sections)
}

fn link(row: &tokio_postgres::Row, at: &At) -> Result<Vec<Value>> {
    let depth: i32 = row.try_get("depth")?;
    let indent = "  ".repeat(usize::try_from(depth - 1).unwrap_or(0));
    let pid: i32 = row.try_get("pid")?;
    let session = if pid == 0 {
        text::PREPARED.to_owned()
    } else {
        party(
            pid,
            row.try_get::<_, Option<&str>>("application")?
                .unwrap_or_default(),
            row.try_get("role")?,
            row.try_get("state")?,
        )
    };
    let wait = row
        .try_get::<_, Option<String>>("wait_lock")?
        .map(|lock| -> Result<String> {
            let relation: Option<String> = row.try_get("wait_relation")?;
            let wait = Wait {
                lock,
                mode: row.try_get("wait_mode")?,
                thing: relation.clone(),
                relation,
                since: None,
            };
            Ok(wait.words())
        })
        .transpose()?;
    let query: Option<String> = row.try_get("query")?;
    Ok(vec![
        format!("{indent}{session}").into(),
        span(seconds(row.try_get("xact_start")?, at)),
        wait.into(),
        query.as_deref().map(one_line).into(),
    ])
}

pub(super) fn locks(_row: &Row, rows: &[tokio_postgres::Row], _at: &At) -> Result<Vec<Section>> {
    if rows.is_empty() {
        return Ok(vec![note("Locks", "none")]);
    }
    let (mut grid, mut levels) = (Vec::new(), Vec::new());
    for row in rows {
        let kind: String = row.try_get("locktype")?;
        let mode: String = row.try_get("mode")?;
        let granted: bool = row.try_get("granted")?;
        let many: i64 = row.try_get("many")?;
        let thing: Option<String> = row.try_get("thing")?;
        let parts = row.try_get::<_, Option<bool>>("parts")?.unwrap_or(false);
        let thing = match (thing, kind.as_str()) {
            (Some(thing), "relation") if parts || many > 1 => {
                format!("{thing} ({})", text::plural(many, "relation"))
            }
            (Some(thing), "relation") => thing,
            (Some(thing), kind) => format!("{kind} {thing}"),
            (None, kind) => kind.to_owned(),
        };
        let mode = Mode::parse(&mode).map_or(mode.as_str(), |mode| mode.name());
        let held = if granted { "holds" } else { "waits for" };
        grid.push(vec![held.into(), mode.into(), thing.into()]);
        levels.push(if granted { Level::Ok } else { Level::Warning });
    }
    Ok(vec![Section::Grid {
        title: "Locks".to_owned(),
        heads: vec!["", "MODE", "ON"],
        rows: grid,
        levels,
    }])
}

pub(super) fn progress(row: &Row, rows: &[tokio_postgres::Row], _at: &At) -> Result<Vec<Section>> {
    let mut facts = Vec::new();
    if let Some(doing) = row.doing() {
        facts.push(("does".to_owned(), doing.into()));
    }
    for row in rows {
        let command: String = row.try_get("command")?;
        let name: String = row.try_get("name")?;
        let value: Option<String> = row.try_get("value")?;
        facts.push((
            format!("{command} {}", name.replace('_', " ")),
            value.into(),
        ));
    }
    if facts.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![Section::Facts {
        title: "Progress".to_owned(),
        facts,
    }])
}
