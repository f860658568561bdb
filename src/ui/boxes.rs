//! Frames and text for boxes over a screen.

use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::text::Line;
use ratatui::widgets::Block;
use ratatui::widgets::{BorderType, Clear, Paragraph};

use crate::actions::preview;
use crate::app::theme::Theme;
use crate::model::text;

pub(super) fn small(area: Rect, height: u16) -> Rect {
    area.centered(
        Constraint::Fill(1),
        Constraint::Length(height.min(area.height)),
    )
}

/// Mark on the lower border of a dialog if the connection is protected.
pub(super) const PROTECTED: &str = " PROTECTED ";

/// Frame of a dialog, with a mark if the connection is protected.
pub(super) fn window(
    frame: &mut Frame,
    area: Rect,
    title: &str,
    protected: bool,
    theme: &Theme,
) -> Rect {
    frame.render_widget(Clear, area);
    let mut block = boxed(title, theme);
    if protected {
        let mark = Line::styled(PROTECTED, theme.style("protected")).right_aligned();
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

/// Lines wrapped at the width, with their styles.
pub(super) fn wrapped<'a>(lines: &[preview::Line], width: usize, theme: &Theme) -> Vec<Line<'a>> {
    let mut all = Vec::new();
    for (role, line) in lines {
        let style = theme.style(role);
        for piece in text::wrap_keeping_indent(line, width) {
            all.push(Line::styled(piece, style));
        }
    }
    all
}

pub(super) fn scrolled(
    frame: &mut Frame,
    area: Rect,
    lines: &[preview::Line],
    top: &mut usize,
    theme: &Theme,
) {
    let all = wrapped(lines, area.width.into(), theme);
    let page = usize::from(area.height);
    *top = (*top).min(all.len().saturating_sub(page));
    fitted(frame, area, all.into_iter().skip(*top).collect(), "", theme);
}

/// Draws the lines that fit. If there are more lines, the last line shows their number, and `key`, the key that shows them.
pub(super) fn fitted(
    frame: &mut Frame,
    area: Rect,
    mut lines: Vec<Line>,
    key: &str,
    theme: &Theme,
) {
    let page = usize::from(area.height);
    let below = lines.len().saturating_sub(page);
    lines.truncate(page);
    if below > 0
        && let Some(last) = lines.last_mut()
    {
        let more = text::plural_of(below + 1, "line");
        *last = Line::styled(format!("↓ {more} more{key}"), theme.style("muted"));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

pub(super) fn boxed<'a>(title: &'a str, theme: &Theme) -> Block<'a> {
    let title = Line::styled(format!(" {title} "), theme.style("title"));
    Block::bordered()
        .title(title)
        .border_style(theme.style("border"))
        .style(theme.style("text"))
}
