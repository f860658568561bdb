//! The doctor's steps for the duration of a round trip to the server, and for the difference between the server's clock and this
//! machine's.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde::Deserialize;
use tokio_postgres::Client;

use super::step::Step;
use crate::model::moment::Stamp;
use crate::model::text;
use crate::model::version::Version;
use crate::server::row;
use crate::server::session::ask;
use crate::server::sql::{Query, query};

const QUERY: Query = query!("doctor_clock");
/// Number of round trips that are measured.
const SAMPLES: usize = 20;
/// Difference of the clocks, in seconds, above which a warning is shown.
const CLOCKS_SECONDS: f64 = 2.0;
/// Median duration of a round trip above which a warning is shown, because the console is slow.
const SLOW: Duration = Duration::from_millis(150);

#[derive(Debug, Deserialize)]
struct Clock {
    clock: Stamp,
}

/// Duration of a round trip, and the seconds by which the server's clock is ahead of this machine's (negative: behind).
struct Sample {
    took: Duration,
    ahead: f64,
}

pub(super) async fn steps(client: &Client, now: fn() -> Stamp) -> Vec<Step> {
    match samples(client, now).await {
        Ok(samples) => judged(samples),
        Err(error) => ["clock", "round trip"]
            .map(|name| Step::undecided(name, format!("{error:#}")))
            .into(),
    }
}

async fn samples(client: &Client, now: fn() -> Stamp) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for _ in 0..SAMPLES {
        let (begun, before) = (Instant::now(), now());
        let rows = ask(client, QUERY.text(Version::new(0, 0)), &[]).await?;
        let took = begun.elapsed();
        let Clock { clock } = row::read(
            rows.first()
                .context("the query for the server's clock returned no row")?,
        )?;
        // Assumes that both directions of the network are equally fast.
        let ahead = clock.seconds_since(before) - took.as_secs_f64() / 2.0;
        samples.push(Sample { took, ahead });
    }
    Ok(samples)
}

fn judged(mut samples: Vec<Sample>) -> Vec<Step> {
    samples.sort_by_key(|sample| sample.took);
    let (Some(fastest), Some(middle), Some(slowest)) = (
        samples.first(),
        samples.get(samples.len() / 2),
        samples.last(),
    ) else {
        return Vec::new();
    };
    let ahead = fastest.ahead;
    let which = if ahead < 0.0 { "behind" } else { "ahead of" };
    let clock = Step::ok(
        "clock",
        format!(
            "the server's clock is {} {which} this machine's (± {})",
            text::duration(ahead.abs()),
            text::duration(fastest.took.as_secs_f64() / 2.0)
        ),
    );
    let clock = if ahead.abs() > CLOCKS_SECONDS {
        clock.warn("synchronize both clocks (chrony, systemd-timesyncd): ages are computed by the server's clock, and the journal's times by this machine's")
    } else {
        clock
    };
    let trip = |sample: &Sample| text::duration(sample.took.as_secs_f64());
    let round = Step::ok(
        "round trip",
        format!(
            "median {} of {SAMPLES} queries, fastest {}, slowest {}",
            trip(middle),
            trip(fastest),
            trip(slowest)
        ),
    );
    let round = if middle.took > SLOW {
        round.warn("run hypertop closer to the server, or refresh less often (--refresh 10s)")
    } else {
        round
    };
    vec![clock, round]
}
