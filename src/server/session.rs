//! The read session: one connection for lists, a second one (renewed now and then) for what opens many files.

use std::collections::VecDeque;
use std::fmt;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row, SimpleQueryMessage, Statement};

use crate::run::second::Half;
pub use crate::server::exact::{Exact, slices};

use crate::actions::execute::Actor;
use crate::app::{Effect, Msg};
use crate::connect::conninfo::Settings;
use crate::connect::{self, Connected, packet};
use crate::journal::{Journal, Place};
use crate::model::screen_id::ScreenId;
use crate::model::text;
use crate::model::trust;
use crate::model::value::Stamp;
use crate::screens::{self, Rows};
use crate::server::known as server;
use crate::server::known::Counters;
use crate::server::known::own::Own;
use crate::server::known::{Pulse, Server};
use crate::server::sql::{Param, Query, Version};

/// What every session that reads sets: it cannot write, never queues long, and takes no workers from the policies.
const SESSION: &str = "set default_transaction_read_only = on; set statement_timeout = '5s'; set lock_timeout = '200ms'; \
    set jit = off; set max_parallel_workers_per_gather = 0; set idle_in_transaction_session_timeout = '10s'; \
    set work_mem = '16MB'; set client_min_messages = error";
/// What depends on the server: the time zone of its background workers, and (PostgreSQL 15 and later) no private
/// copy of every statistics entry that is read.
const SESSION_REST: &str = "select set_config('TimeZone', $1, false), case when current_setting('server_version_num')::int4 >= 150000 \
    then set_config('stats_fetch_consistency', 'none', false) end, pg_backend_pid() as pid";

pub(crate) const TURNED: &str =
    "something that a session of hypertop ran has made it one that can write: it was thrown away";
/// The server ends a statement after 5 s; an answer that is much later will never come.
const PATIENCE: Duration = Duration::from_secs(15);
/// So long a list waits for its other half where the second connection is busy, then it asks for it itself.
const BUSY: Duration = Duration::from_millis(300);

/// A session that is set up, and what is known of its server.
#[derive(Debug)]
pub struct Session {
    pub connected: Connected,
    pub server: Server,
    #[expect(dead_code, reason = "its end makes it known that this session is gone")]
    own: Own,
    /// For the Journal screen, which reads no server.
    pub journal: Option<Journal>,
    pub(crate) place: tokio::sync::OnceCell<Place>,
    /// The screens' lists, planned once: for a small one that is most of its cost.
    lists: [OnceLock<Statement>; ScreenId::ALL.len()],
    /// Why it is not used any more, if so.
    pub(crate) given_up: OnceLock<String>,
    /// Where the other halves of lists are asked for; `None`: of this session too.
    second: Option<UnboundedSender<Half>>,
}

impl Session {
    /// Sets a connection up for reading, in the time that it had to come about.
    pub async fn start(connected: Connected) -> Result<Self> {
        let limit = connected.limit;
        let session = tokio::time::timeout(limit, Self::set_up(connected)).await;
        session.map_err(|_| Silence(limit))?
    }

    async fn set_up(connected: Connected) -> Result<Self> {
        let client = &connected.client;
        reads(client).await?;
        let row = client
            .query_typed(server::QUERY.text(Version::new(0, 0)), &[])
            .await
            .map_err(said)?;
        let row = row.first().context("the server did not say what it is")?;
        let server = Server::read(row, connected.host.clone(), connected.tls.clone())?;
        let trusted = Param::Texts(connected.trusted.clone());
        ask(client, trust::TELL, &[trusted]).await?;
        // Local time is that of the background workers, whose boundaries are shown.
        let rest = ask(
            client,
            SESSION_REST,
            &[Param::Text(server.time_zone.clone())],
        )
        .await?;
        let rest = rest.first().context("the server did not say who this is")?;
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
            lists: [const { OnceLock::new() }; ScreenId::ALL.len()],
            given_up: OnceLock::new(),
            second: None,
        })
    }

    pub async fn ask(&self, query: &Query, params: &[Param]) -> Result<Vec<Row>> {
        let text = query.text(self.server.sql_version());
        self.heed(ask(&self.connected.client, text, params).await)
    }

    /// A connection that does not answer in time is not asked again.
    fn heed<T>(&self, answer: Result<T>) -> Result<T> {
        if let Err(error) = &answer
            && error.is::<Silence>()
        {
            let _ = self.given_up.set(error.to_string());
        }
        answer
    }

    pub async fn pulse(&self, screen: ScreenId) -> Result<(Stamp, Counters)> {
        let parts = screen.parts();
        let watched = parts
            .iter()
            .flat_map(|part| part.about().watched)
            .map(|name| (*name).to_owned())
            .collect();
        let rows = self.ask(&server::PULSE, &[Param::Texts(watched)]).await?;
        let pulse = Pulse::read(rows.first().context("no pulse")?)?;
        if !pulse.read_only {
            let _ = self.given_up.set(TURNED.to_owned());
            bail!("{TURNED}");
        }
        Ok((pulse.clock, pulse.changes))
    }

    /// What was done in this database, newest first.
    async fn journal(&self) -> Result<Rows> {
        let journal = self
            .journal
            .as_ref()
            .context("there is no place for a journal: set HOME or XDG_STATE_HOME")?;
        let place = self.place().await?;
        let entries = journal.entries()?;
        let unreadable = entries.unreadable;
        let here = entries
            .all
            .into_iter()
            .rev()
            .filter(|entry| entry.begin.place.is(place));
        Ok(Rows::Journal(
            here.map(|entry| screens::journal::Row {
                state: entry.state().to_owned(),
                entry,
                unreadable,
            })
            .collect(),
        ))
    }

    /// Whether this screen has anything to ask this server.
    pub fn can_show(&self, screen: ScreenId) -> bool {
        matches!(screen, ScreenId::Journal | ScreenId::Overview)
            || self.server.timescaledb.is_some()
            || screen.about().plain.is_some()
    }

    /// The rows of a screen; an error where the screen has nothing to ask this server.
    pub async fn load(&self, screen: ScreenId) -> Result<Rows> {
        self.load_beside(screen, self.half(screen)).await
    }

    /// The other half of a list, on the second connection where there is one.
    async fn half(&self, screen: ScreenId) -> Result<Vec<Row>> {
        let query = screen.about().beside;
        let Some(query) = query.filter(|_| self.server.timescaledb.is_some()) else {
            return Ok(Vec::new());
        };
        if let Some(second) = &self.second {
            let (reply, answer) = oneshot::channel();
            if second.send(Half { query, reply }).is_ok()
                && let Ok(Ok(Ok(rows))) = tokio::time::timeout(BUSY, answer).await
            {
                return Ok(rows);
            }
        }
        self.ask(query, &[]).await
    }

    /// The rows of a screen, with its list's other half from elsewhere.
    pub async fn load_beside(
        &self,
        screen: ScreenId,
        half: impl Future<Output = Result<Vec<Row>>>,
    ) -> Result<Rows> {
        if screen == ScreenId::Journal {
            return self.journal().await;
        }
        let about = screen.about();
        let text = if self.server.timescaledb.is_some() {
            Some((about.list_text)(&self.server))
        } else {
            about
                .plain
                .map(|query| query.text(self.server.sql_version()))
        };
        let text = text.with_context(|| {
            format!(
                "{} needs TimescaleDB, and the extension is not in database {:?}\nCREATE EXTENSION timescaledb adds it; the Indexes screen serves without it.",
                about.title, self.server.database
            )
        })?;
        let (list, beside) = tokio::try_join!(self.list(screen, text), half)?;
        screen.read(&list, &beside)
    }

    async fn list(&self, screen: ScreenId, text: &str) -> Result<Vec<Row>> {
        self.heed(self.ask_list(screen, text).await)
    }

    async fn ask_list(&self, screen: ScreenId, text: &str) -> Result<Vec<Row>> {
        let client = &self.connected.client;
        let known = &self.lists[screen as usize];
        if known.get().is_none() {
            let prepared = in_time(client.prepare_typed(text, &[])).await?;
            let _ = known.set(prepared);
        }
        let statement = known.get().context("a statement was prepared")?;
        let answer = tokio::time::timeout(PATIENCE, client.query(statement, &[])).await;
        match answer.map_err(|_| late())? {
            // It is not what it was when it was planned, or a pooler keeps no statements.
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

/// Whether a session can still do nothing but read; asked with nothing that can be shadowed.
pub(crate) async fn still_reads(client: &Client) -> bool {
    let answer = in_time(client.simple_query("show default_transaction_read_only")).await;
    answer.is_ok_and(|answer| {
        answer.iter().any(
            |message| matches!(message, SimpleQueryMessage::Row(row) if row.get(0) == Some("on")),
        )
    })
}

/// Sets what the start-up packet set once more.
pub async fn set_as_started(client: &Client) -> Result<()> {
    in_time(client.batch_execute(&packet::statements())).await
}

/// Makes a new session one that reads.
pub async fn reads(client: &Client) -> Result<()> {
    in_time(client.batch_execute(SESSION)).await
}

pub async fn ask(client: &Client, text: &str, params: &[Param]) -> Result<Vec<Row>> {
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

/// No answer came.
#[derive(Debug)]
pub struct Silence(pub Duration);

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

/// The server's own words, with its code; else the client's.
pub(crate) fn said(error: tokio_postgres::Error) -> anyhow::Error {
    match error.as_db_error() {
        Some(told) => {
            let xml =
                told.code() == &SqlState::FEATURE_NOT_SUPPORTED && told.message().contains("XML");
            let hint = if xml {
                Some("this PostgreSQL was built without libxml, which hypertop's queries need")
            } else {
                told.hint()
            };
            let hint = hint.map_or_else(String::new, |hint| format!(" ({})", text::bounded(hint)));
            let words = text::bounded(told.message());
            anyhow!("{}: {words}{hint}", told.code().code())
        }
        None => anyhow::Error::from(error),
    }
}

/// Serves the console's requests until it goes: connects, answers, connects again with back-off.
pub async fn serve(
    settings: Settings,
    actor: Option<Actor>,
    first: Session,
    mut requests: UnboundedReceiver<Effect>,
    answers: UnboundedSender<Msg>,
    opens: ScreenId,
) {
    let password = first.connected.password.clone();
    let thresholds = first.server.thresholds.clone();
    let (to_exact, exact_requests) = unbounded_channel();
    let (to_second, halves) = unbounded_channel();
    tokio::spawn(crate::run::second::serve(
        settings.clone(),
        password.clone(),
        exact_requests,
        halves,
        answers.clone(),
        opens,
    ));
    let (to_acts, act_requests) = unbounded_channel();
    let journal = actor.as_ref().map(|actor| actor.journal.clone());
    if let Some(actor) = actor {
        tokio::spawn(crate::run::acts::serve(
            actor,
            act_requests,
            answers.clone(),
        ));
    }
    let mut session = Some(first);
    let mut wait = Duration::from_secs(1);
    loop {
        let current = match session.take() {
            Some(session) => Ok(session),
            None => reconnect(&settings, password.as_deref()).await,
        };
        let error = match current {
            Ok(mut current) => {
                current.journal.clone_from(&journal);
                current.server.thresholds.clone_from(&thresholds);
                current.second = Some(to_second.clone());
                wait = Duration::from_secs(1);
                if answers
                    .send(Msg::Up(Box::new(current.server.clone())))
                    .is_err()
                {
                    return;
                }
                match serve_session(&current, &mut requests, &to_exact, &to_acts, &answers).await {
                    Some(error) => error,
                    None => return,
                }
            }
            Err(error) => error,
        };
        if answers
            .send(Msg::Down {
                error: format!("{error:#}"),
                retry: wait,
            })
            .is_err()
        {
            return;
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(Duration::from_secs(30));
    }
}

async fn reconnect(settings: &Settings, password: Option<&str>) -> Result<Session> {
    Session::start(connect::again(settings, password).await?).await
}

/// Answers until the connection is lost (why is returned) or the console is gone (`None`).
async fn serve_session(
    session: &Session,
    requests: &mut UnboundedReceiver<Effect>,
    to_exact: &UnboundedSender<Effect>,
    to_acts: &UnboundedSender<Effect>,
    answers: &UnboundedSender<Msg>,
) -> Option<anyhow::Error> {
    let mut running: Option<Work> = None;
    let mut waiting = VecDeque::new();
    let mut closed = tokio::time::interval(Duration::from_millis(500));
    loop {
        if running.is_none()
            && let Some(effect) = waiting.pop_front()
        {
            running = answer(session, &effect);
            continue;
        }
        let work = async {
            match &mut running {
                Some((_, work)) => work.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            msg = work => {
                running = None;
                if session.connected.client.is_closed() {
                    return Some(lost(&msg));
                }
                if let Some(why) = session.given_up.get() {
                    answers.send(msg).ok()?;
                    return Some(anyhow!("{why}"));
                }
                answers.send(msg).ok()?;
            }
            request = requests.recv() => match request? {
                Effect::Cancel { screen } => {
                    to_exact.send(Effect::Cancel { screen }).ok()?;
                    if running.as_ref().is_some_and(|(busy, _)| *busy == screen) {
                        tokio::spawn(session.connected.canceller());
                    }
                    waiting.retain(|effect| !matches!(effect, Effect::Load { screen: other, .. } | Effect::Pulse { screen: other, .. } if *other == screen));
                }
                effect @ (Effect::Facts { .. } | Effect::Look { .. } | Effect::Rollback { .. } | Effect::Do(_) | Effect::Order(_)) => {
                    if to_acts.send(effect).is_err() {
                        let text = "there is no place for the journal (set HOME or XDG_STATE_HOME), and without it nothing is changed";
                        answers.send(Msg::Told { text: text.to_owned(), bad: true }).ok()?;
                    }
                }
                effect @ (Effect::Exact { .. } | Effect::Detail { .. }) => to_exact.send(effect).ok()?,
                effect => waiting.push_back(effect),
            },
            _ = closed.tick() => {
                if session.connected.client.is_closed() {
                    return Some(anyhow!("the server closed the connection"));
                }
            }
        }
    }
}

fn lost(last: &Msg) -> anyhow::Error {
    match last {
        Msg::Failed { error, .. } => anyhow!("{error}"),
        _ => anyhow!("the server closed the connection"),
    }
}

/// An answer under way, and the screen that it is for.
type Work<'a> = (
    ScreenId,
    std::pin::Pin<Box<dyn Future<Output = Msg> + Send + 'a>>,
);

fn answer<'a>(session: &'a Session, effect: &Effect) -> Option<Work<'a>> {
    match *effect {
        Effect::Pulse { screen, asked } => Some((
            screen,
            Box::pin(async move {
                match session.pulse(screen).await {
                    Ok((clock, counters)) => Msg::Pulse {
                        screen,
                        asked,
                        clock,
                        counters,
                    },
                    Err(error) => Msg::PulseFailed {
                        asked,
                        error: format!("{error:#}"),
                    },
                }
            }),
        )),
        Effect::Load { screen, asked } => Some((
            screen,
            Box::pin(async move {
                let start = Instant::now();
                match session.load(screen).await {
                    Ok(rows) => Msg::Loaded {
                        asked,
                        rows,
                        took: start.elapsed(),
                    },
                    Err(error) => Msg::Failed {
                        screen,
                        asked,
                        error: format!("{error:#}"),
                    },
                }
            }),
        )),
        Effect::Aside(ref request) => {
            let request = request.clone();
            Some((ScreenId::Overview, Box::pin(session.aside(request))))
        }
        _ => None,
    }
}
