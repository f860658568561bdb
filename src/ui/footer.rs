//! The last line: a message and key hints, then the cursor's row and the age of the rows.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Clear;

use crate::actions::action::Here;
use crate::app::App;
use crate::model::moment::Stamp;
use crate::model::screen_id::ScreenId;
use crate::model::text;
use crate::model::text::printable;
use crate::screens::table::Freshness;
use crate::screens::with_table;
use crate::ui::dialog::progress_text;

pub(super) fn draw(frame: &mut Frame, area: Rect, app: &App) {
    let theme = app.theme();
    if let Some(notice) = &app.notice {
        let style = theme.style(if notice.bad { "error" } else { "notice" });
        let room = usize::from(area.width).saturating_sub(1);
        let words = text::cut_words(&printable(&notice.text), room);
        let words = format!(" {words}");
        let used = u16::try_from(text::width(&words)).unwrap_or(u16::MAX);
        frame.render_widget(Line::styled(words, style), area);
        // The keys stay beside a short message.
        let rest = Rect {
            x: area.x.saturating_add(used).saturating_add(2),
            width: area.width.saturating_sub(used).saturating_sub(2),
            ..area
        };
        if rest.width >= LEAST {
            keys(frame, rest, app);
        }
        return;
    }
    keys(frame, area, app);
}

/// Minimum number of free cells beside a message for which keys are drawn there.
const LEAST: u16 = 30;

/// Draws the keys that fit beside the cursor's row and the age of the rows.
fn keys(frame: &mut Frame, area: Rect, app: &App) {
    let theme = app.theme();
    let mut spans = vec![Span::styled(" ", theme.style("muted"))];
    let mut place = place(app);
    if let Some(running) = &app.running {
        place = format!(" ▶ {}{place}", progress_text(running, app.now));
    }
    let mut room = usize::from(area.width).saturating_sub(text::width(&place) + 1);
    for (here, label) in hints(app) {
        let Some(key) = app.keys.key_of(*here) else {
            continue;
        };
        let label = format!(" {label}  ");
        let wanted = text::width(key) + text::width(&label);
        // Hints that do not fit are left out.
        if wanted > room {
            break;
        }
        room -= wanted;
        spans.push(Span::styled(key, theme.style("key")));
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

/// Keys of this screen, most useful first.
fn hints(app: &App) -> &'static [(Here, &'static str)] {
    if app.details.is_some() {
        &[
            (Here::Back, "back"),
            (Here::Step(1), "scroll"),
            (Here::CopyCell, "copy all"),
            (Here::Help, "help"),
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
            (Here::Preview, "preview"),
        ]
    } else if app.screen == ScreenId::Policies {
        &[
            (Here::Open, "details"),
            (Here::ApplyObject, "fix"),
            (Here::WriteObject, "into the file"),
            (Here::Actions, "act"),
            (Here::Help, "help"),
            (Here::Quit, "quit"),
            (Here::ShowFolded, "show all"),
            (Here::Filter, "filter"),
            (Here::Palette, "palette"),
            (Here::Preview, "preview"),
        ]
    } else if app.screen == ScreenId::Overview {
        &[
            (Here::Open, "open"),
            (Here::Fix, "fix"),
            (Here::Actions, "act"),
            (Here::Help, "help"),
            (Here::Groups, "group/flat"),
            (Here::Quit, "quit"),
            (Here::Acknowledge, "acknowledge"),
            (Here::Snooze, "snooze"),
            (Here::ShowHidden, "show hidden"),
            (Here::Filter, "filter"),
            (Here::Palette, "palette"),
            (Here::Preview, "preview"),
        ]
    } else {
        &[
            (Here::Open, "details"),
            (Here::Fix, "fix"),
            (Here::Actions, "act"),
            (Here::Help, "help"),
            (Here::Quit, "quit"),
            (Here::Filter, "filter"),
            (Here::Palette, "palette"),
            (Here::Sort, "sort"),
            (Here::Mark, "mark"),
            (Here::CopyCell, "copy"),
            (Here::Preview, "preview"),
            (Here::Columns, "columns"),
        ]
    }
}

/// Text with the number of the selected line, the number of lines, and the age of the rows.
fn place(app: &App) -> String {
    let (at, lines, shown, all) = with_table!(app.screens, app.screen, |table| table.place());
    let marks = with_table!(app.screens, app.screen, |table| table.marks());
    let marked = if marks > 0 {
        format!(" {marks} marked ·")
    } else {
        String::new()
    };
    let grouped = with_table!(app.screens, app.screen, |table| table.is_grouped());
    let findings = |many: usize| text::plural_of(many, "finding");
    let of = match (grouped, shown == all) {
        (false, true) => format!("{at}/{all}"),
        (false, false) => format!("{at}/{shown} of {all}"),
        (true, true) => format!("{at}/{lines} · {}", findings(all)),
        (true, false) => format!("{at}/{lines} · {shown} of {}", findings(all)),
    };
    match oldest(app) {
        Some(loaded) => format!("{marked} {of} · read {} ", read(loaded, app.server_clock())),
        None => format!("{marked} {of} "),
    }
}

/// Age of the rows, in steps, so that a tick seldom changes it and then writes nothing to the terminal.
fn read(loaded: Stamp, now: Stamp) -> String {
    match now.seconds_since(loaded) {
        ..1.0 => "now".to_owned(),
        ..10.0 => "<10s ago".to_owned(),
        ..60.0 => "<1m ago".to_owned(),
        _ => text::age(loaded, now),
    }
}

/// Time of the oldest load among the shown rows; `None`: nothing loaded.
fn oldest(app: &App) -> Option<Stamp> {
    let read = |part: ScreenId| match app.screens.fresh(part) {
        Freshness::At(loaded) => Some(*loaded),
        _ => None,
    };
    app.parts().into_iter().filter_map(read).min()
}
