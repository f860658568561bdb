//! Chunks that a late row made again after they were dropped: the aggregate still holds what was dropped with them, and a
//! refresh computes it from the late row alone.

use crate::model::bucket::{Buckets, Range};

/// What is known of such a chunk, and what follows.
pub(crate) const REMADE: &str = "its chunk was made after newer ones, as where a late row makes a chunk again that was dropped: a refresh computes these buckets from what is there now, and what the aggregate still has from before is gone for good";

/// Of a range what lies in chunks made again, in whole buckets; `remade`: where they begin and end.
pub fn touched(buckets: &Buckets, range: Range, remade: Option<(i64, i64)>) -> Option<Range> {
    let (from, to) = remade?;
    let from = buckets.floor(from)?.max(range.from);
    let to = buckets.ceil(to)?.min(range.to);
    (from < to).then_some(Range { from, to })
}

/// A range, apart: what lies in chunks made again, in whole buckets, and the rest of it.
pub fn apart(
    buckets: &Buckets,
    range: Range,
    remade: Option<(i64, i64)>,
) -> (Option<Range>, Vec<Range>) {
    let Some(touched) = touched(buckets, range, remade) else {
        return (None, vec![range]);
    };
    let before = Range {
        to: touched.from,
        ..range
    };
    let after = Range {
        from: touched.to,
        ..range
    };
    let rest = [before, after].into_iter();
    let rest = rest.filter(|part| part.from < part.to).collect();
    (Some(touched), rest)
}
