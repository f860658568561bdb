//! The event loops of the console and of a replay. Each loop waits at one `select!`; the code that handles an event never awaits.

mod acknowledged;
mod acts;
pub mod changing;
pub mod check;
mod columns;
pub mod command;
pub mod complete;
mod console;
pub mod doctor;
pub mod example;
pub mod exit;
pub(crate) mod explain;
pub mod invocation;
pub mod manual;
pub(crate) mod names;
mod opening;
pub mod policies;
pub mod printing;
pub mod record;
pub mod requests;
mod second;
pub mod show;
mod snapshot;
pub mod sql;
pub mod start;
pub mod stderr;
pub mod thresholds;
mod worker;

use std::time::{Duration, SystemTime};

use anyhow::Result;
use crossterm::event::{Event, EventStream, KeyEventKind, MouseButton, MouseEventKind};
use futures_util::StreamExt;
use nix::libc::SIGCONT;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use self::console::{Console, copy, ticker};
use self::opening::{Opened, Opening, arrival};
use crate::actions::key_map::KeyMap;
use crate::app::overlay::Overlay;
use crate::app::tape::Replay;
use crate::app::theme::Theme;
use crate::app::{App, Effect, Msg};
use crate::config::Config;
use crate::model::moment::Stamp;
use crate::model::screen_id::ScreenId;
use crate::model::text;
use crate::ui::terminal;
use crate::ui::terminal::Screen;

#[expect(
    clippy::disallowed_methods,
    reason = "only this function reads the clock"
)]
pub fn now() -> Stamp {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Stamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// Number of the signal that ended the console. 0: the user quit.
pub type Ended = i32;

#[derive(Debug)]
struct Start {
    opened: Opened,
    opening: Opening,
    config: Config,
    keys: KeyMap,
    themes: Vec<Theme>,
    /// Errors in the user's files and options.
    notes: Vec<String>,
    screen: ScreenId,
}

/// Creates an app with the user's settings. If the theme is unknown, the first theme is used.
fn as_set(config: &Config, keys: KeyMap, themes: Vec<Theme>) -> App {
    let theme = themes.iter().position(|theme| theme.name == config.theme);
    let mut app = App::new(now(), themes, config.refresh);
    app.theme = theme.unwrap_or(0);
    app.pane.open = config.preview;
    app.ascii = !text::is_utf8(|name| std::env::var(name).ok());
    app.keys = keys;
    app
}

/// Shows the errors in the user's files and options (`notes`) in an overlay. Shows the notes and the messages on the status line, too.
fn greet(app: &mut App, mut notes: Vec<String>, messages: impl Iterator<Item = String>) {
    if !notes.is_empty() {
        app.overlay = Some(Overlay::Note(notes.clone()));
    }
    notes.extend(messages);
    for note in &notes {
        // Notes and messages are also printed, so that the user can read them after the console is closed.
        stderr::say(format_args!("hypertop: {note}"));
    }
    if !notes.is_empty() {
        app.say(notes.join(" · "), true);
    }
}

/// Runs the console on an open session until the user quits or a signal arrives.
async fn console(start: Start) -> Result<Ended> {
    let mut app = as_set(&start.config, start.keys, start.themes);
    app.screen = start.screen;
    app.rules = start.opened.rules.clone();
    greet(&mut app, start.notes, start.opened.messages.iter().cloned());
    let mut screen = Screen::take(start.config.mouse)?;
    let mut keys = EventStream::new();
    let mut going_on = signal(SignalKind::from_raw(SIGCONT))?;
    let mut ending = std::pin::pin!(signalled());
    // The first frame is drawn before the first query is sent.
    screen.draw(&mut app)?;
    let mut due: Option<Instant> = None;
    let mut console = Console::new(screen, app, start.opening, start.opened);
    loop {
        let rest = console.app.rests_at().map(in_future);
        let msg = tokio::select! {
            biased;
            signal = &mut ending => return signal,
            event = keys.next() => match event {
                Some(Ok(event)) => read_event(event),
                // The terminal was closed: the console ends as if by SIGHUP, which is signal 1.
                Some(Err(_)) | None => return Ok(1),
            },
            _ = going_on.recv() => {
                console.screen.take_again()?;
                None
            }
            () = until(due) => None,
            msg = console.answered.recv() => msg,
            arrival = arrival(&mut console.waiting) => console.arrive(arrival),
            () = until(rest) => Some(Msg::Rested),
            _ = console.ticks.tick() => Some(Msg::Tick(now())),
        };
        let mut batch: Vec<Msg> = msg.into_iter().collect();
        while let Ok(more) = console.answered.try_recv() {
            batch.push(more);
        }
        console.app.now = now();
        let can_wait = console.can_wait(&batch);
        for msg in batch {
            if console.take(msg)? {
                return Ok(0);
            }
        }
        if can_wait {
            due.get_or_insert(Instant::now() + TOGETHER);
        } else {
            due = None;
            console.draw()?;
        }
    }
}

/// Answers that arrive within this time are drawn in one frame.
const TOGETHER: Duration = Duration::from_millis(40);

/// Converts a moment to an `Instant`. A past moment becomes now. A moment more than an hour ahead becomes an hour from now.
fn in_future(at: Stamp) -> Instant {
    Instant::now() + Duration::from_secs_f64(at.seconds_since(now()).clamp(0.0, 3600.0))
}

/// Waits until `due`. `None`: waits for ever.
async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Runs the console on a recording.
async fn replay(
    replay: Replay,
    config: Config,
    keys: KeyMap,
    themes: Vec<Theme>,
    opens: ScreenId,
) -> Result<Ended> {
    let mut app = as_set(&config, keys, themes);
    app.screen = opens;
    app.replay(replay);
    let mut screen = Screen::take(config.mouse)?;
    let mut ticks = ticker(app.interval);
    let mut keys = EventStream::new();
    let mut going_on = signal(SignalKind::from_raw(SIGCONT))?;
    let mut ending = std::pin::pin!(signalled());
    loop {
        screen.draw(&mut app)?;
        let msg = tokio::select! {
            biased;
            signal = &mut ending => return signal,
            event = keys.next() => match event {
                Some(Ok(event)) => read_event(event),
                Some(Err(_)) | None => return Ok(1),
            },
            _ = going_on.recv() => {
                screen.take_again()?;
                None
            }
            _ = ticks.tick() => Some(Msg::Tick(now())),
        };
        let mut waiting: Vec<Msg> = msg.into_iter().collect();
        while let Some(msg) = waiting.pop() {
            if matches!(msg, Msg::Resize) {
                screen.redraw();
            }
            for effect in app.update(msg) {
                match effect {
                    Effect::Quit => return Ok(0),
                    Effect::Interval(interval) => ticks = ticker(interval),
                    Effect::Copy(text) => copy(&mut screen, &text)?,
                    Effect::Suspend => screen.suspend()?,
                    Effect::Record => app.say("a replay cannot be recorded", false),
                    Effect::Figures(ask) => waiting.extend(app.figures_from_tape(&ask)),
                    Effect::Act(ask) => waiting.extend(app.act_on_tape(&ask)),
                    // A replay has its lists in the recording, and cannot switch to another database.
                    Effect::List(_) | Effect::Offer(_) | Effect::Switch(..) => {}
                }
            }
        }
    }
}

/// Waits for a signal that ends the program; returns its number.
async fn signalled() -> Result<Ended> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::select! {
        _ = terminate.recv() => 15,
        _ = hang_up.recv() => 1,
        _ = interrupt.recv() => 2,
    })
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
            MouseEventKind::Down(MouseButton::Left) => Some(Msg::Click {
                line: mouse.row,
                cell: mouse.column,
            }),
            _ => None,
        },
        _ => None,
    }
}
