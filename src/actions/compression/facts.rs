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
    reason = "each is a fact of its own that the catalogue reports"
)]
pub(crate) struct Compression {
    /// The hypertable, or the user's view of an aggregate; quoted and qualified.
    pub relation: String,
    /// The hypertable itself, also for an aggregate.
    pub table: String,
    pub(crate) table_oid: i64,
    pub(crate) view_oid: Option<i64>,
    pub aggregate: bool,
    pub enabled: bool,
    pub settings: Option<Settings>,
    axis: String,
    pub integer_time: bool,
    /// Column of the time dimension. `None`: the hypertable has none.
    pub(crate) time_column: Option<String>,
    /// Compressing merges neighbouring chunks into one (`compress_chunk_time_interval`).
    pub(crate) rolls_up: bool,
    /// In the dimension's unit. `None`: an integer whose hypertable has no `integer_now` function.
    pub now: Option<i64>,
    /// The `integer_now` function, if it is not run for the preview.
    pub code: Option<Code>,
    /// Microseconds since 1970.
    pub(crate) now_utc: i64,
    /// Time zone in which the policy computes.
    pub zone: String,
    pub(crate) expression_index: bool,
    /// As in the catalogue, not quoted.
    pub columns: Vec<String>,
    /// Columns of each unique index.
    pub(crate) uniques: Vec<Vec<String>>,
    /// Aggregates that read it; quoted and qualified.
    pub aggregates: Vec<String>,
    /// In the order of the time axis.
    pub chunks: Vec<ChunkState>,
    /// The compression policy.
    pub job: Option<Job>,
    /// Refresh policies of aggregates that read it, and its own if it is an aggregate.
    pub refreshes: Vec<RefreshStart>,
    pub retention: Option<DropPolicy>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct ChunkState {
    /// Name for picking it: without its schema if that is TimescaleDB's own.
    pub key: String,
    /// Quoted and qualified.
    pub relation: String,
    pub oid: i64,
    /// Bits: 1 compressed, 2 unordered, 4 frozen, 8 partial.
    pub status: i32,
    pub from: i64,
    pub to: i64,
    /// Microseconds since 1970. `None`: before 2.13.
    pub created: Option<i64>,
    /// Size recorded when it was compressed.
    pub before_bytes: Option<i64>,
    pub after_bytes: Option<i64>,
    /// Recorded if it is compressed, else from the last ANALYZE. `None`: not known.
    pub rows: Option<i64>,
    /// Oid of the relation with the compressed rows.
    pub companion: Option<i64>,
    /// Settings it was compressed under. `None`: before 2.14, where all chunks have the table's.
    pub settings: Option<Settings>,
}

/// segmentby and orderby as in the catalogue. `None`: TimescaleDB's default.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub(super) struct Settings {
    pub segment_by: Option<Vec<String>>,
    pub order_by: Option<Vec<String>>,
    pub desc: Option<Vec<bool>>,
    pub(crate) nulls_first: Option<Vec<bool>>,
    /// Sparse indexes, from 2.22 on.
    #[serde(default)]
    pub index: Option<Json>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct RefreshStart {
    pub id: i64,
    pub view: String,
    /// True: refreshes this aggregate. False: refreshes one that reads it.
    pub own: bool,
    /// `None`: no limit; it reaches back to the beginning.
    pub start_offset: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct DropPolicy {
    pub id: i64,
    /// `None`: it drops by creation time.
    pub drop_after: Option<String>,
    pub scheduled: bool,
}

impl Compression {
    /// The settings as this version means them: before 2.22 an empty segmentby is a setting, not a choice left open.
    pub(super) fn on(mut self, version: Version) -> Self {
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

    /// "Now" for the policy.
    pub(super) fn now(&self) -> Now<'_> {
        Now {
            axis: self.axis(),
            at: self.now,
            zone: Some(&self.zone),
        }
    }

    /// The reason why "now" is not known, if the time zone is the reason.
    pub(super) fn odd_zone(&self) -> Option<String> {
        let odd = !self.integer_time && clock::zone(&self.zone).is_none();
        odd.then(|| clock::odd_zone(&self.zone))
    }

    /// True if there is an `integer_now` function that is not run for the preview.
    pub(super) fn has_hidden_clock(&self) -> bool {
        self.code.as_ref().is_some_and(|code| code.owner.is_some())
    }

    /// Refuses if compression is not enabled.
    pub(super) fn enabled(self) -> Result<Self, Refusal> {
        if self.enabled {
            return Ok(self);
        }
        Err(format!(
            "compression is not enabled on {}: enable-compression does that",
            self.relation
        )
        .into())
    }

    /// The reason why decompressing chunks would crash this server. `None`: it would not.
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

    /// The compression policy if it is scheduled.
    pub(super) fn running_policy(&self) -> Option<&Job> {
        self.job.as_ref().filter(|job| job.scheduled)
    }

    /// True if a chunk was compressed under other settings than the table has now.
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

    /// The columns as a user may type them.
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

    /// Compressed size divided by size before, from the recorded sizes. `None`: no record.
    pub(super) fn shrinks_to(&self) -> Option<f64> {
        let recorded = self
            .chunks
            .iter()
            .filter_map(|chunk| Some((chunk.before_bytes?, chunk.after_bytes?)));
        let (before, after) =
            recorded.fold((0, 0), |(before, after), (b, a)| (before + b, after + a));
        #[expect(clippy::cast_precision_loss, reason = "a share")]
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

    /// JSON pointer to its settings in the captured state.
    pub(super) fn pointer(&self) -> String {
        format!("/chunks/{}", self.key.replace('~', "~0").replace('/', "~1"))
    }
}

impl Settings {
    /// True if TimescaleDB chooses segmentby when it compresses a chunk. With an orderby set it chooses none.
    pub(super) fn leaves_segments(&self) -> bool {
        self.segment_by.is_none() && self.order_by.is_none()
    }

    /// The same settings, with an open segmentby set to none if that is its meaning.
    #[must_use]
    pub(super) fn meant(&self) -> Self {
        let mut meant = self.clone();
        if !self.leaves_segments() {
            meant.segment_by.get_or_insert_default();
        }
        meant
    }

    /// The segmentby columns; empty for none.
    pub(super) fn segments(&self) -> &[String] {
        self.segment_by.as_deref().unwrap_or_default()
    }

    /// Each column quoted by itself: `"a,b", line_id`.
    pub(super) fn segment_text(&self) -> String {
        let quoted: Vec<_> = self
            .segments()
            .iter()
            .map(|column| text::quote_identifier(column))
            .collect();
        quoted.join(", ")
    }

    /// `ts DESC, "Größe (mm)" NULLS FIRST`. Empty: the default.
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

    /// The settings that the other has with another value.
    pub(super) fn changed(&self, now: &Self) -> Vec<Changed> {
        let segment_by = Changed::of("segmentby", &self.segment_text(), &now.segment_text());
        let order_by = Changed::of("orderby", &self.order_text(), &now.order_text());
        segment_by.into_iter().chain(order_by).collect()
    }

    /// The sparse indexes that a user chose, in the option's format. `None`: TimescaleDB's own choice.
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

    /// The settings in words: `segment by line_id; order by ts DESC`.
    pub(super) fn describe(&self) -> String {
        self.described(if self.leaves_segments() {
            "the default"
        } else {
            "nothing"
        })
    }

    /// The same, with this text for an empty segmentby.
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

/// The facts, or the reason why this server cannot compress.
pub(super) fn known(context: &Context) -> Result<Compression, Refusal> {
    let server = context.at.server;
    if server.simulated {
        return Err(
            "this is the stand-in on plain PostgreSQL, which cannot compress: try it on a real TimescaleDB"
                .into(),
        );
    }
    let known: Compression = context.read()?;
    Ok(known.on(server.sql_version()))
}
