//! A session or worker, and texts about it.

use serde::{Deserialize, Serialize};

use crate::model::moment::Stamp;
use crate::model::text::one_line;
use crate::model::value::Value;
use crate::server::known::At;
use crate::server::row::or_default;

/// The lock that a session waits for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Wait {
    /// As in `pg_locks`: `relation`, `transactionid`, `tuple`, …
    #[serde(alias = "wait_lock")]
    pub(super) lock: String,
    #[serde(alias = "wait_mode")]
    pub(super) mode: String,
    /// Start of the wait; `None`: before PostgreSQL 14, or the wait has just begun.
    #[serde(alias = "wait_start")]
    pub(super) since: Option<Stamp>,
    #[serde(alias = "wait_relation")]
    pub(super) relation: Option<String>,
    /// Hypertable, aggregate or table that the relation belongs to; `None`: no relation.
    #[serde(alias = "wait_thing")]
    pub(super) thing: Option<String>,
}

/// The job that a worker runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    #[serde(alias = "job_id")]
    pub id: i32,
    #[serde(alias = "job_proc")]
    pub(super) proc: String,
    #[serde(alias = "job_target")]
    target: Option<String>,
}

/// A running maintenance command, from PostgreSQL's progress views.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Work {
    #[serde(alias = "work")]
    command: String,
    #[serde(alias = "work_phase")]
    phase: Option<String>,
    /// Part that is done, from 0 to 1; `None`: the server does not report it.
    #[serde(alias = "work_share")]
    pub(super) share: Option<f64>,
    #[serde(alias = "work_relation")]
    relation: Option<String>,
}

/// The session at the head of a lock queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    pub pid: i32,
    /// Whether the session runs a statement, so that cancelling the statement is enough. Otherwise the session must be terminated.
    pub active: bool,
    /// This is one of the console's own sessions, which no action terminates.
    pub own: bool,
}

/// A session that blocks another session; `what`: description of the blocking session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Party {
    pub pid: i32,
    pub what: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each bool is a separate fact that the server reports"
)]
pub struct Row {
    pub pid: i32,
    /// Pid of a parallel worker's leader; `None`: not a parallel worker.
    #[serde(alias = "leader_pid")]
    pub(super) leader: Option<i32>,
    /// True: connected to this database. A session of another database is listed only if it blocks a session of this database.
    here: bool,
    pub(super) database: Option<String>,
    pub(super) role: Option<String>,
    #[serde(alias = "application_name", deserialize_with = "or_default")]
    pub application: String,
    /// Type of the backend; `None`: hidden from this role.
    #[serde(alias = "backend_type")]
    pub(super) backend: Option<String>,
    /// Whether this role may see the session's query.
    pub visible: bool,
    pub(super) client: Option<String>,
    /// This is one of the console's own sessions.
    #[serde(default)]
    pub own: bool,
    /// Quoted gids of the prepared transactions that block the session; `None`: no prepared transaction blocks it.
    #[serde(default)]
    pub(super) prepared: Option<String>,
    #[serde(alias = "backend_start")]
    pub started: Option<Stamp>,
    #[serde(alias = "xact_start")]
    pub(super) transaction: Option<Stamp>,
    #[serde(alias = "query_start")]
    pub query_started: Option<Stamp>,
    #[serde(alias = "state_change")]
    pub(super) state_changed: Option<Stamp>,
    pub(super) state: Option<String>,
    wait_event_type: Option<String>,
    wait_event: Option<String>,
    /// Whether the transaction has written.
    pub(super) writes: bool,
    /// Age of the transaction id, in transactions; `None`: no id is assigned.
    pub xid_age: Option<i32>,
    /// Age of the snapshot, in transactions: vacuum keeps all rows that were deleted since then. `None`: no snapshot.
    xmin_age: Option<i32>,
    /// First 2000 characters of the query; `None`: hidden, or no query.
    pub query: Option<String>,
    /// Pids that block the session; 0 for a prepared transaction.
    pub blockers: Vec<i32>,
    #[serde(alias = "wait_lock")]
    pub wait: Option<Wait>,
    /// The relation on which the session has its strongest lock; `None`: no lock on a relation outside of the catalogues.
    pub relation: Option<String>,
    /// Kind of `relation`: `hypertable`, `aggregate` or `table`.
    pub relation_kind: Option<String>,
    /// The chunk or partition on which the session has its strongest lock; `None`: the strongest lock is on another kind of relation, or is
    /// weaker than SHARE UPDATE EXCLUSIVE.
    pub chunk: Option<String>,
    #[serde(alias = "job_id")]
    pub job: Option<Job>,
    pub work: Option<Work>,
    /// Depth in the tree of blocked sessions; 0: no listed session blocks this one.
    #[serde(default)]
    pub depth: usize,
    pub(super) family: Option<i32>,
    #[serde(default)]
    pub(super) blocked_by: Vec<Party>,
    /// Pids that this session blocks directly.
    #[serde(default)]
    pub blocks: Vec<i32>,
    /// Start of the longest wait of the sessions in `blocks`; `None`: unknown.
    pub(super) blocks_since: Option<Stamp>,
    /// Number of sessions that wait behind the sessions in `blocks`.
    #[serde(default)]
    pub(super) behind: usize,
    /// Head of the lock queue; `None`: no listed session blocks this one.
    #[serde(default)]
    pub(super) head: Option<Head>,
}

/// State of a session with an open transaction and no running query.
const IDLE_IN_TRANSACTION: &str = "idle in transaction";

pub(super) const ABORTED: &str = "idle in transaction (aborted)";

impl Row {
    /// The state as the STATE column shows it; a session that waits for a lock is `blocked`.
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

    pub(super) fn is_active(&self) -> bool {
        self.state.as_deref() == Some("active")
    }

    pub(super) fn idles_in_transaction(&self) -> bool {
        matches!(self.state.as_deref(), Some(IDLE_IN_TRANSACTION | ABORTED))
    }

    /// Seconds in the present state: since the wait for a lock began, since the running query began, or since the last query ended.
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

    /// Number of transactions whose deleted rows vacuum must keep because of this session; `None`: neither a snapshot nor a transaction id.
    pub(super) fn holds_back(&self) -> Option<i32> {
        self.xmin_age.max(self.xid_age)
    }

    /// `application_name`, or the backend type if the session has no application name.
    pub(super) fn program(&self) -> &str {
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

    /// Hypertable, aggregate or table that the session waits for, has locked, or runs a job on.
    pub fn thing(&self) -> Option<&str> {
        let waited = self.wait.as_ref().and_then(|wait| wait.thing.as_deref());
        let target = || self.job.as_ref().and_then(|job| job.target.as_deref());
        waited.or(self.relation.as_deref()).or_else(target)
    }

    /// Whether the session refreshes an aggregate, judged by its job or its statement.
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

    /// Text for the session's maintenance command or job; `None`: neither.
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

/// Seconds since this time; 0 if the time is in the future because the clocks differ. `None`: no time.
pub(super) fn seconds(since: Option<Stamp>, at: &At) -> Option<f64> {
    since.map(|since| at.now.seconds_since(since).max(0.0))
}

pub(super) fn span(seconds: Option<f64>) -> Value {
    seconds.map_or(Value::Null, |seconds| {
        // Whole seconds, so that the value does not change several times a second.
        Value::Seconds(if seconds < 1.0 { 0.0 } else { seconds.floor() })
    })
}
