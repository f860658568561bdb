//! The table of a screen. Only visible rows and columns are built.

mod place;

use self::place::{Placed, SIGN};
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
use crate::screens::record::Record;
use crate::screens::table::{Shown, SortBy, Table};
use crate::screens::with_table;
use crate::server::known::At;

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

fn draw_rows<R: Record>(
    buffer: &mut Buffer,
    area: Rect,
    table: &mut Table<R>,
    at: &At,
    theme: &Theme,
    (wide, key): (bool, Option<&str>),
) {
    let fold = fold_line(table, key);
    let lines = usize::from(area.height.saturating_sub(1));
    let fold = fold.filter(|_| lines > 1);
    let lines = lines - usize::from(fold.is_some());
    let needs = place::figures(&table.visible(lines).1, at);
    let placed = place::place(table, area, wide, &needs);
    heads(buffer, area, table, &placed, theme);
    more(buffer, area, table, (&placed, wide), theme);
    let inner = place::below_head(&placed);
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
            R::EMPTY
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
            _ if is_strip(&value) => base,
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
        if is_strip(&value) {
            let error = base.patch(theme.style("error"));
            // The selected row keeps its background.
            let bg = if on { base.bg.or(error.bg) } else { error.bg };
            failed_runs(buffer, area, place, Style { bg, ..error });
        }
    }
}

/// Sign of a failed run in a drawing.
const FAILED: char = 'X';

/// Whether the value is a strip of runs, and at least one run failed.
fn is_strip(value: &Value) -> bool {
    matches!(value, Value::Picture(drawing, _) if drawing.contains(FAILED))
}

/// In a strip of runs, only the failed runs get the colour of an error.
fn failed_runs<R>(buffer: &mut Buffer, area: Rect, place: &Placed<R>, style: Style) {
    let from = area.x + place.left;
    for x in from..from + place.width {
        if let Some(cell) = buffer
            .cell_mut((x, area.y))
            .filter(|cell| cell.symbol().starts_with(FAILED))
        {
            cell.set_style(style);
        }
    }
}

/// Draws the line for the folded rows: the key that shows these rows, and a text about these rows.
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

/// Says how many columns are to the left and to the right of the view, in the left-aligned column whose heading has the most free space.
fn more<R: Record>(
    buffer: &mut Buffer,
    area: Rect,
    table: &Table<R>,
    (placed, wide): (&[Placed<R>], bool),
    theme: &Theme,
) {
    let all = table.chosen_columns();
    let hidden = all.len().saturating_sub(placed.len());
    // The first column always stays. Unless the view is scrolled sideways, all hidden columns are to its right.
    let second = placed.get(1).map(|place| place.index);
    let left = match second.and_then(|second| all.iter().position(|index| *index == second)) {
        Some(second) if wide => second - 1,
        _ => 0,
    };
    let words = match (left, hidden - left) {
        (0, 0) => return,
        (0, right) => [format!("{right} more ›"), format!("{right} ›")],
        (left, 0) => [format!("‹ {left} more"), format!("‹ {left}")],
        (left, right) => [
            format!("‹ {left} more {right} ›"),
            format!("‹ {left} {right} ›"),
        ],
    };
    let free = |place: &&Placed<R>| {
        let heading = text::width(place.column.title) + 1;
        usize::from(place.width).saturating_sub(heading)
    };
    let left_aligned = placed.iter().filter(|place| !place.column.right);
    let Some(place) = left_aligned.max_by_key(free) else {
        return;
    };
    let fits = |words: &&String| text::width(words) <= free(&place);
    let Some(words) = words.iter().find(fits) else {
        return;
    };
    let cells = u16::try_from(text::width(words)).unwrap_or(u16::MAX);
    let x = area.x + place.left + place.width - cells;
    put(buffer, x, area.y, words, cells, theme.style("muted"));
}

fn cell<R>(buffer: &mut Buffer, x: u16, y: u16, content: &str, place: &Placed<R>, style: Style) {
    let (content, cells) = (printable(content), place.width.into());
    let content = if place.column.named {
        text::cut_middle(&content, cells)
    } else {
        text::cut(&content, cells)
    };
    let free = place
        .width
        .saturating_sub(u16::try_from(text::width(&content)).unwrap_or(place.width));
    let x = if place.column.right { x + free } else { x };
    put(buffer, x, y, &content, place.width, style);
}

fn put(buffer: &mut Buffer, x: u16, y: u16, content: &str, width: u16, style: Style) {
    buffer.set_stringn(x, y, content, width.into(), style);
}
