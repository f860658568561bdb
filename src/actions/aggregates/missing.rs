//! Finds source rows that no run of a refresh policy would reach. When a policy is added, the plan can refresh them first. When a policy is
//! edited, a note names the command that refreshes them.

use super::explain::explain;
use super::guard;
use super::refresh;
use super::timeline::{How, Timeline};
use super::what_if::Setting;
use super::window::Window;
use crate::actions::act::{Context, Refusal};
use crate::actions::form::{Field, FieldType, Inputs};
use crate::model::clock;
use crate::model::plan::{Plan, Step};
use crate::model::verdict::Level;

const FIELD: &str = "refresh_missing";

pub(super) fn field() -> Field {
    Field::new(FIELD, "Refresh first", FieldType::Flag, "no")
        .optional()
        .help("yes: before the policy is added, refreshes the pending ranges that its runs would never reach")
}

/// Range of whole buckets before `edge` that contains all source rows which were never refreshed, or have changed since their last refresh.
/// `None`: there are no such rows.
fn before(place: &Timeline, edge: i64) -> Option<Window> {
    let level = place.level;
    let start = level.source_from?;
    let end = level.source_to?.min(edge);
    let from_start = |at: i64| at.max(start);
    let never = level.never_before.filter(|at| level.axis().is_place(*at));
    let mut all = match level.refreshed() {
        None => vec![(start, edge)],
        Some(tail) => vec![(from_start(tail), edge)],
    };
    all.extend(never.map(|never| (start, never.saturating_add(1))));
    let waits = level.pending_from.zip(level.pending_to);
    all.extend(waits.map(|(low, high)| (from_start(low), high.saturating_add(1))));
    let inside = |(from, to): &(i64, i64)| *from < end && start < *to;
    let all: Vec<_> = all.into_iter().filter(inside).collect();
    let from = all.iter().map(|(from, _)| *from).min()?;
    let to = all.iter().map(|(_, to)| (*to).min(edge)).max()?;
    let window = Window {
        from: place.buckets.floor(from),
        to: place.buckets.ceil(to),
    };
    let (from, to) = window.from.zip(window.to)?;
    (from < to).then_some(window)
}

/// Range that the policies will never refresh under this setting. `adds`: the setting is for an additional policy. `None`: there is no such
/// range, or "now" is unknown.
fn of(place: &Timeline, new: &Setting, adds: bool) -> Option<Window> {
    let mut edge = new.window(place)?.from?;
    for job in place.level.jobs.iter().filter(|_| adds) {
        edge = edge.min(Setting::of(job).window(place)?.from?);
    }
    before(place, edge)
}

/// Adds a refresh of the range that the policies never reach, if the form asks for it. Otherwise adds a note that says how to refresh it.
pub(super) fn add(
    context: &Context,
    place: &Timeline,
    inputs: &Inputs,
    mut plan: Plan,
    new: &Setting,
    adds: bool,
) -> Result<Plan, Refusal> {
    let Some(window) = of(place, new, adds) else {
        return Ok(plan);
    };
    let met = guard::met(&place.lost, window);
    let parts = guard::safe_parts(&place.lost, window);
    if !met.is_empty() {
        let words = format!(
            "some missing buckets can no longer be refreshed: {}",
            explain(place, &met, window)
        );
        plan = plan.note(Level::Warning, words);
    }
    if parts.is_empty() {
        return Ok(plan);
    }
    let shown: Vec<_> = parts.iter().map(|part| place.show(*part)).collect();
    let shown = shown.join(", ");
    if adds && inputs.flag(FIELD) {
        let first = format!(
            "first refreshes a range that no run would reach: {shown}, {}; {}",
            place.amount(window),
            refresh::NEEDLESS
        );
        plan.steps.splice(0..0, refreshes(context, place, parts)?);
        return Ok(place.touch(context, plan.note(Level::Notice, first)));
    }
    let by = if adds {
        format!("{FIELD}=yes refreshes them first")
    } else {
        by_hand(place, &parts)
    };
    let (source, name) = (&place.level.source, &place.level.name);
    Ok(plan.note(
        Level::Warning,
        format!(
            "rows of {source} from {shown} stay missing in {name}, because no run reaches them: {by}"
        ),
    ))
}

fn refreshes(
    context: &Context,
    place: &Timeline,
    parts: Vec<Window>,
) -> Result<Vec<Step>, Refusal> {
    let how = How {
        force: false,
        step_buckets: None,
    };
    let mut steps = Vec::new();
    for part in parts {
        steps.extend(place.steps(context, part, how)?);
    }
    Ok(steps)
}

/// Text with the command that refreshes everything from the first to the last of these parts.
fn by_hand(place: &Timeline, parts: &[Window]) -> String {
    let typed = |at: Option<i64>| {
        at.and_then(|at| clock::typed(place.axis(), at))
            .unwrap_or_default()
    };
    let from = typed(parts.first().and_then(|part| part.from));
    let to = typed(parts.last().and_then(|part| part.to));
    format!(
        "refresh-aggregate {} from='{from}' to='{to}' refreshes them",
        place.level.name
    )
}
