//! Moves back a watermark that is in the future. The server recomputes an aggregate's watermark whenever `drop_chunks` is called on the
//! aggregate. So the plan calls `drop_chunks` for a range without chunks, which drops nothing.

use super::facts::{Aggregate, Hierarchy, since};
use super::timeline::{How, Timeline};
use super::window::Window;
use crate::actions::act::{Context, Refusal};
use crate::actions::form::{Field, FieldType, Form, Inputs};
use crate::model::moment::Axis;
use crate::model::plan::{Consent, Lit, Mode, Plan, Statement, Step, Undo};
use crate::model::verdict::Level;
use crate::model::{clock, text};

const DELETE: &str = "delete_future_rows";

#[expect(
    clippy::unnecessary_wraps,
    reason = "all functions that make forms have this type"
)]
pub(super) fn form(_: &Context) -> Result<Form, Refusal> {
    let field = Field::new(DELETE, "Delete future rows", FieldType::Flag, "no").optional();
    Ok(Form::new(vec![field.help(
        "yes: first permanently deletes source rows dated after the present bucket; no: such rows move the watermark into the future again",
    )]))
}

pub(super) fn back(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let facts = Hierarchy::read(context)?;
    if context.at.server.simulated {
        return Err(
            "TimescaleDB is only simulated here, and its watermark cannot be moved back".into(),
        );
    }
    let place = Timeline::of(facts.own()?, context)?;
    let ahead = ahead(&facts, &place)?;
    let deletes = inputs.flag(DELETE);
    let mut steps = Vec::new();
    if deletes {
        steps.push(delete(&place, ahead.cut)?);
    }
    steps.extend(refreshes(context, &place, &ahead)?);
    steps.push(recompute(context, &place));
    let level = place.level;
    let title = format!(
        "Move the watermark of {} back from {}",
        level.name,
        clock::show(place.axis(), ahead.watermark)
    );
    let undo = undo(&place, ahead.cut, deletes);
    let plan = Plan::new(title, steps, undo).note(Level::Notice, "the plan refreshes the future range and calls drop_chunks on an empty range: the server then sets the watermark to the end of the newest bucket");
    let plan = noted(&place, place.touch(context, plan), ahead.cut, deletes);
    Ok(plan.touching(
        level.mat_oid,
        level.mat_name.clone(),
        Mode::ShareUpdateExclusive,
    ))
}

/// A watermark in the future, and the present bucket.
struct Ahead {
    watermark: i64,
    /// Start of the present bucket.
    present: i64,
    /// End of the present bucket.
    cut: i64,
}

/// The watermark in the future. An error if the watermark is not in the future, or if it cannot be moved back yet.
fn ahead(facts: &Hierarchy, place: &Timeline) -> Result<Ahead, Refusal> {
    let level = place.level;
    let present = place.now.at.and_then(|now| place.buckets.floor(now));
    let Some((present, cut)) = present.zip(present.and_then(|at| place.buckets.step(at, 1))) else {
        return Err(format!("\"now\" on {}'s time is unknown", level.name).into());
    };
    let Some(watermark) = level.watermark.filter(|at| *at > cut) else {
        return Err(format!(
            "the watermark of {} is not in the future: the present bucket ends at {}",
            level.name,
            clock::show(place.axis(), cut)
        )
        .into());
    };
    if let Some(parent) = parent_ahead(facts, level, cut) {
        return Err(format!(
            "{} is built on {}, whose own watermark is in the future: first run move-watermark-back {}",
            level.name, parent.name, parent.name
        )
        .into());
    }
    Ok(Ahead {
        watermark,
        present,
        cut,
    })
}

/// Steps that refresh the present bucket and all future buckets, so that no bucket keeps the watermark in the future.
fn refreshes(context: &Context, place: &Timeline, ahead: &Ahead) -> Result<Vec<Step>, Refusal> {
    let mut steps = Vec::new();
    let possible = |at: &i64| clock::literal(place.axis(), *at).is_some();
    let how = |force| How {
        force,
        step_buckets: Some(0),
    };
    // From 2.18 on, only a forced refresh removes buckets whose source chunks were dropped.
    if since(context, 2, 18) {
        let future = Window {
            from: Some(ahead.cut),
            to: Some(ahead.watermark).filter(possible),
        };
        steps.extend(place.steps(context, future, how(true))?);
    }
    // The window starts with the present bucket: its newest rows may not be materialized, although they are below the watermark. The window
    // ends one bucket after the watermark: 2.22 logs one invalidated bucket more than a forced refresh covers.
    let window = Window {
        from: Some(ahead.present),
        to: place.buckets.step(ahead.watermark, 1).filter(possible),
    };
    steps.extend(place.steps(context, window, how(false))?);
    Ok(steps)
}

fn undo(place: &Timeline, cut: i64, deletes: bool) -> Undo {
    let level = place.level;
    if deletes {
        return Undo::Never(format!(
            "the deleted rows of {} do not come back",
            level.source
        ));
    }
    Undo::Partly(format!(
        "a later refresh that finds future rows moves the watermark into the future again; buckets of {} after {} do not come back if their source rows are gone from {}",
        level.name,
        clock::show(place.axis(), cut),
        level.source
    ))
}

/// The aggregate that `level` is built on, if that aggregate's watermark is in the future too.
fn parent_ahead<'a>(facts: &'a Hierarchy, level: &Aggregate, cut: i64) -> Option<&'a Aggregate> {
    let mut levels = facts.levels.iter().filter(|_| level.hierarchical);
    levels.find(|parent| parent.name == level.source && parent.watermark.is_some_and(|at| at > cut))
}

fn delete(place: &Timeline, cut: i64) -> Result<Step, Refusal> {
    let level = place.level;
    let Some(column) = level
        .deleting
        .source_column
        .as_ref()
        .filter(|_| !level.hierarchical)
    else {
        return Err(format!(
            "{DELETE}: {} is itself an aggregate, and only refreshes may delete its rows",
            level.source
        )
        .into());
    };
    if !level.deleting.may_delete {
        return Err(format!(
            "{DELETE}: this role may not DELETE from {} (GRANT DELETE, or connect as its owner)",
            level.source
        )
        .into());
    }
    let at = clock::literal(place.axis(), cut)
        .ok_or_else(|| Refusal::new("the present bucket ends outside the range of timestamps"))?;
    let sql = format!(
        "delete from {} where {column} >= $1::{}",
        level.source,
        place.kind()
    );
    let label = format!(
        "delete the rows of {} from {} on",
        level.source,
        clock::show(place.axis(), cut)
    );
    Ok(Step::new(
        label,
        vec![Statement::new(sql, vec![Lit::Text(at)])],
        Vec::new(),
    ))
}

/// Step that calls `drop_chunks` for a range without chunks: it drops nothing, but makes the server recompute the watermark.
fn recompute(context: &Context, place: &Timeline) -> Step {
    let nowhere = match (place.axis(), place.level.axis.as_str()) {
        (Axis::Integer, "smallint") => "32767",
        (Axis::Integer, "integer") => "2147483647",
        (Axis::Integer, _) => "9223372036854775806",
        _ => "9999-01-01",
    };
    let sql = format!(
        "select count(*) from {}($1::regclass, newer_than => $2::{})",
        context.function("drop_chunks"),
        place.kind()
    );
    let params = vec![Lit::from(place.level.name.clone()), Lit::from(nowhere)];
    let label = format!("set the watermark of {} again", place.level.name);
    Step::new(label, vec![Statement::new(sql, params)], Vec::new())
}

fn noted(place: &Timeline, mut plan: Plan, cut: i64, deletes: bool) -> Plan {
    let level = place.level;
    let show = |at: i64| clock::show(place.axis(), at);
    let future = level.slices.iter().filter(|(_, high, _)| *high > cut);
    let chunks: i64 = future.clone().map(|slice| slice.2).sum();
    let to = future.map(|slice| slice.1).max();
    let reach = to.map_or_else(String::new, |to| {
        format!(
            " ({} with later times, up to {})",
            text::plural(chunks, "chunk"),
            show(to)
        )
    });
    if deletes {
        plan = plan
            .note(
                Level::Critical,
                format!(
                    "DELETES DATA: every row of {} from {} on, for good{reach}",
                    level.source,
                    show(cut)
                ),
            )
            .wanting(Consent::Name)
            .touching(level.source_oid, level.source.clone(), Mode::RowExclusive);
        if !level.deleting.source_triggers.is_empty() {
            let words = format!(
                "triggers of {} may run, with your rights: {}",
                level.source,
                level.deleting.source_triggers.join(", ")
            );
            plan = plan.note(Level::Warning, words);
        }
    } else if !level.hierarchical {
        let words = format!(
            "if {} has rows from {} on{reach}, the refresh materializes them again and the watermark stays: {DELETE} deletes \
             them first",
            level.source,
            show(cut)
        );
        plan = plan.note(Level::Warning, words);
    }
    if !level.children.is_empty() {
        let words = format!(
            "aggregates built on it keep their own watermarks: {}",
            level.children.join(", ")
        );
        plan = plan.note(Level::Notice, words);
    }
    plan
}
