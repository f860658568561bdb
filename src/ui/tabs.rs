//! The line of tabs with their badges and the filter, shortened until it fits.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use crate::actions::action::Here;
use crate::app::App;
use crate::model::screen_id::ScreenId;
use crate::model::text;
use crate::model::text::printable;
use crate::screens::gather::Badge;
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
    frame.render_widget(line(app, left.width.into()), left);
    frame.render_widget(Line::styled(filter, theme.style("caveat")), right);
}

fn line<'a>(app: &App, width: usize) -> Line<'a> {
    let theme = app.theme();
    let tabs: Vec<Tab> = ScreenId::ALL.iter().map(|id| Tab::of(*id, app)).collect();
    let shape = shape(&tabs, width);
    let gap = shape.gap();
    let mut spans = Vec::new();
    for (nth, tab) in tabs.iter().enumerate() {
        let active = tab.id == app.screen;
        let Some((mut word, badge)) = tab.shown(active, nth, shape) else {
            continue;
        };
        if active && shape == Shape::Cut {
            let others = total(&tabs, app.screen, shape) - text::width(&word);
            word = text::cut(&word, width.saturating_sub(others).max(1));
        }
        // In a narrow line there is no space before the first tab.
        let before = if spans.is_empty() && gap.is_empty() {
            ""
        } else {
            " "
        };
        let style = theme.style(if active { "tab.active" } else { "tab" });
        let of_badge = match &tab.badge {
            Some(known) if !active => style.patch(theme.level(known.level)),
            _ => style,
        };
        spans.push(Span::styled(format!("{before}{word}"), style));
        spans.push(Span::styled(badge, of_badge));
        spans.push(Span::styled(gap, style));
    }
    Line::from(spans).style(theme.style("tab"))
}

/// Minimum width of the tabs beside a filter, in cells.
const TABS: usize = 46;

/// On a narrower terminal (cells) only the open tab shows its name.
const NAMED: usize = 100;

struct Tab {
    id: ScreenId,
    key: String,
    badge: Option<Badge>,
}

/// The contents of the tabs. The open tab always shows key, name and badge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Key, name and badge, with an additional space after each tab.
    Roomy,
    Whole,
    /// Key, name and badge of this number of tabs; key and badge of the others.
    First(usize),
    /// Key, and the sign of the badge.
    Signs,
    Keys,
    /// As `Keys`, and the open tab's name is cut.
    Cut,
}

impl Shape {
    fn gap(self) -> &'static str {
        if self == Self::Roomy { " " } else { "" }
    }
}

impl Tab {
    fn of(id: ScreenId, app: &App) -> Self {
        let key = app.keys.key_of(Here::Screen(id)).unwrap_or_default();
        Self {
            id,
            key: key.to_owned(),
            badge: app.badge(id),
        }
    }

    /// Text and badge of a tab; `None`: it is not shown. A tab without a key only shows its name, and only in wide shapes.
    fn shown(&self, open: bool, nth: usize, shape: Shape) -> Option<(String, String)> {
        let named = match shape {
            Shape::Roomy | Shape::Whole => true,
            Shape::First(many) => nth < many,
            Shape::Signs | Shape::Keys | Shape::Cut => false,
        };
        let badge = self.badge.as_ref();
        let whole = badge.map_or_else(String::new, Badge::text);
        if open || named {
            let word = format!("{} {}", self.key, self.id.title());
            let badge = if whole.is_empty() {
                whole
            } else {
                format!(" {whole}")
            };
            return Some((word.trim_start().to_owned(), badge));
        }
        let badge = match shape {
            Shape::Keys | Shape::Cut => String::new(),
            Shape::Signs => badge.map_or_else(String::new, |badge| badge.level.sign().to_owned()),
            _ => whole,
        };
        (!self.key.is_empty()).then(|| (self.key.clone(), badge))
    }
}

/// Width of all tabs in cells if `open` is the open one.
fn total(tabs: &[Tab], open: ScreenId, shape: Shape) -> usize {
    let shown = tabs
        .iter()
        .enumerate()
        .filter_map(|(nth, tab)| tab.shown(tab.id == open, nth, shape));
    let gap = 1 + shape.gap().len();
    let all: usize = shown
        .map(|(word, badge)| text::width(&word) + text::width(&badge) + gap)
        .sum();
    all.saturating_sub(usize::from(shape.gap().is_empty()))
}

/// The widest shape that fits, whichever tab is open: then the tabs do not move when another one is opened.
fn shape(tabs: &[Tab], width: usize) -> Shape {
    let named = if width >= NAMED { tabs.len() } else { 0 };
    let first = (0..=named).rev().map(Shape::First);
    let all = [Shape::Roomy, Shape::Whole].into_iter().chain(first);
    let all = all.chain([Shape::Signs, Shape::Keys]);
    let fits = |shape: &Shape| {
        let mut all = tabs.iter().map(|tab| total(tabs, tab.id, *shape));
        all.all(|total| total <= width)
    };
    all.into_iter().find(fits).unwrap_or(Shape::Cut)
}
