//! Figures of a check. Every check has the same figures in the same order.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Map, Value as Json};

use crate::model::moment::Axis;
use crate::model::rules;
use crate::model::verdict::Level;
use crate::screens::gather::Standing;
use crate::screens::overview::Row;
use crate::screens::{Screens, aggregates, compression, retention};
use crate::server::known::At;

/// One figure. `value` is `None` if it is unknown.
#[derive(Debug)]
struct Figure {
    name: Cow<'static, str>,
    value: Option<f64>,
    /// Unit in performance data: `s` for seconds, otherwise empty.
    unit: &'static str,
    warning: Option<f64>,
    critical: Option<f64>,
    /// Largest possible value. `None`: no limit is known.
    most: Option<f64>,
    /// Value for several databases. True: the sum of their values. False: the largest value.
    sums: bool,
}

#[derive(Debug, Default)]
pub(super) struct Figures {
    all: Vec<Figure>,
    /// Lags of the aggregates that the options name.
    objects: Vec<Figure>,
}

impl Figures {
    /// `shows_lag`: whether the aggregate with this name gets a figure of its own.
    pub(super) fn of(
        screens: &Screens,
        rows: &[Row],
        at: &At,
        shows_lag: impl Fn(&str) -> bool,
    ) -> Self {
        let mut all = counts(rows);
        all.extend(of_server(screens, at));
        all.extend(of_policies(screens, rows));
        all.extend(times(screens, at));
        let aggregates = screens.aggregates.rows().iter();
        let named = aggregates.filter(|row| shows_lag(&row.full_name()));
        Self {
            all,
            objects: named.map(|row| lag(row, at)).collect(),
        }
    }

    /// Adds the figures of another database of the server.
    pub(super) fn join(&mut self, other: Self) {
        if self.all.is_empty() {
            self.all = other.all;
        } else {
            for (one, other) in self.all.iter_mut().zip(other.all) {
                let both = one.value.zip(other.value);
                one.value = match both {
                    Some((a, b)) if one.sums => Some(a + b),
                    Some((a, b)) => Some(a.max(b)),
                    // If a part is unknown, the sum is unknown.
                    None if one.sums => None,
                    None => one.value.or(other.value),
                };
            }
        }
        self.objects.extend(other.objects);
    }

    /// Accounts for a database that was not read: every sum becomes unknown, except the number of unknown findings, which grows by one.
    pub(super) fn lack(&mut self) {
        for figure in self.all.iter_mut().filter(|figure| figure.sums) {
            let is_unknown = figure.name == Level::Unknown.name();
            figure.value = figure.value.filter(|_| is_unknown).map(|count| count + 1.0);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Adds the duration of the check.
    pub(super) fn seconds(&mut self, took: Duration) {
        self.all.push(Figure {
            value: Some(took.as_secs_f64()),
            unit: "s",
            ..number("check_seconds", None)
        });
    }

    fn each(&self) -> impl Iterator<Item = &Figure> {
        self.all.iter().chain(&self.objects)
    }

    /// Performance data of monitoring plugins: `'label'=value[unit];warning;critical;0;maximum`. The value is `U` if it is unknown.
    pub(super) fn perfdata(&self) -> String {
        let mut text = String::new();
        for figure in self.each() {
            if !text.is_empty() {
                text.push(' ');
            }
            let shown = |value: Option<f64>| value.map(plain).unwrap_or_default();
            let value = figure.value.map_or("U".to_owned(), |value| {
                format!("{}{}", plain(value), figure.unit)
            });
            let (warning, critical) = (shown(figure.warning), shown(figure.critical));
            let most = shown(figure.most);
            let fields = format!("{value};{warning};{critical};0;{most}");
            let _ = write!(text, "'{}'={}", figure.name, fields.trim_end_matches(';'));
        }
        text
    }

    pub(super) fn json(&self) -> Json {
        let fields: Map<_, _> = self
            .each()
            .map(|figure| (figure.name.clone().into_owned(), figure.value.into()))
            .collect();
        Json::Object(fields)
    }
}

fn counts(rows: &[Row]) -> Vec<Figure> {
    let levels = [
        Level::Critical,
        Level::Warning,
        Level::Unknown,
        Level::Notice,
    ];
    let count = |level: Level| {
        let count = rows.iter().filter(|row| row.finding.level == level).count();
        number(level.name(), Some(count))
    };
    levels.map(count).into()
}

fn of_server(screens: &Screens, at: &At) -> Vec<Figure> {
    let limits = &at.server.thresholds.all;
    let mut rows = screens.server.rows().iter();
    let connections = rows.find(|row| row.name == "connections");
    let most = connections.and_then(|row| row.bound);
    let share = |percent: f64| most.map(|most| most * percent / 100.0);
    let standing = Standing::of(screens, at);
    vec![
        Figure {
            value: connections.and_then(|row| row.value),
            warning: share(limits.connections_percent),
            critical: share(limits.connections_critical_percent),
            most,
            sums: false,
            ..number("connections", None)
        },
        Figure {
            value: standing.worst_lag.map(|(times, _)| times),
            warning: Some(limits.aggregate_lag_factor),
            critical: Some(limits.aggregate_lag_critical_factor),
            sums: false,
            ..number("worst_lag_factor", None)
        },
        number("jobs_failing", standing.failing.map(|(failing, _)| failing)),
    ]
}

fn of_policies(screens: &Screens, rows: &[Row]) -> Vec<Figure> {
    let late = |row: &&Row| row.finding.rule == &rules::JOB_LATE;
    let backlog = screens.compression.rows().iter();
    let backlog = backlog.filter(|row| row.policy.is_some());
    let overdue = screens.retention.rows().iter();
    let overdue = overdue.filter(|row| row.policy.is_some());
    vec![
        number("jobs_late", Some(rows.iter().filter(late).count())),
        sum(
            "compression_backlog_chunks",
            backlog.map(compression::Row::backlog),
        ),
        sum(
            "retention_overdue_chunks",
            overdue.map(retention::Row::eligible),
        ),
    ]
}

fn times(screens: &Screens, at: &At) -> Vec<Figure> {
    let limits = &at.server.thresholds.all;
    let times = [
        (
            "oldest_transaction_s",
            "oldest-transaction",
            limits.long_transaction,
        ),
        (
            "replication_lag_s",
            "replication-lag",
            limits.replication_lag,
        ),
    ];
    let figure = |(name, of, warning): (&'static str, &str, f64)| Figure {
        value: screens
            .server
            .rows()
            .iter()
            .find(|row| row.name == of)
            .and_then(|row| row.value),
        unit: "s",
        warning: Some(warning),
        sums: false,
        ..number(name, None)
    };
    times.map(figure).into()
}

/// The lag of an aggregate in seconds, or in units of an integer time column, with the limits for a warning and for critical.
fn lag(row: &aggregates::Row, at: &At) -> Figure {
    let is_integer = row.axis == Axis::Integer;
    #[expect(clippy::cast_precision_loss, reason = "a graph needs no exact lag")]
    let value = row.lag(at).map(|lag| lag as f64);
    let limits = at.limits(&row.full_name());
    let allowed = row.allowed_lag(at);
    Figure {
        // A label cannot contain these characters.
        name: Cow::Owned(format!("lag {}", row.full_name()).replace(['\'', '=', '|'], "_")),
        value: value.map(|lag| if is_integer { lag } else { lag / 1e6 }),
        unit: if is_integer { "" } else { "s" },
        warning: allowed.map(|allowed| allowed * limits.aggregate_lag_factor),
        critical: allowed.map(|allowed| allowed * limits.aggregate_lag_critical_factor),
        ..number("", None)
    }
}

/// The number with at most three decimals.
fn plain(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn number(name: &'static str, count: Option<usize>) -> Figure {
    Figure {
        name: Cow::Borrowed(name),
        value: count.map(|count| count as f64),
        unit: "",
        warning: None,
        critical: None,
        most: None,
        sums: true,
    }
}

/// The sum of the parts as a figure; unknown if one part is unknown.
fn sum(name: &'static str, parts: impl Iterator<Item = Option<i64>>) -> Figure {
    let sum: Option<i64> = parts.sum();
    number(name, sum.and_then(|sum| usize::try_from(sum).ok()))
}
