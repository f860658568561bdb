//! Sets the chunk interval, with notes on the size and number of chunks.

use crate::actions::act::{Context, Refusal};
use crate::actions::call::Call;
use crate::actions::form::{Field, FieldType, Form, Inputs};
use crate::actions::policy::rule::longer_than_nothing;
use crate::model::interval::{DAY, Interval};
use crate::model::moment::{Axis, Point};
use crate::model::plan::{Changed, Lit, Plan, Step, Undo};
use crate::model::span::Span;
use crate::model::text;
use crate::model::verdict::Level;

use super::facts::{Dimension, Hypertable};

/// Number of chunks from which planning and locking become noticeably slow.
const MANY: i64 = 10_000;

pub(super) fn form(context: &Context) -> Result<Form, Refusal> {
    let facts: Hypertable = context.read()?;
    let time = facts
        .dimensions
        .first()
        .ok_or("the table has no dimension with a chunk interval")?;
    let mut fields = vec![
        Field::span(
            "interval",
            "New chunks span",
            time.axis(),
            typed(time, time.interval_length),
        )
        .help("interval of new chunks; a month counts as 30 days"),
    ];
    if facts.dimensions.len() > 1 {
        let names: Vec<_> = facts
            .dimensions
            .iter()
            .map(|one| one.name.as_str())
            .collect();
        fields.push(
            Field::new(
                "dimension",
                "Dimension",
                FieldType::Text,
                time.name.as_str(),
            )
            .help(format!(
                "the column whose chunk interval is set: {}",
                names.join(", ")
            )),
        );
        // Dimensions may have different types, so the value is checked after the dimension has been chosen.
        if let Some(field) = fields.first_mut() {
            field.accepts = FieldType::Text;
        }
    }
    Ok(Form::new(fields))
}

/// An interval as a user would type it.
fn typed(dimension: &Dimension, length: i64) -> String {
    Span::of_raw(dimension.axis(), length).typed()
}

/// The typed interval in the dimension's unit.
fn asked(dimension: &Dimension, inputs: &Inputs) -> Result<i64, Refusal> {
    let text = inputs.text("interval").ok_or("interval is required")?;
    let axis = dimension.axis();
    let length = if axis == Axis::Integer {
        text.parse().map_err(|_| {
            format!(
                "interval: column {} is an integer, so write a whole number, not {text:?}",
                dimension.name
            )
        })?
    } else {
        let interval = Interval::parse(text).map_err(|error| format!("interval: {error}"))?;
        interval.fixed_micros().ok_or("interval is out of range")?
    };
    longer_than_nothing("interval", Span::Number(length))?;
    let most = match dimension.axis.as_str() {
        "smallint" => i16::MAX.into(),
        "integer" => i32::MAX.into(),
        _ => i64::MAX,
    };
    if length > most {
        return Err(format!(
            "interval: {} is of type {}, whose maximum is {most}",
            dimension.name, dimension.axis
        )
        .into());
    }
    if axis == Axis::Date && length % DAY != 0 {
        return Err("interval: the time column is a date, so write a whole number of days".into());
    }
    Ok(length)
}

pub(super) fn plan(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let facts: Hypertable = context.read()?;
    let name = inputs.text("dimension");
    let dimension = match name {
        None => facts.dimensions.first(),
        Some(name) => facts.dimensions.iter().find(|one| one.name == name),
    };
    let dimension = dimension.ok_or_else(|| {
        let names: Vec<_> = facts
            .dimensions
            .iter()
            .map(|one| one.name.as_str())
            .collect();
        format!(
            "dimension: this column has no chunk interval; choose from {}",
            names.join(", ")
        )
    })?;
    let new = asked(dimension, inputs)?;
    let old = dimension.interval_length;
    if new == old {
        let words = format!(
            "no change: new chunks of {} already span {}; write another interval",
            facts.name,
            said(dimension, old)
        );
        // This plan never runs. It only collects the notes for the refusal.
        let bare = Plan::new("", Vec::new(), Undo::Needless(String::new()));
        let notes = note(bare, context, &facts, dimension, new).notes;
        return Err(Refusal::unchanged(words, notes));
    }
    let several = facts.dimensions.len() > 1;
    let set = |length| set(context, &facts, dimension, length, several);
    let label = format!("set the chunk interval of {}", facts.name);
    let step = Step::new(label, vec![set(new)], vec![set(old)]);
    let undo = Undo::Exact(
        "the interval is restored; chunks created meanwhile keep their span".to_owned(),
    );
    let changed = Changed::of(
        "chunk_time_interval",
        &said(dimension, old),
        &said(dimension, new),
    );
    let plan = Plan::changing_settings(&facts.name, Vec::from_iter(changed), vec![step], undo)
        .changing(&["/intervals"]);
    Ok(note(plan, context, &facts, dimension, new))
}

fn said(dimension: &Dimension, length: i64) -> String {
    match dimension.axis() {
        Axis::Integer => text::count(length),
        _ => text::duration(
            Interval {
                micros: length,
                ..Interval::default()
            }
            .seconds(),
        ),
    }
}

fn set(
    context: &Context,
    facts: &Hypertable,
    dimension: &Dimension,
    length: i64,
    several: bool,
) -> crate::model::plan::Statement {
    let mut call = Call::new(format!(
        "select {}",
        context.function("set_chunk_time_interval")
    ));
    call.give("", "regclass", facts.relation.as_str().into());
    match dimension.axis() {
        Axis::Integer => call.give("chunk_time_interval", "bigint", length.into()),
        _ => call.give(
            "chunk_time_interval",
            "interval",
            typed(dimension, length).into(),
        ),
    }
    if several {
        call.give("dimension_name", "name", Lit::from(dimension.name.as_str()));
    }
    call.statement()
}

fn note(
    mut plan: Plan,
    context: &Context,
    facts: &Hypertable,
    dimension: &Dimension,
    new: i64,
) -> Plan {
    let axis = dimension.axis();
    let is_time = facts.dimensions.first() == Some(dimension);
    let there = match facts.last.filter(|_| is_time) {
        Some(raw) => format!(
            "new chunks only: the span of {} (up to {}) does not change. The first new chunk may be shorter, so that it does not overlap the present chunks",
            text::plural(facts.chunks, "chunk"),
            text::point(Point { axis, raw })
        ),
        None if facts.chunks > 0 => format!(
            "new chunks only: the span of {} does not change",
            text::plural(facts.chunks, "chunk")
        ),
        None => "the table has no chunk yet".to_owned(),
    };
    plan = plan.note(Level::Ok, there);
    if is_time {
        plan = note_sizes(plan, context, facts, dimension, new);
        plan = note_number(plan, facts, dimension, new);
        plan = note_retention(plan, facts, dimension, new);
    }
    if let Some(rolled) = dimension.compress_interval_length
        && rolled % new != 0
    {
        plan = plan.note(
            Level::Warning,
            format!(
                "compress_chunk_time_interval ({}) is no multiple of the new interval: change that setting, too",
                said(dimension, rolled)
            ),
        );
    }
    plan
}

/// Notes on the size of the present chunks, and on the expected size of new chunks.
fn note_sizes(
    plan: Plan,
    context: &Context,
    facts: &Hypertable,
    dimension: &Dimension,
    new: i64,
) -> Plan {
    let held = facts.recent.iter().filter_map(|chunk| {
        let bytes = if chunk.compressed {
            chunk.recorded
        } else {
            context.bytes([chunk.oid])
        };
        bytes.map(|bytes| (bytes, chunk.span))
    });
    let (mut number, mut bytes, mut span) = (0, 0_i64, 0_i128);
    for (held, each) in held {
        number += 1;
        bytes = bytes.saturating_add(held);
        span += i128::from(each);
    }
    if number == 0 || span == 0 {
        return plan.note(
            Level::Unknown,
            "the size of new chunks is unknown: no full chunk has a known size yet",
        );
    }
    let would = i64::try_from(i128::from(bytes) * i128::from(new) / span).unwrap_or(i64::MAX);
    let rate = i64::try_from(span / i128::from(number)).unwrap_or(i64::MAX);
    let plan = plan.note(
        Level::Notice,
        format!(
            "average of the newest full chunks ({}): {} before compression, in a span of {}; with the new interval a chunk would have about {}",
            text::plural(number, "chunk"),
            text::bytes(bytes / number),
            said(dimension, rate),
            text::bytes(would)
        ),
    );
    // With space partitions, all chunks of the newest interval are written to at the same time.
    let written = would.saturating_mul(facts.partitions.max(1));
    match facts.shared_buffers {
        Some(buffers) if written > buffers => plan.note(
            Level::Warning,
            format!(
                "the chunks being written (about {}) would exceed shared_buffers ({}): inserts into their indexes then wait for \
                 the disk",
                text::bytes(written),
                text::bytes(buffers)
            ),
        ),
        _ => plan,
    }
}

/// Note on the number of chunks that the present rows would need with the new interval.
fn note_number(plan: Plan, facts: &Hypertable, dimension: &Dimension, new: i64) -> Plan {
    let (Some(first), Some(last)) = (facts.first, facts.last) else {
        return plan;
    };
    let Some(kept) = last.checked_sub(first) else {
        return plan;
    };
    let would = (kept / new + i64::from(kept % new != 0)).saturating_mul(facts.partitions.max(1));
    let words = format!(
        "the present rows span {} in {}; with the new interval they would need at most {}",
        said(dimension, kept),
        text::plural(facts.chunks, "chunk"),
        text::plural(would, "chunk")
    );
    let level = if would > MANY && would > facts.chunks {
        Level::Warning
    } else {
        Level::Ok
    };
    plan.note(level, words)
}

/// Note that rows stay up to one interval longer than `drop_after`, because retention drops whole chunks.
fn note_retention(plan: Plan, facts: &Hypertable, dimension: &Dimension, new: i64) -> Plan {
    let Some(policy) = facts.policies.get("policy_retention") else {
        return plan;
    };
    plan.note(
        Level::Notice,
        format!(
            "its retention policy (job {}) drops whole chunks only, so rows stay up to {} longer than the policy's limit",
            policy.job.id,
            said(dimension, new)
        ),
    )
}
