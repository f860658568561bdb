//! Which chunks a length of time reaches: what a policy would take, and what it would meet.

use crate::actions::act::{Context, Refusal};
use crate::model::interval::Interval;
use crate::model::moment::Axis;
use crate::model::plan::Note;
use crate::model::text;
use crate::model::verdict::Level;

use super::facts::{Chunk, Known};

/// A length of time as the hypertable's dimension wants it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Length {
    Time(Interval),
    Number(i64),
}

/// By what a chunk's age is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    /// The end of its range.
    Range,
    /// When it was made.
    Creation,
}

impl Length {
    /// Reads a checked input or a policy's configuration; `None`: it is not of this dimension's kind.
    pub fn read(known: &Known, text: &str) -> Option<Self> {
        if known.integer_time {
            text.parse().ok().map(Self::Number)
        } else {
            Interval::parse(text).ok().map(Self::Time)
        }
    }

    /// For comparing, a month counting 30 days.
    #[expect(clippy::cast_precision_loss, reason = "for comparing")]
    pub fn size(self) -> f64 {
        match self {
            Self::Time(interval) => interval.seconds(),
            Self::Number(number) => number as f64,
        }
    }
}

/// The chunks that end (or were made) at least so long ago; `None`: what "now" is, is not known.
pub fn older(known: &Known, length: Length, age: Age) -> Option<Vec<&Chunk>> {
    let bound = match (length, age) {
        (Length::Number(number), _) => known.now?.saturating_sub(number),
        // Days and months are counted by the wall clock, as the server does.
        (Length::Time(interval), Age::Creation) => known.before(known.now_utc, interval)?,
        (Length::Time(interval), Age::Range) if known.axis() == Axis::TimestampTz => {
            known.before(known.now?, interval)?
        }
        (Length::Time(interval), Age::Range) => interval.before(known.now?, None)?,
    };
    let old = |chunk: &&Chunk| match age {
        Age::Range => chunk.to <= bound,
        Age::Creation => chunk.created.is_some_and(|made| made <= bound),
    };
    Some(known.chunks.iter().filter(old).collect())
}

/// A chunk that the policy would take.
pub fn waits(chunk: &Chunk) -> bool {
    !chunk.is_compressed() && !chunk.is_frozen()
}

/// How many, how big, how old: `12 chunks (3.4 MB), 2026-11-01 00:00 to 2026-11-12 00:00`.
pub fn summary(context: &Context, known: &Known, chunks: &[&Chunk]) -> String {
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

pub fn many(chunks: usize) -> String {
    text::plural(i64::try_from(chunks).unwrap_or(i64::MAX), "chunk")
}

/// The bytes of uncompressed chunks now.
pub fn size(context: &Context, chunks: &[&Chunk]) -> String {
    context
        .bytes(chunks.iter().map(|chunk| chunk.oid))
        .map_or_else(|| "size not known".to_owned(), text::bytes)
}

/// What a policy with this length would do now, and what it would meet.
pub(crate) fn what_if(context: &Context, known: &Known, length: Length, age: Age) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut note = |level, text: String| notes.push(Note { level, text });
    match older(known, length, age) {
        None => note(
            Level::Unknown,
            known.odd_zone().map_or_else(
                || "which chunks it reaches now cannot be told: what \"now\" is on this table is not known".to_owned(),
                |why| format!("which chunks it reaches now is not known: {why}"),
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
                format!("now it would compress {}{partial}", summary(context, known, &due)),
            );
            let frozen = old.iter().filter(|chunk| chunk.is_frozen() && !chunk.is_compressed()).count();
            if frozen > 0 {
                note(Level::Notice, format!("{} frozen: never compressed", many(frozen)));
            }
        }
    }
    if age == Age::Range {
        notes.extend(conflicts(known, length));
    }
    notes
}

/// The other policies that this one would meet.
pub fn conflicts(known: &Known, length: Length) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut note = |level, text: String| notes.push(Note { level, text });
    for refresh in &known.refreshes {
        let reaches = refresh
            .start_offset
            .as_ref()
            .map(|text| Length::read(known, text));
        match reaches {
            Some(Some(start)) if start.size() > length.size() => note(
                Level::Warning,
                format!(
                    "conflict: the refresh policy of {} (job {}) goes back {}: rows that it still expects there would \
                     be in compressed chunks; compress later than that",
                    refresh.view,
                    refresh.id,
                    refresh.start_offset.as_deref().unwrap_or_default()
                ),
            ),
            None => note(
                Level::Notice,
                format!(
                    "the refresh policy of {} (job {}) reaches back to the beginning: it {} compressed chunks",
                    refresh.view,
                    refresh.id,
                    if refresh.own { "writes into" } else { "reads" }
                ),
            ),
            _ => {}
        }
    }
    let retention = known.retention.as_ref();
    let drops = retention
        .and_then(|retention| Some((retention, retention.drop_after.as_ref()?)))
        .and_then(|(retention, text)| Some((retention, text, Length::read(known, text)?)));
    if let Some((retention, text, drop)) = drops
        && drop.size() <= length.size()
    {
        note(
            Level::Warning,
            format!(
                "conflict: the retention policy (job {}{}) drops chunks after {text}, before they would be compressed",
                retention.id,
                if retention.scheduled { "" } else { ", paused" },
            ),
        );
    }
    notes
}

/// Refresh policies whose window reaches into these chunks.
pub(crate) fn in_windows(known: &Known, chunks: &[&Chunk]) -> Vec<(Level, String)> {
    let mut notes = Vec::new();
    for refresh in &known.refreshes {
        let start = refresh
            .start_offset
            .as_ref()
            .map(|text| Length::read(known, text));
        let reached = match start {
            // It reaches back to the beginning.
            None => chunks.len(),
            Some(length) => {
                let Some(out) = length.and_then(|length| older(known, length, Age::Range)) else {
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
            "where it still expects late rows"
        };
        notes.push((
            level,
            format!(
                "the refresh policy of {} (job {}) reaches into {} of these, {does}",
                refresh.view,
                refresh.id,
                many(reached)
            ),
        ));
    }
    notes
}

/// Refuses what is no length of time before now.
pub(crate) fn positive(length: Length, name: &str) -> Result<Length, Refusal> {
    if length.size() < 0.0 {
        return Err(format!("{name} must not be negative: it is counted back from now").into());
    }
    Ok(length)
}
