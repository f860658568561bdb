//! `hypertop check --listen`: serves the metrics until a signal ends it.

mod accept;
mod http;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::Instant;

use self::http::{Page, Scrape};
use super::collector::MARGIN;
use super::failure::Failure;
use super::fleet::Fleet;
use super::metrics::{at_most, success};
use super::options::Options;
use super::selection::Selection;
use crate::run::stderr;

/// Serves until SIGTERM or SIGINT. An error if the address cannot be used.
pub(super) async fn serve(
    at: SocketAddr,
    fleet: &mut Fleet<'_>,
    selection: &Selection<'_>,
    options: &Options,
) -> Result<()> {
    let listener = TcpListener::bind(at).await;
    let listener = listener.with_context(|| format!("--listen {at}: cannot use this address"))?;
    let at = listener.local_addr()?;
    stderr::say(format_args!("hypertop: metrics at http://{at}/metrics"));
    let (scrapes, mut asked) = unbounded_channel();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        () = Box::pin(collect(fleet, selection, options, &mut asked)) => {}
        () = http::accept(listener, scrapes, options.timeout) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    fleet.cancel().await;
    Ok(())
}

/// Answers scrapes, with one collection at a time. Scrapes that arrive during a collection get its page. A page younger than
/// `--min-interval` is sent again.
async fn collect(
    fleet: &mut Fleet<'_>,
    selection: &Selection<'_>,
    options: &Options,
    asked: &mut UnboundedReceiver<Scrape>,
) {
    let mut kept: Option<(Instant, Arc<Page>)> = None;
    let (mut trouble, mut last_success) = (None, None);
    while let Some(scrape) = asked.recv().await {
        let fresh = |(at, _): &&(Instant, Arc<Page>)| at.elapsed() < options.min_interval;
        let page = if let Some((_, page)) = kept.as_ref().filter(fresh) {
            Arc::clone(page)
        } else if scrape.reply.is_closed() {
            // The scraper no longer waits.
            continue;
        } else {
            let begun = Instant::now();
            let until = (scrape.until - MARGIN).max(begun + Duration::from_millis(50));
            let collected = Box::pin(fleet.collect(selection, until, true)).await;
            let (page, failure) = match collected {
                Ok(collected) => {
                    last_success = success(&collected.outcome.metrics).or(last_success);
                    let metrics = at_most(collected.outcome.metrics, options.max_series);
                    (Page { metrics }, None)
                }
                Err(failure) => {
                    let metrics = fleet.down(last_success);
                    (Page { metrics }, Some(failure))
                }
            };
            say(&mut trouble, failure);
            let page = Arc::new(page);
            kept = Some((begun, Arc::clone(&page)));
            page
        };
        let _ = scrape.reply.send(Arc::clone(&page));
        while let Ok(more) = asked.try_recv() {
            let _ = more.reply.send(Arc::clone(&page));
        }
    }
}

/// Prints a failure when it begins or changes, and a message when the connection works again.
fn say(trouble: &mut Option<String>, failure: Option<Failure>) {
    let words = failure.map(|failure| failure.words().to_owned());
    if *trouble != words {
        match &words {
            Some(words) => stderr::say(format_args!("hypertop: {words}")),
            None => stderr::say(format_args!("hypertop: connected again")),
        }
        *trouble = words;
    }
}
