//! Boxes over a screen: palette, prompts and messages.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};

use super::boxes::boxed;
use super::{chooser, help, page};
use crate::actions::action::Action;
use crate::actions::key_map::KeyMap;
use crate::app::App;
use crate::app::overlay::{Ask, Overlay, Palette, Prompt, Switching};
use crate::app::theme::Theme;
use crate::model::text;

pub(super) fn draw(frame: &mut Frame, area: Rect, app: &mut App) {
    let theme = app.themes[app.theme].clone();
    let protected = app.rules.protected;
    if let Some(Overlay::Columns(selected)) = app.overlay {
        chooser::draw(frame, area, app, selected);
        return;
    }
    if let Some(Overlay::Page(_)) = app.overlay {
        page::draw(frame, area, app);
        return;
    }
    let kinds = match app.overlay {
        Some(Overlay::Help(_)) => app.kinds(),
        _ => Vec::new(),
    };
    let headings = match &app.overlay {
        Some(Overlay::SortBy(prompt)) => app.headings(&prompt.text()),
        _ => Vec::new(),
    };
    match &mut app.overlay {
        None | Some(Overlay::Columns(_) | Overlay::Page(_)) => {}
        Some(Overlay::SortBy(prompt)) => {
            one_line(
                frame,
                area,
                "Sort by",
                "> ",
                prompt,
                &sort_hint(&headings),
                &theme,
            );
        }
        Some(Overlay::Filter(prompt)) => {
            let hint = "words, bytes>1MB, unused=yes, ~regex, !word · Enter keeps, Esc restores";
            one_line(frame, area, "Filter", "/ ", prompt, hint, &theme);
        }
        Some(Overlay::Ask(ask)) => draw_ask(frame, area, ask, &theme),
        Some(Overlay::Palette(palette)) => draw_palette(frame, area, palette, &app.keys, &theme),
        Some(Overlay::Switch(switching)) => draw_switch(frame, area, switching, &theme),
        Some(Overlay::Help(top)) => {
            let about = help::About {
                screen: app.screen,
                kinds: &kinds,
                keys: &app.keys,
            };
            help::draw(frame, area, top, &about, &theme);
        }
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

fn draw_ask(frame: &mut Frame, area: Rect, ask: &mut Ask, theme: &Theme) {
    let hint = if ask.snoozes {
        "for how long: 8h, 2d · shown again after that, or when it gets worse · Esc closes"
    } else {
        "why (may be empty) · hidden until it goes away or gets worse · Esc closes"
    };
    let title = text::printable(&ask.title());
    let title = text::cut(&title, usize::from(area.width).saturating_sub(4));
    one_line(frame, area, &title, "> ", &mut ask.prompt, hint, theme);
}

fn sort_hint(headings: &[&str]) -> String {
    match headings.split_first() {
        None => "no column has this name · Esc closes".to_owned(),
        Some((first, [])) => format!("Enter sorts by {first} · Esc closes"),
        Some((first, others)) => format!(
            "Enter sorts by {first} · Esc closes · others: {}",
            others.join(", ")
        ),
    }
}

/// Draws a centred box that is as large as its lines need.
fn note(frame: &mut Frame, area: Rect, notes: &[String], theme: &Theme) {
    let width = usize::from(area.width).min(90).saturating_sub(4);
    let mut lines: Vec<_> = notes
        .iter()
        .flat_map(|note| text::wrap(&crate::model::text::printable(note), width))
        .map(|line| Line::styled(format!(" {line}"), theme.style("text")))
        .collect();
    lines.push(Line::styled(
        " Until you correct this, the defaults are used. Any key closes this.",
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

/// Maximum number of lines of an error under a prompt.
const ERROR_LINES: usize = 6;

/// Draws a one-line prompt at the bottom of the screen, with its hint or error below it.
fn one_line(
    frame: &mut Frame,
    area: Rect,
    title: &str,
    sign: &str,
    prompt: &mut Prompt,
    hint: &str,
    theme: &Theme,
) {
    let width = usize::from(area.width).saturating_sub(2);
    let (mut words, role) = match &prompt.error {
        Some(error) => (text::wrap(&text::printable(error), width), "error"),
        None => (vec![text::cut(hint, width)], "muted"),
    };
    words.truncate(ERROR_LINES);
    let height = u16::try_from(words.len() + 3).unwrap_or(4);
    let area = Rect {
        y: area.bottom().saturating_sub(height),
        height,
        ..area
    };
    frame.render_widget(Clear, area);
    let block = boxed(title, theme);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let [line, under] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(inner);
    prompt_line(frame, line, sign, prompt, theme);
    let words = words.into_iter();
    let lines: Vec<_> = words
        .map(|words| Line::styled(words, theme.style(role)))
        .collect();
    frame.render_widget(Paragraph::new(lines), under);
}

fn draw_palette(
    frame: &mut Frame,
    area: Rect,
    palette: &mut Palette,
    keys: &KeyMap,
    theme: &Theme,
) {
    let found = palette.found();
    let (width, height) = if palette.menu.is_some() {
        (100, 30)
    } else {
        (90, 18)
    };
    let area = area.centered(Constraint::Max(width), Constraint::Max(height));
    frame.render_widget(Clear, area);
    let title = palette.menu.as_ref().map_or_else(
        || "What do you want to do?".to_owned(),
        |menu| {
            let room = usize::from(area.width).saturating_sub(4);
            text::cut(&text::printable(&menu.title), room)
        },
    );
    let block = boxed(&title, theme);
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
        let why = palette.unfit(action);
        let words = why.map_or_else(
            || action.help.to_owned(),
            |why| format!("not here: {} · {}", text::printable(why), action.help),
        );
        help_line(frame, help, &words, theme);
    }
    let lines = usize::from(list.height);
    let top = (palette.selected + 1).saturating_sub(lines);
    let rows = found.iter().enumerate().skip(top).take(lines);
    let row = |(at, action): (usize, &&'static Action)| {
        let selected = at == palette.selected;
        palette_row(palette, action, selected, keys, theme, inner.width.into())
    };
    let mut rows: Vec<_> = rows.map(row).collect();
    if rows.is_empty() {
        rows = vec![Line::styled(
            "no action has this name",
            theme.style("muted"),
        )];
    }
    frame.render_widget(Paragraph::new(rows), list);
}

fn palette_row(
    palette: &Palette,
    action: &Action,
    selected: bool,
    keys: &KeyMap,
    theme: &Theme,
    width: usize,
) -> Line<'static> {
    let unfit = palette.unfit(action).map(text::printable);
    let here = action.applies(&palette.kinds) && unfit.is_none();
    // In the menu of a row a key is shown only if it runs this action there, so that no two lines have the same key.
    let key = if here || palette.menu.is_some() {
        keys.shown(action, &palette.kinds, palette.screen)
    } else {
        keys.of(action).first().map(String::as_str)
    };
    let style = theme.style(match (selected, here) {
        (true, _) => "row.selected",
        (false, true) => "text",
        (false, false) => "muted",
    });
    let words = unfit.as_deref().unwrap_or(action.help);
    entry(action.name, words, key.unwrap_or_default(), style, width)
}

fn draw_switch(frame: &mut Frame, area: Rect, switching: &mut Switching, theme: &Theme) {
    let area = area.centered(Constraint::Max(90), Constraint::Max(18));
    frame.render_widget(Clear, area);
    let title = format!("Switch to a {}", switching.other.word());
    let block = boxed(&title, theme);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let parts = [
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(1),
    ];
    let [line, list, help] = Layout::vertical(parts).areas(inner);
    prompt_line(frame, line, "> ", &mut switching.prompt, theme);
    let keys = "Enter connects; until then the screen stays as it is · Esc closes";
    help_line(frame, help, keys, theme);
    let found = switching.found();
    let lines = usize::from(list.height);
    let top = (switching.selected + 1).saturating_sub(lines);
    let width = usize::from(inner.width);
    let rows = found.iter().enumerate().skip(top).take(lines);
    let mut rows: Vec<_> = rows
        .map(|(at, choice)| {
            let selected = at == switching.selected;
            let style = theme.style(if selected { "row.selected" } else { "text" });
            let words = format!(" {}  {}", choice.name, choice.about);
            let words = text::cut(&text::printable(&words), width);
            Line::styled(text::pad(&words, width), style)
        })
        .collect();
    if rows.is_empty() {
        let none = format!("no {} has this name", switching.other.word());
        rows.push(Line::styled(none, theme.style("muted")));
    }
    frame.render_widget(Paragraph::new(rows), list);
}

/// Draws the full help of the selected action, because the list may cut the help.
fn help_line(frame: &mut Frame, area: Rect, words: &str, theme: &Theme) {
    let words = text::cut(words, usize::from(area.width).saturating_sub(1));
    frame.render_widget(
        Line::styled(format!(" {words}"), theme.style("notice")),
        area,
    );
}

/// Width of an action's name in a list, in cells.
const NAME: usize = 28;

fn entry(name: &str, words: &str, key: &str, style: Style, width: usize) -> Line<'static> {
    // Short keys are aligned. A longer key only widens its own line.
    let column = text::width(key).max(4) + 2;
    let rest = width.saturating_sub(NAME + column);
    let help = text::pad(&text::cut(words, rest), rest);
    Line::from(vec![
        Span::styled(text::pad(&format!(" {name}"), NAME), style),
        Span::styled(help, style),
        Span::styled(format!("{} ", text::pad_left(key, column - 1)), style),
    ])
}
