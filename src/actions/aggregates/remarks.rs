//! Notes on a refresh: its window, other sessions, related aggregates, and the effects of stopping the refresh.

use super::facts::{Hierarchy, Refreshing, since};
use super::timeline::Timeline;
use super::window::Window;
use crate::actions::act::Context;
use crate::model::verdict::Level;
use crate::model::{clock, text};

/// Notes on the window of a refresh.
pub(super) fn remarks(
    place: &Timeline,
    facts: &Hierarchy,
    context: &Context,
    window: Window,
    force: bool,
) -> Vec<(Level, String)> {
    let level = place.level;
    let mut remarks = Vec::new();
    let waits = level
        .pending_from
        .zip(level.pending_to)
        .is_some_and(|(low, high)| {
            window.to.is_none_or(|to| low < to) && window.from.is_none_or(|from| from <= high)
        });
    let new = window
        .to
        .is_none_or(|to| level.refreshed().is_none_or(|at| at < to));
    let old = window.from.is_none_or(|from| {
        level
            .never_before
            .is_some_and(|at| level.axis().is_place(at) && from <= at)
    });
    if !(waits || new || old || force) {
        remarks.push((
            Level::Notice,
            "no change is known in this window: the server will report that the aggregate is up to date"
                .to_owned(),
        ));
    }
    if waits {
        let (low, high) = level.pending_from.zip(level.pending_to).unwrap_or_default();
        remarks.push((
            Level::Notice,
            format!(
                "pending: {}, from {} to {}",
                text::plural(level.pending, "changed range"),
                clock::show(place.axis(), low),
                clock::show(place.axis(), high)
            ),
        ));
    }
    if force {
        remarks.push((
            Level::Notice,
            "force: the whole window is computed again, and WAL is written for all its rows"
                .to_owned(),
        ));
    }
    reach(place, window, &mut remarks);
    remarks.extend(company(place, facts, context));
    remarks
}

/// Warns if the window reaches beyond now, or into a range that was not checked for gaps.
fn reach(place: &Timeline, window: Window, remarks: &mut Vec<(Level, String)>) {
    let level = place.level;
    if let Some(now) = place
        .now
        .at
        .filter(|now| window.to.is_none_or(|to| to > *now))
    {
        remarks.push((
            Level::Warning,
            format!(
                "the window ends after now ({}): the present bucket is materialized too, and rows that arrive in this bucket later wait for another refresh",
                clock::show(place.axis(), now)
            ),
        ));
    }
    if let Some(before) = level
        .unchecked_before
        .filter(|at| window.from.is_none_or(|from| from < *at))
    {
        remarks.push((
            Level::Warning,
            format!(
                "{} has so many gaps that the gaps before {} were not checked: if source rows were dropped there, this refresh deletes the aggregate's rows",
                level.source,
                clock::show(place.axis(), before)
            ),
        ));
    }
}

/// Notes on other sessions, on the source aggregate, on the aggregates built on this one, and on the effects of stopping the refresh.
pub(super) fn company(
    place: &Timeline,
    facts: &Hierarchy,
    context: &Context,
) -> Vec<(Level, String)> {
    let level = place.level;
    let mut remarks = Vec::new();
    if let Some(Refreshing { pid, idle }) = level.refreshing {
        let words = if idle {
            format!(
                "a refresh of {} was cancelled in session {pid}. The session is idle, but the range of its refresh stays reserved: until the session ends, the server refuses every refresh there (55P03). end_stuck_session ends it",
                level.name
            )
        } else {
            format!(
                "session {pid} refreshes {} now: if the windows overlap, the server refuses this refresh (55P03)",
                level.name
            )
        };
        remarks.push((Level::Warning, words));
    }
    if !level.finalized {
        remarks.push((
            Level::Notice,
            format!("{} is of the old format (from before 2.7), which newer TimescaleDB does not support: cagg_migrate converts \
             it", level.name),
        ));
    }
    let parent = facts
        .levels
        .iter()
        .find(|parent| level.hierarchical && parent.name == level.source);
    if let Some(parent) = parent.and_then(|parent| Timeline::of(parent, context).ok())
        && let Ok(Some(window)) = parent.behind()
    {
        remarks.push((
            Level::Notice,
            format!(
                "its source {} is itself late ({}): refresh-hierarchy refreshes the source first",
                level.source,
                parent.show(window)
            ),
        ));
    }
    if !level.children.is_empty() {
        remarks.push((
            Level::Notice,
            format!(
                "after this refresh, the aggregates built on it are late: {}",
                level.children.join(", ")
            ),
        ));
    }
    remarks.push((Level::Ok, stopping(context).to_owned()));
    remarks
}

/// The effects of stopping a refresh, which depend on the version.
pub(super) fn stopping(context: &Context) -> &'static str {
    if since(context, 2, 28) {
        "if it is stopped: finished steps and batches stay; the rest waits for the next refresh"
    } else if since(context, 2, 22) {
        "if it is stopped: finished steps stay; the running step has no visible effect, and the next refresh of its range \
         completes it"
    } else {
        "if it is stopped: finished steps stay; the running step is rolled back, and the next refresh repeats it"
    }
}
