//! Chunks that were dropped and then created again by a late row. The aggregate still has the buckets of the dropped rows. A refresh
//! would replace these buckets by results from the late row alone.

use crate::model::bucket::{Buckets, Range};

/// Warning about a refresh of a recreated chunk.
pub(crate) const REMADE: &str = "a chunk in this range was created after chunks of later ranges, probably by a late row after the old chunk was dropped: a refresh computes the range's buckets from the remaining rows, and the aggregate's older results are lost for good";

/// The buckets of a range that overlap recreated chunks. `remade`: start of the first and end of the last recreated chunk.
pub(super) fn touched(
    buckets: &Buckets,
    range: Range,
    remade: Option<(i64, i64)>,
) -> Option<Range> {
    let (from, to) = remade?;
    let from = buckets.floor(from)?.max(range.from);
    let to = buckets.ceil(to)?.min(range.to);
    (from < to).then_some(Range { from, to })
}

/// Splits a range into the buckets that overlap recreated chunks, and the rest. `remade` as in [`touched`].
pub(crate) fn apart(
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
