//! An aggregate on the time axis: materialized range, refresh window, and changed ranges.

use super::row::Row;
use crate::model::moment::{Axis, Point};
use crate::model::text;
use crate::model::verdict::Level;
use crate::screens::axis::{MapCell, Mark, Place, Slice, TimeAxis, to_the_minute};
use crate::screens::record::Section;
use crate::server::known::At;

const DONE: MapCell = MapCell {
    sign: '#',
    level: Level::Ok,
};
const MISSING: MapCell = MapCell {
    sign: '.',
    level: Level::Ok,
};
const CHANGED: MapCell = MapCell {
    sign: '!',
    level: Level::Warning,
};
const NEVER: MapCell = MapCell {
    sign: '-',
    level: Level::Notice,
};

/// A changed range that is not refreshed yet.
pub(super) struct Changed {
    /// `None`: history that was never materialized.
    pub from: Option<i64>,
    pub to: i64,
}

const LEGEND: [(MapCell, &str); 4] = [
    (DONE, "materialized"),
    (MISSING, "not materialized yet"),
    (NEVER, "history never materialized"),
    (CHANGED, "changed, waits for a refresh"),
];

/// Draws an aggregate on the time axis. `changed`: ranges that wait for a refresh, including history that was never materialized. Returns
/// `None` if the start or the end of the axis is unknown.
pub(super) fn strip(row: &Row, changed: &[Changed], at: &At) -> Option<Section> {
    let now = (row.axis != Axis::Integer).then(|| row.now(at));
    let newest = row.newest_end().or(row.newest_row());
    let done = row.covered(at);
    let place = |raw: &i64| row.axis.is_place(*raw) && *raw < i64::MAX;
    let window = window(row, now);
    let ends = [now, newest, done, row.watermark, window.map(|(_, to)| to)];
    let end = ends.into_iter().flatten().filter(place).max()?;
    let oldest = row.waits.source_start.filter(place);
    // Before the source's oldest chunk there are no rows to refresh.
    let kept = |from: i64| oldest.map_or(from, |oldest| oldest.max(from));
    let first = changed.iter().filter_map(|range| range.from.map(kept));
    let open = window.is_some_and(|(from, _)| from.is_none());
    let starts = [
        window.and_then(|(from, _)| from),
        done,
        oldest.filter(|_| open),
    ];
    let starts = starts.into_iter().flatten().chain(first);
    let start = starts.filter(place).min()?;
    // The axis begins earlier by an eighth of its length, so that the end of the materialized range is visible.
    let start = start.saturating_sub((end.saturating_sub(start) / 8).max(1));
    let slice = |from: i64, to: i64, cell| Slice {
        start: from.max(start),
        end: to.min(end),
        cell,
        bytes: None,
    };
    let mut slices = Vec::new();
    slices.extend(done.map(|done| slice(start, done, DONE)));
    let from = done.unwrap_or(start);
    slices.extend(
        newest
            .filter(|newest| *newest > from)
            .map(|to| slice(from, to, MISSING)),
    );
    slices.extend(changed.iter().map(|range| {
        let cell = range.from.map_or(NEVER, |_| CHANGED);
        let from = range.from.map_or(start, kept);
        slice(from, range.to.saturating_add(1), cell)
    }));
    slices.retain(|slice| slice.start < slice.end);
    let is_drawn = |cell: MapCell| slices.iter().any(|slice| slice.cell == cell);
    let legend = LEGEND.iter().filter(|(cell, _)| is_drawn(*cell));
    Some(Section::Axis(TimeAxis {
        title: match row.axis {
            Axis::TimestampTz => "Refresh on the time axis (UTC)".to_owned(),
            _ => "Refresh on the time axis".to_owned(),
        },
        unit: row.axis,
        legend: legend
            .map(|(cell, meaning)| (*cell, (*meaning).to_owned()))
            .collect(),
        slices,
        marks: marks(row, now, window),
    }))
}

/// Start and end of the policy's refresh window; `None`: no policy, or unknown. The start alone is `None` if it is unknown, or if the
/// window has no start.
#[expect(
    clippy::cast_possible_truncation,
    reason = "an offset in microseconds is below 2^63"
)]
fn window(row: &Row, now: Option<i64>) -> Option<(Option<i64>, i64)> {
    row.policy.as_ref()?;
    let back = match (&row.end_offset, row.end_seconds) {
        (None, _) => 0,
        (Some(_), Some(seconds)) => (seconds * 1e6) as i64,
        (Some(_), None) => return None,
    };
    let from = row.waits.reach_from.filter(|from| row.axis.is_place(*from));
    Some((from, now?.saturating_sub(back)))
}

fn marks(row: &Row, now: Option<i64>, window: Option<(Option<i64>, i64)>) -> Vec<Mark> {
    let words = |raw: i64| {
        to_the_minute(Point {
            axis: row.axis,
            raw,
        })
    };
    let watermark = row.watermark.filter(|raw| row.axis.is_place(*raw));
    let mark = |sign, label, level, place| Mark {
        sign,
        label,
        level,
        place,
    };
    let mut marks = Vec::new();
    marks.extend(now.map(|now| {
        mark(
            'N',
            format!("now {}", words(now)),
            Level::Ok,
            Place::At(now),
        )
    }));
    let newest = row.newest_row().map(|raw| {
        let label = format!("newest row of {} {}", row.source(), words(raw));
        mark('S', label, Level::Ok, Place::At(raw))
    });
    marks.extend(newest);
    let done = watermark.map_or("no watermark".to_owned(), |raw| {
        format!("watermark W {}", words(raw))
    });
    let (state, level) = match &row.policy {
        None => ("no refresh policy", Level::Notice),
        Some(policy) if !policy.scheduled => ("refresh window (paused)", Level::Notice),
        Some(policy) if policy.consecutive_failures > 0 => {
            ("refresh window (failing)", Level::Warning)
        }
        Some(_) => ("refresh window", Level::Ok),
    };
    let (place, label) = match (window, watermark) {
        (Some((from, to)), letter) => {
            let offset = |offset: &Option<String>, none: &str| {
                offset.as_deref().map_or(none.to_owned(), text::interval)
            };
            let reach = format!(
                "{} to {} ago",
                offset(&row.start_offset, "from the beginning"),
                offset(&row.end_offset, "0s")
            );
            (
                Place::Window { from, to, letter },
                format!("{state} {reach}, {done}"),
            )
        }
        (None, Some(raw)) => (Place::At(raw), format!("{state}, {done}")),
        (None, None) => (Place::Nowhere, format!("{state}, {done}")),
    };
    marks.push(mark('W', label, level, place));
    marks
}
