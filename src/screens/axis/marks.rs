//! Draws the marks of policies, aggregates and the current time on the axis, each with its label.

use super::parts::{Ink, InkedLine, Mark, Place};
use super::scale::Scale;
use crate::model::text;
use crate::model::verdict::Level;

/// Minimum number of cells between two marks on one line.
const GAP: usize = 2;

/// Draws a mark without a position on the axis: a line of text.
pub(super) fn note(mark: &Mark, room: usize) -> InkedLine {
    vec![(level_ink(mark.level), text::cut(&mark.label, room))]
}

pub(super) fn mark_lines(mark: &Mark, scale: &Scale, room: usize) -> Vec<InkedLine> {
    let (first, glyphs) = match mark.place {
        Place::Nowhere => return vec![note(mark, room)],
        Place::At(at) => (scale.column(at), at_glyphs(mark.sign, at, scale)),
        Place::Window { from, to, letter } => window_glyphs(mark.sign, (from, to, letter), scale),
    };
    // Glyphs that would cross the right edge are moved to the left.
    let first = first.min(room.saturating_sub(text::width(&glyphs)));
    let line = |text| vec![(level_ink(mark.level), text)];
    labelled(first, &glyphs, &mark.label, room)
        .into_iter()
        .map(line)
        .collect()
}

/// As [`mark_lines`] for several marks; marks that do not overlap share a line.
pub(super) fn packed(marks: &[&Mark], scale: &Scale, room: usize) -> Vec<InkedLine> {
    let mut lines: Vec<Vec<(usize, Ink, String)>> = Vec::new();
    for mark in marks {
        let drawn = mark_lines(mark, scale, room);
        let alone = drawn.len() > 1;
        for (ink, text) in drawn.into_iter().flatten() {
            let bare = text.trim_start();
            let start = text::width(&text) - text::width(bare);
            let after = start + text::width(bare) + GAP;
            let free = |line: &&mut Vec<(usize, Ink, String)>| {
                line.iter()
                    .all(|(at, _, other)| at + text::width(other) + GAP <= start || after <= *at)
            };
            let piece = (start, ink, bare.to_owned());
            match lines.iter_mut().find(free).filter(|_| !alone) {
                Some(line) => line.push(piece),
                None => lines.push(vec![piece]),
            }
        }
    }
    lines.into_iter().map(joined).collect()
}

fn joined(mut pieces: Vec<(usize, Ink, String)>) -> InkedLine {
    pieces.sort_by_key(|(start, ..)| *start);
    let mut used = 0;
    let place = |(start, ink, text): (usize, Ink, String)| {
        let indent = " ".repeat(start.saturating_sub(used));
        used = start + text::width(&text);
        (ink, format!("{indent}{text}"))
    };
    pieces.into_iter().map(place).collect()
}

/// Column of the first glyph, and the glyphs of a refresh window: two brackets, with the mark's letter inside or beside them.
fn window_glyphs(
    sign: char,
    (from, to, letter): (Option<i64>, i64, Option<i64>),
    scale: &Scale,
) -> (usize, String) {
    let end = scale.column(to);
    // Two different columns, so that both brackets are visible.
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

/// The mark's letter, with an arrow if its point is outside the axis.
fn at_glyphs(sign: char, at: i64, scale: &Scale) -> String {
    if at < scale.first() {
        format!("<{sign}")
    } else if at > scale.last() {
        format!("{sign}>")
    } else {
        sign.to_string()
    }
}

/// The glyphs at their column, with the label beside them. If the label does not fit, its last part (after a comma) is left out. If it
/// still does not fit, the whole label gets a line of its own.
fn labelled(first: usize, glyphs: &str, label: &str, room: usize) -> Vec<String> {
    let short = label.rsplit_once(", ").map_or(label, |(head, _)| head);
    let together =
        next_to(first, glyphs, label, room).or_else(|| next_to(first, glyphs, short, room));
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

/// The glyphs with the label to the right of them, else to the left, else inside; `None`: no room.
fn next_to(first: usize, glyphs: &str, label: &str, room: usize) -> Option<String> {
    let after = first + text::width(glyphs);
    let needed = text::width(label) + 1;
    let indent = " ".repeat(first);
    if after + needed <= room {
        Some(format!("{indent}{glyphs} {label}"))
    } else if needed <= first {
        Some(format!("{}{label} {glyphs}", " ".repeat(first - needed)))
    } else {
        inside(&indent, glyphs, label)
    }
}

/// The glyphs of a refresh window, with the label between its brackets. The label must not cover the letter. `None`: no room.
fn inside(indent: &str, glyphs: &str, label: &str) -> Option<String> {
    let signs: Vec<char> = glyphs.chars().collect();
    let needed = text::width(label) + 2;
    let free = |at: &usize| signs[*at..*at + needed].iter().all(|sign| *sign == '=');
    let at = (2..(signs.len() + 1).saturating_sub(needed)).find(free)?;
    let part = |signs: &[char]| signs.iter().collect::<String>();
    let (head, tail) = (part(&signs[..at]), part(&signs[at + needed..]));
    Some(format!("{indent}{head} {label} {tail}"))
}

fn level_ink(level: Level) -> Ink {
    if level == Level::Ok {
        Ink::Text
    } else {
        Ink::Level(level)
    }
}
