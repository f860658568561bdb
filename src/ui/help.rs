//! The help: the open screen first, then the keys and actions of all screens.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};

use super::boxes::boxed;
use crate::actions::action::{Action, Does, Group, Here};
use crate::actions::catalogue;
use crate::actions::key_map::KeyMap;
use crate::app::theme::Theme;
use crate::model::screen_id::ScreenId;
use crate::model::target::TargetKind;
use crate::model::text;
use crate::model::verdict::Level;

/// Minimum width of a text column, in cells; the help has as many columns as fit.
const COLUMN: usize = 58;

/// Filter syntax, by examples.
const FILTER: &[(&str, &str)] = &[
    (
        "energy mes",
        "rows with both words; !energy: rows without it",
    ),
    (
        "~^mes",
        "rows that match a regular expression; !~: rows that do not",
    ),
    (
        "bytes>1MB",
        "a column, by its heading or its key in JSON: = != < > <= >=",
    ),
    (
        "lag>1h30m",
        "units: kB MB GB TB, s m h d; plain numbers are bytes or seconds",
    ),
    ("unused=yes", "yes or no; verdict>=warning compares levels"),
    (
        "name=mes*",
        "* matches any text; quotes join words: \"a b\"",
    ),
    ("lag=?", "unknown values; no other comparison finds them"),
];

pub(super) struct About<'a> {
    pub screen: ScreenId,
    /// Target kinds of the selected row.
    pub kinds: &'a [TargetKind],
    pub keys: &'a KeyMap,
}

pub(super) fn draw(frame: &mut Frame, area: Rect, top: &mut usize, about: &About, theme: &Theme) {
    frame.render_widget(Clear, area);
    let key = |here, other| about.keys.key_of(here).unwrap_or(other);
    let (down, up) = (key(Here::Step(1), "down"), key(Here::Step(-1), "up"));
    let title = format!(
        "Help: {} · {down}/{up} scroll, Esc closes",
        about.screen.title()
    );
    let block = boxed(&title, theme);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let lines = lines(inner.width.into(), about, theme);
    *top = (*top).min(lines.len().saturating_sub(inner.height.into()));
    let visible = lines.into_iter().skip(*top).take(inner.height.into());
    frame.render_widget(Paragraph::new(visible.collect::<Vec<_>>()), inner);
}

struct Entry {
    name: String,
    style: Style,
    words: &'static str,
}

pub(super) fn lines(width: usize, about: &About, theme: &Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let key = theme.style("key");
    let action = |action: &'static Action| Entry {
        name: how(action, about.keys.of(action)),
        style: key,
        words: action.help,
    };
    let here = |action: &'static Action| Entry {
        name: how(action, &in_force(action, about)),
        style: key,
        words: action.help,
    };
    let pair = |(name, words): &(&'static str, &'static str)| Entry {
        name: (*name).to_owned(),
        style: key,
        words,
    };
    let of = |group: Group| catalogue::all().filter(move |action| action.group == group);
    let mut section = |title: &str, entries: Vec<Entry>| {
        section(&mut lines, title, &entries, width, theme);
    };
    let legend = about.screen.about().legend.iter().map(pair);
    section(about.screen.purpose(), legend.collect());
    let own = Group::ALL
        .into_iter()
        .filter(|group| group.screen() == Some(about.screen));
    section("Actions here", own.flat_map(of).map(here).collect());
    let others = catalogue::all().filter(|action| is_other(action, about));
    section("Also for the selected row", others.map(here).collect());
    section(Group::Rows.title(), of(Group::Rows).map(action).collect());
    section(Group::View.title(), of(Group::View).map(action).collect());
    section("Filter", FILTER.iter().map(pair).collect());
    section(
        Group::Console.title(),
        of(Group::Console).map(action).collect(),
    );
    section(
        Group::Screens.title(),
        of(Group::Screens).map(action).collect(),
    );
    section("Signs", signs(theme));
    for group in Group::ALL {
        if group.screen().is_some_and(|screen| screen != about.screen) {
            let rest = of(group).filter(|action| !is_other(action, about));
            section(group.title(), rest.map(action).collect());
        }
    }
    lines
}

/// Whether an action of another screen applies to the selected row.
fn is_other(action: &Action, about: &About) -> bool {
    let plan = matches!(action.does, Does::Plan(_));
    plan && action.group.screen() != Some(about.screen) && action.applies(about.kinds)
}

fn signs(theme: &Theme) -> Vec<Entry> {
    let levels = Level::ALL.iter().rev();
    let mut signs: Vec<_> = levels
        .map(|level| Entry {
            name: level.sign().to_owned(),
            style: theme.level(*level),
            words: level.name(),
        })
        .collect();
    signs.push(Entry {
        name: "~".to_owned(),
        style: theme.style("text"),
        words: "an estimate, or something that cannot be shown here",
    });
    signs
}

/// Keys that run this action on this screen. If the action does not apply to the selected row: all keys of the action.
fn in_force(action: &Action, about: &About) -> Vec<String> {
    let keys = about.keys.of(action);
    if !action.applies(about.kinds) {
        return keys.to_vec();
    }
    let takes = |key: &&String| {
        let taken = about.keys.by_key(key, about.kinds, about.screen);
        taken.is_some_and(|taken| taken.name == action.name)
    };
    keys.iter().filter(takes).cloned().collect()
}

/// The keys of an action. If it has no keys: the name to type into the palette.
fn how(action: &Action, keys: &[String]) -> String {
    match keys {
        [] => format!(":{}", action.name),
        keys => keys.join("  "),
    }
}

/// Names and meanings in as many columns as fit, read column by column. Meanings are aligned after the longest name.
fn section(
    lines: &mut Vec<Line<'static>>,
    title: &str,
    entries: &[Entry],
    width: usize,
    theme: &Theme,
) {
    if entries.is_empty() {
        return;
    }
    lines.push(Line::styled(format!(" {title}"), theme.style("column")));
    let columns = (width / COLUMN).max(1);
    let each = width / columns;
    let longest = entries.iter().map(|entry| text::width(&entry.name)).max();
    let indent = (longest.unwrap_or(0) + 5).max(19);
    let wrapped = |entry: &Entry| -> Vec<Vec<Span<'static>>> {
        let words = text::wrap(entry.words, each.saturating_sub(indent + 1));
        let line = |(at, words): (usize, String)| {
            let name = if at == 0 { &*entry.name } else { "" };
            vec![
                Span::styled(text::pad(&format!("   {name}"), indent), entry.style),
                Span::styled(
                    text::pad(&words, each.saturating_sub(indent)),
                    theme.style("text"),
                ),
            ]
        };
        words.into_iter().enumerate().map(line).collect()
    };
    let blocks: Vec<_> = entries.iter().map(wrapped).collect();
    let height = blocks.iter().map(Vec::len).sum::<usize>().div_ceil(columns);
    let mut placed: Vec<Vec<Vec<Span>>> = vec![Vec::new()];
    for block in blocks {
        let full = |column: &Vec<_>| !column.is_empty() && column.len() + block.len() > height;
        if placed.last().is_some_and(full) && placed.len() < columns {
            placed.push(Vec::new());
        }
        if let Some(column) = placed.last_mut() {
            column.extend(block);
        }
    }
    let rows = placed.iter().map(Vec::len).max().unwrap_or(0);
    for row in 0..rows {
        let cells = placed.iter().map(|column| match column.get(row) {
            Some(spans) => spans.clone(),
            None => vec![Span::raw(" ".repeat(each))],
        });
        lines.push(Line::from(cells.flatten().collect::<Vec<_>>()));
    }
}
