//! The dialog of an action: waiting, form, preview, progress, result.

mod form;
mod picture;
mod running;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::app::dialog::{Acting, Agreeing, Stage};
use crate::app::theme::Theme;
use crate::model::plan::Consent;
use crate::model::text;
use crate::model::text::printable;

pub(super) use running::{progress_text, running};

use super::boxes::{PROTECTED, scrolled, small, window, wrapped};
use form::form;

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
                Line::styled("waiting for the server…  Esc closes", theme.style("muted")),
                inner,
            );
        }
        Stage::Message { lines, top } => {
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
            let mark = if protected { PROTECTED.len() + 1 } else { 0 };
            let room = usize::from(inner.width).saturating_sub(mark);
            form(frame, inner, room, filling, theme);
        }
        Stage::Preview(agreeing) => {
            let inner = window(frame, area, &title, protected, theme);
            preview(frame, inner, agreeing, theme);
        }
        Stage::Amend(amending) => {
            let inner = window(frame, area, &title, protected, theme);
            let how = text::wrap(&amending.how(), inner.width.into());
            let foot = u16::try_from(how.len()).unwrap_or(1);
            let [body, bottom] =
                Layout::vertical([Constraint::Fill(1), Constraint::Length(foot)]).areas(inner);
            amending.page = usize::from(body.height).max(1);
            scrolled(frame, body, &amending.lines, &mut amending.top, theme);
            let how = how.into_iter();
            let how = how.map(|line| Line::styled(line, theme.style("level.warning")));
            frame.render_widget(Paragraph::new(how.collect::<Vec<_>>()), bottom);
        }
    }
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
