//! Another session: its facts, the signal to it, and notes on what the signal would hit.

use serde::Deserialize;

use crate::actions::act::{Context, Refusal};
use crate::model::plan::{Lit, Plan, Statement};
use crate::model::text;
use crate::model::text::{one_line, party};
use crate::model::verdict::Level;

/// Row of `queries/plan_session.sql`.
#[derive(Debug, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "one field for each fact that the server reports"
)]
pub(super) struct OtherSession {
    pub(super) pid: i32,
    database: Option<String>,
    /// True if the session is in the same database as hypertop.
    here: bool,
    role: Option<String>,
    application: Option<String>,
    /// Backend type. `None`: hidden from this role.
    pub(super) backend: Option<String>,
    /// Address of the client; `local`: a Unix socket. `None`: the session has no client, or the address is hidden
    /// from this role.
    #[serde(default)]
    client: Option<String>,
    /// Process id of the leader. `None`: the session is no parallel worker.
    pub(super) leader: Option<i32>,
    state: Option<String>,
    /// True if this role may see the session's statement and times.
    pub(super) visible: bool,
    /// Start of the session, as text. `None`: hidden from this role.
    started: Option<String>,
    query_started: Option<String>,
    query_seconds: Option<f64>,
    pub(super) transaction_seconds: Option<f64>,
    pub(super) writes: bool,
    query: Option<String>,
    /// True if this program opened the session. `None`: unknown, because a pooler assigns sessions per transaction.
    #[serde(default)]
    own: Option<bool>,
    may_signal: bool,
    blocks: Vec<Other>,
    blocked_by: Vec<i32>,
}

#[derive(Debug, Deserialize)]
struct Other {
    pid: i32,
    role: Option<String>,
    application: Option<String>,
    state: Option<String>,
}

/// Kinds of TimescaleDB's background workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Worker {
    Launcher,
    Scheduler,
    Job(i64),
}

impl OtherSession {
    pub(super) fn read(context: &Context) -> Result<Self, Refusal> {
        let session: Self = context.read()?;
        if session.own == Some(true) {
            return Err(format!(
                "session {} is one of this console's own (application {}). Quit the console instead",
                session.pid,
                session.application.as_deref().unwrap_or("hypertop")
            )
            .into());
        }
        Ok(session)
    }

    pub(super) fn name(&self) -> String {
        party(
            self.pid,
            self.program(),
            self.role.as_deref(),
            self.state.as_deref(),
        )
    }

    pub(super) fn program(&self) -> &str {
        let application = self.application.as_deref().filter(|name| !name.is_empty());
        application
            .or(self.backend.as_deref())
            .unwrap_or("a session")
    }

    pub(super) fn is_active(&self) -> bool {
        self.state.as_deref() == Some("active")
    }

    /// The kind of TimescaleDB worker, by the application name. For a worker this name equals the backend type. `None`: not a TimescaleDB
    /// worker.
    pub(super) fn worker(&self) -> Option<Worker> {
        let name = self.application.as_deref()?;
        if self
            .backend
            .as_deref()
            .is_some_and(|backend| backend != name)
        {
            return None;
        }
        if name == "TimescaleDB Background Worker Launcher" {
            return Some(Worker::Launcher);
        }
        if name == "TimescaleDB Background Worker Scheduler" {
            return Some(Worker::Scheduler);
        }
        let id = name.strip_suffix(']')?.rsplit_once(" [")?.1;
        id.parse().ok().map(Worker::Job)
    }

    /// Text on the client: application name, address and role. `None`: the session has no client.
    fn whose(&self) -> Option<String> {
        if self.visible && self.backend.as_deref() != Some("client backend") {
            return None;
        }
        let from = match self.client.as_deref() {
            Some("local") => "on this server's machine (Unix socket)".to_owned(),
            Some(address) => format!("at {}", one_line(address)),
            None => "at an address that is hidden from this role".to_owned(),
        };
        let named = match self.application.as_deref().filter(|name| !name.is_empty()) {
            Some(name) => format!("application {}", one_line(name)),
            None => "no application name".to_owned(),
        };
        let role = self.role.as_deref().unwrap_or("no role");
        Some(format!("its client: {named}, {from}, role {role}"))
    }

    /// Statement that sends the signal only if this session still exists. If `statement` is true, the session must also still run the same
    /// statement.
    pub(super) fn signal(&self, call: &str, statement: bool) -> Statement {
        let mut params: Vec<Lit> = vec![self.pid.into()];
        let mut sql =
            format!("select {call} from pg_catalog.pg_stat_activity a where a.pid = $1::int4");
        if let Some(started) = &self.started {
            params.push(started.as_str().into());
            sql.push_str(" and a.backend_start = $2::timestamptz");
            if let Some(began) = self.query_started.as_ref().filter(|_| statement) {
                params.push(began.as_str().into());
                sql.push_str(" and a.query_start = $3::timestamptz");
            }
        }
        Statement::new(sql, params)
    }

    /// Adds the notes that both actions (cancel, terminate) share: statement, blocked sessions, kind of session.
    pub(super) fn notes(&self, mut plan: Plan, role: &str) -> Plan {
        if let Some(whose) = self.whose() {
            plan = plan.note(Level::Ok, whose);
        }
        if self.own.is_none() {
            plan = plan.note(
                Level::Unknown,
                "whether it is one of this console's own sessions is not known, because a pooler assigns sessions per transaction",
            );
        }
        if !self.here {
            let database = self.database.as_deref().unwrap_or("none");
            plan = plan.note(
                Level::Notice,
                format!("it is a session of another database: {database}"),
            );
        }
        if !self.visible {
            plan = plan.note(
                Level::Unknown,
                format!("its statement and start are hidden from {role} (a role with pg_read_all_stats sees them): only its pid, role and database are checked before the signal"),
            );
        }
        if !self.may_signal {
            let words = match &self.role {
                Some(whose) => format!(
                    "{role} may not signal sessions of {whose}: the server will refuse it. GRANT pg_signal_backend or {whose} TO {role} allows it, but only a superuser may signal a superuser's session"
                ),
                None => format!(
                    "{role} may not signal a process of the server itself: only a superuser may"
                ),
            };
            plan = plan.note(Level::Warning, words);
        }
        if let Some(words) = self.statement() {
            plan = plan.note(Level::Ok, words);
        }
        plan = self.note_blocks(plan);
        if !self.blocked_by.is_empty() {
            let pids: Vec<_> = self.blocked_by.iter().map(ToString::to_string).collect();
            plan = plan.note(
                Level::Notice,
                format!(
                    "it is itself blocked by session {}. Check what blocks it first",
                    pids.join(", ")
                ),
            );
        }
        if let Some(leader) = self.leader {
            plan = plan.note(
                Level::Warning,
                format!("it is a parallel worker of session {leader}, whose statement fails too"),
            );
        }
        plan
    }

    /// The session's statement and how long it has been running. `None`: hidden from this role, or no statement.
    fn statement(&self) -> Option<String> {
        let query = self.query.as_deref().filter(|_| self.visible)?;
        let query = Some(query).filter(|query| !query.is_empty())?;
        let runs = if self.is_active() {
            "it has been running"
        } else {
            "its last statement"
        };
        let long = self
            .query_seconds
            .filter(|_| self.is_active())
            .map_or_else(String::new, |long| {
                format!(" for {}", text::duration(long.floor()))
            });
        let query = text::cut(&one_line(query), 200);
        Some(format!("{runs}{long}: {query}"))
    }

    fn note_blocks(&self, plan: Plan) -> Plan {
        let many = self.blocks.len();
        if many == 0 {
            return plan.note(Level::Ok, "it blocks no other session");
        }
        let shown: Vec<_> = self
            .blocks
            .iter()
            .take(5)
            .map(|other| {
                party(
                    other.pid,
                    other.application.as_deref().unwrap_or_default(),
                    other.role.as_deref(),
                    other.state.as_deref(),
                )
            })
            .collect();
        let more = if many > shown.len() {
            format!(" and {} more", many - shown.len())
        } else {
            String::new()
        };
        let sessions = text::plural_of(many, "session");
        plan.note(
            Level::Notice,
            format!("it blocks {sessions}: {}{more}", shown.join(", ")),
        )
    }
}
