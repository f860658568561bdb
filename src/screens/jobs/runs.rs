//! A job's runs on the time axis: the runs of the last 24 hours, and the planned runs of the next 24 hours.

use super::row::Row;
use crate::model::moment::{Axis, Stamp};
use crate::model::text;
use crate::model::verdict::Level;
use crate::screens::axis::{MapCell, Mark, Place, Slice, TimeAxis};
use crate::screens::record::Section;

/// Width of a slice of the axis: half an hour, in microseconds.
const PIECE: i64 = 1_800_000_000;
/// Number of slices before the present time, and the same number after it.
const PIECES: i64 = 48;
/// Maximum number of planned starts that are computed.
const MOST_STARTS: usize = 2880;

const NOTHING: MapCell = MapCell {
    sign: '.',
    level: Level::Ok,
};
const DONE: MapCell = MapCell {
    sign: '#',
    level: Level::Ok,
};
const FAILED: MapCell = MapCell {
    sign: 'X',
    level: Level::Critical,
};
const PLANNED: MapCell = MapCell {
    sign: '>',
    level: Level::Ok,
};

/// `past`: start of each recorded run, and whether it succeeded. `logged`: whether successes are recorded, too.
pub(super) fn axis(row: &Row, past: &[(Stamp, bool)], logged: bool, now: Stamp) -> Section {
    let first = now.0.saturating_sub(PIECES * PIECE);
    let piece = |at: Stamp| {
        let piece = at.0.saturating_sub(first).div_euclid(PIECE);
        usize::try_from(piece)
            .ok()
            .filter(|piece| *piece < pieces())
    };
    let mut cells = vec![NOTHING; pieces()];
    let (mut done, mut failed) = (0, 0);
    for (at, succeeded) in past {
        let Some(nth) = piece(*at) else { continue };
        *(if *succeeded { &mut done } else { &mut failed }) += 1;
        if cells[nth] != FAILED {
            cells[nth] = if *succeeded { DONE } else { FAILED };
        }
    }
    let starts = starts(row, now);
    for nth in starts.iter().filter_map(|at| piece(*at)) {
        if cells[nth] == NOTHING {
            cells[nth] = PLANNED;
        }
    }
    let slices = cells.iter().zip(0..).map(|(cell, nth)| Slice {
        start: first.saturating_add(nth * PIECE),
        end: first.saturating_add((nth + 1) * PIECE),
        cell: *cell,
        bytes: None,
    });
    let planned = i64::try_from(starts.len()).unwrap_or(i64::MAX);
    let nothing = if logged {
        "no run"
    } else {
        "no failure on record (successes are not logged)"
    };
    let legend = [
        (FAILED, format!("failed {failed}"), failed > 0),
        (DONE, format!("succeeded {done}"), done > 0),
        (
            PLANNED,
            format!("planned {}", text::count(planned)),
            planned > 0,
        ),
        (NOTHING, nothing.to_owned(), true),
    ];
    let legend = legend.into_iter().filter(|(.., drawn)| *drawn);
    Section::Axis(TimeAxis {
        title: "Runs: the last and the next 24 hours (UTC)".to_owned(),
        unit: Axis::TimestampTz,
        slices: slices.collect(),
        marks: vec![Mark {
            sign: 'N',
            label: "now".to_owned(),
            level: Level::Ok,
            place: Place::At(now.0),
        }],
        legend: legend.map(|(cell, words, _)| (cell, words)).collect(),
    })
}

fn pieces() -> usize {
    usize::try_from(2 * PIECES).unwrap_or(0)
}

/// Planned starts of the next 24 hours, as if each run took no time.
fn starts(row: &Row, now: Stamp) -> Vec<Stamp> {
    let end = Stamp(now.0.saturating_add(PIECES * PIECE));
    let every = row.schedule.seconds.max(1.0);
    let next = row.next_start();
    std::iter::successors(next, |at| Some(at.plus_seconds(every)))
        .take_while(|at| *at < end)
        .filter(|at| *at >= now)
        .take(MOST_STARTS)
        .collect()
}
