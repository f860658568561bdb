//! Guards against data loss: a refresh deletes buckets whose source rows were dropped.

use super::facts::Aggregate;
use super::window::{Lost, Window};
use crate::actions::act::Context;
use crate::model::bucket::Buckets;
use crate::model::span::Span;

/// The ranges of this aggregate whose source rows were dropped, oldest first.
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
        // The aggregate's first bucket may begin before the source's oldest chunk. Without a retention policy, this does not mean that rows
        // were dropped.
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

/// Position before which the source's retention policy may have dropped rows. `None`: there is no such policy, or "now" is unknown.
fn dropped_before(level: &Aggregate, context: &Context) -> Option<i64> {
    let retention = level.source_policies.retention.as_ref()?;
    let now = level.now(&retention.clock_zone, context.at.now);
    now.less(Span::parse(now.axis, retention.after.as_deref()?)?)
}

/// The lost ranges that overlap this window, oldest first.
pub(super) fn met(lost: &[Lost], window: Window) -> Vec<Lost> {
    lost.iter()
        .copied()
        .filter(|lost| lost.meets(window))
        .collect()
}

/// The parts of a window outside the lost ranges.
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
