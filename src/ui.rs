//! Drawing: reads the state, and changes only what depends on the size of the terminal.

mod boxes;
mod chooser;
mod details;
mod dialog;
mod footer;
mod header;
mod help;
mod overlays;
mod overview;
mod page;
mod pane;
mod table;
mod tabs;
pub mod terminal;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph, Wrap};

use crate::app::theme::Theme;
use crate::app::{App, Link};
use crate::model::screen_id::ScreenId;
use crate::model::text;
use crate::model::text::{printable, printable_lines};
use crate::model::verdict::Verdict;
use crate::screens::table::Freshness;
use crate::screens::with_table;
use crate::screens::{gather, headline};
use crate::server::known::At;

/// Number of lines below the table for the reason of the selected row's verdict.
const REASON_LINES: usize = 3;
/// Minimum height of the terminal, in lines, for totals above the table.
const LOW: u16 = 20;
/// Minimum width and height of a usable terminal, in cells.
const SMALLEST: (u16, u16) = (60, 12);

pub fn draw(frame: &mut Frame, app: &mut App) {
    let area = frame.area();
    frame.render_widget(Block::new().style(app.theme().style("text")), area);
    app.tabs.clear();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        too_small(frame, area, app);
    } else {
        whole(frame, area, app);
    }
    if app.ascii {
        in_ascii(frame.buffer_mut());
    }
}

/// Replaces each symbol, such as `▶`, by an ASCII character. Letters are not replaced.
fn in_ascii(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        let mut glyphs = cell.symbol().chars();
        if let (Some(glyph), None) = (glyphs.next(), glyphs.next())
            && let Some(ascii) = text::ascii(glyph)
        {
            cell.set_char(ascii);
        }
    }
}

fn whole(frame: &mut Frame, area: Rect, app: &mut App) {
    let rows = [
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(1),
    ];
    let [head, tabs, body, foot] = Layout::vertical(rows).areas(area);
    header::draw(frame, head, app);
    tabs::draw(frame, tabs, app);
    if app.details.is_some() {
        details::draw(frame, body, app);
    } else {
        screen(frame, body, app);
    }
    footer::draw(frame, foot, app);
    overlays::draw(frame, body, app);
}

fn too_small(frame: &mut Frame, area: Rect, app: &App) {
    let (width, height) = SMALLEST;
    let text = format!(
        "hypertop needs {width}x{height} cells; this terminal has {}x{}. Make it larger, or press q to leave.",
        area.width, area.height
    );
    let paragraph = Paragraph::new(text)
        .wrap(Wrap { trim: true })
        .style(app.theme().style("text"));
    frame.render_widget(paragraph, area);
}

/// Draws caveats, rows, and the selected row's reason or preview pane.
fn screen(frame: &mut Frame, area: Rect, app: &mut App) {
    if let Some(reason) = nothing_to_show(app) {
        message(frame, area, app.theme(), &reason);
        return;
    }
    let Some((caveats, verdict)) = app.at().map(|at| said(app, &at)) else {
        return;
    };
    let width = usize::from(area.width);
    let caveats = caveat_lines(&caveats, width, app.theme());
    let reason = reason_lines(verdict.as_ref(), width, app.theme());
    let pane = pane::height(app, frame.area().height);
    let height = |lines: usize| Constraint::Length(u16::try_from(lines).unwrap_or(0));
    let panel = if app.screen == ScreenId::Overview {
        overview::panel(app, width)
    } else {
        Vec::new()
    };
    let totals = headline(app, area, frame.area().height);
    let rows = [
        height(panel.len()),
        height(caveats.len()),
        height(totals.len()),
        Constraint::Fill(1),
        pane.map_or(height(reason.len()), Constraint::Length),
    ];
    let [head, top, above, middle, bottom] = Layout::vertical(rows).areas(area);
    frame.render_widget(Paragraph::new(panel), head);
    frame.render_widget(Paragraph::new(caveats), top);
    frame.render_widget(Paragraph::new(totals), above);
    table::draw(frame, middle, app);
    if pane.is_some() {
        app.preview_cursor();
        pane::draw(frame, bottom, app);
    } else {
        frame.render_widget(Paragraph::new(reason), bottom);
    }
}

/// The totals above the table, if the terminal is high enough.
fn headline<'a>(app: &App, area: Rect, height: u16) -> Vec<Line<'a>> {
    if height < LOW {
        return Vec::new();
    }
    let lines = with_table!(app.screens, app.screen, |table| table.headline());
    let lines: Vec<_> = lines.iter().map(|line| printable(line)).collect();
    let fitted = headline::fit(&lines, usize::from(area.width).saturating_sub(2));
    let style = app.theme().style("text");
    let line = |line| Line::styled(format!(" {line}"), style);
    fitted.into_iter().map(line).collect()
}

fn said(app: &App, at: &At) -> (Vec<String>, Option<Verdict>) {
    let mut caveats = gather::caveats(&app.screens, app.screen, at);
    if let Some(error) = app
        .acknowledged
        .error
        .as_ref()
        .filter(|_| app.screen == ScreenId::Overview)
    {
        caveats.push(format!(
            "it is unknown which findings are acknowledged: {error}"
        ));
    }
    if let Freshness::Failed { error, since } = app.screens.fresh(app.screen) {
        let age = since.map_or_else(String::new, |since| {
            format!(" (rows are from {})", text::age(since, app.server_clock()))
        });
        caveats.insert(0, format!("the last reading failed{age}: {error}"));
    }
    if let Link::Down {
        error,
        again,
        since,
    } = &app.link
    {
        let lost = match text::age(*since, app.now).as_str() {
            "now" => "just now".to_owned(),
            ago => ago.to_owned(),
        };
        let again = match again.seconds_since(app.now).ceil() {
            ..1.0 => "now".to_owned(),
            wait => text::ahead(wait),
        };
        let rows = match app.screens.fresh(app.screen) {
            Freshness::At(loaded) => match text::age(*loaded, app.server_clock()) {
                now if now == "now" => String::new(),
                age => format!("; rows are from {age}"),
            },
            _ => String::new(),
        };
        let error = one_sentence(error);
        caveats.insert(
            0,
            format!("connection lost {lost}, trying again {again}{rows}: {error}"),
        );
    }
    (
        caveats,
        with_table!(app.screens, app.screen, |table| table.verdict(at)),
    )
}

/// The lines of an error as one line.
fn one_sentence(error: &str) -> String {
    let lines = error.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("; ")
}

/// The caveats in at most four lines; if they need more, the last line has the number of caveats.
fn caveat_lines<'a>(caveats: &[String], width: usize, theme: &Theme) -> Vec<Line<'a>> {
    let mut lines: Vec<String> = Vec::new();
    for caveat in caveats {
        let wrapped = text::wrap(&printable(caveat), width.saturating_sub(2));
        let sign = |nth| if nth == 0 { "~ " } else { "  " };
        lines.extend(
            wrapped
                .iter()
                .enumerate()
                .map(|(nth, line)| format!("{}{line}", sign(nth))),
        );
    }
    if lines.len() > 4 {
        lines.truncate(3);
        lines.push(format!(
            "~ … and more ({} caveats): `hypertop show` prints them all",
            caveats.len()
        ));
    }
    lines
        .into_iter()
        .map(|line| Line::styled(line, theme.style("caveat")))
        .collect()
}

/// Always three lines, so that the table does not move with the cursor.
fn reason_lines<'a>(verdict: Option<&Verdict>, width: usize, theme: &Theme) -> Vec<Line<'a>> {
    let Some(verdict) = verdict else {
        return vec![Line::raw(""); REASON_LINES];
    };
    let name = format!(" {} {} ", verdict.level.sign(), verdict.level.name());
    let indent = name.len();
    let mut wrapped = text::wrap(
        &printable(&verdict.reason),
        width.saturating_sub(indent + 1),
    );
    if wrapped.len() > REASON_LINES {
        wrapped.truncate(REASON_LINES);
        if let Some(last) = wrapped.last_mut() {
            *last = text::goes_on(last, width.saturating_sub(indent));
        }
    }
    wrapped.resize(REASON_LINES, String::new());
    let mut wrapped = wrapped.into_iter();
    let first = wrapped.next().unwrap_or_default();
    let mut lines = vec![Line::from(vec![
        Span::styled(name, theme.level(verdict.level)),
        Span::styled(first, theme.style("text")),
    ])];
    lines
        .extend(wrapped.map(|line| {
            Line::styled(format!("{}{line}", " ".repeat(indent)), theme.style("text"))
        }));
    lines
}

/// Reason why no table is shown; `None`: the table is shown.
fn nothing_to_show(app: &App) -> Option<String> {
    if app.server.is_none() {
        return Some(match &app.link {
            Link::Down { error, .. } => format!("not connected: {}", one_sentence(error)),
            _ => "connecting…".to_owned(),
        });
    }
    if !app.can_show(app.screen) {
        let database = app
            .server
            .as_ref()
            .map_or("", |server| server.database.as_str());
        return Some(format!(
            "{} needs TimescaleDB, and the extension is not in database {database:?}.\n\
             CREATE EXTENSION timescaledb adds it. Indexes, Activity, Queries and Server work without TimescaleDB.",
            app.screen.title()
        ));
    }
    match app.screens.fresh(app.screen) {
        Freshness::Never if app.tape.is_some() => {
            Some("the recording has nothing of this screen before this moment".to_owned())
        }
        Freshness::Never => Some("reading…".to_owned()),
        Freshness::Failed { error, since: None } => Some(format!("could not be read: {error}")),
        _ => None,
    }
}

fn message(frame: &mut Frame, area: Rect, theme: &Theme, text: &str) {
    let text = printable_lines(text);
    // Each line may wrap once.
    let lines = u16::try_from(2 * text.lines().count()).unwrap_or(u16::MAX);
    let area = area.centered(Constraint::Max(76), Constraint::Length(lines.max(4)));
    frame.render_widget(
        Paragraph::new(text)
            .wrap(Wrap { trim: true })
            .style(theme.style("title")),
        area,
    );
}
