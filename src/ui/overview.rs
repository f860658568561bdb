//! Top of the Overview: the worst level, and the server's figures with their history.

use ratatui::text::{Line, Span};

use crate::app::App;
use crate::app::theme::Theme;
use crate::model::moment::Stamp;
use crate::model::screen_id::ScreenId;
use crate::model::text;
use crate::model::verdict::Level;
use crate::screens::overview::Hidden;
use crate::screens::record::Record;
use crate::screens::table::Freshness;
use crate::screens::{chart, overview, server, with_table};
use crate::server::known::At;

/// Minimum width of a figure, in cells.
const CELLS: usize = 26;
/// Maximum width of a gauge or sparkline, in cells.
const PICTURE: usize = 24;
/// From this fraction of a warning's threshold on, a figure is coloured as a notice.
const NEAR: f64 = 0.8;

/// One figure: label, value, gauge or sparkline, and level.
struct Figure {
    label: &'static str,
    now: String,
    picture: Picture,
    level: Level,
    /// Value divided by the threshold of a warning; 0: no threshold.
    towards: f64,
}

enum Picture {
    /// A share from 0 to 1; `None`: unknown.
    Gauge(Option<f64>),
    /// The values since the console started.
    Line(Vec<f64>),
    None,
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
    // Within a column of the panel, labels, gauges and values are aligned.
    let widest = |column: usize, of: fn(&Figure) -> usize| {
        let own = figures.iter().skip(column).step_by(columns);
        own.map(of).max().unwrap_or(0)
    };
    let sizes: Vec<_> = (0..columns)
        .map(|column| {
            (
                widest(column, |of| text::width(of.label)),
                widest(column, |of| text::width(&value(of))),
            )
        })
        .collect();
    for row in figures.chunks(columns) {
        let spans = row
            .iter()
            .zip(&sizes)
            .flat_map(|(figure, size)| draw(figure, cells, *size, theme));
        lines.push(Line::from(spans.collect::<Vec<_>>()));
    }
    lines
}

/// The worst level, the number of findings per level, and the screens that are not loaded yet.
fn standing<'a>(app: &App, width: usize) -> Line<'a> {
    let theme = app.theme();
    let (level, words) = overview::health(app.screens.overview.rows());
    let hidden = app.acknowledged.hidden().words();
    let acknowledged = hidden.map_or_else(String::new, |hidden| format!(" · {hidden}"));
    // `HEALTHY` is shown only if the exact figures have been read, too.
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
            (level, format!("no other problem{acknowledged}"))
        }
        (true, _) => (level, format!("{words}{acknowledged}")),
        (false, Level::Ok) => (
            Level::Unknown,
            format!(
                "no problem so far{acknowledged}; still reading {}",
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
        Span::styled(
            format!(" {}", text::cut_words(&words, room)),
            theme.style("text"),
        ),
    ])
}

/// The value with the sign of its level, because colour must not be the only sign of a problem.
fn value(figure: &Figure) -> String {
    match figure.level {
        Level::Ok => figure.now.clone(),
        level => format!("{} {}", figure.now, level.sign()),
    }
}

/// Draws a figure: label, picture and value. `label`, `value_width`: widths of the widest label and value in the figure's column.
fn draw<'a>(
    figure: &Figure,
    cells: usize,
    (label, value_width): (usize, usize),
    theme: &Theme,
) -> [Span<'a>; 3] {
    let (quiet, text) = (theme.style("muted"), theme.style("text"));
    let (picture_style, style) = match figure.level {
        Level::Ok if figure.towards >= NEAR => {
            let near = theme.level(Level::Notice);
            (near, near)
        }
        Level::Ok => (quiet, text),
        level => (theme.level(level), theme.level(level)),
    };
    // Four spaces: before the label, on both sides of the picture, and after the value.
    let room = cells.saturating_sub(label + value_width + 4);
    let wide = room.min(PICTURE);
    let picture = match &figure.picture {
        Picture::Gauge(Some(share)) => chart::gauge(*share, wide),
        Picture::Line(was) if was.len() > 1 => {
            let was: Vec<_> = was.iter().copied().map(Some).collect();
            chart::sparkline(&was, wide)
        }
        _ => String::new(),
    };
    let now = text::cut(&value(figure), cells.saturating_sub(label + wide + 4));
    let after = cells.saturating_sub(label + wide + value_width + 3);
    [
        Span::styled(format!(" {} ", text::pad(figure.label, label)), quiet),
        Span::styled(text::pad(&picture, wide), picture_style),
        Span::styled(
            format!(
                " {}{}",
                text::pad_left(&now, value_width),
                " ".repeat(after)
            ),
            style,
        ),
    ]
}

/// With four figures per line (120 columns), this order puts gauges below gauges, and sparklines below sparklines.
fn figures(app: &App, at: &At) -> Vec<Figure> {
    let [connections, workers, archiver, standby] = limited(app, at);
    let [transactions, wal, oldest, hits, size] = over_time(app, at);
    if !app.can_show(ScreenId::Jobs) {
        let rest = vec![wal, oldest, hits, archiver, standby];
        return [connections, transactions, size]
            .into_iter()
            .chain(rest)
            .collect();
    }
    let [failing, lag, saved] = of_the_screens(app, at);
    vec![
        connections,
        transactions,
        failing,
        size, //
        workers,
        wal,
        lag,
        saved, //
        archiver,
        oldest,
        hits,
        standby,
    ]
}

fn find<'a>(app: &'a App, name: &str) -> Option<&'a server::Row> {
    let rows = app.screens.server.rows();
    rows.iter().find(|row| row.name == name)
}

fn figure(
    app: &App,
    at: &At,
    label: &'static str,
    name: &str,
    now: String,
    picture: Picture,
) -> Figure {
    Figure {
        label,
        now,
        picture,
        level: find(app, name).map_or(Level::Ok, |row| row.verdict(at).level),
        towards: 0.0,
    }
}

fn limited(app: &App, at: &At) -> [Figure; 4] {
    let limits = &at.server.thresholds.all;
    let gauge = |label, name: &str, limit: f64| {
        let row = find(app, name);
        let share = row.and_then(|row| Some(row.value? / row.bound.filter(|bound| *bound > 0.0)?));
        Figure {
            towards: share.unwrap_or(0.0) / limit,
            ..figure(app, at, label, name, of_limit(row), Picture::Gauge(share))
        }
    };
    let standby = find(app, "replication-lag").or(find(app, "standby-delay"));
    let lag = standby.and_then(|row| row.value);
    let said = match (standby, lag) {
        (None, _) => "none".to_owned(),
        (Some(_), None) => "?".to_owned(),
        (Some(_), Some(lag)) => text::duration(lag.floor()),
    };
    let archives = find(app, "archiver").map_or("off", |row| {
        if row.value == Some(0.0) {
            "works"
        } else {
            "FAILS"
        }
    });
    let was = Picture::Line(app.history.values("replication-lag"));
    [
        gauge(
            "Connections",
            "connections",
            limits.connections_percent / 100.0,
        ),
        gauge("Workers", "workers", 1.0),
        figure(
            app,
            at,
            "Archiving",
            "archiver",
            archives.to_owned(),
            Picture::None,
        ),
        Figure {
            towards: lag.unwrap_or(0.0) / limits.replication_lag,
            ..figure(app, at, "Standby lag", "replication-lag", said, was)
        },
    ]
}

fn over_time(app: &App, at: &At) -> [Figure; 5] {
    let history = &app.history;
    let rates = history.rates("transactions");
    let wal = history.rates("wal");
    let hits = history.shares("cache-hits", "cache-hits of");
    let line = |label, name: &str, now: String, was: Vec<f64>| {
        figure(app, at, label, name, now, Picture::Line(was))
    };
    let oldest = find(app, "oldest-transaction").and_then(|row| row.value);
    let age = oldest.map_or_else(|| "-".to_owned(), |age| text::duration(age.floor()));
    let rate = |rate: f64| format!("{}/s", text::count(whole(rate.round())));
    let bytes = |rate: f64| format!("{}/s", text::bytes(whole(rate.round())));
    let percent = |share: f64| format!("{:.1}%", share * 100.0);
    [
        line("Transactions", "transactions", last(&rates, rate), rates),
        line("WAL", "wal", last(&wal, bytes), wal),
        Figure {
            towards: oldest.unwrap_or(0.0) / at.server.thresholds.all.long_transaction_notice,
            ..line(
                "Oldest tx",
                "oldest-transaction",
                age,
                history.values("oldest-transaction"),
            )
        },
        line("Cache hits", "cache-hits", last(&hits, percent), hits),
        line(
            "Database",
            "database-size",
            size(app),
            history.values("database-size"),
        ),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "the fraction is only shown")]
fn of_the_screens(app: &App, at: &At) -> [Figure; 3] {
    let standing = &app.standing;
    let figure = |label, now: Option<String>, share, level| Figure {
        label,
        now: now.unwrap_or_else(|| "…".to_owned()),
        picture: Picture::Gauge(share),
        level,
        towards: 0.0,
    };
    let failing = standing.failing;
    let fails = failing.is_some_and(|(failing, _)| failing > 0);
    let limit = at.server.thresholds.all.aggregate_lag_factor;
    let lag = standing.worst_lag.map(|(times, _)| times / limit);
    let saved = standing.saved.filter(|(_, before)| *before > 0);
    [
        figure(
            "Jobs failing",
            failing.map(|(failing, jobs)| format!("{failing}/{jobs}")),
            failing.map(|(failing, jobs)| failing as f64 / jobs.max(1) as f64),
            if fails { Level::Warning } else { Level::Ok },
        ),
        Figure {
            towards: lag.unwrap_or(0.0),
            ..figure(
                "Largest lag",
                match standing.worst_lag {
                    None if matches!(app.screens.aggregates.fresh, Freshness::At(_)) => {
                        Some("-".to_owned())
                    }
                    lag => lag.map(|(times, _)| format!("{times:.1}x")),
                },
                lag,
                standing.worst_lag.map_or(Level::Ok, |(_, level)| level),
            )
        },
        figure(
            "Saved",
            standing.saved.map(|(saved, _)| text::bytes(saved)),
            saved.map(|(saved, before)| saved as f64 / before as f64),
            Level::Ok,
        ),
    ]
}

/// The value and its limit, such as `12/197`; `-` if this role may not read the value.
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
    let size = rows.iter().find_map(|row| row.size.get());
    size.map_or_else(|| "…".to_owned(), |size| size.value().show(Stamp(0)))
}

#[expect(clippy::cast_possible_truncation, reason = "the rate is only shown")]
fn whole(rate: f64) -> i64 {
    rate as i64
}
