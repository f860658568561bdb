//! The loop: the only `select!` over keys, answers, ticks and signals, and it awaits nothing in an arm.

use std::time::{Duration, SystemTime};

use anyhow::Result;
use crossterm::event::{Event, EventStream, KeyEventKind, MouseButton, MouseEventKind};
use futures_util::StreamExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::act::Actor;
use crate::app::{App, Effect, Msg};
use crate::config::{Config, Rules};
use crate::conninfo::Settings;
use crate::db::{self, Session};
use crate::overlay::Overlay;
use crate::terminal::{self, Screen};
use crate::theme::Theme;
use crate::value::Stamp;

/// This machine's clock.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the clock is read"
)]
pub fn now() -> Stamp {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Stamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// How the console ended, as a signal number; 0 when a person left it.
pub type Ended = i32;

/// What the console opens on.
#[derive(Debug)]
pub struct Start {
    pub settings: Settings,
    /// Who carries out plans; `None`: there is no place for the journal, so nothing is changed.
    pub actor: Option<Actor>,
    pub rules: Rules,
    pub session: Session,
    pub config: Config,
    pub themes: Vec<Theme>,
    /// What is wrong with the person's own files and flags.
    pub notes: Vec<String>,
    /// What else is to be told at the start.
    pub told: Vec<String>,
}

/// Opens the console on a session that stands, until the person leaves or a signal ends it.
pub async fn console(start: Start) -> Result<Ended> {
    let Start {
        settings,
        actor,
        rules,
        session,
        config,
        themes,
        notes,
        told,
    } = start;
    let theme = themes
        .iter()
        .position(|theme| theme.name == config.theme)
        .unwrap_or(0);
    let mut app = App::new(now(), themes, config.refresh);
    app.theme = theme;
    app.rules = rules;
    if !notes.is_empty() {
        app.overlay = Some(Overlay::Note(notes.clone()));
    }
    let mut notes = notes;
    notes.extend(settings.warnings.iter().cloned().chain(told));
    for note in &notes {
        // Still to be read when the console is closed.
        eprintln!("hypertop: {note}");
    }
    if !notes.is_empty() {
        app.say(notes.join(" · "), true);
    }
    let mut screen = Screen::take(config.mouse)?;
    let (requests, served) = unbounded_channel();
    let (answers, mut answered) = unbounded_channel();
    let mut ticks = ticker(app.interval);
    let mut keys = EventStream::new();
    let mut ending = std::pin::pin!(signalled());
    // The first frame is drawn before the first query is sent.
    screen.draw(&mut app)?;
    tokio::spawn(db::serve(settings, actor, session, served, answers));
    loop {
        let msg = tokio::select! {
            biased;
            signal = &mut ending => return signal,
            event = keys.next() => match event {
                Some(Ok(event)) => read_event(event),
                // The terminal is gone.
                Some(Err(_)) | None => return Ok(1),
            },
            msg = answered.recv() => msg,
            _ = ticks.tick() => Some(Msg::Tick(now())),
        };
        let mut batch: Vec<Msg> = msg.into_iter().collect();
        while let Ok(more) = answered.try_recv() {
            batch.push(more);
        }
        app.now = now();
        for msg in batch {
            if matches!(msg, Msg::Resize) {
                screen.redraw();
            }
            for effect in app.update(msg) {
                match effect {
                    Effect::Quit => return Ok(0),
                    Effect::Interval(interval) => ticks = ticker(interval),
                    effect => carry_out(effect, &mut screen, &requests)?,
                }
            }
        }
        screen.draw(&mut app)?;
    }
}

/// Waits for a signal that asks the program to end.
pub async fn signalled() -> Result<Ended> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::select! {
        _ = terminate.recv() => 15,
        _ = hang_up.recv() => 1,
        _ = interrupt.recv() => 2,
    })
}

fn ticker(interval: Duration) -> tokio::time::Interval {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    ticks.reset();
    ticks
}

fn carry_out(
    effect: Effect,
    screen: &mut Screen,
    requests: &UnboundedSender<Effect>,
) -> Result<()> {
    match effect {
        Effect::Copy(text) => screen.copy(&text, std::env::var_os("TMUX").is_some())?,
        Effect::Suspend => screen.suspend()?,
        // The task that serves them ends with the console only.
        effect => drop(requests.send(effect)),
    }
    Ok(())
}

fn read_event(event: Event) -> Option<Msg> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => {
            terminal::key_text(key).map(Msg::Key)
        }
        Event::Paste(text) => Some(Msg::Paste(text)),
        Event::Resize(..) => Some(Msg::Resize),
        Event::Mouse(mouse) => match mouse.kind {
            MouseEventKind::ScrollDown => Some(Msg::Wheel(3)),
            MouseEventKind::ScrollUp => Some(Msg::Wheel(-3)),
            MouseEventKind::Down(MouseButton::Left) => Some(Msg::Click { line: mouse.row }),
            _ => None,
        },
        _ => None,
    }
}
