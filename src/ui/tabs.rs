//! The line of tabs, as many and as long as fit, and the filter beside them.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use crate::actions::action::Here;
use crate::actions::catalogue;
use crate::app::App;
use crate::model::screen_id::ScreenId;
use crate::model::text;
use crate::model::text::printable;
use crate::screens::with_table;

pub(super) fn draw(frame: &mut Frame, area: Rect, app: &App) {
    let theme = app.theme();
    let filter = with_table!(app.screens, app.screen, |table| table
        .filter
        .text()
        .to_owned());
    let filter = if filter.is_empty() {
        String::new()
    } else {
        let most = usize::from(area.width).saturating_sub(TABS) / 2;
        let shown = text::cut(&printable(&filter), most.clamp(7, 24));
        format!(" /{shown} ")
    };
    let beside = u16::try_from(text::width(&filter)).unwrap_or(u16::MAX);
    let [left, right] =
        Layout::horizontal([Constraint::Fill(1), Constraint::Length(beside)]).areas(area);
    let mut spans = Vec::new();
    let (tabs, most, gap) = tabs_that_fit(app.screen, usize::from(left.width));
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
    frame.render_widget(Line::from(spans).style(theme.style("tab")), left);
    frame.render_widget(Line::styled(filter, theme.style("caveat")), right);
}

/// The key of a screen's tab, with a space after it; empty: it has none.
fn digit(id: ScreenId) -> String {
    let key = catalogue::key_of(Here::Screen(id));
    key.map_or_else(String::new, |key| format!("{key} "))
}

fn short(title: &str, most: usize) -> &str {
    title.get(..most).unwrap_or(title)
}

/// Cells that the tabs want before a filter gets any.
const TABS: usize = 46;

/// With fewer letters, a tab that has no key is left out.
const READABLE: usize = 6;

/// The tabs to show, how many letters of those that are not open, and what stands behind each.
fn tabs_that_fit(open: ScreenId, width: usize) -> (Vec<ScreenId>, usize, &'static str) {
    let whole = ScreenId::ALL
        .iter()
        .map(|id| id.title().len())
        .max()
        .unwrap_or(1);
    let keys: Vec<_> = ScreenId::ALL
        .iter()
        .map(|id| (*id, digit(*id).len()))
        .collect();
    let shown = |open: ScreenId, keyless: bool| {
        let is_shown = move |(id, key): &&(ScreenId, usize)| keyless || *id == open || *key > 0;
        keys.iter().filter(is_shown)
    };
    let tabs = |keyless| shown(open, keyless).map(|(id, _)| *id).collect();
    // As many letters whichever is open, so that the tabs do not jump about.
    let fits = |keyless: bool, most: usize, gap: &str| {
        ScreenId::ALL.iter().all(|open| {
            let each = |(id, key): &(ScreenId, usize)| {
                let letters = if id == open {
                    id.title()
                } else {
                    short(id.title(), most)
                };
                letters.len() + key + 1 + gap.len()
            };
            shown(*open, keyless).map(each).sum::<usize>() <= width
        })
    };
    if fits(true, whole, " ") {
        return (tabs(true), whole, " ");
    }
    if let Some(most) = (READABLE..=whole).rev().find(|most| fits(true, *most, "")) {
        return (tabs(true), most, "");
    }
    // What no digit opens is the first to go.
    let most = (1..=whole).rev().find(|most| fits(false, *most, ""));
    (tabs(false), most.unwrap_or(1), "")
}
