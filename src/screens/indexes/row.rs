//! One index with its use and size.

use serde::{Deserialize, Serialize};

use crate::model::moment::Stamp;
use crate::model::text;
use crate::model::value::Value;
use crate::screens::later::Later;
use crate::server::known::At;
use crate::server::row::or_default;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TableKind {
    #[serde(alias = "hypertable")]
    Hypertable,
    /// The materialization hypertable of a continuous aggregate, under the name of the aggregate's view.
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

    /// Whether a table of this kind has chunks.
    pub(super) fn has_chunks(self) -> bool {
        matches!(self, Self::Hypertable | Self::Aggregate)
    }

    /// What a table of this kind is divided into: `chunk` or `partition`.
    pub(super) fn part(self) -> &'static str {
        match self {
            Self::Hypertable | Self::Aggregate => "chunk",
            _ => "partition",
        }
    }
}

/// Sums over an index's chunks or partitions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parts {
    /// Number of chunks (or partitions) with the index.
    #[serde(alias = "chunks")]
    pub with: i64,
    /// Number of chunks without the index. Not counted for partitions, because a partition without it makes the parent's index invalid.
    #[serde(alias = "chunks_without", deserialize_with = "or_default")]
    pub without: i64,
    #[serde(alias = "chunks_never_scanned", deserialize_with = "or_default")]
    pub never_scanned: i64,
    #[serde(alias = "compressed_chunks", deserialize_with = "or_default")]
    pub compressed: i64,
    /// Number of chunks on which this index and another index of the same definition share the chunk's index.
    #[serde(alias = "shared_chunks", deserialize_with = "or_default")]
    pub shared: i64,
    #[serde(alias = "invalid_chunks", deserialize_with = "or_default")]
    pub invalid: i64,
    /// Number of invalid indexes left by an interrupted REINDEX CONCURRENTLY on chunks.
    #[serde(deserialize_with = "or_default")]
    pub leftovers: i64,
    #[serde(alias = "leftover_example")]
    pub leftover: Option<String>,
    /// Number of chunks on which another session is building or rebuilding the index now. These are neither invalid nor leftovers.
    #[serde(default, alias = "chunks_building", deserialize_with = "or_default")]
    pub being_built: i64,
    /// Process id of that session; `None`: no chunk's index is being built.
    #[serde(default)]
    pub builder: Option<i64>,
    /// Number of chunk indexes that may belong to this index or to another index of the same definition, because neither index fits by
    /// name.
    #[serde(deserialize_with = "or_default")]
    pub unsure: i64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    pub bytes: Option<i64>,
    /// Bytes of bloat; `None`: it cannot be estimated (not a B-tree on plain columns, no statistics, or many equal keys).
    pub bloat: Option<i64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own that the catalogue reports"
)]
pub struct Row {
    /// Oid of the index; for a hypertable, oid of the index on the hypertable itself.
    pub id: i64,
    pub schema: String,
    pub table: String,
    pub name: String,
    pub kind: TableKind,
    pub method: String,
    /// The CREATE INDEX statement; `None`: the table is locked, or was dropped during the query.
    pub definition: Option<String>,
    #[serde(alias = "chunks")]
    pub parts: Option<Parts>,
    /// Number of relations that must be opened for the exact size.
    pub members: i64,
    pub scans: i64,
    /// Estimated size in bytes, from the last VACUUM or ANALYZE.
    #[serde(default)]
    pub about_bytes: i64,
    #[serde(skip)]
    pub exact: Later<Size>,
    /// The largest size of all rows, in bytes.
    #[serde(skip)]
    pub largest: i64,
    pub root_valid: bool,
    /// Process id of the session that is building the index itself now. It is invalid until the build ends. `None`: no session is.
    #[serde(default)]
    pub building: Option<i64>,
    pub unique: bool,
    /// Name and kind (`p`, `u` or `x`) of the constraint that the index belongs to; `None`: no constraint.
    pub constraint: Option<(String, String)>,
    /// Whether a foreign key refers to the index.
    pub referenced: bool,
    pub replica_identity: bool,
    /// Whether the reorder policy sorts chunks by the index.
    pub reorders: bool,
    /// Index of the same definition that should be kept instead of this one; `None`: not a duplicate.
    pub duplicate_of: Option<String>,
    /// An index with more columns that begins with the same columns; `None`: there is no such index.
    pub covered_by: Option<String>,
}

/// Columns of the query from which fields of [`Row`] are computed.
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

    /// Number of chunks with the index; 1 for a table without chunks or partitions.
    fn places(&self) -> i64 {
        self.parts.as_ref().map_or(1, |parts| parts.with)
    }

    pub(super) fn is_valid(&self) -> bool {
        self.root_valid && self.parts.as_ref().is_none_or(|parts| parts.invalid == 0)
    }

    /// Whether the index, or its copy on a chunk, is invalid because a build was interrupted or failed.
    pub(super) fn is_broken(&self) -> bool {
        !self.is_valid() && self.building.is_none()
    }

    /// Number of chunks that do not have the index; 0 while it is being built.
    pub(super) fn missing(&self) -> i64 {
        let parts = self.parts.as_ref().filter(|_| self.building.is_none());
        parts.map_or(0, |parts| parts.without)
    }

    /// Process id of the session that is building the index, itself or on a chunk; `None`: no session is.
    pub(super) fn builder(&self) -> Option<i64> {
        let of_chunk = || self.parts.as_ref()?.builder;
        self.building.or_else(of_chunk)
    }

    /// Reason why the index is needed even if it is never scanned; `None`: no such reason.
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

    /// Whether every chunk with the index is compressed, so that queries scan the index of the compressed data instead.
    fn all_compressed(&self) -> bool {
        self.parts
            .as_ref()
            .is_some_and(|parts| parts.compressed > 0 && parts.compressed >= parts.with)
    }

    /// True: no query has scanned the index, and nothing else needs it. `None`: scans are not counted, or no scan was possible.
    pub fn unused(&self, at: &At) -> Option<bool> {
        if self.scans > 0 || self.needed().is_some() {
            Some(false)
        } else if !at.server.track_counts
            || self.places() == 0
            || self.all_compressed()
            || self.building.is_some()
        {
            None
        } else {
            Some(true)
        }
    }

    /// Exact size; `None`: not read, or an error.
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

/// Time since which scans are counted; `None`: unknown, see [`Server::stats_reset`](crate::server::known::Server::stats_reset).
pub(super) fn counted_since(at: &At) -> Option<Stamp> {
    at.server.stats_reset
}
