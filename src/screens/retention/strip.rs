//! The range of a hypertable's chunks, drawn in the table as a strip. All strips have the same time axis.

use super::row::Row;
use crate::model::value::Value;
use crate::server::known::At;

/// Width of a strip, in terminal cells.
pub(super) const CELLS: u16 = 16;
const WIDTH: usize = CELLS as usize;

/// The sign of the preview pane for a chunk that the next run drops.
const DROPPED: char = 'x';
const KEPT: char = '─';
const BOUNDARY: char = '│';
/// The range begins before the axis.
const EARLIER: char = '<';

pub(super) const LEGEND: &str = "Range of the chunks, on one axis for all rows, narrower towards the past: x past drop_after by the next run, │ drop_after, < older than the axis";

/// Sets the length of the axis: the greatest age of an oldest chunk, where each row counts at least its `drop_after` and at most twice that,
/// because a single chunk of 1970 would leave one cell for all others. Rows without `drop_after` count only if no row has one.
pub(super) fn scale(rows: &mut [Row], at: &At) {
    let with = rows.iter().filter_map(|row| {
        let after = row.age_of(row.boundary?, at)?;
        Some(row.age(at)?.min(2.0 * after).max(after))
    });
    let all = || rows.iter().filter_map(|row| row.age(at));
    let longest = with.reduce(f64::max).or_else(|| all().reduce(f64::max));
    for row in rows {
        row.axis_seconds = longest.unwrap_or(0.0);
    }
}

impl Row {
    /// The strip, sorted by the age of the oldest chunk. `Null`: no chunks, integer time, or it is unknown which chunks are dropped.
    pub(super) fn strip(&self, at: &At) -> Value {
        let drawing = || {
            let age = self.age(at)?;
            let ends = self.age_of(self.newest?, at)?;
            let boundary = match self.policy {
                Some(_) => Some(self.boundary?),
                None => None,
            };
            // As in TO DROP and in the pane: the chunks that are past drop_after now.
            let drops = boundary.filter(|_| self.eligible().is_some_and(|chunks| chunks > 0));
            let edge = drops.map(|boundary| self.drop_edge().unwrap_or(boundary).min(boundary));
            let age_of = |raw: Option<i64>| raw.and_then(|raw| self.age_of(raw, at));
            // Between the last dropped chunk and the first kept one there may be a gap.
            let cut = age_of(edge).map(|edge| (edge, age_of(self.kept_from)));
            let strip = draw(self.axis_seconds, (age, ends), cut, age_of(boundary));
            Some(Value::Picture(strip, age))
        };
        drawing().into()
    }
}

/// Draws the chunks between two ages. `cut`: ages of the end of the last dropped chunk and of the start of the first kept one;
/// `boundary`: `drop_after`.
fn draw(
    axis: f64,
    (oldest, newest): (f64, f64),
    cut: Option<(f64, Option<f64>)>,
    boundary: Option<f64>,
) -> String {
    let cell = |age: f64| column(axis, age);
    let first = cell(oldest).min(WIDTH - 1);
    let after = cell(newest).max(first + 1);
    let mut cells = [' '; WIDTH];
    cells[first..after].fill(KEPT);
    let (gone, kept) = cut.map_or((first, first), |(edge, kept)| {
        let gone = cell(edge).clamp(first + 1, after);
        let kept = kept.map_or(after, |kept| cell(kept).min(after - 1));
        (gone, kept.max(gone))
    });
    cells[first..gone].fill(DROPPED);
    cells[gone..kept].fill(' ');
    // The axis is set when the rows are read; a range that grew since then by less than a cell is whole.
    if oldest > axis + axis / f64::from(CELLS) {
        cells[0] = EARLIER;
    }
    // The mark hides no dropped chunk.
    let mark = boundary.map(|boundary| cell(boundary).min(WIDTH - 1));
    if let Some(mark) = mark.map(|mark| if cut.is_some() { mark.max(gone) } else { mark })
        && mark < WIDTH
    {
        cells[mark] = BOUNDARY;
    }
    cells.into_iter().collect()
}

/// The cell of an age: 0 at the start of the axis, [`WIDTH`] now. By the square root of the age, because policies of a few days and of
/// years share the axis.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the index of a cell is small and not negative"
)]
fn column(axis: f64, age: f64) -> usize {
    let part = 1.0 - (age / axis.max(1.0)).clamp(0.0, 1.0).sqrt();
    (part * f64::from(CELLS)).round() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strip_has_the_dropped_chunks_the_boundary_and_the_kept_chunks_at_their_ages() {
        let strip = |range, edge: Option<f64>, boundary| {
            draw(160.0, range, edge.map(|edge| (edge, Some(edge))), boundary)
        };
        assert_eq!(strip((160.0, 0.0), None, None), "────────────────");
        let cut = strip((160.0, 0.0), Some(90.0), Some(90.0));
        assert_eq!(cut, "xxxx│───────────");
        assert_eq!(strip((80.0, 0.0), None, Some(120.0)), "  │  ───────────");
        // What ended long ago does not reach up to now.
        assert_eq!(strip((100.0, 50.0), None, None), "   ────         ");
        // The least that is dropped is seen, and a mark does not hide it.
        let least = strip((160.0, 0.0), Some(159.0), Some(158.0));
        assert_eq!(least, "x│──────────────");
        assert_eq!(strip((0.1, 0.0), Some(0.1), Some(0.1)), "               x");
        // Chunks beyond the axis by more than a cell.
        let beyond = strip((900.0, 0.0), Some(100.0), Some(100.0));
        assert_eq!(beyond, "<xx│────────────");
        assert_eq!(strip((161.0, 0.0), None, None), "────────────────");
        // A gap after the dropped chunks; and none is kept.
        let gap = draw(160.0, (160.0, 0.0), Some((150.0, Some(60.0))), Some(90.0));
        assert_eq!(gap, "x   │ ──────────");
        let none = draw(160.0, (160.0, 120.0), Some((150.0, None)), Some(90.0));
        assert_eq!(none, "x   │           ");
        // All chunks are dropped; the newest chunk ends in the future.
        let all = strip((160.0, 140.0), Some(140.0), Some(80.0));
        assert_eq!(all, "x    │          ");
        assert_eq!(strip((40.0, -10.0), None, None), "        ────────");
        assert_eq!(draw(0.0, (0.0, 0.0), None, None), "               ─");
    }
}
