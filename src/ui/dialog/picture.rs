//! Draws the effect of a policy's change: two strips of chunks on one scale, with counts, limits and legend.

use ratatui::text::{Line, Span};

use crate::app::theme::Theme;
use crate::model::picture::{Picture, State};
use crate::model::text;
use crate::model::verdict::Level;
use crate::screens::axis::{InkedLine, MapCell, Mark, Place, Slice, TimeAxis};
use crate::ui::details::inked;

/// Width of a strip's label, in cells.
const LABEL: usize = 7;
/// Minimum width of a strip, in cells.
const NARROWEST: usize = 24;

/// The drawing in at most `height` lines; empty if there is no room for both strips and one line for the axis.
pub(super) fn lines(
    picture: &Picture,
    width: usize,
    height: usize,
    theme: &Theme,
) -> Vec<Line<'static>> {
    let counts = picture.strips.iter().map(|strip| text::width(&strip.count));
    let count = counts.max().unwrap_or(0);
    let room = width.saturating_sub(LABEL + count + 3);
    if height < picture.strips.len() + 1 || room < NARROWEST || picture.chunks.is_empty() {
        return Vec::new();
    }
    let cells: Vec<Vec<MapCell>> = picture
        .strips
        .iter()
        .map(|strip| strip.states.iter().map(|state| cell(*state)).collect())
        .collect();
    let drawn = axis(picture).strips(&cells, room, width - LABEL, height);
    let mut lines = Vec::new();
    for (nth, line) in drawn.into_iter().enumerate() {
        let (label, sum) = picture
            .strips
            .get(nth)
            .map_or(("", ""), |strip| (strip.label, strip.count.as_str()));
        lines.push(with_label(label, line, sum, room, theme));
    }
    lines
}

fn with_label(
    label: &str,
    line: InkedLine,
    sum: &str,
    room: usize,
    theme: &Theme,
) -> Line<'static> {
    let used: usize = line.iter().map(|(_, text)| text::width(text)).sum();
    let mut spans = vec![Span::styled(text::pad(label, LABEL), theme.style("muted"))];
    spans.extend(inked(line, theme).spans);
    if !sum.is_empty() {
        let gap = " ".repeat(room.saturating_sub(used) + 2);
        spans.push(Span::styled(format!("{gap}{sum}"), theme.style("text")));
    }
    Line::from(spans)
}

/// The axis; its legend has only the states that occur.
fn axis(picture: &Picture) -> TimeAxis {
    let left = cell(State::Left);
    let slices = picture.chunks.iter().map(|(start, end)| Slice {
        start: *start,
        end: *end,
        cell: left,
        bytes: None,
    });
    let marks = picture.marks.iter().map(|limit| Mark {
        sign: limit.sign,
        label: limit.label.clone(),
        level: Level::Ok,
        place: Place::At(limit.at),
    });
    let occurs = |state: State| {
        let mut strips = picture.strips.iter();
        strips.any(|strip| strip.states.contains(&state))
    };
    let legend = picture.legend.iter().filter(|(state, _)| occurs(*state));
    TimeAxis {
        title: String::new(),
        unit: picture.axis,
        slices: slices.collect(),
        legend: legend
            .map(|(state, words)| (cell(*state), (*words).to_owned()))
            .collect(),
        marks: marks.collect(),
    }
}

fn cell(state: State) -> MapCell {
    let (sign, level) = match state {
        State::Done => ('█', Level::Ok),
        State::Taken => ('▒', Level::Notice),
        State::Dropped => ('▒', Level::Warning),
        State::Left => ('░', Level::Ok),
        State::Frozen => ('F', Level::Unknown),
        State::Lost => ('X', Level::Critical),
    };
    MapCell { sign, level }
}
