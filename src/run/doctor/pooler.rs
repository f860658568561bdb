//! Detects a pooler between hypertop and the server, and whether the pooler keeps a session's settings.

use anyhow::Result;
use serde::Deserialize;
use tokio_postgres::Client;

use super::step::{State, Step};
use crate::connect::FailureKind;
use crate::connect::trace::Attempt;
use crate::server::row;
use crate::server::session::{ask, in_time};
use crate::server::sql::{Param, Query, query};

const MARK: Query = query!("doctor_mark");
const SEEN: Query = query!("doctor_seen");

#[derive(Debug, Deserialize)]
struct Seen {
    mark: Option<String>,
    pid: i32,
}

/// Evidence of a pooler between this program and the server.
#[derive(Debug, Default)]
pub(super) struct Pooler {
    /// Evidence that there is a pooler. Empty: there is no evidence.
    signs: Vec<String>,
    /// Evidence that the server session changes between statements.
    changes: Vec<String>,
}

impl Pooler {
    /// Whether sessions lose their settings.
    pub(super) fn loses_settings(&self) -> bool {
        !self.changes.is_empty()
    }

    /// Adds the evidence to the step `server`.
    pub(super) fn add_to(self, mut step: Step) -> Step {
        let pooler = !self.signs.is_empty() || !self.changes.is_empty();
        step.evidence.extend(self.signs);
        if !self.changes.is_empty() {
            step.evidence.extend(self.changes);
            step = step.fail(
                "hypertop needs its own sessions: use session pooling for this database (PgBouncer: pool_mode = session), or connect to the server itself",
            );
        } else if pooler && step.state == State::Ok {
            step = step.and("the pooler keeps the session (session pooling), which hypertop needs");
        }
        step
    }
}

/// Detects a pooler by two connections. The second connection keeps a server session busy in a transaction. Under transaction pooling, the
/// first connection then gets another server session. `second`: `None` if there is no second connection.
pub(super) async fn look(
    first: &Client,
    second: Option<&Client>,
    attempts: &[Attempt],
) -> Result<Pooler> {
    let mut found = Pooler::default();
    let refused = |of: &Attempt| {
        let failure = of.failure.as_ref();
        failure.is_some_and(|failure| failure.kind == FailureKind::Options)
    };
    if attempts.iter().any(refused) {
        let words =
            "a pooler answers: like PgBouncer, it does not accept options in the start-up packet";
        found.signs.push(words.to_owned());
    }
    let marked = seen(first, &MARK, &[Param::Text("first".to_owned())]).await?;
    let heard = attempts.last().and_then(|last| last.heard().pid);
    if let Some(pid) = heard.filter(|pid| *pid != marked.pid) {
        found.signs.push(format!(
            "a pooler answers: the process id for cancelling is {pid}, but the session has process id {}",
            marked.pid
        ));
    }
    if let Some(second) = second {
        if let Err(error) = in_time(second.batch_execute("begin")).await {
            found
                .changes
                .push(format!("a transaction is refused: {error:#}"));
            return Ok(found);
        }
        let other = seen(second, &SEEN, &[]).await?;
        if other.pid == marked.pid {
            let words =
                "two connections share one session: the pooler assigns sessions per transaction";
            found.changes.push(words.to_owned());
        }
    }
    let again = seen(first, &SEEN, &[]).await?;
    if again.pid != marked.pid {
        found.changes.push(format!(
            "the session has process id {} in one statement and {} in the next",
            marked.pid, again.pid
        ));
    }
    if again.mark.is_none() {
        let words = "a setting of the session is lost in the next statement";
        found.changes.push(words.to_owned());
    }
    if let Some(second) = second {
        if found.loses_settings() {
            clean(first, second).await?;
        }
        in_time(second.batch_execute("rollback")).await?;
    }
    Ok(found)
}

async fn seen(client: &Client, query: &Query, params: &[Param]) -> Result<Seen> {
    let rows = ask(
        client,
        query.text(crate::model::version::Version::new(0, 0)),
        params,
    )
    .await?;
    let row = rows.first();
    row::read(row.ok_or_else(|| anyhow::anyhow!("no answer"))?)
}

/// Resets this program's settings in the server sessions, because the pooler will give these sessions to other clients.
async fn clean(first: &Client, second: &Client) -> Result<()> {
    in_time(first.batch_execute("begin; reset all")).await?;
    in_time(second.batch_execute("reset all; commit; begin")).await?;
    in_time(first.batch_execute("commit")).await
}
