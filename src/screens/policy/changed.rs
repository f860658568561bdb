//! A policy's change since its last run. Chunks that are due only because of the change are not overdue.

use serde::{Deserialize, Serialize};

use crate::journal::PolicyChange;
use crate::model::interval::Interval;
use crate::model::moment::Stamp;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    /// Time of the change, or an earlier time if the time of the change is not known exactly.
    pub(super) since: Stamp,
    /// Seconds by which chunks are due earlier than before the change; `None`: unknown.
    earlier: Option<f64>,
    /// The setting with its values before and after; `None`: the change is not in this user's journal.
    pub(super) words: Option<String>,
    /// End of the last run, if the server knows that the policy was changed after it; `None`: unknown.
    pub(super) run: Option<Stamp>,
}

impl Changed {
    /// A change that the server knows of. The server does not know its time, only that it happened after the end of the last run.
    pub(super) fn after_run(last: Option<Stamp>) -> Option<Self> {
        last.map(|since| Self {
            since,
            earlier: None,
            words: None,
            run: last,
        })
    }

    pub(super) fn by_user(change: &PolicyChange) -> Option<Self> {
        let at: jiff::Timestamp = change.at.parse().ok()?;
        let seconds = |length: &str| Interval::parse(length).ok().map(Interval::seconds);
        let lengths = seconds(&change.before).zip(seconds(&change.after));
        Some(Self {
            since: Stamp(at.as_microsecond()),
            earlier: lengths.map(|(before, after)| before - after),
            words: Some(format!(
                "{} {} -> {}",
                change.setting, change.before, change.after
            )),
            run: None,
        })
    }

    /// Seconds that a chunk has waited since the change. `overdue`: seconds since the chunk became due by the present setting.
    pub(super) fn waited(&self, overdue: f64, now: Stamp) -> f64 {
        let since = |at: Stamp| overdue.min(now.seconds_since(at).max(0.0));
        if let Some(run) = self.run {
            // It is unknown which chunks were already due at the last run, so the wait of each chunk is counted from that run.
            return since(run);
        }
        let known = since(self.since);
        match self.earlier {
            // Chunks are not due earlier than before, so the change does not explain the wait.
            Some(earlier) if earlier <= 0.0 => overdue,
            // A chunk that was due before the change has waited since it became due by the old setting.
            Some(earlier) => known.max(overdue - earlier),
            None => known,
        }
    }
}
