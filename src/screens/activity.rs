//! Activity: the sessions and workers of the database, what they do and wait for, and who keeps whom waiting.

mod details;
mod judge;
mod tree;

use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::plans::Target;
use crate::query;
use crate::record::{At, Column, Detail, Record, Section};
use crate::sql::{Param, Query};
use crate::text;
use crate::value::{Stamp, Value};
use crate::verdict::Verdict;

/// The lock that a session waits for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Wait {
    /// As `pg_locks` calls it: `relation`, `transactionid`, `tuple`, …
    pub lock: String,
    pub mode: String,
    /// `None`: before PostgreSQL 14.
    pub since: Option<Stamp>,
    pub relation: Option<String>,
    /// The hypertable, aggregate or table that the relation belongs to.
    pub thing: Option<String>,
}

/// A job whose worker the session is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    pub id: i32,
    pub proc: String,
    pub target: Option<String>,
}

/// Maintenance that goes on, from the server's progress views.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Work {
    pub command: String,
    pub phase: Option<String>,
    /// From 0 to 1; `None`: the server does not say.
    pub share: Option<f64>,
    pub relation: Option<String>,
}

/// The session at the head of those that wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub pid: i32,
    /// It runs a statement, which can be cancelled; else only its end frees the others.
    pub active: bool,
    /// One of the console's own, which is not ended from here.
    pub own: bool,
}

/// Another session, as far as it is told in a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    pub pid: i32,
    pub what: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own that the server tells"
)]
pub struct Row {
    pub pid: i32,
    /// Of a parallel worker: the session that it works for.
    pub leader: Option<i32>,
    /// In this database; another one's session is here because it keeps one of these waiting.
    pub here: bool,
    pub database: Option<String>,
    pub role: Option<String>,
    pub application: String,
    /// `None`: hidden from this role.
    pub backend: Option<String>,
    /// This role is shown what it does.
    pub visible: bool,
    pub client: Option<String>,
    /// One of the console's own.
    pub own: bool,
    pub started: Option<Stamp>,
    pub transaction: Option<Stamp>,
    pub query_started: Option<Stamp>,
    pub state_changed: Option<Stamp>,
    pub state: Option<String>,
    pub wait_event_type: Option<String>,
    pub wait_event: Option<String>,
    /// Its transaction has written.
    pub writes: bool,
    /// In transactions.
    pub xid_age: Option<i32>,
    /// How many transactions vacuum cannot clean up after because of its snapshot.
    pub xmin_age: Option<i32>,
    /// The first 2000 characters; `None`: hidden, or there is none.
    pub query: Option<String>,
    /// Who keeps it waiting; 0 is a prepared transaction.
    pub blockers: Vec<i32>,
    pub wait: Option<Wait>,
    /// What it has its strongest lock on.
    pub relation: Option<String>,
    /// `hypertable`, `aggregate` or `table`.
    pub relation_kind: Option<String>,
    /// The chunk (or partition) that it holds a heavy lock on.
    pub chunk: Option<String>,
    pub job: Option<Job>,
    pub work: Option<Work>,
    /// Where it stands among those that block each other; 0: nobody of the list keeps it waiting.
    pub depth: usize,
    pub family: Option<i32>,
    pub blocked_by: Vec<Party>,
    /// Those that wait for it.
    pub blocks: Vec<i32>,
    /// Since when the first of those waits.
    pub blocks_since: Option<Stamp>,
    /// How many wait behind those.
    #[serde(default)]
    pub behind: usize,
    /// `None`: it waits for nobody of the list.
    #[serde(default)]
    pub head: Option<Head>,
}

/// A session is in a transaction, and its client does nothing.
const IDLE_IN_TRANSACTION: &str = "idle in transaction";
const ABORTED: &str = "idle in transaction (aborted)";

impl Row {
    /// One word or two for the screen.
    pub fn state_name(&self) -> Option<&str> {
        if self.wait.is_some() {
            return Some("blocked");
        }
        if !self.visible {
            return Some("hidden");
        }
        match self.state.as_deref() {
            Some(IDLE_IN_TRANSACTION) => Some("idle in tx"),
            Some(ABORTED) => Some("aborted tx"),
            Some("fastpath function call") => Some("active"),
            other => other,
        }
    }

    pub fn is_active(&self) -> bool {
        self.state.as_deref() == Some("active")
    }

    pub fn idles_in_transaction(&self) -> bool {
        matches!(self.state.as_deref(), Some(IDLE_IN_TRANSACTION | ABORTED))
    }

    /// Seconds in the present state: the age of a running query, the rest of one that idles.
    fn state_seconds(&self, at: &At) -> Option<f64> {
        let since = if let Some(wait) = &self.wait {
            wait.since.or(self.query_started)
        } else if self.is_active() {
            self.query_started
        } else {
            self.state_changed
        };
        seconds(since, at)
    }

    fn query_seconds(&self, at: &At) -> Option<f64> {
        seconds(self.query_started.filter(|_| self.is_active()), at)
    }

    fn transaction_seconds(&self, at: &At) -> Option<f64> {
        seconds(self.transaction, at)
    }

    /// What vacuum has to leave because of it, in transactions; `None`: nothing.
    fn holds_back(&self) -> Option<i32> {
        self.xmin_age.max(self.xid_age)
    }

    /// The program, or the kind of worker.
    pub fn program(&self) -> &str {
        match self.backend.as_deref() {
            Some(backend) if self.application.is_empty() => backend,
            _ => &self.application,
        }
    }

    /// `└ 4712 psql`.
    fn session(&self) -> String {
        let indent = match self.depth {
            0 => String::new(),
            depth => format!("{}└ ", "  ".repeat(depth - 1)),
        };
        let own = if self.own { " (own)" } else { "" };
        format!("{indent}{} {}{own}", self.pid, self.program())
    }

    /// The hypertable, aggregate or table that it is about.
    pub fn thing(&self) -> Option<&str> {
        let waited = self.wait.as_ref().and_then(|wait| wait.thing.as_deref());
        let target = || self.job.as_ref().and_then(|job| job.target.as_deref());
        waited.or(self.relation.as_deref()).or_else(target)
    }

    /// A refresh of an aggregate, by its statement or its job.
    fn refreshes(&self) -> bool {
        let job = self.job.as_ref().map(|job| job.proc.as_str());
        job == Some("policy_refresh_continuous_aggregate")
            || self.is_active()
                && self.query.as_deref().is_some_and(|query| {
                    query
                        .to_lowercase()
                        .contains("refresh_continuous_aggregate")
                })
    }

    /// What goes on, in words: maintenance with its progress, a job; `None`: nothing but its query is known.
    pub fn doing(&self) -> Option<String> {
        if let Some(work) = &self.work {
            return Some(work.text());
        }
        let of = |what: &str| match self.thing() {
            Some(thing) => format!("{what} of {thing}"),
            None => what.to_owned(),
        };
        match &self.job {
            Some(job) if self.refreshes() => Some(format!("job {}: {}", job.id, of("refresh"))),
            Some(job) => Some(format!("job {}: {}", job.id, of(&job.proc))),
            None if self.refreshes() => Some(of("refresh")),
            None => None,
        }
    }

    fn does(&self) -> Value {
        let query = || self.query.as_deref().map(one_line);
        self.doing().or_else(query).into()
    }

    fn wait_words(&self) -> Value {
        let (Some(kind), event) = (&self.wait_event_type, &self.wait_event) else {
            return Value::Null;
        };
        match event {
            Some(event) => format!("{kind}: {event}").into(),
            None => kind.as_str().into(),
        }
    }
}

impl Work {
    fn text(&self) -> String {
        let on = self
            .relation
            .as_deref()
            .map_or_else(String::new, |relation| format!(" {relation}"));
        let phase = self
            .phase
            .as_deref()
            .map_or_else(String::new, |phase| format!(": {phase}"));
        let share = self
            .share
            .map_or_else(String::new, |share| format!(" {:.0} %", share * 100.0));
        format!("{}{on}{phase}{share}", self.command)
    }
}

/// The beginning of a statement, without line breaks, runs of spaces and the comment that it begins with.
pub fn one_line(query: &str) -> String {
    let mut query = query.trim_start();
    while query.starts_with("--") {
        let Some((_, rest)) = query.split_once('\n') else {
            break;
        };
        query = rest.trim_start();
    }
    let words: Vec<_> = query.split_whitespace().take(80).collect();
    text::cut(&words.join(" "), 200)
}

/// How long ago; clocks that differ a little make no negative age.
fn seconds(since: Option<Stamp>, at: &At) -> Option<f64> {
    since.map(|since| at.now.seconds_since(since).max(0.0))
}

fn span(seconds: Option<f64>) -> Value {
    seconds.map_or(Value::Null, |seconds| {
        // Whole seconds: a list that is read again each second should not flicker.
        Value::Seconds(if seconds < 1.0 { 0.0 } else { seconds.floor() })
    })
}

fn pids(pids: &[i32]) -> Value {
    if pids.is_empty() {
        return Value::Null;
    }
    let texts: Vec<_> = pids.iter().map(ToString::to_string).collect();
    texts.join(", ").into()
}

const fn column(
    name: &'static str,
    title: &'static str,
    width: u16,
    value: fn(&Row, &At) -> Value,
) -> Column<Row> {
    Column::text(name, title, width, value)
}

const fn number(
    name: &'static str,
    title: &'static str,
    width: u16,
    value: fn(&Row, &At) -> Value,
) -> Column<Row> {
    Column::number(name, title, width, value)
}

const fn hidden(name: &'static str, value: fn(&Row, &At) -> Value) -> Column<Row> {
    Column::hidden(name, value)
}

impl Record for Row {
    const NAME: &'static str = "activity";
    const TITLE: &'static str = "Activity";
    const QUERY: Query = query!("activity", (2, 29), (2, 11));
    const PLAIN: Option<Query> = Some(query!("activity"));
    /// No catalogue tells of sessions: they are read at every look.
    const WATCHED: &'static [&'static str] = &[];
    const MAX_AGE: Duration = Duration::from_millis(900);
    const COLUMNS: &'static [Column<Self>] = &[
        column("", "SESSION", 22, |row, _| row.session().into()).grows(),
        hidden("pid", |row, _| row.pid.into()),
        hidden("depth", |row, _| i64::try_from(row.depth).ok().into()),
        hidden("leader_pid", |row, _| row.leader.into()),
        hidden("application", |row, _| row.application.as_str().into()),
        column("role", "ROLE", 10, |row, _| row.role.clone().into()).rank(1),
        hidden("database", |row, _| row.database.clone().into()),
        column("state", "STATE", 10, |row, _| row.state_name().into()),
        number("state_seconds", "FOR", 7, |row, at| {
            span(row.state_seconds(at))
        }),
        number("transaction_seconds", "TX", 7, |row, at| {
            span(row.transaction_seconds(at))
        }),
        hidden("query_seconds", |row, at| span(row.query_seconds(at))),
        column("relation", "ON", 24, |row, _| row.thing().into()),
        hidden("relation_kind", |row, _| row.relation_kind.clone().into()),
        hidden("chunk", |row, _| row.chunk.clone().into()),
        hidden("job_id", |row, _| row.job.as_ref().map(|job| job.id).into()),
        column("", "DOES", 30, |row, _| row.does()).grows().rank(2),
        column("wait", "WAITS FOR", 20, |row, _| row.wait_words()).rank(3),
        column("blocked_by", "BLOCKED BY", 10, |row, _| pids(&row.blockers)).rank(4),
        number("blocks", "BLOCKS", 6, |row, _| {
            i64::try_from(row.blocks.len())
                .ok()
                .filter(|count| *count > 0)
                .into()
        })
        .rank(4),
        column("client", "CLIENT", 15, |row, _| row.client.clone().into()).rank(5),
        number("holds_back_transactions", "OLDEST", 7, |row, _| {
            row.holds_back().into()
        })
        .rank(6),
        column("backend_type", "KIND", 16, |row, _| {
            row.backend.clone().into()
        })
        .rank(7),
        hidden("own", |row, _| row.own.into()),
        hidden("visible", |row, _| row.visible.into()),
        hidden("progress", |row, _| {
            row.work.as_ref().map(Work::text).into()
        }),
        hidden("progress_ratio", |row, _| {
            let share = row.work.as_ref().and_then(|work| work.share);
            share.map_or(Value::Null, Value::Ratio)
        }),
        hidden("wait_lock_mode", |row, _| {
            row.wait.as_ref().map(|wait| wait.mode.clone()).into()
        }),
        hidden("wait_relation", |row, _| {
            let relation = row.wait.as_ref().and_then(|wait| wait.relation.clone());
            relation.into()
        }),
        hidden("backend_start", |row, _| row.started.into()),
        hidden("query", |row, _| row.query.clone().into()),
    ];
    const DETAILS: &'static [Detail<Self>] = &[
        Detail {
            title: "Who waits for whom",
            query: query!("activity_chain"),
            params: |row| vec![Param::Int(row.pid)],
            build: details::chain,
        },
        Detail {
            title: "Progress",
            query: query!("activity_progress", (2, 26)),
            params: |row| vec![Param::Int(row.pid)],
            build: details::progress,
        },
        Detail {
            title: "Query",
            query: query!("activity_query"),
            params: |row| {
                let started = row.started.map_or(-1, |started| started.0);
                vec![Param::Int(row.pid), Param::BigInt(started)]
            },
            build: details::query,
        },
        Detail {
            title: "Locks",
            query: query!("activity_locks", (2, 29), (2, 11)),
            params: |row| vec![Param::Int(row.pid)],
            build: details::locks,
        },
    ];

    fn read(row: &tokio_postgres::Row) -> Result<Self> {
        let visible: bool = row.try_get("visible")?;
        let query: Option<String> = row.try_get("query")?;
        Ok(Self {
            pid: row.try_get("pid")?,
            leader: row.try_get("leader_pid")?,
            here: row.try_get("here")?,
            database: row.try_get("database")?,
            role: row.try_get("role")?,
            application: row
                .try_get::<_, Option<String>>("application_name")?
                .unwrap_or_default(),
            backend: row.try_get("backend_type")?,
            visible,
            client: row.try_get("client")?,
            own: row.try_get("own")?,
            started: row.try_get("backend_start")?,
            transaction: row.try_get("xact_start")?,
            query_started: row.try_get("query_start")?,
            state_changed: row.try_get("state_change")?,
            state: row.try_get("state")?,
            wait_event_type: row.try_get("wait_event_type")?,
            wait_event: row.try_get("wait_event")?,
            writes: row.try_get("writes")?,
            xid_age: row.try_get("xid_age")?,
            xmin_age: row.try_get("xmin_age")?,
            query: query.filter(|query| visible && !query.is_empty()),
            blockers: row.try_get("blockers")?,
            wait: read_wait(row)?,
            relation: row.try_get("relation")?,
            relation_kind: row.try_get("relation_kind")?,
            chunk: row.try_get("chunk")?,
            job: read_job(row)?,
            work: read_work(row)?,
            depth: 0,
            family: None,
            blocked_by: Vec::new(),
            blocks: Vec::new(),
            blocks_since: None,
            behind: 0,
            head: None,
        })
    }

    /// A pid is given again: with its start it is one session's.
    fn key(&self) -> String {
        let started = self.started.map_or(0, |started| started.0);
        format!("{} {started}", self.pid)
    }

    fn title(&self) -> String {
        format!("Session {} {}", self.pid, self.program())
    }

    fn settle(_before: &[Self], rows: &mut Vec<Self>) {
        tree::settle(rows);
    }

    fn family(&self) -> Option<i64> {
        self.family.map(Into::into)
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

    fn targets(&self) -> Vec<Target> {
        let job = self.job.as_ref().map(|job| Target::job(job.id));
        std::iter::once(Target::session(self.pid))
            .chain(job)
            .collect()
    }
}

fn read_wait(row: &tokio_postgres::Row) -> Result<Option<Wait>> {
    let Some(lock) = row.try_get("wait_lock")? else {
        return Ok(None);
    };
    Ok(Some(Wait {
        lock,
        mode: row.try_get("wait_mode")?,
        since: row.try_get("wait_start")?,
        relation: row.try_get("wait_relation")?,
        thing: row.try_get("wait_thing")?,
    }))
}

fn read_job(row: &tokio_postgres::Row) -> Result<Option<Job>> {
    let Some(id) = row.try_get("job_id")? else {
        return Ok(None);
    };
    Ok(Some(Job {
        id,
        proc: row.try_get("job_proc")?,
        target: row.try_get("job_target")?,
    }))
}

fn read_work(row: &tokio_postgres::Row) -> Result<Option<Work>> {
    let Some(command) = row.try_get("work")? else {
        return Ok(None);
    };
    Ok(Some(Work {
        command,
        phase: row.try_get("work_phase")?,
        share: row.try_get("work_share")?,
        relation: row.try_get("work_relation")?,
    }))
}

/// A session in a few words: `4711 (psql of postgres, idle in transaction)`.
pub fn party(pid: i32, program: &str, role: Option<&str>, state: Option<&str>) -> String {
    let role = role.map_or_else(String::new, |role| format!(" of {role}"));
    let state = state.map_or_else(String::new, |state| format!(", {state}"));
    let program = if program.is_empty() {
        "a session"
    } else {
        program
    };
    text::cut(&format!("{pid} ({program}{role}{state})"), 100)
}
