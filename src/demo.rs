//! The demo: a simulated factory whose database has typical problems. It runs on a private PostgreSQL server, with TimescaleDB if that is
//! installed, else with the stand-in (tables and functions that imitate TimescaleDB). A task keeps adding rows.

pub mod private_server;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use ruzstd::decoding::StreamingDecoder;
use tokio_postgres::Client;

use crate::connect;
use crate::connect::conninfo;
use crate::connect::conninfo::{Flags, Settings, Surroundings};
use crate::demo::private_server::{Options, PrivateServer, Programs};
use crate::journal::Journal;

/// Creates the extension that the Queries screen needs. Some distributions package it separately, so it may be missing.
const STATISTICS: &str = "do $$ begin if exists (select from pg_available_extensions where name = 'pg_stat_statements') \
                          then create extension pg_stat_statements; end if; end $$";
/// Script of the factory, for a database with TimescaleDB.
pub const FACTORY: &str = include_str!("demo/factory.sql");
/// Script of the stand-in with its factory, for a database without TimescaleDB.
pub const STAND_IN: &str = concat!(
    include_str!("demo/stand_in.sql"),
    include_str!("demo/stand_in_api.sql")
);
/// Runs before the scripts. They create objects in `public`, so no other role may create objects there.
const READY: &str = "set client_min_messages = error; revoke create on schema public from public; set search_path = public, pg_temp";
/// Statements that add rows, repeated every second.
const LIVE: &str = include_str!("demo/live.sql");
const LIVE_STAND_IN: &str = include_str!("demo/live_stand_in.sql");

/// Database of the demo on a private server.
const DATABASE: &str = "factory";
/// Database of the demo on the user's server.
const GIVEN_DATABASE: &str = "hypertop_demo";

/// Policy file of the factory. The database differs from it, to show how differences look.
const POLICIES: &str = include_str!("demo/policies.toml");

/// Some minutes of the factory on a TimescaleDB, made by `scripts/record-demo`.
const RECORDING: &[u8] = include_bytes!("demo/recording.jsonl.zst");
/// Seconds from the recording's beginning to the first moment shown. By then the recording has data for all screens.
pub const RECORDED_START_SECONDS: f64 = 40.0;
/// A running demo. Its private server ends when this value is dropped.
#[derive(Debug)]
pub struct Demo {
    pub(crate) settings: Settings,
    /// True: the stand-in simulates TimescaleDB.
    pub(crate) simulated: bool,
    /// Message to print when the console has ended. `None`: no message.
    pub(crate) farewell: Option<String>,
    server: Option<PrivateServer>,
}

impl Demo {
    /// Journal in the private server's folder, which is removed with the server. `None`: the demo runs on the user's server.
    pub(crate) fn journal(&self) -> Option<Journal> {
        let folder = self.server.as_ref()?.socket_folder();
        Some(Journal::new(folder.join("journal/journal.jsonl")))
    }

    /// Policy file in the private server's folder. `None`: the demo runs on the user's server, or on the stand-in.
    pub(crate) fn policies(&self) -> Result<Option<PathBuf>> {
        let Some(server) = self.server.as_ref().filter(|_| !self.simulated) else {
            return Ok(None);
        };
        let path = server.socket_folder().join("policies.toml");
        std::fs::write(&path, POLICIES)?;
        Ok(Some(path))
    }
}

/// The recording of the demo, as `hypertop record` writes it.
pub fn recording() -> Result<impl BufRead> {
    let decoder = StreamingDecoder::new(RECORDING).context("the demo's recording")?;
    Ok(BufReader::new(decoder))
}

/// An error if PostgreSQL's server programs are not installed. The error says how to install them.
pub(crate) fn can_start() -> Result<()> {
    Programs::find().map(drop)
}

/// Starts a private server and loads the factory. `simulate`: use the stand-in even if TimescaleDB is installed.
pub(crate) async fn start(simulate: bool, say: fn(&str)) -> Result<Demo> {
    let progress = Progress::new(say);
    progress.step("starting a private PostgreSQL server");
    let server = PrivateServer::start(&Options {
        timescaledb: !simulate,
        ..Options::default()
    })?;
    if let Some(problem) = &server.problem {
        progress.say(problem);
    }
    let version = server.timescaledb_versions().into_iter().next();
    let settings = settings(&server.conninfo(DATABASE))?;
    let maintenance = connect::again(&self::settings(&server.conninfo("postgres"))?, None).await?;
    maintenance
        .client
        .batch_execute(&format!("create database {DATABASE}"))
        .await?;
    let connected = connect::again(&settings, None).await?;
    connected.client.batch_execute(READY).await?;
    if let Some(version) = &version {
        let create = format!("create extension timescaledb schema public version '{version}'");
        connected.client.batch_execute(&create).await?;
        load(&connected.client, FACTORY, &progress).await?;
    } else {
        progress.say("no TimescaleDB here: the demo SIMULATES one");
        load(&connected.client, STAND_IN, &progress).await?;
    }
    connected.client.batch_execute(STATISTICS).await?;
    progress.done();
    Ok(Demo {
        settings,
        simulated: version.is_none(),
        farewell: None,
        server: Some(server),
    })
}

/// Loads the factory into a new database of the user's server.
pub async fn load_into(settings: &Settings, ask: connect::Ask<'_>, say: fn(&str)) -> Result<Demo> {
    let progress = Progress::new(say);
    progress.step("connecting");
    let there = connect::connect(settings, ask).await?;
    let has = there
        .client
        .query_typed(
            "select from pg_available_extensions where name = 'timescaledb'",
            &[],
        )
        .await?;
    if has.is_empty() {
        bail!(
            "TimescaleDB is not available on this server; without --url the demo runs on a private server"
        );
    }
    let made = there
        .client
        .batch_execute(&format!("create database {GIVEN_DATABASE}"))
        .await;
    made.with_context(|| format!("could not create database {GIVEN_DATABASE} (drop database {GIVEN_DATABASE} removes an earlier demo)"))?;
    let mut settings = settings.clone();
    GIVEN_DATABASE.clone_into(&mut settings.dbname);
    let connected = connect::again(&settings, there.password.as_deref()).await?;
    settings.password = (settings.password).or(connected.password.clone().map(String::into_bytes));
    let filled = async {
        connected.client.batch_execute(READY).await?;
        connected
            .client
            .batch_execute("create extension if not exists timescaledb schema public")
            .await?;
        load(&connected.client, FACTORY, &progress).await
    };
    if let Err(error) = filled.await {
        progress.done();
        drop(connected);
        // TimescaleDB's workers are connected to the database, so only FORCE drops it (PostgreSQL 13 and later).
        let remove = format!("drop database {GIVEN_DATABASE} with (force)");
        let then = match there.client.batch_execute(&remove).await {
            Ok(()) => format!("database {GIVEN_DATABASE} was removed again"),
            Err(_) => format!(
                "database {GIVEN_DATABASE} still exists: DROP DATABASE {GIVEN_DATABASE} WITH (FORCE) removes it"
            ),
        };
        return Err(error.context(then));
    }
    progress.done();
    let farewell = Some(format!(
        "The factory stays in database {GIVEN_DATABASE}; DROP DATABASE {GIVEN_DATABASE} removes it."
    ));
    Ok(Demo {
        settings,
        simulated: false,
        farewell,
        server: None,
    })
}

fn settings(conninfo: &str) -> Result<Settings> {
    let flags = Flags {
        database: Some(conninfo.to_owned()),
        ..Flags::default()
    };
    conninfo::resolve(
        &flags,
        &Surroundings {
            os_user: "postgres".to_owned(),
            ..Surroundings::default()
        },
    )
}

/// Runs the statements of a script one by one, because a refresh cannot run in one query with other statements. Reports each step.
pub async fn load(client: &Client, script: &str, progress: &Progress) -> Result<()> {
    let all = statements(script);
    progress.expect(all.len());
    for (step, statement) in all {
        progress.step(step);
        let done = client.batch_execute(statement).await;
        done.with_context(|| {
            format!(
                "the demo's data ({step}): {}",
                statement.lines().next().unwrap_or_default()
            )
        })?;
    }
    Ok(())
}

/// The statements of a script, each with the name of its step. A statement ends with a semicolon at the end of a line, outside `$$`.
fn statements(script: &str) -> Vec<(&str, &str)> {
    let mut all = Vec::new();
    let (mut step, mut start, mut at, mut quoted) = ("", 0, 0, false);
    for line in script.split_inclusive('\n') {
        if let Some(name) = line.strip_prefix("-- step: ") {
            step = name.trim();
        }
        at += line.len();
        if line.matches("$$").count() % 2 == 1 {
            quoted = !quoted;
        }
        if !quoted && line.trim_end().ends_with(';') && !line.starts_with("--") {
            all.push((step, script[start..at].trim()));
            start = at;
        }
    }
    all
}

/// Adds rows to the demo's tables every second. With TimescaleDB, some rows are late. On the stand-in (`simulated`), also updates the
/// statistics of due jobs. Never returns, but stops when the future is dropped.
pub async fn live(settings: Settings, simulated: bool) {
    let script = if simulated { LIVE_STAND_IN } else { LIVE };
    loop {
        if let Ok(connected) = connect::again(&settings, None).await {
            let set = connected
                .client
                .batch_execute("set application_name = 'factory'; set client_min_messages = error")
                .await;
            let mut going = set.is_ok();
            while going {
                tokio::time::sleep(Duration::from_secs(1)).await;
                for (_, statement) in statements(script) {
                    // An error, such as a lock timeout, is ignored. Only a lost connection ends this loop. The outer loop connects again.
                    going = going
                        && (connected.client.batch_execute(statement).await.is_ok()
                            || !connected.client.is_closed());
                }
            }
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

/// Progress of the load: a bar on a terminal, else lines of text.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    last: std::cell::RefCell<String>,
    say: fn(&str),
    silent: bool,
}

impl Progress {
    /// `say` prints the lines that a bar cannot show.
    fn new(say: fn(&str)) -> Self {
        let bar = ProgressBar::new(100);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3}%  {msg}") {
            bar.set_style(style);
        }
        Self {
            bar,
            last: std::cell::RefCell::default(),
            say,
            silent: false,
        }
    }

    /// A progress that shows nothing.
    pub fn silent() -> Self {
        Self {
            bar: ProgressBar::hidden(),
            last: std::cell::RefCell::default(),
            say: |_| {},
            silent: true,
        }
    }

    /// Adds this number of steps to the bar's length.
    fn expect(&self, steps: usize) {
        self.bar.set_length(self.bar.position() + steps as u64);
    }

    fn step(&self, name: &str) {
        if !self.silent && self.bar.is_hidden() && *self.last.borrow() != name {
            (self.say)(&format!("demo: {name}"));
        }
        name.clone_into(&mut self.last.borrow_mut());
        self.bar.set_message(name.to_owned());
        self.bar.inc(1);
    }

    fn say(&self, text: &str) {
        self.bar.suspend(|| (self.say)(&format!("demo: {text}")));
    }

    fn done(&self) {
        self.bar.finish_and_clear();
    }
}
