//! A session or worker, and its texts.

use serde::{Deserialize, Serialize};

use crate::model::moment::Stamp;
use crate::model::text::one_line;
use crate::model::value::Value;
use crate::server::known::At;
use crate::server::row::or_default;

/// The lock that a session waits for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Wait {
    /// As `pg_locks` calls it: `relation`, `transactionid`, `tuple`, …
    #[serde(alias = "wait_lock")]
    pub lock: String,
    #[serde(alias = "wait_mode")]
    pub mode: String,
    /// `None`: before PostgreSQL 14.
    #[serde(alias = "wait_start")]
    pub since: Option<Stamp>,
    #[serde(alias = "wait_relation")]
    pub relation: Option<String>,
    /// The hypertable, aggregate or table that the relation belongs to.
    #[serde(alias = "wait_thing")]
    pub thing: Option<String>,
}

/// The job that this worker runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    #[serde(alias = "job_id")]
    pub id: i32,
    #[serde(alias = "job_proc")]
    pub proc: String,
    #[serde(alias = "job_target")]
    pub target: Option<String>,
}

/// Running maintenance, from the server's progress views.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Work {
    #[serde(alias = "work")]
    pub command: String,
    #[serde(alias = "work_phase")]
    pub(crate) phase: Option<String>,
    /// From 0 to 1; `None`: the server does not say.
    #[serde(alias = "work_share")]
    pub share: Option<f64>,
    #[serde(alias = "work_relation")]
    pub relation: Option<String>,
}

/// The session at the root of a chain of blocked sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub pid: i32,
    /// It runs a statement, so cancelling that is enough; otherwise the session must be terminated.
    pub active: bool,
    /// One of the console's own sessions, which no action terminates.
    pub own: bool,
}

/// Another session, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Party {
    pub pid: i32,
    pub what: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own that the server reports"
)]
pub struct Row {
    pub pid: i32,
    /// Of a parallel worker: the session that it works for.
    #[serde(alias = "leader_pid")]
    pub(crate) leader: Option<i32>,
    /// In this database. A session of another database is listed only if it blocks one of this database.
    pub here: bool,
    pub database: Option<String>,
    pub role: Option<String>,
    #[serde(alias = "application_name", deserialize_with = "or_default")]
    pub application: String,
    /// `None`: hidden from this role.
    #[serde(alias = "backend_type")]
    pub backend: Option<String>,
    /// This role may see its query.
    pub visible: bool,
    pub client: Option<String>,
    /// One of the console's own sessions.
    #[serde(default)]
    pub own: bool,
    /// Quoted gids of the prepared transactions that block it.
    #[serde(default)]
    pub prepared: Option<String>,
    #[serde(alias = "backend_start")]
    pub started: Option<Stamp>,
    #[serde(alias = "xact_start")]
    pub transaction: Option<Stamp>,
    #[serde(alias = "query_start")]
    pub query_started: Option<Stamp>,
    #[serde(alias = "state_change")]
    pub(crate) state_changed: Option<Stamp>,
    pub state: Option<String>,
    pub(crate) wait_event_type: Option<String>,
    pub wait_event: Option<String>,
    /// Its transaction has written.
    pub writes: bool,
    /// Age of its transaction id, in transactions.
    pub xid_age: Option<i32>,
    /// Age of its snapshot, in transactions: vacuum keeps all rows deleted since then.
    pub(crate) xmin_age: Option<i32>,
    /// First 2000 characters; `None`: hidden, or there is none.
    pub query: Option<String>,
    /// Pids that block it; 0 is a prepared transaction.
    pub blockers: Vec<i32>,
    #[serde(alias = "wait_lock")]
    pub wait: Option<Wait>,
    /// The relation on which it has its strongest lock.
    pub relation: Option<String>,
    /// `hypertable`, `aggregate` or `table`.
    pub relation_kind: Option<String>,
    /// The chunk (or partition) that it holds a heavy lock on.
    pub chunk: Option<String>,
    #[serde(alias = "job_id")]
    pub job: Option<Job>,
    pub work: Option<Work>,
    /// Depth in the tree of blocked sessions; 0: no listed session blocks it.
    #[serde(default)]
    pub depth: usize,
    pub family: Option<i32>,
    #[serde(default)]
    pub(crate) blocked_by: Vec<Party>,
    /// Pids that it blocks.
    #[serde(default)]
    pub blocks: Vec<i32>,
    /// Start of the longest of these waits.
    pub(crate) blocks_since: Option<Stamp>,
    /// Number of sessions blocked by these in turn.
    #[serde(default)]
    pub behind: usize,
    /// The root of its chain; `None`: no listed session blocks it.
    #[serde(default)]
    pub head: Option<Head>,
}

/// State of a session with an open transaction and no running query.
const IDLE_IN_TRANSACTION: &str = "idle in transaction";

pub(super) const ABORTED: &str = "idle in transaction (aborted)";

impl Row {
    /// The state, shortened for the screen.
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

    pub(crate) fn is_active(&self) -> bool {
        self.state.as_deref() == Some("active")
    }

    pub(crate) fn idles_in_transaction(&self) -> bool {
        matches!(self.state.as_deref(), Some(IDLE_IN_TRANSACTION | ABORTED))
    }

    /// Seconds in the present state: since the query began, or since it ended.
    pub(super) fn state_seconds(&self, at: &At) -> Option<f64> {
        let since = if let Some(wait) = &self.wait {
            wait.since.or(self.query_started)
        } else if self.is_active() {
            self.query_started
        } else {
            self.state_changed
        };
        seconds(since, at)
    }

    pub(super) fn query_seconds(&self, at: &At) -> Option<f64> {
        seconds(self.query_started.filter(|_| self.is_active()), at)
    }

    pub(super) fn transaction_seconds(&self, at: &At) -> Option<f64> {
        seconds(self.transaction, at)
    }

    /// Number of transactions whose deleted rows vacuum must keep because of it; `None`: none.
    pub(super) fn holds_back(&self) -> Option<i32> {
        self.xmin_age.max(self.xid_age)
    }

    /// The program, or the kind of worker.
    pub fn program(&self) -> &str {
        match self.backend.as_deref() {
            Some(backend) if self.application.is_empty() => backend,
            _ => &self.application,
        }
    }

    /// Text of the SESSION column: `└ 4712 psql`.
    pub(super) fn session(&self) -> String {
        let indent = match self.depth {
            0 => String::new(),
            depth => format!("{}└ ", "  ".repeat(depth - 1)),
        };
        let own = if self.own { " (own)" } else { "" };
        format!("{indent}{} {}{own}", self.pid, self.program())
    }

    /// The hypertable, aggregate or table that it waits for, has locked, or runs a job on.
    pub fn thing(&self) -> Option<&str> {
        let waited = self.wait.as_ref().and_then(|wait| wait.thing.as_deref());
        let target = || self.job.as_ref().and_then(|job| job.target.as_deref());
        waited.or(self.relation.as_deref()).or_else(target)
    }

    /// Whether it refreshes an aggregate, judged by its statement or its job.
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

    /// Maintenance with its progress, or a job, in words; `None`: only its query is known.
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

    pub(super) fn does(&self) -> Value {
        let query = || self.query.as_deref().map(one_line);
        self.doing().or_else(query).into()
    }

    pub(super) fn wait_words(&self) -> Value {
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
    pub(super) fn text(&self) -> String {
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

/// Seconds since then; never negative, even if the clocks differ a little.
pub(super) fn seconds(since: Option<Stamp>, at: &At) -> Option<f64> {
    since.map(|since| at.now.seconds_since(since).max(0.0))
}

pub(super) fn span(seconds: Option<f64>) -> Value {
    seconds.map_or(Value::Null, |seconds| {
        // Whole seconds, so that a list read every second does not flicker.
        Value::Seconds(if seconds < 1.0 { 0.0 } else { seconds.floor() })
    })
}
