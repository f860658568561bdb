//! Refreshes everything that is late: in one aggregate, or also in the aggregates that it is built on, lowest first.

use super::explain::explain;
use super::facts::Hierarchy;
use super::guard;
use super::refresh::{self, NEEDLESS};
use super::remarks;
use super::timeline::{How, Timeline};
use super::window::Window;
use crate::actions::act::{Context, Refusal};
use crate::actions::form::{Form, Inputs, override_field};
use crate::model::plan::{Plan, Undo};
use crate::model::verdict::Level;
use crate::model::{clock, text};

pub(super) fn form(context: &Context) -> Result<Form, Refusal> {
    let facts = Hierarchy::read(context)?;
    let mut fields = vec![refresh::step_field(), override_field()];
    fields.extend(refresh::stuck_field(&facts));
    Ok(Form::new(fields).paced())
}

pub(super) fn one(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let facts = Hierarchy::read(context)?;
    let place = Timeline::of(facts.own()?, context)?;
    let Some(window) = place.behind()? else {
        return Err(up_to_date(&place));
    };
    let title = format!("Refresh what is late in {}", place.level.name);
    let mut plan = Plan::new(title, Vec::new(), Undo::Needless(NEEDLESS.to_owned()));
    plan = add(&place, context, inputs, plan, window)?;
    if plan.steps.is_empty() {
        return Err(nothing_safe(&place, window));
    }
    for (level, words) in remarks::company(&place, &facts, context) {
        plan = plan.note(level, words);
    }
    finish(&facts, inputs, plan)
}

fn finish(facts: &Hierarchy, inputs: &Inputs, mut plan: Plan) -> Result<Plan, Refusal> {
    refresh::end_stuck(facts, inputs, &mut plan)?;
    plan.pace = inputs.pace();
    Ok(plan)
}

fn up_to_date(place: &Timeline) -> Refusal {
    let level = place.level;
    let to = level.refreshed().map_or_else(String::new, |at| {
        format!(", refreshed to {}", clock::show(place.axis(), at))
    });
    let waits = match level.pending_from {
        Some(from) => format!(
            "the changes from {} on are in the present bucket, or newer than the policy's end_offset. To include them, use refresh-aggregate with to=''",
            clock::show(place.axis(), from)
        ),
        None => "no change waits for a refresh. To refresh a window anyway, use refresh-aggregate"
            .to_owned(),
    };
    Refusal::new(format!(
        "{} is not late by a whole bucket of {}{to}: {waits}",
        level.name,
        text::interval(&place.buckets.text)
    ))
}

fn nothing_safe(place: &Timeline, window: Window) -> Refusal {
    let met = guard::met(&place.lost, window);
    if met.is_empty() {
        return up_to_date(place);
    }
    Refusal::new(format!(
        "all pending changes are in ranges whose source rows are gone: {}. A refresh would delete the aggregate's rows there; to allow it, set override_data_loss",
        explain(place, &met, window)
    ))
}

/// Adds the refresh steps of a window, without the parts that would lose data (unless the user allowed the loss).
fn add(
    place: &Timeline,
    context: &Context,
    inputs: &Inputs,
    mut plan: Plan,
    window: Window,
) -> Result<Plan, Refusal> {
    let level = place.level;
    let how = How {
        force: false,
        step_buckets: inputs.integer("step_buckets"),
    };
    let met = guard::met(&place.lost, window);
    let over = !met.is_empty() && inputs.flag("override_data_loss");
    let parts = if over {
        vec![window]
    } else {
        guard::safe_parts(&place.lost, window)
    };
    for part in parts {
        plan.steps.extend(place.steps(context, part, how)?);
        plan = plan.note(
            Level::Notice,
            format!(
                "{}: {}, {}; only changed buckets are computed again",
                level.name,
                place.show(part),
                place.amount(part)
            ),
        );
    }
    if over {
        plan = refresh::deleting(place, plan, &met, window);
    } else if !met.is_empty() {
        plan = plan.note(
            Level::Warning,
            format!(
                "some ranges are left out, because a refresh there would delete rows that nothing can compute again: {}. With override_data_loss these ranges are refreshed too",
                explain(place, &met, window)
            ),
        );
    }
    let never = level.never_before.filter(|at| level.axis().is_place(*at));
    if let Some(at) = never.filter(|at| level.source_from.is_some_and(|from| from < *at)) {
        plan = plan.note(
            Level::Notice,
            format!(
                "rows before {} stay unmaterialized in {}: refresh-aggregate with an earlier 'from' materializes them",
                clock::show(place.axis(), at + 1),
                level.name
            ),
        );
    }
    Ok(place.touch(context, plan))
}

pub(super) fn hierarchy(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let facts = Hierarchy::read(context)?;
    let own = facts.own()?;
    let title = format!(
        "Refresh {} and what it is built on, from the bottom up",
        own.name
    );
    let mut plan = Plan::new(title, Vec::new(), Undo::Needless(NEEDLESS.to_owned()));
    // The aggregates are refreshed from the bottom up. The range of each starts at the first change in the aggregate or in its source. The
    // range ends at the position up to which the source will be refreshed.
    let (mut below, mut limit): (Option<i64>, Option<i64>) = (None, None);
    for level in &facts.levels {
        let place = Timeline::of(level, context)?;
        let end = limit.map_or_else(|| place.end(), |limit| Ok(place.end()?.min(limit)))?;
        let end = place.buckets.floor(end).unwrap_or(end);
        limit = Some(end.max(level.refreshed().unwrap_or(end)));
        let behind = place.behind()?.and_then(|window| window.from);
        let from = [behind, below]
            .into_iter()
            .flatten()
            .min()
            .and_then(|at| place.buckets.floor(at));
        let Some(from) = from.filter(|from| *from < end) else {
            let words = format!(
                "{} is not late by a whole bucket of {}",
                level.name,
                text::interval(&place.buckets.text)
            );
            plan = plan.note(Level::Ok, words);
            continue;
        };
        let window = Window {
            from: Some(from),
            to: Some(end),
        };
        let before = plan.steps.len();
        plan = add(&place, context, inputs, plan, window)?;
        if plan.steps.len() > before {
            below = Some(from);
        }
    }
    if plan.steps.is_empty() {
        return Err(format!(
            "{} and the aggregates that it is built on are not late by a whole bucket",
            own.name
        )
        .into());
    }
    let plan = plan.note(Level::Ok, remarks::stopping(context));
    finish(&facts, inputs, plan)
}
