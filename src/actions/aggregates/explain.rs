//! Texts about the rows that a refresh would lose.

use super::facts::Aggregate;
use super::timeline::Timeline;
use super::window::{Lost, Window};
use crate::model::moment::Axis;
use crate::model::{clock, text};

/// Text on the first range of the window that would lose rows, on the number of further ranges, and on the buckets that would be deleted.
pub(super) fn explain(place: &Timeline, met: &[Lost], window: Window) -> String {
    let (level, axis) = (place.level, place.axis());
    let Some(first) = met.first() else {
        return format!("nothing of {} is lost", level.name);
    };
    let to = clock::show(axis, first.to);
    let gone = match first.from {
        Some(from) if first.remade => {
            let from = clock::show(axis, from);
            format!(
                "{} has a chunk between {from} and {to} that was created after chunks of later ranges, probably by a late row after the old chunk was dropped; rows of {} in that range may come from source rows that are gone",
                level.source, level.name
            )
        }
        None => format!("{} no longer has a chunk before {to}", level.source),
        Some(from) => {
            let from = clock::show(axis, from);
            format!("{} has no chunk between {from} and {to}", level.source)
        }
    };
    let more = match met.len() {
        1 => String::new(),
        many => format!(", and the number of further gaps is {}", many - 1),
    };
    let rows = match first.first {
        None => "whether the aggregate has rows there is unknown, because reading them would run code of its owner with this role's rights".to_owned(),
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
        most_deleted(place, met, window)
    )
}

/// Text on the maximum number of buckets that a refresh would delete. Some of these buckets may have no rows. Empty text: the number is
/// unknown.
fn most_deleted(place: &Timeline, met: &[Lost], window: Window) -> String {
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
                "; a refresh there would delete up to {} of {}",
                text::plural(all, "bucket"),
                text::interval(&buckets.text)
            )
        })
}

fn by_whom(level: &Aggregate) -> String {
    match &level.source_policies.retention {
        Some(policy) => {
            let after = policy.after.as_deref().map_or_else(String::new, |after| {
                format!(" after {}", unit(level, after))
            });
            format!(
                " (its retention policy, job {}, drops chunks{after})",
                policy.id
            )
        }
        None => {
            " (it has no retention policy now; what dropped its chunks is not known)".to_owned()
        }
    }
}

fn unit(level: &Aggregate, after: &str) -> String {
    match level.axis() {
        Axis::Integer => format!("{after} units"),
        _ => after.to_owned(),
    }
}
