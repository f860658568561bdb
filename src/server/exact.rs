//! Exact figures, slice by slice, on a connection that is renewed.

mod held;

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

/// How the exact figures of a screen are asked for.
#[derive(Debug, Clone, Copy)]
pub struct ExactQuery {
    pub query: &'static Query,
    pub figures: &'static [&'static str],
    pub slice: usize,
    /// The Overview asks for them too.
    pub overview: bool,
    /// In a round of its own.
    pub later: bool,
    pub every: Duration,
}

/// Figures that came for a row, or why they did not.
pub type Figures = Result<Vec<Option<i64>>, String>;

/// What the second connection sets too: its statements serve many slices, and are planned once.
const EXACT_SESSION: &str = "set plan_cache_mode = force_generic_plan";
/// The second connection is renewed after so much cost: a backend keeps memory for each relation that it opened, once.
const RENEW_AFTER: usize = 5000;
/// So long after it could not be opened it is not tried again.
const TRY_AGAIN: Duration = Duration::from_secs(20);

/// The second connection; it is opened when it is first asked.
#[derive(Debug)]
pub struct Exact<'a> {
    settings: &'a Settings,
    password: Option<String>,
    session: Option<Session>,
    /// In hundredths.
    cost: usize,
    /// What was asked of this session, by query name and id: asked again, it costs a hundredth, for some of the relations
    /// behind it are new ones.
    opened: HashSet<(&'static str, i64)>,
    /// When it could not be opened, and why: nobody waits for that twice in a row.
    failed: Option<(Instant, String)>,
    /// Of this session, by query name: planning a slice may cost more than answering it.
    statements: HashMap<&'static str, Statement>,
}

impl<'a> Exact<'a> {
    pub fn new(settings: &'a Settings, password: Option<String>) -> Self {
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

    /// Connects and plans ahead of the first slice; should that fail, the slice says why.
    pub async fn warm(&mut self, query: ExactQuery) {
        drop(self.try_slice(query, &[]).await);
    }

    /// The session, renewed where it has opened too much or is gone; `cost` is what it will open, in hundredths.
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
        let connected = connect::again(self.settings, self.password.as_deref()).await?;
        let session = Session::start(connected).await?;
        let client = &session.connected.client;
        client.batch_execute(EXACT_SESSION).await.map_err(said)?;
        Ok(session)
    }

    /// The figures of one slice; where it fails as a whole, each by itself, so that one lock hides one row only.
    pub async fn slice(&mut self, query: ExactQuery, ids: &[(i64, usize)]) -> Vec<(i64, Figures)> {
        let answer = self.try_slice(query, ids).await;
        match self.heed(answer) {
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
                    match self.heed(answer) {
                        Ok(figures) => all.extend(figures),
                        Err(error) => all.push((id.0, Err(format!("{error:#}")))),
                    }
                }
                all
            }
        }
    }

    /// Connects ahead of the first question; should that fail, its answer says why.
    pub(crate) async fn connect(&mut self) {
        drop(self.session(0).await);
    }

    /// The rows that a companion query of a list returns, see [`crate::screens::record::Record::COMPANION`].
    pub async fn companion(&mut self, query: &'static Query) -> Result<Vec<Row>> {
        let answer = self.try_half(query).await;
        self.heed(answer)
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
                known.push((*id, Err("it is gone, or cannot be seen".to_owned())));
            }
        }
        Ok(known)
    }

    /// Throws the session away where it can write; what is to be said of it then.
    pub(crate) async fn distrust(&mut self) -> Option<&'static str> {
        let session = self.session.as_ref()?;
        let client = &session.connected.client;
        // One that is gone is opened again when it is asked next.
        if client.is_closed() || still_reads(client).await {
            return None;
        }
        self.session = None;
        Some(TURNED)
    }

    /// Asks one of the details' queries.
    pub async fn detail(&mut self, query: &Query, params: &[Param]) -> Result<(Vec<Row>, Server)> {
        let session = self.session(500 * 100).await?;
        let server = session.server.clone();
        let answer = session.ask(query, params).await;
        Ok((self.heed(answer)?, server))
    }

    /// A connection that does not answer in time is not asked again: it does not even say that it took too long.
    fn heed<T>(&mut self, answer: Result<T>) -> Result<T> {
        if answer.as_ref().is_err_and(anyhow::Error::is::<Silence>) {
            self.session = None;
        }
        answer
    }
}

/// Cuts ids into slices of at most so much cost (a single id may cost more).
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
