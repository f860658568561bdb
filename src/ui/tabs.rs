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

pub(super) fn draw(frame: &mut Frame, area: Rect, app: &mut App) {
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
    let (tabs, places) = line(app, left);
    frame.render_widget(tabs, left);
    frame.render_widget(Line::styled(filter, theme.style("caveat")), right);
    app.tabs = places;
}

/// The line of tabs, and the cells of each tab.
fn line<'a>(app: &App, area: Rect) -> (Line<'a>, Vec<(ScreenId, Rect)>) {
    let (theme, width) = (app.theme(), usize::from(area.width));
    let tabs: Vec<Tab> = ScreenId::ALL.iter().map(|id| Tab::of(*id, app)).collect();
    let shape = shape(&tabs, app.screen, width);
    let gap = shape.gap();
    let (mut spans, mut places) = (Vec::new(), Vec::new());
    let mut x = area.x;
    for (nth, tab) in tabs.iter().enumerate() {
        let active = tab.id == app.screen;
        let Some(mut word) = tab.word(active, nth, shape) else {
            continue;
        };
        let slot = tab.slot(active, nth, shape);
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
        // After a name there is a space.
        let space = " ".repeat(usize::from(slot > 0 && (active || shape.names(nth))));
        let badge = tab.shown(slot - space.len());
        let rest = " ".repeat(slot - space.len() - text::width(&badge));
        let drawn = [
            Span::styled(format!("{before}{word}{space}"), style),
            Span::styled(badge, of_badge),
            Span::styled(format!("{rest}{gap}"), style),
        ];
        let cells: usize = drawn.iter().map(Span::width).sum();
        let cells = u16::try_from(cells).unwrap_or(u16::MAX);
        places.push((tab.id, Rect::new(x, area.y, cells, 1)));
        x = x.saturating_add(cells);
        spans.extend(drawn);
    }
    (Line::from(spans).style(theme.style("tab")), places)
}

/// Minimum width of the tabs beside a filter, in cells.
const TABS: usize = 46;

/// Width in cells. On a narrower terminal only the open tab shows its name.
const NAMED: usize = 100;

/// Mark of a tab whose screen has not been read yet; without a mark, the screen has no finding.
const UNREAD: &str = "·";
/// Mark of a tab without findings whose screen was read long ago.
const OLD: &str = "~";

struct Tab {
    id: ScreenId,
    key: String,
    badge: Option<Badge>,
    is_unread: bool,
    /// The screen had no finding when it was read, but that was long ago.
    is_old: bool,
}

/// The contents of the tabs. The open tab always shows its key, name and badge. The room for a badge has a fixed width, so that no tab
/// moves when a badge appears, disappears or changes its count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Key, name and badge, with an additional space after each tab.
    Roomy,
    Whole,
    /// The first number says how many tabs show key, name and badge. The other tabs show only key and badge. The second number is the width
    /// of a badge, in cells.
    First(usize, usize),
    /// Key, and the sign of the badge.
    Signs,
    Keys,
    /// As `Keys`, but the open tab's name is cut.
    Cut,
}

impl Shape {
    fn gap(self) -> &'static str {
        if self == Self::Roomy { " " } else { "" }
    }

    fn names(self, nth: usize) -> bool {
        match self {
            Self::Roomy | Self::Whole => true,
            Self::First(many, _) => nth < many,
            Self::Signs | Self::Keys | Self::Cut => false,
        }
    }
}

impl Tab {
    fn of(id: ScreenId, app: &App) -> Self {
        let key = app.keys.key_of(Here::Screen(id)).unwrap_or_default();
        let server = app.server.as_ref();
        // Without a policy file there is nothing to read.
        let is_read = server.is_some_and(|server| match id {
            ScreenId::Policies => !server.policy_files.is_empty(),
            _ => app.can_show(id),
        });
        Self {
            id,
            key: key.to_owned(),
            badge: app.badge(id),
            is_unread: is_read && has_badge(id) && app.screens.fresh(id).read().is_none(),
            is_old: is_read && has_badge(id) && app.is_old(id),
        }
    }

    /// Text of a tab: key and name if the tab is open or this shape shows its name, otherwise only the key. `None`: a tab without a key is
    /// not shown then.
    fn word(&self, open: bool, nth: usize, shape: Shape) -> Option<String> {
        if open || shape.names(nth) {
            let word = format!("{} {}", self.key, self.id.title());
            return Some(word.trim_start().to_owned());
        }
        (!self.key.is_empty()).then(|| self.key.clone())
    }

    /// Width of the room for the badge, in cells.
    fn slot(&self, open: bool, nth: usize, shape: Shape) -> usize {
        if !has_badge(self.id) {
            return 0;
        }
        let named = open || shape.names(nth);
        let cells = match shape {
            Shape::Roomy | Shape::Whole => 4,
            Shape::First(_, cells) => cells,
            Shape::Signs | Shape::Keys | Shape::Cut if named => 3,
            Shape::Signs => 1,
            Shape::Keys | Shape::Cut => return 0,
        };
        cells + usize::from(named)
    }

    /// The badge, in at most this number of cells.
    fn shown(&self, cells: usize) -> String {
        match &self.badge {
            Some(badge) => badge.text_in(cells),
            None if self.is_unread && cells > 0 => UNREAD.to_owned(),
            None if self.is_old && cells > 0 => OLD.to_owned(),
            None => String::new(),
        }
    }
}

/// Whether findings of the screen are counted on its tab.
fn has_badge(id: ScreenId) -> bool {
    id != ScreenId::Journal
}

/// Width of all tabs in cells if `open` is the open one.
fn total(tabs: &[Tab], open: ScreenId, shape: Shape) -> usize {
    let shown = tabs.iter().enumerate().filter_map(|(nth, tab)| {
        let open = tab.id == open;
        let word = tab.word(open, nth, shape)?;
        Some(text::width(&word) + tab.slot(open, nth, shape))
    });
    let gap = 1 + shape.gap().len();
    let all: usize = shown.map(|cells| cells + gap).sum();
    all.saturating_sub(usize::from(shape.gap().is_empty()))
}

/// The widest shape that fits whichever tab is open: then the tabs do not move when another tab is opened. If there is room for one more
/// name while `open` is the open tab, that name is shown too.
fn shape(tabs: &[Tab], open: ScreenId, width: usize) -> Shape {
    let named = if width >= NAMED { tabs.len() } else { 0 };
    let first = (0..=named).rev().map(|named| Shape::First(named, 3));
    // Badges get more room if there are no names that need the room.
    let first = std::iter::once(Shape::First(0, 4))
        .filter(|_| named == 0)
        .chain(first);
    let all = [Shape::Roomy, Shape::Whole].into_iter().chain(first);
    let all = all.chain([Shape::Signs, Shape::Keys]);
    let fits = |shape: &Shape| {
        let mut all = tabs.iter().map(|tab| total(tabs, tab.id, *shape));
        all.all(|total| total <= width)
    };
    let shape = all.into_iter().find(fits).unwrap_or(Shape::Cut);
    if let Shape::First(many, cells) = shape {
        let more = Shape::First(many + 1, cells);
        if many < named && total(tabs, open, more) <= width {
            return more;
        }
    }
    shape
}
