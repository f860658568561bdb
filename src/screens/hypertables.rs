//! Hypertables: size, growth, policies, and chunk size in relation to memory and the lock table. Also plain tables that could be
//! hypertables.

mod advice;
mod details;
mod headline;
mod judge;
mod row;

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Result;

use crate::model::moment::{Axis, Stamp};
use crate::model::rules;
use crate::model::screen_id::ScreenId;
use crate::model::target::{Target, TargetKind};
use crate::model::value::Value;
use crate::model::verdict::{Finding, Verdict};
use crate::screens::later::Later;
use crate::screens::record::{Column, Detail, Exact, Record, Section};
use crate::screens::{aggregates, cells, chunks};
use crate::server::known::At;
use crate::server::row::{Line, read};
use crate::server::sql::{Param, Query, query};

pub use row::{HypertableKind, Limits, Policies, Policy, Row};
use row::{Size, Space};

impl Record for Row {
    const ID: ScreenId = ScreenId::Hypertables;
    const TITLE: &'static str = "Hypertables";
    const QUERY: Query = query!("hypertables");
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
        Column::<Self>::text("", "HYPERTABLE", 20, |row, _| row.full_name().into())
            .grows()
            .names(),
        Column::<Self>::hidden("schema", |row, _| row.schema.as_str().into()),
        Column::<Self>::hidden("name", |row, _| row.name.as_str().into()),
        Column::<Self>::text("kind", "KIND", 10, |row, _| row.kind_name().into())
            .wrong(const { &[&rules::HYPERTABLE_CANDIDATE] })
            .rank(4),
        Column::<Self>::number("bytes", "SIZE", 8, |row, _| row.size()),
        Column::<Self>::number("", "OF MAX", 7, |row, _| {
            cells::of_largest(row.known_bytes(), row.largest)
        })
        .rank(3),
        Column::<Self>::number("growth_bytes_per_day", "PER DAY", 8, |row, _| {
            row.bytes_or_about(row.growth())
        }),
        // Growth since this console started. `hypertop show` reads once and has no growth, so the column has no JSON key.
        Column::<Self>::number("", "GROWTH", 8, |row, _| {
            row.grown().map(|(_, bytes)| Value::Bytes(bytes)).into()
        })
        .rank(2),
        Column::<Self>::number("", "OVER", 7, |row, _| {
            row.grown().map(|(span, _)| Value::Seconds(span)).into()
        })
        .rank(2),
        Column::<Self>::number("chunks", "CHUNKS", 6, |row, _| row.of_chunks(row.chunks)).wrong(
            const {
                &[
                    &rules::CHUNKS_LOCKS,
                    &rules::CHUNKS_MANY,
                    &rules::CHUNKS_SMALL,
                ]
            },
        ),
        Column::<Self>::number("compressed_chunks", "COMPR", 6, |row, _| {
            row.of_chunks(row.compressed - row.partial)
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
        })
        .wrong(
            const {
                &[
                    &rules::CHUNKS_LARGE,
                    &rules::CHUNKS_MANY,
                    &rules::CHUNKS_SMALL,
                ]
            },
        ),
        Column::<Self>::hidden("chunk_interval_seconds", |row, _| {
            let interval = row.interval.map(|interval| row.length(interval));
            interval.filter(|_| row.axis != Axis::Integer).into()
        }),
        Column::<Self>::hidden("chunk_interval_units", |row, _| {
            row.interval.filter(|_| row.axis == Axis::Integer).into()
        }),
        Column::<Self>::number("interval_bytes", "CHUNK SIZE", 10, |row, _| {
            row.bytes_or_about(row.interval_bytes())
        })
        .wrong(const { &[&rules::CHUNKS_LARGE, &rules::CHUNKS_SMALL] })
        .rank(1),
        Column::<Self>::text("dimensions", "DIMENSIONS", 20, |row, _| row.dimensions()).rank(5),
        Column::<Self>::text("", "POLICIES", 9, |row, _| row.policy_letters())
            .wrong(const { &[&rules::JOB_FAILING, &rules::JOB_PAUSED] }),
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
        Column::<Self>::number("", "LOCKS", 5, |row, _| row.lock_percent().into())
            .wrong(const { &[&rules::CHUNKS_LOCKS] })
            .rank(1),
        Column::<Self>::hidden("locks_for_all_chunks", |row, _| row.locks().into()),
        Column::<Self>::hidden("lock_slots", |row, _| row.limits.lock_slots().into()),
    ];
    #[rustfmt::skip]
    const LEGEND: &'static [(&'static str, &'static str)] = &[
        ("HYPERTABLE", "The hypertable, the continuous aggregate, or a table that could be a hypertable"),
        ("KIND", "hypertable, aggregate or candidate"),
        ("SIZE", "Size with indexes and TOAST, over all chunks"),
        ("OF MAX", "SIZE compared with the largest SIZE in the list"),
        ("PER DAY", "Growth per day, computed from the newest full chunk intervals"),
        ("GROWTH", "Growth since this console started"),
        ("OVER", "Time over which GROWTH was measured"),
        ("CHUNKS", "Number of chunks"),
        ("COMPR", "Fully compressed chunks (PART has the others)"),
        ("PART", "Compressed chunks that also have newer, uncompressed rows"),
        ("TIERED", "Chunks in object storage"),
        ("INTERVAL", "Chunk interval of new chunks"),
        ("CHUNK SIZE", "Size of a full chunk before compression"),
        ("DIMENSIONS", "Columns by which the hypertable is partitioned"),
        ("POLICIES", "R refresh, C compression, D retention, O reorder; R- is paused, R! fails"),
        ("AGGS", "Number of continuous aggregates built on it"),
        ("LOCKS", "Locks of a query on all chunks, in percent of the lock table"),
    ];
    const EXACT: &'static [Exact<Self>] = &[Exact {
        overview: true,
        later: true,
        judges: |_| true,
        every: Duration::from_secs(30),
        query: query!("hypertables_exact"),
        figures: &["bytes", "window_bytes", "measured"],
        slice: 500,
        want: |row| Some((row.id, usize::try_from(row.chunks).unwrap_or(0) + 1)),
        take: |row, figures| {
            row.exact = Later::of(figures, |[bytes, window, at]| Size {
                bytes,
                window,
                at: at.map(Stamp),
            });
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

    fn read(row: Line<'_>) -> Result<Self> {
        let (mut hypertable, space): (Self, Space) = read(row)?;
        let slices = space.space_slices.unwrap_or_default().into_iter();
        let columns = space.space_columns.unwrap_or_default().into_iter();
        hypertable.space = columns.zip(slices.map(Option::unwrap_or_default)).collect();
        Ok(hypertable)
    }

    fn key(&self) -> String {
        self.full_name()
    }

    fn targets(&self) -> Vec<Target> {
        match i32::try_from(self.id) {
            Ok(id) if self.plain.is_none() => Target::relation(
                id,
                &self.full_name(),
                self.kind == HypertableKind::Aggregate,
            ),
            _ => {
                let name = self.full_name();
                vec![Target {
                    kind: TargetKind::Table,
                    id: -self.id,
                    name,
                }]
            }
        }
    }

    fn verdict(&self, at: &At) -> Verdict {
        judge::verdict(self, &at.limits(&self.full_name()), at.server.sql_version())
    }

    fn caveats(rows: &[Self], at: &At) -> Vec<String> {
        let local =
            |row: &&Self| row.plain.is_none() && matches!(row.axis, Axis::Timestamp | Axis::Date);
        let mut caveats = judge::caveats(rows, at);
        let local = || rows.iter().filter(local).count();
        caveats.extend(at.server.zone_caveat(local));
        caveats
    }

    /// The preview pane shows the chunks.
    fn pictured(&self) -> &'static [usize] {
        if self.plain.is_some() { &[] } else { &[1] }
    }

    fn settle(before: &[Self], rows: &mut Vec<Self>) {
        let seen: HashMap<i64, _> = before.iter().map(|row| (row.id, row.seen)).collect();
        for row in rows {
            row.seen = seen.get(&row.id).copied().flatten();
        }
    }

    fn relate(rows: &mut [Self], _: &At) {
        let largest = rows.iter().filter_map(Row::known_bytes).max();
        for row in rows {
            row.largest = largest.unwrap_or(0);
            let now = row.measured().zip(row.bytes());
            // The replay of a recording can jump back to a time before the first size was read.
            let earlier = |(seen, _): &(Stamp, i64)| now.is_none_or(|(now, _)| *seen <= now);
            row.seen = row.seen.filter(earlier).or(now);
        }
    }

    fn headline(rows: &[Self], _: &[Box<[Finding]>], _: &At) -> Vec<String> {
        headline::headline(rows)
    }

    fn facts(&self, at: &At) -> Vec<Section> {
        details::facts(self, at)
    }
}
