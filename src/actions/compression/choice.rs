//! Choice of chunks: the chunks that the user picks one by one, or else all chunks in a range of time that have a minimum age. The form can
//! limit the number of chunks in both cases.

use crate::actions::act::{Context, Refusal};
use crate::actions::form::{Field, FieldType, Inputs, Item};
use crate::actions::policy::rule::AgeRule;
use crate::model::moment::Axis;
use crate::model::span::Span;
use crate::model::text;

use super::eligible::older;
use super::facts::{ChunkState, Compression};

/// Field with the chunks that the user can pick.
pub(super) fn picks(
    context: &Context,
    known: &Compression,
    fits: impl Fn(&ChunkState) -> bool,
    picked: &str,
) -> Field {
    let items = known.chunks.iter().filter(|chunk| fits(chunk));
    let items = items
        .map(|chunk| Item {
            key: chunk.key.clone(),
            about: about(context, known, chunk),
        })
        .collect();
    Field::new("chunks", "These chunks", FieldType::Pick(items), picked)
        .optional()
        .help("only these chunks; if none is picked, the other fields select the chunks")
}

fn about(context: &Context, known: &Compression, chunk: &ChunkState) -> String {
    let bytes = if chunk.is_compressed() {
        chunk.after_bytes
    } else {
        context.bytes([chunk.oid])
    };
    let bytes = bytes.map_or_else(|| "size unknown".to_owned(), text::bytes);
    let mut state = match (chunk.is_compressed(), chunk.is_partial()) {
        (_, true) => "partial",
        (true, _) => "compressed",
        _ => "not compressed",
    }
    .to_owned();
    if known.differs(chunk) {
        state.push_str(", with other settings");
    }
    // The range comes last, because a narrow list cuts its lines at the end.
    format!(
        "{state}, {bytes}, {} to {}",
        known.point(chunk.from),
        known.point(chunk.to)
    )
}

/// Fields for a range on the time axis, and for the maximum number of chunks.
pub(super) fn range(known: &Compression) -> [Field; 3] {
    let time = || FieldType::Time(known.axis());
    let how = match known.axis() {
        Axis::Integer => "a number",
        _ => "2026-11-01 or 2026-11-01 06:00, in UTC",
    };
    [
        Field::new("from", "From", time(), "")
            .optional()
            .help(format!(
                "chunks that may contain rows from this time on ({how})"
            )),
        Field::new("to", "To", time(), "").optional().help(format!(
            "chunks that may contain rows before this time ({how})"
        )),
        Field::new("at_most", "At most", FieldType::Integer, "")
            .optional()
            .help("maximum number of chunks, oldest first; empty: no limit"),
    ]
}

/// Field `older_than` with its default.
pub(super) fn age(known: &Compression, default: String) -> Field {
    let help = match known.axis() {
        Axis::Integer => "chunks that end at least this far before now",
        _ => "chunks that ended at least this long ago: 7 days, 7d, 1h30m, 1 mon",
    };
    Field::span("older_than", "Older than", known.axis(), default)
        .optional()
        .help(help)
}

/// True if the user filled at least one of the fields that choose chunks.
pub(super) fn is_made(inputs: &Inputs) -> bool {
    ["chunks", "from", "to", "older_than", "created_before"]
        .iter()
        .any(|field| inputs.text(field).is_some())
}

/// The chosen chunks for which `fits` is true, oldest first.
pub(super) fn chosen<'k>(
    known: &'k Compression,
    inputs: &Inputs,
    fits: impl Fn(&ChunkState) -> bool,
) -> Result<Vec<&'k ChunkState>, Refusal> {
    let picked: std::collections::HashSet<_> = inputs.picked("chunks").into_iter().collect();
    let mut chunks: Vec<&ChunkState> = if picked.is_empty() {
        aged(known, inputs)?
    } else {
        known
            .chunks
            .iter()
            .filter(|chunk| picked.contains(chunk.key.as_str()))
            .collect()
    };
    if picked.is_empty() {
        if let Some(from) = bound(known, inputs, "from")? {
            chunks.retain(|chunk| chunk.to > from);
        }
        if let Some(to) = bound(known, inputs, "to")? {
            chunks.retain(|chunk| chunk.from < to);
        }
    }
    chunks.retain(|chunk| fits(chunk));
    if let Some(most) = inputs.integer("at_most") {
        let most = usize::try_from(most).ok().filter(|most| *most > 0);
        chunks.truncate(most.ok_or("at_most must be at least 1")?);
    }
    Ok(chunks)
}

fn aged<'k>(known: &'k Compression, inputs: &Inputs) -> Result<Vec<&'k ChunkState>, Refusal> {
    let keys = ["older_than", "created_before"];
    let Some((name, text)) = keys
        .into_iter()
        .find_map(|name| Some((name, inputs.text(name)?)))
    else {
        return Ok(known.chunks.iter().collect());
    };
    let rule = match name {
        "older_than" => Span::parse(known.axis(), text).map(AgeRule::After),
        _ => inputs.interval(name).map(AgeRule::CreatedBefore),
    };
    let rule = rule
        .filter(|rule| rule.span().length() >= 0.0)
        .ok_or_else(|| {
            format!("{name}: {text} is no age: an age is 0 or more, and counts back from now")
        })?;
    older(known, rule).ok_or_else(|| match &known.code {
        _ if !known.integer_time => format!(
            "give from and to, because it is unknown which chunks are older than {text}: {}",
            known
                .odd_zone()
                .unwrap_or_else(|| "the limit is out of range".to_owned())
        )
        .into(),
        Some(code) => format!(
            "give from and to, because it is unknown which chunks are older than {text}: {}",
            code.words(None)
        )
        .into(),
        None => format!(
            "it is unknown which chunks are older than {text}, because {} has no integer_now_func that returns a value: set one by \
             set_integer_now_func, or give from and to",
            known.table
        )
        .into(),
    })
}

/// A typed position on the time axis. A time without a zone is in UTC, as on the screens. `None`: the field is
/// empty.
fn bound(known: &Compression, inputs: &Inputs, name: &str) -> Result<Option<i64>, Refusal> {
    let Some(text) = inputs.text(name) else {
        return Ok(None);
    };
    place(known.axis(), text).map(Some).ok_or_else(|| {
        format!("{name}: {text:?} is not a time: write 2026-11-01 or 2026-11-01 06:00 (UTC)").into()
    })
}

fn place(axis: Axis, text: &str) -> Option<i64> {
    if axis == Axis::Integer {
        return text.parse().ok();
    }
    if let Ok(stamp) = text.parse::<jiff::Timestamp>() {
        return Some(stamp.as_microsecond());
    }
    let clock: jiff::civil::DateTime = text.parse().ok()?;
    let zoned = clock.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_with_and_without_its_offset() {
        let at = |text| place(Axis::TimestampTz, text);
        assert_eq!(at("1970-01-02"), Some(86_400_000_000));
        assert_eq!(at("1970-01-01 01:00"), Some(3_600_000_000));
        assert_eq!(at("1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(at("1970-01-01 01:00:00Z"), Some(3_600_000_000));
        assert_eq!(at("yesterday"), None);
        assert_eq!(place(Axis::Integer, "-7"), Some(-7));
        assert_eq!(place(Axis::Date, "1970-01-02"), Some(86_400_000_000));
    }
}
