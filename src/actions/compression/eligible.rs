//! Chunks that a compression policy would compress, and the policy's conflicts with other policies.

use crate::actions::act::{Context, Refusal};
use crate::actions::policy::conflicts::{self, Reach};
use crate::actions::policy::rule::AgeRule;
use crate::model::moment::Stamp;
use crate::model::plan::Note;
use crate::model::span::{Now, Span};
use crate::model::text;
use crate::model::verdict::Level;

use super::facts::{ChunkState, Compression};

/// The chunks that are old enough for this age limit. `None`: "now" is unknown.
pub(super) fn older(known: &Compression, rule: AgeRule) -> Option<Vec<&ChunkState>> {
    let making = Now::of_making(Stamp(known.now_utc), &known.zone);
    let cut = rule.cut(&known.now(), &making)?;
    let old = |chunk: &&ChunkState| cut.takes(chunk.to, chunk.created);
    Some(known.chunks.iter().filter(old).collect())
}

/// True if the chunk is neither compressed nor frozen.
pub(super) fn waits(chunk: &ChunkState) -> bool {
    !chunk.is_compressed() && !chunk.is_frozen()
}

/// Number, size and range, such as `12 chunks (3.4 MB), 2026-11-01 00:00 to 2026-11-12 00:00`.
pub(super) fn summary(context: &Context, known: &Compression, chunks: &[&ChunkState]) -> String {
    let (Some(first), Some(last)) = (chunks.first(), chunks.last()) else {
        return "no chunk".to_owned();
    };
    format!(
        "{} ({}), {} to {}",
        many(chunks.len()),
        size(context, chunks),
        known.point(first.from),
        known.point(last.to)
    )
}

pub(super) fn many(chunks: usize) -> String {
    text::plural_of(chunks, "chunk")
}

/// Total size of these chunks as text.
fn size(context: &Context, chunks: &[&ChunkState]) -> String {
    context
        .bytes(chunks.iter().map(|chunk| chunk.oid))
        .map_or_else(|| "size unknown".to_owned(), text::bytes)
}

/// Notes on the effects and conflicts of a policy with this age limit. `most`: maximum number of chunks per run; `None`:
/// no limit.
pub(super) fn what_if(
    context: &Context,
    known: &Compression,
    rule: AgeRule,
    most: Option<i64>,
) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut note = |level, text: String| notes.push(Note { level, text });
    match older(known, rule) {
        None => note(
            Level::Unknown,
            known.odd_zone().map_or_else(
                || "it is unknown which chunks it reaches now, because \"now\" in this table's time dimension is unknown".to_owned(),
                |why| format!("it is unknown which chunks it reaches now: {why}"),
            ),
        ),
        Some(old) => {
            let due: Vec<_> = old.iter().copied().filter(|chunk| waits(chunk)).collect();
            let partial = old.iter().filter(|chunk| chunk.is_partial() && !chunk.is_frozen());
            let partial = match partial.count() {
                _ if known.never_recompresses() => String::new(),
                0 => String::new(),
                1 => "; and it would recompress 1 partial chunk".to_owned(),
                partial => format!("; and it would recompress {partial} partial chunks"),
            };
            note(
                Level::Notice,
                format!(
                    "with this setting it would compress {}{}{}{partial}",
                    summary(context, known, &due),
                    at_most(due.len(), most),
                    freed(context, known, &due)
                ),
            );
            notes.extend(late_rows(known, rule));
            let mut note = |level, text: String| notes.push(Note { level, text });
            let frozen = old.iter().filter(|chunk| chunk.is_frozen() && !chunk.is_compressed()).count();
            if frozen > 0 {
                note(Level::Notice, format!("{} frozen: never compressed", many(frozen)));
            }
        }
    }
    if let AgeRule::After(after) = rule {
        let met = conflicts(known, after);
        if met.is_empty() {
            notes.push(Note {
                level: Level::Ok,
                text: "its age limit fits the refresh and retention policies".to_owned(),
            });
        }
        notes.extend(met);
    }
    notes
}

/// Text on the limit per run. Empty: the limit is not lower than the number of due chunks.
fn at_most(due: usize, most: Option<i64>) -> String {
    let most = most.and_then(|most| usize::try_from(most).ok());
    most.filter(|most| *most < due)
        .map_or_else(String::new, |most| format!(", at most {most} per run"))
}

/// Note on chunks that got rows after they were compressed, and on the age of late rows that may still arrive. `None`: no chunk is
/// compressed.
fn late_rows(known: &Compression, rule: AgeRule) -> Option<Note> {
    let compressed = known.compressed();
    let late = known
        .chunks
        .iter()
        .filter(|chunk| chunk.is_partial())
        .count();
    let old = match rule {
        AgeRule::After(span) => format!("older than {span}"),
        AgeRule::CreatedBefore(_) => "of any age".to_owned(),
    };
    (compressed > 0).then(|| Note {
        level: Level::Ok,
        text: format!(
            "{late} of {} got late rows; rows {old} may still arrive",
            text::plural_of(compressed, "compressed chunk")
        ),
    })
}

/// Text on the bytes that compressing these chunks would free, at the present compression ratio. Empty: no chunks.
fn freed(context: &Context, known: &Compression, chunks: &[&ChunkState]) -> String {
    if chunks.is_empty() {
        return String::new();
    }
    let Some(bytes) = context.bytes(chunks.iter().map(|chunk| chunk.oid)) else {
        return "; how much that frees is unknown, because the size is unknown".to_owned();
    };
    let Some(shrinks) = known.shrinks_to() else {
        return "; how much that frees is unknown, because no chunk is compressed yet".to_owned();
    };
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "an estimate"
    )]
    let left = (bytes as f64 * shrinks) as i64;
    let ratio = 1.0 / shrinks.max(0.001);
    let left_words = text::bytes(left);
    if left > bytes {
        return format!(
            "; at the ratio so far ({ratio:.1}x) the size would grow to about {left_words}"
        );
    }
    format!(
        "; at the ratio so far ({ratio:.1}x) this frees {}",
        text::bytes(bytes - left)
    )
}

/// Conflicts with the refresh and retention policies, if the policy compresses chunks at the age `length`.
fn conflicts(known: &Compression, length: Span) -> Vec<Note> {
    let now = known.now();
    let job = known.job.as_ref().map(|job| (job.id, job.scheduled));
    let own = Reach::compression(&now, job, length);
    let mut notes = Vec::new();
    for refresh in &known.refreshes {
        let Some(start) = &refresh.start_offset else {
            notes.push(Note {
                level: Level::Notice,
                text: format!(
                    "the refresh policy of {} (job {}) reaches back to the beginning: it {} compressed chunks",
                    refresh.view,
                    refresh.id,
                    if refresh.own { "writes into" } else { "reads" }
                ),
            });
            continue;
        };
        let start = Span::parse(known.axis(), start);
        let job = Some((refresh.id, true));
        let start = start.map(|start| Reach::refresh(&now, &refresh.view, job, Some(start)));
        notes.extend(start.and_then(|start| conflicts::refreshed_when_compressed(&start, &own)));
    }
    let drops = known.retention.as_ref().and_then(|retention| {
        let after = Span::parse(known.axis(), retention.drop_after.as_deref()?)?;
        Some(Reach::retention(
            &now,
            Some((retention.id, retention.scheduled)),
            after,
        ))
    });
    notes.extend(drops.and_then(|drops| conflicts::dropped_before_compressed(&drops, &own)));
    notes
}

/// Notes on refresh policies whose window contains some of these chunks.
pub(super) fn in_windows(known: &Compression, chunks: &[&ChunkState]) -> Vec<(Level, String)> {
    let mut notes = Vec::new();
    for refresh in &known.refreshes {
        let start = refresh
            .start_offset
            .as_ref()
            .map(|text| Span::parse(known.axis(), text));
        let reached = match start {
            // Without a `start_offset` the window contains all chunks.
            None => chunks.len(),
            Some(length) => {
                let Some(out) = length.and_then(|length| older(known, AgeRule::After(length)))
                else {
                    continue;
                };
                let out: std::collections::HashSet<_> = out.iter().map(|chunk| chunk.oid).collect();
                chunks
                    .iter()
                    .filter(|chunk| !out.contains(&chunk.oid))
                    .count()
            }
        };
        if reached == 0 {
            continue;
        }
        let level = if start.is_some() {
            Level::Warning
        } else {
            Level::Notice
        };
        let does = if refresh.own {
            "and writes there"
        } else {
            "and still expects late rows there"
        };
        notes.push((
            level,
            format!(
                "the refresh policy of {} (job {}) reaches into {} of this plan {does}",
                refresh.view,
                refresh.id,
                many(reached)
            ),
        ));
    }
    notes
}

/// Refuses negative ages.
pub(super) fn positive(length: Span, name: &str) -> Result<Span, Refusal> {
    if length.length() < 0.0 {
        return Err(format!("{name} must not be negative, because it counts back from now").into());
    }
    Ok(length)
}
