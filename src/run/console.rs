//! State of the event loop: app, terminal, ticks, recording and requests.

use std::time::Duration;

use anyhow::Result;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::Interval;

use super::opening::{Arrival, From, Opened, Opening, Waiting};
use super::requests::{self, Requests};
use crate::app::tape::Recorder;
use crate::app::{App, Effect, Msg, ask, tape};
use crate::model::screen_id::ScreenId;
use crate::model::text;
use crate::ui::terminal::Screen;

pub(super) struct Console {
    pub(super) app: App,
    pub(super) screen: Screen,
    pub(super) ticks: Interval,
    recorder: Option<Recorder>,
    requests: Requests,
    /// Answers to the requests.
    pub(super) answered: UnboundedReceiver<Msg>,
    /// The list of databases, or the new connection, that the console waits for. `None`: it waits for neither.
    pub(super) waiting: Option<Waiting>,
    opening: Opening,
    from: From,
}

impl Console {
    pub(super) fn new(screen: Screen, app: App, opening: Opening, opened: Opened) -> Self {
        let from = From::of(&opened);
        let (requests, answered) = serve(opened, app.screen);
        Self {
            ticks: ticker(app.interval),
            app,
            screen,
            recorder: None,
            requests,
            answered,
            waiting: None,
            opening,
            from,
        }
    }

    /// Takes the list or the connection that the console has waited for.
    pub(super) fn arrive(&mut self, arrival: Arrival) -> Option<Msg> {
        self.waiting = None;
        let failed = |error: &str| Msg::Status {
            text: error.replace('\n', " · "),
            bad: true,
        };
        match arrival {
            Arrival::Choices(other, choices) => Some(Msg::Offered {
                other,
                choices: choices.map_err(|error| format!("{error:#}")),
            }),
            Arrival::Opened(Err(error)) => Some(failed(&format!("not switched: {error:#}"))),
            Arrival::Opened(Ok(opened)) => {
                if let Some(why) = self.app.stays() {
                    return Some(failed(&format!("not switched: {why}")));
                }
                self.enter(*opened);
                None
            }
        }
    }

    /// Shows this database from now on. Later answers about the old database are ignored.
    fn enter(&mut self, opened: Opened) {
        let mut app = self.app.afresh();
        app.rules = opened.rules.clone();
        if !opened.messages.is_empty() {
            app.say(opened.messages.join(" · "), true);
        }
        let screen = self.app.screen;
        self.requests.list(ask::List::Cancel { screen });
        self.from = From::of(&opened);
        (self.requests, self.answered) = serve(opened, screen);
        self.app = app;
    }
    /// True if none of these messages requires a new frame.
    pub(super) fn can_wait(&self, batch: &[Msg]) -> bool {
        let routine = |msg| is_routine(msg, self.app.screen);
        !batch.is_empty() && self.app.has_read() && batch.iter().all(routine)
    }

    pub(super) fn draw(&mut self) -> Result<()> {
        self.app.settle();
        self.screen.draw(&mut self.app)
    }

    /// Applies a message and its effects. True if the user quits.
    pub(super) fn take(&mut self, msg: Msg) -> Result<bool> {
        if let Some(error) = hear(&mut self.recorder, &mut self.app, &msg) {
            self.app.say(error, true);
        }
        if matches!(msg, Msg::Resize) {
            self.screen.redraw();
        }
        for effect in self.app.hear(msg) {
            match effect {
                Effect::Quit => return Ok(true),
                Effect::Interval(interval) => self.ticks = ticker(interval),
                Effect::Record => record(&mut self.recorder, &mut self.app),
                Effect::List(ask) => self.requests.list(ask),
                Effect::Figures(ask) => self.requests.figures(ask),
                Effect::Act(ask) => {
                    if let Err(why) = self.requests.act(ask) {
                        self.app.say(why, true);
                    }
                }
                Effect::Copy(text) => copy(&mut self.screen, &text)?,
                Effect::Suspend => self.screen.suspend()?,
                Effect::Offer(other) => {
                    self.waiting = Some(self.opening.choices(&self.from, other));
                }
                Effect::Switch(other, name) => {
                    self.waiting = Some(self.opening.switch(&self.from, other, name));
                }
            }
        }
        Ok(false)
    }
}

/// Starts the tasks that answer requests about this database.
fn serve(opened: Opened, opens: ScreenId) -> (Requests, UnboundedReceiver<Msg>) {
    let (answers, answered) = unbounded_channel();
    let requests = requests::serve(
        opened.settings,
        opened.actor,
        opened.session,
        answers,
        opens,
    );
    (requests, answered)
}

/// True for messages that can wait for the next frame, because the user did not cause them. Not for the last exact figures of the shown
/// screen: they are drawn at once.
fn is_routine(msg: &Msg, shown: ScreenId) -> bool {
    match msg {
        Msg::Tick(_)
        | Msg::Rested
        | Msg::Pulse { .. }
        | Msg::Loaded { .. }
        | Msg::Acknowledged(Ok(_)) => true,
        Msg::Exact { screen, last, .. } => !last || *screen != shown,
        _ => false,
    }
}

/// Records the message if a recording is being written. On an error the recording ends, and the error is returned.
fn hear(recorder: &mut Option<Recorder>, app: &mut App, msg: &Msg) -> Option<String> {
    let error = recorder.as_mut()?.hear(app.server_clock(), msg).err()?;
    *recorder = None;
    app.recording = false;
    Some(format!("the recording has ended: {error:#}"))
}

/// Starts a recording in the current folder, or stops the recording that is being written.
fn record(recorder: &mut Option<Recorder>, app: &mut App) {
    if let Some(ended) = recorder.take() {
        app.recording = false;
        let readings = text::plural_of(ended.readings, "reading");
        app.say(
            format!("recorded {readings} in {}", ended.path.display()),
            false,
        );
        return;
    }
    let Some(server) = &app.server else {
        app.say("not connected: there is nothing to record", true);
        return;
    };
    let name = tape::file_name(server, app.server_clock());
    let begun = Recorder::new(std::path::Path::new(&name)).and_then(|mut begun| {
        for kept in app.known() {
            begun.keep(app.server_clock(), kept)?;
        }
        Ok(begun)
    });
    match begun {
        Ok(begun) => {
            app.say(
                format!(
                    "recording into {}; run record again to stop",
                    begun.path.display()
                ),
                false,
            );
            app.recording = true;
            *recorder = Some(begun);
        }
        Err(error) => app.say(format!("{error:#}"), true),
    }
}

pub(super) fn ticker(interval: Duration) -> Interval {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    ticks.reset();
    ticks
}

pub(super) fn copy(screen: &mut Screen, text: &str) -> Result<()> {
    screen.copy(text, std::env::var_os("TMUX").is_some())
}
