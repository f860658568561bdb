//! Drawing of the source chunks that the next run of a refresh policy reads, before and after a change.

use super::timeline::Timeline;
use super::what_if::Setting;
use super::window::Window;
use crate::model::picture::{Limit, Picture, State, Strip};
use crate::model::text;

/// Draws the newest chunks of the source twice: as the next run would read them under the present settings `before`, and under the new
/// settings `after`. A new policy has no `before`. Returns `None` if "now" is unknown.
pub(super) fn picture(
    place: &Timeline,
    before: Option<&Setting>,
    after: &Setting,
) -> Option<Box<Picture>> {
    // The facts list the newest chunk first; the drawing starts with the oldest.
    let chunks: Vec<_> = place.level.slices.iter().rev().collect();
    let strip = |label, setting: Option<&Setting>| {
        // A new policy has no window before the change. If "now" is unknown, nothing is drawn.
        let window = match setting {
            Some(setting) => Some(setting.window(place)?),
            None => None,
        };
        let states = chunks.iter().map(|(low, high, _)| match window {
            Some(window) if meets(window, *low, *high) => {
                if is_lost(place, *low, *high) {
                    State::Lost
                } else {
                    State::Taken
                }
            }
            _ => State::Left,
        });
        let states: Vec<State> = states.collect();
        let read = chunks.iter().zip(&states);
        let read = read.filter(|(_, state)| **state != State::Left);
        let read: i64 = read.map(|((.., many), _)| many).sum();
        Some(Strip {
            label,
            states,
            count: format!("reads {}", text::plural(read, "chunk")),
        })
    };
    let strips = vec![strip("before", before)?, strip("after", Some(after))?];
    let limit = |sign, label: &str, at: Option<i64>| {
        at.map(|at| Limit {
            sign,
            label: label.to_owned(),
            at,
        })
    };
    let marks = [
        limit('N', "now", place.now.at),
        limit('R', "refreshed to", place.level.refreshed()),
    ];
    Some(Box::new(Picture {
        axis: place.axis(),
        chunks: chunks.iter().map(|(low, high, _)| (*low, *high)).collect(),
        strips,
        marks: marks.into_iter().flatten().collect(),
        legend: vec![
            (State::Taken, "the next run refreshes changes there"),
            (State::Left, "outside its window"),
            (State::Lost, "a refresh deletes rows there"),
        ],
    }))
}

/// True if a refresh deletes rows of this range.
fn is_lost(place: &Timeline, low: i64, high: i64) -> bool {
    let mut lost = place.lost.iter();
    lost.any(|lost| low < lost.to && lost.from.is_none_or(|from| from < high))
}

fn meets(window: Window, low: i64, high: i64) -> bool {
    window.from.is_none_or(|from| from < high) && window.to.is_none_or(|to| low < to)
}
