//! Metrics of each aggregate, job and hypertable.

use std::sync::Arc;

use super::metric::{Kind, Labels, Metric, seconds};
use crate::model::moment::Axis;
use crate::model::text;
use crate::screens::{Screens, aggregates, compression, hypertables, jobs, retention};
use crate::server::known::At;

/// Name, kind, help and value of a metric. `None`: the row has no value.
type Figure<R> = (&'static str, Kind, &'static str, fn(&R, &At) -> Option<f64>);

const AGGREGATES: &[Figure<aggregates::Row>] = &[
    (
        "hypertop_aggregate_lag_seconds",
        Kind::Gauge,
        "Lag of a continuous aggregate behind the newest row of its source",
        |row, at| {
            (row.axis != Axis::Integer)
                .then(|| row.lag(at).map(seconds))
                .flatten()
        },
    ),
    (
        "hypertop_aggregate_promised_seconds",
        Kind::Gauge,
        "Largest lag that the refresh policy of a continuous aggregate allows",
        |row, _| row.expected_seconds,
    ),
    (
        "hypertop_aggregate_lag_units",
        Kind::Gauge,
        "Lag of a continuous aggregate, in units of its integer time column",
        |row, at| {
            (row.axis == Axis::Integer)
                .then(|| row.lag(at).map(whole))
                .flatten()
        },
    ),
    (
        "hypertop_aggregate_promised_units",
        Kind::Gauge,
        "Largest lag that the refresh policy allows, in units of the integer time column",
        |row, _| row.expected_units.map(whole),
    ),
    (
        "hypertop_aggregate_pending_ranges",
        Kind::Gauge,
        "Changed ranges of a continuous aggregate's source that wait for a refresh",
        |row, _| Some(whole(row.pending)),
    ),
];

const JOBS: &[Figure<jobs::Row>] = &[
    (
        "hypertop_job_runs_total",
        Kind::Counter,
        "Runs of a job",
        |row, _| Some(whole(row.statistics.as_ref()?.total_runs)),
    ),
    (
        "hypertop_job_failures_total",
        Kind::Counter,
        "Failed runs of a job",
        |row, _| Some(whole(row.statistics.as_ref()?.total_failures)),
    ),
    (
        "hypertop_job_crashes_total",
        Kind::Counter,
        "Runs of a job that crashed: the worker ended without a result",
        |row, _| Some(whole(row.statistics.as_ref()?.total_crashes)),
    ),
    (
        "hypertop_job_last_finish_timestamp_seconds",
        Kind::Gauge,
        "End of the job's last run",
        |row, _| finite(row.statistics.as_ref()?.last_finish?.0),
    ),
    (
        "hypertop_job_last_success_timestamp_seconds",
        Kind::Gauge,
        "End of the job's last run that succeeded",
        |row, _| finite(row.statistics.as_ref()?.last_success?.0),
    ),
    (
        "hypertop_job_last_run_success",
        Kind::Gauge,
        "1 if the job's last ended run succeeded, otherwise 0",
        |row, _| {
            let ok = row.statistics.as_ref()?.last_ended_well()?;
            Some(f64::from(u8::from(ok)))
        },
    ),
    (
        "hypertop_job_last_duration_seconds",
        Kind::Gauge,
        "Duration of the job's last run",
        |row, _| {
            let statistics = row.statistics.as_ref()?;
            let begun = statistics.last_start?.finite()?;
            let took = statistics.last_finish?.finite()?.seconds_since(begun);
            // While a run is in progress, `last_finish` is the end of the previous run, so the difference is negative.
            (took >= 0.0).then_some(took)
        },
    ),
    (
        "hypertop_job_next_start_timestamp_seconds",
        Kind::Gauge,
        "Next start of the job",
        |row, _| finite(row.statistics.as_ref()?.next_start?.0),
    ),
    (
        "hypertop_job_scheduled",
        Kind::Gauge,
        "1 if the job is scheduled, 0 if it is paused",
        |row, _| Some(f64::from(u8::from(row.scheduled))),
    ),
];

const HYPERTABLES: &[Figure<hypertables::Row>] = &[
    (
        "hypertop_hypertable_bytes",
        Kind::Gauge,
        "Size of a hypertable with indexes, in bytes (estimated until it is measured)",
        |row, _| row.bytes().map(whole),
    ),
    (
        "hypertop_hypertable_oldest_timestamp_seconds",
        Kind::Gauge,
        "Start of the oldest chunk of a hypertable (none if its time column is an integer)",
        |row, _| time(row.axis, row.oldest?),
    ),
    (
        "hypertop_hypertable_newest_timestamp_seconds",
        Kind::Gauge,
        "End of the newest chunk of a hypertable (none if its time column is an integer)",
        |row, _| time(row.axis, row.newest?),
    ),
];

const COMPRESSION: &[Figure<compression::Row>] = &[
    (
        "hypertop_hypertable_before_compression_bytes",
        Kind::Gauge,
        "Recorded size of the compressed chunks before compression",
        |row, _| row.before_bytes.map(whole),
    ),
    (
        "hypertop_hypertable_after_compression_bytes",
        Kind::Gauge,
        "Recorded size of the compressed chunks after compression",
        |row, _| row.after_bytes.map(whole),
    ),
    (
        "hypertop_hypertable_backlog_chunks",
        Kind::Gauge,
        "Chunks that the compression policy should have compressed",
        |row, _| {
            row.policy.as_ref()?;
            row.backlog().map(whole)
        },
    ),
];

const RETENTION: &[Figure<retention::Row>] = &[(
    "hypertop_hypertable_overdue_chunks",
    Kind::Gauge,
    "Chunks past drop_after that are still there: the next run of the retention policy drops them",
    |row, _| {
        row.policy.as_ref()?;
        row.eligible().map(whole)
    },
)];

pub(super) fn all(screens: &Screens, at: &At) -> Vec<Metric> {
    let mut metrics = Vec::new();
    metrics.extend(each(AGGREGATES, screens.aggregates.rows(), at, |row| {
        named(&row.schema, &row.name)
    }));
    metrics.extend(each(JOBS, screens.jobs.rows(), at, |row| {
        let labels = vec![
            ("job_id", row.job_id.to_string()),
            ("proc", text::qualified(&row.proc_schema, &row.proc)),
            ("target", row.target.clone().unwrap_or_default()),
        ];
        (Arc::new(labels), Arc::from(row.job_id.to_string()))
    }));
    metrics.extend(each(HYPERTABLES, screens.hypertables.rows(), at, |row| {
        named(&row.schema, &row.name)
    }));
    metrics.push(chunks(screens));
    metrics.extend(each(COMPRESSION, screens.compression.rows(), at, |row| {
        named(&row.schema, &row.name)
    }));
    metrics.extend(each(RETENTION, screens.retention.rows(), at, |row| {
        named(&row.schema, &row.name)
    }));
    metrics
}

/// An object's labels and its name.
type Object = (Arc<Labels>, Arc<str>);

fn named(schema: &str, name: &str) -> Object {
    let labels = vec![("schema", schema.to_owned()), ("name", name.to_owned())];
    (Arc::new(labels), text::qualified(schema, name).into())
}

fn each<R>(
    figures: &[Figure<R>],
    rows: &[R],
    at: &At,
    object: impl Fn(&R) -> Object,
) -> Vec<Metric> {
    let objects: Vec<_> = rows.iter().map(object).collect();
    let metric = |(name, kind, help, value): &Figure<R>| {
        let mut metric = Metric::new(name, *kind, help);
        for (row, (labels, of)) in rows.iter().zip(&objects) {
            if let Some(value) = value(row, at) {
                metric.push(Arc::clone(labels), value, Some(Arc::clone(of)));
            }
        }
        metric
    };
    figures.iter().map(metric).collect()
}

fn chunks(screens: &Screens) -> Metric {
    let mut metric = Metric::gauge(
        "hypertop_hypertable_chunks",
        "Chunks of a hypertable by their state",
    );
    for row in screens.compression.rows() {
        let (named, of) = named(&row.schema, &row.name);
        let states = [
            ("compressed", row.compressed),
            ("partial", row.partial),
            ("uncompressed", row.uncompressed),
        ];
        for (state, count) in states {
            let mut labels = (*named).clone();
            labels.push(("state", state.to_owned()));
            metric.push(Arc::new(labels), whole(count), Some(Arc::clone(&of)));
        }
    }
    metric
}

/// A value of a time column as seconds since 1970. `None`: the column is an integer, or the value is no time, such as infinity.
fn time(axis: Axis, at: i64) -> Option<f64> {
    let is_time = axis != Axis::Integer && axis.is_place(at);
    is_time.then(|| finite(at)).flatten()
}

/// Microseconds since 1970 as seconds. `None`: infinite.
fn finite(at: i64) -> Option<f64> {
    (at != i64::MAX && at != i64::MIN).then(|| seconds(at))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "an f64 is exact for every size that a disk has"
)]
fn whole(value: i64) -> f64 {
    value as f64
}
