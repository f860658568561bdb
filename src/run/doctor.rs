//! `hypertop doctor`: checks every step from the command line to the screens, and shows evidence and the fix.
//!
//! The connection is made by the program's own resolver and connector, which record what they do.

mod advice;
mod attempts;
mod encryption;
mod extension;
mod files;
mod here;
mod journey;
mod limits;
mod measures;
mod pooler;
mod print;
mod rights;
mod settings;
mod stage;
mod step;
mod terminal;
mod workers;

use anyhow::Result;
use clap::Args;

pub(super) use self::advice::advice;
use self::journey::Journey;
use self::pooler::Pooler;
use self::stage::Stage;
pub use self::step::COULD_NOT_TELL;
use self::step::{Step, exit_code};
use crate::config;
use crate::connect;
use crate::connect::conninfo;
use crate::connect::conninfo::{Flags, Provenance, Settings, Surroundings};
use crate::connect::trace::Trace;
use crate::connect::{Connected, FailureKind};
use crate::run;
use crate::run::doctor::extension::Extension;
use crate::server::session::Session;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
}

/// Options of `doctor`.
#[derive(Debug, Args)]
pub struct Options {
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Database: a name, a URI, or key=value pairs
    #[arg(value_name = "CONNINFO")]
    pub database: Option<String>,
}

/// Runs every step that the earlier ones allow. Returns the text and the exit code.
pub async fn doctor(
    flags: &Flags,
    around: &Surroundings,
    options: &Options,
    ask: &mut dyn FnMut(&str) -> Result<String>,
) -> (String, u8) {
    let mut steps = Vec::new();
    let zone = of_connection(flags, around, ask, &mut steps).await;
    steps.extend(here::steps(around));
    steps.extend(terminal::steps(around, zone.as_deref()));
    let text = match options.format {
        Format::Text => print::text(&steps),
        Format::Json => print::json(&steps),
    };
    (text, exit_code(&steps))
}

/// Text for a wrong command line.
pub fn refused(error: &str) -> String {
    format!("hypertop doctor: {error}")
}

/// Adds the steps of the connection and the steps that query the server. Returns the time zone of the server's workers. `None`: there is no
/// session that can read it.
async fn of_connection(
    flags: &Flags,
    around: &Surroundings,
    ask: &mut dyn FnMut(&str) -> Result<String>,
    steps: &mut Vec<Step>,
) -> Option<String> {
    let mut seen = Provenance::default();
    let mut settings = match conninfo::resolve_with(flags, around, &mut seen) {
        Ok(settings) => settings,
        Err(error) => {
            steps.push(settings::unusable(&error, &seen));
            skip(steps, "the settings cannot be used");
            return None;
        }
    };
    settings.trust = config::read(around).0.trust(&settings.user);
    steps.push(settings::settings(&settings, &seen));
    steps.push(files::files(&settings, &seen));
    let trace = Trace::default();
    let opened = connect::traced(&settings, ask, &trace).await;
    let all = trace.attempts();
    let journey = Journey {
        settings: &settings,
        attempts: &all,
        connected: opened.is_ok(),
        now: run::now(),
    };
    steps.extend(attempts::steps(&journey));
    match opened {
        Ok(connected) => Box::pin(of_server(&settings, &trace, connected, steps)).await,
        Err(error) => {
            unconnected(&journey, &error, steps);
            None
        }
    }
}

/// Adds evidence of a pooler to the step `server`. Returns whether sessions lose their settings.
fn shares_sessions(looked: Result<Pooler>, steps: &mut [Step]) -> bool {
    let server = Stage::Server.name();
    let Some(step) = steps.iter_mut().find(|of| of.name == server) else {
        return false;
    };
    match looked {
        Ok(pooler) => {
            let shared = pooler.loses_settings();
            *step = pooler.add_to(step.clone());
            shared
        }
        Err(error) => {
            *step = Step::undecided(server, format!("{error:#}"));
            false
        }
    }
}

/// Without a connection, marks the step that is the cause as failed, and the steps that were not run as skipped.
fn unconnected(journey: &Journey<'_>, error: &connect::ConnectError, steps: &mut Vec<Step>) {
    let change = |steps: &mut Vec<Step>, name: &str, by: &dyn Fn(Step) -> Step| {
        if let Some(at) = steps.iter().position(|step| step.name == name) {
            let step = steps.remove(at);
            steps.insert(at, by(step));
        }
    };
    let mut why = "there is no connection";
    match journey.end() {
        Some(Stage::Login) if error.kind == FailureKind::NoPassword => {
            let files = steps.iter().find(|step| step.name == "files").cloned();
            let to_blame = files.and_then(|of| files::blame(of, journey.settings));
            if let Some(files) = to_blame {
                change(steps, "files", &|_| files.clone());
                let words = "the server requires a password, and the password file is ignored";
                change(steps, "login", &|login| Step::skipped(login.name, words));
            }
        }
        Some(Stage::Settings) => {
            change(steps, "settings", &|step| stage::blame(step, error));
        }
        Some(Stage::Connections) => {
            steps.push(stage::blame(
                Step::lines(Stage::Connections.name(), Vec::new()),
                error,
            ));
            why = "the server is full";
        }
        // No password was typed, so no connection was attempted.
        None => {
            let login = |_: Step| stage::blame(Step::lines("login", Vec::new()), error);
            change(steps, "login", &login);
        }
        Some(_) => {}
    }
    skip(steps, why);
}

/// Names of the steps that need a session, in order.
const OF_SESSION: [&str; 7] = [
    "connections",
    "extension",
    "rights",
    "workers",
    "statistics",
    "clock",
    "round trip",
];

/// Adds the steps that were not run, as skipped.
fn skip(steps: &mut Vec<Step>, why: &str) {
    for name in Stage::OF_ATTEMPTS
        .iter()
        .map(|of| of.name())
        .chain(OF_SESSION)
    {
        let is = |step: &Step| step.name.split(':').next() == Some(name);
        if !steps.iter().any(is) {
            steps.push(Step::skipped(name, why));
        }
    }
}

/// Adds the steps that query the server. Returns the time zone of the server's workers. `None`: there is no session that can read it.
async fn of_server(
    settings: &Settings,
    trace: &Trace,
    connected: Connected,
    steps: &mut Vec<Step>,
) -> Option<String> {
    let here = connected.only_here(settings);
    let password = connected.password.clone();
    let other = connect::again(&here, password.as_deref()).await;
    let second = other.as_ref().ok().map(|other| &other.client);
    let looked = pooler::look(&connected.client, second, &trace.attempts()).await;
    if shares_sessions(looked, steps) {
        skip(steps, "the pooler shares sessions between clients");
        return None;
    }
    let client = &connected.client;
    let (limits, statistics) = limits::steps(client, other.as_ref().err()).await;
    steps.push(limits);
    drop(other);
    let extension = match Extension::read(client).await {
        Ok(extension) => extension,
        Err(error) => {
            steps.push(Step::undecided("extension", format!("{error:#}")));
            skip(steps, "unknown whether TimescaleDB is installed");
            return None;
        }
    };
    steps.push(extension.step());
    if !extension.is_usable() {
        steps.push(statistics);
        steps.extend(measures::steps(client, run::now).await);
        skip(steps, "TimescaleDB cannot be used in this database");
        return None;
    }
    let session = match Session::start(connected).await {
        Ok(session) => session,
        Err(error) => {
            steps.push(Step::undecided("rights", format!("{error:#}")));
            skip(steps, "there is no read session");
            return None;
        }
    };
    let screens = Box::pin(rights::read(&here, &session, steps)).await;
    steps.push(Box::pin(workers::step(&here, &session, &screens)).await);
    steps.push(statistics);
    steps.extend(measures::steps(&session.connected.client, run::now).await);
    Some(session.server.time_zone.clone())
}
