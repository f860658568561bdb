//! Which policies of one table work against each other. What is refreshed should not be compressed yet, and what is
//! compressed not dropped yet.

use crate::model::plan::Note;
use crate::model::span::{Now, Span};
use crate::model::text;
use crate::model::verdict::Level;

/// How far back from now a policy works, or from where on it leaves nothing.
pub(crate) struct Reach {
    /// `the refresh policy of w.daily (job 7) goes back 8 days`.
    words: String,
    /// Where that is now on the axis; `None`: not known.
    at: Option<i64>,
    length: f64,
}

/// A job that is there already: its id, and whether it is scheduled.
pub(crate) type There = Option<(i64, bool)>;

impl Reach {
    /// A refresh policy; `None`: it goes back to the beginning.
    pub fn refresh(now: &Now, view: &str, job: There, start: Option<Span>) -> Self {
        let policy = format!("refresh policy of {view}");
        let Some(start) = start else {
            return Self {
                words: format!("{} goes back to the beginning", named(&policy, job)),
                at: Some(i64::MIN),
                length: f64::INFINITY,
            };
        };
        Self::new(now, &policy, job, "goes back", start)
    }

    pub fn compression(now: &Now, job: There, after: Span) -> Self {
        Self::new(now, "compression policy", job, "compresses after", after)
    }

    pub fn retention(now: &Now, job: There, after: Span) -> Self {
        Self::new(now, "retention policy", job, "drops after", after)
    }

    fn new(now: &Now, policy: &str, job: There, does: &str, span: Span) -> Self {
        let length = match span {
            Span::Interval(interval) => interval.to_string(),
            Span::Number(units) => text::count(units),
        };
        Self {
            words: format!("{} {does} {length}", named(policy, job)),
            at: now.less(span),
            length: span.length(),
        }
    }

    /// Whether it lies farther back from now than the other.
    fn passes(&self, other: &Self) -> bool {
        match (self.at, other.at) {
            (Some(at), Some(other)) => at < other,
            _ => self.length > other.length,
        }
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

/// What a refresh still takes in is compressed already.
pub(crate) fn refreshed_when_compressed(refresh: &Reach, compression: &Reach) -> Option<Note> {
    let so = "rows that are still expected there would be in compressed chunks; compress later than that";
    (refresh.passes(compression)).then(|| conflict(refresh, compression, so))
}

/// Chunks go before they are compressed.
pub(crate) fn dropped_before_compressed(retention: &Reach, compression: &Reach) -> Option<Note> {
    let so = "chunks go before they would be compressed";
    (!retention.passes(compression)).then(|| conflict(retention, compression, so))
}

/// Both work on the aggregate itself: what goes is computed again.
pub(crate) fn refreshed_when_dropped(refresh: &Reach, retention: &Reach) -> Option<Note> {
    let so = "refreshes may bring back what was dropped";
    (refresh.passes(retention)).then(|| conflict(retention, refresh, so))
}
