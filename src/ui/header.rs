//! The first line: server, access (read-only, protected), and the interval.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use crate::app::{App, Link};
use crate::model::screen_id::ScreenId;
use crate::model::text;
use crate::model::text::printable;
use crate::screens::with_table;
use crate::server::known::{Edition, NEWEST_KNOWN, OLDEST_KNOWN, Server};

const NO_TLS: &str = "no TLS";

pub(super) fn draw(frame: &mut Frame, area: Rect, app: &App) {
    let theme = app.theme();
    let right = match &app.link {
        _ if app.tape.is_some() => replayed(app),
        Link::Up if app.recording => Span::styled("● RECORDING ", theme.style("error")),
        Link::Connecting => Span::styled("connecting… ", theme.style("notice")),
        Link::Up if app.paused => Span::styled("PAUSED ", theme.style("caveat")),
        Link::Up => Span::styled(reads_every(app), theme.style("muted")),
        Link::Down { .. } => Span::styled("NOT CONNECTED ", theme.style("error")),
    };
    let mut spans = Vec::new();
    // On a narrow terminal, the program's name is left out first.
    if area.width >= 100 || app.server.is_none() {
        spans.push(Span::styled("hypertop ", theme.style("header.product")));
    }
    if let Some(server) = &app.server {
        if server.simulated {
            spans.push(Span::styled(" SIMULATED ", theme.style("simulated")));
            spans.push(Span::raw(" "));
        }
        // The access marks are never cut; the server's details are shortened instead.
        for (mark, role) in marks(app) {
            spans.push(Span::styled(mark, theme.style(role)));
            spans.push(Span::raw(" "));
        }
        let used: usize = spans.iter().map(Span::width).sum();
        // One cell stays blank before the right part.
        let room = usize::from(area.width).saturating_sub(used + right.width() + 1);
        let about = about_server(server, room);
        match about.rsplit_once(NO_TLS).filter(|_| server.is_in_clear()) {
            None => spans.push(Span::styled(about, theme.style("header"))),
            Some((before, after)) => spans.extend([
                Span::styled(before.to_owned(), theme.style("header")),
                Span::styled(NO_TLS, theme.style("level.warning")),
                Span::styled(after.to_owned(), theme.style("header")),
            ]),
        }
    }
    let line = Line::from(spans).style(theme.style("header"));
    let width = u16::try_from(right.width()).unwrap_or(0);
    let [left, end] =
        Layout::horizontal([Constraint::Fill(1), Constraint::Length(width)]).areas(area);
    frame.render_widget(line, left);
    frame.render_widget(right, end);
}

/// Interval at which the rows of this screen are read if nothing changes. On the Overview: the shortest and the longest interval of the
/// screens whose findings it lists.
fn reads_every(app: &App) -> String {
    let overview = app.screen == ScreenId::Overview;
    let every = |part: ScreenId| {
        let own = with_table!(app.screens, part, |table| table.reads_every(overview));
        own.round().max(app.interval.as_secs_f64())
    };
    let all: Vec<f64> = app.parts().into_iter().map(every).collect();
    let least = all.iter().copied().fold(f64::INFINITY, f64::min);
    let most = all.iter().copied().fold(0.0, f64::max);
    if all.is_empty() {
        String::new()
    } else if least < most {
        let (least, most) = (text::duration(least), text::duration(most));
        format!("reads every {least} to {most} ")
    } else {
        format!("reads every {} ", text::duration(most))
    }
}

/// The access marks, with their theme roles. A recording only has the mark RECORDED, because it cannot be changed.
fn marks(app: &App) -> impl Iterator<Item = (&'static str, &'static str)> {
    let recorded = app.tape.is_some();
    let read_only = !recorded && app.rules.read_only.is_some();
    let marks = [
        (recorded, " RECORDED ", "simulated"),
        (app.rules.protected, " PROTECTED ", "protected"),
        (read_only, " READ ONLY ", "caveat"),
    ];
    let marks = marks.into_iter().filter(|(is_so, ..)| *is_so);
    marks.map(|(_, mark, role)| (mark, role))
}

/// Position in a recording, with a slider.
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

/// Host, database, role, TLS, primary or standby, versions and edition, shortened step by step until they fit.
fn about_server(server: &Server, room: usize) -> String {
    let tls = server.tls.as_deref().unwrap_or(NO_TLS);
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
    let at = printable(&format!(
        "{}@{}/{}",
        server.role, server.host, server.database
    ));
    let whole = format!("{at} · {tls} · {side} · PG {postgres} · {long}");
    if text::width(&whole) <= room {
        return whole;
    }
    let open = if server.is_in_clear() {
        format!(" {NO_TLS}")
    } else {
        String::new()
    };
    // Role, host and database are shortened last.
    let ends = [
        format!(" {tls} {side} PG {postgres} {short}"),
        format!("{open} {side} PG {postgres} {short}"),
        format!("{open} {side} {short}"),
        format!("{open} {side}"),
    ];
    // If role, host and database do not fit in full, the versions are left out before this text gets shorter than 12 cells.
    let fits = |least: usize, ends: &[String]| {
        let mut ends = ends.iter();
        ends.find(|end| least + text::width(end) <= room).cloned()
    };
    let name = text::width(&at);
    let end = fits(name, &ends[..3]).or_else(|| fits(name.min(12), &ends[2..]));
    let end = end.unwrap_or_default();
    let at = text::cut(&at, room.saturating_sub(text::width(&end)));
    format!("{at}{end}")
}
