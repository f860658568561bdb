//! The columns of a table that fit, with their positions and widths.

use ratatui::layout::Rect;

use crate::model::value::Value;
use crate::screens::record::{Column, Record};
use crate::screens::table::{Drawn, Shown, Table, cell_width, shown};
use crate::server::known::At;

/// Cells before the first column: the level's sign and a mark or a space.
pub(super) const SIGN: u16 = 2;

pub(super) struct Placed<R: 'static> {
    pub(super) column: &'static Column<R>,
    /// Index among the columns of the screen that have a heading.
    pub(super) index: usize,
    pub(super) left: u16,
    pub(super) width: u16,
}

/// The width of the longest number of each column in the visible rows, because a number is never cut; 0 for other columns.
pub(super) fn figures<R: Record>(rows: &[Shown<R>], at: &At) -> Vec<u16> {
    let longest = |column: &'static Column<R>| {
        let is_number = |row: &&Shown<R>| {
            column.right && !matches!((column.value)(row.row, at), Value::Text(_))
        };
        let numbers = rows.iter().filter(is_number);
        numbers.map(|row| cell_width(column, row.row, at)).max()
    };
    shown::<R>()
        .map(|column| longest(column).unwrap_or(0))
        .collect()
}

/// Visible columns and their positions: the most important columns that fit. In wide mode: the first column, and the columns up to the
/// selected one.
pub(super) fn place<R: Record>(
    table: &mut Table<R>,
    area: Rect,
    wide: bool,
    needs: &[u16],
) -> Vec<Placed<R>> {
    let all: Vec<_> = shown::<R>().collect();
    let chosen = table.chosen_columns();
    let width = area.width.saturating_sub(SIGN);
    let kept = if wide {
        let wanted: Vec<_> = chosen
            .iter()
            .map(|&index| all[index].width.max(needs[index]) + 1)
            .collect();
        let cursor = table.column.saturating_sub(1);
        let cursor = chosen.iter().rposition(|&index| index <= cursor);
        let kept = scrolled(&wanted, cursor.unwrap_or(0), width);
        kept.into_iter().map(|nth| chosen[nth]).collect()
    } else {
        fitting(table, &all, chosen, (width, needs))
    };
    let widths = widths(table, &all, &kept, (width, needs));
    let mut left = SIGN;
    let mut placed = Vec::new();
    for (index, width) in kept.into_iter().zip(widths) {
        let column = all[index];
        let width = width.min(area.width.saturating_sub(left));
        placed.push(Placed {
            column,
            index,
            left,
            width,
        });
        left += width + 1;
    }
    let drawn = placed.iter().map(|place| Drawn {
        index: place.index,
        left: area.x + place.left,
        width: place.width,
    });
    table.set_drawn(drawn.collect());
    placed
}

/// Columns of the rows below a group's line. The group's line shows the value of the first column, so the second column takes the position
/// of the first.
pub(super) fn below_head<R: Record>(placed: &[Placed<R>]) -> Vec<Placed<R>> {
    let (Some(first), Some(column)) = (placed.first(), shown::<R>().nth(1)) else {
        return Vec::new();
    };
    let second = placed.iter().find(|place| place.index == 1);
    let name = Placed {
        column,
        index: 1,
        left: first.left,
        width: first.width + second.map_or(0, |second| second.width + 1),
    };
    let rest = placed.iter().filter(|place| place.index > 1);
    let rest = rest.map(|place| Placed { ..*place });
    std::iter::once(name).chain(rest).collect()
}

/// From this width on, in cells, further columns are shown only if the names in the first column still fit, up to [`long_name`].
const NAMES_FIRST: u16 = 98;

/// Maximum width of a name that is more important than a further column, in cells.
fn long_name(width: u16) -> u16 {
    if width < 140 { width / 5 } else { 40 }
}

/// The columns that fit. The column with the highest rank is left out first. If ranks are equal, the rightmost column is left out first.
/// The other columns of the highest rank may shrink.
fn fitting<R: Record>(
    table: &Table<R>,
    columns: &[&'static Column<R>],
    mut kept: Vec<usize>,
    (width, needs): (u16, &[u16]),
) -> Vec<usize> {
    let rank = |index: usize| table.rank_of(index, columns[index]);
    let first = kept.first().copied().unwrap_or(0);
    while kept.len() > 1 {
        let Some(highest) = kept.iter().map(|&index| rank(index)).max() else {
            break;
        };
        let cells = |&index: &usize| {
            let column = columns[index];
            let shrinks = i16::from(column.rank) >= highest;
            1 + if column.grows && index == first && width >= NAMES_FIRST {
                column
                    .width
                    .max(table.content_width(index).min(long_name(width)))
            } else if shrinks {
                column.least.max(needs[index])
            } else {
                let whole = table.content_width(index).min(column.whole);
                column.width.max(needs[index]).max(whole)
            }
        };
        if kept.iter().map(cells).sum::<u16>() <= width + 1 {
            break;
        }
        let Some(left_out) = kept.iter().rposition(|&index| rank(index) == highest) else {
            break;
        };
        kept.remove(left_out);
    }
    kept
}

/// Widths of the kept columns. If there is too little room, columns shrink from the right. If room is left, growing columns share it
/// equally, up to the width of their content.
fn widths<R: Record>(
    table: &Table<R>,
    columns: &[&'static Column<R>],
    kept: &[usize],
    (room, needs): (u16, &[u16]),
) -> Vec<u16> {
    let mut widths: Vec<u16> = kept
        .iter()
        .map(|&index| columns[index].width.max(needs[index]))
        .collect();
    let used = widths.iter().map(|width| width + 1).sum::<u16>();
    let mut over = used.saturating_sub(room + 1);
    for (width, &index) in widths.iter_mut().zip(kept).rev() {
        let cut = over.min(width.saturating_sub(columns[index].least.max(needs[index])));
        *width -= cut;
        over -= cut;
    }
    let mut left = room.saturating_sub(used);
    loop {
        let grows =
            |width: u16, index: usize| columns[index].grows && width < table.content_width(index);
        let growing: Vec<_> = (0..kept.len())
            .filter(|&nth| grows(widths[nth], kept[nth]))
            .collect();
        let Some(share) = u16::try_from(growing.len())
            .ok()
            .filter(|many| *many > 0 && left > 0)
            .map(|many| (left / many).max(1))
        else {
            return widths;
        };
        for nth in growing {
            let need = table.content_width(kept[nth]) - widths[nth];
            let more = share.min(need).min(left);
            widths[nth] += more;
            left -= more;
        }
    }
}

/// Indexes of the visible columns: the first one, and as many others as fit. The selected column is among them.
fn scrolled(widths: &[u16], cursor: usize, width: u16) -> Vec<usize> {
    let first = widths.first().copied().unwrap_or(0);
    let mut start = 1;
    let room = width.saturating_sub(first);
    while start < cursor && widths[start..=cursor].iter().sum::<u16>() > room {
        start += 1;
    }
    let mut kept = vec![0];
    let mut used = 0;
    for (index, wanted) in widths.iter().enumerate().skip(start) {
        used += wanted;
        if used > room + 1 && index > cursor {
            break;
        }
        kept.push(index);
    }
    kept
}
