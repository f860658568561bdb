//! The table of a screen. Only visible rows and columns are built.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use crate::actions::action::Here;
use crate::app::App;
use crate::app::theme::Theme;
use crate::model::text;
use crate::model::text::printable;
use crate::model::value::Value;
use crate::model::verdict::Level;
use crate::screens::record::{Column, Record};
use crate::screens::table::{Drawn, Shown, SortBy, Table, shown};
use crate::screens::with_table;
use crate::server::known::At;

/// Cells before the first column: the level's sign and a mark or a space.
const SIGN: u16 = 2;

pub(super) fn draw(frame: &mut Frame, area: Rect, app: &mut App) {
    let now = app.server_now();
    let (theme, wide) = (&app.themes[app.theme], app.wide);
    let key = app.keys.key_of(Here::ShowFolded);
    let Some(server) = &app.server else {
        return;
    };
    let at = At { now, server };
    with_table!(mut app.screens, app.screen, |table| draw_rows(frame.buffer_mut(), area, table, &at, theme, (wide, key)));
}

struct Placed<R: 'static> {
    column: &'static Column<R>,
    /// Index in all columns of the screen that have a heading.
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
    (wide, key): (bool, Option<&str>),
) {
    let placed = place(table, area, wide);
    heads(buffer, area, table, &placed, theme);
    let inner = below_head(&placed);
    let fold = fold_line(table, key);
    let lines = usize::from(area.height.saturating_sub(1));
    let fold = fold.filter(|_| lines > 1);
    let lines = lines - usize::from(fold.is_some());
    table.drawn_at = usize::from(area.y) + 1;
    let column_cursor = table.column;
    let filtered = !table.filter.is_empty();
    let (selected, rows) = table.visible(lines);
    if let Some(fold) = fold {
        let y = area.y + 1 + u16::try_from(rows.len()).unwrap_or(0);
        draw_fold(buffer, Rect { y, ..area }, &fold, theme);
    }
    if rows.is_empty() {
        let text = if filtered {
            "no row passes the filter; Esc shows all"
        } else {
            "no rows"
        };
        let (x, y, room) = (area.x + SIGN, area.y + 1, area.width - SIGN);
        put(buffer, x, y, text, room, theme.style("muted"));
    }
    for (line, shown) in rows.into_iter().enumerate() {
        let line_area = Rect {
            y: area.y + 1 + u16::try_from(line).unwrap_or(0),
            height: 1,
            ..area
        };
        let placed = if shown.branch.is_inner() {
            &inner
        } else {
            &placed
        };
        let cursor = (line == selected).then_some(column_cursor);
        draw_row(buffer, line_area, &shown, placed, cursor, at, theme);
    }
}

/// Draws one row. `cursor`: the selected column, if this row is selected.
fn draw_row<R: Record>(
    buffer: &mut Buffer,
    area: Rect,
    shown: &Shown<R>,
    placed: &[Placed<R>],
    cursor: Option<usize>,
    at: &At,
    theme: &Theme,
) {
    let (row, level, on) = (shown.row, shown.level, cursor.is_some());
    let base = theme.style(if on { "row.selected" } else { "text" });
    buffer.set_style(area, base);
    let (sign, mark) = (base.patch(theme.level(level)), theme.style("key"));
    put(buffer, area.x, area.y, level.sign(), 1, sign);
    if shown.marked {
        put(buffer, area.x + 1, area.y, "*", 1, base.patch(mark));
    }
    for (nth, place) in placed.iter().enumerate() {
        let value = (place.column.value)(row, at);
        let wrong = place.column.level(shown.findings);
        let style = match (&value, nth) {
            // At level Ok, the row's name has no colour: colours are only for problems.
            (_, 0) if !on && level != Level::Ok => sign,
            // A cell with zero bytes has no colour: it is never the cause of the finding.
            (Value::Bytes(0) | Value::AboutBytes(0), _) => base,
            _ if wrong != Level::Ok => base.patch(theme.level(wrong)),
            (Value::Null, 1..) if !on => theme.style("muted"),
            _ => base,
        };
        let style = if cursor == Some(place.index + 1) {
            style.add_modifier(Modifier::UNDERLINED)
        } else {
            style
        };
        let text = value.show_narrow(at.now);
        let text = if nth == 0 {
            format!("{}{text}", shown.branch.sign())
        } else {
            text
        };
        cell(buffer, area.x + place.left, area.y, &text, place, style);
    }
}

/// Draws the line for the folded rows: the key that shows them, and a text about them.
fn draw_fold(buffer: &mut Buffer, area: Rect, (key, words): &(String, String), theme: &Theme) {
    let own = u16::try_from(text::width(key)).unwrap_or(0);
    let (x, room) = (area.x + SIGN + own, area.width.saturating_sub(SIGN + own));
    put(buffer, area.x + SIGN, area.y, key, own, theme.style("key"));
    let words = text::cut(words, room.into());
    put(buffer, x, area.y, &words, room, theme.style("muted"));
}

/// Key and text of the line for the folded rows; `None`: no rows are folded.
fn fold_line<R: Record>(table: &Table<R>, key: Option<&str>) -> Option<(String, String)> {
    let many = i64::try_from(table.folded())
        .ok()
        .filter(|many| *many > 0)?;
    let key = key.unwrap_or(":toggle-folded").to_owned();
    let words = format!(" shows {} more: {}", text::count(many), R::BARE);
    Some((key, words))
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
        // If a heading fills its column, the sort mark replaces its end.
        let room = usize::from(place.width).saturating_sub(text::width(mark));
        let title: String = place.column.title.chars().take(room).collect();
        let head = if mark.is_empty() {
            place.column.title.to_owned()
        } else {
            title + mark
        };
        cell(buffer, area.x + place.left, area.y, &head, place, style);
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

/// Visible columns and their positions: the most important columns that fit. In wide mode: the first column, and the columns up to the
/// selected one.
fn place<R: Record>(table: &mut Table<R>, area: Rect, wide: bool) -> Vec<Placed<R>> {
    let all: Vec<_> = shown::<R>().collect();
    let chosen = table.chosen_columns();
    let width = area.width.saturating_sub(SIGN);
    let kept = if wide {
        let wanted: Vec<_> = chosen.iter().map(|&index| all[index].width + 1).collect();
        let cursor = table.column.saturating_sub(1);
        let cursor = chosen.iter().rposition(|&index| index <= cursor);
        let kept = scrolled(&wanted, cursor.unwrap_or(0), width);
        kept.into_iter().map(|nth| chosen[nth]).collect()
    } else {
        fitting(table, &all, chosen, width)
    };
    let widths = widths(table, &all, &kept, width);
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

/// Columns of the rows below a group's heading. The heading shows the value of the first column, so the second column takes its position.
fn below_head<R: Record>(placed: &[Placed<R>]) -> Vec<Placed<R>> {
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

/// From this width on, further columns are shown only if the names in the first column still fit, up to `LONG_NAME`.
const NAMES_FIRST: u16 = 140;
const LONG_NAME: u16 = 40;

/// The columns that fit. The one with the highest rank is left out first; of equal ranks the rightmost. The other columns of the highest
/// rank may shrink.
fn fitting<R: Record>(
    table: &Table<R>,
    columns: &[&'static Column<R>],
    mut kept: Vec<usize>,
    width: u16,
) -> Vec<usize> {
    let rank = |index: usize| table.rank_of(index, columns[index]);
    let first = kept.first().copied().unwrap_or(0);
    while kept.len() > 1 {
        let Some(highest) = kept.iter().map(|&index| rank(index)).max() else {
            break;
        };
        let least = |&index: &usize| {
            let column = columns[index];
            let shrinks = i16::from(column.rank) >= highest;
            1 + if column.grows && index == first && width >= NAMES_FIRST {
                column.width.max(table.content_width(index).min(LONG_NAME))
            } else if shrinks {
                column.least
            } else {
                column.width
            }
        };
        if kept.iter().map(least).sum::<u16>() <= width + 1 {
            break;
        }
        let Some(left_out) = kept.iter().rposition(|&index| rank(index) == highest) else {
            break;
        };
        kept.remove(left_out);
    }
    kept
}

/// Widths of the kept columns. If there is too little room, columns shrink from the right. If there is too much, growing columns share it
/// equally, up to the width of their content.
fn widths<R: Record>(
    table: &Table<R>,
    columns: &[&'static Column<R>],
    kept: &[usize],
    room: u16,
) -> Vec<u16> {
    let mut widths: Vec<u16> = kept.iter().map(|&index| columns[index].width).collect();
    let used = widths.iter().map(|width| width + 1).sum::<u16>();
    let mut over = used.saturating_sub(room + 1);
    for (width, &index) in widths.iter_mut().zip(kept).rev() {
        let cut = over.min(width.saturating_sub(columns[index].least));
        *width -= cut;
        over -= cut;
    }
    let mut left = room.saturating_sub(used);
    loop {
        let grows =
            |width: u16, index: usize| columns[index].grows && width < table.content_width(index);
        let needy: Vec<_> = (0..kept.len())
            .filter(|&nth| grows(widths[nth], kept[nth]))
            .collect();
        let Some(share) = u16::try_from(needy.len())
            .ok()
            .filter(|many| *many > 0 && left > 0)
            .map(|many| (left / many).max(1))
        else {
            return widths;
        };
        for nth in needy {
            let need = table.content_width(kept[nth]) - widths[nth];
            let more = share.min(need).min(left);
            widths[nth] += more;
            left -= more;
        }
    }
}

/// Indexes of the visible columns: the first one, and as many others as fit. The selected one is among them.
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
