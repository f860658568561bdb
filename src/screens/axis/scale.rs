//! Maps points of the time dimension to screen columns, and chooses the chunk that each column shows.

use super::parts::{MapCell, Place, Slice, TimeAxis};
use crate::model::moment::Axis;
use crate::model::text;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Empty,
    /// Part of a shortened gap.
    Torn,
    /// First column of a chunk that is several columns wide.
    Edge(MapCell),
    Chunk(MapCell),
}

/// A proportional scale in which long gaps between chunks are shortened. Otherwise one row of the year 1970 or 2099 would squeeze all other
/// chunks into one column of the screen.
#[derive(Debug)]
pub(super) struct Scale {
    /// Points of the dimension, ascending, with their positions from 0 to `total`. In the positions the gaps are already shortened.
    knots: Vec<(i64, f64)>,
    /// Start and end of the shortened gaps.
    torn: Vec<(i64, i64)>,
    total: f64,
    room: usize,
    /// Median width of a chunk in columns.
    chunk: f64,
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a position on the screen is rounded"
)]
fn length(from: i64, to: i64) -> f64 {
    to as f64 - from as f64
}

impl Scale {
    #[expect(
        clippy::cast_precision_loss,
        reason = "the width of the screen is small"
    )]
    pub(super) fn new(axis: &TimeAxis, room: usize) -> Option<Self> {
        let mut ranges: Vec<(i64, i64)> = axis
            .slices
            .iter()
            .map(|slice| (slice.start, slice.end))
            .filter(|(start, end)| start < end)
            .collect();
        ranges.sort_unstable();
        ranges.dedup();
        let mut widths: Vec<f64> = ranges.iter().map(|(a, b)| length(*a, *b)).collect();
        widths.sort_by(f64::total_cmp);
        let median = *widths.get(widths.len() / 2)?;
        let clock = axis.marks.iter().find_map(|mark| match mark.place {
            Place::At(at) if mark.sign == 'N' => Some((at, at)),
            _ => None,
        });
        ranges.extend(clock);
        ranges.sort_unstable();
        let mut covered: Vec<(i64, i64)> = Vec::new();
        for (start, end) in ranges {
            match covered.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                _ => covered.push((start, end)),
            }
        }
        let sum: f64 = covered.iter().map(|(a, b)| length(*a, *b)).sum();
        let most = (3.0 * median).max(sum / 10.0);
        let (mut knots, mut torn, mut position) = (Vec::new(), Vec::new(), 0.0);
        let mut before: Option<i64> = None;
        for (start, end) in covered {
            if let Some(before) = before {
                let gap = length(before, start);
                if gap > most {
                    torn.push((before, start));
                }
                position += gap.min(most);
            }
            knots.push((start, position));
            position += length(start, end);
            if start < end {
                knots.push((end, position));
            }
            before = Some(end);
        }
        Some(Self {
            knots,
            torn,
            total: position,
            room,
            chunk: median / position * room as f64,
        })
    }

    pub(super) fn first(&self) -> i64 {
        self.knots.first().map_or(0, |knot| knot.0)
    }

    pub(super) fn last(&self) -> i64 {
        self.knots.last().map_or(0, |knot| knot.0)
    }

    /// Position of a point in columns; a point outside the axis is moved to the edge of the axis.
    #[expect(
        clippy::cast_precision_loss,
        reason = "the width of the screen is small"
    )]
    pub(super) fn place(&self, raw: i64) -> f64 {
        let after = self.knots.partition_point(|knot| knot.0 <= raw);
        let position = match (self.knots.get(after.wrapping_sub(1)), self.knots.get(after)) {
            (None, _) => 0.0,
            (Some(_), None) => self.total,
            (Some(left), Some(right)) => {
                let part = length(left.0, raw) / length(left.0, right.0);
                left.1 + part * (right.1 - left.1)
            }
        };
        position / self.total * self.room as f64
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the index of a column is small and not negative"
    )]
    pub(super) fn column(&self, raw: i64) -> usize {
        (self.place(raw) as usize).min(self.room - 1)
    }

    /// First column of a range, and the column after its last column. A range is at least one column wide.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the index of a column is small and not negative"
    )]
    pub(super) fn span(&self, start: i64, end: i64) -> (usize, usize) {
        let first = (self.place(start).round() as usize).min(self.room - 1);
        let after = (self.place(end).round() as usize).min(self.room);
        (first, after.max(first + 1))
    }

    /// The chunk that each column shows. If several chunks share a column, the chunk with the worst level is shown.
    pub(super) fn columns(&self, slices: &[Slice]) -> Vec<Column> {
        let mut columns = vec![Column::Empty; self.room];
        for (from, to) in &self.torn {
            let (first, after) = self.span(*from, *to);
            columns[first..after].fill(Column::Torn);
        }
        // If the levels are equal, an uncompressed chunk is shown.
        let rank = |cell: MapCell| (cell.level, matches!(cell.sign, '.' | '░'));
        let edges = self.chunk >= 4.0;
        for slice in slices.iter().filter(|slice| slice.start < slice.end) {
            let (first, after) = self.span(slice.start, slice.end);
            for (nth, column) in columns[first..after].iter_mut().enumerate() {
                let hidden = match column {
                    Column::Empty | Column::Torn => true,
                    Column::Edge(had) | Column::Chunk(had) => rank(*had) < rank(slice.cell),
                };
                if hidden {
                    *column = if edges && nth == 0 && after - first > 2 {
                        Column::Edge(slice.cell)
                    } else {
                        Column::Chunk(slice.cell)
                    };
                }
            }
        }
        columns
    }

    /// Text for the time that one column covers. `None`: this time varies because gaps are shortened, or a chunk is at least half a column
    /// wide, so that the text is not needed.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "the text is rounded"
    )]
    pub(super) fn column_means(&self, unit: Axis) -> Option<String> {
        let each = self.total / self.room as f64;
        if !self.torn.is_empty() || self.chunk >= 0.5 {
            return None;
        }
        Some(if unit == Axis::Integer {
            text::count(each as i64)
        } else {
            text::duration(each / 1e6)
        })
    }
}
