//! A metric: its name, kind and series.

use std::collections::HashSet;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Gauge,
    /// A counter's name ends in `_total`.
    Counter,
}

#[derive(Debug)]
pub(in crate::run::check) struct Metric {
    pub name: &'static str,
    pub help: &'static str,
    pub(super) kind: Kind,
    pub(super) series: Vec<Series>,
}

#[derive(Debug)]
pub(super) struct Series {
    pub labels: Vec<(&'static str, String)>,
    pub value: f64,
    /// Object that the series is about; `None`: the server, or an object with a finding.
    pub of: Option<String>,
}

impl Metric {
    pub(super) fn new(name: &'static str, kind: Kind, help: &'static str) -> Self {
        Self {
            name,
            help,
            kind,
            series: Vec::new(),
        }
    }

    pub(super) fn gauge(name: &'static str, help: &'static str) -> Self {
        Self::new(name, Kind::Gauge, help)
    }

    pub(super) fn one(mut self, value: f64) -> Self {
        self.add(Vec::new(), value);
        self
    }

    /// Marks these objects, whose series must not be removed.
    pub(super) fn keep(&mut self, objects: &HashSet<&str>) {
        for series in &mut self.series {
            series.of.take_if(|of| objects.contains(of.as_str()));
        }
    }

    /// Labels every series with its database.
    pub(super) fn of_database(&mut self, database: &str) {
        for series in &mut self.series {
            series.labels.insert(0, ("database", database.to_owned()));
        }
    }

    pub(super) fn add(&mut self, labels: Vec<(&'static str, String)>, value: f64) {
        self.series.push(Series {
            labels,
            value,
            of: None,
        });
    }
}

/// Microseconds as seconds.
#[expect(
    clippy::cast_precision_loss,
    reason = "a double holds microseconds of this century"
)]
pub(super) fn seconds(microseconds: i64) -> f64 {
    microseconds as f64 / 1e6
}
