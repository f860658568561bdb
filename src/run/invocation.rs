//! The options and settings that all commands share, and how commands connect with them.

use anyhow::{Context, Result, anyhow};

use super::exit::{Failure, no_connection};
use super::opening::{Opening, configure};
use super::start::{self, Look};
use super::{Ended, Start, doctor};
use crate::actions::key_map::KeyMap;
use crate::config;
use crate::connect;
use crate::connect::conninfo;
use crate::connect::conninfo::{Flags, Settings, Surroundings};
use crate::journal::Journal;
use crate::model::screen_id::ScreenId;
use crate::run;
use crate::server::session::Session;
use crate::ui::terminal;

/// The options that all commands share, and the program's environment.
#[derive(Debug)]
pub struct Invocation {
    /// The connection options as given; `@NAME` is not resolved.
    pub flags: Flags,
    pub look: Look,
    /// `--read-only` was given.
    pub read_only: bool,
    pub around: Surroundings,
}

impl Invocation {
    /// The connection options, in which `@NAME` is replaced by the connection of this name in config.toml.
    pub fn connection(&self) -> Result<Flags, String> {
        config::named(self.flags.clone(), &self.around)
    }

    /// Connects. The error ends with the `hypertop doctor` command for this connection.
    pub async fn open(&self) -> Result<(Settings, Session), Failure> {
        let flags = self.connection();
        let flags = flags.map_err(|error| no_connection(anyhow::Error::msg(error)))?;
        let opened = async {
            let mut settings = conninfo::resolve(&flags, &self.around)?;
            let (config, _) = config::read(&self.around);
            settings.trust = config.trust(&settings.user);
            let connected = connect::connect(&settings, &mut ask).await?;
            let mut session = Session::start(connected).await?;
            configure(&mut session, config, self.look.policies.clone());
            Ok((settings, session))
        };
        opened.await.map_err(|error: anyhow::Error| {
            no_connection(anyhow!("{error:#}\n{}", doctor::advice(&flags)))
        })
    }

    /// The journal. An error if there is no folder for the journal, because nothing may be changed without a journal.
    pub fn journal(&self) -> Result<Journal> {
        Journal::of(&self.around).context(
            "there is no folder for the journal: set HOME or XDG_STATE_HOME. Without a journal nothing is changed",
        )
    }

    /// The key map. An error in `[keys]` ends the program. Otherwise a key could run another action than the user expects.
    pub(super) fn keys(&self) -> Result<KeyMap> {
        config::read(&self.around)
            .0
            .keys
            .map_err(anyhow::Error::msg)
    }

    pub(super) fn screen(&self) -> ScreenId {
        self.look.screen.unwrap_or(ScreenId::Overview)
    }

    /// Connects and opens the console.
    pub async fn console(&self) -> Result<Ended, Failure> {
        if !terminal::is_there() {
            return Err(no_connection(anyhow!(
                "a console needs a terminal; `hypertop show SCREEN` prints the same as text"
            )));
        }
        terminal::check()?;
        let keys = self.keys()?;
        let (settings, session) = self.open().await?;
        let journal = Journal::of(&self.around);
        Ok(self.console_on(settings, session, keys, journal).await?)
    }

    /// Opens the console on this session. `journal`: `None` if there is no folder for the journal.
    pub(super) async fn console_on(
        &self,
        settings: Settings,
        session: Session,
        keys: KeyMap,
        journal: Option<Journal>,
    ) -> Result<Ended> {
        let server = &session.server;
        let files = if server.throw_away {
            server.policy_files.clone()
        } else {
            self.look.policies.clone()
        };
        let opening = Opening {
            around: self.around.clone(),
            clock: run::now,
            read_only: self.read_only,
            journal,
            throw_away: server.throw_away,
            named: (server.database.clone(), files),
        };
        let (config, themes, notes, _) =
            start::look(&self.look, &self.around, terminal::background);
        let start = Start {
            opened: opening.opened(settings, session).await,
            opening,
            config,
            keys,
            themes,
            notes,
            screen: self.screen(),
        };
        Box::pin(run::console(start)).await
    }
}

/// Asks for a password without echo.
pub fn ask(prompt: &str) -> Result<String> {
    Ok(rpassword::prompt_password(prompt)?)
}
