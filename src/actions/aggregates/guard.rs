//! The guard against losing data: a refresh deletes the buckets whose source rows are gone.

use super::Aggregate;
use super::place::Place;
use crate::actions::act::Context;
use crate::model::bucket::Buckets;
use crate::model::moment::Axis;
use crate::model::{clock, text};

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
    /// The source has rows there, but perhaps not those that it had.
    pub remade: bool,
}

impl Lost {
    fn meets(self, window: Window) -> bool {
        window.from.is_none_or(|from| from < self.to)
            && self.from.zip(window.to).is_none_or(|(from, to)| from < to)
            && self
                .first
                .zip(window.to)
                .is_none_or(|(first, to)| first < to)
    }
}

/// Everything of this aggregate that its source no longer has, oldest first.
pub(super) fn lost(level: &Aggregate, buckets: &Buckets, context: &Context) -> Vec<Lost> {
    let dropped = dropped_before(level, context);
    let mut all = Vec::new();
    for hole in &level.holes {
        let (Some(to), from) = (
            buckets.ceil(hole.high),
            hole.low.and_then(|low| buckets.floor(low)),
        ) else {
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
        if whole || cut || hole.remade {
            all.push(Lost {
                from,
                to,
                first: hole.first,
                remade: hole.remade,
            });
        }
    }
    all
}

/// Before this place the retention policy of the source may have dropped something.
fn dropped_before(level: &Aggregate, context: &Context) -> Option<i64> {
    let retention = level.source_policies.retention.as_ref()?;
    let zone = &retention.clock_zone;
    let now = level.now(zone, context)?;
    let after = retention.after.as_deref()?;
    clock::back(level.axis(), now, after, Some(zone))
}

/// What this window would lose, oldest first.
pub(super) fn met(lost: &[Lost], window: Window) -> Vec<Lost> {
    lost.iter()
        .copied()
        .filter(|lost| lost.meets(window))
        .collect()
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
            if let Some(from) = lost
                .from
                .filter(|at| part.from.is_none_or(|from| from < *at))
            {
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

/// What the window would lose, in words: which range, and how many buckets.
pub(super) fn explain(place: &Place, met: &[Lost], window: Window) -> String {
    let (level, axis) = (place.level, place.axis());
    let Some(first) = met.first() else {
        return format!("nothing of {} is lost", level.name);
    };
    let to = clock::show(axis, first.to);
    let gone = match first.from {
        Some(from) if first.remade => {
            let from = clock::show(axis, from);
            format!(
                "{} has a chunk between {from} and {to} that was made after newer ones, as where a late row makes a chunk again that was dropped; what {} has there may come from rows that are gone",
                level.source, level.name
            )
        }
        None => format!("{} has no chunk any more before {to}", level.source),
        Some(from) => {
            let from = clock::show(axis, from);
            format!("{} has no chunk between {from} and {to}", level.source)
        }
    };
    let more = match met.len() {
        1 => String::new(),
        many => format!(", and {} more such gaps", many - 1),
    };
    let rows = match first.first {
        None => "whether the aggregate has rows there, this role may not see, or not without running its owner's code".to_owned(),
        Some(row) => {
            let row = clock::show(axis, row);
            format!("{} has rows there from {row} on", level.name)
        }
    };
    format!(
        "{gone}{}{more}; {rows}{}",
        if first.remade {
            String::new()
        } else {
            by_whom(level)
        },
        wiped(place, met, window)
    )
}

/// How many buckets would go at most: some of them may hold no row.
fn wiped(place: &Place, met: &[Lost], window: Window) -> String {
    let buckets = &place.buckets;
    let count = |lost: &Lost| {
        let first = lost.first.and_then(|at| buckets.floor(at));
        let from = [first, lost.from, window.from]
            .into_iter()
            .flatten()
            .max()?;
        let to = window.to.map_or(lost.to, |to| to.min(lost.to));
        buckets.between(from, to)
    };
    met.iter()
        .map(count)
        .sum::<Option<i64>>()
        .map_or_else(String::new, |all| {
            format!(
                ": up to {} of {} would be wiped",
                text::plural(all, "bucket"),
                buckets.text
            )
        })
}

fn by_whom(level: &Aggregate) -> String {
    match &level.source_policies.retention {
        Some(policy) => {
            let after = policy.after.as_deref().map_or_else(String::new, |after| {
                format!(" after {}", unit(level, after))
            });
            format!(" (its retention, job {}, drops{after})", policy.id)
        }
        None => " (dropped by hand: it has no retention policy)".to_owned(),
    }
}

fn unit(level: &Aggregate, after: &str) -> String {
    match level.axis() {
        Axis::Integer => format!("{after} units"),
        _ => after.to_owned(),
    }
}
