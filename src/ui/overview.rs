//! The head of the Overview: the worst level, and the server's figures with their history.

use ratatui::text::{Line, Span};

use crate::app::App;
use crate::app::theme::Theme;
use crate::model::screen_id::ScreenId;
use crate::model::text;
use crate::model::verdict::Level;
use crate::screens::history::History;
use crate::screens::overview::Hidden;
use crate::screens::record::Record;
use crate::screens::table::Freshness;
use crate::screens::{chart, overview, server, with_table};
use crate::server::known::At;

/// Smallest width of a figure, in cells.
const CELLS: usize = 20;

/// One figure: label, value, history and level.
struct Figure {
    label: &'static str,
    now: String,
    was: Vec<f64>,
    level: Level,
}

pub(super) fn panel<'a>(app: &App, width: usize) -> Vec<Line<'a>> {
    let Some(at) = app.at() else {
        return Vec::new();
    };
    let theme = app.theme();
    let mut lines = vec![standing(app, width)];
    let figures = figures(app, &at);
    let columns = (width / CELLS).clamp(1, figures.len().max(1));
    let cells = width / columns;
    for row in figures.chunks(columns) {
        let spans = row.iter().flat_map(|figure| draw(figure, cells, theme));
        lines.push(Line::from(spans.collect::<Vec<_>>()));
    }
    lines
}

/// The worst level, the number of findings by level, and the screens not read yet.
fn standing<'a>(app: &App, width: usize) -> Line<'a> {
    let theme = app.theme();
    let (level, words) = overview::health(app.screens.overview.rows());
    let hidden = app.acknowledged.hidden().words();
    let acknowledged = hidden.map_or_else(String::new, |hidden| format!(" · {hidden}"));
    // No all-clear before the expensive figures are read, too.
    let healthy = level == Level::Ok;
    let unread = |part: &ScreenId| {
        let (missing, _) = with_table!(app.screens, *part, |table| table.ungathered());
        !matches!(app.screens.fresh(*part), Freshness::At(_)) || healthy && missing > 0
    };
    let missing: Vec<_> = app
        .parts()
        .into_iter()
        .filter(unread)
        .map(ScreenId::title)
        .collect();
    let (level, words) = match (missing.is_empty(), level) {
        (true, Level::Ok) if !acknowledged.is_empty() => {
            (level, format!("nothing else is wrong{acknowledged}"))
        }
        (true, _) => (level, format!("{words}{acknowledged}")),
        (false, Level::Ok) => (
            Level::Unknown,
            format!(
                "nothing so far{acknowledged}; still reading {}",
                missing.join(", ")
            ),
        ),
        (false, _) => (
            level,
            format!(
                "{words}{acknowledged}; still reading {}",
                missing.join(", ")
            ),
        ),
    };
    let name = format!(
        " {} ",
        if level == Level::Ok && app.acknowledged.hidden() == Hidden::default() {
            "HEALTHY".to_owned()
        } else if level == Level::Ok {
            "QUIET".to_owned()
        } else {
            level.name().to_uppercase()
        }
    );
    let room = width.saturating_sub(name.len() + 1);
    Line::from(vec![
        Span::styled(name, theme.level(level)),
        Span::styled(format!(" {}", text::cut(&words, room)), theme.style("text")),
    ])
}

fn draw<'a>(figure: &Figure, cells: usize, theme: &Theme) -> [Span<'a>; 3] {
    let label = format!(" {} ", figure.label);
    let room = cells.saturating_sub(text::width(&label) + 1);
    let (style, now) = if figure.level == Level::Ok {
        (theme.style("text"), text::cut(&figure.now, room))
    } else {
        // Colour is never the only sign.
        let now = text::cut(&figure.now, room.saturating_sub(2));
        let now = format!("{now} {}", figure.level.sign());
        (theme.level(figure.level), now)
    };
    let left = room.saturating_sub(text::width(&now) + 1);
    let was: Vec<_> = figure.was.iter().copied().map(Some).collect();
    let line = if was.len() < 2 {
        String::new()
    } else {
        chart::sparkline(&was, left.min(24))
    };
    let line = format!(" {line}");
    let used = text::width(&label) + text::width(&now);
    [
        Span::styled(label, theme.style("muted")),
        Span::styled(now, style),
        Span::styled(
            text::pad(&line, cells.saturating_sub(used)),
            theme.style("muted"),
        ),
    ]
}

fn figures(app: &App, at: &At) -> Vec<Figure> {
    let mut all = of_the_server(app, at);
    all.extend(of_the_screens(app));
    all
}

fn of_the_server(app: &App, at: &At) -> Vec<Figure> {
    let history = &app.history;
    let find = |name: &str| {
        let rows = app.screens.server.rows();
        rows.iter().find(|row| row.name == name)
    };
    let level = |row: Option<&server::Row>| row.map_or(Level::Ok, |row| row.verdict(at).level);
    let figure = |label, name: &str, now: String, was| Figure {
        label,
        now,
        was,
        level: level(find(name)),
    };
    let seconds = |name: &str| {
        let value = find(name).and_then(|row| row.value);
        value.map_or_else(|| "-".to_owned(), |value| text::duration(value.floor()))
    };
    vec![
        figure(
            "conns",
            "connections",
            of_limit(find("connections")),
            history.values("connections"),
        ),
        figure(
            "tx/s",
            "transactions",
            last(&history.rates("transactions"), |rate| {
                text::count(whole(rate.round()))
            }),
            history.rates("transactions"),
        ),
        figure(
            "cache",
            "cache-hits",
            last(&history.shares("cache-hits", "cache-hits of"), |share| {
                format!("{:.1}%", share * 100.0)
            }),
            history.shares("cache-hits", "cache-hits of"),
        ),
        figure(
            "WAL",
            "wal",
            last(&history.rates("wal"), |rate| {
                format!("{}/s", text::bytes(whole(rate.round())))
            }),
            history.rates("wal"),
        ),
        figure(
            "repl lag",
            "replication-lag",
            find("replication-lag")
                .or(find("standby-delay"))
                .map_or_else(
                    || "none".to_owned(),
                    |row| {
                        row.value
                            .map_or_else(|| "?".to_owned(), |value| text::duration(value.floor()))
                    },
                ),
            history.values("replication-lag"),
        ),
        figure(
            "archive",
            "archiver",
            find("archiver").map_or_else(
                || "off".to_owned(),
                |row| {
                    if row.value == Some(0.0) {
                        "works".to_owned()
                    } else {
                        "FAILS".to_owned()
                    }
                },
            ),
            Vec::new(),
        ),
        figure("size", "database-size", size(app), size_history(history)),
        figure(
            "oldest tx",
            "oldest-transaction",
            seconds("oldest-transaction"),
            history.values("oldest-transaction"),
        ),
        figure(
            "workers",
            "workers",
            of_limit(find("workers")),
            history.values("workers"),
        ),
    ]
}

fn of_the_screens(app: &App) -> Vec<Figure> {
    let mut all = Vec::new();
    let standing = &app.standing;
    if let Some((failing, jobs)) = standing.failing {
        all.push(Figure {
            label: "jobs fail",
            now: format!("{failing}/{jobs}"),
            was: app.history.values("failing-jobs"),
            level: if failing > 0 {
                Level::Warning
            } else {
                Level::Ok
            },
        });
    }
    if let Some((times, level)) = standing.worst_lag {
        all.push(Figure {
            label: "worst lag",
            now: format!("{times:.1}x"),
            was: app.history.values("worst-lag"),
            level,
        });
    }
    if let Some(saved) = standing.saved {
        all.push(Figure {
            label: "saved",
            now: text::bytes(saved),
            was: Vec::new(),
            level: Level::Ok,
        });
    }
    all
}

/// `12/197`; `-` where it is hidden from this role.
fn of_limit(row: Option<&server::Row>) -> String {
    match row.map(|row| (row.value, row.bound)) {
        Some((Some(value), Some(bound))) => format!("{value:.0}/{bound:.0}"),
        Some((Some(value), None)) => format!("{value:.0}"),
        _ => "-".to_owned(),
    }
}

fn last(values: &[f64], show: impl Fn(f64) -> String) -> String {
    values
        .last()
        .map_or_else(|| "…".to_owned(), |value| show(*value))
}

fn size(app: &App) -> String {
    let rows = app.screens.server.rows();
    rows.iter().find_map(|row| row.bytes).map_or_else(
        || "…".to_owned(),
        |bytes| format!("~{}", text::bytes(bytes)),
    )
}

fn size_history(history: &History) -> Vec<f64> {
    history.values("database-size")
}

#[expect(clippy::cast_possible_truncation, reason = "a rate for eyes")]
fn whole(rate: f64) -> i64 {
    rate as i64
}
