//! The trend of a backlog, and the time until it is compressed.

use super::row::Row;
use crate::model::moment::Stamp;
use crate::model::text;
use crate::screens::policy::Policy;
use crate::server::known::At;

const DAY: f64 = 86_400.0;

impl Row {
    /// The trend as text; the text says from which source each number comes.
    pub(super) fn trend(&self, backlog: i64, policy: &Policy, at: &At) -> String {
        if let Some(words) = self.running(backlog, policy, at) {
            return words;
        }
        match self.change_seen(backlog, at) {
            Some((words, true)) => words,
            grows => {
                let seen = grows.map(|(words, _)| words).unwrap_or_default();
                seen + &self.by_runs(backlog, policy)
            }
        }
    }

    /// Maximum number of chunks of a run; `None`: no limit.
    pub(super) fn most(&self) -> Option<i64> {
        let most = self.most_chunks.as_deref()?.parse().ok()?;
        (most > 0).then_some(most)
    }

    /// Trend by the rate of the present run; `None`: no run, too short a time, or `maxchunks_to_compress` ends the run too early.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a number of chunks is below 2^53"
    )]
    fn running(&self, backlog: i64, policy: &Policy, at: &At) -> Option<String> {
        let runs = policy.scheduled && policy.next_start == Some(Stamp::BEFORE_ALL);
        let done = self.pace.done.filter(|done| runs && *done > 0)?;
        let took = at.now.seconds_since(self.pace.begun?);
        if took < at.limits(&self.full_name()).compression_trend_run
            || self.most().is_some_and(|most| most < done + backlog)
        {
            return None;
        }
        Some(format!(
            ", the policy's run has compressed {done} in {} (by the creation times of the compressed chunks): done in about {} at this rate",
            text::duration(took.floor()),
            text::duration((took * backlog as f64 / done as f64).ceil())
        ))
    }

    /// Change since this console first read the backlog, and whether the backlog shrinks; `None`: no change, or too short a time.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a number of chunks is below 2^53"
    )]
    fn change_seen(&self, backlog: i64, at: &At) -> Option<(String, bool)> {
        let (since, first) = self.seen?;
        let over = at.now.seconds_since(since);
        let long = text::duration(over.floor());
        match backlog - first {
            _ if over < at.limits(&self.full_name()).compression_trend_seen => None,
            0 => None,
            more @ 1.. => Some((format!(", {more} more than there were {long} ago"), false)),
            less => {
                let left = text::duration((over * backlog as f64 / -less as f64).ceil());
                let words = format!(
                    ", {} fewer than there were {long} ago (seen by this console): done in about {left} at this rate",
                    -less
                );
                Some((words, true))
            }
        }
    }

    /// Trend by the last run: number of chunks compressed, and duration.
    fn by_runs(&self, backlog: i64, policy: &Policy) -> String {
        let most = self.most().filter(|most| backlog > *most);
        if let (Some(most), Some(every)) = (most, policy.schedule_seconds) {
            return self.by_limit(backlog, most, every);
        }
        let Some(done) = self.pace.done else {
            return String::new();
        };
        let took = policy.last_finish.zip(self.pace.begun);
        let took = took.map(|(finish, begun)| finish.seconds_since(begun));
        let Some(took) = took.filter(|took| *took >= 0.0) else {
            return String::new();
        };
        if done == 0 {
            return ", the policy's last run compressed none".to_owned();
        }
        let said = format!(
            ", the policy's last run compressed {done} in {} (by the creation times of the compressed chunks)",
            text::duration(took)
        );
        if policy.is_failing() {
            return format!("{said} before it failed");
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "a number of chunks is below 2^53"
        )]
        let left = took * backlog as f64 / done as f64;
        format!(
            "{said}: the next run takes about {} at this rate",
            text::duration(left)
        )
    }

    /// Trend by the policy's maximum number of chunks per run.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a number of chunks is below 2^53"
    )]
    fn by_limit(&self, backlog: i64, most: i64, every: f64) -> String {
        let most_chunks = text::plural(most, "chunk");
        let rate = self.pace.falls_due();
        let due = rate.filter(|rate| *rate > 0.0).map(|rate| {
            format!(
                ", while about {} per day become due (by the chunks' ranges)",
                number(rate * DAY)
            )
        });
        let net = most as f64 - rate.unwrap_or(0.0) * every;
        if net <= 0.0 {
            return format!(
                ", and it never catches up: a run every {} compresses at most {most_chunks} (maxchunks_to_compress){}",
                text::duration(every),
                due.unwrap_or_default()
            );
        }
        let runs = (backlog as f64 / net).ceil();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a float out of range saturates"
        )]
        let many = text::plural(runs as i64, "run");
        format!(
            ", {many} with at most {most_chunks} each (maxchunks_to_compress){}: done in about {}",
            due.unwrap_or_default(),
            text::duration(runs * every)
        )
    }
}

/// Text of a number; below 10 with one decimal.
fn number(number: f64) -> String {
    if number < 10.0 {
        let text = format!("{number:.1}");
        text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
    } else {
        format!("{number:.0}")
    }
}
