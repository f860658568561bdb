//! The line of tabs, shortened until it fits, and the filter.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use crate::actions::action::Here;
use crate::actions::key_map::KeyMap;
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
    let filter_width = u16::try_from(text::width(&filter)).unwrap_or(u16::MAX);
    let [left, right] =
        Layout::horizontal([Constraint::Fill(1), Constraint::Length(filter_width)]).areas(area);
    let mut spans = Vec::new();
    let (tabs, own, most, gap) = tabs_that_fit(app.screen, usize::from(left.width), &app.keys);
    for (at, id) in tabs.into_iter().enumerate() {
        let active = id == app.screen;
        let style = theme.style(if active { "tab.active" } else { "tab" });
        let title = short(id.title(), if active { own } else { most });
        let key = key(id, &app.keys);
        // In a narrow line the first tab has no space before it.
        let before = if at == 0 && gap.is_empty() { "" } else { " " };
        spans.push(Span::styled(format!("{before}{key}{title}{gap}"), style));
    }
    frame.render_widget(Line::from(spans).style(theme.style("tab")), left);
    frame.render_widget(Line::styled(filter, theme.style("caveat")), right);
}

/// The key of a screen's tab, with a space after it; empty: it has none.
fn key(id: ScreenId, keys: &KeyMap) -> String {
    let key = keys.key_of(Here::Screen(id));
    key.map_or_else(String::new, |key| format!("{key} "))
}

fn short(title: &str, most: usize) -> &str {
    title.get(..most).unwrap_or(title)
}

/// Width that the tabs keep when a filter is shown, in cells.
const TABS: usize = 46;

/// Fewest letters of a tab; below it, a tab without a key is left out.
const READABLE: usize = 6;

/// The tabs to show, the letters of the open one and of the others, and the gap after each.
fn tabs_that_fit(
    open: ScreenId,
    width: usize,
    keys: &KeyMap,
) -> (Vec<ScreenId>, usize, usize, &'static str) {
    let whole = ScreenId::ALL
        .iter()
        .map(|id| id.title().len())
        .max()
        .unwrap_or(1);
    let keys: Vec<_> = ScreenId::ALL
        .iter()
        .map(|id| (*id, text::width(&key(*id, keys))))
        .collect();
    let shown = |open: ScreenId, keyless: bool| {
        let is_shown = move |(id, key): &&(ScreenId, usize)| keyless || *id == open || *key > 0;
        keys.iter().filter(is_shown)
    };
    let tabs = |keyless| shown(open, keyless).map(|(id, _)| *id).collect();
    // The same number of letters whichever tab is open, so that the tabs do not jump.
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
            let first = usize::from(gap.is_empty());
            shown(*open, keyless).map(each).sum::<usize>() <= width + first
        })
    };
    if fits(true, whole, " ") {
        return (tabs(true), whole, whole, " ");
    }
    if let Some(most) = (READABLE..=whole).rev().find(|most| fits(true, *most, "")) {
        return (tabs(true), whole, most, "");
    }
    // Tabs without a key are left out first.
    let most = (1..=whole).rev().find(|most| fits(false, *most, ""));
    // A letter of each tab matters more than the whole name of the open one.
    let others = shown(open, false).map(|(id, key)| key + 1 + usize::from(*id != open));
    let own = (width + 1).saturating_sub(others.sum()).max(1);
    (
        tabs(false),
        most.map_or(own, |_| whole),
        most.unwrap_or(1),
        "",
    )
}
