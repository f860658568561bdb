//! Conflicts between the policies of one table. Rows should be refreshed before they are compressed, and compressed
//! before they are dropped.

use super::row_loss::Back;
use crate::model::plan::Note;
use crate::model::span::{Now, Span};
use crate::model::text;
use crate::model::verdict::Level;

/// How far back from now a policy acts: the start of a refresh window, or the age from which chunks are compressed or dropped.
pub(crate) struct Reach {
    /// Text such as `the refresh policy of w.daily (job 7) goes back 8 days`.
    words: String,
    back: Back,
}

/// Id of an existing job, and whether it is scheduled. `None`: a new policy.
pub(crate) type There = Option<(i64, bool)>;

impl Reach {
    /// Reach of a refresh policy. If `start` is `None`, its refresh window has no start.
    pub(crate) fn refresh(now: &Now, view: &str, job: There, start: Option<Span>) -> Self {
        let policy = format!("refresh policy of {view}");
        let Some(start) = start else {
            return Self {
                words: format!("{} goes back to the beginning", named(&policy, job)),
                back: Back::TO_THE_BEGINNING,
            };
        };
        Self::new(now, &policy, job, "goes back", start)
    }

    pub(crate) fn compression(now: &Now, job: There, after: Span) -> Self {
        Self::new(now, "compression policy", job, "compresses after", after)
    }

    pub(crate) fn retention(now: &Now, job: There, after: Span) -> Self {
        Self::new(now, "retention policy", job, "drops after", after)
    }

    fn new(now: &Now, policy: &str, job: There, does: &str, span: Span) -> Self {
        let length = match span {
            Span::Interval(interval) => interval.to_string(),
            Span::Number(units) => text::count(units),
        };
        Self {
            words: format!("{} {does} {length}", named(policy, job)),
            back: Back::of(now, span),
        }
    }

    /// True if this policy reaches farther back from now than `other`.
    fn passes(&self, other: &Self) -> bool {
        self.back.passes(other.back)
    }
}

fn named(policy: &str, job: There) -> String {
    match job {
        None => format!("the {policy}"),
        Some((id, true)) => format!("the {policy} (job {id})"),
        Some((id, false)) => format!("the {policy} (job {id}, paused)"),
    }
}

fn conflict(one: &Reach, other: &Reach, so: &str) -> Note {
    Note {
        level: Level::Warning,
        text: format!("conflict: {}, {}: {so}", one.words, other.words),
    }
}

/// Note if chunks are compressed while their rows are still refreshed.
pub(crate) fn refreshed_when_compressed(refresh: &Reach, compression: &Reach) -> Option<Note> {
    let so =
        "the refresh still expects late rows in chunks that are compressed already; compress later";
    (refresh.passes(compression)).then(|| conflict(refresh, compression, so))
}

/// Note if chunks are dropped before they are compressed.
pub(crate) fn dropped_before_compressed(retention: &Reach, compression: &Reach) -> Option<Note> {
    let so = "chunks are dropped before they are compressed";
    (!retention.passes(compression)).then(|| conflict(retention, compression, so))
}

/// Note if the aggregate's own rows are dropped and then computed again.
pub(crate) fn refreshed_when_dropped(refresh: &Reach, retention: &Reach) -> Option<Note> {
    let so = "refreshes may bring back dropped rows";
    (refresh.passes(retention)).then(|| conflict(retention, refresh, so))
}
