//! Draws a time axis with characters. For a hypertable it shows the states and sizes of the chunks, and marks of the policies.

mod marks;
mod parts;
mod scale;

#[cfg(test)]
mod tests;

use std::fmt::Write;

use crate::model::moment::{Axis, Point, Stamp};
use crate::model::text;
use crate::screens::chart;

use marks::note;
use scale::{Column, Scale};

pub(crate) use self::parts::{Ink, InkedLine};
pub use self::parts::{MapCell, Mark, Place, Slice, TimeAxis};

/// Minimum width of an axis, in terminal cells.
const NARROWEST: usize = 20;
/// Maximum height of the bars, in lines.
const BARS: usize = 2;

impl TimeAxis {
    /// Returns the title and the lines below it; `width` is in terminal cells. The title may say how much time a column covers.
    pub(crate) fn draw(&self, width: usize) -> (String, Vec<InkedLine>) {
        self.draw_with(width, |scale, room| {
            let marks = self.marks_in_order();
            let lines = marks
                .into_iter()
                .flat_map(|mark| marks::mark_lines(mark, scale, room));
            (lines.collect(), BARS)
        })
    }

    /// As [`Self::draw`], in at most `height` lines: marks share lines, and the bars are lower or left out.
    pub(crate) fn draw_in(&self, width: usize, height: usize) -> (String, Vec<InkedLine>) {
        let (title, mut lines) = self.draw_with(width, |scale, room| {
            let marks = marks::packed(&self.marks_in_order(), scale, room);
            // 3 other lines are needed: the states of the chunks, the ends of the axis, and one line of the legend.
            let rows = height.saturating_sub(marks.len() + 3).min(BARS);
            (marks, rows)
        });
        lines.truncate(height);
        (title, lines)
    }

    /// Draws one line for each element of `strips`; an element has one cell per slice. All lines have the same scale. Below the lines
    /// are the ends of the axis and the marks, if `height` has room for them, and then the legend, which is at most `whole` cells wide.
    pub(crate) fn strips(
        &self,
        strips: &[Vec<MapCell>],
        width: usize,
        whole: usize,
        height: usize,
    ) -> Vec<InkedLine> {
        let room = width.max(NARROWEST);
        let Some(scale) = Scale::new(self, room) else {
            return Vec::new();
        };
        let (mut lines, mut all) = (Vec::new(), Vec::new());
        for cells in strips {
            let slices = self.slices.iter().zip(cells);
            let slices: Vec<Slice> = slices
                .map(|(slice, cell)| Slice {
                    cell: *cell,
                    ..slice.clone()
                })
                .collect();
            let columns = scale.columns(&slices);
            lines.push(states(&columns));
            all.extend(columns);
        }
        let ends = vec![(Ink::Muted, self.ends(&scale, room))];
        let marks = marks::packed(&self.marks_in_order(), &scale, room);
        let legend = self.legend_lines(&all, whole.max(room));
        let left = height.saturating_sub(lines.len() + legend.len());
        if left > 0 {
            lines.push(ends);
        }
        if left > marks.len() {
            lines.extend(marks);
        }
        lines.extend(legend);
        lines.truncate(height);
        lines
    }

    /// Draws as [`Self::draw`] does. `marks` returns the lines of the marks, and the height of the bars in lines.
    fn draw_with(
        &self,
        width: usize,
        marks: impl FnOnce(&Scale, usize) -> (Vec<InkedLine>, usize),
    ) -> (String, Vec<InkedLine>) {
        let room = width.max(NARROWEST);
        let Some(scale) = Scale::new(self, room) else {
            let mut lines = vec![vec![(Ink::Muted, "no chunk yet".to_owned())]];
            lines.extend(self.marks.iter().map(|mark| note(mark, room)));
            return (self.title.clone(), lines);
        };
        let columns = scale.columns(&self.slices);
        let (marks, rows) = marks(&scale, room);
        let (bars, highest) = self.bars(&scale, room, rows);
        let mut lines: Vec<InkedLine> = bars
            .into_iter()
            .map(|bar| vec![(Ink::Muted, bar)])
            .collect();
        lines.push(states(&columns));
        lines.push(vec![(Ink::Muted, self.ends(&scale, room))]);
        lines.extend(marks);
        lines.extend(self.legend_lines(&columns, room));
        let mut title = self.title.clone();
        if let Some(each) = scale.column_means(self.unit) {
            let _ = write!(title, " · one column is about {each}");
        }
        if let Some(highest) = highest {
            let highest = text::bytes(highest);
            let _ = write!(title, " · bars: uncompressed size, highest {highest}");
        }
        (title, lines)
    }

    /// Returns the lines of the bars, and the largest size in bytes (`None`: no size is known). If there are more sizes than columns,
    /// [`chart::lttb`] selects the sizes to draw.
    #[expect(
        clippy::cast_precision_loss,
        reason = "heights of bars need no exact digits"
    )]
    fn bars(&self, scale: &Scale, room: usize, rows: usize) -> (Vec<String>, Option<i64>) {
        if rows == 0 {
            return (Vec::new(), None);
        }
        let mut ranges: Vec<(i64, i64, Option<i64>)> = Vec::new();
        for slice in &self.slices {
            match ranges.last_mut() {
                Some((start, end, bytes)) if (*start, *end) == (slice.start, slice.end) => {
                    *bytes = bytes.zip(slice.bytes).map(|(a, b)| a + b);
                }
                _ => ranges.push((slice.start, slice.end, slice.bytes)),
            }
        }
        let known = ranges.iter().filter_map(|(.., bytes)| *bytes);
        let Some(highest) = known.max().filter(|highest| *highest > 0) else {
            return (Vec::new(), None);
        };
        let points: Vec<(f64, f64)> = ranges
            .iter()
            .filter_map(|(start, _, bytes)| Some((scale.place(*start), (*bytes)? as f64)))
            .collect();
        let by_range: Vec<(i64, i64, f64)> = ranges
            .iter()
            .filter_map(|(start, end, bytes)| Some((*start, *end, (*bytes)? as f64)))
            .collect();
        let mut values: Vec<Option<f64>> = vec![None; room];
        let mut raise = |(start, end, bytes): (i64, i64, f64), only_empty: bool| {
            let (first, after) = scale.span(start, end);
            for value in &mut values[first..after] {
                if !only_empty || value.is_none() {
                    *value = Some(value.map_or(bytes, |had| had.max(bytes)));
                }
            }
        };
        for at in chart::lttb(&points, room) {
            raise(by_range[at], false);
        }
        for range in by_range {
            raise(range, true);
        }
        (chart::bars(&values, rows), Some(highest))
    }

    fn point(&self, raw: i64) -> String {
        to_the_minute(Point {
            axis: self.unit,
            raw,
        })
    }

    fn ends(&self, scale: &Scale, room: usize) -> String {
        let (from, to) = (self.point(scale.first()), self.point(scale.last()));
        let between = room.saturating_sub(text::width(&from) + text::width(&to));
        text::cut(&format!("{from}{}{to}", " ".repeat(between.max(1))), room)
    }

    fn marks_in_order(&self) -> Vec<&Mark> {
        let mut marks: Vec<&Mark> = self.marks.iter().collect();
        marks.sort_by_key(|mark| match mark.place {
            Place::At(at) => (at, 0),
            Place::Window { to, .. } => (to, 1),
            Place::Nowhere => (i64::MAX, 2),
        });
        marks
    }

    fn legend_lines(&self, columns: &[Column], room: usize) -> Vec<InkedLine> {
        let mut items: Vec<(Ink, char, String)> = self
            .legend
            .iter()
            .map(|(cell, meaning)| (ink(*cell), cell.sign, meaning.clone()))
            .collect();
        if columns.contains(&Column::Torn) {
            items.push((Ink::Muted, '~', "a long gap, shortened".to_owned()));
        }
        let mut lines: Vec<InkedLine> = Vec::new();
        let mut used = room + 1;
        for (ink, sign, meaning) in items {
            let wants = text::width(&meaning).min(room - 5) + 5;
            if used + wants > room {
                lines.push(Vec::new());
                used = 0;
            }
            if let Some(line) = lines.last_mut() {
                line.push((ink, sign.to_string()));
                line.push((Ink::Muted, format!(" {}   ", text::cut(&meaning, room - 5))));
            }
            used += wants;
        }
        lines
    }
}

fn states(columns: &[Column]) -> InkedLine {
    let mut line: InkedLine = Vec::new();
    for column in columns {
        let (ink, sign) = match column {
            Column::Empty => (Ink::Text, ' '),
            Column::Torn => (Ink::Muted, '~'),
            Column::Edge(cell) => (ink(*cell), '|'),
            Column::Chunk(cell) => (ink(*cell), cell.sign),
        };
        match line.last_mut() {
            Some((last, text)) if *last == ink => text.push(sign),
            _ => line.push((ink, sign.to_string())),
        }
    }
    line
}

fn ink(cell: MapCell) -> Ink {
    // An uncompressed chunk is neither good nor bad, so its sign is muted. Muting also distinguishes it from a compressed chunk (`#`)
    // if the theme has no colour for the level Ok.
    if matches!(cell.sign, '.' | '░') {
        Ink::Muted
    } else {
        Ink::Level(cell.level)
    }
}

/// Text of a point of the time dimension, in UTC and without seconds.
pub(super) fn to_the_minute(point: Point) -> String {
    let raw = if point.axis == Axis::Integer || !Stamp(point.raw).is_finite() {
        point.raw
    } else {
        point.raw.saturating_sub(point.raw.rem_euclid(60_000_000))
    };
    text::point_in_utc(Point { raw, ..point })
}
