//! The guard against losing data: a refresh deletes the buckets whose source rows are gone.

use super::bucket::Buckets;
use super::clock;
use super::{Facts, Level};
use crate::plans::{Context, Refusal};
use crate::value::Axis;

/// A window on the axis; `None`: open on that side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub from: Option<i64>,
    pub to: Option<i64>,
}

/// Whole buckets that a refresh would delete or make wrong, for their source was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lost {
    /// `None`: from the aggregate's first row on.
    pub from: Option<i64>,
    pub to: i64,
    /// The first row that would go; `None`: this role may not look.
    pub first: Option<i64>,
}

impl Lost {
    fn meets(self, window: Window) -> bool {
        window.from.is_none_or(|from| from < self.to)
            && self
                .from
                .zip(window.to)
                .is_none_or(|(from, to)| from < to)
            && self.first.zip(window.to).is_none_or(|(first, to)| first < to)
    }
}

/// Everything of this aggregate that its source no longer has, oldest first.
pub(super) fn lost(facts: &Facts, level: &Level, buckets: &Buckets, context: &Context) -> Vec<Lost> {
    let dropped = dropped_before(facts, level, context);
    let mut all = Vec::new();
    for hole in &level.holes {
        let (Some(to), from) = (buckets.ceil(hole.high), hole.low.and_then(|low| buckets.floor(low)))
        else {
            continue;
        };
        // A bucket that reaches into the oldest chunk may simply be the first one; where retention drops it is not.
        let whole = hole.first.is_none_or(|first| {
            buckets
                .floor(first)
                .and_then(|start| buckets.step(start, 1))
                .is_none_or(|end| end <= hole.high)
        });
        let cut = hole.low.is_none() && dropped.is_some_and(|dropped| hole.high <= dropped);
        if whole || cut {
            all.push(Lost {
                from,
                to,
                first: hole.first,
            });
        }
    }
    all
}

/// Before this place the retention policy of the source may have dropped something.
fn dropped_before(facts: &Facts, level: &Level, context: &Context) -> Option<i64> {
    let retention = level.source_policies.retention.as_ref()?;
    let now = facts.now(level, context)?;
    clock::back(level.axis(), now, retention.after.as_deref()?)
}

/// What this window would lose, and the nearest beginning that loses nothing.
pub(super) fn check(lost: &[Lost], window: Window) -> Option<(Lost, i64)> {
    let met: Vec<Lost> = lost.iter().copied().filter(|lost| lost.meets(window)).collect();
    let safe = met.iter().map(|lost| lost.to).max()?;
    met.first().map(|first| (*first, safe))
}

/// The parts of a window that lose nothing.
pub(super) fn safe_parts(lost: &[Lost], window: Window) -> Vec<Window> {
    let mut parts = vec![window];
    for lost in lost {
        let mut next = Vec::new();
        for part in parts {
            if !lost.meets(part) {
                next.push(part);
                continue;
            }
            if let Some(from) = lost.from.filter(|at| part.from.is_none_or(|from| from < *at)) {
                next.push(Window {
                    to: Some(from),
                    ..part
                });
            }
            if part.to.is_none_or(|to| lost.to < to) {
                next.push(Window {
                    from: Some(lost.to),
                    ..part
                });
            }
        }
        parts = next;
    }
    parts
}

/// What would be lost, in words.
pub(super) fn explain(level: &Level, lost: Lost) -> String {
    let axis = level.axis();
    let rows = lost.first.map_or_else(
        || "whether the aggregate has rows there, this role may not see".to_owned(),
        |first| format!("{} has rows there from {} on", level.name, clock::show(axis, first)),
    );
    let gone = match lost.from {
        None => format!(
            "{} has no chunk any more before {}",
            level.source,
            clock::show(axis, lost.to)
        ),
        Some(from) => format!(
            "{} has no chunk between {} and {}",
            level.source,
            clock::show(axis, from),
            clock::show(axis, lost.to)
        ),
    };
    format!("{gone}{}; {rows}", by_whom(level))
}

fn by_whom(level: &Level) -> String {
    match &level.source_policies.retention {
        Some(policy) => {
            let after = policy
                .after
                .as_deref()
                .map_or_else(String::new, |after| format!(" after {}", unit(level, after)));
            format!(" (its retention, job {}, drops{after})", policy.id)
        }
        None => " (dropped by hand: it has no retention policy)".to_owned(),
    }
}

fn unit(level: &Level, after: &str) -> String {
    match level.axis() {
        Axis::Integer => format!("{after} units"),
        _ => after.to_owned(),
    }
}

/// The words with which a refresh over lost data is refused.
pub(super) fn refusal(level: &Level, lost: Lost) -> Refusal {
    Refusal::new(format!(
        "{}. A refresh over that deletes those rows for good: nothing can compute them again. To let it happen, set override_data_loss",
        explain(level, lost)
    ))
}
