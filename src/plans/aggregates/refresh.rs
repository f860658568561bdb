//! Refreshing a window that a person chose, in whole buckets, with the guard against losing data.

use super::guard::{self, Lost, Window};
use super::place::{How, Place};
use super::{Facts, Refreshing, clock, since};
use crate::form::{Field, Form, Inputs, Kind};
use crate::plan::{Consent, Lit, Plan, Statement, Step, Undo};
use crate::plans::{Context, Refusal};
use crate::value::Axis;
use crate::verdict::Level as Weight;

pub(super) const NEEDLESS: &str =
    "a refresh only brings the aggregate up to its source; what it replaces can be computed again";

pub(super) fn form(context: &Context) -> Result<Form, Refusal> {
    let facts = Facts::read(context)?;
    let place = Place::of(&facts, facts.own()?, context)?;
    let window = suggested(&place);
    let axis = place.axis();
    let text = |at: Option<i64>| {
        let literal = at
            .and_then(|at| clock::literal(axis, at))
            .unwrap_or_default();
        literal.trim_end_matches("+00").to_owned()
    };
    let how = match axis {
        Axis::TimestampTz => "a moment (UTC, unless it says otherwise), 3 days ago, now",
        Axis::Integer => "a number",
        _ => "a moment, 3 days ago, now",
    };
    let kind = Kind::Time(axis);
    let mut fields = vec![
        Field::new("from", "From", kind.clone(), text(window.from))
            .optional()
            .help(format!("{how}; empty: from the beginning")),
        Field::new("to", "To (not included)", kind, text(window.to))
            .optional()
            .help(format!(
                "{how}; empty: to the end, with the bucket that is not over yet"
            )),
    ];
    if since(context, 2, 18) {
        fields.push(
            Field::new("force", "Force", Kind::Flag, "no")
                .optional()
                .help(
                    "compute the whole window again, also where nothing is known to have changed",
                ),
        );
    }
    fields.extend([step_field(), override_field()]);
    fields.extend(stuck_field(&facts));
    Ok(Form::new(fields).paced())
}

pub(super) fn step_field() -> Field {
    Field::new("step_buckets", "Buckets a step", Kind::Integer, "")
        .optional()
        .help("each step is a transaction of its own; empty: about 24 chunks of the source; 0: all at once")
}

pub(super) fn override_field() -> Field {
    Field::new("override_data_loss", "Lose data", Kind::Flag, "no")
        .optional()
        .help("yes: also where the source was dropped, which deletes the aggregate's rows there for good")
}

/// What is behind, or the last two buckets; nothing where neither can be told.
fn suggested(place: &Place) -> Window {
    if let Ok(Some(window)) = place.behind()
        && let Some(part) = guard::safe_parts(&place.lost, window).pop()
    {
        return part;
    }
    let to = place.end().ok();
    Window {
        from: to.and_then(|to| place.buckets.step(to, -2)),
        to,
    }
}

/// Only where a cancelled refresh has left its range in a session that is idle now.
pub(super) fn stuck_field(facts: &Facts) -> Option<Field> {
    let stuck = facts.stuck()?;
    let field = Field::new("end_stuck_session", "End session", Kind::Flag, "no").optional();
    Some(field.help(format!(
        "yes: ends session {} first, whose cancelled refresh keeps others out",
        stuck.pid
    )))
}

/// Puts the end of such a session before everything else; what it does is decided on the server, when it runs.
pub(super) fn end_stuck(facts: &Facts, inputs: &Inputs, plan: &mut Plan) -> Result<(), Refusal> {
    let Some(stuck) = facts.stuck() else {
        return Ok(());
    };
    if !inputs.flag("end_stuck_session") {
        return Ok(());
    }
    let ids: Vec<i64> = facts.levels.iter().map(|level| level.id).collect();
    let ids = serde_json::to_string(&ids).map_err(|error| Refusal::new(error.to_string()))?;
    let end = Statement::new(
        "select pg_terminate_backend(r.pid, 5000) from _timescaledb_catalog.continuous_aggs_jobs_refresh_ranges r \
         join pg_stat_activity v on v.pid = r.pid where v.state like 'idle%' and r.pid = $1::int \
         and $2::jsonb @> to_jsonb(r.materialization_id)",
        vec![Lit::Int(stuck.pid), Lit::Text(ids)],
    );
    let label = format!("end session {}, whose refresh was cancelled", stuck.pid);
    plan.steps
        .insert(0, Step::new(label, vec![end], Vec::new()));
    plan.consent = plan.consent.max(Consent::Yes);
    Ok(())
}

pub(super) fn window(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let facts = Facts::read(context)?;
    let place = Place::of(&facts, facts.own()?, context)?;
    let level = place.level;
    let asked = asked(&place, inputs)?;
    let window = aligned(&place, asked)?;
    let met = guard::met(&place.lost, window);
    let over = !met.is_empty() && inputs.flag("override_data_loss");
    if !met.is_empty() && !over {
        return Err(refused(&place, &met, window));
    }
    let how = How {
        force: inputs.flag("force"),
        step_buckets: inputs.integer("step_buckets"),
    };
    let title = format!("Refresh {}, {}", level.name, place.show(window));
    let steps = place.steps(context, window, how)?;
    let mut plan = Plan::new(title, steps, Undo::Needless(NEEDLESS.to_owned()));
    if over {
        plan = deleting(&place, plan, &met, window);
    }
    let only = if how.force {
        ""
    } else {
        "; only what changed there is computed again"
    };
    plan = plan.note(Weight::Notice, format!("{}{only}", place.amount(window)));
    if window != asked {
        plan = plan.note(
            Weight::Notice,
            format!(
                "aligned to whole buckets of {}: {} (a refresh leaves out what is cut)",
                place.buckets.text,
                place.show(window)
            ),
        );
    }
    for (weight, words) in remarks(&place, &facts, context, window, how.force) {
        plan = plan.note(weight, words);
    }
    plan = place.touch(context, plan);
    end_stuck(&facts, inputs, &mut plan)?;
    plan.pace = inputs.pace();
    Ok(plan)
}

/// What was typed, on the aggregate's axis.
fn asked(place: &Place, inputs: &Inputs) -> Result<Window, Refusal> {
    let typed = |name: &str| {
        inputs
            .text(name)
            .map(|text| clock::parse(place.axis(), text, place.now))
            .transpose()
            .map_err(|error| Refusal::new(format!("{name}: {error}")))
    };
    let window = Window {
        from: typed("from")?,
        to: typed("to")?,
    };
    let backwards = window
        .from
        .zip(window.to)
        .is_some_and(|(from, to)| from >= to);
    if backwards {
        return Err("the window ends before it begins: from must be earlier than to".into());
    }
    Ok(window)
}

/// The plan, turned into one that deletes data and says so.
pub(super) fn deleting(place: &Place, mut plan: Plan, met: &[Lost], window: Window) -> Plan {
    let level = place.level;
    plan.undo = Undo::Never(format!(
        "the rows of {} whose source is gone go with this refresh, and nothing can compute them again",
        level.name
    ));
    plan = plan.wanting(Consent::Name).note(
        Weight::Critical,
        format!(
            "DELETES DATA: {}; this refresh removes them",
            guard::explain(place, met, window)
        ),
    );
    if level.children.is_empty() {
        return plan;
    }
    let words = format!(
        "aggregates built on it lose the same at their next refresh: {}",
        level.children.join(", ")
    );
    plan.note(Weight::Critical, words)
}

fn aligned(place: &Place, asked: Window) -> Result<Window, Refusal> {
    let beyond = || Refusal::new("the window is beyond what a calendar has");
    let window = Window {
        from: asked
            .from
            .map(|at| place.buckets.ceil(at).ok_or_else(beyond))
            .transpose()?,
        to: asked
            .to
            .map(|at| place.buckets.floor(at).ok_or_else(beyond))
            .transpose()?,
    };
    let (Some(from), Some(to)) = (window.from, window.to) else {
        return Ok(window);
    };
    if from < to {
        return Ok(window);
    }
    let mut refusal = Refusal::new(format!(
        "the window holds no whole bucket of {}: a refresh takes whole buckets only",
        place.buckets.text
    ));
    // The bucket that was meant.
    if let Some(start) = asked.from.and_then(|at| place.buckets.floor(at))
        && let Some(end) = place.buckets.step(start, 1)
        && let Some(set) = settings(place, Some(start), Some(end))
    {
        refusal = refusal.offering("Take the bucket that it begins in", set);
    }
    Err(refusal)
}

fn settings(
    place: &Place,
    from: Option<i64>,
    to: Option<i64>,
) -> Option<Vec<(&'static str, String)>> {
    let text = |at: Option<i64>| match at {
        None => Some(String::new()),
        Some(at) => {
            clock::literal(place.axis(), at).map(|text| text.trim_end_matches("+00").to_owned())
        }
    };
    Some(vec![("from", text(from)?), ("to", text(to)?)])
}

fn refused(place: &Place, met: &[Lost], window: Window) -> Refusal {
    let refusal = Refusal::new(format!(
        "{}. A refresh over that deletes those rows for good: nothing can compute them again. To let it happen, set override_data_loss",
        guard::explain(place, met, window)
    ));
    let rest = guard::safe_parts(&place.lost, window).pop();
    match rest.and_then(|part| settings(place, part.from, part.to)) {
        Some(set) => refusal.offering("Refresh only what the source still has", set),
        None => refusal,
    }
}

/// What else there is to know of a window.
fn remarks(
    place: &Place,
    facts: &Facts,
    context: &Context,
    window: Window,
    force: bool,
) -> Vec<(Weight, String)> {
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
            .is_some_and(|at| level.is_place(at) && from <= at)
    });
    if !(waits || new || old || force) {
        remarks.push((
            Weight::Notice,
            "nothing is known to wait in this window: the server will say that it is up to date"
                .to_owned(),
        ));
    }
    if force {
        remarks.push((
            Weight::Notice,
            "force: the whole window is computed again, with the WAL of all its rows".to_owned(),
        ));
    }
    if let Some(now) = place.now.filter(|now| window.to.is_none_or(|to| to > *now)) {
        remarks.push((
            Weight::Warning,
            format!(
                "it reaches beyond now ({}): the bucket that is not over is computed as it is, and every later row there waits for another refresh",
                clock::show(place.axis(), now)
            ),
        ));
    }
    if let Some(before) = level
        .unchecked_before
        .filter(|at| window.from.is_none_or(|from| from < *at))
    {
        remarks.push((
            Weight::Warning,
            format!(
                "{} has so many gaps that those before {} were not looked at: rows whose source was dropped there would be deleted",
                level.source,
                clock::show(place.axis(), before)
            ),
        ));
    }
    remarks.extend(company(place, facts, context));
    remarks
}

/// Who else is about: sessions, parents, children, and what stopping would leave.
pub(super) fn company(place: &Place, facts: &Facts, context: &Context) -> Vec<(Weight, String)> {
    let level = place.level;
    let mut remarks = Vec::new();
    if let Some(Refreshing { pid, idle }) = level.refreshing {
        let words = if idle {
            format!(
                "a refresh of {} was cancelled in session {pid}, which is idle and keeps its range: the server refuses every refresh there (55P03) until that session ends (end_stuck_session)",
                level.name
            )
        } else {
            format!(
                "session {pid} refreshes {} now: where the windows meet, the server refuses this one (55P03)",
                level.name
            )
        };
        remarks.push((Weight::Warning, words));
    }
    if !level.finalized {
        remarks.push((
            Weight::Notice,
            format!("{} is of the old format (from before 2.7), which newer TimescaleDB does not keep: cagg_migrate makes it new", level.name),
        ));
    }
    let parent = facts
        .levels
        .iter()
        .find(|parent| level.hierarchical && parent.name == level.source);
    if let Some(parent) = parent.and_then(|parent| Place::of(facts, parent, context).ok())
        && let Ok(Some(window)) = parent.behind()
    {
        remarks.push((
            Weight::Notice,
            format!(
                "its source {} is itself behind ({}): refresh-hierarchy takes that first",
                level.source,
                parent.show(window)
            ),
        ));
    }
    if !level.children.is_empty() {
        remarks.push((
            Weight::Notice,
            format!(
                "built on it, and then behind: {}",
                level.children.join(", ")
            ),
        ));
    }
    remarks.push((Weight::Ok, stopping(context).to_owned()));
    remarks
}

/// What a refresh leaves that is stopped half-way, which differs by version.
pub(super) fn stopping(context: &Context) -> &'static str {
    if since(context, 2, 28) {
        "stopped half-way: the steps and batches that are done stay, the rest waits for the next refresh"
    } else if since(context, 2, 22) {
        "stopped half-way: the steps that are done stay; of the one under way nothing shows, and the next refresh over it finishes the work"
    } else {
        "stopped half-way: the steps that are done stay; of the one under way nothing is left, and the next refresh does it again"
    }
}
