//! Actions on sessions: cancel a statement, terminate a session. The console's own sessions are refused.

use serde::Deserialize;

use crate::actions::act::{Context, Refusal};
use crate::actions::action::{Action, Family, Group};
use crate::actions::form::Inputs;
use crate::model::plan::{Consent, Lit, Plan, Statement, Step, Undo};
use crate::model::target::TargetKind;
use crate::model::text;
use crate::model::text::{one_line, party};
use crate::model::verdict::Level;
use crate::server::known::Edition;
use crate::server::sql::query;

const SESSION: Family = Family {
    group: Group::Sessions,
    on: TargetKind::Session,
    facts: query!("plan_session"),
    needs: Edition::Apache,
};

#[rustfmt::skip]
pub static ACTIONS: &[Action] = &[
    SESSION.plain("cancel-query", &["c"], cancel, "Cancel the selected session's statement; the session stays"),
    SESSION.plain("terminate-session", &["K"], terminate, "End the selected session and its transaction"),
];

/// From this PostgreSQL on, `pg_terminate_backend` can wait until the session has ended.
const WAITS: i32 = 140_000;
/// Longest wait for the end of a session, in milliseconds.
const PATIENCE: i64 = 5000;

/// A session as the query returns it.
#[derive(Debug, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own that the server reports"
)]
struct OtherSession {
    pid: i32,
    database: Option<String>,
    here: bool,
    role: Option<String>,
    application: Option<String>,
    /// Backend type. `None`: hidden from this role.
    backend: Option<String>,
    /// Address of the client; `local`: a Unix socket. `None`: the session has no client, or the address is hidden
    /// from this role.
    #[serde(default)]
    client: Option<String>,
    leader: Option<i32>,
    state: Option<String>,
    visible: bool,
    /// Start of the session, as text. `None`: hidden from this role.
    started: Option<String>,
    query_started: Option<String>,
    query_seconds: Option<f64>,
    transaction_seconds: Option<f64>,
    writes: bool,
    query: Option<String>,
    own: bool,
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
enum Worker {
    Launcher,
    Scheduler,
    Job(i64),
}

impl OtherSession {
    fn read(context: &Context) -> Result<Self, Refusal> {
        let session: Self = context.read()?;
        if session.own {
            return Err(format!(
                "session {} is one of this console's own (application {}). Quit the console instead",
                session.pid,
                session.application.as_deref().unwrap_or("hypertop")
            )
            .into());
        }
        Ok(session)
    }

    fn name(&self) -> String {
        party(
            self.pid,
            self.program(),
            self.role.as_deref(),
            self.state.as_deref(),
        )
    }

    fn program(&self) -> &str {
        let application = self.application.as_deref().filter(|name| !name.is_empty());
        application
            .or(self.backend.as_deref())
            .unwrap_or("a session")
    }

    fn is_active(&self) -> bool {
        self.state.as_deref() == Some("active")
    }

    /// The kind of TimescaleDB worker, by its application name, which equals its backend type. `None`: not a TimescaleDB worker.
    /// worker.
    fn worker(&self) -> Option<Worker> {
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

    /// Address and application name of the client. `None`: the session has no client.
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

    /// Statement that sends the signal only if this session still exists, and with `statement` only if it still runs the same statement.
    fn signal(&self, call: &str, statement: bool) -> Statement {
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
    fn notes(&self, mut plan: Plan, role: &str) -> Plan {
        if let Some(whose) = self.whose() {
            plan = plan.note(Level::Ok, whose);
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
                format!("its statement and start are hidden from {role} (pg_read_all_stats shows them): only its pid, role and database are checked before the signal"),
            );
        }
        if !self.may_signal {
            let words = match &self.role {
                Some(whose) => format!(
                    "{role} may not signal sessions of {whose}: the server will refuse it (GRANT pg_signal_backend or {whose} TO {role} allows it; only a superuser may signal a superuser's session)"
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
                    "it is itself blocked by {}. Check that session first",
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
        let sessions = text::plural(i64::try_from(many).unwrap_or(i64::MAX), "session");
        plan.note(
            Level::Notice,
            format!("it blocks {sessions}: {}{more}", shown.join(", ")),
        )
    }
}

fn cancel(context: &Context, _: &Inputs) -> Result<Plan, Refusal> {
    let session = OtherSession::read(context)?;
    let worker = session.worker();
    if session.visible && !session.is_active() && worker.is_none() && session.leader.is_none() {
        let open = session.transaction_seconds.map_or_else(
            || "it is idle".to_owned(),
            |open| format!("it is idle in a transaction open for {}, which a cancel does not end: use terminate-session", text::duration(open.floor())),
        );
        return Err(format!(
            "session {} runs no statement to cancel: {open}",
            session.pid
        )
        .into());
    }
    if let Some(Worker::Launcher | Worker::Scheduler) = worker {
        return Err(format!(
            "session {} is the {}, which runs no statement to cancel: pause-job prevents a job from being started",
            session.pid,
            session.program()
        )
        .into());
    }
    let signal = session.signal("pg_catalog.pg_cancel_backend(a.pid)", true);
    let label = format!("cancel the statement of session {}", session.pid);
    let undo = Undo::Never(
        "the statement ends with an error and its transaction is rolled back. The client must run it again"
            .to_owned(),
    );
    let mut plan = Plan::new(
        format!("Cancel the statement of session {}", session.name()),
        vec![Step::new(label, vec![signal], Vec::new())],
        undo,
    )
    .changing(&["/session", "/statement"]);
    // The consent `y` is enough, because no committed data is lost.
    plan.consent = Consent::Yes;
    plan = session.notes(plan, &context.at.server.role);
    if let Some(Worker::Job(id)) = worker {
        plan = plan.note(Level::Warning, format!("it is the worker of job {id}: the run counts as failed and is tried again after retry_period; pause-job stops that first"));
    }
    if session.backend.as_deref() == Some("autovacuum worker") {
        plan = plan.note(
            Level::Warning,
            "it is autovacuum. It returns to the table later, and cleans up the rest then",
        );
    }
    Ok(plan.note(
        Level::Ok,
        "the signal is a request: a statement ends when it next checks for signals, usually at once",
    ))
}

fn terminate(context: &Context, _: &Inputs) -> Result<Plan, Refusal> {
    let session = OtherSession::read(context)?;
    let waits = context.at.server.postgres >= WAITS;
    let call = if waits {
        format!("pg_catalog.pg_terminate_backend(a.pid, {PATIENCE})")
    } else {
        "pg_catalog.pg_terminate_backend(a.pid)".to_owned()
    };
    let label = format!("terminate session {}", session.pid);
    let undo = Undo::Never(
        "its client is disconnected and its open transaction is rolled back. The client must reconnect and retry"
            .to_owned(),
    );
    let mut plan = Plan::new(
        format!("Terminate session {}", session.name()),
        vec![Step::new(
            label,
            vec![session.signal(&call, false)],
            Vec::new(),
        )],
        undo,
    )
    .changing(&["/session"]);
    plan = session.notes(plan, &context.at.server.role);
    if let Some(open) = session.transaction_seconds {
        let wrote = if session.writes {
            "has written, and all of that is rolled back"
        } else {
            "has written nothing yet"
        };
        plan = plan.note(
            if session.writes {
                Level::Warning
            } else {
                Level::Ok
            },
            format!(
                "its transaction, open for {}, {wrote}",
                text::duration(open.floor())
            ),
        );
    }
    if session.is_active() && session.worker().is_none() {
        plan = plan.note(
            Level::Ok,
            "cancel-query would stop its statement only, and leave it connected",
        );
    }
    plan = warn_of(&session, plan);
    Ok(if waits {
        plan.note(
            Level::Ok,
            "waits up to 5 s for its end; the server warns if that takes longer",
        )
    } else {
        plan
    })
}

/// Warns about the effects of ending a background process.
fn warn_of(session: &OtherSession, plan: Plan) -> Plan {
    match session.worker() {
        Some(Worker::Launcher) => plan.note(
            Level::Warning,
            "it is TimescaleDB's launcher: until the server has started it again, no database gets a new scheduler",
        ),
        Some(Worker::Scheduler) => plan.note(
            Level::Warning,
            "it is TimescaleDB's scheduler: NO JOB of this database will start (no compression, no refresh, no retention), and the launcher does not start another by itself: _timescaledb_functions.start_background_workers() does (before 2.12: _timescaledb_internal)",
        ),
        Some(Worker::Job(id)) => plan.note(
            Level::Warning,
            format!("it is the worker of job {id}: the run counts as failed and is tried again after retry_period, and max_retries does not count it; pause-job stops that first"),
        ),
        None => match session.backend.as_deref() {
            Some("client backend") | None => plan,
            Some("walsender") => plan.note(
                Level::Warning,
                "it sends WAL to a replica or a backup, which is disconnected until it connects again",
            ),
            Some(kind) => plan.note(
                Level::Warning,
                format!("it is a worker of the server ({kind}), not a client; the server may start it again"),
            ),
        },
    }
}
