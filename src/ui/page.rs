//! The page of a finding's rule over the screen, and below it the help of the screen.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Clear, Paragraph};

use super::boxes::boxed;
use super::help;
use crate::actions::action::Here;
use crate::app::App;
use crate::app::overlay::Overlay;

/// Maximum width of a line that is easy to read, in cells.
const WIDEST: u16 = 100;

pub(super) fn draw(frame: &mut Frame, area: Rect, app: &mut App) {
    let Some(Overlay::Page(explained)) = &app.overlay else {
        return;
    };
    let Some(page) = app.page(explained) else {
        return;
    };
    let (nth, all) = (explained.nth + 1, explained.rules.len());
    let theme = app.theme();
    let key = |here, other| app.keys.key_of(here).unwrap_or(other);
    let (down, up) = (key(Here::Step(1), "down"), key(Here::Step(-1), "up"));
    let others = match all {
        1 => String::new(),
        _ => format!(
            " {nth}/{all} ({}/{})",
            key(Here::Column(-1), "left"),
            key(Here::Column(1), "right")
        ),
    };
    let title = format!(
        "{}{others} · {down}/{up} scroll, {} help, Esc closes",
        page.name,
        key(Here::Help, "f1")
    );
    let area = Rect {
        width: area.width.min(WIDEST),
        x: area.x + area.width.saturating_sub(WIDEST) / 2,
        ..area
    };
    frame.render_widget(Clear, area);
    let block = boxed(&title, theme);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let cells = usize::from(inner.width).saturating_sub(2);
    let lines = page.lines(cells).into_iter();
    let mut lines: Vec<_> = lines
        .map(|(role, words)| Line::styled(format!(" {words}"), theme.style(role)))
        .collect();
    lines.extend(below(app, inner.width.into()));
    let last = lines.len().saturating_sub(inner.height.into());
    let top = explained.top.min(last);
    let visible: Vec<_> = lines.into_iter().skip(top).collect();
    frame.render_widget(Paragraph::new(visible), inner);
    if let Some(Overlay::Page(explained)) = &mut app.overlay {
        explained.top = top;
    }
}

/// The help of the screen, with its title.
fn below(app: &App, width: usize) -> Vec<Line<'static>> {
    let theme = app.theme();
    let kinds = app.kinds();
    let about = help::About {
        screen: app.screen,
        kinds: &kinds,
        keys: &app.keys,
    };
    let title = format!(" Help: {}", app.screen.title());
    let title = [Line::default(), Line::styled(title, theme.style("title"))];
    title
        .into_iter()
        .chain(help::lines(width, &about, theme))
        .collect()
}
