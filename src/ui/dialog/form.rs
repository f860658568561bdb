//! The form: its fields, and under the fields the plan or the errors.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use tui_textarea::TextArea;

use crate::actions::act::Refusal;
use crate::actions::form::{Field, FieldType, Item};
use crate::actions::preview;
use crate::app::dialog::{Filling, Trouble, group};
use crate::app::theme::Theme;
use crate::model::picture::Picture;
use crate::model::text;
use crate::model::text::printable;
use crate::ui::boxes::{fitted, wrapped};
use crate::ui::dialog::picture;

/// Width of a field's label, in cells.
const LABEL: usize = 22;

/// Maximum number of lines of the drawing of a policy's effect.
const PICTURE: usize = 9;

/// Minimum number of lines of text below a policy's preview.
const TEXT: usize = 2;

/// Height, in lines, of a list and of a text field of several lines.
const LIST: usize = 8;

/// Draws the fields above, and the plan or the errors below. The keys are on the border below `area`, if they fit into `on_border` cells.
pub(super) fn form(
    frame: &mut Frame,
    area: Rect,
    on_border: usize,
    filling: &mut Filling,
    theme: &Theme,
) {
    let area = draw_keys(frame, area, on_border, filling, theme);
    let width = usize::from(area.width);
    let (lines, focus_line) = fields(filling, width, theme);
    let help = filling
        .field()
        .map(|field| field.help.clone())
        .unwrap_or_default();
    let (mut about, heading) = about(filling, width, theme);
    let help = text::wrap(&printable(&help), width);
    let help_rows = help.len().clamp(1, 2);
    let most = usize::from(area.height).saturating_sub(2 + help_rows);
    let mut text = about.split_off(heading);
    if let Some(picture) = drawn(filling) {
        let room = (most + 2).saturating_sub(lines.len() + about.len() + text.len());
        // The strips of chunks always stay visible. A long text scrolls below the strips.
        let room = room.clamp(picture.strips.len() + 1, PICTURE);
        about.extend(picture::lines(picture, width, room, theme));
    }
    let above = lines
        .len()
        .min(most * 3 / 5 + 1)
        .max(most.saturating_sub(about.len() + text.len()))
        .min(lines.len());
    let below = usize::from(area.height).saturating_sub(above + help_rows);
    if below < about.len() + TEXT.min(text.len()) {
        about.truncate(heading);
    }
    let rows = [
        Constraint::Length(u16::try_from(above).unwrap_or(1)),
        Constraint::Length(u16::try_from(help_rows).unwrap_or(1)),
        Constraint::Fill(1),
    ];
    let [top, middle, below] = Layout::vertical(rows).areas(area);
    let fixed = u16::try_from(about.len()).unwrap_or(u16::MAX);
    let [picture, below] =
        Layout::vertical([Constraint::Length(fixed), Constraint::Fill(1)]).areas(below);
    // Scrolls no further than to the last line.
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
    frame.render_widget(Paragraph::new(about), picture);
    let last = text.len().saturating_sub(below.height.into());
    filling.top = filling.top.min(last);
    text.drain(..filling.top);
    fitted(frame, below, text, " · PgDn", theme);
}

/// Draws the keys on the border below the form or, if they do not fit there, on the form's last line. Returns the rest of the form's area.
fn draw_keys(
    frame: &mut Frame,
    area: Rect,
    on_border: usize,
    filling: &Filling,
    theme: &Theme,
) -> Rect {
    let keys = keys(filling);
    let words = format!(" {keys} ");
    let cells = text::width(&words);
    if cells <= on_border {
        let foot = Rect {
            y: area.bottom(),
            height: 1,
            width: u16::try_from(cells).unwrap_or(area.width),
            ..area
        };
        frame.render_widget(Line::styled(words, theme.style("key")), foot);
        return area;
    }
    let [rest, foot] = Layout::vertical([Constraint::Fill(1), Constraint::Length(1)]).areas(area);
    let keys = text::cut(&keys, area.width.into());
    frame.render_widget(Line::styled(keys, theme.style("key")), foot);
    rest
}

/// The lines of all fields, and the number of the first line of the field with the focus.
fn fields<'a>(filling: &Filling, width: usize, theme: &Theme) -> (Vec<Line<'a>>, usize) {
    let (mut lines, mut focus_line) = (Vec::new(), 0);
    for (nth, field) in filling.form.fields.iter().enumerate() {
        let on = nth == filling.focus;
        if on {
            focus_line = lines.len();
        }
        let cursor = filling.areas.get(nth).filter(|_| on).map(TextArea::cursor);
        let begins = lines.len();
        field_lines(
            field,
            on,
            cursor.map(|cursor| (cursor.0, cursor.1)),
            filling.pick,
            width,
            theme,
            &mut lines,
        );
        if let (Some(was), Some(line)) = (filling.was(nth), lines.get_mut(begins)) {
            let words = format!("   was {}", printable(was));
            let room = width.saturating_sub(line.width());
            if text::width(&words) <= room {
                line.push_span(Span::styled(words, theme.style("muted")));
            }
        }
    }
    (lines, focus_line)
}

fn keys(filling: &Filling) -> String {
    let field = match filling.field().map(|field| &field.accepts) {
        Some(FieldType::Flag | FieldType::Choice(_)) => "Space changes · ",
        Some(FieldType::Pick(_)) => "Space picks, a all, n none · ",
        Some(FieldType::Json) => "Ctrl-S continues · ",
        _ => "",
    };
    let on = match &filling.outcome {
        Ok(_) => "Enter: preview",
        Err(Trouble::Refusal(refusal)) if refusal.offer.is_some() => "Ctrl-O sets these values",
        Err(Trouble::Some { .. }) => "Ctrl-O continues without them",
        Err(Trouble::Refusal(refusal)) if refusal.stands.is_some() => "nothing changed yet",
        Err(_) => "not possible with these values",
    };
    let tab = if filling.form.fields.is_empty() {
        ""
    } else {
        "Tab: next field · "
    };
    format!("{field}{tab}{on} · Esc leaves")
}

/// Drawing of the plan's effect on the chunks. If the plan was refused, the drawing shows the effect of the present setting. `None`: the
/// effect is unknown.
fn drawn(filling: &Filling) -> Option<&Picture> {
    match &filling.outcome {
        Ok(approved) => approved.plan.picture.as_deref(),
        Err(Trouble::Refusal(refusal)) => refusal.picture.as_deref(),
        Err(_) => None,
    }
}

/// The title, the notes and the undo of the plan, or the reason why there is no plan, wrapped to `width`. Also the number of wrapped lines that
/// the first of these texts takes.
fn about(filling: &Filling, width: usize, theme: &Theme) -> (Vec<Line<'static>>, usize) {
    let mut lines: Vec<preview::Line> = Vec::new();
    match &filling.outcome {
        Ok(approved) => {
            lines.push(("title", printable(&approved.plan.title)));
            lines.extend(approved.plan.notes.iter().map(preview::note_line));
            let undo = &approved.plan.undo;
            let words = format!("{}: {}", undo.heading(), undo.text());
            lines.push(("muted", printable(&words)));
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
    let heading = wrapped(lines.get(..1).unwrap_or_default(), width, theme).len();
    (wrapped(&lines, width, theme), heading)
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
    let line = |text: String, style| {
        Line::from(vec![mark.clone(), label.clone(), Span::styled(text, style)])
    };
    match &field.accepts {
        FieldType::Pick(items) => {
            let picked = field.picked().len();
            let count = format!("{picked} of {} picked", items.len());
            lines.push(line(count, theme.style("text")));
            if on {
                lines.extend(picks(field, items, pick, width, theme));
            }
        }
        FieldType::Flag => {
            let sign = if field.is_on() { "[x] yes" } else { "[ ] no" };
            lines.push(line(sign.to_owned(), style(on, theme)));
        }
        FieldType::Choice(choices) => {
            lines.push(line(choice_line(choices, &field.value), style(on, theme)));
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

fn choice_line(choices: &[&str], chosen: &str) -> String {
    let shown = choices.iter().map(|choice| {
        if *choice == chosen {
            format!("({choice})")
        } else {
            format!(" {choice} ")
        }
    });
    shown.collect::<Vec<_>>().join(" ")
}

fn style(on: bool, theme: &Theme) -> Style {
    theme.style("text").add_modifier(if on {
        Modifier::UNDERLINED
    } else {
        Modifier::empty()
    })
}

/// Text of a field, scrolled so that the cursor (`None`: not in this field) is visible.
fn typed<'a>(value: &str, cursor: Option<usize>, room: usize, style: Style) -> Vec<Span<'a>> {
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
