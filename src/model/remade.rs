//! Chunks that a late row created again after a drop. The aggregate still has the buckets of the dropped rows; a refresh would
//! compute these buckets from the late row alone.

use crate::model::bucket::{Buckets, Range};

/// Warning about a refresh of a recreated chunk.
pub(crate) const REMADE: &str = "the chunk there was created after newer chunks, as if a late row had recreated it after a drop: a refresh computes its buckets from the remaining rows, and the aggregate's older results are lost for good";

/// The whole buckets of a range that lie in recreated chunks; `remade`: start and end of all these chunks.
pub(crate) fn touched(
    buckets: &Buckets,
    range: Range,
    remade: Option<(i64, i64)>,
) -> Option<Range> {
    let (from, to) = remade?;
    let from = buckets.floor(from)?.max(range.from);
    let to = buckets.ceil(to)?.min(range.to);
    (from < to).then_some(Range { from, to })
}

/// A range split into the whole buckets that lie in recreated chunks, and the rest. `remade` as in [`touched`].
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
