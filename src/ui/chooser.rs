//! The list of columns, in which the user shows and hides them.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};

use super::boxes::boxed;
use crate::app::App;
use crate::model::text;
use crate::screens::table::Seen;
use crate::screens::with_table;

/// Width of a mark, a heading and the space between them.
const NAME: usize = 22;

pub(super) fn draw(frame: &mut Frame, area: Rect, app: &App, selected: usize) {
    let theme = app.theme();
    let columns: Vec<(&str, Seen)> = with_table!(app.screens, app.screen, |table| {
        let seen = table.seen_columns(app.wide).into_iter();
        seen.map(|(column, seen)| (column.title, seen)).collect()
    });
    let height = u16::try_from(columns.len() + 4).unwrap_or(u16::MAX);
    let area = area.centered(Constraint::Max(78), Constraint::Max(height));
    frame.render_widget(Clear, area);
    let title = format!("Columns of {}", app.screen.title());
    let block = boxed(&title, theme);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let parts = [Constraint::Fill(1), Constraint::Length(2)];
    let [list, foot] = Layout::vertical(parts).areas(inner);
    let legend = app.screen.about().legend;
    let lines = usize::from(list.height);
    let top = (selected + 1).saturating_sub(lines);
    let shown = columns.iter().enumerate().skip(top).take(lines);
    let width = usize::from(inner.width);
    let line = |(at, (title, seen)): (usize, &(&str, Seen))| {
        let mark = match seen {
            Seen::Shown => "[x]",
            Seen::NoRoom => "[-]",
            Seen::Hidden => "[ ]",
        };
        let style = theme.style(match (at == selected, seen) {
            (true, _) => "row.selected",
            (false, Seen::Shown) => "text",
            (false, _) => "muted",
        });
        let meaning = legend.get(at).map_or("", |(_, meaning)| *meaning);
        let rest = width.saturating_sub(NAME);
        Line::from(vec![
            Span::styled(text::pad(&format!(" {mark} {title}"), NAME), style),
            Span::styled(text::pad(&text::cut(meaning, rest), rest), style),
        ])
    };
    frame.render_widget(Paragraph::new(shown.map(line).collect::<Vec<_>>()), list);
    let meaning = legend.get(selected).map_or("", |(_, meaning)| *meaning);
    let help = [
        Line::styled(
            format!(" {}", text::cut(meaning, width)),
            theme.style("notice"),
        ),
        Line::styled(
            " space: show or hide · [-] no room · a: all that fit · Esc: close",
            theme.style("muted"),
        ),
    ];
    frame.render_widget(Paragraph::new(help.to_vec()), foot);
}
