//! Compresses chunks again: recompress-chunks merges late rows into the batches, and rewrite-chunks applies the table's present settings.

use crate::actions::act::{Context, Refusal};
use crate::actions::form::{Form, Inputs};
use crate::model::plan::{Consent, Mode, Plan, Statement, Step, Undo};
use crate::model::text;
use crate::model::verdict::Level;
use crate::model::version::Version;

use super::as_before::{compress_as_before, lost};
use super::choice;
use super::chunks::{compress_call, decompress_call, lock};
use super::eligible::many;
use super::facts::known;
use super::facts::{ChunkState, Compression, Settings};

/// True if the chunk has rows outside its batches (partial), or batches that overlap in orderby (unordered).
fn loose(chunk: &ChunkState) -> bool {
    chunk.is_compressed() && !chunk.is_frozen() && chunk.has(2 | 8)
}

pub(super) fn recompress_form(context: &Context) -> Result<Form, Refusal> {
    let known = known(context)?.enabled()?;
    let mut fields = vec![choice::picks(context, &known, loose, "")];
    fields.extend(choice::range(&known));
    Ok(Form::new(fields).paced())
}

pub(super) fn recompress(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let known = known(context)?.enabled()?;
    if let Some(why) = known.crashes(context) {
        return Err(why.into());
    }
    let chunks = choice::chosen(&known, inputs, loose)?;
    if chunks.is_empty() {
        let all = known.chunks.iter().filter(|chunk| loose(chunk)).count();
        return Err(format!(
            "none of the chosen chunks of {} is partial or unordered (in the whole table: {})",
            known.relation,
            many(all)
        )
        .into());
    }
    let steps = chunks
        .iter()
        .map(|chunk| {
            Step::new(
                format!("recompress {}", chunk.key),
                vec![recompress_call(context, chunk)],
                Vec::new(),
            )
            .sized(chunk.after_bytes)
        })
        .collect();
    let title = format!("Recompress {} of {}", many(chunks.len()), known.relation);
    let undo = Undo::Needless("the rows are the same, only better packed".to_owned());
    let mut plan = lock(
        Plan::new(title, steps, undo),
        &known,
        &chunks,
        Mode::Exclusive,
    );
    plan.pace = inputs.pace();
    Ok(recompress_notes(plan, context, &known, &chunks))
}

fn recompress_notes(
    plan: Plan,
    context: &Context,
    known: &Compression,
    chunks: &[&ChunkState],
) -> Plan {
    let loose: Option<i64> = context.bytes(chunks.iter().map(|chunk| chunk.oid));
    let mut plan = plan.note(
        Level::Notice,
        format!(
            "compresses the late rows of {}{}",
            many(chunks.len()),
            loose.map_or_else(String::new, |bytes| format!(
                "; these rows take {} now, with their indexes",
                text::bytes(bytes)
            ))
        ),
    );
    if context.at.server.sql_version() >= Version::new(2, 17) {
        plan = plan.note(
            Level::Notice,
            "TimescaleDB may rewrite only the segments with late rows; the recorded sizes then stay unchanged",
        );
    }
    let differ = chunks.iter().filter(|chunk| known.differs(chunk)).count();
    if differ > 0 {
        plan = plan.note(
            Level::Notice,
            format!("{} compressed with other settings than the table has now: use rewrite-chunks for these chunks", many(differ)),
        );
    }
    plan
}

fn recompress_call(context: &Context, chunk: &ChunkState) -> Statement {
    if context.at.server.sql_version() >= Version::new(2, 14) {
        return compress_call(context, chunk, true);
    }
    Statement::new(
        format!(
            "call {}($1::regclass)",
            context.function("recompress_chunk")
        ),
        vec![chunk.relation.as_str().into()],
    )
}

fn rewritable(chunk: &ChunkState) -> bool {
    chunk.is_compressed() && !chunk.is_frozen()
}

pub(super) fn rewrite_form(context: &Context) -> Result<Form, Refusal> {
    let known = known(context)?.enabled()?;
    let mut fields = vec![choice::picks(context, &known, rewritable, "").help(
        "only these chunks; if none is picked, all chunks whose settings differ from the table's present settings",
    )];
    fields.extend(choice::range(&known));
    Ok(Form::new(fields).paced())
}

pub(super) fn rewrite(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let known = known(context)?.enabled()?;
    if let Some(why) = known.crashes(context) {
        return Err(why.into());
    }
    let named = inputs.text("chunks").is_some();
    let chunks = choice::chosen(&known, inputs, |chunk| {
        rewritable(chunk) && (named || known.differs(chunk))
    })?;
    if chunks.is_empty() {
        return Err(nothing_differs(context, &known));
    }
    // On 2.28, `recompress => true` keeps the chunk's old segmentby if the table sets no segmentby, and the same for orderby. So it is used
    // only if the table sets both.
    let set = |of: &Settings| of.segment_by.is_some() && of.order_by.is_some();
    let set = known.settings.as_ref().is_some_and(set);
    let whole = set && context.at.server.sql_version() >= Version::new(2, 26);
    let steps = chunks
        .iter()
        .map(|chunk| step(context, &known, chunk, whole));
    let title = format!("Rewrite {} of {}", many(chunks.len()), known.relation);
    let mut undo = vec![
        "each chunk is compressed again with the settings that it had: the rows are the same, but the batches and the recorded sizes are new. If the table has other settings by then, the transaction gives the table the chunk's settings for a moment, under an ACCESS EXCLUSIVE lock"
            .to_owned(),
    ];
    undo.extend(lost(context, &known, &chunks));
    let undo = Undo::Partly(undo.join("; "));
    let mut plan = Plan::new(title, steps.collect(), undo);
    plan = lock(plan, &known, &chunks, Mode::AccessExclusive).wanting(Consent::Yes);
    plan.pace = inputs.pace();
    Ok(notes(plan, &known, &chunks))
}

fn step(context: &Context, known: &Compression, chunk: &ChunkState, whole: bool) -> Step {
    let run = if whole {
        vec![Statement::new(
            format!(
                "select {}($1::regclass, recompress => true)",
                context.function("compress_chunk")
            ),
            vec![chunk.relation.as_str().into()],
        )]
    } else {
        vec![
            decompress_call(context, chunk, false),
            compress_call(context, chunk, false),
        ]
    };
    let mut back = vec![decompress_call(context, chunk, true)];
    back.extend(compress_as_before(context, known, chunk));
    Step::new(format!("rewrite {}", chunk.key), run, back).sized(chunk.before_bytes)
}

fn nothing_differs(context: &Context, known: &Compression) -> Refusal {
    let version = context.at.server.sql_version();
    if version < Version::new(2, 14) {
        return format!(
            "nothing to rewrite: with TimescaleDB {version} settings can change only while nothing is compressed, so every chunk of {} has the table's settings",
            known.relation
        )
        .into();
    }
    let refusal = Refusal::new(format!(
        "none of the chosen chunks of {} is compressed with other settings than the table's present settings (frozen chunks are left out)",
        known.relation
    ));
    if known.chunks.iter().any(rewritable) {
        refusal.offering(
            "rewrite every compressed chunk anyway",
            vec![("chunks", "all".to_owned())],
        )
    } else {
        refusal
    }
}

fn notes(mut plan: Plan, known: &Compression, chunks: &[&ChunkState]) -> Plan {
    if let Some(settings) = &known.settings {
        plan = plan.note(
            Level::Notice,
            format!(
                "rewrites {} to: {}",
                many(chunks.len()),
                settings.describe()
            ),
        );
    }
    let mut olds: Vec<_> = chunks
        .iter()
        .filter_map(|chunk| Some(chunk.settings.as_ref()?.describe()))
        .collect();
    olds.sort_unstable();
    olds.dedup();
    for old in olds.iter().take(3) {
        plan = plan.note(Level::Notice, format!("from: {old}"));
    }
    let most = chunks.iter().filter_map(|chunk| chunk.before_bytes).max();
    match most {
        Some(most) => plan.note(
            Level::Warning,
            format!(
                "each chunk is decompressed and compressed in one transaction. This needs up to about {} of disk at a time (by the recorded sizes), and WAL of about each chunk's uncompressed size. Readers of a chunk wait at the end of its transaction",
                text::bytes(most)
            ),
        ),
        None => plan.note(
            Level::Unknown,
            "each chunk is decompressed and compressed in one transaction. The disk space that this needs is unknown, because the chunks' sizes before compression were not recorded",
        ),
    }
}
