//! Reads the screens of one database repeatedly. Each time, it reads what is due, until a deadline.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use futures_util::future::OptionFuture;
use tokio::time::{Instant, timeout, timeout_at};

use super::failure::NoAnswer;
use crate::config::Config;
use crate::connect;
use crate::connect::conninfo::Settings;
use crate::journal::Journal;
use crate::model::moment::Stamp;
use crate::model::screen_id::ScreenId;
use crate::screens::Screens;
use crate::server::databases::DatabaseCounters;
use crate::server::exact::{Exact, slices};
use crate::server::known::{At, Counters};
use crate::server::session::Session;

/// After a deadline, maximum time for cancelling the running statements.
pub(super) const MARGIN: Duration = Duration::from_millis(300);

/// Result of reading a screen.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// Duration of the last attempt, in seconds; `None`: there was no attempt yet.
    pub seconds: Option<f64>,
    /// Number of failed attempts.
    pub errors: u64,
    /// Error of the last attempt; `None`: the attempt succeeded.
    pub error: Option<String>,
    /// End of the pause after a failed attempt.
    rest_until: Option<Instant>,
}

impl Reading {
    /// Whether the last attempt failed, and its pause has not ended.
    pub(super) fn rests(&self) -> bool {
        self.rest_until.is_some_and(|until| Instant::now() < until)
    }
}

/// Reads one database repeatedly. Keeps at most two connections open.
#[derive(Debug)]
pub(super) struct Collector {
    settings: Settings,
    config: Config,
    /// The journal, which has the acknowledgements. `None`: no finding is acknowledged.
    journal: Option<Journal>,
    session: Option<Session>,
    exact: Exact<'static>,
    pub screens: Screens,
    pub readings: BTreeMap<ScreenId, Reading>,
    pub counters: Option<DatabaseCounters>,
    /// The server's clock, and when it was read.
    clock: (Stamp, Instant),
    /// Share of a processor core that reading one screen may take.
    budget: f64,
}

impl Collector {
    pub(super) fn new(settings: Settings, config: Config, journal: Option<Journal>) -> Self {
        Self {
            exact: Exact::owning(settings.clone()),
            settings,
            config,
            journal,
            session: None,
            screens: Screens::default(),
            readings: BTreeMap::new(),
            counters: None,
            clock: (Stamp(0), Instant::now()),
            budget: 0.02,
        }
    }

    /// Sets the budget: a share of a processor core.
    pub(super) fn budget(mut self, share: f64) -> Self {
        self.budget = share;
        self.screens.budget(share);
        self
    }

    pub(super) fn database(&self) -> &str {
        &self.settings.dbname
    }

    /// The session; an error if there was no connection yet.
    pub(super) fn session(&self) -> Result<&Session> {
        self.session.as_ref().context("there is no connection")
    }

    /// The present time by the server's clock.
    pub(super) fn now(&self) -> Stamp {
        let (clock, read) = self.clock;
        clock.plus_seconds(read.elapsed().as_secs_f64())
    }

    /// Connects if necessary. An error says why there is no connection.
    pub(super) async fn connect(&mut self, until: Instant) -> Result<()> {
        let lost = |session: &Session| {
            session.connected.client.is_closed() || session.given_up.get().is_some()
        };
        if !self.session.as_ref().is_none_or(lost) {
            return Ok(());
        }
        self.close();
        let begun = Instant::now();
        let connecting = async {
            let connected = connect::again(&self.settings, None).await?;
            Session::start(connected).await
        };
        let session = timeout_at(until, Box::pin(connecting)).await;
        let mut session = session.map_err(|_| NoAnswer(begun.elapsed()))??;
        let server = &mut session.server;
        server.busy_hours = self
            .config
            .busy_hours(&server.host, &server.database, &server.role);
        server.thresholds.clone_from(&self.config.thresholds);
        session.journal.clone_from(&self.journal);
        self.session = Some(session);
        Ok(())
    }

    /// Closes the connections. The rows that were read are kept.
    pub(super) fn close(&mut self) {
        self.session = None;
        self.exact.close();
        self.screens.abandon();
    }

    /// Reads the rows and figures that are due, until the deadline. False: not all rows were read in time; older rows are kept. An error
    /// means that there is no connection.
    pub(super) async fn collect(&mut self, until: Instant) -> Result<bool> {
        self.connect(until).await?;
        let mut pulse = self.pulse(until).await;
        if pulse.is_err() {
            // The connection was lost since the last time, for example because the server was restarted.
            self.close();
            self.connect(until).await?;
            pulse = self.pulse(until).await;
        }
        let mut counters = pulse?.into_iter();
        let mut parts = ScreenId::Overview.parts();
        let session = self.session()?;
        let mut changes = BTreeMap::new();
        for part in &parts {
            let watched = part.about().counters();
            changes.insert(*part, counters.by_ref().take(watched).collect::<Counters>());
        }
        parts.retain(|part| session.can_show(*part));
        // Screens that failed the last time come last, so that a slow screen does not take the time of the other screens.
        let failed = |part: &ScreenId| self.readings.get(part).is_some_and(|of| of.error.is_some());
        parts.sort_by_key(failed);
        let mut in_time = true;
        for part in &parts {
            let counters = changes.remove(part).unwrap_or_default();
            in_time &= self.part(*part, counters, until).await;
        }
        if self.session()?.connected.client.is_closed() {
            bail!("the server closed the connection");
        }
        // Expensive figures come last. If a figure is missing, a finding reports that.
        for part in parts.iter().filter(|_| in_time) {
            let failed = self.readings.get(part).is_some_and(|of| of.error.is_some());
            if !failed && Instant::now() < until {
                let read = timeout_at(until, Box::pin(self.figures(*part, true))).await;
                if read.is_err() {
                    self.readings.entry(*part).or_default().errors += 1;
                    self.cancel().await;
                }
            }
        }
        if in_time {
            let counters = self.session()?.counters();
            self.counters = timeout_at(until, counters).await.ok().and_then(Result::ok);
        }
        self.judge(&parts)?;
        Ok(in_time)
    }

    async fn pulse(&mut self, until: Instant) -> Result<Counters> {
        let pulse = timeout_at(until, self.session()?.pulse(ScreenId::Overview)).await;
        let (clock, counters) = pulse.map_err(|_| anyhow!("the server does not answer"))??;
        self.clock = (clock, Instant::now());
        Ok(counters)
    }

    /// Reads a screen's rows if they are stale, and its figures that are due. False: not in time.
    async fn part(&mut self, part: ScreenId, changes: Counters, until: Instant) -> bool {
        let begun = Instant::now();
        let reading = self.readings.entry(part).or_default();
        if reading.rests() {
            return true;
        }
        if begun >= until {
            if self.screens.is_stale(part, &changes, true, self.now()) {
                self.failed(part, begun, "it was not read in time".to_owned());
                return false;
            }
            return true;
        }
        match timeout_at(until, Box::pin(self.read(part, changes))).await {
            Ok(Ok(read)) => {
                let reading = self.readings.entry(part).or_default();
                if read {
                    reading.seconds = Some(begun.elapsed().as_secs_f64());
                }
                (reading.error, reading.rest_until) = (None, None);
                true
            }
            Ok(Err(error)) => {
                self.failed(part, begun, format!("{error:#}"));
                true
            }
            Err(_) => {
                self.failed(part, begun, "it was not read in time".to_owned());
                self.cancel().await;
                false
            }
        }
    }

    /// Records a failed attempt. Its duration counts for the budget too, so that a statement that fails after 5 s is not sent for every
    /// scrape.
    fn failed(&mut self, part: ScreenId, begun: Instant, error: String) {
        let took = begun.elapsed();
        let rest = took.div_f64(self.budget.max(0.001));
        let reading = self.readings.entry(part).or_default();
        reading.errors += 1;
        reading.error = Some(error);
        reading.rest_until = Some(begun + took + rest);
    }

    /// Reads a screen's rows and figures that are due; false: nothing was due.
    async fn read(&mut self, part: ScreenId, changes: Counters) -> Result<bool> {
        let mut any = false;
        if self.screens.is_stale(part, &changes, true, self.now()) {
            let begun = Instant::now();
            let rows = self.session()?.load(part).await?;
            let took = begun.elapsed();
            let now = self.now();
            let asked = self.screens.ask(part).unwrap_or_default();
            let server = &self.session.as_ref().context("no connection")?.server;
            self.screens.counted(part, changes);
            self.screens.load(asked, rows, took, &At { now, server });
            any = true;
        }
        Ok(self.figures(part, false).await? | any)
    }

    /// Reads exact figures, including the expensive ones if `later`; false: none was due.
    async fn figures(&mut self, part: ScreenId, later: bool) -> Result<bool> {
        let begun = self.now();
        let mut any = false;
        while let Some((nth, ids)) = self.screens.asks(part, later, begun) {
            let queries = (part.about().exact)();
            let query = *queries.get(nth).context("no such figures")?;
            let mut done = 0;
            for slice in slices(&ids, query.slice) {
                let figures = self.exact.slice(query, slice).await;
                done += slice.len();
                let now = self.now();
                let server = &self.session.as_ref().context("no connection")?.server;
                let (last, at) = (done == ids.len(), At { now, server });
                self.screens.take_exact(part, nth, figures, last, &at);
            }
            any = true;
        }
        Ok(any)
    }

    /// Computes the verdicts of all rows for the present time, even of rows that were not read again.
    fn judge(&mut self, parts: &[ScreenId]) -> Result<()> {
        let now = self.now();
        let server = &self.session.as_ref().context("no connection")?.server;
        for part in parts {
            let at = At { now, server };
            self.screens.take_exact(*part, 0, Vec::new(), true, &at);
        }
        Ok(())
    }

    /// Cancels the running statements of both connections on the server. Also closes the connection for exact figures, because its
    /// transaction may hold a lock.
    pub(super) async fn cancel(&mut self) {
        let first = self
            .session
            .as_ref()
            .map(|session| session.connected.canceller());
        let both = async {
            let first = OptionFuture::from(first);
            let second = OptionFuture::from(self.exact.canceller());
            tokio::join!(first, second)
        };
        if timeout(MARGIN, both).await.is_err() {
            // A late cancel might hit the session's next statement, so the session is closed.
            self.session = None;
        }
        self.exact.close();
    }
}
