//! One index, with its use and size.

use serde::{Deserialize, Serialize};

use crate::model::moment::Stamp;
use crate::model::text;
use crate::model::value::Value;
use crate::screens::later::Later;
use crate::server::known::At;
use crate::server::row::or_default;

/// Kind of the index's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TableKind {
    #[serde(alias = "hypertable")]
    Hypertable,
    /// A continuous aggregate's materialization, under the name of its view.
    #[serde(alias = "aggregate")]
    Aggregate,
    #[serde(alias = "partitioned table")]
    Partitioned,
    #[serde(alias = "materialized view")]
    MaterializedView,
    #[serde(alias = "table")]
    Table,
}

impl TableKind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Hypertable => "hypertable",
            Self::Aggregate => "aggregate",
            Self::Partitioned => "partitioned table",
            Self::MaterializedView => "materialized view",
            Self::Table => "table",
        }
    }

    /// Name of the parts over which it is summed.
    pub(super) fn part(self) -> &'static str {
        match self {
            Self::Hypertable | Self::Aggregate => "chunk",
            _ => "partition",
        }
    }
}

/// Counts over an index's chunks or partitions; a table without parts has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parts {
    /// Chunks (or partitions) that have the index.
    #[serde(alias = "chunks")]
    pub with: i64,
    /// Chunks without it. Not counted for partitions: if one is without it, the parent's index is invalid.
    #[serde(alias = "chunks_without", deserialize_with = "or_default")]
    pub without: i64,
    #[serde(alias = "chunks_never_scanned", deserialize_with = "or_default")]
    pub never_scanned: i64,
    #[serde(alias = "compressed_chunks", deserialize_with = "or_default")]
    pub compressed: i64,
    /// Chunks where it shares one index with another index of the same definition.
    #[serde(alias = "shared_chunks", deserialize_with = "or_default")]
    pub shared: i64,
    #[serde(alias = "invalid_chunks", deserialize_with = "or_default")]
    pub invalid: i64,
    /// Invalid leftovers of an interrupted REINDEX CONCURRENTLY on chunks, and the name of one.
    #[serde(deserialize_with = "or_default")]
    pub leftovers: i64,
    #[serde(alias = "leftover_example")]
    pub leftover: Option<String>,
    /// Chunk indexes that fit by shape only.
    #[serde(deserialize_with = "or_default")]
    pub unsure: i64,
}

/// Present size of the index.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    pub bytes: Option<i64>,
    /// `None`: not available for this kind of index, or without statistics.
    pub bloat: Option<i64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own that the catalogue reports"
)]
pub struct Row {
    /// Oid of the hypertable's index, of which the chunks have copies.
    pub id: i64,
    pub schema: String,
    pub table: String,
    pub name: String,
    pub kind: TableKind,
    pub method: String,
    /// `None`: its table is locked, or it was dropped while it was read.
    pub definition: Option<String>,
    #[serde(alias = "chunks")]
    pub parts: Option<Parts>,
    /// Number of relations that an exact size opens.
    pub members: i64,
    pub scans: i64,
    /// Estimated bytes, from the last VACUUM or ANALYZE.
    #[serde(default)]
    pub about_bytes: i64,
    #[serde(skip)]
    pub exact: Later<Size>,
    /// The most bytes of any row.
    #[serde(skip)]
    pub largest: i64,
    pub root_valid: bool,
    pub unique: bool,
    /// Its constraint, and the kind `p`, `u` or `x`.
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

/// Further columns of the query.
#[derive(Deserialize)]
pub(super) struct More {
    pub(super) pages: i64,
    pub(super) page_bytes: i64,
    pub(super) constraint_name: Option<String>,
    pub(super) constraint_type: Option<String>,
}

impl Row {
    pub fn table_name(&self) -> String {
        text::qualified(&self.schema, &self.table)
    }

    /// Number of chunks with it; 1 for a table without parts.
    pub(super) fn places(&self) -> i64 {
        self.parts.as_ref().map_or(1, |parts| parts.with)
    }

    pub(crate) fn is_valid(&self) -> bool {
        self.root_valid && self.parts.as_ref().is_none_or(|parts| parts.invalid == 0)
    }

    /// Why it must stay even if it is never scanned.
    pub(super) fn needed(&self) -> Option<String> {
        if let Some((name, kind)) = &self.constraint {
            let kind = match kind.as_str() {
                "p" => "the primary key",
                "u" => "the unique constraint",
                _ => "the exclusion constraint",
            };
            Some(format!("{kind} {name} uses it"))
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

    /// Whether every chunk with it is compressed, so that queries read the companion's index instead.
    pub(super) fn all_compressed(&self) -> bool {
        self.parts
            .as_ref()
            .is_some_and(|parts| parts.compressed > 0 && parts.compressed >= parts.with)
    }

    /// Whether it was never scanned since statistics began, and nothing needs it. `None`: scans are not counted, or nothing could scan it.
    pub fn unused(&self, at: &At) -> Option<bool> {
        if self.scans > 0 || self.needed().is_some() {
            Some(false)
        } else if !at.server.track_counts || self.places() == 0 || self.all_compressed() {
            None
        } else {
            Some(true)
        }
    }

    /// Present bytes; `None`: not read, or not readable.
    pub fn bytes(&self) -> Option<i64> {
        self.exact.get()?.bytes
    }

    pub fn bloat_bytes(&self) -> Option<i64> {
        self.exact.get()?.bloat
    }

    pub(super) fn size(&self) -> Value {
        self.bytes()
            .map_or(Value::AboutBytes(self.about_bytes), Value::Bytes)
    }

    pub(super) fn known_bytes(&self) -> i64 {
        self.bytes().unwrap_or(self.about_bytes)
    }

    pub(super) fn scans_value(&self, at: &At) -> Value {
        at.server.track_counts.then_some(self.scans).into()
    }

    pub(super) fn part_count(&self, figure: fn(&Parts) -> i64) -> Value {
        self.parts.as_ref().map(figure).into()
    }

    pub(super) fn constraint_word(&self) -> Option<&'static str> {
        let (_, kind) = self.constraint.as_ref()?;
        Some(match kind.as_str() {
            "p" => "primary",
            "u" => "unique",
            _ => "exclude",
        })
    }
}

/// Time since when scans are counted; `None`: unknown, before the server's start.
pub(super) fn counted_since(at: &At) -> Option<Stamp> {
    at.server.stats_reset
}
