//! Drops chunks now: exactly the chunks in the preview, or none.

use crate::actions::act::{Context, Refusal};
use crate::actions::form::{Field, FieldType, Form, Inputs};
use crate::actions::policy::rule::{AgeRule, Cut};
use crate::model::moment::{Axis, Point, Stamp};
use crate::model::plan::{Mode, Plan, Statement, Step, Undo};
use crate::model::span::Span;
use crate::model::text;
use crate::model::verdict::Level;

use super::clash;
use super::dropped::Dropped;
use super::facts::{AgedChunk, Retention};
use super::rule::{no_clock, usable};
use super::whatif;

pub(super) fn form(context: &Context) -> Result<Form, Refusal> {
    let facts = Retention::read(context)?;
    let has = facts.setting("policy_retention", "drop_after");
    let has = has.map_or_else(String::new, Span::typed);
    let axis = facts.axis();
    Ok(Form::new(vec![
        Field::span("drop_after", "Older than", axis, has)
            .optional()
            .help(
                "drops the chunks that a policy with this drop_after would drop now; default: the policy's drop_after",
            ),
        Field::new("before", "or before", FieldType::Time(axis), "")
            .optional()
            .help("instead of drop_after: chunks that end at or before this time"),
        Field::new(
            "chunks_per_step",
            "Chunks in one step",
            FieldType::Integer,
            most(&facts).min(100).to_string(),
        )
        .help("each step is one transaction, which locks all of its chunks at once"),
    ])
    .paced())
}

/// Number of locks that the drop of a chunk takes: on its table, indexes and TOAST, and on the relations with its compressed rows.
fn locks_per_chunk(facts: &Retention) -> i64 {
    let companion = facts.chunks.iter().any(|chunk| chunk.companion.is_some());
    1 + facts.indexes + 2 + if companion { 5 } else { 0 }
}

/// Number of chunks whose drop takes at most a quarter of the lock table.
fn most(facts: &Retention) -> i64 {
    (facts.lock_slots / 4 / locks_per_chunk(facts)).max(1)
}

pub(super) fn plan(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let facts = Retention::read(context)?;
    let (cut, words) = cut(context, &facts, inputs)?;
    let going = Dropped::of(&facts, cut);
    if going.chunks.is_empty() {
        let frozen = if going.frozen > 0 {
            format!(" except frozen chunks ({})", going.frozen)
        } else {
            String::new()
        };
        let oldest = facts.chunks.first().map_or_else(
            || "it has no chunk at all".to_owned(),
            |oldest| format!("its oldest chunk ends at {}", facts.at(oldest.end)),
        );
        return Err(format!("{} has no chunk {words}{frozen}: {oldest}", facts.relation).into());
    }
    let per_step = inputs
        .integer("chunks_per_step")
        .filter(|number| *number > 0)
        .ok_or("chunks_per_step must be 1 or more")?;
    let steps = steps(
        context,
        &facts,
        &going,
        usize::try_from(per_step).unwrap_or(usize::MAX),
    )?;
    let title = format!(
        "Drop {} of {} {words}",
        text::plural(going.count(), "chunk"),
        facts.relation
    );
    let undo = Undo::Never("dropped chunks can only be restored from a backup".to_owned());
    let mut plan = Plan::new(title, steps, undo).changing(&["/oldest"]);
    plan.pace = inputs.pace();
    plan = whatif::note_dropped(plan, context, &facts, &going, "this plan");
    plan = note_locks(plan, &facts, per_step.min(going.count()))?;
    plan = clash::note_readers(plan, &facts, &going, context.at.now);
    plan = whatif::note_zone(plan, &facts);
    plan = plan.note(
        Level::Ok,
        "disk space is freed at once, with little WAL; if the chunks of a step differ from the preview, the step drops nothing",
    );
    Ok(touch(plan, &facts, &going))
}

/// The limit of the drop, and its text, such as `older than 90 days` or `before 2026-01-01`.
fn cut(context: &Context, facts: &Retention, inputs: &Inputs) -> Result<(Cut, String), Refusal> {
    if let Some(typed) = inputs.text("before") {
        return Ok((facts.typed(typed)?, format!("before {typed}")));
    }
    let after = inputs.span("drop_after", facts.axis()).ok_or_else(|| {
        Refusal::new("give drop_after (a length of time) or before (a point in time)")
    })?;
    usable(facts, after)?;
    let cut = facts
        .cut(AgeRule::After(after), context.at.now)
        .ok_or_else(|| match no_clock(facts) {
            Some(why) => format!(
                "it is unknown which chunks are older, so set before=TIME instead of drop_after: {why}"
            ),
            None => "drop_after is out of range".to_owned(),
        })?;
    Ok((cut, format!("older than {after}")))
}

/// Steps of at most `per_step` chunks. Chunks with the same end stay in one step.
fn steps(
    context: &Context,
    facts: &Retention,
    going: &Dropped,
    per_step: usize,
) -> Result<Vec<Step>, Refusal> {
    let mut steps = Vec::new();
    let mut batch: Vec<&AgedChunk> = Vec::new();
    for slice in going.chunks.chunk_by(|a, b| a.end == b.end) {
        if !batch.is_empty() && batch.len() + slice.len() > per_step {
            steps.push(step(context, facts, &batch)?);
            batch.clear();
        }
        batch.extend(slice);
    }
    if !batch.is_empty() {
        steps.push(step(context, facts, &batch)?);
    }
    Ok(steps)
}

fn step(context: &Context, facts: &Retention, chunks: &[&AgedChunk]) -> Result<Step, Refusal> {
    let start = chunks
        .iter()
        .map(|chunk| chunk.start)
        .min()
        .unwrap_or(i64::MIN);
    let end = chunks
        .iter()
        .map(|chunk| chunk.end)
        .max()
        .unwrap_or(i64::MIN);
    let older = literal(facts, end).ok_or_else(|| {
        Refusal::new(format!(
            "a chunk ends at {}, which cannot be written as a timestamp",
            facts.at(end)
        ))
    })?;
    // Excludes older chunks that late rows may create after the preview.
    let newer =
        literal(facts, start).map_or_else(String::new, |start| format!(", newer_than => {start}"));
    let names: Vec<_> = chunks
        .iter()
        .map(|chunk| text::quote_literal(&chunk.name))
        .collect();
    let body = format!(
        "\ndeclare\n  gone text[];\nbegin\n  gone := array(select d from {}({}, older_than => {older}{newer}) d order by d);\n  \
         if gone is distinct from array(select n from unnest(array[{}]) n order by n) then\n    \
         raise exception 'other chunks than those of the preview would be dropped: nothing was dropped';\n  end if;\nend ",
        context.function("drop_chunks"),
        text::quote_literal(&facts.relation),
        names.join(", ")
    );
    let tag = "$hypertop$";
    let sql = if body.contains(tag) {
        format!("do {}", text::quote_literal(&body))
    } else {
        format!("do {tag}{body}{tag}")
    };
    let label = format!(
        "drop {} up to {}",
        text::plural_of(chunks.len(), "chunk"),
        facts.at(end)
    );
    let bytes = context.bytes(chunks.iter().flat_map(|chunk| chunk.oids()));
    Ok(Step::new(label, vec![Statement::new(sql, Vec::new())], Vec::new()).sized(bytes))
}

/// SQL literal of a position in the time column's type. `None`: out of range.
fn literal(facts: &Retention, raw: i64) -> Option<String> {
    let moment = || text::rfc3339(Stamp(raw));
    Some(match facts.axis() {
        Axis::Integer => format!("'{raw}'::{}", facts.axis),
        Axis::TimestampTz => format!("'{}'::timestamptz", moment()?),
        Axis::Timestamp => format!("'{}'::timestamp", moment()?.trim_end_matches('Z')),
        Axis::Date => {
            moment()?;
            let axis = Axis::Date;
            format!("'{}'::date", text::point(Point { axis, raw }))
        }
    })
}

fn note_locks(plan: Plan, facts: &Retention, per_step: i64) -> Result<Plan, Refusal> {
    let locks = per_step.saturating_mul(locks_per_chunk(facts));
    let fits = most(facts).to_string();
    let words = format!(
        "a step takes about {} locks at once, but the lock table has room for about {} (max_locks_per_transaction)",
        text::count(locks),
        text::count(facts.lock_slots)
    );
    if locks > facts.lock_slots {
        return Err(Refusal::new(words)
            .offering("fewer chunks in one step", vec![("chunks_per_step", fits)]));
    }
    if locks > facts.lock_slots / 2 {
        return Ok(plan.note(
            Level::Warning,
            format!("{words}: chunks_per_step = {fits} leaves room for other sessions"),
        ));
    }
    Ok(plan)
}

fn touch(mut plan: Plan, facts: &Retention, going: &Dropped) -> Plan {
    for chunk in &going.chunks {
        plan = plan.touching(chunk.oid, chunk.name.as_str(), Mode::AccessExclusive);
        if let Some(companion) = chunk.companion {
            plan = plan.touching(
                companion,
                format!("{} (compressed)", chunk.name),
                Mode::AccessExclusive,
            );
        }
    }
    for table in &facts.references {
        plan = plan.touching(table.oid, table.name.as_str(), Mode::AccessExclusive);
    }
    plan
}
