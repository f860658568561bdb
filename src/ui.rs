//! Drawing: reads the state; changes none of it but what the size of the terminal decides.

mod acting;
mod details;
mod overlays;
mod overview;
mod table;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Wrap};

use crate::action::{Action, Does, HERE, Here};
use crate::app::{App, Link};
use crate::record::At;
use crate::screens::ScreenId;
use crate::screens::with_table;
use crate::server::{Edition, NEWEST_KNOWN, OLDEST_KNOWN, Server};
use crate::table::Freshness;
use crate::text;
use crate::theme::Theme;
use crate::verdict::{Level, Verdict};

/// Lines below the table for the reason of the selected row's verdict.
const REASON_LINES: usize = 3;
/// The smallest terminal in which the screens can be read.
const SMALLEST: (u16, u16) = (60, 12);

pub fn draw(frame: &mut Frame, app: &mut App) {
    let area = frame.area();
    frame.render_widget(Block::new().style(app.theme().style("text")), area);
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        too_small(frame, area, app);
        return;
    }
    let rows = [
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(1),
    ];
    let [head, tabs, body, foot] = Layout::vertical(rows).areas(area);
    header(frame, head, app);
    tab_line(frame, tabs, app);
    if app.details.is_some() {
        details::draw(frame, body, app);
    } else {
        screen(frame, body, app);
    }
    footer(frame, foot, app);
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

fn header(frame: &mut Frame, area: Rect, app: &App) {
    let theme = app.theme();
    let mut spans = Vec::new();
    // On a narrow terminal the database's name is worth more than the program's.
    if area.width >= 100 || app.server.is_none() {
        spans.push(Span::styled("hypertop ", theme.style("header.product")));
    }
    if let Some(server) = &app.server {
        if server.simulated {
            spans.push(Span::styled(" SIMULATED ", theme.style("simulated")));
            spans.push(Span::raw(" "));
        }
        // What one may do here is worth more than where exactly one is.
        let marks = [
            (app.rules.protected, " PROTECTED ", "protected"),
            (app.rules.read_only.is_some(), " READ ONLY ", "caveat"),
        ];
        for (_, mark, role) in marks.into_iter().filter(|(is_so, ..)| *is_so) {
            spans.push(Span::styled(mark, theme.style(role)));
            spans.push(Span::raw(" "));
        }
        let used: usize = spans.iter().map(Span::width).sum();
        let right = if app.tape.is_some() {
            replayed(app).width()
        } else {
            15
        };
        let room = usize::from(area.width).saturating_sub(used + right);
        spans.push(Span::styled(
            about_server(server, room),
            theme.style("header"),
        ));
    }
    let right = match &app.link {
        _ if app.tape.is_some() => replayed(app),
        Link::Up if app.recording => Span::styled("● RECORDING ", theme.style("error")),
        Link::Connecting => Span::styled("connecting… ", theme.style("notice")),
        Link::Up if app.paused => Span::styled("PAUSED ", theme.style("caveat")),
        Link::Up => {
            let every = text::duration(app.interval.as_secs_f64());
            Span::styled(format!("every {every} "), theme.style("muted"))
        }
        Link::Down { .. } => Span::styled("NOT CONNECTED ", theme.style("error")),
    };
    let line = Line::from(spans).style(theme.style("header"));
    let width = u16::try_from(right.width()).unwrap_or(0);
    let [left, end] =
        Layout::horizontal([Constraint::Fill(1), Constraint::Length(width)]).areas(area);
    frame.render_widget(line, left);
    frame.render_widget(right, end);
}

/// Where in a recording one is, with a slider.
fn replayed<'a>(app: &App) -> Span<'a> {
    const SLIDER: usize = 10;
    let Some(tape) = &app.tape else {
        return Span::raw("");
    };
    let place = tape.position * (SLIDER - 1) / tape.len().saturating_sub(1).max(1);
    let slider: String = (0..SLIDER)
        .map(|cell| if cell == place { '●' } else { '─' })
        .collect();
    let sign = if tape.plays { "▶" } else { "‖" };
    let text = format!(
        " {sign} {slider} {}/{} {} ",
        tape.position + 1,
        tape.len(),
        text::moment(tape.now())
    );
    Span::styled(text, app.theme().style("caveat"))
}

/// Host, database, role, TLS, primary or standby, versions, edition: what the header says of the server,
/// in fewer words where there is little room.
fn about_server(server: &Server, room: usize) -> String {
    let tls = server.tls.as_deref().unwrap_or("no TLS");
    let side = if server.standby { "standby" } else { "primary" };
    let (mut long, mut short) = ("no TimescaleDB".to_owned(), "no TS".to_owned());
    if let Some(version) = server.timescaledb {
        let edition = match server.edition {
            Edition::Community => "",
            Edition::Apache => " Apache",
        };
        let known =
            (OLDEST_KNOWN.major, OLDEST_KNOWN.minor)..=(NEWEST_KNOWN.major, NEWEST_KNOWN.minor);
        let untested = if known.contains(&(version.major, version.minor)) {
            ""
        } else {
            " (untested)"
        };
        long = format!("TimescaleDB {version}{edition}{untested}");
        short = format!("TS {version}{edition}{untested}");
    }
    let postgres = server.postgres_text();
    let at = crate::table::printable(&format!(
        "{}@{}/{}",
        server.role, server.host, server.database
    ));
    let whole = format!("{at} · {tls} · {side} · PG {postgres} · {long}");
    if text::width(&whole) <= room {
        return whole;
    }
    // The database's name is the last to be cut.
    let ends = [
        format!(" {tls} {side} PG {postgres} {short}"),
        format!(" {side} PG {postgres} {short}"),
        format!(" {side} {short}"),
    ];
    let fits = |end: &&String| text::width(&at) + text::width(end) <= room;
    let end = ends.iter().find(fits).unwrap_or(&ends[2]);
    format!(
        "{}{end}",
        text::cut(&at, room.saturating_sub(text::width(end)).max(12))
    )
}

fn tab_line(frame: &mut Frame, area: Rect, app: &App) {
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
        let shown = format!("/{} ", text::cut(&crate::table::printable(&filter), 24));
        frame.render_widget(
            Line::styled(shown, theme.style("caveat")).right_aligned(),
            area,
        );
    }
}

/// The key of a screen's tab, with a space after it; empty: it has none.
fn digit(id: ScreenId) -> String {
    let shows =
        |action: &&Action| matches!(action.does, Does::Here(Here::Screen(screen)) if screen == id);
    let key = HERE
        .iter()
        .find(shows)
        .and_then(|action| action.keys.first());
    key.map_or_else(String::new, |key| format!("{key} "))
}

fn short(title: &str, most: usize) -> &str {
    title.get(..most).unwrap_or(title)
}

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
    // What no digit opens is the first to go.
    let mut tabs = all;
    tabs.retain(|id| *id == open || !digit(*id).is_empty());
    // As many letters whichever is open, so that the tabs do not jump about.
    let longest = ScreenId::ALL.iter().map(|id| id.title().len()).max();
    let fits = |most: &usize| {
        let spare = longest.unwrap_or(0).saturating_sub(open.title().len());
        cells(&tabs, *most, "") + spare <= width
    };
    let most = (1..=longest.unwrap_or(1)).rev().find(fits).unwrap_or(1);
    (tabs, most, "")
}

/// Caveats, rows, and why the selected row is judged as it is.
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
    let height = |lines: usize| Constraint::Length(u16::try_from(lines).unwrap_or(0));
    let panel = if app.screen == ScreenId::Overview {
        overview::panel(app, width)
    } else {
        Vec::new()
    };
    let rows = [
        height(panel.len()),
        height(caveats.len()),
        Constraint::Fill(1),
        height(reason.len()),
    ];
    let [head, top, middle, bottom] = Layout::vertical(rows).areas(area);
    frame.render_widget(Paragraph::new(panel), head);
    frame.render_widget(Paragraph::new(caveats), top);
    table::draw(frame, middle, app);
    frame.render_widget(Paragraph::new(reason), bottom);
}

fn said(app: &App, at: &At) -> (Vec<String>, Option<Verdict>) {
    let mut caveats = app.screens.caveats(app.screen, at);
    if let Some(error) = app
        .aside
        .error
        .as_ref()
        .filter(|_| app.screen == ScreenId::Overview)
    {
        caveats.push(format!("what is acknowledged is not known: {error}"));
    }
    if let Freshness::Failed { error, since } = app.screens.fresh(app.screen) {
        let age = since.map_or_else(String::new, |since| {
            format!(" (rows are from {})", text::age(since, at.now))
        });
        caveats.insert(0, format!("the last reading failed{age}: {error}"));
    }
    if let Link::Down {
        error,
        again,
        since,
    } = &app.link
    {
        let age = match app.screens.fresh(app.screen) {
            Freshness::At(loaded) => format!("; rows are from {}", text::age(*loaded, at.now)),
            _ => String::new(),
        };
        let wait = text::duration(again.seconds_since(app.now).max(0.0).ceil());
        let long = text::duration(app.now.seconds_since(*since).floor().max(0.0));
        caveats.insert(
            0,
            format!("connection lost {long} ago, trying again in {wait}{age}: {error}"),
        );
    }
    (
        caveats,
        with_table!(app.screens, app.screen, |table| table.verdict(at)),
    )
}

/// At most four lines; the rest is counted.
fn caveat_lines<'a>(caveats: &[String], width: usize, theme: &Theme) -> Vec<Line<'a>> {
    let mut lines: Vec<String> = Vec::new();
    for caveat in caveats {
        let wrapped = text::wrap(&crate::table::printable(caveat), width.saturating_sub(2));
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
            "~ … and more: see the details, or a larger terminal ({} caveats)",
            caveats.len()
        ));
    }
    lines
        .into_iter()
        .map(|line| Line::styled(line, theme.style("caveat")))
        .collect()
}

/// Always three lines, so that the table does not jump as the cursor moves.
fn reason_lines<'a>(verdict: Option<&Verdict>, width: usize, theme: &Theme) -> Vec<Line<'a>> {
    let Some(verdict) = verdict else {
        return vec![Line::raw(""); REASON_LINES];
    };
    let name = format!(" {} {} ", verdict.level.sign(), verdict.level.name());
    let indent = name.len();
    let mut wrapped = text::wrap(
        &crate::table::printable(&verdict.reason),
        width.saturating_sub(indent + 1),
    );
    if wrapped.len() > REASON_LINES {
        wrapped.truncate(REASON_LINES);
        if let Some(last) = wrapped.last_mut() {
            *last = text::cut(&format!("{last} …"), width.saturating_sub(indent));
        }
    }
    wrapped.resize(REASON_LINES, String::new());
    let mut wrapped = wrapped.into_iter();
    let first = wrapped.next().unwrap_or_default();
    let mut lines = vec![Line::from(vec![
        Span::styled(name, level_style(theme, verdict.level)),
        Span::styled(first, theme.style("text")),
    ])];
    lines
        .extend(wrapped.map(|line| {
            Line::styled(format!("{}{line}", " ".repeat(indent)), theme.style("text"))
        }));
    lines
}

/// Why there is no table at all, if there is none.
fn nothing_to_show(app: &App) -> Option<String> {
    if app.server.is_none() {
        return Some(match &app.link {
            Link::Down { error, .. } => format!("not connected: {error}"),
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
             CREATE EXTENSION timescaledb adds it; the Overview and Indexes screens serve without it.",
            app.screen.title()
        ));
    }
    match app.screens.fresh(app.screen) {
        Freshness::Never if app.tape.is_some() => {
            Some("the recording has nothing of this screen up to here".to_owned())
        }
        Freshness::Never => Some("reading…".to_owned()),
        Freshness::Failed { error, since: None } => Some(format!("could not be read: {error}")),
        _ => None,
    }
}

fn message(frame: &mut Frame, area: Rect, theme: &Theme, text: &str) {
    let area = area.centered(Constraint::Max(76), Constraint::Length(4));
    let text = crate::table::printable_lines(text);
    frame.render_widget(
        Paragraph::new(text)
            .wrap(Wrap { trim: true })
            .style(theme.style("title")),
        area,
    );
}

fn footer(frame: &mut Frame, area: Rect, app: &App) {
    let theme = app.theme();
    if let Some(notice) = &app.notice {
        let style = theme.style(if notice.bad { "error" } else { "notice" });
        frame.render_widget(
            Line::styled(format!(" {}", crate::table::printable(&notice.text)), style),
            area,
        );
        return;
    }
    let mut spans = vec![Span::styled(" ", theme.style("muted"))];
    let hints: &[(Here, &str)] = if app.details.is_some() {
        &[
            (Here::Back, "back"),
            (Here::Step(1), "scroll"),
            (Here::CopyCell, "copy all"),
            (Here::Help, "help"),
            (Here::Quit, "quit"),
        ]
    } else if app.screen == ScreenId::Journal {
        &[
            (Here::Open, "details"),
            (Here::Rollback, "roll back"),
            (Here::Help, "help"),
            (Here::Quit, "quit"),
            (Here::Mark, "mark"),
            (Here::Filter, "filter"),
            (Here::Palette, "palette"),
        ]
    } else if app.screen == ScreenId::Overview {
        &[
            (Here::Open, "details"),
            (Here::Mend, "mend"),
            (Here::Actions, "act"),
            (Here::Acknowledge, "acknowledge"),
            (Here::Help, "help"),
            (Here::Quit, "quit"),
            (Here::Snooze, "snooze"),
            (Here::ShowAside, "show hidden"),
            (Here::Filter, "filter"),
            (Here::Palette, "palette"),
        ]
    } else {
        &[
            (Here::Open, "details"),
            (Here::Mend, "mend"),
            (Here::Actions, "act"),
            (Here::Help, "help"),
            (Here::Quit, "quit"),
            (Here::Filter, "filter"),
            (Here::Palette, "palette"),
            (Here::Sort, "sort"),
            (Here::Mark, "mark"),
            (Here::CopyCell, "copy"),
        ]
    };
    let mut place = place(app);
    if let Some(running) = &app.running {
        place = format!(" ▶ {}{place}", acting::progress_text(running, app.now));
    }
    let mut room = usize::from(area.width).saturating_sub(text::width(&place) + 1);
    for (here, label) in hints {
        let action = HERE
            .iter()
            .find(|action| matches!(&action.does, Does::Here(does) if does == here));
        let Some(key) = action.and_then(|action| action.keys.first()) else {
            continue;
        };
        let label = format!(" {label}  ");
        let wanted = text::width(key) + text::width(&label);
        // A hint that is cut says nothing.
        if wanted > room {
            break;
        }
        room -= wanted;
        spans.push(Span::styled(*key, theme.style("key")));
        spans.push(Span::styled(label, theme.style("muted")));
    }
    frame.render_widget(Line::from(spans), area);
    let width = u16::try_from(text::width(&place))
        .unwrap_or(0)
        .min(area.width);
    let [_, end] = Layout::horizontal([Constraint::Fill(1), Constraint::Length(width)]).areas(area);
    frame.render_widget(Clear, end);
    frame.render_widget(Line::styled(place, theme.style("muted")), end);
}

/// Where the cursor is, and how old the rows are.
fn place(app: &App) -> String {
    let (at, shown, all) = with_table!(app.screens, app.screen, |table| table.place());
    let marks = with_table!(app.screens, app.screen, |table| table.marks());
    let marked = if marks > 0 {
        format!(" {marks} marked ·")
    } else {
        String::new()
    };
    let of = if shown == all {
        format!("{at}/{all}")
    } else {
        format!("{at}/{shown} of {all}")
    };
    match oldest(app) {
        Some(loaded) => {
            let age = app.server_now().seconds_since(loaded);
            format!(
                "{marked} {of} · read {} ",
                if age < 1.0 {
                    "now".to_owned()
                } else {
                    format!("{} ago", text::duration(age.floor()))
                }
            )
        }
        None => format!("{marked} {of} "),
    }
}

/// When the oldest of what is shown was read.
fn oldest(app: &App) -> Option<crate::value::Stamp> {
    let read = |part: crate::screens::ScreenId| match app.screens.fresh(part) {
        Freshness::At(loaded) => Some(*loaded),
        _ => None,
    };
    app.parts().into_iter().filter_map(read).min()
}

pub(crate) fn level_style(theme: &Theme, level: Level) -> Style {
    theme.style(match level {
        Level::Ok => "level.ok",
        Level::Notice => "level.notice",
        Level::Unknown => "level.unknown",
        Level::Warning => "level.warning",
        Level::Critical => "level.critical",
    })
}
