//! Indexes: size and use of each index, summed over the chunks of its hypertable.

use std::time::Duration;

use anyhow::Result;

use self::row::counted_since;
use crate::model::screen_id::ScreenId;
use crate::model::target::Target;
use crate::model::value::Value;
use crate::model::verdict::{Finding, Verdict};
use crate::model::{rules, text};
use crate::screens::cells;
use crate::screens::history::History;
use crate::screens::later::Later;
use crate::screens::record::{Column, Detail, Exact, Record, Section};
use crate::server::known::At;
use crate::server::row::{Line, read};
use crate::server::sql::{Param, Query, query};

use self::row::More;
pub use self::row::{Parts, Row, Size, TableKind};

mod chunks;
mod details;
mod headline;
mod judge;
mod row;

impl Record for Row {
    const ID: ScreenId = ScreenId::Indexes;
    const TITLE: &'static str = "Indexes";
    const QUERY: Query = query!("indexes");
    const PLAIN: Option<Query> = Some(query!("indexes"));
    const WATCHED: &'static [&'static str] = &[
        "pg_catalog.pg_index",
        "_timescaledb_catalog.chunk",
        "_timescaledb_catalog.hypertable",
        "_timescaledb_catalog.continuous_agg",
    ];
    const MAX_AGE: Duration = Duration::from_secs(60);
    // Longer than MAX_AGE, because a new or invalid index changes a watched table, and usage and sizes change slowly.
    const MAX_AGE_GATHERED: Duration = Duration::from_secs(300);
    const COLUMNS: &'static [Column<Self>] = &[
        Column::<Self>::text("", "INDEX", 24, |row, _| row.name.as_str().into())
            .grows()
            .names(),
        Column::<Self>::text("", "TABLE", 20, |row, _| row.table_name().into())
            .names()
            .grows()
            .shrinks(16),
        Column::<Self>::hidden("schema", |row, _| row.schema.as_str().into()),
        Column::<Self>::hidden("table", |row, _| row.table.as_str().into()),
        Column::<Self>::hidden("name", |row, _| row.name.as_str().into()),
        Column::<Self>::hidden("definition", |row, _| row.definition.clone().into()),
        Column::<Self>::number("chunks", "CHUNKS", 6, |row, _| {
            row.part_count(|parts| parts.with)
        })
        .wrong(const { &[&rules::INDEX_UNSURE] })
        .rank(2),
        Column::<Self>::number("chunks_without", "MISSING", 7, |row, _| {
            if row.kind == TableKind::Partitioned && !row.root_valid {
                Value::Null
            } else {
                row.part_count(|parts| parts.without)
            }
        })
        .wrong(const { &[&rules::INDEX_MISSING] })
        .rank(3),
        Column::<Self>::number("scans", "SCANS", 8, Row::scans_value)
            .wrong(const { &[&rules::INDEX_UNUSED] })
            .rank(1),
        Column::<Self>::number("bytes", "BYTES", 9, |row, _| row.size())
            .wrong(const { &[&rules::INDEX_SIZE_UNKNOWN] }),
        Column::<Self>::number("", "OF MAX", 7, |row, _| {
            cells::of_largest(Some(row.known_bytes()), row.largest)
        })
        .rank(4),
        Column::<Self>::number("wasted_bytes", "WASTED", 8, judge::wasted).wrong(
            const {
                &[
                    &rules::INDEX_BLOATED,
                    &rules::INDEX_COMPRESSED,
                    &rules::INDEX_DUPLICATE,
                    &rules::INDEX_UNUSED,
                ]
            },
        ),
        Column::<Self>::number("bloat_bytes", "BLOAT", 8, |row, _| {
            row.bloat_bytes().map(Value::Bytes).into()
        })
        .wrong(const { &[&rules::INDEX_BLOATED] })
        .rank(3),
        Column::<Self>::text("unique", "UNIQ", 4, |row, _| row.unique.into()).rank(6),
        Column::<Self>::text("valid", "VALID", 5, |row, _| row.is_valid().into())
            .wrong(
                const {
                    &[
                        &rules::INDEX_BUILDING,
                        &rules::INDEX_INVALID,
                        &rules::INDEX_LEFTOVERS,
                    ]
                },
            )
            .rank(4),
        Column::<Self>::text("unused", "UNUSED", 6, |row, at| row.unused(at).into())
            .wrong(
                const {
                    &[
                        &rules::INDEX_UNUSED,
                        &rules::INDEX_COMPRESSED,
                        &rules::INDEX_COVERED,
                    ]
                },
            )
            .rank(1),
        Column::<Self>::text("", "WHY", 17, judge::why)
            .shrinks(15)
            .grows(),
        Column::<Self>::text("duplicate_of", "DUPLICATE OF", 18, |row, _| {
            row.duplicate_of.clone().into()
        })
        .names()
        .wrong(const { &[&rules::INDEX_DUPLICATE] })
        .rank(4),
        Column::<Self>::text("", "CONSTRAINT", 10, |row, _| row.constraint_word().into()).rank(3),
        Column::<Self>::hidden("constraint_backed", |row, _| {
            row.constraint.is_some().into()
        }),
        Column::<Self>::hidden("constraint", |row, _| {
            row.constraint
                .as_ref()
                .map(|(name, _)| name.as_str())
                .into()
        }),
        Column::<Self>::text("kind", "KIND", 10, |row, _| row.kind.name().into()).rank(7),
        Column::<Self>::text("method", "METHOD", 6, |row, _| row.method.as_str().into()).rank(8),
        Column::<Self>::hidden("covered_by", |row, _| row.covered_by.clone().into()),
        Column::<Self>::number("chunks_never_scanned", "UNSCANNED", 9, |row, at| {
            if at.server.track_counts {
                row.part_count(|parts| parts.never_scanned)
            } else {
                Value::Null
            }
        })
        .rank(5),
        Column::<Self>::hidden("compressed_chunks", |row, _| {
            row.part_count(|parts| parts.compressed)
        }),
        Column::<Self>::hidden("invalid_chunks", |row, _| {
            row.part_count(|parts| parts.invalid)
        }),
        Column::<Self>::hidden("builder", |row, _| row.builder().into()),
        Column::<Self>::hidden("shared_chunks", |row, _| {
            row.part_count(|parts| parts.shared)
        }),
        Column::<Self>::hidden("stats_reset", |_, at| counted_since(at).into()),
    ];
    #[rustfmt::skip]
    const LEGEND: &'static [(&'static str, &'static str)] = &[
        ("INDEX", "The index; for a hypertable, including the indexes of its chunks"),
        ("TABLE", "Table of the index"),
        ("CHUNKS", "Chunks that have the index"),
        ("MISSING", "Chunks that lack the index"),
        ("SCANS", "Scans since the statistics were reset, over all chunks"),
        ("BYTES", "Size, over all chunks; a chunk index that two rows share counts in both rows, but only once in the total"),
        ("OF MAX", "BYTES compared with the largest BYTES in the list"),
        ("WASTED", "Bytes that can be freed: the whole size of an unused or duplicate index, otherwise the bloat; - if unknown or too early to judge"),
        ("BLOAT", "Estimated unused space in the index; - if it cannot be estimated"),
        ("UNIQ", "Whether the index is unique"),
        ("VALID", "no: queries do not use the index, but every write updates it"),
        ("UNUSED", "yes: no scan since the statistics were reset, and nothing needs the index"),
        ("WHY", "The most severe problem; Enter has the reason"),
        ("DUPLICATE OF", "The index with the same definition, which should stay"),
        ("CONSTRAINT", "The kind of constraint that needs the index"),
        ("KIND", "Kind of the table"),
        ("METHOD", "Access method: btree, gin, brin ..."),
        ("UNSCANNED", "Chunks whose index was never scanned"),
    ];
    const EXACT: &'static [Exact<Self>] = &[Exact {
        overview: true,
        later: true,
        judges: |rule| [&rules::INDEX_BLOATED, &rules::INDEX_SIZE_UNKNOWN].contains(&rule),
        every: Duration::from_secs(30),
        query: query!("indexes_exact"),
        figures: &["bytes", "bloat_bytes"],
        slice: 2_000,
        want: |row| Some((row.id, usize::try_from(row.members).unwrap_or(0).max(1))),
        take: |row, figures| row.exact = Later::of(figures, |[bytes, bloat]| Size { bytes, bloat }),
    }];
    const DETAILS: &'static [Detail<Self>] = &[Detail {
        title: "Chunks",
        query: query!("indexes_chunks"),
        params: |row| vec![Param::BigInt(row.id)],
        build: |row, rows, at| chunks::sections(row, rows, at),
    }];

    fn read(row: Line<'_>) -> Result<Self> {
        let (mut index, more): (Self, More) = read(row)?;
        index.about_bytes = more.pages.saturating_mul(more.page_bytes);
        index.constraint = more.constraint_name.zip(more.constraint_type);
        Ok(index)
    }

    fn key(&self) -> String {
        format!("{}: {}", self.table_name(), self.name)
    }

    fn targets(&self) -> Vec<Target> {
        vec![Target {
            kind: crate::model::target::TargetKind::Index,
            id: self.id,
            name: text::qualified(&self.schema, &self.name),
        }]
    }

    fn verdict(&self, at: &At) -> Verdict {
        judge::verdict(self, at)
    }

    fn unfit(&self, action: &str) -> Option<&'static str> {
        let whole = |parts: &row::Parts| parts.without == 0 && parts.unsure == 0;
        match action {
            "rebuild-missing" | "drop-index" | "reindex-index" if self.builder().is_some() => {
                Some("a session is building the index")
            }
            "rebuild-missing" if self.parts.as_ref().is_some_and(whole) => {
                Some("every chunk already has the index")
            }
            _ => None,
        }
    }

    fn caveats(_rows: &[Self], at: &At) -> Vec<String> {
        judge::caveats(at)
    }

    /// The preview pane shows the state of the index in each chunk.
    fn pictured(&self) -> &'static [usize] {
        if self.parts.is_some() { &[0] } else { &[] }
    }

    /// For an index without chunks the preview pane also shows the definition, because there is no time axis to show.
    fn brief(&self, at: &At, _: &History) -> Vec<Section> {
        let mut facts = self.facts(at);
        if self.parts.is_some() {
            facts.truncate(1);
        }
        facts
    }

    fn relate(rows: &mut [Self], _: &At) {
        let largest = rows.iter().map(Row::known_bytes).max().unwrap_or(0);
        for row in rows {
            row.largest = largest;
        }
    }

    fn headline(rows: &[Self], _: &[Box<[Finding]>], at: &At) -> Vec<String> {
        headline::headline(rows, at)
    }

    fn facts(&self, at: &At) -> Vec<Section> {
        details::facts(self, at)
    }
}
