//! The line of tabs, as many and as long as fit, and the filter beside them.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::action::{self, Here};
use crate::app::App;
use crate::screens::{ScreenId, with_table};
use crate::table::printable;
use crate::text;

pub(super) fn draw(frame: &mut Frame, area: Rect, app: &App) {
    let theme = app.theme();
    let mut spans = Vec::new();
    let (tabs, most, gap) = tabs_that_fit(app.screen, usize::from(area.width));
    for id in tabs {
        let active = id == app.screen;
        let style = theme.style(if active { "tab.active" } else { "tab" });
        let title = if active {
            id.title()
        } else {
            short(id.title(), most)
        };
        spans.push(Span::styled(format!(" {}{title}{gap}", digit(id)), style));
    }
    frame.render_widget(Line::from(spans).style(theme.style("tab")), area);
    let filter = with_table!(app.screens, app.screen, |table| table
        .filter
        .text()
        .to_owned());
    if !filter.is_empty() {
        let shown = format!("/{} ", text::cut(&printable(&filter), 24));
        frame.render_widget(
            Line::styled(shown, theme.style("caveat")).right_aligned(),
            area,
        );
    }
}

/// The key of a screen's tab, with a space after it; empty: it has none.
fn digit(id: ScreenId) -> String {
    let key = action::key_of(Here::Screen(id));
    key.map_or_else(String::new, |key| format!("{key} "))
}

fn short(title: &str, most: usize) -> &str {
    title.get(..most).unwrap_or(title)
}

/// With fewer letters, a tab that has no key is left out.
const READABLE: usize = 6;

/// The tabs to show, how many letters of those that are not open, and what stands behind each.
fn tabs_that_fit(open: ScreenId, width: usize) -> (Vec<ScreenId>, usize, &'static str) {
    let all = ScreenId::ALL.to_vec();
    let letters = |id: ScreenId, most: usize| {
        if id == open {
            id.title().len()
        } else {
            short(id.title(), most).len()
        }
    };
    let cells = |tabs: &[ScreenId], most: usize, gap: &str| -> usize {
        let each = |id: &ScreenId| letters(*id, most) + digit(*id).len() + 1 + gap.len();
        tabs.iter().map(each).sum()
    };
    if cells(&all, usize::MAX, " ") <= width {
        return (all, usize::MAX, " ");
    }
    // As many letters whichever is open, so that the tabs do not jump about.
    let longest = ScreenId::ALL.iter().map(|id| id.title().len()).max();
    let spare = longest.unwrap_or(0).saturating_sub(open.title().len());
    let letters_of = |tabs: &[ScreenId]| {
        let fits = |most: &usize| cells(tabs, *most, "") + spare <= width;
        (1..=longest.unwrap_or(1)).rev().find(fits).unwrap_or(1)
    };
    let most = letters_of(&all);
    if most >= READABLE {
        return (all, most, "");
    }
    // What no digit opens is the first to go.
    let mut tabs = all;
    tabs.retain(|id| *id == open || !digit(*id).is_empty());
    let most = letters_of(&tabs);
    (tabs, most, "")
}
