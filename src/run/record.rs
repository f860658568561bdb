//! `hypertop record`: writes the data that the screens read to a file.

mod rows;

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::Instant;

use super::console::ticker;
use super::exit::Failure;
use super::invocation::Invocation;
use super::requests::{self, Requests};
use super::{now, signalled, start, stderr, until};
use crate::app::tape::Recorder;
use crate::app::theme;
use crate::app::{App, Effect, Msg};
use crate::connect::conninfo::Settings;
use crate::journal::Journal;
use crate::server::session::Session;

/// Contents and duration of a recording.
#[derive(Debug)]
pub struct Recording {
    /// Interval between two readings.
    pub refresh: Duration,
    /// Duration. `None`: until a signal arrives.
    pub long: Option<Duration>,
    /// True: the recording also has the details of the rows, the facts for previews of actions, and the journal.
    pub details: bool,
    pub journal: Option<Journal>,
}

impl Recording {
    pub(super) fn of(
        invocation: &Invocation,
        long: Option<Duration>,
        details: bool,
        journal: Option<Journal>,
    ) -> Self {
        let (config, ..) = start::look(&invocation.look, &invocation.around, || None);
        Self {
            refresh: config.refresh,
            long,
            details,
            journal,
        }
    }
}

/// Runs `hypertop record`.
pub async fn command(
    invocation: &Invocation,
    path: &Path,
    long: Option<Duration>,
    details: bool,
) -> Result<(), Failure> {
    let (settings, session) = invocation.open().await?;
    let journal = Journal::of(&invocation.around);
    let what = Recording::of(invocation, long, details, journal);
    Ok(Box::pin(to_file(settings, session, path, what)).await?)
}

/// Makes a recording, with messages on standard error.
pub(super) async fn to_file(
    settings: Settings,
    session: Session,
    path: &Path,
    what: Recording,
) -> Result<()> {
    stderr::say(format_args!(
        "hypertop: recording database {:?} into {}; Ctrl-C ends it",
        session.server.database,
        path.display()
    ));
    let readings = Box::pin(record(settings, session, path, what)).await?;
    stderr::say(format_args!(
        "hypertop: readings recorded: {readings}; hypertop replay {} shows them",
        path.display()
    ));
    Ok(())
}

/// Records the screens until a signal arrives, or until `what.long` is over. Returns the number of readings.
pub async fn record(
    settings: Settings,
    session: Session,
    path: &Path,
    what: Recording,
) -> Result<usize> {
    let mut recorder = Recorder::new(path)?;
    let mut app = App::new(now(), theme::all(None).0, what.refresh);
    let (answers, mut answered) = unbounded_channel();
    let (kept, mut rows) = unbounded_channel();
    let mut ticks = ticker(what.refresh);
    let mut ending = std::pin::pin!(signalled());
    let mut over = std::pin::pin!(until(what.long.map(|long| Instant::now() + long)));
    let password = session.connected.password.clone();
    let files = session.server.policy_files.clone();
    let (mut reading, mut reads) = (
        Box::pin(rows::read(
            settings.clone(),
            password,
            what.journal,
            files,
            kept,
        )),
        what.details,
    );
    let requests = requests::serve(settings, None, session, answers, app.screen);
    loop {
        let msg = tokio::select! {
            biased;
            signal = &mut ending => return signal.map(|_| recorder.readings),
            () = &mut over => return Ok(recorder.readings),
            msg = answered.recv() => match msg {
                Some(msg) => msg,
                None => return Ok(recorder.readings),
            },
            Some((at, kept)) = rows.recv() => {
                recorder.keep(at, kept)?;
                continue;
            }
            ended = &mut reading, if reads => {
                reads = false;
                if let Err(error) = ended {
                    stderr::say(format_args!("hypertop: the rows' details cannot be recorded: {error:#}"));
                }
                continue;
            }
            _ = ticks.tick() => Msg::Tick(now()),
        };
        app.now = now();
        recorder.hear(app.server_clock(), &msg)?;
        for effect in app.update(msg) {
            request(&requests, effect);
        }
    }
}

fn request(requests: &Requests, effect: Effect) {
    match effect {
        Effect::List(ask) => requests.list(ask),
        Effect::Figures(ask) => requests.figures(ask),
        // Only keys cause these effects, and no keys are read here.
        Effect::Act(_)
        | Effect::Copy(_)
        | Effect::Suspend
        | Effect::Interval(_)
        | Effect::Record
        | Effect::Offer(_)
        | Effect::Switch(..)
        | Effect::Quit => {}
    }
}
