//! The palette, the filter's prompt and the help.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};

use super::boxes::boxed;
use crate::actions::action::{Action, Group, Here};
use crate::actions::catalogue;
use crate::actions::key_map::KeyMap;
use crate::app::App;
use crate::app::overlay::{Overlay, Palette, Prompt};
use crate::app::theme::Theme;
use crate::model::text;

pub(super) fn draw(frame: &mut Frame, area: Rect, app: &mut App) {
    let theme = app.themes[app.theme].clone();
    let protected = app.rules.protected;
    match &mut app.overlay {
        None => {}
        Some(Overlay::Filter(prompt)) => {
            let hint = "text, ~regular expression, ! inverts either · Enter keeps, Esc restores the old one";
            one_line(frame, area, "Filter", "/ ", prompt, hint, &theme);
        }
        Some(Overlay::Ask(ask)) => {
            let hint = if ask.snoozes {
                "for how long: 8h, 2d · it is shown again then, or when it gets worse · Esc leaves"
            } else {
                "why (may be empty) · hidden until it goes away or gets worse · Esc leaves"
            };
            let title = crate::model::text::printable(&ask.title());
            let title = text::cut(&title, usize::from(area.width).saturating_sub(4));
            one_line(frame, area, &title, "> ", &mut ask.prompt, hint, &theme);
        }
        Some(Overlay::Palette(palette)) => draw_palette(frame, area, palette, &app.keys, &theme),
        Some(Overlay::Help(top)) => help(frame, area, top, &app.keys, &theme),
        Some(Overlay::Act(acting)) => {
            crate::ui::dialog::draw(frame, area, acting, protected, &theme);
        }
        Some(Overlay::Running) => {
            if let Some(running) = &app.running {
                crate::ui::dialog::running(frame, area, running, app.now, protected, &theme);
            }
        }
        Some(Overlay::Note(notes)) => note(frame, area, notes, &theme),
    }
}

/// A box as large as its lines, in the middle.
fn note(frame: &mut Frame, area: Rect, notes: &[String], theme: &Theme) {
    let width = usize::from(area.width).min(90).saturating_sub(4);
    let mut lines: Vec<_> = notes
        .iter()
        .flat_map(|note| text::wrap(&crate::model::text::printable(note), width))
        .map(|line| Line::styled(format!(" {line}"), theme.style("text")))
        .collect();
    lines.push(Line::styled(
        " The defaults serve meanwhile. Any key closes this.",
        theme.style("muted"),
    ));
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX);
    let area = area.centered(Constraint::Max(90), Constraint::Max(height));
    frame.render_widget(Clear, area);
    let block = boxed("Your settings", theme);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    frame.render_widget(Paragraph::new(lines), inner);
}

fn prompt_line(frame: &mut Frame, area: Rect, sign: &str, prompt: &mut Prompt, theme: &Theme) {
    let [left, right] =
        Layout::horizontal([Constraint::Length(2), Constraint::Fill(1)]).areas(area);
    frame.render_widget(Line::styled(sign.to_owned(), theme.style("key")), left);
    prompt.area.set_style(theme.style("text"));
    prompt.area.set_cursor_line_style(theme.style("text"));
    prompt
        .area
        .set_cursor_style(theme.style("text").add_modifier(Modifier::REVERSED));
    frame.render_widget(&prompt.area, right);
}

/// A one-line prompt at the bottom of the screen.
fn one_line(
    frame: &mut Frame,
    area: Rect,
    title: &str,
    sign: &str,
    prompt: &mut Prompt,
    hint: &str,
    theme: &Theme,
) {
    let area = Rect {
        y: area.bottom().saturating_sub(4),
        height: 4,
        ..area
    };
    frame.render_widget(Clear, area);
    let block = boxed(title, theme);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let [line, under] =
        Layout::vertical([Constraint::Length(1), Constraint::Length(1)]).areas(inner);
    prompt_line(frame, line, sign, prompt, theme);
    let (words, role) = match &prompt.error {
        Some(error) => (error.clone(), "error"),
        None => (hint.to_owned(), "muted"),
    };
    frame.render_widget(
        Line::styled(text::cut(&words, under.width.into()), theme.style(role)),
        under,
    );
}

fn draw_palette(
    frame: &mut Frame,
    area: Rect,
    palette: &mut Palette,
    keys: &KeyMap,
    theme: &Theme,
) {
    let found = palette.found();
    let area = area.centered(Constraint::Max(90), Constraint::Max(18));
    frame.render_widget(Clear, area);
    let title = if palette.only_acts {
        "Actions on the selected row"
    } else {
        "What do you want to do?"
    };
    let block = boxed(title, theme);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let parts = [
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(1),
    ];
    let [line, list, help] = Layout::vertical(parts).areas(inner);
    prompt_line(frame, line, ": ", &mut palette.prompt, theme);
    if let Some(action) = found.get(palette.selected) {
        help_line(frame, help, action, theme);
    }
    let lines = usize::from(list.height);
    let top = (palette.selected + 1).saturating_sub(lines);
    let rows = found.iter().enumerate().skip(top).take(lines);
    let rows: Vec<_> = rows
        .map(|(at, action)| {
            let here = action.applies(&palette.kinds);
            let key = if here {
                keys.shown(action, &palette.kinds, palette.screen)
            } else {
                keys.of(action).first().map(String::as_str)
            };
            let style = theme.style(match (at == palette.selected, here) {
                (true, _) => "row.selected",
                (false, true) => "text",
                (false, false) => "muted",
            });
            let key = key.unwrap_or_default();
            entry(action, key, style, inner.width.into())
        })
        .collect();
    let empty = vec![Line::styled(
        "no action has this name",
        theme.style("muted"),
    )];
    frame.render_widget(
        Paragraph::new(if rows.is_empty() { empty } else { rows }),
        list,
    );
}

/// The help of an action, which a list may cut.
fn help_line(frame: &mut Frame, area: Rect, action: &Action, theme: &Theme) {
    let words = text::cut(action.help, usize::from(area.width).saturating_sub(1));
    frame.render_widget(
        Line::styled(format!(" {words}"), theme.style("notice")),
        area,
    );
}

/// Cells of an action's name in a list.
const NAME: usize = 28;

fn entry(action: &Action, key: &str, style: Style, width: usize) -> Line<'static> {
    // Short keys are aligned; a long one moves only its own line.
    let column = text::width(key).max(4) + 2;
    let rest = width.saturating_sub(NAME + column);
    let help = text::pad(&text::cut(action.help, rest), rest);
    Line::from(vec![
        Span::styled(text::pad(&format!(" {}", action.name), NAME), style),
        Span::styled(help, style),
        Span::styled(format!("{} ", text::pad_left(key, column - 1)), style),
    ])
}

/// Greatest width of the help.
const WIDEST: u16 = 132;

fn help(frame: &mut Frame, area: Rect, top: &mut usize, keys: &KeyMap, theme: &Theme) {
    let area = area.centered(Constraint::Max(WIDEST), Constraint::Fill(1));
    frame.render_widget(Clear, area);
    let down = keys.key_of(Here::Step(1)).unwrap_or("down");
    let up = keys.key_of(Here::Step(-1)).unwrap_or("up");
    let title = format!("Help · {down}/{up} scroll, Esc closes");
    let block = boxed(&title, theme);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let lines = help_lines(inner.width.into(), keys, theme);
    *top = (*top).min(lines.len().saturating_sub(inner.height.into()));
    let visible: Vec<_> = lines
        .into_iter()
        .skip(*top)
        .take(inner.height.into())
        .collect();
    frame.render_widget(Paragraph::new(visible), inner);
}

/// The key, or the name to type into the palette.
fn how(action: &Action, keys: &KeyMap) -> String {
    match keys.of(action) {
        [] => format!(":{}", action.name),
        keys => keys.join("  "),
    }
}

fn help_lines(width: usize, keys: &KeyMap, theme: &Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for group in Group::ALL {
        let of = theme.style("key");
        let entries = catalogue::all().filter(|action| action.group == group);
        let entries: Vec<_> = entries
            .map(|action| (how(action, keys), of, action.help))
            .collect();
        section(&mut lines, group.title(), &entries, width, theme);
    }
    let levels = crate::model::verdict::Level::ALL.iter().rev();
    let mut signs: Vec<_> = levels
        .map(|level| {
            let of = theme.level(*level);
            (level.sign().to_owned(), of, level.name())
        })
        .collect();
    let estimate = "an estimate, or something that cannot be shown here";
    signs.push(("~".to_owned(), theme.style("text"), estimate));
    section(&mut lines, "Signs", &signs, width, theme);
    lines
}

/// Names with their meaning, aligned after the longest name.
fn section(
    lines: &mut Vec<Line<'static>>,
    title: &str,
    entries: &[(String, Style, &str)],
    width: usize,
    theme: &Theme,
) {
    lines.push(Line::styled(format!(" {title}"), theme.style("column")));
    let longest = entries.iter().map(|(name, ..)| text::width(name)).max();
    let column = (longest.unwrap_or(0) + 5).max(19);
    for (name, of, words) in entries {
        let words = text::wrap(words, width.saturating_sub(column + 1));
        for (at, words) in words.into_iter().enumerate() {
            let name = if at == 0 { name } else { "" };
            lines.push(Line::from(vec![
                Span::styled(text::pad(&format!("   {name}"), column), *of),
                Span::styled(words, theme.style("text")),
            ]));
        }
    }
}
