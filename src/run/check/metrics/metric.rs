//! A metric: its name, kind and series.

use std::collections::HashSet;
use std::sync::Arc;

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

/// Names and values of a series' labels, without the database.
pub(super) type Labels = Vec<(&'static str, String)>;

/// One value with its labels. The series of an object share one `Labels`, because a large server has some ten thousand series.
#[derive(Debug)]
pub(super) struct Series {
    /// `None`: the database is unknown.
    pub database: Option<Arc<str>>,
    pub labels: Arc<Labels>,
    pub value: f64,
    /// Healthy object that the series is about. `None`: the series is about the server or an object with a finding, and is never removed.
    pub of: Option<Arc<str>>,
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

    /// Prevents the removal of the series of these objects.
    pub(super) fn keep(&mut self, objects: &HashSet<&str>) {
        for series in &mut self.series {
            series.of.take_if(|of| objects.contains(&**of));
        }
    }

    /// Labels every series with its database.
    pub(super) fn of_database(&mut self, database: &Arc<str>) {
        for series in &mut self.series {
            series.database = Some(Arc::clone(database));
        }
    }

    pub(super) fn add(&mut self, labels: Labels, value: f64) {
        self.push(Arc::new(labels), value, None);
    }

    pub(super) fn push(&mut self, labels: Arc<Labels>, value: f64, of: Option<Arc<str>>) {
        self.series.push(Series {
            database: None,
            labels,
            value,
            of,
        });
    }
}

/// Microseconds as seconds.
#[expect(
    clippy::cast_precision_loss,
    reason = "an f64 is exact for the microseconds of this century"
)]
pub(super) fn seconds(microseconds: i64) -> f64 {
    microseconds as f64 / 1e6
}
