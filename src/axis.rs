//! The time axis of a hypertable's chunks, drawn in signs: states, bytes, and what policies cut it by.

use std::fmt::Write;

use crate::chart;
use crate::record::MapCell;
use crate::text;
use crate::value::{Axis, Point, Stamp};
use crate::verdict::Level;

/// The narrowest axis that says anything.
const NARROWEST: usize = 20;

/// Chunks on their time dimension, and what cuts it.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeAxis {
    pub title: String,
    pub unit: Axis,
    /// Oldest first; several may share a range (space partitions).
    pub slices: Vec<Slice>,
    pub marks: Vec<Mark>,
    /// What each sign means, and how many chunks it stands for.
    pub legend: Vec<(MapCell, String)>,
}

/// One chunk.
#[derive(Debug, Clone, PartialEq)]
pub struct Slice {
    pub start: i64,
    pub end: i64,
    pub cell: MapCell,
    /// As written, before any compression; `None`: not known.
    pub bytes: Option<i64>,
}

/// What a policy, an aggregate or the clock cuts the axis by.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// The letter at the place.
    pub sign: char,
    pub label: String,
    /// `Ok`: as planned; a paused or failing policy is worse.
    pub level: Level,
    pub place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    At(i64),
    /// A refresh window; without `from` it reaches back to the beginning. The letter stands at `letter`.
    Window {
        from: Option<i64>,
        to: i64,
        letter: Option<i64>,
    },
    /// It has no place on this axis; the label says why.
    Nowhere,
}

/// What a piece of a line is, for its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    Text,
    Muted,
    Level(Level),
}

pub type InkedLine = Vec<(Ink, String)>;

impl TimeAxis {
    /// The title with what a column stands for, and the lines under it, none wider than `width`.
    pub fn draw(&self, width: usize) -> (String, Vec<InkedLine>) {
        let room = width.max(NARROWEST);
        let Some(scale) = Scale::new(self, room) else {
            let mut lines = vec![vec![(Ink::Muted, "no chunk yet".to_owned())]];
            lines.extend(self.marks.iter().map(|mark| note(mark, room)));
            return (self.title.clone(), lines);
        };
        let columns = scale.columns(&self.slices);
        let (bars, highest) = self.bars(&scale, room);
        let mut lines: Vec<InkedLine> = bars
            .into_iter()
            .map(|bar| vec![(Ink::Muted, bar)])
            .collect();
        lines.push(states(&columns));
        lines.push(vec![(Ink::Muted, self.ends(&scale, room))]);
        lines.extend(self.mark_lines(&scale, room));
        lines.extend(self.legend_lines(&columns, room));
        let mut title = self.title.clone();
        if let Some(each) = scale.column_means(self.unit) {
            let _ = write!(title, " · a column is about {each}");
        }
        if let Some(highest) = highest {
            let highest = text::bytes(highest);
            let _ = write!(title, " · bars: bytes as written, highest {highest}");
        }
        (title, lines)
    }

    /// Bytes by range, where any are known; long series keep the shape that LTTB keeps.
    #[expect(
        clippy::cast_precision_loss,
        reason = "the height of a bar, the place in a series"
    )]
    fn bars(&self, scale: &Scale, room: usize) -> (Vec<String>, Option<i64>) {
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
        (chart::bars(&values, 2), Some(highest))
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

    fn mark_lines(&self, scale: &Scale, room: usize) -> Vec<InkedLine> {
        let mut marks: Vec<&Mark> = self.marks.iter().collect();
        marks.sort_by_key(|mark| match mark.place {
            Place::At(at) => (at, 0),
            Place::Window { to, .. } => (to, 1),
            Place::Nowhere => (i64::MAX, 2),
        });
        marks
            .into_iter()
            .flat_map(|mark| mark_lines(mark, scale, room))
            .collect()
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

/// A place without seconds, which say nothing on an axis.
pub fn to_the_minute(point: Point) -> String {
    let raw = if point.axis == Axis::Integer || !Stamp(point.raw).is_finite() {
        point.raw
    } else {
        point.raw.saturating_sub(point.raw.rem_euclid(60_000_000))
    };
    text::point(Point { raw, ..point })
}

fn ink(cell: MapCell) -> Ink {
    // What is not compressed is neither good nor bad.
    if cell.sign == '.' {
        Ink::Text
    } else {
        Ink::Level(cell.level)
    }
}

/// What one column of the axis shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Empty,
    /// A gap that is longer than it is drawn.
    Torn,
    /// Where a chunk begins that is several columns wide.
    Edge(MapCell),
    Chunk(MapCell),
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

/// From the dimension to columns: in proportion, but gaps much longer than the chunks are shortened, so that one row
/// of the year 1970 or 2099 does not squeeze all others into one column.
#[derive(Debug)]
struct Scale {
    /// A place on the dimension, and its position; rising.
    knots: Vec<(i64, f64)>,
    /// The gaps that are shortened.
    torn: Vec<(i64, i64)>,
    total: f64,
    room: usize,
    /// How many columns a chunk has, in the middle of all.
    chunk: f64,
}

#[expect(
    clippy::cast_precision_loss,
    reason = "positions are fractions of a screen"
)]
fn length(from: i64, to: i64) -> f64 {
    to as f64 - from as f64
}

impl Scale {
    #[expect(clippy::cast_precision_loss, reason = "a width of the screen")]
    fn new(axis: &TimeAxis, room: usize) -> Option<Self> {
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

    fn first(&self) -> i64 {
        self.knots.first().map_or(0, |knot| knot.0)
    }

    fn last(&self) -> i64 {
        self.knots.last().map_or(0, |knot| knot.0)
    }

    /// The position in columns; what lies outside is put to the edge.
    #[expect(clippy::cast_precision_loss, reason = "a position on the screen")]
    fn place(&self, raw: i64) -> f64 {
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
        reason = "a column of the screen"
    )]
    fn column(&self, raw: i64) -> usize {
        (self.place(raw) as usize).min(self.room - 1)
    }

    /// The columns of a range, at least one.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a column of the screen"
    )]
    fn span(&self, start: i64, end: i64) -> (usize, usize) {
        let first = (self.place(start).round() as usize).min(self.room - 1);
        let after = (self.place(end).round() as usize).min(self.room);
        (first, after.max(first + 1))
    }

    /// The worst chunk of each column.
    fn columns(&self, slices: &[Slice]) -> Vec<Column> {
        let mut columns = vec![Column::Empty; self.room];
        for (from, to) in &self.torn {
            let (first, after) = self.span(*from, *to);
            columns[first..after].fill(Column::Torn);
        }
        // Worse hides better; of equals, what is not compressed yet.
        let weight = |cell: MapCell| (cell.level, cell.sign == '.');
        let edges = self.chunk >= 4.0;
        for slice in slices.iter().filter(|slice| slice.start < slice.end) {
            let (first, after) = self.span(slice.start, slice.end);
            for (nth, column) in columns[first..after].iter_mut().enumerate() {
                let hidden = match column {
                    Column::Empty | Column::Torn => true,
                    Column::Edge(had) | Column::Chunk(had) => weight(*had) < weight(slice.cell),
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

    /// How much of the dimension one column is; `None` where shortened gaps make that a lie, or a column is less than a chunk.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "two digits are said"
    )]
    fn column_means(&self, unit: Axis) -> Option<String> {
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

/// A mark that has no place.
fn note(mark: &Mark, room: usize) -> InkedLine {
    vec![(level_ink(mark.level), text::cut(&mark.label, room))]
}

fn level_ink(level: Level) -> Ink {
    if level == Level::Ok {
        Ink::Text
    } else {
        Ink::Level(level)
    }
}

fn mark_lines(mark: &Mark, scale: &Scale, room: usize) -> Vec<InkedLine> {
    let (first, glyphs) = match mark.place {
        Place::Nowhere => return vec![note(mark, room)],
        Place::At(at) => (scale.column(at), at_glyphs(mark.sign, at, scale)),
        Place::Window { from, to, letter } => window_glyphs(mark.sign, (from, to, letter), scale),
    };
    // At the right edge a sign of two cells has to begin earlier.
    let first = first.min(room.saturating_sub(text::width(&glyphs)));
    let line = |text| vec![(level_ink(mark.level), text)];
    labelled(first, &glyphs, &mark.label, room)
        .into_iter()
        .map(line)
        .collect()
}

/// A window between its brackets, with the letter inside or beside it; where it begins.
fn window_glyphs(
    sign: char,
    (from, to, letter): (Option<i64>, i64, Option<i64>),
    scale: &Scale,
) -> (usize, String) {
    let end = scale.column(to);
    // Two brackets at least, so that it is seen to be a window.
    let start = from
        .map_or(0, |from| scale.column(from))
        .min(end.saturating_sub(1));
    let at = letter.map(|letter| scale.column(letter));
    let (first, last) = (start.min(at.unwrap_or(start)), end.max(at.unwrap_or(end)));
    let mut glyphs = vec![' '; last - first + 1];
    glyphs[start - first..=end - first].fill('=');
    let early = from.is_none_or(|from| from < scale.first());
    glyphs[start - first] = if early { '<' } else { '[' };
    glyphs[end - first] = if to > scale.last() { '>' } else { ']' };
    if let Some(at) = at {
        glyphs[at - first] = sign;
    }
    (first, glyphs.into_iter().collect())
}

/// A letter, with an arrow where its place is beyond the axis.
fn at_glyphs(sign: char, at: i64, scale: &Scale) -> String {
    if at < scale.first() {
        format!("<{sign}")
    } else if at > scale.last() {
        format!("{sign}>")
    } else {
        sign.to_string()
    }
}

/// The glyphs at their column with the label beside them: without its last part where the whole has no room there, on
/// a line of its own where that has none either.
fn labelled(first: usize, glyphs: &str, label: &str, room: usize) -> Vec<String> {
    let short = label.rsplit_once(", ").map_or(label, |(head, _)| head);
    let together =
        beside(first, glyphs, label, room).or_else(|| beside(first, glyphs, short, room));
    together.map_or_else(
        || {
            let label = text::cut(label, room);
            let indent = first.min(room - text::width(&label));
            vec![
                format!("{}{glyphs}", " ".repeat(first)),
                format!("{}{label}", " ".repeat(indent)),
            ]
        },
        |line| vec![line],
    )
}

/// To the right, else to the left, else inside; `None`: there is no room.
fn beside(first: usize, glyphs: &str, label: &str, room: usize) -> Option<String> {
    let after = first + text::width(glyphs);
    let wants = text::width(label) + 1;
    let indent = " ".repeat(first);
    if after + wants <= room {
        Some(format!("{indent}{glyphs} {label}"))
    } else if wants <= first {
        Some(format!("{}{label} {glyphs}", " ".repeat(first - wants)))
    } else {
        inside(&indent, glyphs, label)
    }
}

/// The label written into the first stretch of a window that has no letter in it.
fn inside(indent: &str, glyphs: &str, label: &str) -> Option<String> {
    let signs: Vec<char> = glyphs.chars().collect();
    let wants = text::width(label) + 2;
    let free = |at: &usize| signs[*at..*at + wants].iter().all(|sign| *sign == '=');
    let at = (2..(signs.len() + 1).saturating_sub(wants)).find(free)?;
    let part = |signs: &[char]| signs.iter().collect::<String>();
    let (head, tail) = (part(&signs[..at]), part(&signs[at + wants..]));
    Some(format!("{indent}{head} {label} {tail}"))
}

#[cfg(test)]
mod tests;
