//! Actions on sessions: cancel a statement, terminate a session. The console's own sessions are refused.

mod other;

use crate::actions::act::{Context, Refusal};
use crate::actions::action::{Action, Family, Group};
use crate::actions::form::Inputs;
use crate::model::plan::{Consent, Plan, Step, Undo};
use crate::model::target::TargetKind;
use crate::model::text;
use crate::model::verdict::Level;
use crate::server::known::Edition;
use crate::server::sql::query;

use self::other::{OtherSession, Worker};

const SESSION: Family = Family {
    group: Group::Sessions,
    on: TargetKind::Session,
    facts: query!("plan_session"),
    needs: Edition::Apache,
};

#[rustfmt::skip]
pub(super) static ACTIONS: &[Action] = &[
    SESSION.plain("cancel-query", &["c"], cancel, "Cancel the selected session's statement; the session stays"),
    SESSION.plain("terminate-session", &["K"], terminate, "End the selected session and its transaction"),
];

/// From this PostgreSQL on, `pg_terminate_backend` can wait until the session has ended.
const WAITS: i32 = 140_000;
/// Longest wait for the end of a session, in milliseconds.
const PATIENCE: i64 = 5000;

fn cancel(context: &Context, _: &Inputs) -> Result<Plan, Refusal> {
    let session = OtherSession::read(context)?;
    let worker = session.worker();
    if session.visible && !session.is_active() && worker.is_none() && session.leader.is_none() {
        let open = session.transaction_seconds.map_or_else(
            || "it is idle".to_owned(),
            |open| format!("it is idle in a transaction that has been open for {}, which only terminate-session ends", text::duration(open.floor())),
        );
        return Err(format!(
            "session {} runs no statement to cancel: {open}",
            session.pid
        )
        .into());
    }
    if let Some(Worker::Launcher | Worker::Scheduler) = worker {
        return Err(format!(
            "session {} is the {}, which runs no statement to cancel. To prevent a job from being started, use pause-job",
            session.pid,
            session.program()
        )
        .into());
    }
    let signal = session.signal("pg_catalog.pg_cancel_backend(a.pid)", true);
    let label = format!("cancel the statement of session {}", session.pid);
    let undo = Undo::Never(
        "the statement ends with an error and its transaction is rolled back. The client must run the transaction again"
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
        plan = plan.note(Level::Warning, format!("it is the worker of job {id}: the run counts as failed and is tried again after retry_period. To prevent that, use pause-job first"));
    }
    if session.backend.as_deref() == Some("autovacuum worker") {
        plan = plan.note(
            Level::Warning,
            "it is autovacuum. Autovacuum returns to the table later, and then cleans up the rest",
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
            "has written, and all its changes are rolled back"
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
            "cancel-query would stop only its statement; the session would stay connected",
        );
    }
    plan = warn_of(&session, plan);
    Ok(if waits {
        plan.note(
            Level::Ok,
            "the plan waits up to 5 s for the end of the session; the server warns if that takes longer",
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
            "it is TimescaleDB's scheduler: NO JOB of this database will start (no compression, no refresh, no retention). The launcher does not start another scheduler by itself. To start one, call _timescaledb_functions.start_background_workers() (before 2.12 in the schema _timescaledb_internal)",
        ),
        Some(Worker::Job(id)) => plan.note(
            Level::Warning,
            format!("it is the worker of job {id}: the run counts as failed and is tried again after retry_period, but max_retries does not count it. To prevent a new run, use pause-job first"),
        ),
        None => match session.backend.as_deref() {
            Some("client backend") | None => plan,
            Some("walsender") => plan.note(
                Level::Warning,
                "it sends WAL to a replica or a backup; that client is disconnected and must connect again",
            ),
            Some(kind) => plan.note(
                Level::Warning,
                format!("it is a worker of the server ({kind}), not a client; the server may start it again"),
            ),
        },
    }
}
