//! HTTP pages: `/metrics` and `/-/healthy`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, timeout_at};

use super::accept;
use crate::run::check::metrics::{Metric, written};

/// Header with the time in seconds after which Prometheus stops waiting.
const SCRAPE_TIMEOUT: &str = "x-prometheus-scrape-timeout-seconds";
/// The answer is sent this long before Prometheus stops waiting.
const SPARE: Duration = Duration::from_millis(500);
/// If a client sends no request within this time, its connection is closed.
const IDLE: Duration = Duration::from_secs(30);
/// Maximum number of open connections; further clients wait.
const CONNECTIONS: usize = 32;

/// The metrics of one collection.
pub(super) struct Page {
    pub metrics: Vec<Metric>,
}

/// A scrape that waits for a page.
pub(super) struct Scrape {
    /// Time by which the answer must be ready.
    pub until: Instant,
    pub reply: oneshot::Sender<Arc<Page>>,
}

type Answer = Response<Full<Bytes>>;

/// Serves connections for ever. `limit`: time for a scrape without the header [`SCRAPE_TIMEOUT`].
pub(super) async fn accept(
    listener: TcpListener,
    scrapes: UnboundedSender<Scrape>,
    limit: Duration,
) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            // After an error such as too many open files, a pause helps.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let scrapes = scrapes.clone();
        tokio::spawn(async move {
            let answers = service_fn(|request| {
                let scrapes = scrapes.clone();
                async move { Ok::<_, Infallible>(answer(&request, &scrapes, limit).await) }
            });
            // If a client closes the connection, that is not an error.
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(IDLE)
                .serve_connection(TokioIo::new(stream), answers)
                .await;
            drop(place);
        });
    }
}

async fn answer(
    request: &Request<Incoming>,
    scrapes: &UnboundedSender<Scrape>,
    limit: Duration,
) -> Answer {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut answer = plain(
            StatusCode::METHOD_NOT_ALLOWED,
            "only GET and HEAD are answered\n",
        );
        let allow = HeaderValue::from_static("GET, HEAD");
        answer.headers_mut().insert(ALLOW, allow);
        return answer;
    }
    match request.uri().path() {
        "/metrics" => metrics(request, scrapes, limit).await,
        "/-/healthy" => plain(StatusCode::OK, "hypertop is running\n"),
        "/" => plain(StatusCode::OK, "hypertop: the metrics are at /metrics\n"),
        _ => plain(
            StatusCode::NOT_FOUND,
            "the only pages are /metrics and /-/healthy\n",
        ),
    }
}

async fn metrics(
    request: &Request<Incoming>,
    scrapes: &UnboundedSender<Scrape>,
    limit: Duration,
) -> Answer {
    let header = |name: &HeaderName| request.headers().get(name)?.to_str().ok();
    let given = header(&HeaderName::from_static(SCRAPE_TIMEOUT));
    let given = given.and_then(|text| text.parse().ok());
    let given = given.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let until = Instant::now() + given.unwrap_or(limit).saturating_sub(SPARE);
    let (reply, page) = oneshot::channel();
    if scrapes.send(Scrape { until, reply }).is_err() {
        return plain(
            StatusCode::SERVICE_UNAVAILABLE,
            "hypertop is shutting down\n",
        );
    }
    let Ok(Ok(page)) = timeout_at(until, page).await else {
        return plain(
            StatusCode::SERVICE_UNAVAILABLE,
            "a collection for another scrape is running, and takes longer than this scrape may wait\n",
        );
    };
    let dialect = accept::dialect(header(&ACCEPT).unwrap_or_default());
    let text = written(&page.metrics, dialect);
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    let kind = HeaderValue::from_static(accept::content_type(dialect));
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}

fn plain(status: StatusCode, text: &'static str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *answer.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}
