//! `hypertop demo`, and `hypertop replay`: the console on the demo's server, or on a recording.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;

use super::command::{self, Agreement, Shell};
use super::invocation::{Invocation, ask};
use super::opening::{actor, configure};
use super::record::{self, Recording};
use super::start::{self, Look};
use super::{Ended, show, stderr};
use crate::app::tape::Replay;
use crate::config;
use crate::connect;
use crate::connect::conninfo;
use crate::connect::conninfo::Settings;
use crate::demo::{self, Demo};
use crate::journal::Journal;
use crate::model::access::Access;
use crate::run;
use crate::server::session::Session;
use crate::ui::terminal;

/// Options of `demo`.
#[derive(Debug, Args)]
pub struct Options {
    /// Load the demo into a new database on the server with this URI
    #[arg(long, value_name = "URI")]
    pub url: Option<String>,
    /// Simulate TimescaleDB even if PostgreSQL has it
    #[arg(long, conflicts_with = "url")]
    simulate: bool,
    /// Open the demo's recording even if PostgreSQL is installed
    #[arg(long, conflicts_with_all = ["url", "simulate"])]
    recorded: bool,
    /// Record the demo with all details to this new file instead of opening the console
    #[arg(long, value_name = "FILE", conflicts_with = "recorded")]
    record: Option<PathBuf>,
    /// With --record: stop after this time, such as 3m
    #[arg(long = "for", value_name = "TIME", requires = "record", value_parser = humantime::parse_duration)]
    long: Option<Duration>,
    #[command(flatten)]
    pub(crate) look: Look,
}

/// Opens the console on a recording.
pub async fn replay(invocation: &Invocation, file: &Path) -> Result<Ended> {
    let recording = Replay::open(file)?;
    if !terminal::is_there() {
        bail!("replay opens a console, which needs a terminal");
    }
    open_replay(invocation, recording).await
}

async fn open_replay(invocation: &Invocation, recording: Replay) -> Result<Ended> {
    let keys = invocation.keys()?;
    let (look, around) = (&invocation.look, &invocation.around);
    let (config, themes, notes, _) = start::look(look, around, terminal::background);
    stderr::warn(&notes);
    run::replay(recording, config, keys, themes, invocation.screen()).await
}

/// Opens the demo's recording, which is part of this program. Without a terminal, prints all screens once. `absent`: why a live demo cannot
/// start. `None`: the user asked for the recording.
async fn recorded(invocation: &Invocation, absent: Option<anyhow::Error>) -> Result<Ended> {
    let named = || "cannot replay the demo's recording".to_owned();
    let mut recording = Replay::read(demo::recording()?, named)?;
    recording.skip(demo::RECORDED_START_SECONDS);
    if let Some(error) = absent {
        stderr::say(format_args!(
            "hypertop: {error:#}\nUntil then this demo is a recording, in which nothing can be changed."
        ));
    }
    if terminal::is_there() {
        terminal::check()?;
        recording.plays = true;
        return open_replay(invocation, recording).await;
    }
    let mut text = Vec::new();
    show::recorded(recording, &mut text)?;
    command::print(&text)?;
    Ok(0)
}

/// Starts the demo on a private server or on the user's server, or opens its recording. Without a terminal, prints all screens once.
/// `invocation` has the connection options from `--url`.
pub async fn demo(invocation: &Invocation, options: &Options) -> Result<Ended> {
    let (is_private, file) = (options.url.is_none(), options.record.as_deref());
    let any = is_private && file.is_none() && !options.simulate;
    let absent = demo::can_start().err().filter(|_| any);
    if options.recorded || absent.is_some() {
        return recorded(invocation, absent).await;
    }
    let keys = if terminal::is_there() && file.is_none() {
        terminal::check()?;
        Some(invocation.keys()?)
    } else {
        None
    };
    let around = &invocation.around;
    let started = async {
        if is_private {
            return demo::start(options.simulate, |words| stderr::say(words)).await;
        }
        let flags = invocation.connection().map_err(anyhow::Error::msg)?;
        let settings = conninfo::resolve(&flags, around)?;
        demo::load_into(&settings, &mut ask, |words| stderr::say(words)).await
    };
    // If a signal arrives during the load, `started` is dropped, and this ends the private server.
    let demo = tokio::select! {
        demo = started => demo?,
        signal = run::signalled() => return signal,
    };
    tokio::spawn(demo::live(demo.settings.clone(), demo.simulated));
    let session = open(invocation, &demo, is_private).await?;
    let journal = demo.journal().or_else(|| Journal::of(around));
    let settings = demo.settings.clone();
    let ended = if let Some(file) = file {
        if let Some(journal) = &journal {
            change(&settings, journal.clone()).await?;
        }
        let what = Recording::of(invocation, options.long, true, journal);
        Box::pin(record::to_file(settings, session, file, what)).await?;
        0
    } else if let Some(keys) = keys {
        let opened = invocation.console_on(settings, session, keys, journal);
        Box::pin(opened).await?
    } else {
        let mut text = Vec::new();
        show::brief(&settings, &session, &mut text).await?;
        command::print(&text)?;
        0
    };
    if let Some(farewell) = &demo.farewell {
        stderr::say(farewell);
    }
    Ok(ended)
}

async fn open(invocation: &Invocation, demo: &Demo, is_private: bool) -> Result<Session> {
    let mut session = Session::start(connect::again(&demo.settings, None).await?).await?;
    let named = &invocation.look.policies;
    configure(
        &mut session,
        config::read(&invocation.around).0,
        named.clone(),
    );
    session.server.throw_away = is_private;
    if is_private {
        // The policy files in config.toml are for the user's servers, not for the demo's.
        session.server.policy_files = match named.as_slice() {
            [] => demo.policies()?.into_iter().collect(),
            named => named.to_vec(),
        };
    }
    Ok(session)
}

/// Runs an action and rolls it back, so that the Journal of a recorded demo has entries.
async fn change(settings: &Settings, journal: Journal) -> Result<()> {
    let session = Session::start(connect::again(settings, None).await?).await?;
    let agreement = Agreement {
        dry_run: false,
        yes: true,
        confirm: None,
        format: command::Format::Text,
    };
    let shell = Shell {
        actor: actor(settings, &session, journal, run::now),
        rules: Access::default(),
        session,
        agreement: &agreement,
    };
    let action = command::find("add-refresh-policy").map_err(anyhow::Error::msg)?;
    let target = ["mes.oee_weekly".to_owned()];
    Box::pin(shell.run(action, &target, &[])).await?;
    Box::pin(shell.rollback(&[1])).await?;
    Ok(())
}
