//! What policies, aggregates and the clock cut the axis by: a line each, the label beside its sign.

use super::parts::{Ink, InkedLine, Mark, Place};
use super::scale::Scale;
use crate::model::text;
use crate::model::verdict::Level;

/// A mark that has no place.
pub(super) fn note(mark: &Mark, room: usize) -> InkedLine {
    vec![(level_ink(mark.level), text::cut(&mark.label, room))]
}

pub(super) fn mark_lines(mark: &Mark, scale: &Scale, room: usize) -> Vec<InkedLine> {
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

fn level_ink(level: Level) -> Ink {
    if level == Level::Ok {
        Ink::Text
    } else {
        Ink::Level(level)
    }
}
