//! The second connection: companion queries (more columns for a list), details, and exact figures in slices.

use std::collections::VecDeque;

use anyhow::Result;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use crate::app::{Msg, ask};
use crate::connect::conninfo::Settings;
use crate::model::screen_id::ScreenId;
use crate::server::exact::{Exact, ExactQuery, slices};
use crate::server::known::At;
use crate::server::sql::Companion;

/// The next request. Details come first, because the user waits for them. `None`: the console has ended.
async fn next_exact(
    waiting: &mut VecDeque<ask::Figures>,
    requests: &mut UnboundedReceiver<ask::Figures>,
) -> Option<ask::Figures> {
    if waiting.is_empty() {
        waiting.push_back(requests.recv().await?);
    }
    while let Ok(more) = requests.try_recv() {
        queue(waiting, more);
    }
    let detail = |ask: &ask::Figures| matches!(ask, ask::Figures::Detail { .. });
    let next = waiting.iter().position(detail).unwrap_or(0);
    waiting.remove(next)
}

/// Adds a request, and drops the waiting requests that it replaces.
fn queue(waiting: &mut VecDeque<ask::Figures>, more: ask::Figures) {
    match &more {
        // The screen is no longer shown.
        ask::Figures::Cancel { screen: left } => {
            for ask in waiting.iter_mut() {
                if let ask::Figures::Exact { screen, ids, .. } = ask
                    && screen == left
                {
                    ids.clear();
                }
            }
            waiting.retain(
                |ask| !matches!(ask, ask::Figures::Detail { of, .. } if of.screen() == *left),
            );
        }
        // The cursor has moved to another row meanwhile, or the row was loaded again.
        ask::Figures::Detail { asked: newer, .. } => {
            waiting
                .retain(|ask| !matches!(ask, ask::Figures::Detail { asked, .. } if asked < newer));
        }
        ask::Figures::Exact { .. } => {}
    }
    waiting.push_back(more);
}

/// Answers requests that read many relations or may take long.
pub(super) async fn serve(
    settings: Settings,
    password: Option<String>,
    mut requests: UnboundedReceiver<ask::Figures>,
    mut companions: UnboundedReceiver<Companion>,
    answers: UnboundedSender<Msg>,
    opens: ScreenId,
) {
    let mut exact = Exact::new(&settings, password);
    exact.connect().await;
    let mut cold = VecDeque::new();
    for part in opens.parts() {
        let asked = (part.about().exact)().into_iter();
        cold.extend(asked.filter(|query| query.overview && !query.later || opens == part));
    }
    let mut waiting = VecDeque::new();
    loop {
        let ask = tokio::select! {
            biased;
            // Companion queries come first, because lists wait for them.
            Some(Companion { query, reply }) = companions.recv() => {
                // The list may no longer wait for the answer.
                if !reply.is_closed() {
                    drop(reply.send(exact.companion(query).await));
                }
                continue;
            }
            ask = next_exact(&mut waiting, &mut requests) => ask,
            // Without a request: prepares the queries of the first screen.
            () = std::future::ready(()), if !cold.is_empty() => {
                if let Some(query) = cold.pop_front() {
                    exact.warm(query).await;
                }
                continue;
            }
        };
        let Some(ask) = ask else {
            return;
        };
        let Some(answer) = carry_out(ask, &mut exact, &mut waiting, &mut requests).await else {
            continue;
        };
        let ended = !matches!(answer, Msg::Exact { last: false, .. });
        if answers.send(answer).is_err() {
            return;
        }
        if ended && let Some(text) = exact.distrust().await {
            let text = text.to_owned();
            let _ = answers.send(Msg::Status { text, bad: true });
        }
    }
}

/// Removes as many ids from `ids` as one query may read; returns the query and the removed ids.
fn first_slice(
    screen: ScreenId,
    nth: usize,
    ids: &mut Vec<(i64, usize)>,
) -> Option<(ExactQuery, Vec<(i64, usize)>)> {
    let query = (screen.about().exact)().get(nth).copied()?;
    let many = slices(ids, query.slice).first()?.len();
    Some((query, ids.drain(..many).collect()))
}

/// Waits for an answer about this screen. If the user leaves the screen, cancels the running statement on the server.
async fn while_shown<T>(
    screen: ScreenId,
    answer: impl Future<Output = T>,
    cancels: Option<impl Future<Output = ()> + Send + 'static>,
    waiting: &mut VecDeque<ask::Figures>,
    requests: &mut UnboundedReceiver<ask::Figures>,
) -> T {
    let mut answer = std::pin::pin!(answer);
    let (mut cancels, mut cancelled) = (cancels, None);
    let answer = loop {
        tokio::select! {
            biased;
            answer = &mut answer => break answer,
            Some(more) = requests.recv() => {
                let left = matches!(&more, ask::Figures::Cancel { screen: left } if *left == screen);
                if left && let Some(cancels) = cancels.take() {
                    cancelled = Some(tokio::spawn(cancels));
                }
                queue(waiting, more);
            }
        }
    };
    if let Some(cancelled) = cancelled {
        // The next statement is sent only after the cancel has ended. Otherwise the cancel might hit that statement.
        let _ = cancelled.await;
    }
    answer
}

/// Answers one request. Ids that remain are queued as a new request.
async fn carry_out(
    ask: ask::Figures,
    exact: &mut Exact<'_>,
    waiting: &mut VecDeque<ask::Figures>,
    requests: &mut UnboundedReceiver<ask::Figures>,
) -> Option<Msg> {
    match ask {
        ask::Figures::Exact {
            screen,
            nth,
            round,
            mut ids,
        } => {
            let figures = match first_slice(screen, nth, &mut ids) {
                Some((query, slice)) => exact.slice(query, &slice).await,
                None => Vec::new(),
            };
            let last = ids.is_empty();
            if !last {
                waiting.push_back(ask::Figures::Exact {
                    screen,
                    nth,
                    round,
                    ids,
                });
            }
            Some(Msg::Exact {
                screen,
                nth,
                round,
                figures,
                last,
            })
        }
        ask::Figures::Detail {
            asked,
            index,
            query,
            params,
            of,
            now,
        } => {
            let cancels = exact.canceller();
            let sections = async {
                let (rows, server) = exact.detail(query, &params).await?;
                let server = &server;
                of.build(index, &rows, &At { now, server })
            };
            let sections: Result<_> =
                while_shown(of.screen(), sections, cancels, waiting, requests).await;
            Some(Msg::Detail {
                asked,
                index,
                sections: sections.map_err(|error| format!("{error:#}")),
            })
        }
        // A cancel needs no answer: `queue` and `while_shown` handled it when it arrived.
        ask::Figures::Cancel { .. } => None,
    }
}
