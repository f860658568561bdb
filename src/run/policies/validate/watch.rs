//! `validate --after --watch`: checks again until nothing is pending, and prints what changed.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::model::moment::Stamp;
use crate::model::text;
use crate::run::command::{Format, print};
use crate::run::stderr;

use super::check::{Check, Checks, State};
use super::here::Here;
use super::round::{Round, Validation, lines};

/// Minimum and maximum time between two rounds.
const SHORTEST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(60);
/// Additional seconds to wait after a check is due, because the policy then needs some time to run.
const GRACE: f64 = 2.0;

/// Repeats the rounds until nothing is pending, the time of `--for` is over, or a signal arrives. Returns the last round.
pub(super) async fn watch(here: &mut Here, validation: &Validation<'_>) -> Result<Round> {
    let begun = Instant::now();
    let options = validation.options;
    let prints = options.format == Format::Text;
    let mut last: Option<Round> = None;
    let mut ending = std::pin::pin!(crate::run::signalled());
    loop {
        let round = match round(here, validation).await {
            Ok(round) => round,
            // An error in the first round ends the watch, because the files or the connection are probably wrong.
            Err(error) if last.is_none() => return Err(error),
            Err(error) => {
                stderr::say(format_args!(
                    "hypertop: the checks could not run, and will be tried again: {error:#}"
                ));
                let left = options.long.saturating_sub(begun.elapsed());
                let signal = tokio::time::timeout(LONGEST.min(left), &mut ending).await;
                match last.take().filter(|_| signal.is_ok() || left <= LONGEST) {
                    Some(round) => return Ok(finished(here, validation, round).await),
                    None => continue,
                }
            }
        };
        if prints {
            let changed = last.as_ref().map_or_else(
                || Ok(lines(&round.checks)),
                |last| anyhow::Ok(changes(&last.checks, &round.checks)),
            )?;
            print(changed)?;
        }
        let left = options.long.saturating_sub(begun.elapsed());
        if !round.checks.has(State::Pending) || left.is_zero() {
            return Ok(finished(here, validation, round).await);
        }
        let now = here.now().await.unwrap_or(here.session.server.clock);
        let wait = rest(&round.checks, now).min(left);
        last = Some(round);
        if tokio::time::timeout(wait, &mut ending).await.is_ok()
            && let Some(round) = last
        {
            return Ok(finished(here, validation, round).await);
        }
    }
}

async fn round(here: &mut Here, validation: &Validation<'_>) -> Result<Round> {
    here.reconnect().await?;
    Box::pin(validation.round(here)).await
}

/// Completes the last round: runs the queries of `[expect]`, which run only once.
async fn finished(here: &Here, validation: &Validation<'_>, mut round: Round) -> Round {
    let before = round.checks.0.len();
    validation.time(here, &mut round).await;
    if validation.options.format == Format::Text {
        let new: String = round.checks.0[before..].iter().map(Check::line).collect();
        let _ = print(new);
    }
    round
}

/// Time until the earliest pending check can be decided, between SHORTEST and LONGEST.
fn rest(checks: &Checks, now: Stamp) -> Duration {
    let due = checks.0.iter().filter_map(|check| check.due).min();
    let seconds = due.map_or(LONGEST.as_secs_f64(), |due| due.seconds_since(now) + GRACE);
    Duration::try_from_secs_f64(seconds.max(0.0))
        .unwrap_or(LONGEST)
        .clamp(SHORTEST, LONGEST)
}

/// The checks whose result changed, and the checks that no longer exist (except those that were ok).
fn changes(was: &Checks, now: &Checks) -> String {
    let same = |check: &Check, other: &Check| check.what == other.what;
    let mut out = String::new();
    for check in &now.0 {
        let before = was.0.iter().find(|other| same(check, other));
        if before.is_none_or(|before| before.state != check.state) {
            out += &check.line();
        }
    }
    for gone in &was.0 {
        let is_there = now.0.iter().any(|check| same(gone, check));
        if !is_there && gone.state != State::Ok {
            out += &text::printable(&format!("{:<8}{}", "gone", gone.what));
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_round_is_soon_after_what_is_due_first_but_neither_at_once_nor_after_long() {
        let now = Stamp(1_800_000_000_000_000);
        let waiting = |seconds: &[f64]| {
            let mut checks = Checks::default();
            for seconds in seconds {
                checks.wait("it runs", "not yet", Some(now.plus_seconds(*seconds)));
            }
            rest(&checks, now)
        };
        assert_eq!(waiting(&[]), LONGEST);
        assert_eq!(waiting(&[86_400.0, 20.0]), Duration::from_secs(22));
        assert_eq!(waiting(&[86_400.0]), LONGEST);
        assert_eq!(waiting(&[-500.0]), SHORTEST);
    }

    #[test]
    fn only_what_changed_is_said_again() {
        let (mut was, mut now) = (Checks::default(), Checks::default());
        was.wait("job 1 runs", "not yet", None);
        was.add(State::Ok, "indexes", "all are");
        was.add(State::Failed, "no new finding on x", "late");
        now.add(State::Ok, "job 1 runs", "it ran");
        now.add(State::Ok, "indexes", "all are");
        let said = changes(&was, &now);
        assert_eq!(
            said,
            "ok      job 1 runs: it ran\ngone    no new finding on x\n"
        );
    }
}
