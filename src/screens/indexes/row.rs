//! One index, with what is known of its use and size.

use serde::{Deserialize, Serialize};

use crate::model::moment::Stamp;
use crate::model::text;
use crate::model::value::Value;
use crate::server::known::At;
use crate::server::row::or_default;

/// What an index is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
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

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Hypertable => "hypertable",
            Self::Aggregate => "aggregate",
            Self::Partitioned => "partitioned table",
            Self::MaterializedView => "materialized view",
            Self::Table => "table",
        }
    }

    /// What the parts are called over which it is rolled up.
    pub(super) fn part(self) -> &'static str {
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
    #[serde(alias = "chunks")]
    pub with: i64,
    /// Not counted for partitions: where one lacks it, the parent's index is invalid.
    #[serde(alias = "chunks_without", deserialize_with = "or_default")]
    pub without: i64,
    #[serde(alias = "chunks_never_scanned", deserialize_with = "or_default")]
    pub never_scanned: i64,
    #[serde(alias = "compressed_chunks", deserialize_with = "or_default")]
    pub compressed: i64,
    /// Chunks where another index of the same definition shares the one index.
    #[serde(alias = "shared_chunks", deserialize_with = "or_default")]
    pub shared: i64,
    #[serde(alias = "invalid_chunks", deserialize_with = "or_default")]
    pub invalid: i64,
    /// Invalid indexes of this definition that an interrupted REINDEX CONCURRENTLY left on chunks, and one's name.
    #[serde(deserialize_with = "or_default")]
    pub leftovers: i64,
    #[serde(alias = "leftover_example")]
    pub leftover: Option<String>,
    /// Chunk indexes of which only the shape is known to fit.
    #[serde(deserialize_with = "or_default")]
    pub unsure: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own that the catalogue reports"
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
    #[serde(alias = "chunks")]
    pub parts: Option<Parts>,
    /// Relations that an exact size has to open.
    pub members: i64,
    pub scans: i64,
    /// By the pages that the last VACUUM or ANALYZE counted.
    #[serde(default)]
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

/// What else the query returns.
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

    /// Chunks that have it; 1 for a table without parts.
    pub(super) fn places(&self) -> i64 {
        self.parts.as_ref().map_or(1, |parts| parts.with)
    }

    pub fn is_valid(&self) -> bool {
        self.root_valid && self.parts.as_ref().is_none_or(|parts| parts.invalid == 0)
    }

    /// Why it must stay whether it is scanned or not.
    pub(super) fn needed(&self) -> Option<String> {
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
    pub(super) fn all_compressed(&self) -> bool {
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

    pub(super) fn size(&self) -> Value {
        self.bytes
            .map_or(Value::AboutBytes(self.about_bytes), Value::Bytes)
    }

    pub(super) fn known_bytes(&self) -> i64 {
        self.bytes.unwrap_or(self.about_bytes)
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

/// Since when scans are counted: the database's reset, else an unknown time before the server's start.
pub(super) fn counted_since(at: &At) -> Option<Stamp> {
    at.server.stats_reset
}
