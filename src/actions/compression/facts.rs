//! Facts about a hypertable's compression, as `queries/plan_compression.sql` returns them.

use serde::Deserialize;
use serde_json::Value as Json;

use crate::actions::act::{Context, Refusal};
use crate::actions::alter_job::Job;
use crate::model::moment::{Axis, Point};
use crate::model::plan::Changed;
use crate::model::span::Now;
use crate::model::trust::Code;
use crate::model::version::Version;
use crate::model::{clock, text};

#[derive(Debug, Clone, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "one field for each fact that the catalogue reports"
)]
pub(super) struct Compression {
    /// Hypertable, or view of the continuous aggregate; quoted and qualified.
    pub relation: String,
    /// Hypertable, or materialization hypertable of the aggregate; quoted and qualified.
    pub table: String,
    pub(crate) table_oid: i64,
    pub(crate) view_oid: Option<i64>,
    pub aggregate: bool,
    pub enabled: bool,
    /// Compression settings. `None`: compression is not enabled.
    pub settings: Option<Settings>,
    /// SQL type of the time column. Empty: the hypertable has no time dimension.
    axis: String,
    pub integer_time: bool,
    /// Column of the time dimension, not quoted. `None`: the hypertable has no time dimension.
    pub(crate) time_column: Option<String>,
    /// True if compressing merges neighbouring chunks into one (`compress_chunk_time_interval`).
    pub(crate) rolls_up: bool,
    /// "Now" in the dimension's unit. `None`: unknown. For integer time, there is then no `integer_now` function that may be run. For other
    /// types, the time zone of the policy's owner is then unknown.
    pub now: Option<i64>,
    /// The `integer_now` function, if it was not run because its owner is not trusted.
    pub code: Option<Code>,
    /// Time of the query, microseconds since 1970.
    pub(crate) now_utc: i64,
    /// Time zone in which a run of the compression policy subtracts the age from "now".
    pub zone: String,
    expression_index: bool,
    /// Column names, not quoted.
    pub columns: Vec<String>,
    /// Column names of each unique index, not quoted.
    pub(crate) uniques: Vec<Vec<String>>,
    /// Continuous aggregates that read the hypertable; quoted and qualified.
    pub aggregates: Vec<String>,
    /// Oldest first.
    pub chunks: Vec<ChunkState>,
    /// The compression policy. `None`: there is none.
    pub job: Option<Job>,
    /// Refresh policies of the aggregates that read the hypertable. If the hypertable is the materialization of an aggregate: also the
    /// refresh policies of that aggregate.
    pub refreshes: Vec<RefreshStart>,
    /// The retention policy. `None`: there is none.
    pub retention: Option<DropPolicy>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct ChunkState {
    /// Name in the list of chunks to pick. TimescaleDB's internal schema is left out of the name.
    pub key: String,
    /// Name of the chunk, quoted and qualified.
    pub relation: String,
    pub oid: i64,
    /// Bits: 1 compressed, 2 unordered, 4 frozen, 8 partial.
    status: i32,
    /// Start of the chunk's range: microseconds since 1970, or the number itself for integer time.
    pub from: i64,
    /// End of the chunk's range, not included.
    pub to: i64,
    /// Creation time, microseconds since 1970. `None`: not recorded (before 2.13).
    pub created: Option<i64>,
    /// Bytes before compression, recorded when the chunk was compressed. `None`: not compressed, or not recorded.
    pub before_bytes: Option<i64>,
    /// Bytes after compression. `None`: not compressed, or not recorded.
    pub after_bytes: Option<i64>,
    /// Row count recorded by compression, else estimated by the last ANALYZE. `None`: unknown.
    pub rows: Option<i64>,
    /// Oid of the relation with the compressed rows. `None`: not compressed.
    pub companion: Option<i64>,
    /// Settings with which the chunk was compressed. `None`: not compressed, or not recorded (before 2.14, all chunks have the table's
    /// settings).
    pub settings: Option<Settings>,
}

/// segmentby and orderby as in the catalogue. `None`: left to TimescaleDB.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub(super) struct Settings {
    pub segment_by: Option<Vec<String>>,
    pub order_by: Option<Vec<String>>,
    pub desc: Option<Vec<bool>>,
    pub(crate) nulls_first: Option<Vec<bool>>,
    /// Sparse indexes. `None`: none are recorded (always before 2.22).
    #[serde(default)]
    index: Option<Json>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct RefreshStart {
    pub id: i64,
    pub view: String,
    /// True: the policy refreshes the aggregate whose rows are in this table. False: it refreshes an aggregate that reads this table.
    pub own: bool,
    /// An interval. `None`: the refresh window has no start.
    pub start_offset: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct DropPolicy {
    pub id: i64,
    /// An interval, or an integer as text. `None`: the policy drops by creation time.
    pub drop_after: Option<String>,
    pub scheduled: bool,
}

impl Compression {
    /// Adapts the settings to the version. Before 2.22, a missing segmentby means that there is none. Later, TimescaleDB chooses segmentby.
    fn on(mut self, version: Version) -> Self {
        if version < Version::new(2, 22) {
            let chunks = self
                .chunks
                .iter_mut()
                .filter_map(|chunk| chunk.settings.as_mut());
            for settings in chunks.chain(self.settings.as_mut()) {
                settings.segment_by.get_or_insert_default();
            }
        }
        self
    }

    pub(super) fn axis(&self) -> Axis {
        Axis::of(&self.axis)
    }

    /// "Now" for the compression policy.
    pub(super) fn now(&self) -> Now<'_> {
        Now {
            axis: self.axis(),
            at: self.now,
            zone: Some(&self.zone),
        }
    }

    /// The reason why "now" is unknown, if hypertop does not know the time zone. `None`: the time zone is known, or the time is an integer.
    pub(super) fn odd_zone(&self) -> Option<String> {
        let odd = !self.integer_time && clock::zone(&self.zone).is_none();
        odd.then(|| clock::odd_zone(&self.zone))
    }

    /// True if the `integer_now` function was not run because its owner is not trusted.
    pub(super) fn has_hidden_clock(&self) -> bool {
        self.code.as_ref().is_some_and(|code| code.owner.is_some())
    }

    /// Refuses if compression is not enabled.
    pub(super) fn enabled(self) -> Result<Self, Refusal> {
        if self.enabled {
            return Ok(self);
        }
        Err(format!(
            "compression is not enabled on {}: enable it with enable-compression",
            self.relation
        )
        .into())
    }

    /// The reason why decompressing chunks would crash this server. `None`: it is safe.
    pub(super) fn crashes(&self, context: &Context) -> Option<String> {
        let version = context.at.server.sql_version();
        (version < Version::new(2, 14) && self.expression_index).then(|| {
            format!(
                "{} has an index on an expression: with TimescaleDB {version} decompressing a chunk of such a table \
                 crashes the whole server. Upgrade to 2.14 or later first (or drop that index)",
                self.table
            )
        })
    }

    /// The compression policy. `None`: there is none, or it is paused.
    pub(super) fn running_policy(&self) -> Option<&Job> {
        self.job.as_ref().filter(|job| job.scheduled)
    }

    /// True if a chunk was compressed with other settings than the table has now. Settings that the table
    /// leaves to TimescaleDB count as equal.
    pub(super) fn differs(&self, chunk: &ChunkState) -> bool {
        let (Some(own), Some(table)) = (&chunk.settings, &self.settings) else {
            return false;
        };
        own.segments() != table.segments() && !table.leaves_segments()
            || own.order_text() != table.order_text() && table.order_by.is_some()
    }

    /// True if the policy is configured to skip partial chunks.
    pub(super) fn never_recompresses(&self) -> bool {
        let config = self.job.as_ref().and_then(|job| job.config.as_ref());
        config.and_then(|config| config.get("recompress")) == Some(&Json::Bool(false))
    }

    /// The quoted column names as a list for error messages.
    pub(super) fn column_list(&self) -> String {
        let quoted: Vec<_> = self
            .columns
            .iter()
            .map(|column| text::quote_identifier(column))
            .collect();
        quoted.join(", ")
    }

    /// Number of chunks with compressed rows.
    pub(super) fn compressed(&self) -> usize {
        self.chunks
            .iter()
            .filter(|chunk| chunk.is_compressed())
            .count()
    }

    /// Compressed size divided by the size before, from all recorded sizes. `None`: none is recorded.
    pub(super) fn shrinks_to(&self) -> Option<f64> {
        let recorded = self
            .chunks
            .iter()
            .filter_map(|chunk| Some((chunk.before_bytes?, chunk.after_bytes?)));
        let (before, after) =
            recorded.fold((0, 0), |(before, after), (b, a)| (before + b, after + a));
        #[expect(clippy::cast_precision_loss, reason = "a ratio needs no exact bytes")]
        (before > 0).then(|| after as f64 / before as f64)
    }

    pub(super) fn point(&self, raw: i64) -> String {
        text::point(Point {
            axis: self.axis(),
            raw,
        })
    }
}

impl ChunkState {
    pub(super) fn has(&self, bits: i32) -> bool {
        self.status & bits != 0
    }

    pub(super) fn is_compressed(&self) -> bool {
        self.has(1)
    }

    pub(super) fn is_partial(&self) -> bool {
        self.has(8)
    }

    pub(super) fn is_frozen(&self) -> bool {
        self.has(4)
    }

    /// JSON pointer to the chunk in the state that the journal records.
    pub(super) fn pointer(&self) -> String {
        format!("/chunks/{}", self.key.replace('~', "~0").replace('/', "~1"))
    }
}

impl Settings {
    /// True if neither segmentby nor orderby is set. TimescaleDB then chooses segmentby whenever it compresses a chunk.
    fn leaves_segments(&self) -> bool {
        self.segment_by.is_none() && self.order_by.is_none()
    }

    /// The settings as the server applies them: a missing segmentby means no segmentby if orderby is set.
    #[must_use]
    pub(super) fn meant(&self) -> Self {
        let mut meant = self.clone();
        if !self.leaves_segments() {
            meant.segment_by.get_or_insert_default();
        }
        meant
    }

    /// The segmentby columns; empty: none, or left to TimescaleDB.
    pub(super) fn segments(&self) -> &[String] {
        self.segment_by.as_deref().unwrap_or_default()
    }

    /// The segmentby columns, each quoted if necessary: `"a,b", line_id`.
    pub(super) fn segment_text(&self) -> String {
        let quoted: Vec<_> = self
            .segments()
            .iter()
            .map(|column| text::quote_identifier(column))
            .collect();
        quoted.join(", ")
    }

    /// The orderby columns, such as `ts DESC, "Größe (mm)" NULLS FIRST`. Empty: the default.
    pub(super) fn order_text(&self) -> String {
        let columns = self.order_by.as_deref().unwrap_or_default();
        let of = |list: &Option<Vec<bool>>, at: usize| {
            list.as_ref()
                .and_then(|list| list.get(at).copied())
                .unwrap_or(false)
        };
        let items: Vec<_> = columns
            .iter()
            .enumerate()
            .map(|(at, column)| {
                let (desc, first) = (of(&self.desc, at), of(&self.nulls_first, at));
                let nulls = match (desc, first) {
                    (false, true) => " NULLS FIRST",
                    (true, false) => " NULLS LAST",
                    _ => "",
                };
                let desc = if desc { " DESC" } else { "" };
                format!("{}{desc}{nulls}", text::quote_identifier(column))
            })
            .collect();
        items.join(", ")
    }

    /// The settings whose values in `self` and in `now` differ, each with both values.
    pub(super) fn changed(&self, now: &Self) -> Vec<Changed> {
        let segment_by = Changed::of("segmentby", &self.segment_text(), &now.segment_text());
        let order_by = Changed::of("orderby", &self.order_text(), &now.order_text());
        segment_by.into_iter().chain(order_by).collect()
    }

    /// The sparse indexes that a user configured, as the value of the option `timescaledb.compress_sparse_index`. `None`: there are none.
    pub(super) fn sparse_text(&self) -> Option<String> {
        let chosen: Vec<_> = self
            .index
            .as_ref()?
            .as_array()?
            .iter()
            .filter(|index| index["source"] == "config")
            .filter_map(|index| {
                let columns = match &index["column"] {
                    Json::String(one) => vec![one.as_str()],
                    Json::Array(many) => many.iter().filter_map(Json::as_str).collect(),
                    _ => Vec::new(),
                };
                let columns: Vec<_> = columns.into_iter().map(text::quote_identifier).collect();
                Some(format!(
                    "{}({})",
                    index["type"].as_str()?,
                    columns.join(", ")
                ))
            })
            .collect();
        (!chosen.is_empty()).then(|| chosen.join(", "))
    }

    /// The settings as text, such as `segment by line_id; order by ts DESC`.
    pub(super) fn describe(&self) -> String {
        self.described(if self.leaves_segments() {
            "the default"
        } else {
            "nothing"
        })
    }

    /// The settings as text, with `none` in place of an empty segmentby.
    pub(super) fn described(&self, none: &str) -> String {
        let or = |text: String, none: &str| {
            if text.is_empty() {
                none.to_owned()
            } else {
                text
            }
        };
        format!(
            "segment by {}; order by {}",
            or(self.segment_text(), none),
            or(self.order_text(), "the default")
        )
    }
}

/// The facts about compression. Refuses on a stand-in server, which cannot compress.
pub(super) fn known(context: &Context) -> Result<Compression, Refusal> {
    let server = context.at.server;
    if server.simulated {
        return Err(
            "TimescaleDB is only simulated here, and plain PostgreSQL cannot compress".into(),
        );
    }
    let known: Compression = context.read()?;
    Ok(known.on(server.sql_version()))
}
