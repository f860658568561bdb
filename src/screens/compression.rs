//! Compression: size of each hypertable before and after compression, and its backlog (the chunks that are due).

mod details;
mod headline;
mod judge;
mod pace;
mod ratio;
mod row;
mod trend;

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Result;

use crate::model::moment::Stamp;
use crate::model::rules;
use crate::model::screen_id::ScreenId;
use crate::model::target::Target;
use crate::model::value::Value;
use crate::model::verdict::{Finding, Level, Verdict};
use crate::model::version::Version;
use crate::screens::cells::{self, SHARE_CELLS};
use crate::screens::chunks::{self, Chunks};
use crate::screens::later::Later;
use crate::screens::policy;
use crate::screens::policy::{Counted, Policy};
use crate::screens::record::{Column, Detail, Exact, Record, Section};
use crate::server::known::{At, Edition};
use crate::server::row::{Line, read};
use crate::server::sql::{Param, Query, query};

pub use pace::Pace;

pub use self::row::{Drift, Packed, Recorded, Row};

/// While a policy runs, the row of its hypertable is read again after this number of seconds.
const LOOK_AGAIN: f64 = 30.0;

impl Record for Row {
    const ID: ScreenId = ScreenId::Compression;
    const TITLE: &'static str = "Compression";
    const QUERY: Query = query!("compression");
    const COMPANION: Option<Query> = Some(query!("compression_companion"));
    const WATCHED: &'static [&'static str] = &[
        "_timescaledb_catalog.chunk",
        "_timescaledb_catalog.hypertable",
        "_timescaledb_catalog.compression_chunk_size",
        "_timescaledb_catalog.compression_settings",
        "_timescaledb_catalog.hypertable_compression",
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
        Column::<Self>::text("kind", "KIND", 10, |row, _| {
            (if row.aggregate {
                "aggregate"
            } else {
                "hypertable"
            })
            .into()
        })
        .rank(7),
        Column::<Self>::text("enabled", "ON", 3, |row, _| row.enabled.into())
            .wrong(const { &[&rules::COMPRESSION_OFF] })
            .rank(6),
        Column::<Self>::number("chunks", "CHUNKS", 6, |row, _| row.chunks.into())
            .wrong(const { &[&rules::COMPRESSION_FROZEN] }),
        Column::<Self>::number("compressed_chunks", "COMPR", 6, |row, _| {
            row.compressed.into()
        })
        .rank(1),
        Column::<Self>::number("", "COMPRESSED", SHARE_CELLS, |row, _| {
            cells::share(row.compressed + row.partial, row.chunks)
        })
        .rank(3),
        Column::<Self>::number("partial_chunks", "PART", 5, |row, _| row.partial.into())
            .wrong(const { &[&rules::COMPRESSION_PARTIAL] })
            .rank(4),
        Column::<Self>::number("uncompressed_chunks", "UNCOMPR", 7, |row, _| {
            row.uncompressed.into()
        })
        .wrong(const { &[&rules::COMPRESSION_OFF, &rules::COMPRESSION_NO_POLICY] })
        .rank(2),
        Column::<Self>::number("uncompressed_bytes", "REST", 8, |row, _| {
            row.uncompressed_bytes().map(Value::Bytes).into()
        })
        .rank(5),
        Column::<Self>::number("before_bytes", "BEFORE", 8, |row, _| {
            row.before_bytes.map(Value::Bytes).into()
        })
        .rank(6),
        Column::<Self>::number("after_bytes", "AFTER", 8, |row, _| {
            row.after_bytes.map(Value::Bytes).into()
        })
        .wrong(const { &[&rules::COMPRESSION_RECORD] })
        .rank(5),
        Column::<Self>::number("ratio", "RATIO", 6, |row, _| {
            row.ratio().map(Value::Ratio).into()
        })
        .wrong(const { &[&rules::COMPRESSION_RATIO] }),
        Column::<Self>::text("segment_by", "SEGMENT BY", 18, |row, _| {
            row.segment_by.clone().into()
        })
        .wrong(const { &[&rules::COMPRESSION_OLD] })
        .rank(6),
        Column::<Self>::text("order_by", "ORDER BY", 24, |row, _| {
            row.order_by.clone().into()
        })
        .wrong(const { &[&rules::COMPRESSION_OLD] })
        .rank(7),
        Column::<Self>::text("compress_after", "OLDER THAN", 10, |row, _| {
            row.policy.as_ref().map_or(Value::Null, Policy::after_value)
        })
        .wrong(const { &[&rules::COMPRESSION_SETTING, &rules::COMPRESSION_POINTLESS] })
        .rank(1),
        Column::<Self>::number("job_id", "JOB", 5, |row, _| {
            row.policy.as_ref().map(|policy| policy.job_id).into()
        })
        .rank(5),
        Column::<Self>::text("", "POLICY", 11, |row, at| {
            row.policy
                .as_ref()
                .map(|policy| policy.state(&at.limits(&row.full_name()), at.now))
                .into()
        })
        .wrong(
            const {
                &[
                    &rules::JOB_FAILING,
                    &rules::JOB_LATE,
                    &rules::JOB_PAUSED,
                    &rules::COMPRESSION_BLOCKED,
                    &rules::COMPRESSION_NO_POLICY,
                ]
            },
        )
        .rank(1),
        Column::<Self>::number("backlog_chunks", "BACKLOG", 7, |row, _| row.backlog_value())
            .wrong(const { &[&rules::COMPRESSION_BACKLOG, &rules::COMPRESSION_UNKNOWN] }),
        Column::<Self>::number("backlog_bytes", "BYTES", 8, |row, _| row.backlog_size())
            .wrong(const { &[&rules::COMPRESSION_BACKLOG] })
            .rank(2),
        Column::<Self>::hidden("old_settings_chunks", |row, _| row.old_settings().into()),
        Column::<Self>::hidden("stuck_chunk", |row, _| {
            row.stuck.as_ref().map(|stuck| stuck.chunk.clone()).into()
        }),
    ];
    #[rustfmt::skip]
    const LEGEND: &'static [(&'static str, &'static str)] = &[
        ("HYPERTABLE", "The hypertable, or the continuous aggregate"),
        ("KIND", "hypertable or aggregate"),
        ("ON", "Whether compression (the columnstore) is enabled"),
        ("CHUNKS", "Number of chunks"),
        ("COMPR", "Fully compressed chunks (PART has the others)"),
        ("COMPRESSED", "Share of the chunks that are compressed"),
        ("PART", "Compressed chunks that also have newer, uncompressed rows"),
        ("UNCOMPR", "Chunks that are not compressed"),
        ("REST", "Present size of the chunks that are not compressed"),
        ("BEFORE", "Size of the compressed chunks before compression, as recorded"),
        ("AFTER", "Size of the compressed chunks after compression, as recorded"),
        ("RATIO", "BEFORE / AFTER; at 10x, a tenth of the size is left"),
        ("SEGMENT BY", "Columns by which rows are grouped (segmentby)"),
        ("ORDER BY", "Columns by which rows are sorted within a group (orderby)"),
        ("OLDER THAN", "Age from which the policy compresses chunks (compress_after)"),
        ("JOB", "Id of the policy's job"),
        ("POLICY", "State of the policy: scheduled, running, late, paused, backing off after a failure ..."),
        ("BACKLOG", "Chunks past compress_after that are not compressed"),
        ("BYTES", "Size of the backlog"),
    ];
    const EXACT: &'static [Exact<Self>] = &[
        Exact {
            overview: true,
            later: false,
            judges: |_| true,
            every: Duration::from_secs(30),
            query: query!("compression_integer"),
            figures: &["backlog_chunks", "about_chunks", "due_since"],
            slice: 2_000,
            want: |row| Some((row.id.into(), row.integer_cost()?)),
            take: |row, figures| {
                row.counted = Later::of(figures, |[chunks, about, since]| {
                    Counted::new(chunks, about, since)
                });
            },
        },
        Exact {
            overview: false,
            later: false,
            judges: |_| false,
            every: Duration::from_secs(30),
            query: query!("compression_exact"),
            figures: &["backlog_bytes"],
            slice: 500,
            want: |row| Some((row.id.into(), row.backlog_cost()?)),
            take: |row, figures| row.backlog_bytes = Later::of(figures, |[bytes]| bytes),
        },
        Exact {
            overview: true,
            later: false,
            judges: |rule| {
                [
                    &rules::COMPRESSION_OLD,
                    &rules::COMPRESSION_RATIO,
                    &rules::COMPRESSION_RECORD,
                ]
                .contains(&rule)
            },
            every: Duration::from_secs(300),
            query: query!("compression_packed"),
            figures: &[
                "old_chunks",
                "drifted_chunks",
                "drifted_recorded_bytes",
                "drifted_bytes",
                "old_packed",
                "old_before_bytes",
                "old_after_bytes",
                "old_rows",
                "old_batches",
            ],
            slice: 500,
            want: |row| {
                let cost = row.packed_cost();
                (cost > 0).then(|| (row.id.into(), cost))
            },
            take: |row, figures| row.packed = Packed::read(figures),
        },
        policy::age(
            |row| row.policy.as_ref()?.waits_for_first(),
            |row, figures| {
                if let (Some(policy), Ok([since])) = (&mut row.policy, figures) {
                    policy.known_since = since.map(Stamp);
                }
            },
        ),
        // A recording names exact figures by their place in this list.
        Exact {
            overview: false,
            later: false,
            judges: |_| false,
            every: Duration::from_secs(30),
            query: query!("compression_uncompressed"),
            figures: &["uncompressed_bytes"],
            slice: 500,
            want: |row| {
                let chunks = usize::try_from(row.uncompressed).ok()?;
                (chunks > 0).then(|| (row.id.into(), chunks))
            },
            take: |row, figures| row.uncompressed_bytes = Later::of(figures, |[bytes]| bytes),
        },
    ];
    const BARE: &'static str = "without a policy and without compressed chunks";
    const DETAILS: &'static [Detail<Self>] = &[Detail {
        title: "Chunks",
        query: chunks::QUERY,
        params: |row| vec![Param::BigInt(row.id.into())],
        build: |row, rows, at| {
            let mut chunks = Chunks::read(rows, row.axis)?;
            chunks.waits = row.verdict(at).level == Level::Ok;
            Ok(chunks.sections())
        },
    }];

    fn read(row: Line<'_>) -> Result<Self> {
        let (mut hypertable, due): (Self, policy::Due) = read(row)?;
        let runs = hypertable
            .policy
            .as_ref()
            .is_some_and(|policy| policy.scheduled && policy.next_start == Some(Stamp::BEFORE_ALL));
        // A run that begins to wait for a lock changes no catalogue table. So the row is read again while the policy runs.
        hypertable.next_due = due.at(runs.then_some(LOOK_AGAIN));
        if let Some(policy) = &mut hypertable.policy {
            policy.changed = due.changed();
        }
        Ok(hypertable)
    }

    fn key(&self) -> String {
        self.full_name()
    }

    fn targets(&self) -> Vec<Target> {
        let mut targets = Target::relation(self.id, &self.full_name(), self.aggregate);
        targets.extend(self.policy.as_ref().map(Policy::target));
        targets
    }

    fn verdict(&self, at: &At) -> Verdict {
        self.judge(at)
    }

    fn unfit(&self, action: &str) -> Option<&'static str> {
        let policy = self.policy.as_ref();
        let packed = self.compressed + self.partial;
        match action {
            "enable-compression" if self.enabled => Some("compression is enabled already"),
            "compress-chunks"
            | "decompress-chunks"
            | "recompress-chunks"
            | "rewrite-chunks"
            | "edit-compression-settings"
            | "disable-compression"
            | "add-compression-policy"
                if !self.enabled =>
            {
                Some("compression is not enabled: use enable-compression first")
            }
            "add-compression-policy" if policy.is_some() => {
                Some("it already has a compression policy: use edit-compression-policy")
            }
            "edit-compression-policy" | "remove-compression-policy" if policy.is_none() => {
                Some("it has no compression policy: use add-compression-policy")
            }
            "compress-chunks" if self.uncompressed == 0 => Some("it has no uncompressed chunk"),
            "decompress-chunks" | "recompress-chunks" | "rewrite-chunks" if packed == 0 => {
                Some("no chunk is compressed")
            }
            "disable-compression" if packed > 0 => {
                Some("it has compressed chunks: use decompress-chunks first")
            }
            _ => policy.and_then(|policy| policy.unfit(action)),
        }
    }

    fn caveats(rows: &[Self], at: &At) -> Vec<String> {
        let mut caveats = Vec::new();
        caveats.extend(policy::estimated(
            rows.iter().filter_map(|row| row.policy.as_ref()),
        ));
        let policies = rows.iter().map(|row| (row.axis, row.policy.as_ref()));
        caveats.extend(at.server.zone_caveat(|| policy::in_local_time(policies)));
        if at.server.edition == Edition::Apache && rows.iter().any(|row| row.enabled) {
            caveats.push(
                "Apache edition: policies do not run, and compressed rows cannot be read"
                    .to_owned(),
            );
        }
        if at.server.sql_version() < Version::new(2, 14)
            && rows.iter().any(|row| row.policy.is_some())
        {
            caveats.push("before TimescaleDB 2.14 a compression policy reports Success even if it failed to compress a chunk: rely on the backlog, not on the status".to_owned());
        }
        caveats
    }

    fn headline(rows: &[Self], _: &[Box<[Finding]>], at: &At) -> Vec<String> {
        headline::headline(rows, at)
    }

    fn is_bare(&self) -> bool {
        self.policy.is_none() && self.compressed + self.partial == 0
    }

    fn facts(&self, at: &At) -> Vec<Section> {
        details::facts(self, at)
    }

    fn pictured(&self) -> &'static [usize] {
        &[0]
    }

    fn settle(before: &[Self], rows: &mut Vec<Self>) {
        let before: HashMap<i32, _> = before.iter().map(|row| (row.id, row)).collect();
        for row in rows {
            let was = before.get(&row.id);
            // If `compress_after` has changed, a change of the backlog does not show the policy's progress.
            let after = |row: &Self| row.policy.as_ref().and_then(|policy| policy.after.clone());
            row.seen = was
                .filter(|was| after(was) == after(row))
                .and_then(|was| was.seen);
            if let Some(policy) = &mut row.policy {
                policy.carry(was.and_then(|was| was.policy.as_ref()));
            }
        }
    }

    fn relate(rows: &mut [Self], at: &At) {
        for row in rows {
            row.seen = row.seen.or(row.backlog().map(|backlog| (at.now, backlog)));
        }
    }

    fn due(&self) -> Option<Stamp> {
        self.next_due
    }
}
