//! Serves the console: the lists on one session, the figures and the acts on tasks of their own.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::actions::execute::Actor;
use crate::app::{Effect, Msg};
use crate::connect;
use crate::connect::conninfo::Settings;
use crate::model::screen_id::ScreenId;
use crate::server::session::Session;

/// Serves the console's requests until it goes: connects, answers, connects again with back-off.
pub async fn serve(
    settings: Settings,
    actor: Option<Actor>,
    first: Session,
    mut requests: UnboundedReceiver<Effect>,
    answers: UnboundedSender<Msg>,
    opens: ScreenId,
) {
    let password = first.connected.password.clone();
    let thresholds = first.server.thresholds.clone();
    let (to_exact, exact_requests) = unbounded_channel();
    let (to_second, companions) = unbounded_channel();
    tokio::spawn(super::second::serve(
        settings.clone(),
        password.clone(),
        exact_requests,
        companions,
        answers.clone(),
        opens,
    ));
    let (to_acts, act_requests) = unbounded_channel();
    let journal = actor.as_ref().map(|actor| actor.journal.clone());
    if let Some(actor) = actor {
        tokio::spawn(super::acts::serve(actor, act_requests, answers.clone()));
    }
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
                current.second = Some(to_second.clone());
                wait = Duration::from_secs(1);
                if answers
                    .send(Msg::Up(Box::new(current.server.clone())))
                    .is_err()
                {
                    return;
                }
                match serve_session(&current, &mut requests, &to_exact, &to_acts, &answers).await {
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

/// Answers until the connection is lost (why is returned) or the console is gone (`None`).
async fn serve_session(
    session: &Session,
    requests: &mut UnboundedReceiver<Effect>,
    to_exact: &UnboundedSender<Effect>,
    to_acts: &UnboundedSender<Effect>,
    answers: &UnboundedSender<Msg>,
) -> Option<anyhow::Error> {
    let mut running: Option<Work> = None;
    let mut waiting = VecDeque::new();
    let mut closed = tokio::time::interval(Duration::from_millis(500));
    loop {
        if running.is_none()
            && let Some(effect) = waiting.pop_front()
        {
            running = answer(session, &effect);
            continue;
        }
        let work = async {
            match &mut running {
                Some((_, work)) => work.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            msg = work => {
                running = None;
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
                Effect::Cancel { screen } => {
                    to_exact.send(Effect::Cancel { screen }).ok()?;
                    if running.as_ref().is_some_and(|(busy, _)| *busy == screen) {
                        tokio::spawn(session.connected.canceller());
                    }
                    waiting.retain(|effect| !matches!(effect, Effect::Load { screen: other, .. } | Effect::Pulse { screen: other, .. } if *other == screen));
                }
                effect @ (Effect::Facts { .. } | Effect::Look { .. } | Effect::Rollback { .. } | Effect::Do(_) | Effect::Order(_)) => {
                    if to_acts.send(effect).is_err() {
                        let text = "there is no place for the journal (set HOME or XDG_STATE_HOME), and without it nothing is changed";
                        answers.send(Msg::Status { text: text.to_owned(), bad: true }).ok()?;
                    }
                }
                effect @ (Effect::Exact { .. } | Effect::Detail { .. }) => to_exact.send(effect).ok()?,
                effect => waiting.push_back(effect),
            },
            _ = closed.tick() => {
                if session.connected.client.is_closed() {
                    return Some(anyhow!("the server closed the connection"));
                }
            }
        }
    }
}

fn lost(last: &Msg) -> anyhow::Error {
    match last {
        Msg::Failed { error, .. } => anyhow!("{error}"),
        _ => anyhow!("the server closed the connection"),
    }
}

/// An answer under way, and the screen that it is for.
type Work<'a> = (
    ScreenId,
    std::pin::Pin<Box<dyn Future<Output = Msg> + Send + 'a>>,
);

fn answer<'a>(session: &'a Session, effect: &Effect) -> Option<Work<'a>> {
    match *effect {
        Effect::Pulse { screen, asked } => Some((
            screen,
            Box::pin(async move {
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
            }),
        )),
        Effect::Load { screen, asked } => Some((
            screen,
            Box::pin(async move {
                let start = Instant::now();
                match session.load(screen).await {
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
            }),
        )),
        Effect::Acknowledged(ref request) => {
            let request = request.clone();
            Some((ScreenId::Overview, Box::pin(session.acknowledge(request))))
        }
        _ => None,
    }
}
