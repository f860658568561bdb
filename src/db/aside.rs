//! What is put aside: read from the journal for the Overview, and written there.

use anyhow::{Context as _, Result};

use super::Session;
use crate::acknowledge::{Acknowledgement, Ended, Request, Wanted, Why};
use crate::act;
use crate::app::Msg;
use crate::journal::{Journal, Place};

impl Session {
    /// Which database this is; asked once.
    pub(super) async fn place(&self) -> Result<&Place> {
        let ask = || act::place(&self.connected.client, self.connected.host.clone());
        self.place.get_or_try_init(ask).await
    }

    /// What is put aside here; empty where there is no journal.
    pub async fn acknowledged(&self) -> Result<Vec<Acknowledgement>> {
        let Some(journal) = &self.journal else {
            return Ok(Vec::new());
        };
        Ok(journal.entries()?.acknowledgements(self.place().await?))
    }

    /// The same, with the journal's length; `None`: it is as long as it was.
    async fn acknowledged_since(
        &self,
        length: Option<u64>,
    ) -> Result<Option<(u64, Vec<Acknowledgement>)>> {
        let now = self.journal.as_ref().map_or(Ok(0), Journal::length)?;
        if length == Some(now) {
            return Ok(None);
        }
        Ok(Some((now, self.acknowledged().await?)))
    }

    async fn acknowledge(&self, wanted: Vec<Wanted>) -> Result<()> {
        let journal = self.wanted_journal()?;
        let place = self.place().await?;
        let entry = |what| Acknowledgement {
            id: 0,
            role: self.server.role.clone(),
            place: place.clone(),
            what,
            pid: std::process::id(),
        };
        journal.acknowledge(wanted.into_iter().map(entry).collect())?;
        Ok(())
    }

    fn end_acknowledged(&self, at: &str, ids: &[(u64, Why)]) -> Result<()> {
        let ended = |(of, why): &(u64, Why)| Ended {
            of: *of,
            at: at.to_owned(),
            role: self.server.role.clone(),
            why: *why,
        };
        self.wanted_journal()?
            .end_acknowledged(ids.iter().map(ended).collect())
    }

    fn wanted_journal(&self) -> Result<&Journal> {
        self.journal
            .as_ref()
            .context("there is no place for a journal: set HOME or XDG_STATE_HOME")
    }

    /// Does what the console asks, and says what is put aside then.
    pub(super) async fn aside(&self, request: Request) -> Msg {
        let (done, length) = match request {
            Request::Read { length } => (Ok(()), length),
            Request::Acknowledge(wanted) => (self.acknowledge(wanted).await, None),
            Request::End { at, ids } => (self.end_acknowledged(&at, &ids), None),
        };
        match done {
            Ok(()) => {
                let read = self.acknowledged_since(length).await;
                Msg::Aside(read.map_err(|error| format!("{error:#}")))
            }
            Err(error) => Msg::Told {
                text: format!("{error:#}"),
                bad: true,
            },
        }
    }
}
