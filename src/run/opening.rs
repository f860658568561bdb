//! Opens the databases that the console shows: the first database, and the databases that the user switches to.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;

use anyhow::{Result, anyhow, ensure};

use crate::actions::action::Other;
use crate::actions::execute::Actor;
use crate::app::choice::Choice;
use crate::config;
use crate::config::Config;
use crate::connect;
use crate::connect::conninfo::{self, Flags, Settings, Surroundings};
use crate::journal::Journal;
use crate::model::access::Access;
use crate::model::moment::Stamp;
use crate::run::{doctor, start};
use crate::server::session::Session;

/// An open session, and what the console needs to use this session.
#[derive(Debug)]
pub(super) struct Opened {
    pub settings: Settings,
    pub session: Session,
    /// Runs plans. `None`: there is no folder for the journal, so nothing can be changed.
    pub actor: Option<Actor>,
    pub rules: Access,
    /// Messages about this database that the user must read.
    pub messages: Vec<String>,
}

/// The settings with which the console opens databases.
#[derive(Debug, Clone)]
pub(super) struct Opening {
    pub around: Surroundings,
    /// This machine's clock.
    pub clock: fn() -> Stamp,
    /// `--read-only` was given.
    pub read_only: bool,
    /// The journal. `None`: there is no folder for the journal.
    pub journal: Option<Journal>,
    /// True: the server was started for this console. The connections and files in config.toml do not apply to it.
    pub throw_away: bool,
    /// The first database, with the policy files that were named for it alone. Empty: no files were named.
    pub named: (String, Vec<PathBuf>),
}

/// The present database, from which other databases of its server are found.
#[derive(Debug, Clone)]
pub(super) struct From {
    settings: Settings,
    password: Option<String>,
}

impl From {
    pub(super) fn of(opened: &Opened) -> Self {
        Self {
            settings: opened.settings.clone(),
            password: opened.session.connected.password.clone(),
        }
    }
}

/// A result of [`Opening::choices`] or [`Opening::switch`], which the console waits for.
pub(super) enum Arrival {
    Choices(Other, Result<Vec<Choice>>),
    Opened(Result<Box<Opened>>),
}

pub(super) type Waiting = Pin<Box<dyn Future<Output = Arrival>>>;

/// Waits for this result. `None`: waits for ever.
pub(super) async fn arrival(waiting: &mut Option<Waiting>) -> Arrival {
    match waiting {
        Some(waiting) => waiting.await,
        None => std::future::pending().await,
    }
}

/// The executor of plans for this session's server.
pub(super) fn actor(
    settings: &Settings,
    session: &Session,
    journal: Journal,
    clock: fn() -> Stamp,
) -> Actor {
    Actor {
        settings: settings.clone(),
        password: session.connected.password.clone(),
        journal,
        server: session.server.clone(),
        clock,
    }
}

/// Applies config.toml to a session. `files`: policy files. If empty, the policy files in config.toml apply.
pub(super) fn configure(session: &mut Session, config: Config, files: Vec<PathBuf>) {
    let server = &mut session.server;
    server.policy_files = if files.is_empty() {
        let files = config.policies(&server.host, &server.database, &server.role);
        files.to_vec()
    } else {
        files
    };
    server.busy_hours = config.busy_hours(&server.host, &server.database, &server.role);
    server.thresholds = config.thresholds;
}

impl Opening {
    /// The session, with its access rules and its journal.
    pub(super) async fn opened(&self, settings: Settings, session: Session) -> Opened {
        let (config, wrong) = config::read(&self.around);
        let server = &session.server;
        let (host, database, role) = (&server.host, &server.database, &server.role);
        let mut rules = config.rules(host, database, role, self.read_only);
        if wrong.is_some() {
            // Without config.toml it is unknown whether the connection is read-only or protected, so it counts as read-only.
            rules.read_only = Some(
                "config.toml cannot be read: nothing can be changed until config.toml is corrected"
                    .to_owned(),
            );
        }
        let journal = self.journal.clone();
        let actor = journal.map(|journal| actor(&settings, &session, journal, self.clock));
        let mut messages = settings.warnings.clone();
        if let Some(actor) = &actor {
            messages.extend(start::interrupted(actor, &session).await);
        }
        Opened {
            settings,
            session,
            actor,
            rules,
            messages,
        }
    }

    /// Lists the databases or connections that the user can switch to.
    pub(super) fn choices(&self, from: &From, other: Other) -> Waiting {
        let (opening, from) = (self.clone(), from.clone());
        Box::pin(async move {
            let choices = match other {
                Other::Database => databases_of(&from).await,
                Other::Connection => opening.connections(),
            };
            Arrival::Choices(other, choices)
        })
    }

    /// Connects to the database or connection of this name.
    pub(super) fn switch(&self, from: &From, other: Other, name: String) -> Waiting {
        let (opening, from) = (self.clone(), from.clone());
        Box::pin(async move {
            let opened = match other {
                Other::Database => opening.database(&from, name).await,
                Other::Connection => opening.connection(&name).await,
            };
            Arrival::Opened(opened.map(Box::new))
        })
    }

    fn connections(&self) -> Result<Vec<Choice>> {
        ensure!(
            !self.throw_away,
            "the demo cannot switch to another server: `hypertop @NAME` opens a connection"
        );
        let (config, wrong) = config::read(&self.around);
        if let Some(wrong) = wrong {
            return Err(anyhow!("{wrong}"));
        }
        let named = config
            .connections
            .iter()
            .filter_map(|rule| rule.defined.as_ref());
        let choices: Vec<_> = named
            .map(|defined| Choice {
                name: defined.name.clone(),
                about: target_of(&defined.options),
            })
            .collect();
        ensure!(
            !choices.is_empty(),
            "config.toml has no connection with a name: write [[connection]] with name = \"prod\", and host, dbname or service"
        );
        Ok(choices)
    }

    async fn database(&self, from: &From, name: String) -> Result<Opened> {
        let settings = Settings {
            dbname: name,
            // These warnings were already shown for the first database.
            warnings: Vec::new(),
            ..from.settings.clone()
        };
        let connected = connect::again(&settings, from.password.as_deref()).await?;
        let mut session = Session::start(connected).await?;
        let named = Some(&self.named).filter(|(database, _)| *database == settings.dbname);
        let files = named.map(|(_, files)| files.clone()).unwrap_or_default();
        configure(&mut session, config::read(&self.around).0, files.clone());
        if self.throw_away {
            session.server.throw_away = true;
            session.server.policy_files = files;
        }
        Ok(self.opened(settings, session).await)
    }

    async fn connection(&self, name: &str) -> Result<Opened> {
        let flags = Flags {
            database: Some(format!("@{name}")),
            ..Flags::default()
        };
        let flags = config::named(flags, &self.around).map_err(anyhow::Error::msg)?;
        let opened = async {
            let mut settings = conninfo::resolve(&flags, &self.around)?;
            let config = config::read(&self.around).0;
            settings.trust = config.trust(&settings.user);
            let mut ask = |_: &str| -> Result<String> {
                Err(anyhow!(
                    "the server requires a password, which the console cannot ask for: write the password to ~/.pgpass, or start hypertop @{name}"
                ))
            };
            let connected = connect::connect(&settings, &mut ask).await?;
            let mut session = Session::start(connected).await?;
            configure(&mut session, config, Vec::new());
            Ok(self.opened(settings, session).await)
        };
        opened
            .await
            .map_err(|error: anyhow::Error| anyhow!("{error:#}\n{}", doctor::advice(&flags)))
    }
}

/// The other databases of the server.
async fn databases_of(from: &From) -> Result<Vec<Choice>> {
    let connected = connect::again(&from.settings, from.password.as_deref()).await?;
    let session = Session::start(connected).await?;
    let names = session.databases().await?.into_iter();
    let others = names.filter(|name| *name != session.server.database);
    let choices: Vec<_> = others
        .map(|name| Choice {
            name,
            about: String::new(),
        })
        .collect();
    ensure!(
        !choices.is_empty(),
        "this role may connect to no other database of this server"
    );
    Ok(choices)
}

/// Target of a connection in config.toml, such as `host=db1 dbname=mes`.
fn target_of(options: &[(String, String)]) -> String {
    let shown = ["service", "host", "port", "dbname", "user"];
    let target = shown.iter().filter_map(|key| {
        let (_, value) = options.iter().find(|(option, _)| option == key)?;
        Some(format!("{key}={value}"))
    });
    target.collect::<Vec<_>>().join(" ")
}
