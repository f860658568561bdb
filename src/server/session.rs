//! The read session: one connection for lists. A second connection, replaced now and then, is for queries that open many relations.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use tokio::sync::mpsc::UnboundedSender;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row, SimpleQueryMessage, Statement};

use crate::server::sql::Companion;

use crate::connect::{Connected, packet};
use crate::journal::{Journal, Place, PolicyChange};
use crate::model::screen_id::ScreenId;
use crate::model::version::Version;
use crate::model::{text, trust};
use crate::server::known;
use crate::server::known::Server;
use crate::server::known::own::Own;
use crate::server::sql::{Param, Query};

/// Settings of every read session: it cannot write, waits only briefly for locks, and leaves parallel workers to the policies.
const SESSION: &str = "set default_transaction_read_only = on; set statement_timeout = '5s'; set lock_timeout = '200ms'; \
    set jit = off; set max_parallel_workers_per_gather = 0; set idle_in_transaction_session_timeout = '10s'; \
    set work_mem = '16MB'; set client_min_messages = error";
/// Sets the session's time zone to that of the background workers (`$1`), and returns the session's process id. From PostgreSQL 15 on, it
/// also turns off cached statistics.
const SESSION_REST: &str = "select set_config('TimeZone', $1, false), case when current_setting('server_version_num')::int4 >= 150000 \
    then set_config('stats_fetch_consistency', 'none', false) end, pg_backend_pid() as pid";

pub(crate) const TURNED: &str =
    "a read session of hypertop ran code that made the session able to write, so it was closed";
/// Time limit for an answer. The server itself cancels a statement after 5 s.
const PATIENCE: Duration = Duration::from_secs(15);

/// Rows, and when they were read.
pub(crate) type Kept = (Instant, Arc<Vec<Row>>);

/// A read session, with the facts about its server.
#[derive(Debug)]
pub struct Session {
    pub connected: Connected,
    pub server: Server,
    #[expect(
        dead_code,
        reason = "dropping it removes the session from the list of own sessions"
    )]
    own: Own,
    /// For the Journal screen, which reads no server; `None`: there is no journal.
    pub journal: Option<Journal>,
    pub(crate) place: tokio::sync::OnceCell<Place>,
    /// Length of the journal when it was last read, and this user's changes to policies in it.
    pub(crate) changes: tokio::sync::Mutex<(u64, Vec<PolicyChange>)>,
    /// Prepared statements of the lists. Planning a small list takes longer than executing it.
    lists: [OnceLock<Statement>; ScreenId::ALL.len()],
    /// Rows of companion queries that are not run at every load, and when the rows were read.
    pub(crate) companions: [Mutex<Option<Kept>>; ScreenId::ALL.len()],
    /// Why the connection is no longer used; empty while it is used.
    pub(crate) given_up: OnceLock<String>,
    /// Channel for companion queries; `None`: this session runs them.
    pub(crate) second: Option<UnboundedSender<Companion>>,
}

impl Session {
    /// Prepares a connection for reading, within its connect timeout.
    pub async fn start(connected: Connected) -> Result<Self> {
        let limit = connected.limit;
        let session = tokio::time::timeout(limit, Self::set_up(connected)).await;
        session.map_err(|_| Silence(limit))?
    }

    async fn set_up(connected: Connected) -> Result<Self> {
        let client = &connected.client;
        reads(client).await?;
        let row = client
            .query_typed(known::QUERY.text(Version::new(0, 0)), &[])
            .await
            .map_err(said)?;
        let row = row
            .first()
            .context("the server did not report its version and settings")?;
        let (host, tls) = (connected.host.clone(), connected.tls.clone());
        let server = Server::read(row, host, tls, connected.is_by_network())?;
        let trusted = Param::Texts(connected.trusted.clone());
        ask(client, trust::SET_OWNERS, &[trusted]).await?;
        // Background workers compute local times in this time zone, so this session uses the same one.
        let rest = ask(
            client,
            SESSION_REST,
            &[Param::Text(server.time_zone.clone())],
        )
        .await?;
        let rest = rest
            .first()
            .context("the server did not report the session's process id")?;
        let own = Own::new(rest.try_get("pid")?);
        if !server.preloaded {
            bail!(
                "database {:?} has the extension timescaledb, but the server does not load its library\n\
                 Add timescaledb to shared_preload_libraries in postgresql.conf and restart the server.",
                server.database
            );
        }
        Ok(Self {
            connected,
            server,
            own,
            journal: None,
            place: tokio::sync::OnceCell::new(),
            changes: tokio::sync::Mutex::default(),
            lists: [const { OnceLock::new() }; ScreenId::ALL.len()],
            companions: [const { Mutex::new(None) }; ScreenId::ALL.len()],
            given_up: OnceLock::new(),
            second: None,
        })
    }

    pub async fn ask(&self, query: &Query, params: &[Param]) -> Result<Vec<Row>> {
        let text = query.text(self.server.sql_version());
        self.or_give_up(ask(&self.connected.client, text, params).await)
    }

    /// Marks the connection as no longer used if it did not answer in time.
    fn or_give_up<T>(&self, answer: Result<T>) -> Result<T> {
        if let Err(error) = &answer
            && error.is::<Silence>()
        {
            let _ = self.given_up.set(error.to_string());
        }
        answer
    }

    pub(crate) async fn list(&self, screen: ScreenId, text: &str) -> Result<Vec<Row>> {
        self.or_give_up(self.ask_list(screen, text).await)
    }

    async fn ask_list(&self, screen: ScreenId, text: &str) -> Result<Vec<Row>> {
        let client = &self.connected.client;
        let known = &self.lists[screen as usize];
        if known.get().is_none() {
            let prepared = in_time(client.prepare_typed(text, &[])).await?;
            let _ = known.set(prepared);
        }
        let statement = known
            .get()
            .context("the statement for the screen's rows was not prepared")?;
        let answer = tokio::time::timeout(PATIENCE, client.query(statement, &[])).await;
        match answer.map_err(|_| late())? {
            // The result type of the cached plan has changed, or a pooler dropped the prepared statement. The query
            // is sent again, without preparing it.
            Err(error)
                if matches!(
                    error.code(),
                    Some(&SqlState::FEATURE_NOT_SUPPORTED | &SqlState::INVALID_SQL_STATEMENT_NAME)
                ) =>
            {
                ask(client, text, &[]).await
            }
            answer => answer.map_err(said),
        }
    }
}

/// Registers the session as this program's until the value is dropped.
pub(crate) async fn own(client: &Client) -> Result<Own> {
    let rows = ask(client, "select pg_backend_pid() as pid", &[]).await?;
    let row = rows.first();
    let row = row.context("the server did not report the session's process id")?;
    Ok(Own::new(row.try_get("pid")?))
}

/// Whether the session is still read-only. Uses SHOW, because no object can shadow it.
pub(crate) async fn still_reads(client: &Client) -> bool {
    let answer = in_time(client.simple_query("show default_transaction_read_only")).await;
    answer.is_ok_and(|answer| {
        answer.iter().any(
            |message| matches!(message, SimpleQueryMessage::Row(row) if row.get(0) == Some("on")),
        )
    })
}

/// Makes the settings of the start-up packet again, with statements.
pub(crate) async fn set_as_started(client: &Client) -> Result<()> {
    in_time(client.batch_execute(&packet::statements())).await
}

pub(crate) async fn reads(client: &Client) -> Result<()> {
    in_time(client.batch_execute(SESSION)).await
}

pub(crate) async fn ask(client: &Client, text: &str, params: &[Param]) -> Result<Vec<Row>> {
    let typed: Vec<(&(dyn ToSql + Sync), Type)> = params
        .iter()
        .map(|param| -> (&(dyn ToSql + Sync), Type) {
            match param {
                Param::Int(number) => (number, Type::INT4),
                Param::BigInt(number) => (number, Type::INT8),
                Param::Text(text) => (text, Type::TEXT),
                Param::BigInts(numbers) => (numbers, Type::INT8_ARRAY),
                Param::Texts(texts) => (texts, Type::TEXT_ARRAY),
            }
        })
        .collect();
    in_time(client.query_typed(text, &typed)).await
}

pub(crate) async fn in_time<T>(
    answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T> {
    let answer = tokio::time::timeout(PATIENCE, answer).await;
    answer.map_err(|_| late())?.map_err(said)
}

fn late() -> anyhow::Error {
    Silence(PATIENCE).into()
}

/// The error that the server did not answer within this time.
#[derive(Debug)]
pub(crate) struct Silence(pub Duration);

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no answer in {} s: the connection is given up",
            self.0.as_secs()
        )
    }
}

impl std::error::Error for Silence {}

/// The server's error with its SQLSTATE, or the client's error.
pub(crate) fn said(error: tokio_postgres::Error) -> anyhow::Error {
    match error.as_db_error() {
        Some(error) => {
            let xml =
                error.code() == &SqlState::FEATURE_NOT_SUPPORTED && error.message().contains("XML");
            let hint = if xml {
                Some("this PostgreSQL was built without libxml, which hypertop's queries need")
            } else {
                error.hint()
            };
            let hint = hint.map_or_else(String::new, |hint| format!(" ({})", text::bounded(hint)));
            let words = text::bounded(error.message());
            anyhow!("{}: {words}{hint}", error.code().code())
        }
        None => anyhow::Error::from(error),
    }
}
