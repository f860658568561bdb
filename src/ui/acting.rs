//! An action over the screen: what is asked, the form, the preview, the progress, the result.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};
use ratatui::widgets::{BorderType, Clear, Paragraph};

use super::overlays::boxed;
use crate::act::Order;
use crate::acting::{Acting, Agreeing, Filling, Running, Stage, Trouble, group};
use crate::form::{Field, Item, Kind};
use crate::plan::Consent;
use crate::plans::Refusal;
use crate::preview;
use crate::table::printable;
use crate::text;
use crate::theme::Theme;
use crate::value::Stamp;
use tui_textarea::TextArea;

/// Cells of a field's label.
const LABEL: usize = 22;
/// Lines of a list of picks, and of a text of several lines.
const LIST: usize = 8;

pub(super) fn draw(
    frame: &mut Frame,
    area: Rect,
    acting: &mut Acting,
    protected: bool,
    theme: &Theme,
) {
    let area = area.centered(Constraint::Max(120), Constraint::Fill(1));
    let title = text::cut(
        &printable(&acting.title),
        usize::from(area.width).saturating_sub(4),
    );
    match &mut acting.stage {
        Stage::Asking => {
            let inner = window(frame, small(area, 3), &title, protected, theme);
            frame.render_widget(
                Line::styled("asking the server…  Esc leaves", theme.style("muted")),
                inner,
            );
        }
        Stage::Told { lines, top } => {
            let height = wrapped(lines, usize::from(area.width).saturating_sub(4), theme).len() + 3;
            let inner = window(
                frame,
                small(area, u16::try_from(height).unwrap_or(u16::MAX)),
                &title,
                protected,
                theme,
            );
            let [body, foot] =
                Layout::vertical([Constraint::Fill(1), Constraint::Length(1)]).areas(inner);
            scrolled(frame, body, lines, top, theme);
            frame.render_widget(
                Line::styled("Enter or Esc closes this", theme.style("muted")),
                foot,
            );
        }
        Stage::Form(filling) => {
            let inner = window(frame, area, &title, protected, theme);
            form(frame, inner, filling, theme);
        }
        Stage::Preview(agreeing) => {
            let inner = window(frame, area, &title, protected, theme);
            preview(frame, inner, agreeing, theme);
        }
    }
}

fn small(area: Rect, height: u16) -> Rect {
    area.centered(
        Constraint::Fill(1),
        Constraint::Length(height.min(area.height)),
    )
}

/// The frame around an action; a marked one on a protected connection.
fn window(frame: &mut Frame, area: Rect, title: &str, protected: bool, theme: &Theme) -> Rect {
    frame.render_widget(Clear, area);
    let mut block = boxed(title, theme);
    if protected {
        let mark = Line::styled(" PROTECTED ", theme.style("protected")).right_aligned();
        block = block
            .title_bottom(mark)
            .border_type(BorderType::Double)
            .border_style(theme.style("error"));
    }
    let inner = block.inner(area);
    frame.render_widget(block, area);
    Rect {
        x: inner.x + 1,
        width: inner.width.saturating_sub(2),
        ..inner
    }
}

/// Lines broken at the width, with their styles.
fn wrapped<'a>(lines: &[preview::Line], width: usize, theme: &Theme) -> Vec<Line<'a>> {
    let mut all = Vec::new();
    for (role, line) in lines {
        let style = theme.style(role);
        for piece in text::wrap_keeping_indent(line, width) {
            all.push(Line::styled(piece, style));
        }
    }
    all
}

fn scrolled(
    frame: &mut Frame,
    area: Rect,
    lines: &[preview::Line],
    top: &mut usize,
    theme: &Theme,
) {
    let all = wrapped(lines, area.width.into(), theme);
    let page = usize::from(area.height);
    *top = (*top).min(all.len().saturating_sub(page));
    fitted(frame, area, all.into_iter().skip(*top).collect(), theme);
}

/// As many lines as there is room for; that there are more is said in the last.
fn fitted(frame: &mut Frame, area: Rect, mut lines: Vec<Line>, theme: &Theme) {
    let page = usize::from(area.height);
    let below = lines.len().saturating_sub(page);
    lines.truncate(page);
    if below > 0
        && let Some(last) = lines.last_mut()
    {
        let more = text::plural(i64::try_from(below + 1).unwrap_or(0), "line");
        *last = Line::styled(format!("↓ {more} more"), theme.style("muted"));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

fn preview(frame: &mut Frame, area: Rect, agreeing: &mut Agreeing, theme: &Theme) {
    let name = agreeing.consent == Consent::Name && agreeing.barred.is_none();
    let how = text::wrap(&printable(&agreeing.how()), area.width.into());
    let foot = u16::try_from(how.len()).unwrap_or(1) + u16::from(name);
    let [body, bottom] =
        Layout::vertical([Constraint::Fill(1), Constraint::Length(foot)]).areas(area);
    agreeing.page = usize::from(body.height).max(1);
    scrolled(frame, body, &agreeing.lines, &mut agreeing.top, theme);
    let role = match (&agreeing.barred, agreeing.consent) {
        (Some(_), _) | (None, Consent::Name) => "error",
        (None, Consent::Yes) => "level.warning",
        (None, Consent::Enter) => "key",
    };
    let mut lines: Vec<Line> = how
        .into_iter()
        .map(|line| Line::styled(line, theme.style(role)))
        .collect();
    if name {
        let typed = printable(&agreeing.text());
        lines.push(Line::from(vec![
            Span::styled("> ", theme.style("key")),
            Span::styled(typed, theme.style("text")),
            Span::styled(" ", theme.style("text").add_modifier(Modifier::REVERSED)),
        ]));
    }
    frame.render_widget(Paragraph::new(lines), bottom);
}

/// The fields above, what the values would mean below.
fn form(frame: &mut Frame, area: Rect, filling: &mut Filling, theme: &Theme) {
    let width = usize::from(area.width);
    let (mut lines, mut focus_line) = (Vec::new(), 0);
    for (nth, field) in filling.form.fields.iter().enumerate() {
        let on = nth == filling.focus;
        if on {
            focus_line = lines.len();
        }
        let cursor = filling.areas.get(nth).filter(|_| on).map(TextArea::cursor);
        field_lines(
            field,
            on,
            cursor.map(|cursor| (cursor.0, cursor.1)),
            filling.pick,
            width,
            theme,
            &mut lines,
        );
    }
    let help = filling
        .field()
        .map(|field| field.help.clone())
        .unwrap_or_default();
    let about = about(filling, width, theme);
    let help = text::wrap(&printable(&help), width);
    let help_rows = help.len().clamp(1, 2);
    let most = usize::from(area.height).saturating_sub(3 + help_rows);
    let above = lines
        .len()
        .min(most * 3 / 5 + 1)
        .max(most.saturating_sub(about.len()))
        .min(lines.len());
    let rows = [
        Constraint::Length(u16::try_from(above).unwrap_or(1)),
        Constraint::Length(u16::try_from(help_rows).unwrap_or(1)),
        Constraint::Fill(1),
        Constraint::Length(1),
    ];
    let [top, middle, below, foot] = Layout::vertical(rows).areas(area);
    // No further than to the last line: room that is left would hide fields for nothing.
    let first = (focus_line + LIST + 1)
        .saturating_sub(above)
        .min(focus_line)
        .min(lines.len().saturating_sub(above));
    let shown: Vec<Line> = lines.into_iter().skip(first).take(above).collect();
    frame.render_widget(Paragraph::new(shown), top);
    frame.render_widget(
        Paragraph::new(
            help.into_iter()
                .map(|line| Line::styled(line, theme.style("muted")))
                .collect::<Vec<_>>(),
        ),
        middle,
    );
    fitted(frame, below, about, theme);
    frame.render_widget(
        Line::styled(text::cut(&keys(filling), width), theme.style("key")),
        foot,
    );
}

fn keys(filling: &Filling) -> String {
    let field = match filling.field().map(|field| &field.kind) {
        Some(Kind::Flag | Kind::Choice(_)) => "Space changes · ",
        Some(Kind::Pick(_)) => "Space picks, a all, n none · ",
        Some(Kind::Json) => "Ctrl-S goes on · ",
        _ => "",
    };
    let on = match &filling.outcome {
        Ok(_) => "Enter: preview",
        Err(Trouble::Refusal(refusal)) if refusal.offer.is_some() => "Ctrl-O takes the offer",
        Err(Trouble::Some { .. }) => "Ctrl-O goes on without them",
        Err(Trouble::Refusal(refusal)) if refusal.stands.is_some() => "as it is now",
        Err(_) => "not possible like this",
    };
    let tab = if filling.form.fields.is_empty() {
        ""
    } else {
        "Tab: next field · "
    };
    format!("{field}{tab}{on} · Esc leaves")
}

/// What the plan would mean, or what is in its way.
fn about<'a>(filling: &Filling, width: usize, theme: &Theme) -> Vec<Line<'a>> {
    let mut lines: Vec<preview::Line> = Vec::new();
    match &filling.outcome {
        Ok(deed) => {
            lines.push(("title", printable(&deed.plan.title)));
            lines.extend(deed.plan.notes.iter().map(preview::note_line));
        }
        Err(Trouble::Fields(wrong)) => {
            lines.extend(
                wrong
                    .iter()
                    .map(|(_, error)| ("level.warning", format!("! {}", printable(error)))),
            );
        }
        Err(Trouble::Some { refused, left }) => {
            let said = group::words(refused, refused.len() + left);
            let said = said.lines().map(printable);
            lines.extend(said.map(|line| ("level.warning", format!("! {line}"))));
            lines.push(("notice", format!("Ctrl-O: {}", group::offer(*left))));
        }
        Err(Trouble::Refusal(Refusal {
            why,
            stands: Some(notes),
            ..
        })) => {
            lines.push(("muted", printable(why)));
            lines.extend(notes.iter().map(preview::note_line));
        }
        Err(Trouble::Refusal(refusal)) => {
            lines.extend(
                refusal
                    .why
                    .lines()
                    .map(|line| ("level.warning", format!("! {}", printable(line)))),
            );
            if let Some((words, set)) = &refusal.offer {
                let set: Vec<_> = set
                    .iter()
                    .map(|(name, value)| format!("{name} = {value}"))
                    .collect();
                lines.push((
                    "notice",
                    format!(
                        "Ctrl-O: {} ({})",
                        printable(words),
                        printable(&set.join(", "))
                    ),
                ));
            }
        }
    }
    wrapped(&lines, width, theme)
}

fn field_lines(
    field: &Field,
    on: bool,
    cursor: Option<(usize, usize)>,
    pick: usize,
    width: usize,
    theme: &Theme,
    lines: &mut Vec<Line<'_>>,
) {
    let label = text::pad(&text::cut(field.label, LABEL), LABEL);
    let mark = Span::styled(if on { "> " } else { "  " }, theme.style("key"));
    let label = Span::styled(label, theme.style(if on { "title" } else { "text" }));
    let room = width.saturating_sub(LABEL + 3);
    match &field.kind {
        Kind::Pick(items) => {
            let picked = field.picked().len();
            let count = format!("{picked} of {} picked", items.len());
            lines.push(Line::from(vec![
                mark,
                label,
                Span::styled(count, theme.style("text")),
            ]));
            if on {
                lines.extend(picks(field, items, pick, width, theme));
            }
        }
        Kind::Flag => {
            let sign = if matches!(field.value.as_str(), "yes" | "true" | "on") {
                "[x] yes"
            } else {
                "[ ] no"
            };
            lines.push(Line::from(vec![
                mark,
                label,
                Span::styled(sign, style(on, theme)),
            ]));
        }
        Kind::Choice(choices) => {
            let shown: Vec<_> = choices
                .iter()
                .map(|choice| {
                    if *choice == field.value {
                        format!("({choice})")
                    } else {
                        format!(" {choice} ")
                    }
                })
                .collect();
            lines.push(Line::from(vec![
                mark,
                label,
                Span::styled(shown.join(" "), style(on, theme)),
            ]));
        }
        _ => {
            let values: Vec<&str> = if field.value.is_empty() {
                vec![""]
            } else {
                field.value.split('\n').collect()
            };
            for (nth, value) in values.iter().enumerate().take(LIST) {
                let at = cursor
                    .filter(|(row, _)| *row == nth)
                    .map(|(_, column)| column);
                let mut spans = if nth == 0 {
                    vec![mark.clone(), label.clone()]
                } else {
                    vec![Span::raw(" ".repeat(LABEL + 2))]
                };
                spans.extend(typed(value, at, room, style(on, theme)));
                lines.push(Line::from(spans));
            }
        }
    }
}

fn style(on: bool, theme: &Theme) -> ratatui::style::Style {
    theme.style("text").add_modifier(if on {
        Modifier::UNDERLINED
    } else {
        Modifier::empty()
    })
}

/// A typed value with the cursor in it, scrolled sideways so that the cursor is seen.
fn typed<'a>(
    value: &str,
    cursor: Option<usize>,
    room: usize,
    style: ratatui::style::Style,
) -> Vec<Span<'a>> {
    let chars: Vec<char> = printable(value).chars().collect();
    let Some(at) = cursor else {
        let shown = text::cut(&chars.iter().collect::<String>(), room);
        return vec![Span::styled(shown, style)];
    };
    let first = (at + 2).saturating_sub(room);
    let piece = |range: std::ops::Range<usize>| {
        chars
            .get(range)
            .map(|chars| chars.iter().collect::<String>())
            .unwrap_or_default()
    };
    let under = chars
        .get(at)
        .map_or_else(|| " ".to_owned(), char::to_string);
    let end = chars.len().min(first + room);
    vec![
        Span::styled(piece(first..at.min(chars.len())), style),
        Span::styled(under, style.add_modifier(Modifier::REVERSED)),
        Span::styled(
            if at + 1 < end {
                piece(at + 1..end)
            } else {
                String::new()
            },
            style,
        ),
    ]
}

fn picks<'a>(
    field: &Field,
    items: &[Item],
    pick: usize,
    width: usize,
    theme: &Theme,
) -> Vec<Line<'a>> {
    let picked = field.picked();
    let top = (pick + LIST / 2 + 1)
        .saturating_sub(LIST)
        .min(items.len().saturating_sub(LIST));
    let line = |(nth, item): (usize, &Item)| {
        let mark = if picked.contains(&item.key.as_str()) {
            "[x]"
        } else {
            "[ ]"
        };
        let shown = printable(&format!("    {mark} {}  {}", item.key, item.about));
        let style = theme.style(if nth == pick { "row.selected" } else { "text" });
        Line::styled(text::pad(&text::cut(&shown, width), width), style)
    };
    let mut lines: Vec<Line> = items
        .iter()
        .enumerate()
        .skip(top)
        .take(LIST)
        .map(line)
        .collect();
    if items.is_empty() {
        lines.push(Line::styled(
            "    there is nothing to pick",
            theme.style("muted"),
        ));
    }
    lines
}

pub(super) fn running(
    frame: &mut Frame,
    area: Rect,
    running: &Running,
    now: Stamp,
    protected: bool,
    theme: &Theme,
) {
    let area = small(area.centered(Constraint::Max(100), Constraint::Fill(1)), 10);
    let title = text::cut(
        &printable(&running.title),
        usize::from(area.width).saturating_sub(4),
    );
    let inner = window(frame, area, &title, protected, theme);
    let width = usize::from(inner.width);
    let mut lines = vec![Line::styled(
        text::cut(&printable(&progress_text(running, now)), width),
        theme.style("text"),
    )];
    lines.push(Line::styled(
        bar(running.share(), width),
        theme.style("key"),
    ));
    lines.push(Line::styled(
        text::cut(&printable(&running.label), width),
        theme.style("text"),
    ));
    if let Some((phase, share)) = &running.phase {
        let share = share.map_or_else(String::new, |share| format!(" {:.0} %", share * 100.0));
        lines.push(Line::styled(
            text::cut(&printable(&format!("{phase}{share}")), width),
            theme.style("muted"),
        ));
    }
    if let Some(why) = &running.waits {
        for piece in text::wrap(&printable(&format!("waits: {why}")), width)
            .into_iter()
            .take(2)
        {
            lines.push(Line::styled(piece, theme.style("level.warning")));
        }
    }
    if let Some(notice) = &running.notice {
        lines.push(Line::styled(
            text::cut(&printable(notice), width),
            theme.style("muted"),
        ));
    }
    let [body, foot] = Layout::vertical([Constraint::Fill(1), Constraint::Length(1)]).areas(inner);
    frame.render_widget(Paragraph::new(lines), body);
    let keys = match running.order {
        Order::Stop => "stopping on the server…",
        Order::Hold => "held after this step · Space goes on · c cancels · Esc hides",
        Order::Go if running.of > 1 => {
            "Space holds after this step · c cancels on the server · Esc hides"
        }
        Order::Go => "c cancels on the server · Esc hides this, the work goes on",
    };
    frame.render_widget(
        Line::styled(text::cut(keys, width), theme.style("key")),
        foot,
    );
}

/// `step 3 of 10 · 4m 10s · about 9m left`.
pub(super) fn progress_text(running: &Running, now: Stamp) -> String {
    let spent = text::duration(now.seconds_since(running.started).max(0.0).floor());
    let step = if running.of > 1 {
        format!("step {} of {} · ", running.number, running.of)
    } else {
        String::new()
    };
    let left = running.left(now).map_or_else(String::new, |left| {
        format!(" · about {} left", text::duration(left.round()))
    });
    let rate = rate(running, now);
    format!("{step}{spent}{rate}{left}")
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a rate to show"
)]
fn rate(running: &Running, now: Stamp) -> String {
    let spent = now.seconds_since(running.started);
    if running.done == 0 || spent < 2.0 {
        return String::new();
    }
    format!(" · {}/s", text::bytes((running.done as f64 / spent) as i64))
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "cells of a bar"
)]
fn bar(share: f64, width: usize) -> String {
    let room = width.saturating_sub(7);
    let full = (share.clamp(0.0, 1.0) * room as f64).round() as usize;
    format!(
        "[{}{}] {:>3.0}%",
        "#".repeat(full),
        ".".repeat(room - full.min(room)),
        share.clamp(0.0, 1.0) * 100.0
    )
}
