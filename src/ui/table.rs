//! The table of a screen; only visible rows and columns are built.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use crate::app::App;
use crate::app::theme::Theme;
use crate::model::text;
use crate::model::text::printable;
use crate::model::value::Value;
use crate::model::verdict::Level;
use crate::screens::record::{Column, Record};
use crate::screens::table::{SortBy, Table, shown};
use crate::screens::with_table;
use crate::server::known::At;

/// Cells before the first column: the verdict's sign and a space.
const SIGN: u16 = 2;

pub(super) fn draw(frame: &mut Frame, area: Rect, app: &mut App) {
    let now = app.server_now();
    let (theme, wide) = (&app.themes[app.theme], app.wide);
    let Some(server) = &app.server else {
        return;
    };
    let at = At { now, server };
    with_table!(mut app.screens, app.screen, |table| draw_rows(frame.buffer_mut(), area, table, &at, theme, wide));
}

/// A column with its position on the terminal.
struct Placed<R: 'static> {
    column: &'static Column<R>,
    /// Index among the shown columns.
    index: usize,
    left: u16,
    width: u16,
}

fn draw_rows<R: Record>(
    buffer: &mut Buffer,
    area: Rect,
    table: &mut Table<R>,
    at: &At,
    theme: &Theme,
    wide: bool,
) {
    let placed = place(table, area, wide);
    heads(buffer, area, table, &placed, theme);
    let lines = usize::from(area.height.saturating_sub(1));
    let column_cursor = table.column;
    let filtered = !table.filter.is_empty();
    let (selected, rows) = table.visible(lines);
    if rows.is_empty() {
        let text = if filtered {
            "no row passes the filter; Esc shows all"
        } else {
            "there is nothing here"
        };
        let (x, y, room) = (area.x + SIGN, area.y + 1, area.width - SIGN);
        put(buffer, x, y, text, room, theme.style("muted"));
    }
    for (line, (row, level, marked)) in rows.into_iter().enumerate() {
        let y = area.y + 1 + u16::try_from(line).unwrap_or(0);
        let on = line == selected;
        let base = theme.style(if on { "row.selected" } else { "text" });
        let whole = Rect {
            y,
            height: 1,
            ..area
        };
        buffer.set_style(whole, base);
        let (sign, mark) = (base.patch(theme.level(level)), theme.style("key"));
        put(buffer, area.x, y, level.sign(), 1, sign);
        if marked {
            put(buffer, area.x + 1, y, "*", 1, base.patch(mark));
        }
        for (nth, place) in placed.iter().enumerate() {
            let value = (place.column.value)(row, at);
            let style = match (&value, nth) {
                // Level Ok leaves the name uncoloured: colour is for problems.
                (_, 0) if !on && level != Level::Ok => sign,
                (Value::Null, 1..) if !on => theme.style("muted"),
                _ if on && place.index + 1 == column_cursor => {
                    base.add_modifier(Modifier::UNDERLINED)
                }
                _ => base,
            };
            let text = value.show_narrow(at.now);
            cell(buffer, area.x + place.left, y, &text, place, style);
        }
    }
}

fn heads<R: Record>(
    buffer: &mut Buffer,
    area: Rect,
    table: &Table<R>,
    placed: &[Placed<R>],
    theme: &Theme,
) {
    for place in placed {
        let selected = table.column == place.index + 1;
        let style = theme.style(if selected {
            "column.selected"
        } else {
            "column"
        });
        let mark = match table.sort {
            SortBy::Column(column) if column == place.index => {
                if table.descending {
                    "▼"
                } else {
                    "▲"
                }
            }
            _ => "",
        };
        cell(
            buffer,
            area.x + place.left,
            area.y,
            &format!("{}{mark}", place.column.title),
            place,
            style,
        );
    }
    let style = theme.style(if table.column == 0 {
        "column.selected"
    } else {
        "column"
    });
    let mark = match table.sort {
        SortBy::Verdict if table.descending => "▼",
        SortBy::Verdict => "▲",
        SortBy::Column(_) => " ",
    };
    put(buffer, area.x, area.y, mark, 1, style);
}

fn cell<R>(buffer: &mut Buffer, x: u16, y: u16, content: &str, place: &Placed<R>, style: Style) {
    let content = text::cut(&printable(content), place.width.into());
    let free = place
        .width
        .saturating_sub(u16::try_from(text::width(&content)).unwrap_or(place.width));
    let x = if place.column.right { x + free } else { x };
    put(buffer, x, y, &content, place.width, style);
}

fn put(buffer: &mut Buffer, x: u16, y: u16, content: &str, width: u16, style: Style) {
    buffer.set_stringn(x, y, content, width.into(), style);
}

/// Visible columns and their positions: the most important ones that fit, or (in wide mode, or when the column
/// cursor is on one that does not fit) the first column and those up to the cursor's.
fn place<R: Record>(table: &Table<R>, area: Rect, wide: bool) -> Vec<Placed<R>> {
    let all: Vec<_> = shown::<R>().enumerate().collect();
    let width = area.width.saturating_sub(SIGN);
    let wanted = |column: &Column<R>| column.width + 1;
    let mut kept: Vec<usize> = all.iter().map(|(index, _)| *index).collect();
    if !wide {
        let total = |kept: &[usize]| kept.iter().map(|&index| wanted(all[index].1)).sum::<u16>();
        while total(&kept) > width + 1 {
            let Some(&last) = kept.iter().rev().max_by_key(|&&index| all[index].1.rank) else {
                break;
            };
            // `max_by_key` takes the last of equals, which in reverse is the leftmost: prefer the rightmost.
            let rank = all[last].1.rank;
            let Some(drop) = kept.iter().rposition(|&index| all[index].1.rank == rank) else {
                break;
            };
            if kept.len() == 1 {
                break;
            }
            kept.remove(drop);
        }
    }
    let cursor = table.column.saturating_sub(1);
    if wide || !kept.contains(&cursor) {
        kept = scrolled(
            &all.iter()
                .map(|(_, column)| wanted(column))
                .collect::<Vec<_>>(),
            cursor,
            width,
        );
    }
    let left_over =
        width.saturating_sub(kept.iter().map(|&index| wanted(all[index].1)).sum::<u16>());
    let growing = kept.iter().filter(|&&index| all[index].1.grows).count();
    let share = left_over / u16::try_from(growing.max(1)).unwrap_or(1);
    let mut left = SIGN;
    let mut placed = Vec::new();
    for index in kept {
        let column = all[index].1;
        let mut width = column.width;
        if column.grows {
            width = (width + share).min(table.content_width(index).max(width));
        }
        width = width.min(area.width.saturating_sub(left));
        placed.push(Placed {
            column,
            index,
            left,
            width,
        });
        left += width + 1;
    }
    placed
}

/// The first column, and those that end at the cursor's (or begin after the first, when there is room).
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
