//! Refreshes a window that the user chose, in whole buckets, and guards against data loss.

use super::explain::explain;
use super::facts::{Hierarchy, since};
use super::guard;
use super::remarks::remarks;
use super::timeline::{How, Timeline};
use super::window::{Lost, Window};
use crate::actions::act::{Context, Refusal};
use crate::actions::form::{Field, FieldType, Form, Inputs, override_field};
use crate::model::moment::Axis;
use crate::model::plan::{Consent, Lit, Plan, Statement, Step, Undo};
use crate::model::verdict::Level;
use crate::model::{clock, text};

pub(super) const NEEDLESS: &str = "a refresh only brings the aggregate up to date with its source";

pub(super) fn form(context: &Context) -> Result<Form, Refusal> {
    let facts = Hierarchy::read(context)?;
    let place = Timeline::of(facts.own()?, context)?;
    let window = suggested(&place);
    let axis = place.axis();
    let text = |at: Option<i64>| {
        let literal = at
            .and_then(|at| clock::literal(axis, at))
            .unwrap_or_default();
        literal.trim_end_matches("+00").to_owned()
    };
    let how = match axis {
        Axis::TimestampTz => "a time (UTC unless it has an offset), 3 days ago, now",
        Axis::Integer => "a number",
        _ => "a time, 3 days ago, now",
    };
    let kind = FieldType::Time(axis);
    let mut fields = vec![
        Field::new("from", "From", kind.clone(), text(window.from))
            .optional()
            .help(format!("{how}; empty: from the beginning")),
        Field::new("to", "To (not included)", kind, text(window.to))
            .optional()
            .help(format!(
                "{how}; empty: no limit, so the present bucket is included"
            )),
    ];
    if since(context, 2, 18) {
        fields.push(
            Field::new("force", "Force", FieldType::Flag, "no")
                .optional()
                .help("yes: computes the whole window again, even where no change is recorded"),
        );
    }
    fields.extend([step_field(), override_field()]);
    fields.extend(stuck_field(&facts));
    Ok(Form::new(fields).paced())
}

pub(super) fn step_field() -> Field {
    Field::new("step_buckets", "Buckets per step", FieldType::Integer, "")
        .optional()
        .help("each step is a transaction of its own; empty: about 24 chunks of the source; 0: all at once")
}

/// Default window: the newest part of the late range in which a refresh loses no data, or else the last two buckets.
fn suggested(place: &Timeline) -> Window {
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

/// Field to end an idle session whose cancelled refresh blocks other refreshes. `None`: there is no such session.
pub(super) fn stuck_field(facts: &Hierarchy) -> Option<Field> {
    let stuck = facts.stuck()?;
    let field = Field::new("end_stuck_session", "End session", FieldType::Flag, "no").optional();
    Some(field.help(format!(
        "yes: first terminates session {}, whose cancelled refresh blocks other refreshes",
        stuck.pid
    )))
}

/// If the user asked for it, adds a first step that terminates the idle session whose cancelled refresh blocks other refreshes. The step's
/// statement checks again that the session is idle and blocks them.
pub(super) fn end_stuck(
    facts: &Hierarchy,
    inputs: &Inputs,
    plan: &mut Plan,
) -> Result<(), Refusal> {
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
    let facts = Hierarchy::read(context)?;
    let place = Timeline::of(facts.own()?, context)?;
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
        "; only changed buckets are computed again"
    };
    plan = plan.note(Level::Notice, format!("{}{only}", place.amount(window)));
    if window != asked {
        plan = plan.note(
            Level::Notice,
            format!(
                "the window, aligned to whole buckets of {}: {} (a refresh skips partial buckets)",
                text::interval(&place.buckets.text),
                place.show(window)
            ),
        );
    }
    for (level, words) in remarks(&place, &facts, context, window, how.force) {
        plan = plan.note(level, words);
    }
    plan = place.touch(context, plan);
    end_stuck(&facts, inputs, &mut plan)?;
    plan.pace = inputs.pace();
    Ok(plan)
}

/// The typed window, as positions in the aggregate's time dimension.
fn asked(place: &Timeline, inputs: &Inputs) -> Result<Window, Refusal> {
    let typed = |name: &str| {
        inputs
            .text(name)
            .map(|text| clock::parse(place.axis(), text, place.now.at))
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

/// Marks the plan as irreversible, because it deletes rows that cannot be computed again.
pub(super) fn deleting(place: &Timeline, mut plan: Plan, met: &[Lost], window: Window) -> Plan {
    let level = place.level;
    plan.undo = Undo::Never(format!(
        "this refresh deletes the rows of {} whose source is gone, and nothing can compute them again",
        level.name
    ));
    plan = plan.wanting(Consent::Name).note(
        Level::Critical,
        format!(
            "DELETES DATA: {}; override_data_loss is set, so this refresh deletes these rows",
            explain(place, met, window)
        ),
    );
    if level.children.is_empty() {
        return plan;
    }
    let words = format!(
        "aggregates built on it lose the same ranges at their next refresh: {}",
        level.children.join(", ")
    );
    plan.note(Level::Critical, words)
}

fn aligned(place: &Timeline, asked: Window) -> Result<Window, Refusal> {
    let beyond = || Refusal::new("the window is outside the range of timestamps");
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
        "the window contains no whole bucket of {}, and a refresh only computes whole buckets",
        text::interval(&place.buckets.text)
    ));
    // The window contains no whole bucket. So the refusal offers the bucket in which the window begins.
    if let Some(start) = asked.from.and_then(|at| place.buckets.floor(at))
        && let Some(end) = place.buckets.step(start, 1)
        && let Some(set) = settings(place, Some(start), Some(end))
    {
        refusal = refusal.offering("Use the whole bucket in which the window begins", set);
    }
    Err(refusal)
}

fn settings(
    place: &Timeline,
    from: Option<i64>,
    to: Option<i64>,
) -> Option<Vec<(&'static str, String)>> {
    let text = |at: Option<i64>| match at {
        None => Some(String::new()),
        Some(at) => clock::typed(place.axis(), at),
    };
    Some(vec![("from", text(from)?), ("to", text(to)?)])
}

fn refused(place: &Timeline, met: &[Lost], window: Window) -> Refusal {
    let refusal = Refusal::new(format!(
        "{}. A refresh there deletes the aggregate's rows for good. To allow it, set override_data_loss",
        explain(place, met, window)
    ));
    let rest = guard::safe_parts(&place.lost, window).pop();
    match rest.and_then(|part| settings(place, part.from, part.to)) {
        Some(set) => refusal.offering(
            "Refresh only the newest range that the source still has",
            set,
        ),
        None => refusal,
    }
}
