//! Reads the rows of a screen in a session.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tokio::sync::oneshot;
use tokio_postgres::Row;

use crate::model::moment::Stamp;
use crate::model::screen_id::ScreenId;
use crate::screens::policies;
use crate::screens::policy::Policy;
use crate::screens::{self, Rows};
use crate::server::known::{Counters, PULSE, Pulse};
use crate::server::session::{Session, TURNED};
use crate::server::sql::{Companion, Param, Query};

/// Maximum time to wait for the companion query on the second connection. After that time it runs on the first connection.
const BUSY: Duration = Duration::from_millis(300);

impl Session {
    pub async fn pulse(&self, screen: ScreenId) -> Result<(Stamp, Counters)> {
        let parts = screen.parts();
        let watched = parts
            .iter()
            .flat_map(|part| part.about().watched)
            .map(|name| (*name).to_owned())
            .collect();
        let rows = self.ask(&PULSE, &[Param::Texts(watched)]).await?;
        let pulse = Pulse::read(rows.first().context("the pulse query returned no row")?)?;
        if !pulse.read_only {
            let _ = self.given_up.set(TURNED.to_owned());
            bail!("{TURNED}");
        }
        let mut counters = pulse.changes;
        // The counter of the policy files comes last. On a screen with several parts it would have to follow the counters of its own part,
        // but only the Overview has several parts, and none of them watches files.
        if parts.iter().any(|part| part.about().watches_files) {
            counters.push(Some(policies::fingerprint(&self.server.policy_files)));
        }
        Ok((pulse.clock, counters))
    }

    /// The journal entries of this server and database, newest first.
    async fn journal(&self) -> Result<Rows> {
        let journal = self
            .journal
            .as_ref()
            .context("there is no folder for a journal: set HOME or XDG_STATE_HOME")?;
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
                elsewhere: (!entry.begin.place.is_surely(place)).then(|| entry.begin.place.words()),
                entry,
                unreadable,
            })
            .collect(),
        ))
    }

    /// Whether this server can provide rows for the screen.
    pub fn can_show(&self, screen: ScreenId) -> bool {
        screen.is_served(self.server.timescaledb.is_some())
    }

    /// The rows of a screen; an error if the screen needs TimescaleDB and the database does not have it.
    pub async fn load(&self, screen: ScreenId) -> Result<Rows> {
        self.load_with_companion(screen, self.companion(screen))
            .await
    }

    /// The rows of a screen's companion query. Rows that were read before are returned if they are new enough.
    async fn companion(&self, screen: ScreenId) -> Result<Arc<Vec<Row>>> {
        let about = screen.about();
        let wanted = about
            .companion
            .filter(|_| self.server.timescaledb.is_some());
        let Some(query) = wanted else {
            return Ok(Arc::default());
        };
        let kept = &self.companions[screen as usize];
        let lock = || kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((read, rows)) = &*lock()
            && read.elapsed() < about.companion_every
        {
            return Ok(rows.clone());
        }
        let rows = Arc::new(self.ask_companion(query).await?);
        if !about.companion_every.is_zero() {
            *lock() = Some((Instant::now(), rows.clone()));
        }
        Ok(rows)
    }

    /// Reads the rows of a screen's companion query from the server, on the second connection if possible.
    async fn ask_companion(&self, query: &'static Query) -> Result<Vec<Row>> {
        if let Some(second) = &self.second {
            let (reply, answer) = oneshot::channel();
            if second.send(Companion { query, reply }).is_ok()
                && let Ok(Ok(Ok(rows))) = tokio::time::timeout(BUSY, answer).await
            {
                return Ok(rows);
            }
        }
        self.ask(query, &[]).await
    }

    /// The rows of a screen, joined with the rows of the screen's companion query.
    pub async fn load_with_companion(
        &self,
        screen: ScreenId,
        companion: impl Future<Output = Result<Arc<Vec<Row>>>>,
    ) -> Result<Rows> {
        if screen == ScreenId::Journal {
            return self.journal().await;
        }
        if screen == ScreenId::Policies {
            // The rows of a policy file contain plans. The folder `actions` makes plans and may not be imported here, so
            // `run::policies::rows` makes these rows.
            anyhow::ensure!(
                self.server.policy_files.is_empty(),
                "only the console and `hypertop show policies` can compare a policy file with the database"
            );
            return Ok(Rows::Policies(Vec::new()));
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
                "{} needs TimescaleDB, but the extension is not in database {:?}\nCREATE EXTENSION timescaledb adds it; the screens Indexes, Activity, Queries and Server work without it.",
                about.title, self.server.database
            )
        })?;
        let (list, companion) = tokio::try_join!(self.list(screen, text), companion)?;
        let mut rows = screen.read(&list, &companion)?;
        self.add_changes(&mut rows).await;
        Ok(rows)
    }

    /// Adds this user's changes of policies. They come from the journal, because the server does not record every change.
    async fn add_changes(&self, rows: &mut Rows) {
        let policies: Vec<&mut Policy> = match rows {
            Rows::Compression(rows) => policies_of(rows, |row| row.policy.as_mut()),
            Rows::Retention(rows) => policies_of(rows, |row| row.policy.as_mut()),
            _ => return,
        };
        let Some(journal) = self.journal.as_ref().filter(|_| !policies.is_empty()) else {
            return;
        };
        // Without a journal, only the changes that the server records are known.
        let (Ok(place), Ok(length)) = (self.place().await, journal.length()) else {
            return;
        };
        let mut known = self.changes.lock().await;
        if known.0 != length {
            let Ok(entries) = journal.entries() else {
                return;
            };
            *known = (length, entries.policy_changes(place));
        }
        for policy in policies {
            policy.take_changes(&known.1);
        }
    }
}

fn policies_of<R>(rows: &mut [R], of: fn(&mut R) -> Option<&mut Policy>) -> Vec<&mut Policy> {
    rows.iter_mut().filter_map(of).collect()
}
