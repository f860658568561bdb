//! The session, the journal and the machine that a validation reads.

use anyhow::Result;

use crate::connect::{self, conninfo::Settings};
use crate::journal::{Entries, Journal};
use crate::model::machine::Machine;
use crate::model::moment::Stamp;
use crate::model::screen_id::ScreenId;
use crate::server::session::Session;

#[derive(Debug)]
pub struct Here {
    pub settings: Settings,
    pub session: Session,
    /// True: no session that can write may be opened.
    pub read_only: bool,
    /// `None`: there is no folder for the journal.
    pub journal: Option<Journal>,
    /// Facts about the server's machine, from config.toml.
    pub machine: Machine,
}

impl Here {
    /// The server's clock.
    pub(super) async fn now(&self) -> Result<Stamp> {
        Ok(self.session.pulse(ScreenId::Overview).await?.0)
    }

    pub(super) fn entries(&self) -> Result<Entries> {
        self.journal
            .as_ref()
            .map_or_else(|| Ok(Entries::default()), Journal::entries)
    }

    /// Opens the connection again if it was lost.
    pub(super) async fn reconnect(&mut self) -> Result<()> {
        let session = &self.session;
        if session.given_up.get().is_none() && !session.connected.client.is_closed() {
            return Ok(());
        }
        let password = session.connected.password.as_deref();
        let connected = connect::again(&self.settings, password).await?;
        let mut new = Session::start(connected).await?;
        let old = &self.session.server;
        new.server.thresholds.clone_from(&old.thresholds);
        new.server.busy_hours.clone_from(&old.busy_hours);
        new.server.policy_files.clone_from(&old.policy_files);
        new.journal.clone_from(&self.session.journal);
        self.session = new;
        Ok(())
    }
}
