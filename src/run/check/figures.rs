//! Figures of a check. Every call has the same ones in the same order.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Map, Value as Json};

use crate::model::rules;
use crate::model::verdict::Level;
use crate::screens::gather::Standing;
use crate::screens::overview::Row;
use crate::screens::{Screens, compression, retention};
use crate::server::known::At;

/// One figure. `value` is `None` if it is unknown.
#[derive(Debug)]
struct Figure {
    name: &'static str,
    value: Option<f64>,
    /// Unit in performance data: `s` for seconds, else empty.
    unit: &'static str,
    warning: Option<f64>,
    critical: Option<f64>,
    most: Option<f64>,
}

#[derive(Debug)]
pub(super) struct Figures(Vec<Figure>);

impl Figures {
    pub(super) fn of(screens: &Screens, rows: &[Row], at: &At) -> Self {
        let limits = &at.server.thresholds.all;
        let mut all = Vec::new();
        for level in [
            Level::Critical,
            Level::Warning,
            Level::Unknown,
            Level::Notice,
        ] {
            let count = rows.iter().filter(|row| row.finding.level == level).count();
            all.push(number(level.name(), Some(count)));
        }
        let server = |name: &str| screens.server.rows().iter().find(|row| row.name == name);
        let connections = server("connections");
        let most = connections.and_then(|row| row.bound);
        let share = |percent: f64| most.map(|most| most * percent / 100.0);
        all.push(Figure {
            value: connections.and_then(|row| row.value),
            warning: share(limits.connections_percent),
            critical: share(limits.connections_critical_percent),
            most,
            ..number("connections", None)
        });
        let standing = Standing::of(screens, at);
        all.push(Figure {
            value: standing.worst_lag.map(|(times, _)| times),
            warning: Some(limits.aggregate_lag_factor),
            critical: Some(limits.aggregate_lag_critical_factor),
            ..number("worst_lag_factor", None)
        });
        all.push(number(
            "jobs_failing",
            standing.failing.map(|(failing, _)| failing),
        ));
        let late = rows
            .iter()
            .filter(|row| row.finding.rule == &rules::JOB_LATE);
        all.push(number("jobs_late", Some(late.count())));
        let backlog = screens.compression.rows().iter();
        all.push(sum(
            "compression_backlog_chunks",
            backlog
                .filter(|row| row.policy.is_some())
                .map(compression::Row::backlog),
        ));
        let retention = screens.retention.rows().iter();
        all.push(sum(
            "retention_overdue_chunks",
            retention
                .filter(|row| row.policy.is_some())
                .map(retention::Row::eligible),
        ));
        let seconds = |name, of: &str, warning, critical| Figure {
            value: server(of).and_then(|row| row.value),
            unit: "s",
            warning,
            critical,
            ..number(name, None)
        };
        let long = Some(limits.long_transaction);
        all.push(seconds(
            "oldest_transaction_s",
            "oldest-transaction",
            long,
            None,
        ));
        let lag = Some(limits.replication_lag);
        all.push(seconds("replication_lag_s", "replication-lag", lag, None));
        Self(all)
    }

    /// Adds the duration of the check.
    pub(super) fn seconds(&mut self, took: Duration) {
        self.0.push(Figure {
            value: Some(took.as_secs_f64()),
            unit: "s",
            ..number("check_seconds", None)
        });
    }

    /// Performance data of monitoring plugins: `'label'=value[unit];warning;critical;0;most`, with `U` for an unknown
    /// value.
    pub(super) fn perfdata(&self) -> String {
        let mut text = String::new();
        for figure in &self.0 {
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
        let figures = self.0.iter();
        let fields: Map<_, _> = figures
            .map(|figure| (figure.name.to_owned(), figure.value.into()))
            .collect();
        Json::Object(fields)
    }
}

/// The number with at most three decimals.
fn plain(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn number(name: &'static str, value: Option<usize>) -> Figure {
    Figure {
        name,
        value: value.map(|value| value as f64),
        unit: "",
        warning: None,
        critical: None,
        most: None,
    }
}

/// A figure with the sum of the parts; unknown if one part is unknown.
fn sum(name: &'static str, parts: impl Iterator<Item = Option<i64>>) -> Figure {
    let sum: Option<i64> = parts.sum();
    number(name, sum.and_then(|sum| usize::try_from(sum).ok()))
}
