//! Compresses chunks, each in a transaction of its own, oldest first.

use crate::actions::act::{Context, Refusal};
use crate::actions::form::{Field, FieldType, Form, Inputs};
use crate::model::plan::{Mode, Plan, Statement, Step, Undo};
use crate::model::text;
use crate::model::verdict::Level;

use super::choice;
use super::eligible::{self, many, summary, waits};
use super::facts::known;
use super::facts::{ChunkState, Compression};

/// Call of `compress_chunk`. `lenient`: no error if the chunk is compressed already.
pub(super) fn compress_call(context: &Context, chunk: &ChunkState, lenient: bool) -> Statement {
    Statement::new(
        format!(
            "select {}($1::regclass, if_not_compressed => {lenient})",
            context.function("compress_chunk")
        ),
        vec![chunk.relation.as_str().into()],
    )
}

pub(super) fn decompress_call(context: &Context, chunk: &ChunkState, lenient: bool) -> Statement {
    Statement::new(
        format!(
            "select {}($1::regclass, if_compressed => {lenient})",
            context.function("decompress_chunk")
        ),
        vec![chunk.relation.as_str().into()],
    )
}

/// True if a chunk's range ends before now. If "now" is unknown: true for all chunks before the newest one.
fn ended(known: &Compression, chunk: &ChunkState) -> bool {
    known.now.map_or_else(
        || {
            known
                .chunks
                .last()
                .is_some_and(|newest| chunk.to <= newest.from)
        },
        |now| chunk.to <= now,
    )
}

pub(super) fn compress_form(context: &Context) -> Result<Form, Refusal> {
    let known = known(context)?.enabled()?;
    let job = known.job.as_ref();
    let after = job.and_then(|job| job.setting("compress_after"));
    let created = job.and_then(|job| job.setting("compress_created_before"));
    let mut fields = vec![choice::age(&known, after.unwrap_or_default())];
    if let Some(created) = created {
        fields.push(
            Field::new(
                "created_before",
                "Created before",
                FieldType::Interval,
                created,
            )
            .optional()
            .help("chunks that were created longer ago than this"),
        );
    }
    fields.extend(choice::range(&known));
    fields.push(choice::picks(context, &known, waits, ""));
    Ok(Form::new(fields).paced())
}

pub(super) fn compress(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let known = known(context)?.enabled()?;
    let mut chunks = choice::chosen(&known, inputs, waits)?;
    if inputs.text("chunks").is_none() {
        chunks.retain(|chunk| ended(&known, chunk));
    }
    if chunks.is_empty() {
        return Err(nothing_waits(&known, inputs));
    }
    let crashes = known.crashes(context);
    let forth_only = crashes.is_some() || known.rolls_up;
    let steps = chunks.iter().map(|chunk| {
        // There is no undo if decompressing would crash the server, or if compressing merges chunks.
        let back = if forth_only {
            Vec::new()
        } else {
            vec![decompress_call(context, chunk, true)]
        };
        Step::new(
            format!("compress {}", chunk.key),
            vec![compress_call(context, chunk, false)],
            back,
        )
        .sized(context.bytes([chunk.oid]))
    });
    let undo = match crashes {
        Some(why) => Undo::Never(why),
        None if known.rolls_up => Undo::Never(
            "compressing merges these chunks into their neighbours (compress_chunk_time_interval), so they no longer exist afterwards"
                .to_owned(),
        ),
        None => Undo::Partly(format!(
            "each chunk is decompressed: the same rows, but in the order of orderby, with rebuilt indexes{}",
            known.running_policy().map_or_else(String::new, |job| format!(
                "; {} would compress them again at its next run: pause it first",
                job.describe()
            ))
        )),
    };
    let title = format!("Compress {} of {}", many(chunks.len()), known.relation);
    let mut plan = Plan::new(title, steps.collect(), undo);
    plan = lock(plan, &known, &chunks, Mode::AccessExclusive);
    plan.pace = inputs.pace();
    plan = plan.note(
        Level::Notice,
        format!("compresses {}", summary(context, &known, &chunks)),
    );
    for (level, text) in compress_notes(context, &known, &chunks) {
        plan = plan.note(level, text);
    }
    Ok(plan)
}

fn nothing_waits(known: &Compression, inputs: &Inputs) -> Refusal {
    let waiting = known
        .chunks
        .iter()
        .filter(|chunk| waits(chunk) && ended(known, chunk));
    let waiting = waiting.count();
    let frozen = known
        .chunks
        .iter()
        .filter(|chunk| chunk.is_frozen() && !chunk.is_compressed());
    let frozen = match frozen.count() {
        0 => String::new(),
        frozen => format!(" (left out, because frozen: {})", many(frozen)),
    };
    if waiting == 0 || !choice::is_made(inputs) {
        return format!(
            "no chunk of {} waits for compression: each is compressed, or has not ended yet{frozen}",
            known.relation
        )
        .into();
    }
    let all = if known.integer_time { "0" } else { "0s" };
    let refusal = Refusal::new(format!(
        "none of the chosen chunks of {} can be compressed now. In the whole table, {} can be compressed{frozen}",
        known.relation,
        many(waiting)
    ));
    if known.now.is_some() {
        refusal.offering(
            "every chunk that has ended",
            vec![("older_than", all.to_owned())],
        )
    } else {
        refusal
    }
}

/// Adds the locks of a plan on chunks, and lists the chunks as parts of the state that the plan changes. The plan must end with one step
/// for each chunk, in the order of `chunks`. The table itself gets only an ACCESS SHARE lock.
pub(super) fn lock(
    mut plan: Plan,
    known: &Compression,
    chunks: &[&ChunkState],
    mode: Mode,
) -> Plan {
    let before = plan.steps.len().saturating_sub(chunks.len());
    for (step, chunk) in (before..).zip(chunks) {
        plan = plan.touching_in(step, chunk.oid, &chunk.key, mode);
        if let Some(companion) = chunk.companion {
            let name = format!("{} (compressed rows)", chunk.key);
            plan = plan.touching_in(step, companion, name, mode);
        }
    }
    plan = plan.touching(known.table_oid, &known.table, Mode::AccessShare);
    let pointers: Vec<_> = chunks.iter().map(|chunk| chunk.pointer()).collect();
    let pointers: Vec<_> = pointers.iter().map(String::as_str).collect();
    plan.changing(&pointers)
}

fn compress_notes(
    context: &Context,
    known: &Compression,
    chunks: &[&ChunkState],
) -> Vec<(Level, String)> {
    let mut notes = price(context, known, chunks);
    let newest = chunks.iter().map(|chunk| chunk.to).max();
    if newest.zip(known.now).is_some_and(|(to, now)| to > now) {
        notes.push((
            Level::Warning,
            "rows may still arrive in the newest of these chunks. Such a row makes the chunk partial and slower to read".to_owned(),
        ));
    }
    notes.extend(eligible::in_windows(known, chunks));
    if !known.aggregates.is_empty() {
        notes.push((
            Level::Notice,
            format!(
                "the results of the aggregates that read these chunks stay the same: {}",
                known.aggregates.join(", ")
            ),
        ));
    }
    let frozen = known
        .chunks
        .iter()
        .filter(|chunk| chunk.is_frozen() && !chunk.is_compressed());
    let frozen = frozen.count();
    if frozen > 0 {
        notes.push((Level::Notice, format!("{} frozen: skipped", many(frozen))));
    }
    notes
}

/// Notes on disk space, blocked sessions, WAL and rows.
fn price(context: &Context, known: &Compression, chunks: &[&ChunkState]) -> Vec<(Level, String)> {
    let mut notes = Vec::new();
    let whole = context.bytes(chunks.iter().map(|chunk| chunk.oid));
    let biggest = chunks
        .iter()
        .filter_map(|chunk| context.bytes([chunk.oid]))
        .max();
    match (known.shrinks_to(), whole, biggest) {
        (Some(share), Some(whole), Some(biggest)) => notes.push((
            Level::Notice,
            format!(
                "{1} become about {0}, at the compression ratio so far. While a chunk is being compressed, both its forms are on disk (about {2} more), and sorting may need temporary files",
                text::bytes(scaled(whole, share)),
                text::bytes(whole),
                text::bytes(scaled(biggest, share)),
            ),
        )),
        _ => notes.push((
            Level::Unknown,
            "the compressed size is unknown: no chunk of this table is compressed yet, or a size could not be read. While a chunk is being \
             compressed, both its forms are on disk, and sorting may need temporary files"
                .to_owned(),
        )),
    }
    notes.push((
        Level::Notice,
        "writes to a chunk wait while the chunk is being compressed; reads wait only at the end"
            .to_owned(),
    ));
    notes.push((
        Level::Notice,
        "WAL is written for the compressed rows and their index only; the uncompressed rows are truncated, with almost no WAL"
            .to_owned(),
    ));
    let rows: i64 = chunks.iter().filter_map(|chunk| chunk.rows).sum();
    if rows > 0 && chunks.iter().all(|chunk| chunk.rows.is_some()) {
        let rows = text::count(rows);
        notes.push((
            Level::Notice,
            format!("about {rows} rows, by the last ANALYZE"),
        ));
    }
    notes
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "an estimate"
)]
fn scaled(bytes: i64, share: f64) -> i64 {
    (bytes as f64 * share) as i64
}
