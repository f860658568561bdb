//! Hypertables: size, growth, chunks against memory and locks, policies at a glance; and plain tables that could be one.

mod advice;
mod details;
mod judge;

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::plans::Target;
use crate::query;
use crate::record::{At, Column, Detail, Exact, Record, Section};
use crate::screens::{aggregates, chunks};
use crate::sql::{Param, Query};
use crate::text;
use crate::value::{Axis, Point, Stamp, Value};
use crate::verdict::Verdict;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    Hypertable,
    /// The materialization of a continuous aggregate.
    Aggregate,
    /// A large plain table with a time column.
    Candidate,
}

/// How a policy is; the worst of several of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Policy {
    Planned,
    Paused,
    Failing,
}

impl Policy {
    fn of(state: Option<i32>) -> Option<Self> {
        state.map(|state| match state {
            0 => Self::Planned,
            1 => Self::Paused,
            _ => Self::Failing,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Planned => "scheduled",
            Self::Paused => "paused",
            Self::Failing => "failing",
        }
    }
}

/// The policies on it, and the jobs that are not well.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Policies {
    pub refresh: Option<Policy>,
    pub compress: Option<Policy>,
    pub retain: Option<Policy>,
    pub reorder: Option<Policy>,
    pub failing: Vec<i32>,
    pub paused: Vec<i32>,
    /// compress-after and drop-after in the dimension's unit (a month counts 30 days).
    pub compress_after: Option<i64>,
    pub drop_after: Option<i64>,
}

/// The newest intervals that are full, as they were written.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Window {
    pub start: i64,
    pub end: i64,
    /// How many intervals are there; empty ones leave no trace.
    pub ranges: i64,
    /// Bytes as they were before any compression; `None`: not known (yet).
    pub bytes: Option<i64>,
    /// By an estimate.
    pub about: bool,
}

/// What the server gives, the same in every row.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Limits {
    pub locks_each: i64,
    pub connections: i64,
    pub prepared: i64,
    /// `effective_cache_size`.
    pub memory_bytes: i64,
    pub memory_default: bool,
}

/// What a plain table is judged by.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plain {
    /// By statistics; `None`: never analysed.
    pub tuples: Option<i64>,
    pub not_null: bool,
    /// Unique indexes that lack the time column.
    pub unique_without: Vec<String>,
    /// Foreign keys that refer to it.
    pub referenced: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// Of a candidate: less its oid.
    pub id: i64,
    pub schema: String,
    pub name: String,
    pub kind: Kind,
    pub axis: Axis,
    pub column: Option<String>,
    /// The chunk interval that is set, in the dimension's unit.
    pub interval: Option<i64>,
    /// "Now" on the dimension; `None`: integer time.
    pub now: Option<i64>,
    /// The other dimensions: column and number of partitions (0: cut by intervals, too).
    pub space: Vec<(String, i64)>,
    pub chunks: i64,
    pub compressed: i64,
    pub partial: i64,
    pub tiered: i64,
    pub about_bytes: Option<i64>,
    pub bytes: Option<i64>,
    /// When `bytes` were measured, by the server's clock.
    pub measured: Option<Stamp>,
    pub bytes_error: Option<String>,
    /// The first exact size that this console saw, and when; an estimate is never one.
    pub seen: Option<(Stamp, i64)>,
    pub window: Option<Window>,
    pub oldest: Option<i64>,
    pub newest: Option<i64>,
    pub indexes: i64,
    pub policies: Policies,
    /// The aggregates that read it.
    pub readers: Vec<String>,
    pub plain: Option<Plain>,
    pub limits: Limits,
}

impl Row {
    fn full_name(&self) -> String {
        text::qualified(&self.schema, &self.name)
    }

    fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::Hypertable => "hypertable",
            Kind::Aggregate => "aggregate",
            Kind::Candidate => "candidate",
        }
    }

    /// Nothing, where it is a plain table.
    fn of_chunks(&self, figure: i64) -> Value {
        if self.plain.is_some() {
            Value::Null
        } else {
            figure.into()
        }
    }

    fn size(&self) -> Value {
        match (self.bytes, self.about_bytes) {
            (Some(bytes), _) => Value::Bytes(bytes),
            (None, Some(about)) => Value::AboutBytes(about),
            (None, None) => Value::Null,
        }
    }

    /// Over how many seconds it grew by how many bytes since the console saw it first: both sizes exact.
    fn grown(&self) -> Option<(f64, i64)> {
        let (since, first) = self.seen?;
        let span = self.measured?.seconds_since(since);
        (span >= 1.0).then_some((span, self.bytes? - first))
    }

    /// A length of the dimension: an interval, or units.
    fn length(&self, raw: i64) -> Value {
        #[expect(clippy::cast_precision_loss, reason = "shown in two units")]
        if self.axis == Axis::Integer {
            Value::Int(raw)
        } else {
            Value::Seconds(raw as f64 / 1e6)
        }
    }

    fn bytes_or_about(&self, bytes: Option<i64>) -> Value {
        match (bytes, self.window) {
            (Some(bytes), Some(window)) if window.about => Value::AboutBytes(bytes),
            (Some(bytes), _) => Value::Bytes(bytes),
            (None, _) => Value::Null,
        }
    }

    /// `R C! D-`: refresh, compress, drop, reorder; `!` fails, `-` is paused.
    fn policy_letters(&self) -> Value {
        if self.plain.is_some() {
            return Value::Null;
        }
        let all = [
            ('R', self.policies.refresh),
            ('C', self.policies.compress),
            ('D', self.policies.retain),
            ('O', self.policies.reorder),
        ];
        let said: Vec<_> = all
            .into_iter()
            .filter_map(|(letter, policy)| {
                Some(match policy? {
                    Policy::Planned => letter.to_string(),
                    Policy::Paused => format!("{letter}-"),
                    Policy::Failing => format!("{letter}!"),
                })
            })
            .collect();
        if said.is_empty() {
            Value::Null
        } else {
            Value::Text(said.join(" "))
        }
    }

    /// `ts 1d, dev /4`.
    fn dimensions(&self) -> Value {
        let Some(column) = &self.column else {
            return Value::Null;
        };
        let mut said = vec![match self.interval {
            Some(interval) => format!(
                "{} {}",
                text::quote_identifier(column),
                self.length(interval).show(crate::value::Stamp(0))
            ),
            None => text::quote_identifier(column),
        }];
        for (column, partitions) in &self.space {
            said.push(match partitions {
                0 => text::quote_identifier(column),
                many => format!("{} /{many}", text::quote_identifier(column)),
            });
        }
        Value::Text(said.join(", "))
    }
}

impl Record for Row {
    const NAME: &'static str = "hypertables";
    const TITLE: &'static str = "Hypertables";
    const QUERY: Query = query!("hypertables", (2, 29));
    const WATCHED: &'static [&'static str] = &[
        "_timescaledb_catalog.chunk",
        "_timescaledb_catalog.hypertable",
        "_timescaledb_catalog.dimension",
        "_timescaledb_catalog.continuous_agg",
        "_timescaledb_config.bgw_job",
        "_timescaledb_catalog.bgw_job",
        "_timescaledb_internal.bgw_job_stat",
    ];
    const MAX_AGE: Duration = Duration::from_secs(300);
    const COLUMNS: &'static [Column<Self>] = &[
        Column::<Self>::text("", "HYPERTABLE", 20, |row, _| row.full_name().into()).grows(),
        Column::<Self>::hidden("schema", |row, _| row.schema.as_str().into()),
        Column::<Self>::hidden("name", |row, _| row.name.as_str().into()),
        Column::<Self>::text("kind", "KIND", 10, |row, _| row.kind_name().into()).rank(4),
        Column::<Self>::number("bytes", "SIZE", 8, |row, _| row.size()),
        Column::<Self>::number("growth_bytes_per_day", "PER DAY", 8, |row, _| {
            row.bytes_or_about(row.growth())
        }),
        // Of this console, so that one look from the shell has none.
        Column::<Self>::number("", "GREW", 8, |row, _| {
            row.grown().map(|(_, bytes)| Value::Bytes(bytes)).into()
        })
        .rank(2),
        Column::<Self>::number("", "IN", 7, |row, _| {
            row.grown().map(|(span, _)| Value::Seconds(span)).into()
        })
        .rank(2),
        Column::<Self>::number("chunks", "CHUNKS", 6, |row, _| row.of_chunks(row.chunks)),
        Column::<Self>::number("compressed_chunks", "COMPR", 6, |row, _| {
            row.of_chunks(row.compressed)
        })
        .rank(3),
        Column::<Self>::number("partial_chunks", "PART", 5, |row, _| {
            row.of_chunks(row.partial)
        })
        .rank(6),
        Column::<Self>::number("tiered_chunks", "TIERED", 6, |row, _| {
            row.of_chunks(row.tiered)
        })
        .rank(7),
        Column::<Self>::number("", "INTERVAL", 8, |row, _| {
            row.interval.map(|interval| row.length(interval)).into()
        }),
        Column::<Self>::hidden("chunk_interval_seconds", |row, _| {
            let interval = row.interval.map(|interval| row.length(interval));
            interval.filter(|_| row.axis != Axis::Integer).into()
        }),
        Column::<Self>::hidden("chunk_interval_units", |row, _| {
            row.interval.filter(|_| row.axis == Axis::Integer).into()
        }),
        Column::<Self>::number("interval_bytes", "FULL", 8, |row, _| {
            row.bytes_or_about(row.interval_bytes())
        })
        .rank(1),
        Column::<Self>::text("dimensions", "DIMENSIONS", 22, |row, _| row.dimensions()).rank(5),
        Column::<Self>::text("", "POLICIES", 9, |row, _| row.policy_letters()),
        Column::<Self>::hidden("refresh_policy", |row, _| {
            row.policies.refresh.map(Policy::name).into()
        }),
        Column::<Self>::hidden("compression_policy", |row, _| {
            row.policies.compress.map(Policy::name).into()
        }),
        Column::<Self>::hidden("retention_policy", |row, _| {
            row.policies.retain.map(Policy::name).into()
        }),
        Column::<Self>::hidden("reorder_policy", |row, _| {
            row.policies.reorder.map(Policy::name).into()
        }),
        Column::<Self>::number("aggregates", "AGGS", 4, |row, _| {
            row.of_chunks(i64::try_from(row.readers.len()).unwrap_or(i64::MAX))
        })
        .rank(2),
        Column::<Self>::number("", "LOCKS", 5, |row, _| row.lock_percent().into()).rank(1),
        Column::<Self>::hidden("locks_for_all_chunks", |row, _| row.locks().into()),
        Column::<Self>::hidden("lock_slots", |row, _| row.limits.lock_slots().into()),
    ];
    const EXACT: &'static [Exact<Self>] = &[Exact {
        overview: false,
        judges: |_| true,
        every: Duration::from_secs(30),
        query: query!("hypertables_exact", (2, 29)),
        figures: &["bytes", "window_bytes", "measured"],
        slice: 500,
        want: |row| Some((row.id, usize::try_from(row.chunks).unwrap_or(0) + 1)),
        take: |row, figures| match figures {
            Ok([bytes, written, measured]) => {
                row.bytes = *bytes;
                row.measured = measured.map(Stamp);
                if let (Some(window), Some(bytes)) = (&mut row.window, *written) {
                    window.bytes = Some(bytes);
                    window.about = false;
                }
                row.bytes_error = None;
            }
            Ok(_) => {}
            Err(error) => row.bytes_error = Some(error.to_owned()),
        },
    }];
    const DETAILS: &'static [Detail<Self>] = &[
        Detail {
            title: "Policies",
            query: aggregates::POLICIES,
            params: |row| vec![Param::BigInt(row.id)],
            build: |row, rows, _| {
                if row.plain.is_some() {
                    return Ok(Vec::new());
                }
                aggregates::policy_sections(rows)
            },
        },
        Detail {
            title: "Chunks",
            query: chunks::QUERY,
            params: |row| vec![Param::BigInt(row.id)],
            build: details::chunks,
        },
    ];

    fn read(row: &tokio_postgres::Row) -> Result<Self> {
        let kind = match row.try_get("kind")? {
            "hypertable" => Kind::Hypertable,
            "aggregate" => Kind::Aggregate,
            _ => Kind::Candidate,
        };
        let count = |name| {
            row.try_get::<_, Option<i64>>(name)
                .map(Option::unwrap_or_default)
        };
        Ok(Self {
            id: row.try_get("id")?,
            schema: row.try_get("schema")?,
            name: row.try_get("name")?,
            kind,
            axis: Axis::of(row.try_get("axis")?),
            column: row.try_get("column_name")?,
            interval: row.try_get("interval_length")?,
            now: row.try_get("now_raw")?,
            space: read_space(row)?,
            chunks: count("chunks")?,
            compressed: count("compressed")?,
            partial: count("partial")?,
            tiered: count("tiered")?,
            about_bytes: row.try_get("about_bytes")?,
            bytes: None,
            measured: None,
            bytes_error: None,
            seen: None,
            window: read_window(row)?,
            oldest: row.try_get("oldest")?,
            newest: row.try_get("newest")?,
            indexes: count("indexes")?,
            policies: read_policies(row)?,
            readers: row
                .try_get::<_, Option<Vec<String>>>("readers")?
                .unwrap_or_default(),
            plain: if kind == Kind::Candidate {
                Some(read_plain(row)?)
            } else {
                None
            },
            limits: Limits {
                locks_each: row.try_get("locks_each")?,
                connections: row.try_get("connections")?,
                prepared: row.try_get("prepared")?,
                memory_bytes: row.try_get("memory_bytes")?,
                memory_default: row.try_get("memory_default")?,
            },
        })
    }

    fn key(&self) -> String {
        self.full_name()
    }

    fn targets(&self) -> Vec<Target> {
        match i32::try_from(self.id) {
            Ok(id) if self.plain.is_none() => {
                Target::relation(id, &self.full_name(), self.kind == Kind::Aggregate)
            }
            _ => Vec::new(),
        }
    }

    fn verdict(&self, at: &At) -> Verdict {
        judge::verdict(self, &at.limits(&self.full_name()))
    }

    fn caveats(rows: &[Self], at: &At) -> Vec<String> {
        let local =
            |row: &&Self| row.plain.is_none() && matches!(row.axis, Axis::Timestamp | Axis::Date);
        let mut caveats = judge::caveats(rows, at);
        let local = || rows.iter().filter(local).count();
        caveats.extend(at.server.zone_caveat(local));
        caveats
    }

    fn settle(before: &[Self], rows: &mut Vec<Self>) {
        let seen: HashMap<i64, _> = before.iter().map(|row| (row.id, row.seen)).collect();
        for row in rows {
            row.seen = seen.get(&row.id).copied().flatten();
        }
    }

    fn relate(rows: &mut [Self], _: &At) {
        for row in rows {
            let now = row.measured.zip(row.bytes);
            // A recording can go back to before what was seen first.
            let earlier = |(seen, _): &(Stamp, i64)| now.is_none_or(|(now, _)| *seen <= now);
            row.seen = row.seen.filter(earlier).or(now);
        }
    }

    fn facts(&self, at: &At) -> Vec<Section> {
        details::facts(self, at)
    }
}

fn read_space(row: &tokio_postgres::Row) -> Result<Vec<(String, i64)>> {
    let columns: Option<Vec<String>> = row.try_get("space_columns")?;
    let slices: Option<Vec<Option<i64>>> = row.try_get("space_slices")?;
    let (columns, slices) = (columns.unwrap_or_default(), slices.unwrap_or_default());
    let slices = slices.into_iter().map(Option::unwrap_or_default);
    Ok(columns.into_iter().zip(slices).collect())
}

fn read_window(row: &tokio_postgres::Row) -> Result<Option<Window>> {
    let (start, end) = (row.try_get("window_start")?, row.try_get("window_end")?);
    let (Some(start), Some(end)) = (start, end) else {
        return Ok(None);
    };
    Ok(Some(Window {
        start,
        end,
        ranges: row.try_get("window_ranges")?,
        bytes: row.try_get("window_bytes")?,
        about: true,
    }))
}

fn read_policies(row: &tokio_postgres::Row) -> Result<Policies> {
    let policy = |name| row.try_get(name).map(Policy::of);
    let jobs = |name| {
        row.try_get::<_, Option<Vec<i32>>>(name)
            .map(Option::unwrap_or_default)
    };
    Ok(Policies {
        refresh: policy("refresh")?,
        compress: policy("compress")?,
        retain: policy("retain")?,
        reorder: policy("reorder")?,
        failing: jobs("failing")?,
        paused: jobs("paused")?,
        compress_after: row.try_get("compress_after")?,
        drop_after: row.try_get("drop_after")?,
    })
}

fn read_plain(row: &tokio_postgres::Row) -> Result<Plain> {
    Ok(Plain {
        tuples: row.try_get("tuples")?,
        not_null: row.try_get("not_null")?,
        unique_without: row.try_get("unique_without")?,
        referenced: row.try_get("referenced")?,
    })
}

impl Row {
    fn point(&self, raw: i64) -> Point {
        Point {
            axis: self.axis,
            raw,
        }
    }
}
