//! Exact figures, read slice by slice (some ids per statement) on a second connection.

mod held;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio_postgres::types::Type;
use tokio_postgres::{Row, Statement};

use crate::connect;
use crate::connect::conninfo::Settings;
use crate::server::known::Server;
use crate::server::session::{Session, Silence, TURNED, in_time, said, still_reads};
use crate::server::sql::{Param, Query};

/// A screen's query for exact figures.
#[derive(Debug, Clone, Copy)]
pub struct ExactQuery {
    pub query: &'static Query,
    pub(crate) figures: &'static [&'static str],
    pub slice: usize,
    /// Whether the Overview needs these figures too.
    pub overview: bool,
    /// Whether these figures are expensive: they are read after the other exact figures, in a separate request.
    pub(crate) later: bool,
    pub(crate) every: Duration,
}

/// The figures of one row in the order of [`ExactQuery::figures`] (`None`: NULL), or the error.
pub(crate) type Figures = Result<Vec<Option<i64>>, String>;

/// The second connection plans each statement once, for all slices.
const EXACT_SESSION: &str = "set plan_cache_mode = force_generic_plan";
/// The second connection is replaced after statements of this total cost, because its backend keeps memory for every relation that it
/// opened. Opening a relation costs 1.
const RENEW_AFTER: usize = 5000;
const TRY_AGAIN: Duration = Duration::from_secs(20);

/// The second connection, opened by the first request.
#[derive(Debug)]
pub struct Exact<'a> {
    settings: Cow<'a, Settings>,
    password: Option<String>,
    session: Option<Session>,
    /// Sum of the costs of all statements since the connection was opened, in hundredths.
    cost: usize,
    /// Query names and ids already read on this connection. Their relations are open, so reading them again costs a hundredth.
    opened: HashSet<(&'static str, i64)>,
    /// Time and reason of the last failed connection attempt.
    failed: Option<(Instant, String)>,
    /// Prepared statements by query name. Planning a slice may take longer than executing it.
    statements: HashMap<&'static str, Statement>,
}

impl<'a> Exact<'a> {
    pub fn new(settings: &'a Settings, password: Option<String>) -> Self {
        Self::with(Cow::Borrowed(settings), password)
    }

    /// As [`Self::new`], but owns the settings, and has no password that the user entered.
    pub(crate) fn owning(settings: Settings) -> Exact<'static> {
        Exact::with(Cow::Owned(settings), None)
    }

    fn with(settings: Cow<'a, Settings>, password: Option<String>) -> Self {
        Self {
            settings,
            password,
            session: None,
            cost: 0,
            opened: HashSet::new(),
            failed: None,
            statements: HashMap::new(),
        }
    }

    /// Connects and prepares before the first slice. Errors are ignored here, because the first slice reports them.
    pub(crate) async fn warm(&mut self, query: ExactQuery) {
        drop(self.try_slice(query, &[]).await);
    }

    /// The session. It is replaced if it is closed or has reached [`RENEW_AFTER`]. `cost`: cost of the next statement, in hundredths.
    async fn session(&mut self, cost: usize) -> Result<&Session> {
        self.cost += cost;
        let gone = |session: &Session| session.connected.client.is_closed();
        if self.cost > 100 * RENEW_AFTER || self.session.as_ref().is_none_or(gone) {
            self.session = None;
            if let Some((when, error)) = &self.failed
                && when.elapsed() < TRY_AGAIN
            {
                bail!("{error}");
            }
            match self.open().await {
                Ok(session) => self.session = Some(session),
                Err(error) => {
                    let error = format!("the second connection could not be opened: {error:#}");
                    self.failed = Some((Instant::now(), error.clone()));
                    bail!("{error}");
                }
            }
            self.cost = cost;
            self.failed = None;
            self.opened.clear();
            self.statements.clear();
        }
        self.session.as_ref().context("no second connection")
    }

    async fn open(&self) -> Result<Session> {
        let connected = connect::again(&self.settings, self.password.as_deref()).await?;
        let session = Session::start(connected).await?;
        let client = &session.connected.client;
        client.batch_execute(EXACT_SESSION).await.map_err(said)?;
        Ok(session)
    }

    /// The figures of one slice. If the query fails, each row is read alone, so that one locked relation hides only its own row.
    pub async fn slice(&mut self, query: ExactQuery, ids: &[(i64, usize)]) -> Vec<(i64, Figures)> {
        let answer = self.try_slice(query, ids).await;
        match self.or_give_up(answer) {
            Ok(figures) => figures,
            Err(error) if ids.len() == 1 || self.session.is_none() => {
                let error = format!("{error:#}");
                ids.iter()
                    .map(|(id, _)| (*id, Err(error.clone())))
                    .collect()
            }
            Err(_) => {
                let mut all = Vec::new();
                for id in ids {
                    let answer = self.try_slice(query, std::slice::from_ref(id)).await;
                    match self.or_give_up(answer) {
                        Ok(figures) => all.extend(figures),
                        Err(error) => all.push((id.0, Err(format!("{error:#}")))),
                    }
                }
                all
            }
        }
    }

    /// Connects before the first request. Errors are ignored here, because the request reports them.
    pub(crate) async fn connect(&mut self) {
        drop(self.session(0).await);
    }

    /// The rows of a list's companion query, see [`crate::screens::record::Record::COMPANION`].
    pub async fn companion(&mut self, query: &'static Query) -> Result<Vec<Row>> {
        let answer = self.try_half(query).await;
        self.or_give_up(answer)
    }

    async fn try_half(&mut self, query: &'static Query) -> Result<Vec<Row>> {
        let statement = self.planned(query, &[], 0).await?;
        let session = self.session(0).await?;
        in_time(session.connected.client.query(&statement, &[])).await
    }

    async fn planned(
        &mut self,
        query: &'static Query,
        types: &[Type],
        cost: usize,
    ) -> Result<Statement> {
        self.session(cost).await?;
        let session = self.session.as_ref().context("no second connection")?;
        if let Some(known) = self.statements.get(query.name) {
            return Ok(known.clone());
        }
        let text = query.text(session.server.sql_version());
        let statement = in_time(session.connected.client.prepare_typed(text, types)).await?;
        self.statements.insert(query.name, statement.clone());
        Ok(statement)
    }

    async fn try_slice(
        &mut self,
        query: ExactQuery,
        ids: &[(i64, usize)],
    ) -> Result<Vec<(i64, Figures)>> {
        let cost_of = |(id, cost): &(i64, usize)| {
            let again = self.opened.contains(&(query.query.name, *id));
            if again { *cost } else { 100 * cost }
        };
        let cost = ids.iter().map(cost_of).sum();
        let statement = self.planned(query.query, &[Type::INT8_ARRAY], cost).await?;
        let asked = ids.iter().map(|(id, _)| (query.query.name, *id));
        self.opened.extend(asked);
        let client = &self.session(0).await?.connected.client;
        let wanted: Vec<i64> = ids.iter().map(|(id, _)| *id).collect();
        let rows = in_time(client.query(&statement, &[&wanted])).await?;
        let rows = held::again(client, &statement, rows).await?;
        let mut known: Vec<(i64, Figures)> = Vec::new();
        for row in &rows {
            if let Some(why) = held::unread(row, &self.session(0).await?.server.role)? {
                known.push((row.try_get("id")?, Err(why)));
                continue;
            }
            let figures: Result<Vec<Option<i64>>, _> = query
                .figures
                .iter()
                .map(|name| row.try_get(*name))
                .collect();
            known.push((row.try_get("id")?, Ok(figures?)));
        }
        for (id, _) in ids {
            if !known.iter().any(|(other, _)| other == id) {
                known.push((
                    *id,
                    Err("it no longer exists, or this role cannot see it".to_owned()),
                ));
            }
        }
        Ok(known)
    }

    /// Closes the session and returns a warning if code that the session ran has made it able to write.
    pub(crate) async fn distrust(&mut self) -> Option<&'static str> {
        let session = self.session.as_ref()?;
        let client = &session.connected.client;
        // A closed session cannot write. The next request replaces it.
        if client.is_closed() || still_reads(client).await {
            return None;
        }
        self.session = None;
        Some(TURNED)
    }

    /// A future that cancels the running statement; `None`: no connection is open.
    pub(crate) fn canceller(&self) -> Option<impl Future<Output = ()> + Send + use<>> {
        Some(self.session.as_ref()?.connected.canceller())
    }

    /// Closes the connection; the next request opens another one.
    pub(crate) fn close(&mut self) {
        self.session = None;
    }

    /// Runs a query for a row's details, and returns the server's facts with the rows. The query counts as 500 opened relations.
    pub(crate) async fn detail(
        &mut self,
        query: &Query,
        params: &[Param],
    ) -> Result<(Vec<Row>, Server)> {
        let session = self.session(500 * 100).await?;
        let server = session.server.clone();
        let answer = session.ask(query, params).await;
        Ok((self.or_give_up(answer)?, server))
    }

    /// Drops a connection that does not answer in time.
    fn or_give_up<T>(&mut self, answer: Result<T>) -> Result<T> {
        if answer.as_ref().is_err_and(anyhow::Error::is::<Silence>) {
            self.session = None;
        }
        answer
    }
}

/// Splits ids (each with its cost) into slices that cost at most `most`. An id that costs more gets a slice of its own.
pub fn slices(ids: &[(i64, usize)], most: usize) -> Vec<&[(i64, usize)]> {
    let mut slices = Vec::new();
    let (mut start, mut cost) = (0, 0);
    for (at, (_, more)) in ids.iter().enumerate() {
        if at > start && cost + more > most {
            slices.push(&ids[start..at]);
            (start, cost) = (at, 0);
        }
        cost += more;
    }
    if start < ids.len() {
        slices.push(&ids[start..]);
    }
    slices
}
