//! Indexes: what each one costs and serves, rolled up over a hypertable's chunks.

use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::model::moment::Stamp;
use crate::model::screen_id::ScreenId;
use crate::model::target::Target;
use crate::model::value::Value;
use crate::model::verdict::Verdict;
use crate::model::{rules, text};
use crate::screens::record::{Column, Detail, Exact, Record, Section};
use crate::server::known::At;
use crate::server::sql::{Param, Query, query};

mod chunks;
mod judge;

/// What an index is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    Hypertable,
    /// A continuous aggregate's materialization, under the name of its view.
    Aggregate,
    Partitioned,
    MaterializedView,
    Table,
}

impl Kind {
    fn of(name: &str) -> Self {
        match name {
            "hypertable" => Self::Hypertable,
            "aggregate" => Self::Aggregate,
            "partitioned table" => Self::Partitioned,
            "materialized view" => Self::MaterializedView,
            _ => Self::Table,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Hypertable => "hypertable",
            Self::Aggregate => "aggregate",
            Self::Partitioned => "partitioned table",
            Self::MaterializedView => "materialized view",
            Self::Table => "table",
        }
    }

    /// What the parts are called over which it is rolled up.
    fn part(self) -> &'static str {
        match self {
            Self::Hypertable | Self::Aggregate => "chunk",
            _ => "partition",
        }
    }
}

/// What the table `counted` of the queries knows of an index's parts; none on a table without parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parts {
    /// Chunks (or partitions) that have the index.
    pub with: i64,
    /// Not counted for partitions: where one lacks it, the parent's index is invalid.
    pub without: i64,
    pub never_scanned: i64,
    pub compressed: i64,
    /// Chunks where another index of the same definition shares the one index.
    pub shared: i64,
    pub invalid: i64,
    /// Invalid indexes of this definition that an interrupted REINDEX CONCURRENTLY left on chunks, and one's name.
    pub leftovers: i64,
    pub leftover: Option<String>,
    /// Chunk indexes of which only the shape is known to fit.
    pub unsure: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own that the catalogue tells"
)]
pub struct Row {
    /// The index's oid: the hypertable's own, of which the chunks' are copies.
    pub id: i64,
    pub schema: String,
    pub table: String,
    pub name: String,
    pub kind: Kind,
    pub method: String,
    /// `None`: its table is locked, or it was dropped while it was read.
    pub definition: Option<String>,
    pub parts: Option<Parts>,
    /// Relations that an exact size has to open.
    pub members: i64,
    pub scans: i64,
    /// By the pages that the last VACUUM or ANALYZE counted.
    pub about_bytes: i64,
    pub bytes: Option<i64>,
    /// `None`: not asked for, or not to be had.
    pub bloat_bytes: Option<i64>,
    pub exact_error: Option<String>,
    pub root_valid: bool,
    pub unique: bool,
    /// The constraint that stands on it, and `p`, `u` or `x`.
    pub constraint: Option<(String, String)>,
    /// A foreign key refers to it.
    pub referenced: bool,
    pub replica_identity: bool,
    /// The reorder policy sorts chunks by it.
    pub reorders: bool,
    /// The index of the same definition that should stay.
    pub duplicate_of: Option<String>,
    /// A wider index that begins with the same columns.
    pub covered_by: Option<String>,
}

impl Row {
    pub fn table_name(&self) -> String {
        text::qualified(&self.schema, &self.table)
    }

    /// Chunks that have it; 1 for a table without parts.
    fn places(&self) -> i64 {
        self.parts.as_ref().map_or(1, |parts| parts.with)
    }

    pub fn is_valid(&self) -> bool {
        self.root_valid && self.parts.as_ref().is_none_or(|parts| parts.invalid == 0)
    }

    /// Why it must stay whether it is scanned or not.
    fn needed(&self) -> Option<String> {
        if let Some((name, kind)) = &self.constraint {
            let kind = match kind.as_str() {
                "p" => "the primary key",
                "u" => "the unique constraint",
                _ => "the exclusion constraint",
            };
            Some(format!("{kind} {name} stands on it"))
        } else if self.referenced {
            Some("a foreign key refers to it".to_owned())
        } else if self.unique {
            Some("it keeps values unique".to_owned())
        } else if self.replica_identity {
            Some("it is the table's replica identity".to_owned())
        } else if self.reorders {
            Some("the reorder policy sorts chunks by it".to_owned())
        } else {
            None
        }
    }

    /// Every chunk that has it is compressed: a query reads the companion's index instead.
    fn all_compressed(&self) -> bool {
        self.parts
            .as_ref()
            .is_some_and(|parts| parts.compressed > 0 && parts.compressed >= parts.with)
    }

    /// Never scanned since the statistics began, and nothing needs it. `None`: nothing is counted, or there is nothing to scan.
    pub fn unused(&self, at: &At) -> Option<bool> {
        if self.scans > 0 || self.needed().is_some() {
            Some(false)
        } else if !at.server.track_counts || self.places() == 0 || self.all_compressed() {
            None
        } else {
            Some(true)
        }
    }

    fn size(&self) -> Value {
        self.bytes
            .map_or(Value::AboutBytes(self.about_bytes), Value::Bytes)
    }

    fn known_bytes(&self) -> i64 {
        self.bytes.unwrap_or(self.about_bytes)
    }

    fn scans_value(&self, at: &At) -> Value {
        at.server.track_counts.then_some(self.scans).into()
    }

    fn part_count(&self, figure: fn(&Parts) -> i64) -> Value {
        self.parts.as_ref().map(figure).into()
    }

    fn constraint_word(&self) -> Option<&'static str> {
        let (_, kind) = self.constraint.as_ref()?;
        Some(match kind.as_str() {
            "p" => "primary",
            "u" => "unique",
            _ => "exclude",
        })
    }
}

/// Since when scans are counted: the database's reset, else an unknown time before the server's start.
fn counted_since(at: &At) -> Option<Stamp> {
    at.server.stats_reset
}

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
    const COLUMNS: &'static [Column<Self>] = &[
        Column::<Self>::text("", "INDEX", 26, |row, _| row.name.as_str().into()).grows(),
        Column::<Self>::text("", "TABLE", 20, |row, _| row.table_name().into()).grows(),
        Column::<Self>::hidden("schema", |row, _| row.schema.as_str().into()),
        Column::<Self>::hidden("table", |row, _| row.table.as_str().into()),
        Column::<Self>::hidden("name", |row, _| row.name.as_str().into()),
        Column::<Self>::hidden("definition", |row, _| row.definition.clone().into()),
        Column::<Self>::number("chunks", "CHUNKS", 6, |row, _| {
            row.part_count(|parts| parts.with)
        })
        .rank(2),
        Column::<Self>::number("chunks_without", "LACK", 5, |row, _| {
            if row.kind == Kind::Partitioned && !row.root_valid {
                Value::Null
            } else {
                row.part_count(|parts| parts.without)
            }
        })
        .rank(3),
        Column::<Self>::number("scans", "SCANS", 8, Row::scans_value),
        Column::<Self>::number("bytes", "BYTES", 9, |row, _| row.size()),
        Column::<Self>::number("bloat_bytes", "BLOAT", 8, |row, _| {
            row.bloat_bytes.map(Value::Bytes).into()
        })
        .rank(3),
        Column::<Self>::text("unique", "UNIQ", 4, |row, _| row.unique.into()).rank(6),
        Column::<Self>::text("valid", "VALID", 5, |row, _| row.is_valid().into()).rank(4),
        Column::<Self>::text("unused", "UNUSED", 6, |row, at| row.unused(at).into()),
        Column::<Self>::text("duplicate_of", "DUPLICATE OF", 18, |row, _| {
            row.duplicate_of.clone().into()
        })
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
        Column::<Self>::number("chunks_never_scanned", "UNREAD", 6, |row, at| {
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
        Column::<Self>::hidden("shared_chunks", |row, _| {
            row.part_count(|parts| parts.shared)
        }),
        Column::<Self>::hidden("stats_reset", |_, at| counted_since(at).into()),
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
        take: |row, figures| match figures {
            Ok([bytes, bloat]) => {
                row.bytes = *bytes;
                row.bloat_bytes = *bloat;
                row.exact_error = None;
            }
            Ok(_) => {}
            Err(error) => {
                (row.bytes, row.bloat_bytes) = (None, None);
                row.exact_error = Some(error.to_owned());
            }
        },
    }];
    const DETAILS: &'static [Detail<Self>] = &[Detail {
        title: "Chunks",
        query: query!("indexes_chunks"),
        params: |row| vec![Param::BigInt(row.id)],
        build: |row, rows, at| chunks::sections(row, rows, at),
    }];

    fn read(row: &tokio_postgres::Row) -> Result<Self> {
        let constraint: Option<String> = row.try_get("constraint_name")?;
        let constraint_type: Option<String> = row.try_get("constraint_type")?;
        let pages: i64 = row.try_get("pages")?;
        Ok(Self {
            id: row.try_get("id")?,
            schema: row.try_get("schema")?,
            table: row.try_get("table")?,
            name: row.try_get("name")?,
            kind: Kind::of(row.try_get("kind")?),
            method: row.try_get("method")?,
            definition: row.try_get("definition")?,
            parts: Parts::read(row)?,
            members: row.try_get("members")?,
            scans: row.try_get("scans")?,
            about_bytes: pages.saturating_mul(row.try_get("page_bytes")?),
            bytes: None,
            bloat_bytes: None,
            exact_error: None,
            root_valid: row.try_get("root_valid")?,
            unique: row.try_get("unique")?,
            constraint: constraint.zip(constraint_type),
            referenced: row.try_get("referenced")?,
            replica_identity: row.try_get("replica_identity")?,
            reorders: row.try_get("reorders")?,
            duplicate_of: row.try_get("duplicate_of")?,
            covered_by: row.try_get("covered_by")?,
        })
    }

    fn key(&self) -> String {
        format!("{}: {}", self.table_name(), self.name)
    }

    fn targets(&self) -> Vec<Target> {
        vec![Target {
            kind: crate::model::target::Kind::Index,
            id: self.id,
            name: text::qualified(&self.schema, &self.name),
        }]
    }

    fn verdict(&self, at: &At) -> Verdict {
        judge::verdict(self, at)
    }

    fn caveats(_rows: &[Self], at: &At) -> Vec<String> {
        judge::caveats(at)
    }

    fn facts(&self, at: &At) -> Vec<Section> {
        judge::facts(self, at)
    }
}

impl Parts {
    /// `None`: the table has no parts.
    fn read(row: &tokio_postgres::Row) -> Result<Option<Self>> {
        let Some(with) = row.try_get::<_, Option<i64>>("chunks")? else {
            return Ok(None);
        };
        let count =
            |name: &str| -> Result<i64> { Ok(row.try_get::<_, Option<i64>>(name)?.unwrap_or(0)) };
        Ok(Some(Self {
            with,
            without: count("chunks_without")?,
            never_scanned: count("chunks_never_scanned")?,
            compressed: count("compressed_chunks")?,
            shared: count("shared_chunks")?,
            invalid: count("invalid_chunks")?,
            leftovers: count("leftovers")?,
            leftover: row.try_get("leftover_example")?,
            unsure: count("unsure")?,
        }))
    }
}
