//! Aggregates: how far each one is behind its source, against what its own policy promises, and why.

mod cause;

use std::time::Duration;

use anyhow::Result;

use crate::policy::Policy;
use crate::query;
use crate::record::{At, Column, Detail, Exact, Record, Section};
use crate::server::Edition;
use crate::sql::{Param, Query, Version};
use crate::text;
use crate::value::{Axis, Point, Value};
use crate::verdict::Verdict;

#[derive(Debug, Clone)]
pub struct Row {
    /// Of its materialization hypertable.
    pub id: i32,
    /// Of the aggregate that it is built on; `None`: it reads a hypertable.
    pub parent_id: Option<i32>,
    pub schema: String,
    pub name: String,
    pub source_schema: String,
    pub source_name: String,
    pub materialized_only: bool,
    pub axis: Axis,
    pub bucket_width: Option<String>,
    pub bucket_zone: Option<String>,
    /// The end of the newest bucket that holds rows; `None`: it is empty.
    pub watermark: Option<i64>,
    /// Up to where a refresh has been; `i64::MIN`: never; `None`: the log does not say.
    pub refreshed_to: Option<i64>,
    /// History before this was never materialized.
    pub never_before: Option<i64>,
    /// The end of the newest chunk of the source: newer rows there cannot be.
    pub source_end: Option<i64>,
    /// The newest row of the source, and the end of its bucket; `None`: not known (yet), or there is no row.
    pub newest: Option<i64>,
    pub newest_end: Option<i64>,
    /// Whether `newest` was asked for with success: then `None` means that there is no row, or no right to read.
    pub newest_asked: bool,
    pub newest_error: Option<String>,
    pub pending: i64,
    /// `None`: this role cannot see it.
    pub refreshing: Option<bool>,
    pub policy: Option<Policy>,
    /// How many refresh policies there are; the one shown ends latest.
    pub policies: i64,
    pub start_offset: Option<String>,
    pub end_offset: Option<String>,
    pub start_seconds: Option<f64>,
    pub end_seconds: Option<f64>,
    pub schedule_interval: Option<String>,
    /// Lag that the policies of this aggregate and its parents allow; `None` without a policy, and for integer time.
    pub expected_seconds: Option<f64>,
    /// The same in units of integer time, without the schedule, which does not convert.
    pub expected_units: Option<i64>,
    pub depth: i32,
    /// Refreshes delete rows whose source was dropped; `None`: cannot be compared.
    pub wipe_risk: Option<bool>,
    pub source_drop_after: Option<String>,
}

impl Row {
    pub fn full_name(&self) -> String {
        text::qualified(&self.schema, &self.name)
    }

    pub fn source(&self) -> String {
        text::qualified(&self.source_schema, &self.source_name)
    }

    fn point(&self, raw: Option<i64>) -> Value {
        raw.map(|raw| Point {
            axis: self.axis,
            raw,
        })
        .into()
    }

    /// What "now" is on its axis; integer time has no now that is free to ask.
    fn now(&self, at: &At) -> i64 {
        if self.axis == Axis::Integer {
            i64::MAX
        } else {
            at.now.0
        }
    }

    fn refreshed(&self) -> Option<i64> {
        // The log's first value stands for "never".
        self.refreshed_to.filter(|to| {
            *to > -200_000_000_000_000_000
                || self.axis == Axis::Integer && *to > i64::MIN + 1_000_000
        })
    }

    /// Up to where the aggregate is right: rows of the source before this are in it.
    fn covered(&self, at: &At) -> Option<i64> {
        let refreshed = self.refreshed().map(|to| to.min(self.now(at)));
        self.watermark.max(refreshed)
    }

    /// How far it is behind, in the axis' unit; `None`: never refreshed, or the newest row is not known.
    pub fn lag(&self, at: &At) -> Option<i64> {
        let newest = self.newest_end?.min(self.now(at));
        Some(newest.saturating_sub(self.covered(at)?).max(0))
    }

    /// An upper bound of the lag, free of cost, until the newest row is known.
    pub fn lag_at_most(&self, at: &At) -> Option<i64> {
        let newest = self.source_end?.min(self.now(at));
        Some(newest.saturating_sub(self.covered(at)?).max(0))
    }

    #[expect(clippy::cast_precision_loss, reason = "microseconds of a lag fit")]
    fn lag_seconds(&self, at: &At) -> Option<f64> {
        (self.axis != Axis::Integer).then_some(())?;
        self.lag(at).map(|micros| micros as f64 / 1e6)
    }

    fn lag_units(&self, at: &At) -> Option<i64> {
        (self.axis == Axis::Integer).then(|| self.lag(at)).flatten()
    }

    /// The lag as the screen shows it: a bound is marked as one.
    fn lag_value(&self, at: &At) -> Value {
        match (self.lag_seconds(at), self.lag_units(at)) {
            (Some(seconds), _) => Value::Seconds(seconds),
            (_, Some(units)) => Value::Int(units),
            _ if self.newest_asked => Value::Null,
            _ => match self.lag_at_most(at) {
                #[expect(clippy::cast_precision_loss, reason = "microseconds of a lag fit")]
                Some(micros) if self.axis != Axis::Integer => {
                    Value::Text(format!("<= {}", text::duration(micros as f64 / 1e6)))
                }
                Some(units) => Value::Text(format!("<= {}", text::count(units))),
                None => Value::Null,
            },
        }
    }

    fn expected_value(&self) -> Value {
        match (self.axis, self.expected_seconds, self.expected_units) {
            (Axis::Integer, _, Some(units)) => Value::Int(units),
            (_, Some(seconds), _) => Value::Seconds(seconds),
            _ => Value::Null,
        }
    }
}

impl Record for Row {
    const NAME: &'static str = "aggregates";
    const TITLE: &'static str = "Aggregates";
    const QUERY: Query = query!("aggregates", (2, 26), (2, 22), (2, 15));
    const WATCHED: &'static [&'static str] = &[
        "_timescaledb_catalog.continuous_agg",
        "_timescaledb_catalog.continuous_aggs_watermark",
        "_timescaledb_catalog.continuous_aggs_materialization_invalidation_log",
        "_timescaledb_catalog.continuous_aggs_hypertable_invalidation_log",
        "_timescaledb_catalog.continuous_aggs_jobs_refresh_ranges",
        "_timescaledb_catalog.dimension_slice",
        "_timescaledb_config.bgw_job",
        "_timescaledb_catalog.bgw_job",
        "_timescaledb_internal.bgw_job_stat",
    ];
    const MAX_AGE: Duration = Duration::from_secs(10);
    const COLUMNS: &'static [Column<Self>] = &[
        Column::<Self>::text("", "AGGREGATE", 21, |row, _| row.full_name().into()).grows(),
        Column::<Self>::hidden("schema", |row, _| row.schema.as_str().into()),
        Column::<Self>::hidden("name", |row, _| row.name.as_str().into()),
        Column::<Self>::number("", "LAG", 9, Self::lag_value),
        Column::<Self>::number("", "PROMISED", 9, |row, _| row.expected_value()),
        Column::<Self>::text("source", "SOURCE", 22, |row, _| row.source().into()).rank(3),
        Column::<Self>::text("bucket_width", "BUCKET", 8, |row, _| {
            row.bucket_width.clone().into()
        })
        .rank(2),
        Column::<Self>::hidden("materialized_only", |row, _| row.materialized_only.into()),
        Column::<Self>::text("", "REAL-TIME", 9, |row, _| (!row.materialized_only).into()).rank(4),
        Column::<Self>::text("watermark", "WATERMARK", 16, |row, _| {
            row.point(row.watermark)
        })
        .rank(5),
        Column::<Self>::text("refreshed_to", "REFRESHED TO", 16, |row, _| {
            row.point(row.refreshed())
        }),
        Column::<Self>::text("newest_source", "NEWEST SOURCE", 19, |row, _| {
            row.point(row.newest)
        })
        .rank(4),
        Column::<Self>::hidden("lag_seconds", |row, at| {
            row.lag_seconds(at).map(Value::Seconds).into()
        }),
        Column::<Self>::hidden("expected_lag_seconds", |row, _| {
            row.expected_seconds
                .filter(|_| row.axis != Axis::Integer)
                .map(Value::Seconds)
                .into()
        }),
        Column::<Self>::text("start_offset", "FROM", 8, |row, _| {
            row.start_offset.clone().into()
        })
        .rank(5),
        Column::<Self>::text("end_offset", "TO", 8, |row, _| {
            row.end_offset.clone().into()
        })
        .rank(5),
        Column::<Self>::text("schedule_interval", "EVERY", 8, |row, _| {
            row.schedule_interval.clone().into()
        })
        .rank(4),
        Column::<Self>::number("job_id", "JOB", 5, |row, _| {
            row.policy.as_ref().map(|policy| policy.job_id).into()
        })
        .rank(6),
        Column::<Self>::number("pending_invalidations", "PENDING", 7, |row, _| {
            row.pending.into()
        })
        .rank(3),
        Column::<Self>::text("refreshing", "NOW", 3, |row, _| row.refreshing.into()).rank(6),
        Column::<Self>::text("wipe_risk", "WIPE", 4, |row, _| row.wipe_risk.into()).rank(1),
        Column::<Self>::text("", "POLICY", 9, |row, at| {
            row.policy
                .as_ref()
                .map(|policy| policy.state(at.now))
                .into()
        })
        .rank(1),
        Column::<Self>::hidden("lag_units", |row, at| row.lag_units(at).into()),
        Column::<Self>::hidden("policies", |row, _| row.policies.into()),
        Column::<Self>::hidden("depth", |row, _| row.depth.into()),
    ];
    const EXACT: Option<Exact<Self>> = Some(Exact {
        query: query!("aggregates_newest", (2, 29), (2, 15)),
        figures: &["newest", "newest_end"],
        // One chunk and its indexes each, so that few locks are held at a time.
        slice: 8,
        want: |row| Some((row.id.into(), 1)),
        take: |row, figures| match figures {
            Ok([newest, end]) => {
                (row.newest, row.newest_end, row.newest_asked) = (*newest, *end, true);
                row.newest_error = None;
            }
            Ok(_) => {}
            Err(error) => row.newest_error = Some(error.to_owned()),
        },
    });
    const DETAILS: &'static [Detail<Self>] = &[
        Detail {
            title: "Policies",
            query: query!("aggregates_policies"),
            params: |row| vec![Param::BigInt(row.id.into())],
            build: |_, rows, _| cause::policies(rows),
        },
        Detail {
            title: "Place in the hierarchy",
            query: query!("aggregates_hierarchy"),
            params: |row| vec![Param::BigInt(row.id.into())],
            build: |_, rows, _| cause::hierarchy(rows),
        },
        Detail {
            title: "Invalidation ranges",
            query: query!("aggregates_invalidations"),
            params: |row| vec![Param::BigInt(row.id.into())],
            build: |row, rows, _| cause::invalidations(row, rows),
        },
        Detail {
            title: "Definition",
            query: query!("aggregates_definition"),
            params: |row| vec![Param::BigInt(row.id.into())],
            build: |_, rows, _| cause::definition(rows),
        },
    ];

    fn read(row: &tokio_postgres::Row) -> Result<Self> {
        let end_seconds: Option<f64> = row.try_get("end_seconds")?;
        let policy = row
            .try_get::<_, Option<i32>>("job_id")?
            .map(|job_id| -> Result<Policy> {
                Ok(Policy {
                    job_id,
                    scheduled: row.try_get("scheduled")?,
                    after: row.try_get("end_text")?,
                    after_seconds: end_seconds,
                    after_number: None,
                    last_run_success: row.try_get("last_run_success")?,
                    last_finish: row.try_get("last_finish")?,
                    next_start: row.try_get("next_start")?,
                    consecutive_failures: row
                        .try_get::<_, Option<i32>>("consecutive_failures")?
                        .unwrap_or(0),
                    schedule_seconds: row.try_get("schedule_seconds")?,
                })
            });
        Ok(Self {
            id: row.try_get("id")?,
            parent_id: row.try_get("parent_id")?,
            schema: row.try_get("schema")?,
            name: row.try_get("name")?,
            source_schema: row.try_get("source_schema")?,
            source_name: row.try_get("source_name")?,
            materialized_only: row.try_get("materialized_only")?,
            axis: Axis::of(row.try_get("axis")?),
            bucket_width: row.try_get("bucket_width")?,
            bucket_zone: row.try_get("bucket_zone")?,
            watermark: row.try_get("watermark")?,
            refreshed_to: row.try_get("refreshed_to")?,
            never_before: row.try_get("never_before")?,
            source_end: row.try_get("source_end")?,
            newest: None,
            newest_end: None,
            newest_asked: false,
            newest_error: None,
            pending: row.try_get("pending")?,
            refreshing: row.try_get("refreshing")?,
            policy: policy.transpose()?,
            policies: row.try_get("policies")?,
            start_offset: row.try_get("start_text")?,
            end_offset: row.try_get("end_text")?,
            start_seconds: row.try_get("start_seconds")?,
            end_seconds,
            schedule_interval: row.try_get("schedule_interval")?,
            expected_seconds: row.try_get("expected_seconds")?,
            expected_units: row.try_get("expected_units")?,
            depth: row.try_get("depth")?,
            wipe_risk: row.try_get("wipe_risk")?,
            source_drop_after: row.try_get("source_drop_after")?,
        })
    }

    fn key(&self) -> String {
        self.full_name()
    }

    fn verdict(&self, at: &At) -> Verdict {
        cause::verdict(self, at)
    }

    fn caveats(rows: &[Self], at: &At) -> Vec<String> {
        let mut caveats = Vec::new();
        let version = at.server.sql_version();
        if !at.server.reads_all_stats
            && (Version::new(2, 18)..Version::new(2, 26)).contains(&version)
        {
            caveats.push("whether a refresh of another role runs cannot be seen: grant pg_monitor to this role".to_owned());
        }
        let unread = rows
            .iter()
            .filter(|row| row.newest_asked && row.newest.is_none() && row.source_end.is_some())
            .count();
        if unread > 0 {
            let number = text::plural(i64::try_from(unread).unwrap_or(i64::MAX), "aggregate");
            caveats.push(format!(
                "{number} without a lag: the source is empty, or this role may not SELECT from it"
            ));
        }
        if at.server.edition == Edition::Apache {
            caveats.push("Apache edition: refresh policies do not run".to_owned());
        }
        caveats
    }

    fn facts(&self, at: &At) -> Vec<Section> {
        cause::facts(self, at)
    }
}
