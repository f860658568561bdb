//! A session's details: properties, lock queue, progress, whole statement, locks.

use anyhow::Result;
use serde::Deserialize;

use super::session::{Row, Wait, seconds, span};
use crate::model::moment::Stamp;
use crate::model::plan::Mode;
use crate::model::text;
use crate::model::text::{one_line, party};
use crate::model::value::Value;
use crate::model::verdict::Level;
use crate::screens::record::{Labelled, Section, heads};
use crate::server::known::At;
use crate::server::row::{or_default, read, read_all};

pub(super) fn facts(row: &Row, at: &At) -> Vec<Section> {
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
    let job = row.job.as_ref();
    let session = Labelled::new("Session")
        .add("pid", row.pid.to_string())
        .add("database", row.database.clone())
        .add("role", row.role.clone())
        .add("application", row.application.as_str())
        .add("kind", hidden(row.backend.clone().into()))
        .add("client", hidden(row.client.clone().into()))
        .add("hypertop's own", row.own)
        .add("connected since", hidden(since(row.started)))
        .add("state", hidden(row.state.clone().into()))
        .add("in this state for", hidden(span(row.state_seconds(at))))
        .add("transaction since", hidden(since(row.transaction)))
        .add("transaction open for", span(row.transaction_seconds(at)))
        .add("transaction has written", hidden(row.writes.into()))
        .add("holds back vacuum", hidden(held_back))
        .add("waits for", hidden(row.wait_words()))
        .add("lock waited for", row.wait.as_ref().map(Wait::words))
        .add("relation", row.relation.clone())
        .add("relation kind", row.relation_kind.clone())
        .add("chunk", row.chunk.clone())
        .add("job", job.map(|job| format!("{} ({})", job.id, job.proc)))
        .add("runs", row.doing());
    vec![session.into()]
}

#[derive(Deserialize)]
struct Statement {
    /// `None`: the session has not run a statement yet.
    query: Option<String>,
    /// Whether the statement is longer than `room`, so that the server has only the start of the statement.
    #[serde(deserialize_with = "or_default")]
    cut: bool,
    /// `track_activity_query_size` with its unit, such as `1kB`.
    room: String,
}

pub(super) fn query(row: &Row, rows: &[tokio_postgres::Row], at: &At) -> Result<Vec<Section>> {
    let title = if row.is_active() {
        "Statement"
    } else {
        "Last statement"
    };
    let Some(found) = rows.first() else {
        return Ok(vec![Section::text(title, "the session has ended")]);
    };
    if !row.visible {
        return Ok(vec![Section::text(
            title,
            format!(
                "hidden from {}: grant pg_read_all_stats to see it",
                at.server.role
            ),
        )]);
    }
    let found: Statement = read(found)?;
    let query = found.query.filter(|query| !query.is_empty());
    let mut text = query.unwrap_or_else(|| "none".to_owned());
    if found.cut {
        text.push_str("\n… (the server keeps no more: track_activity_query_size is ");
        text.push_str(&found.room);
        text.push(')');
    }
    Ok(vec![Section::text(title, text)])
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
enum Side {
    #[serde(rename = "blocked by")]
    BlockedBy,
    #[serde(rename = "blocks")]
    Blocks,
}

/// A session of the lock queue.
#[derive(Deserialize)]
struct Link {
    side: Side,
    /// Distance in the queue from the session whose details are shown. 1: one of these two sessions blocks the other directly.
    depth: usize,
    /// 0 for a prepared transaction.
    pid: i32,
    role: Option<String>,
    #[serde(deserialize_with = "or_default")]
    application: String,
    state: Option<String>,
    #[serde(rename = "xact_start")]
    transaction: Option<Stamp>,
    #[serde(rename = "wait_lock")]
    wait: Option<Wait>,
    /// First 200 characters of the query; `None`: a prepared transaction, or no query.
    query: Option<String>,
}

impl Link {
    fn cells(&self, at: &At) -> Vec<Value> {
        let indent = "  ".repeat(self.depth.saturating_sub(1));
        let (role, state) = (self.role.as_deref(), self.state.as_deref());
        let session = match self.pid {
            0 => text::PREPARED.to_owned(),
            pid => party(pid, &self.application, role, state),
        };
        vec![
            format!("{indent}{session}").into(),
            span(seconds(self.transaction, at)),
            self.wait.as_ref().map(Wait::words).into(),
            self.query.as_deref().map(one_line).into(),
        ]
    }
}

pub(super) fn chain(_row: &Row, rows: &[tokio_postgres::Row], at: &At) -> Result<Vec<Section>> {
    let links: Vec<Link> = read_all(rows)?;
    let sides = [
        (Side::BlockedBy, "Blocked by", Level::Warning),
        (Side::Blocks, "Blocks", Level::Notice),
    ];
    let sections = sides.map(|(side, title, level)| {
        let links = links.iter().filter(|link| link.side == side);
        let grid: Vec<_> = links.map(|link| link.cells(at)).collect();
        if grid.is_empty() {
            return Section::text(title, "no session");
        }
        Section::Grid {
            title: title.to_owned(),
            heads: heads(["SESSION", "TX", "WAITS FOR", "STATEMENT"]),
            levels: vec![level; grid.len()],
            rows: grid,
        }
    });
    Ok(sections.into())
}

/// The locks of one mode that a session holds or waits for on one object.
#[derive(Deserialize)]
struct Lock {
    /// As in `pg_locks`: `relation`, `transactionid`, `tuple`, …
    #[serde(rename = "locktype")]
    kind: String,
    mode: String,
    /// True: the session holds the lock; false: the session waits for the lock.
    granted: bool,
    /// Number of locks. Locks on chunks, partitions and indexes are counted for their table.
    many: i64,
    thing: Option<String>,
    /// Some of the locks are on chunks or partitions of `thing`.
    #[serde(deserialize_with = "or_default")]
    parts: bool,
}

impl Lock {
    fn on(&self) -> String {
        match (&self.thing, self.kind.as_str()) {
            (Some(thing), "relation") if self.parts || self.many > 1 => {
                format!("{thing} ({})", text::plural(self.many, "relation"))
            }
            (Some(thing), "relation") => thing.clone(),
            (Some(thing), kind) => format!("{kind} {thing}"),
            (None, kind) => kind.to_owned(),
        }
    }
}

pub(super) fn locks(_row: &Row, rows: &[tokio_postgres::Row], _at: &At) -> Result<Vec<Section>> {
    if rows.is_empty() {
        return Ok(vec![Section::text("Locks", "none")]);
    }
    let (mut grid, mut levels) = (Vec::new(), Vec::new());
    for lock in read_all::<Lock>(rows)? {
        let mode = Mode::parse(&lock.mode).map_or(lock.mode.as_str(), |mode| mode.name());
        let (held, level) = if lock.granted {
            ("holds", Level::Ok)
        } else {
            ("waits for", Level::Warning)
        };
        grid.push(vec![held.into(), mode.into(), lock.on().into()]);
        levels.push(level);
    }
    Ok(vec![Section::Grid {
        title: "Locks".to_owned(),
        heads: heads(["", "MODE", "ON"]),
        rows: grid,
        levels,
    }])
}

/// One column of one of PostgreSQL's progress views.
#[derive(Deserialize)]
struct Progress {
    command: String,
    name: String,
    value: String,
}

pub(super) fn progress(row: &Row, rows: &[tokio_postgres::Row], _at: &At) -> Result<Vec<Section>> {
    if rows.is_empty() && row.doing().is_none() {
        return Ok(Vec::new());
    }
    let mut facts = Labelled::new("Progress").some("runs", row.doing());
    for of in read_all::<Progress>(rows)? {
        let label = format!("{} {}", of.command, of.name.replace('_', " "));
        facts = facts.add(label, of.value);
    }
    Ok(vec![facts.into()])
}
