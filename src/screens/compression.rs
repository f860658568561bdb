//! Compression: what each hypertable takes, before and after, and what still waits for its policy.

mod judge;
mod trend;

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::model::moment::{Axis, Stamp};
use crate::model::screen_id::ScreenId;
use crate::model::target::Target;
use crate::model::value::Value;
use crate::model::verdict::Verdict;
use crate::model::version::Version;
use crate::model::{rules, text};
use crate::screens::aggregates::Blocked;
use crate::screens::chunks::{self, Chunks};
use crate::screens::policy;
use crate::screens::policy::Policy;
use crate::screens::record::{Column, Detail, Exact, Record, Section};
use crate::server::known::{At, Edition};
use crate::server::sql::{Param, Query, query};

pub use trend::Pace;

/// Seconds after which a policy that runs is looked at again.
const LOOK_AGAIN: f64 = 30.0;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    pub id: i32,
    pub schema: String,
    pub name: String,
    /// The materialization of a continuous aggregate.
    pub aggregate: bool,
    pub enabled: bool,
    pub axis: Axis,
    /// An integer dimension whose hypertable says what "now" is.
    pub has_now: bool,
    pub chunks: i64,
    pub compressed: i64,
    pub partial: i64,
    pub uncompressed: i64,
    pub frozen: i64,
    pub unordered: i64,
    /// As recorded when the chunks were compressed; `None` where none is.
    pub before_bytes: Option<i64>,
    pub after_bytes: Option<i64>,
    /// Rows of the compressed chunks, and the batches that hold them; recorded likewise.
    pub rows: Option<i64>,
    pub batches: Option<i64>,
    pub segment_by: Option<String>,
    pub order_by: Option<String>,
    pub policy: Option<Policy>,
    /// `recompress` and `maxchunks_to_compress` of the policy's configuration.
    pub recompress: Option<String>,
    pub most_chunks: Option<String>,
    /// The end of what the policy takes, in the dimension's unit; `None` for integer time.
    pub boundary: Option<i64>,
    /// The same for a policy by creation.
    pub made_before: Option<Stamp>,
    /// Chunks past compress-after that are not compressed; `None`: not known (yet).
    pub backlog: Option<i64>,
    /// The same as if it were the end of the newest chunk now: where the function that says so is not run.
    #[serde(default)]
    pub about_backlog: Option<i64>,
    pub backlog_bytes: Option<i64>,
    /// The same by the chunks' pages when they were last vacuumed or analysed; `None`: one of them never was.
    #[serde(default)]
    pub about_backlog_bytes: Option<i64>,
    /// Why the backlog's bytes (or, for integer time, the backlog) could not be had.
    pub backlog_error: Option<String>,
    /// Partially compressed chunks past compress-after.
    pub partial_due: Option<i64>,
    /// For how long the oldest chunk of the backlog has been due.
    pub overdue_seconds: Option<f64>,
    /// The same of integer time: a moment at which it was due for sure.
    #[serde(default)]
    pub due_since: Option<Stamp>,
    pub next_due: Option<Stamp>,
    #[serde(default)]
    pub pace: Pace,
    /// `drop_after` of the retention policy that runs; and whether chunks go before they are compressed, where that can
    /// be compared.
    pub drop_after: Option<String>,
    pub drops_first: Option<bool>,
    /// The policy's worker, where it waits for a lock.
    pub blocked: Option<Blocked>,
    /// The chunk that its last run left behind.
    pub stuck: Option<Stuck>,
    /// Chunks compressed under other settings than the table's now; `None`: not asked yet.
    pub old_settings: Option<i64>,
    /// What was recorded of them, the frozen ones among them.
    #[serde(default)]
    pub old_record: Recorded,
    pub drift: Option<Drift>,
    /// Why the two could not be had.
    pub packed_error: Option<String>,
    /// The first backlog that this console saw, and when.
    pub seen: Option<(Stamp, i64)>,
}

/// The oldest chunk that the policy's last run should have compressed and did not, where later ones are compressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stuck {
    /// As the actions take it: quoted, without TimescaleDB's own schema.
    pub chunk: String,
    /// Who has held a lock on it since before the failed run ended; 0: a prepared transaction; `None`: nobody is seen.
    pub holder: Option<i32>,
    holder_name: Option<String>,
    mode: Option<String>,
    since: Option<Stamp>,
}

impl Stuck {
    fn read(row: &tokio_postgres::Row) -> Result<Option<Self>> {
        let Some(chunk) = row.try_get("stuck_chunk")? else {
            return Ok(None);
        };
        Ok(Some(Self {
            chunk,
            holder: row.try_get("holder")?,
            holder_name: row.try_get("holder_name")?,
            mode: row.try_get("holder_mode")?,
            since: row.try_get("holder_since")?,
        }))
    }

    /// Who is in the way; `None`: nobody is seen.
    fn why(&self, now: Stamp) -> Option<String> {
        let pid = self.holder?;
        let mode = self.mode.as_deref().unwrap_or("a lock");
        if pid == 0 {
            let who = text::prepared(self.holder_name.as_deref());
            return Some(format!("{who} holds {mode} on it"));
        }
        let name = self.holder_name.as_ref();
        let name = name.map_or_else(String::new, |name| format!(" ({name})"));
        let since = self.since.map_or_else(String::new, |since| {
            format!(", in a transaction begun {}", text::age(since, now))
        });
        Some(format!("session {pid}{name} holds {mode} on it{since}"))
    }
}

/// Compressed chunks whose bytes now are less than half or more than twice those on record, by a megabyte at least: of
/// the newest 100 partial or unordered ones and the newest 20 others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    pub chunks: i64,
    pub recorded: i64,
    pub bytes: i64,
}

/// Compressed chunks, and what was recorded when they were compressed: their bytes before and after, their rows, and the
/// batches that hold them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    pub chunks: i64,
    pub before: Option<i64>,
    pub after: Option<i64>,
    pub rows: Option<i64>,
    pub batches: Option<i64>,
}

impl Recorded {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a ratio is shown with one digit"
    )]
    fn ratio(&self) -> Option<f64> {
        let after = self.after.filter(|after| *after > 0)?;
        Some(self.before? as f64 / after as f64)
    }

    /// As the figures give them; a recording of before has none.
    fn read(figures: &[Option<i64>]) -> Self {
        let [chunks, before, after, rows, batches] = figures else {
            return Self::default();
        };
        Self {
            chunks: chunks.unwrap_or(0),
            before: *before,
            after: *after,
            rows: *rows,
            batches: *batches,
        }
    }

    /// The others, where these are some of them.
    fn without(self, some: Self) -> Self {
        let less = |all: Option<i64>, some: Option<i64>| Some(all? - some.unwrap_or(0));
        Self {
            chunks: self.chunks - some.chunks,
            before: less(self.before, some.before),
            after: less(self.after, some.after),
            rows: less(self.rows, some.rows),
            batches: less(self.batches, some.batches),
        }
    }
}

impl Drift {
    fn of(chunks: Option<i64>, recorded: Option<i64>, bytes: Option<i64>) -> Option<Self> {
        Some(Self {
            chunks: chunks.filter(|chunks| *chunks > 0)?,
            recorded: recorded?,
            bytes: bytes?,
        })
    }
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        self.record().ratio()
    }

    /// Of all compressed chunks.
    fn record(&self) -> Recorded {
        Recorded {
            chunks: self.compressed + self.partial,
            before: self.before_bytes,
            after: self.after_bytes,
            rows: self.rows,
            batches: self.batches,
        }
    }

    /// The bytes of the backlog; about, until they are known.
    fn backlog_size(&self) -> Value {
        let about = self.about_backlog_bytes.map(Value::AboutBytes);
        self.backlog_bytes.map(Value::Bytes).or(about).into()
    }

    fn full_name(&self) -> String {
        text::qualified(&self.schema, &self.name)
    }

    /// What the exact figures say of compressed chunks.
    fn packed_facts(&self) -> Vec<(String, Value)> {
        if self.packed_weight() == 0 {
            return Vec::new();
        }
        let old = self
            .packed_error
            .clone()
            .map_or_else(|| self.old_settings.into(), Value::Text);
        let mut facts = vec![("chunks under other settings".to_owned(), old)];
        facts.extend(self.drift.map(|drift| {
            let words = format!(
                "{}: {} now, {} recorded",
                text::plural(drift.chunks, "chunk"),
                text::bytes(drift.bytes),
                text::bytes(drift.recorded)
            );
            ("size far from the record".to_owned(), Value::Text(words))
        }));
        facts
    }

    /// How many chunks the bytes of the backlog have to open; `None`: there is nothing to ask.
    fn backlog_weight(&self) -> Option<usize> {
        let backlog = self.backlog.filter(|backlog| *backlog > 0)?;
        usize::try_from(backlog).ok()
    }

    /// How many chunks the function that says what "now" is may have to open; `None`: the list has the backlog.
    fn integer_weight(&self) -> Option<usize> {
        let policy = self.policy.as_ref()?;
        policy.after_number?;
        let integer = self.axis == Axis::Integer && self.has_now;
        usize::try_from(self.chunks.max(1)).ok().filter(|_| integer)
    }

    /// How many relations the true sizes of compressed chunks have to open, two for each; 0: none is compressed.
    fn packed_weight(&self) -> usize {
        let many = 2 * (self.compressed.min(20) + self.partial.min(100));
        usize::try_from(many).unwrap_or(0)
    }
}

impl Record for Row {
    const ID: ScreenId = ScreenId::Compression;
    const TITLE: &'static str = "Compression";
    const QUERY: Query = query!("compression");
    const BESIDE: Option<Query> = Some(query!("compression_beside"));
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
        Column::<Self>::text("", "HYPERTABLE", 20, |row, _| row.full_name().into()).grows(),
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
        Column::<Self>::text("enabled", "ON", 3, |row, _| row.enabled.into()).rank(6),
        Column::<Self>::number("chunks", "CHUNKS", 6, |row, _| row.chunks.into()),
        Column::<Self>::number("compressed_chunks", "COMPR", 6, |row, _| {
            row.compressed.into()
        })
        .rank(1),
        Column::<Self>::number("partial_chunks", "PART", 5, |row, _| row.partial.into()).rank(3),
        Column::<Self>::number("uncompressed_chunks", "UNCOMPR", 7, |row, _| {
            row.uncompressed.into()
        })
        .rank(4),
        Column::<Self>::number("before_bytes", "BEFORE", 8, |row, _| {
            row.before_bytes.map(Value::Bytes).into()
        })
        .rank(4),
        Column::<Self>::number("after_bytes", "AFTER", 8, |row, _| {
            row.after_bytes.map(Value::Bytes).into()
        })
        .rank(4),
        Column::<Self>::number("ratio", "RATIO", 6, |row, _| {
            row.ratio().map(Value::Ratio).into()
        }),
        Column::<Self>::text("segment_by", "SEGMENT BY", 18, |row, _| {
            row.segment_by.clone().into()
        })
        .rank(5),
        Column::<Self>::text("order_by", "ORDER BY", 24, |row, _| {
            row.order_by.clone().into()
        })
        .rank(6),
        Column::<Self>::text("compress_after", "OLDER THAN", 10, |row, _| {
            row.policy.as_ref().map_or(Value::Null, Policy::after_value)
        })
        .rank(1),
        Column::<Self>::number("job_id", "JOB", 5, |row, _| {
            row.policy.as_ref().map(|policy| policy.job_id).into()
        })
        .rank(5),
        Column::<Self>::text("", "POLICY", 11, |row, at| {
            row.policy
                .as_ref()
                .map(|policy| policy.state(at.now))
                .into()
        })
        .rank(1),
        Column::<Self>::number("backlog_chunks", "BACKLOG", 7, |row, _| {
            let about = row.about_backlog.map(Value::About);
            row.backlog.map(Value::Int).or(about).into()
        }),
        Column::<Self>::number("backlog_bytes", "BYTES", 8, |row, _| row.backlog_size()).rank(2),
        Column::<Self>::hidden("old_settings_chunks", |row, _| row.old_settings.into()),
        Column::<Self>::hidden("stuck_chunk", |row, _| {
            row.stuck.as_ref().map(|stuck| stuck.chunk.clone()).into()
        }),
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
            want: |row| Some((row.id.into(), row.integer_weight()?)),
            take: |row, figures| match figures {
                Ok([chunks, about, since]) => {
                    row.about_backlog = *about;
                    row.backlog = *chunks;
                    row.backlog_bytes = chunks.filter(|chunks| *chunks == 0);
                    row.due_since = since.map(Stamp);
                    row.backlog_error = None;
                }
                Ok(_) => {}
                Err(error) => {
                    (row.backlog, row.backlog_bytes, row.due_since) = (None, None, None);
                    row.about_backlog = None;
                    row.backlog_error = Some(error.to_owned());
                }
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
            want: |row| Some((row.id.into(), row.backlog_weight()?)),
            take: |row, figures| match figures {
                Ok([bytes]) => {
                    row.backlog_bytes = *bytes;
                    row.backlog_error = None;
                }
                Ok(_) => {}
                Err(error) => {
                    row.backlog_bytes = None;
                    row.backlog_error = Some(error.to_owned());
                }
            },
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
                let weight = row.packed_weight();
                (weight > 0).then(|| (row.id.into(), weight))
            },
            take: |row, figures| match figures {
                Ok([old, drifted, recorded, now, of_old @ ..]) => {
                    row.old_settings = *old;
                    row.old_record = Recorded::read(of_old);
                    row.drift = Drift::of(*drifted, *recorded, *now);
                    row.packed_error = None;
                }
                Ok(_) => {}
                Err(error) => {
                    (row.old_settings, row.drift) = (None, None);
                    row.packed_error = Some(error.to_owned());
                }
            },
        },
        policy::age(
            |row| row.policy.as_ref()?.waits_for_first(),
            |row, figures| {
                if let (Some(policy), Ok([since])) = (&mut row.policy, figures) {
                    policy.known_since = since.map(Stamp);
                }
            },
        ),
    ];
    const DETAILS: &'static [Detail<Self>] = &[Detail {
        title: "Chunks",
        query: chunks::QUERY,
        params: |row| vec![Param::BigInt(row.id.into())],
        build: |row, rows, _| Ok(Chunks::read(rows, row.axis)?.sections()),
    }];

    fn read(row: &tokio_postgres::Row) -> Result<Self> {
        let asked: Stamp = row.try_get("asked")?;
        let next_due: Option<f64> = row.try_get("next_due_seconds")?;
        let backlog: Option<i64> = row.try_get("backlog")?;
        let policy = Policy::read(row)?;
        let runs = policy
            .as_ref()
            .is_some_and(|policy| policy.scheduled && policy.next_start == Some(Stamp::BEFORE_ALL));
        Ok(Self {
            id: row.try_get("id")?,
            schema: row.try_get("schema")?,
            name: row.try_get("name")?,
            aggregate: row.try_get("aggregate")?,
            enabled: false,
            axis: Axis::of(row.try_get("axis")?),
            has_now: row.try_get::<_, Option<bool>>("has_now")?.unwrap_or(false),
            chunks: row.try_get("chunks")?,
            compressed: row.try_get("compressed")?,
            partial: row.try_get("partial")?,
            uncompressed: row.try_get("uncompressed")?,
            frozen: row.try_get("frozen")?,
            unordered: row.try_get("unordered")?,
            before_bytes: None,
            after_bytes: None,
            rows: None,
            batches: None,
            segment_by: None,
            order_by: None,
            policy,
            recompress: row.try_get("recompress")?,
            most_chunks: row.try_get("most_chunks")?,
            boundary: row.try_get("boundary")?,
            made_before: row.try_get("made_before")?,
            backlog,
            backlog_bytes: backlog.filter(|chunks| *chunks == 0),
            about_backlog_bytes: row.try_get("about_backlog_bytes")?,
            backlog_error: None,
            about_backlog: None,
            partial_due: row.try_get("partial_due")?,
            overdue_seconds: row.try_get("overdue_seconds")?,
            due_since: None,
            next_due: next_due
                // A run may come to wait for a lock, which no catalogue tells.
                .map(|next| if runs { next.min(LOOK_AGAIN) } else { next })
                .or(runs.then_some(LOOK_AGAIN))
                .map(|seconds| asked.plus_seconds(seconds)),
            pace: Pace::read(row)?,
            drop_after: row.try_get("drop_after")?,
            drops_first: row.try_get("drops_first")?,
            blocked: None,
            stuck: Stuck::read(row)?,
            old_settings: None,
            old_record: Recorded::default(),
            drift: None,
            packed_error: None,
            seen: None,
        })
    }

    fn join(rows: &mut [Self], beside: &[tokio_postgres::Row]) -> Result<()> {
        let mut halves = HashMap::new();
        for half in beside {
            halves.insert(half.try_get::<_, i64>("id")?, half);
        }
        for row in rows {
            if let Some(half) = halves.get(&row.id.into()) {
                row.enabled = half.try_get("enabled")?;
                row.segment_by = half.try_get("segment_by")?;
                row.order_by = half.try_get("order_by")?;
                row.before_bytes = half.try_get("before_bytes")?;
                row.after_bytes = half.try_get("after_bytes")?;
                row.rows = half.try_get("compressed_rows")?;
                row.batches = half.try_get("batches")?;
                row.blocked = Blocked::read(half)?;
            }
        }
        Ok(())
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

    fn caveats(rows: &[Self], at: &At) -> Vec<String> {
        let mut caveats = Vec::new();
        caveats.extend(policy::estimated(
            rows.iter().filter_map(|row| row.policy.as_ref()),
        ));
        let local = |row: &&Self| {
            let policy = row.policy.as_ref();
            matches!(row.axis, Axis::Timestamp | Axis::Date)
                && policy.is_some_and(|policy| policy.owner_zone.is_none())
        };
        let local = || rows.iter().filter(local).count();
        caveats.extend(at.server.zone_caveat(local));
        if at.server.edition == Edition::Apache && rows.iter().any(|row| row.enabled) {
            caveats.push(
                "Apache edition: policies do not run, and compressed rows cannot be read"
                    .to_owned(),
            );
        }
        if at.server.sql_version() < Version::new(2, 14)
            && rows.iter().any(|row| row.policy.is_some())
        {
            caveats.push("before 2.14 a compression policy reports Success even where a chunk failed: trust the backlog, not the status".to_owned());
        }
        caveats
    }

    fn facts(&self, at: &At) -> Vec<Section> {
        let mut facts: Vec<(String, Value)> = vec![
            (
                "kind".into(),
                (if self.aggregate {
                    "aggregate (its materialization)"
                } else {
                    "hypertable"
                })
                .into(),
            ),
            ("enabled".into(), self.enabled.into()),
            ("segment by".into(), self.segment_by.clone().into()),
            ("order by".into(), self.order_by.clone().into()),
            (
                "chunks".into(),
                format!(
                    "{} = {} compressed + {} partial + {} uncompressed",
                    text::count(self.chunks),
                    text::count(self.compressed),
                    text::count(self.partial),
                    text::count(self.uncompressed)
                )
                .into(),
            ),
            (
                "recorded before".into(),
                self.before_bytes.map(Value::Bytes).into(),
            ),
            (
                "recorded after".into(),
                self.after_bytes.map(Value::Bytes).into(),
            ),
            ("ratio".into(), self.ratio().map(Value::Ratio).into()),
            ("backlog".into(), self.backlog.into()),
            (
                "backlog, bytes now".into(),
                match (&self.backlog_error, self.about_backlog_bytes) {
                    (None, _) => self.backlog_size(),
                    (Some(error), None) => Value::text(error),
                    (Some(error), Some(about)) => {
                        Value::text(format!("~{} ({error})", text::bytes(about)))
                    }
                },
            ),
        ];
        facts.extend(self.packed_facts());
        if let Some(policy) = &self.policy {
            facts.extend([
                (
                    "policy".to_owned(),
                    Value::text(format!("job {}, {}", policy.job_id, policy.state(at.now))),
                ),
                ("compress after".to_owned(), policy.after_value()),
                (
                    "time zone of its owner".to_owned(),
                    policy.owner_zone.clone().into(),
                ),
                ("next run".to_owned(), policy.next_start_value()),
                ("last run".to_owned(), policy.last_run_status()),
                ("last finish".to_owned(), policy.last_finish.into()),
                (
                    "chunks a run at most".to_owned(),
                    self.most_chunks.clone().into(),
                ),
            ]);
        } else {
            facts.push(("policy".to_owned(), "none".into()));
        }
        vec![Section::Facts {
            title: "Compression (recorded bytes are those of the moment each chunk was compressed)"
                .to_owned(),
            facts,
        }]
    }

    fn settle(before: &[Self], rows: &mut Vec<Self>) {
        let seen: HashMap<i32, _> = before.iter().map(|row| (row.id, row.seen)).collect();
        for row in rows {
            row.seen = seen.get(&row.id).copied().flatten();
        }
    }

    fn relate(rows: &mut [Self], at: &At) {
        for row in rows {
            row.seen = row.seen.or(row.backlog.map(|backlog| (at.now, backlog)));
        }
    }

    fn due(&self) -> Option<Stamp> {
        self.next_due
    }
}
