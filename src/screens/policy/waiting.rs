//! Chunks that are overdue only because their policy was changed and has not run since.

use super::changed::Changed;
use super::job::Policy;
use crate::journal::PolicyChange;
use crate::model::moment::Stamp;
use crate::model::text;
use crate::model::thresholds::Limits;

impl Policy {
    /// Takes this user's changes of the policy since its last run from the journal, as one change. `changes`: the most
    /// recent first.
    pub(crate) fn take_changes(&mut self, changes: &[PolicyChange]) {
        let newer = |change: &&PolicyChange| {
            let since = Changed::by_user(change).map(|changed| changed.since);
            let ended = self.last_finish;
            change.job == i64::from(self.job_id)
                && since.is_some_and(|since| ended.is_none_or(|ended| ended < since))
        };
        let mut own = changes.iter().filter(newer);
        let Some(newest) = own.next() else {
            return;
        };
        // Joins changes that follow one another: the older change set the value that the newer change replaced. A change by another user in
        // between breaks the chain.
        let mut oldest = newest;
        while let Some(older) = own.next().filter(|older| older.after == oldest.before) {
            oldest = older;
        }
        if newest.after == oldest.before {
            // The changes cancel each other out, so no chunk became due because of them.
            self.changed = None;
            return;
        }
        let whole = PolicyChange {
            before: oldest.before.clone(),
            ..newest.clone()
        };
        if let Some(mut change) = Changed::by_user(&whole) {
            change.run = self.changed.as_ref().and_then(|changed| changed.run);
            self.changed = Some(change);
        }
    }

    /// Keeps the change from the previous load while the first run after the change is running.
    pub(crate) fn carry(&mut self, before: Option<&Self>) {
        let runs = self.last_finish.is_none() && self.next_start == Some(Stamp::BEFORE_ALL);
        if runs && self.changed.is_none() {
            self.changed = before.and_then(|before| before.changed.clone());
        }
    }

    /// Text saying that overdue chunks wait for the first run after a change of the policy; `None`: they are not overdue, or not only
    /// because of the change.
    pub(crate) fn waits_since_change(
        &self,
        overdue: f64,
        patience: f64,
        limits: &Limits,
        now: Stamp,
    ) -> Option<String> {
        let changed = self.changed.as_ref()?;
        if !self.runs_as_planned(limits, now)
            || overdue <= patience
            || changed.waited(overdue, now) > patience
        {
            return None;
        }
        Some(match &changed.words {
            Some(words) => format!(
                "its policy was changed {} ({words}): the due chunks wait for the next run",
                text::age(changed.since, now)
            ),
            None => {
                "its policy was changed since its last run: the due chunks wait for the next run"
                    .to_owned()
            }
        })
    }

    /// Whether the policy runs as planned: it is scheduled, works, is not late, and its next start is near. If it does not, chunks wait
    /// because of that, and not because of a change of the policy.
    fn runs_as_planned(&self, limits: &Limits, now: Stamp) -> bool {
        self.scheduled
            && !self.is_failing()
            && !self.is_late(limits, now)
            && !self.starts_far(limits, now)
    }

    /// Seconds that the oldest chunk has waited, and this time as text. `due`: seconds since the chunk became due by the present setting.
    /// If this user has shortened `compress_after` or `drop_after`, the chunk may have waited only since that change.
    pub(crate) fn waited(
        &self,
        due: Option<(f64, String)>,
        limits: &Limits,
        now: Stamp,
    ) -> Option<(f64, String)> {
        let (overdue, long) = due?;
        let runs = self.runs_as_planned(limits, now);
        let change = self.changed.as_ref().filter(|_| runs);
        let change = change.and_then(|changed| changed.words.as_ref().zip(Some(changed)));
        let Some((words, changed)) = change.filter(|(_, it)| it.waited(overdue, now) < overdue)
        else {
            return Some((overdue, long));
        };
        let waited = changed.waited(overdue, now);
        let (long, ago) = (
            text::duration(waited.floor()),
            text::age(changed.since, now),
        );
        let long = format!(
            "{long} (its policy was changed {ago}: {words}; chunks that became due by this change wait for the next run)"
        );
        Some((waited, long))
    }
}
