//! Decompresses chunks, each in a transaction of its own, oldest first. The compression policy is paused first.

use crate::actions::act::{Context, Refusal};
use crate::actions::alter_job::Change;
use crate::actions::form::{Field, FieldType, Form, Inputs};
use crate::model::plan::{Mode, Plan, Step, Undo};
use crate::model::text;
use crate::model::verdict::Level;
use crate::model::version::Version;

use super::as_before::{compress_as_before, lost};
use super::choice;
use super::chunks::{decompress_call, lock};
use super::eligible::many;
use super::facts::known;
use super::facts::{ChunkState, Compression};

/// True if a chunk is compressed and not frozen.
fn unpackable(chunk: &ChunkState) -> bool {
    chunk.is_compressed() && !chunk.is_frozen()
}

pub(super) fn form(context: &Context) -> Result<Form, Refusal> {
    let known = known(context)?;
    let mut fields = vec![choice::picks(context, &known, unpackable, "")];
    fields.extend(choice::range(&known));
    fields.push(choice::age(&known, String::new()));
    if known.running_policy().is_some() {
        fields.push(
            Field::new("pause_policy", "Pause the policy", FieldType::Flag, "yes").help(
                "yes: pauses the policy first; otherwise its next run compresses the chunks again",
            ),
        );
    }
    Ok(Form::new(fields).paced())
}

pub(super) fn plan(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let known = known(context)?;
    let chunks = chosen(context, &known, inputs)?;
    let mut steps = Vec::new();
    let paused = known
        .running_policy()
        .filter(|_| inputs.flag("pause_policy"));
    if let Some(job) = paused {
        let scheduled = |scheduled| Change {
            scheduled: Some(scheduled),
            ..Change::default()
        };
        let back = Change {
            zone_kept: true,
            ..scheduled(true)
        };
        steps.push(Step::new(
            format!("pause {}", job.describe()),
            vec![job.alter(context, &scheduled(false))],
            vec![job.alter(context, &back)],
        ));
    }
    steps.extend(chunks.iter().map(|chunk| {
        Step::new(
            format!("decompress {}", chunk.key),
            vec![decompress_call(context, chunk, false)],
            compress_as_before(context, &known, chunk),
        )
        .sized(chunk.before_bytes)
    }));
    let title = format!("Decompress {} of {}", many(chunks.len()), known.relation);
    let mut plan = Plan::new(title, steps, undo(context, &known, &chunks));
    plan = lock(plan, &known, &chunks, Mode::AccessExclusive);
    if paused.is_some() {
        plan.changes
            .push("/jobs/policy_compression/scheduled".to_owned());
    }
    plan.pace = inputs.pace();
    for (level, text) in notes(context, &known, &chunks, paused.is_some()) {
        plan = plan.note(level, text);
    }
    Ok(plan)
}

/// The chunks to decompress. An error if there are none, or if decompressing them would crash this server.
fn chosen<'k>(
    context: &Context,
    known: &'k Compression,
    inputs: &Inputs,
) -> Result<Vec<&'k ChunkState>, Refusal> {
    if !known.chunks.iter().any(unpackable) {
        return Err(format!(
            "no chunk of {} can be decompressed: none is compressed, or all compressed ones are frozen",
            known.relation
        )
        .into());
    }
    if let Some(why) = known.crashes(context) {
        return Err(why.into());
    }
    if !choice::is_made(inputs) {
        return Err(Refusal::new(
            "no chunks are chosen: pick chunks, or give from, to or older_than",
        )
        .offering("every compressed chunk", vec![("chunks", "all".to_owned())]));
    }
    let chunks = choice::chosen(known, inputs, unpackable)?;
    if chunks.is_empty() {
        return Err(format!(
            "none of the chosen chunks of {} can be decompressed: each is uncompressed or frozen",
            known.relation
        )
        .into());
    }
    Ok(chunks)
}

fn undo(context: &Context, known: &Compression, chunks: &[&ChunkState]) -> Undo {
    let mut text = vec![
        "each chunk is compressed again with the settings that it had: the rows are the same, but the batches and the recorded sizes are new. The policy is scheduled again if this plan paused it"
            .to_owned(),
    ];
    text.extend(lost(context, known, chunks));
    let other = chunks.iter().filter(|chunk| known.differs(chunk)).count();
    if other > 0 {
        text.push(format!(
            "{} compressed with other settings than the table has: to compress with these settings again, the undo gives them to the table for a moment, under an ACCESS EXCLUSIVE lock",
            many(other)
        ));
    }
    Undo::Partly(text.join("; "))
}

fn notes(
    context: &Context,
    known: &Compression,
    chunks: &[&ChunkState],
    paused: bool,
) -> Vec<(Level, String)> {
    let reach = chunks.first().zip(chunks.last());
    let reach = reach.map_or_else(String::new, |(first, last)| {
        format!(", {} to {}", known.point(first.from), known.point(last.to))
    });
    let mut notes = vec![(
        Level::Notice,
        format!("decompresses {}{reach}", many(chunks.len())),
    )];
    let sum = |of: fn(&ChunkState) -> Option<i64>| {
        chunks.iter().map(|chunk| of(chunk)).sum::<Option<i64>>()
    };
    let before = sum(|chunk| chunk.before_bytes);
    let after = sum(|chunk| chunk.after_bytes);
    notes.push(match (before, after) {
        (Some(before), Some(after)) => (
            Level::Warning,
            format!(
                "needs about {} of disk (the recorded size before compression), and then frees about {}; writes about as much \
                 WAL as the rows take",
                text::bytes(before),
                text::bytes(after)
            ),
        ),
        _ => (
            Level::Unknown,
            "the needed disk space is unknown: the chunks' sizes before compression were not recorded".to_owned(),
        ),
    });
    match (known.running_policy(), paused) {
        (Some(job), false) => notes.push((
            Level::Warning,
            format!(
                "{} is scheduled and compresses these chunks again at its next run (where they are old enough): \
                 pause_policy = yes prevents that",
                job.describe()
            ),
        )),
        (Some(job), true) => notes.push((
            Level::Notice,
            format!("pauses {} first; resume-job schedules it again", job.describe()),
        )),
        _ => {}
    }
    if context.at.server.sql_version() < Version::new(2, 17) {
        notes.push((
            Level::Warning,
            "on this version of TimescaleDB, readers of a chunk wait during the whole decompression of the chunk"
                .to_owned(),
        ));
    }
    notes
}
