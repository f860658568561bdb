//! The preview pane in the lower third: reason, fix, time axis and figures of the selected row.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::actions::action::Here;
use crate::actions::catalogue;
use crate::app::App;
use crate::app::theme::Theme;
use crate::model::moment::Stamp;
use crate::model::text;
use crate::model::text::printable;
use crate::model::value::Value;
use crate::model::verdict::Verdict;
use crate::screens::record::Section;
use crate::screens::with_table;
use crate::ui::details;

/// Maximum number of lines of the reason; the details show all of it.
const REASON_LINES: usize = 3;
/// Minimum width of a column of figures, in cells.
const FIGURE: usize = 50;

/// The pane's height for this height of the terminal, both in lines; `None`: closed, no room, or the list has no row to show.
pub(super) fn height(app: &mut App, terminal: u16) -> Option<u16> {
    let is_empty = with_table!(app.screens, app.screen, |table| table.rows().is_empty());
    let fits = app.pane.fit(terminal);
    (fits && !is_empty).then_some(terminal / 3)
}

pub(super) fn draw(frame: &mut Frame, area: Rect, app: &App) {
    let (theme, pane) = (app.theme(), &app.pane);
    let (width, height) = (usize::from(area.width), usize::from(area.height));
    let mut lines = vec![rule(app, width)];
    if let Some(verdict) = &pane.verdict {
        reason(&mut lines, verdict, width, theme);
        lines.extend(next_step(app, verdict, width));
    }
    if let Some(error) = &pane.shown.error {
        let text = format!(" ~ cannot be read: {}", printable(error));
        lines.push(Line::styled(text::cut(&text, width), theme.style("caveat")));
    }
    let most = (width / FIGURE).max(1);
    let add = |lines: &mut Vec<Line<'static>>, section: &Section, columns: usize| {
        let room = height.saturating_sub(lines.len());
        // A title without content is not shown.
        if room > 1 || matches!(section, Section::Facts { .. }) {
            let place = Place {
                width,
                room,
                columns,
            };
            lines.extend(compact(section, place, pane.built, theme));
        }
    };
    for section in &pane.shown.sections {
        add(&mut lines, section, most);
    }
    let columns = columns(&pane.brief, most, height.saturating_sub(lines.len()));
    for section in &pane.brief {
        add(&mut lines, section, columns);
    }
    lines.truncate(height);
    frame.render_widget(Paragraph::new(lines), area);
}

/// The pane's upper border with its title: `── mes.metrics ──────────────── reading… ──`.
fn rule<'a>(app: &App, width: usize) -> Line<'a> {
    let (theme, pane) = (app.theme(), &app.pane);
    if pane.title.is_empty() {
        return Line::styled("─".repeat(width), theme.style("border"));
    }
    let state = if let Some(recorded) = pane.shown.recorded {
        format!(" read {} ", text::moment(recorded))
    } else if !pane.is_empty() {
        String::new()
    } else if app.tape.is_some() {
        " the rest is not in the recording ".to_owned()
    } else {
        " reading… ".to_owned()
    };
    let key = app.keys.key_of(Here::Open);
    let key = key.map_or_else(String::new, |key| format!(" {key}: details "));
    let room = width.saturating_sub(text::width(&state) + text::width(&key) + 8);
    let title = format!(" {} ", text::cut_middle(&printable(&pane.title), room));
    let used = text::width(&title) + text::width(&state) + text::width(&key) + 5;
    let border = |cells: usize| Span::styled("─".repeat(cells), theme.style("border"));
    Line::from(vec![
        border(2),
        Span::styled(title, theme.style("title")),
        border(width.saturating_sub(used)),
        Span::styled(state, theme.style("caveat")),
        border(1),
        Span::styled(key, theme.style("muted")),
        border(2),
    ])
}

fn reason(lines: &mut Vec<Line>, verdict: &Verdict, width: usize, theme: &Theme) {
    let name = format!(" {} {} ", verdict.level.sign(), verdict.level.name());
    let room = width.saturating_sub(name.len() + 1);
    let mut wrapped = text::wrap(&printable(&verdict.reason), room);
    if wrapped.len() > REASON_LINES {
        wrapped.truncate(REASON_LINES);
        if let Some(last) = wrapped.last_mut() {
            *last = text::goes_on(last, room);
        }
    }
    for (nth, text) in wrapped.into_iter().enumerate() {
        let head = if nth == 0 {
            Span::styled(name.clone(), theme.level(verdict.level))
        } else {
            Span::raw(" ".repeat(name.len()))
        };
        lines.push(Line::from(vec![
            head,
            Span::styled(text, theme.style("text")),
        ]));
    }
}

/// Key and name of the fix of the worst finding that has a fix; `None`: no finding has a fix.
fn next_step<'a>(app: &App, verdict: &Verdict, width: usize) -> Option<Line<'a>> {
    let theme = app.theme();
    let fix = verdict.findings.iter().find_map(|finding| finding.fix)?;
    let action = catalogue::by_name(fix)?;
    let key = app.keys.key_of(Here::Fix)?;
    let words = format!(" fix: {fix} · {}", action.help);
    let room = width.saturating_sub(text::width(key) + 4);
    Some(Line::from(vec![
        Span::raw("   "),
        Span::styled(key.to_owned(), theme.style("key")),
        Span::styled(text::cut(&words, room), theme.style("muted")),
    ]))
}

/// Size of a section, in cells, and its number of columns of figures.
#[derive(Clone, Copy)]
struct Place {
    width: usize,
    room: usize,
    columns: usize,
}

/// The smallest number of columns of figures, at most `most`, with which all sections fit. Fewer columns mean that fewer values are cut.
fn columns(sections: &[Section], most: usize, room: usize) -> usize {
    let lines = |columns: usize| -> usize {
        let lines = sections.iter().map(|section| match section {
            Section::Facts { facts, .. } => known(facts).count().div_ceil(columns),
            Section::Text { text, .. } => 1 + text.lines().count(),
            Section::Grid { rows, .. } => 2 + rows.len(),
            Section::Axis(_) => room,
        });
        lines.sum()
    };
    let fits = (1..=most).find(|columns| lines(*columns) <= room);
    fits.unwrap_or(most)
}

fn compact(section: &Section, place: Place, now: Stamp, theme: &Theme) -> Vec<Line<'static>> {
    let Place { width, room, .. } = place;
    match section {
        Section::Facts { facts, .. } => figures(facts, place, now, theme),
        Section::Axis(axis) => {
            let (title, drawn) = axis.draw_in(width.saturating_sub(2), room.saturating_sub(1));
            let title = text::cut(&printable(&title), width.saturating_sub(2));
            let mut lines = vec![Line::styled(format!(" {title}"), theme.style("column"))];
            lines.extend(drawn.into_iter().map(|line| details::inked(line, theme)));
            lines
        }
        Section::Grid { .. } | Section::Text { .. } => {
            let mut lines = Vec::new();
            details::section_lines(&mut lines, section, width, 0, now, theme);
            lines.truncate(room);
            lines
        }
    }
}

fn known(facts: &[(String, Value)]) -> impl Iterator<Item = &(String, Value)> {
    facts.iter().filter(|(_, value)| *value != Value::Null)
}

/// The figures that are not NULL, column by column.
fn figures(
    facts: &[(String, Value)],
    place: Place,
    now: Stamp,
    theme: &Theme,
) -> Vec<Line<'static>> {
    let known: Vec<_> = known(facts).collect();
    let Place {
        width,
        room,
        columns,
    } = place;
    let cell = width.saturating_sub(1) / columns;
    let rows = known.len().div_ceil(columns).min(room);
    let label = known.iter().map(|(label, _)| text::width(label)).max();
    let label = label.unwrap_or(0).min(cell / 2);
    let mut lines = Vec::new();
    for row in 0..rows {
        let mut spans = vec![Span::raw(" ")];
        for (name, value) in known.iter().skip(row).step_by(rows.max(1)).take(columns) {
            let name = text::pad(&text::cut(name, label), label);
            let value = printable(&details::full(value, now));
            let room = cell.saturating_sub(label + 3);
            let value = if value.contains(' ') {
                text::cut_words(&value, room)
            } else {
                text::cut_middle(&value, room)
            };
            spans.push(Span::styled(format!("{name} "), theme.style("muted")));
            let value = text::pad(&value, cell.saturating_sub(label + 1));
            spans.push(Span::styled(value, theme.style("text")));
        }
        lines.push(Line::from(spans));
    }
    lines
}
