//! A change of a policy that no run has followed yet: what it had not the time to do is not overdue.

use serde::{Deserialize, Serialize};

use crate::journal::PolicyChange;
use crate::model::interval::Interval;
use crate::model::moment::Stamp;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    /// It was changed then, or later.
    pub since: Stamp,
    /// Seconds by which chunks fall due earlier than before; `None`: unknown.
    pub earlier: Option<f64>,
    /// The setting with both values, of a change by this console's user.
    pub words: Option<String>,
    /// The end of the last run, if the server records a change (by anyone) since then.
    pub run: Option<Stamp>,
}

impl Changed {
    /// As the server has it: only the end of the last run before it is known.
    pub(crate) fn after_run(last: Option<Stamp>) -> Option<Self> {
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

    /// Seconds for which a chunk that has been due for so long has really waited.
    pub(super) fn waited(&self, overdue: f64, now: Stamp) -> f64 {
        let since = |at: Stamp| overdue.min(now.seconds_since(at).max(0.0));
        if let Some(run) = self.run {
            // Which part of it the last run could have done is not known.
            return since(run);
        }
        let known = since(self.since);
        match self.earlier {
            // It was not tightened: nothing fell due by it.
            Some(earlier) if earlier <= 0.0 => overdue,
            // Under the old setting it was due already.
            Some(earlier) => known.max(overdue - earlier),
            None => known,
        }
    }
}
