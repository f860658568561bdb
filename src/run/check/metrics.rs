//! A check's findings and figures as metrics, in Prometheus' text format or as `OpenMetrics`.
//!
//! Counters are used instead of rates; units are seconds and bytes. Labels are names, never query texts or reasons, so the number of series
//! depends only on the number of objects.

mod metric;
mod objects;
mod of_server;
mod text;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

pub(super) use self::metric::Metric;
use self::metric::seconds;
pub(super) use self::text::{Dialect, written};
use super::collector::Reading;
use crate::model::rules;
use crate::model::screen_id::ScreenId;
use crate::model::verdict::Level;
use crate::screens::Screens;
use crate::screens::overview::Row;
use crate::server::databases::DatabaseCounters;
use crate::server::known::At;

/// The results of reading one database.
pub(super) struct Seen<'a> {
    pub screens: &'a Screens,
    /// The findings that the options select.
    pub rows: &'a [Row],
    /// Names of rules whose data was hidden from this role or was not read.
    pub hidden: Vec<&'static str>,
    pub at: &'a At<'a>,
    pub took: Duration,
    /// Whether the metrics of the whole server are included for this database.
    pub first: bool,
    pub readings: &'a BTreeMap<ScreenId, Reading>,
    pub counters: Option<&'a DatabaseCounters>,
}

/// The metrics of a database that was read.
pub(super) fn of(seen: &Seen<'_>) -> Vec<Metric> {
    let mut metrics = vec![up().one(1.0), info(seen.at)];
    metrics.extend([
        findings(seen.rows),
        finding(seen.rows),
        hidden(&seen.hidden),
    ]);
    if seen.first {
        metrics.push(of_server::figures(seen.screens));
    }
    metrics.extend(seen.counters.into_iter().flat_map(of_server::counters));
    metrics.extend(of_server::collecting(seen.screens, seen.readings));
    metrics.extend(objects::all(seen.screens, seen.at));
    let took = Metric::gauge(
        "hypertop_check_seconds",
        "Time that the check took, in seconds",
    );
    metrics.push(took.one(seen.took.as_secs_f64()));
    metrics.push(last().one(seconds(seen.at.now.0)));
    let ill: HashSet<&str> = seen
        .rows
        .iter()
        .filter(|row| row.finding.level > Level::Notice)
        .map(|row| row.subject.as_str())
        .collect();
    let database = Arc::from(seen.at.server.database.as_str());
    for metric in &mut metrics {
        metric.keep(&ill);
        metric.of_database(&database);
    }
    metrics
}

/// The metrics for a database that was not read. `last_success`: time of the last success, in seconds since 1970.
pub(super) fn down(database: Option<&str>, last_success: Option<f64>) -> Vec<Metric> {
    let mut metrics = vec![up().one(0.0)];
    metrics.extend(last_success.map(|at| last().one(at)));
    if let Some(database) = database.map(Arc::from) {
        for metric in &mut metrics {
            metric.of_database(&database);
        }
    }
    metrics
}

fn up() -> Metric {
    Metric::gauge("hypertop_up", "1 if the database was read, otherwise 0")
}

const LAST_SUCCESS: &str = "hypertop_last_success_timestamp_seconds";

fn last() -> Metric {
    let help = "Time of the last check that read the database, by the server's clock";
    Metric::gauge(LAST_SUCCESS, help)
}

/// Time of the last success in these metrics, in seconds since 1970.
pub(super) fn success(metrics: &[Metric]) -> Option<f64> {
    let metric = metrics.iter().find(|metric| metric.name == LAST_SUCCESS)?;
    metric.series.first().map(|series| series.value)
}

/// The metrics of two databases, with each metric name once.
pub(super) fn joined(mut all: Vec<Metric>, more: Vec<Metric>) -> Vec<Metric> {
    for metric in more {
        match all.iter_mut().find(|old| old.name == metric.name) {
            Some(old) => old.series.extend(metric.series),
            None => all.push(metric),
        }
    }
    all
}

/// Removes series of healthy objects, the last ones first, until at most `most` series are left. Other series always stay. Adds a series
/// with the number of removed series.
pub(super) fn at_most(mut metrics: Vec<Metric>, most: usize) -> Vec<Metric> {
    let all: usize = metrics.iter().map(|metric| metric.series.len()).sum();
    let mut left = all.saturating_sub(most);
    let mut dropped = 0;
    for metric in metrics.iter_mut().rev() {
        let mut kept: Vec<_> = metric.series.drain(..).rev().collect();
        kept.retain(|series| {
            let goes = left > 0 && series.of.is_some();
            left -= usize::from(goes);
            dropped += usize::from(goes);
            !goes
        });
        kept.reverse();
        metric.series = kept;
    }
    let name = "hypertop_series_dropped";
    let help = "Series of healthy objects that were left out (--max-series)";
    metrics.push(Metric::gauge(name, help).one(number(dropped)));
    metrics
}

/// Time of the last success in a metrics file, in seconds since 1970. `None`: the text does not contain this metric.
pub(super) fn last_success(text: &str) -> Option<f64> {
    let mut lines = text.lines().filter(|line| line.starts_with(LAST_SUCCESS));
    lines.find_map(|line| line.rsplit(' ').next()?.parse().ok())
}

fn info(at: &At) -> Metric {
    let server = at.server;
    let mut info = Metric::gauge("hypertop_info", "Versions, as labels; always 1");
    let timescaledb = server.timescaledb.map(|version| version.to_string());
    info.add(
        vec![
            ("postgresql", server.postgres_text()),
            ("timescaledb", timescaledb.unwrap_or_default()),
            ("edition", format!("{:?}", server.edition).to_lowercase()),
            ("standby", server.standby.to_string()),
        ],
        1.0,
    );
    info
}

/// A series for every rule and level, even if its value is zero, so that alert rules do not need `absent()`.
pub(super) fn findings(rows: &[Row]) -> Metric {
    let mut all = Metric::gauge(
        "hypertop_findings",
        "Number of findings; hypertop explain RULE says what a rule means",
    );
    for rule in rules::ALL {
        for level in [
            Level::Notice,
            Level::Unknown,
            Level::Warning,
            Level::Critical,
        ] {
            let is = |row: &&Row| row.finding.rule == *rule && row.finding.level == level;
            let labels = vec![
                ("rule", rule.name.to_owned()),
                ("level", level.name().to_owned()),
            ];
            all.add(labels, number(rows.iter().filter(is).count()));
        }
    }
    all
}

pub(super) fn finding(rows: &[Row]) -> Metric {
    let mut all = Metric::gauge(
        "hypertop_finding",
        "A finding; always 1. hypertop explain RULE says what to do",
    );
    let mut seen = HashSet::new();
    for row in rows {
        let finding = &row.finding;
        let labels = (
            finding.rule.name,
            finding.level.name(),
            row.subject.as_str(),
        );
        // Two rows may have equal labels, but a series must be unique.
        if seen.insert(labels) {
            let (rule, level, object) = labels;
            let labels = [("rule", rule), ("level", level), ("object", object)];
            all.add(
                labels
                    .map(|(name, value)| (name, value.to_owned()))
                    .to_vec(),
                1.0,
            );
        }
    }
    all
}

fn hidden(names: &[&'static str]) -> Metric {
    let help = "1 if something that this rule needs is hidden from the role or was not read";
    let mut all = Metric::gauge("hypertop_hidden", help);
    let rules = rules::ALL.iter().map(|rule| rule.name);
    for name in
        rules.filter(|name| name.ends_with("-hidden") || *name == rules::FIGURES_UNREAD.name)
    {
        let is = f64::from(u8::from(names.contains(&name)));
        all.add(vec![("rule", name.to_owned())], is);
    }
    all
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn number(count: usize) -> f64 {
    count as f64
}
