//! Answers requests for lists on one session, and reconnects with increasing pauses.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::JoinHandle;

use crate::app::{Msg, ask};
use crate::connect;
use crate::connect::conninfo::Settings;
use crate::journal::Journal;
use crate::journal::serve::Request;
use crate::model::screen_id::ScreenId;
use crate::run::policies::rows;
use crate::server::session::Session;
use crate::server::sql::Companion;

pub(super) async fn serve(
    settings: Settings,
    first: Session,
    journal: Option<Journal>,
    mut requests: UnboundedReceiver<ask::List>,
    companions: UnboundedSender<Companion>,
    answers: UnboundedSender<Msg>,
) {
    let password = first.connected.password.clone();
    let thresholds = first.server.thresholds.clone();
    let busy_hours = first.server.busy_hours.clone();
    let policy_files = first.server.policy_files.clone();
    let throw_away = first.server.throw_away;
    let mut session = Some(first);
    let mut wait = Duration::from_secs(1);
    loop {
        let current = match session.take() {
            Some(session) => Ok(session),
            None => reconnect(&settings, password.as_deref()).await,
        };
        let error = match current {
            Ok(mut current) => {
                current.journal.clone_from(&journal);
                current.server.thresholds.clone_from(&thresholds);
                current.server.busy_hours.clone_from(&busy_hours);
                current.server.policy_files.clone_from(&policy_files);
                current.server.throw_away = throw_away;
                current.second = Some(companions.clone());
                wait = Duration::from_secs(1);
                if answers
                    .send(Msg::Up(Box::new(current.server.clone())))
                    .is_err()
                {
                    return;
                }
                match serve_session(&settings, &current, &mut requests, &answers).await {
                    Some(error) => error,
                    None => return,
                }
            }
            Err(error) => error,
        };
        if answers
            .send(Msg::Down {
                error: format!("{error:#}"),
                retry: wait,
            })
            .is_err()
        {
            return;
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(Duration::from_secs(30));
    }
}

async fn reconnect(settings: &Settings, password: Option<&str>) -> Result<Session> {
    Session::start(connect::again(settings, password).await?).await
}

/// A running or waiting request. `screen`: `None` for a request to the journal.
struct Work<'a> {
    screen: Option<ScreenId>,
    answer: Pin<Box<dyn Future<Output = Msg> + Send + 'a>>,
}

impl<'a> Work<'a> {
    fn of(screen: ScreenId, answer: impl Future<Output = Msg> + Send + 'a) -> Self {
        Self {
            screen: Some(screen),
            answer: Box::pin(answer),
        }
    }
}

/// Answers requests until the connection is lost (returns the reason) or the console ends (`None`).
async fn serve_session(
    settings: &Settings,
    session: &Session,
    requests: &mut UnboundedReceiver<ask::List>,
    answers: &UnboundedSender<Msg>,
) -> Option<anyhow::Error> {
    let mut running: Option<Work> = None;
    let mut waiting = VecDeque::new();
    let mut cancelled: Option<JoinHandle<()>> = None;
    let mut closed = tokio::time::interval(Duration::from_millis(500));
    loop {
        if running.is_none() {
            running = waiting.pop_front();
        }
        tokio::select! {
            msg = answer(&mut running) => {
                running = None;
                let msg = match cancelled.take() {
                    Some(cancelled) => of_cancelled(msg, cancelled).await,
                    None => msg,
                };
                if session.connected.client.is_closed() {
                    return Some(lost(&msg));
                }
                if let Some(why) = session.given_up.get() {
                    answers.send(msg).ok()?;
                    return Some(anyhow!("{why}"));
                }
                answers.send(msg).ok()?;
            }
            request = requests.recv() => match request? {
                ask::List::Cancel { screen } => {
                    let runs = running.as_ref().is_some_and(|work| work.screen == Some(screen));
                    // A second cancel might hit the next statement.
                    if runs && cancelled.is_none() {
                        cancelled = Some(tokio::spawn(session.connected.canceller()));
                    }
                    waiting.retain(|work: &Work| work.screen != Some(screen));
                }
                ask::List::Pulse { screen, asked } => {
                    waiting.push_back(Work::of(screen, pulse(session, screen, asked)));
                }
                ask::List::Load { screen, asked } => {
                    waiting.push_back(Work::of(screen, load(settings, session, screen, asked)));
                }
                ask::List::Acknowledged(request) => waiting.push_back(acknowledged(session, request)),
            },
            _ = closed.tick() => {
                if session.connected.client.is_closed() {
                    return Some(anyhow!("the server closed the connection"));
                }
            }
        }
    }
}

/// Waits for the answer of the running request. Waits for ever if no request is running.
async fn answer(running: &mut Option<Work<'_>>) -> Msg {
    match running {
        Some(work) => work.answer.as_mut().await,
        None => std::future::pending().await,
    }
}

/// The answer of a request that the console itself cancelled. The statement's error becomes a message that reports no error. First waits
/// for the end of the cancel, which could otherwise hit the next statement.
async fn of_cancelled(msg: Msg, cancelled: JoinHandle<()>) -> Msg {
    let _ = cancelled.await;
    match msg {
        Msg::Failed { screen, asked, .. } => Msg::Cancelled { screen, asked },
        Msg::PulseFailed { asked, .. } => Msg::PulseCancelled { asked },
        answer => answer,
    }
}

fn lost(last: &Msg) -> anyhow::Error {
    match last {
        Msg::Failed { error, .. } => anyhow!("{error}"),
        _ => anyhow!("the server closed the connection"),
    }
}

async fn pulse(session: &Session, screen: ScreenId, asked: u64) -> Msg {
    match session.pulse(screen).await {
        Ok((clock, counters)) => Msg::Pulse {
            screen,
            asked,
            clock,
            counters,
        },
        Err(error) => Msg::PulseFailed {
            asked,
            error: format!("{error:#}"),
        },
    }
}

async fn load(settings: &Settings, session: &Session, screen: ScreenId, asked: u64) -> Msg {
    let start = Instant::now();
    match rows::load(settings, session, screen).await {
        Ok(rows) => Msg::Loaded {
            asked,
            rows,
            took: start.elapsed(),
        },
        Err(error) => Msg::Failed {
            screen,
            asked,
            error: format!("{error:#}"),
        },
    }
}

fn acknowledged(session: &Session, request: Request) -> Work<'_> {
    Work {
        screen: None,
        answer: Box::pin(session.acknowledge(request)),
    }
}
