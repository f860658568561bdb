//! The details of a row: its verdict, then its sections, scrolled as one page.

use std::borrow::Cow;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::app::App;
use crate::app::theme::Theme;
use crate::model::moment::Stamp;
use crate::model::text;
use crate::model::text::printable;
use crate::model::value::Value;
use crate::model::verdict::Level;
use crate::screens::axis::{Ink, InkedLine, TimeAxis};
use crate::screens::record::Section;

pub(super) fn draw(frame: &mut Frame, area: Rect, app: &mut App) {
    let now = app.server_now();
    let theme = app.themes[app.theme].clone();
    app.details_page = area.height.into();
    let Some(details) = &mut app.details else {
        return;
    };
    let width = usize::from(area.width);
    let mut lines = vec![Line::styled(
        format!(" {}", printable(&details.title)),
        theme.style("title"),
    )];
    if details.gone {
        let text = " no longer in the list; this is its last known state";
        lines.push(Line::styled(text, theme.style("caveat")));
    }
    if let Some(verdict) = &details.verdict {
        let name = format!(" {} {}: ", verdict.level.sign(), verdict.level.name());
        let style = theme.level(verdict.level);
        let wrapped = text::wrap(
            &printable(&verdict.reason),
            width.saturating_sub(name.len() + 1),
        );
        for (nth, text) in wrapped.into_iter().enumerate() {
            let head = if nth == 0 {
                name.clone()
            } else {
                " ".repeat(name.len())
            };
            lines.push(Line::from(vec![
                Span::styled(head, style),
                Span::styled(text, theme.style("text")),
            ]));
        }
    }
    for section in details.sections() {
        lines.push(Line::raw(""));
        section_lines(&mut lines, &section, width, details.left, now, &theme);
    }
    let last = lines.len().saturating_sub(usize::from(area.height));
    details.top = details.top.min(last);
    let visible: Vec<_> = lines
        .into_iter()
        .skip(details.top)
        .take(area.height.into())
        .collect();
    frame.render_widget(Paragraph::new(visible), area);
}

pub(super) fn section_lines(
    lines: &mut Vec<Line<'static>>,
    section: &Section,
    width: usize,
    left: usize,
    now: Stamp,
    theme: &Theme,
) {
    let title = match section {
        Section::Facts { title, .. }
        | Section::Grid { title, .. }
        | Section::Text { title, .. } => title.as_str(),
        Section::Axis(_) => "",
    };
    if !title.is_empty() {
        lines.push(Line::styled(
            format!(" {}", printable(title)),
            theme.style("column"),
        ));
    }
    match section {
        Section::Facts { facts, .. } => fact_lines(lines, facts, width, now, theme),
        Section::Grid {
            heads,
            rows,
            levels,
            ..
        } => grid_lines(lines, heads, rows, levels, (left, width), now, theme),
        Section::Text { text, .. } => {
            for line in text.lines() {
                for part in text::wrap_keeping_indent(
                    &printable(&line.replace('\t', "    ")),
                    width.saturating_sub(2),
                ) {
                    lines.push(Line::styled(format!(" {part}"), theme.style("text")));
                }
            }
        }
        // The title contains the scale, so it is drawn together with the axis.
        Section::Axis(axis) => axis_lines(lines, axis, width, theme),
    }
}

/// Text of a value in the details; a time is shown with its age.
pub(super) fn full(value: &Value, now: Stamp) -> String {
    match value {
        Value::Time(stamp) if stamp.is_finite() => {
            format!("{}  ({})", text::age(*stamp, now), text::moment(*stamp))
        }
        _ => value.show(now),
    }
}

fn fact_lines(
    lines: &mut Vec<Line<'static>>,
    facts: &[(String, Value)],
    width: usize,
    now: Stamp,
    theme: &Theme,
) {
    let label_width = facts
        .iter()
        .map(|(label, _)| text::width(label))
        .max()
        .unwrap_or(0)
        .min(36);
    for (label, value) in facts {
        let wrapped = text::wrap(
            &printable(&full(value, now)),
            width.saturating_sub(label_width + 4),
        );
        for (nth, part) in wrapped.into_iter().enumerate() {
            let label = if nth == 0 { label.as_str() } else { "" };
            lines.push(Line::from(vec![
                Span::styled(
                    format!(" {}  ", text::pad(label, label_width)),
                    theme.style("muted"),
                ),
                Span::styled(part, theme.style("text")),
            ]));
        }
    }
}

fn grid_lines(
    lines: &mut Vec<Line<'static>>,
    heads: &[Cow<'static, str>],
    rows: &[Vec<Value>],
    levels: &[Level],
    (left, width): (usize, usize),
    now: Stamp,
    theme: &Theme,
) {
    if rows.is_empty() {
        lines.push(Line::styled(" none".to_owned(), theme.style("muted")));
        return;
    }
    let show = |value: &Value| printable(&value.show(now));
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(show).collect())
        .collect();
    let columns: Vec<(usize, bool)> = (0..heads.len())
        .map(|column| {
            let cells = cells.iter().filter_map(|row| row.get(column));
            let longest = cells.map(|text| text::width(text)).max().unwrap_or(0);
            let mut values = rows.iter().filter_map(|row| row.get(column));
            let width = longest.max(text::width(&heads[column])).min(80);
            (width, values.any(is_number))
        })
        .collect();
    let join = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<_> = cells
            .zip(&columns)
            .map(|(cell, &(width, right))| {
                let cell = if cell.contains(' ') {
                    text::cut(cell, width)
                } else {
                    text::cut_middle(cell, width)
                };
                if right {
                    text::pad_left(&cell, width)
                } else {
                    text::pad(&cell, width)
                }
            })
            .collect();
        sideways(padded.join("  ").trim_end(), left, width.saturating_sub(3))
    };
    lines.push(Line::styled(
        format!("   {}", join(&mut heads.iter().map(AsRef::as_ref))),
        theme.style("muted"),
    ));
    for (nth, row) in cells.iter().enumerate() {
        let level = levels.get(nth).copied().unwrap_or(Level::Ok);
        let style: Style = if level == Level::Ok {
            theme.style("text")
        } else {
            theme.level(level)
        };
        lines.push(Line::from(vec![
            Span::styled(format!(" {} ", level.sign()), style),
            Span::styled(join(&mut row.iter().map(String::as_str)), style),
        ]));
    }
}

/// The part of a line that is in view after scrolling `left` cells to the right; both ends are marked where the line goes on.
fn sideways(line: &str, left: usize, width: usize) -> String {
    let mut seen: String = line.chars().skip(left).collect();
    if left > 0 && !seen.is_empty() {
        seen = std::iter::once('…').chain(seen.chars().skip(1)).collect();
    }
    text::cut(&seen, width)
}

fn is_number(value: &Value) -> bool {
    matches!(
        value,
        Value::Int(_)
            | Value::Bytes(_)
            | Value::AboutBytes(_)
            | Value::Seconds(_)
            | Value::Ratio(_)
    )
}

fn axis_lines(lines: &mut Vec<Line<'static>>, axis: &TimeAxis, width: usize, theme: &Theme) {
    let (title, drawn) = axis.draw(width.saturating_sub(2));
    for part in text::wrap(&title, width.saturating_sub(2)) {
        lines.push(Line::styled(
            format!(" {}", printable(&part)),
            theme.style("column"),
        ));
    }
    lines.extend(drawn.into_iter().map(|line| inked(line, theme)));
}

/// A line of an axis with the theme's colours.
pub(super) fn inked(line: InkedLine, theme: &Theme) -> Line<'static> {
    let mut spans = vec![Span::raw(" ")];
    spans.extend(line.into_iter().map(|(ink, text)| {
        let style = match ink {
            Ink::Text => theme.style("text"),
            Ink::Muted => theme.style("muted"),
            Ink::Level(level) => theme.level(level),
        };
        Span::styled(printable(&text), style)
    }));
    Line::from(spans)
}
