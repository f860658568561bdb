//! Compression: what each hypertable takes, before and after, and what still waits for its policy.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::plans::Target;
use crate::policy::Policy;
use crate::query;
use crate::record::{At, Column, Detail, Exact, Record, Section};
use crate::rules;
use crate::screens::chunks::{self, Chunks};
use crate::server::Edition;
use crate::sql::{Param, Query, Version};
use crate::text;
use crate::thresholds::{Limits, exceeds};
use crate::value::{Axis, Stamp, Value};
use crate::verdict::{Finding, Findings, Level, Verdict};

/// Batches of fewer rows waste their headers.
const FEW_ROWS: f64 = 100.0;

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
    pub backlog_bytes: Option<i64>,
    /// Why the backlog's bytes (or, for integer time, the backlog) could not be had.
    pub backlog_error: Option<String>,
    /// Partially compressed chunks past compress-after.
    pub partial_due: Option<i64>,
    /// For how long the oldest chunk of the backlog has been due.
    pub overdue_seconds: Option<f64>,
    pub next_due: Option<Stamp>,
    /// `drop_after` of the retention policy that runs; and whether chunks go before they are compressed, where that can
    /// be compared.
    pub drop_after: Option<String>,
    pub drops_first: Option<bool>,
    /// The first backlog that this console saw, and when.
    pub seen: Option<(Stamp, i64)>,
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        let (before, after) = (
            self.before_bytes?,
            self.after_bytes.filter(|after| *after > 0)?,
        );
        #[expect(
            clippy::cast_precision_loss,
            reason = "a ratio is shown with one digit"
        )]
        Some(before as f64 / after as f64)
    }

    fn full_name(&self) -> String {
        text::qualified(&self.schema, &self.name)
    }

    /// Below a megabyte a chunk the fixed size of pages decides the ratio, not the settings.
    fn is_worth_judging(&self) -> bool {
        let compressed = self.compressed + self.partial;
        self.before_bytes
            .is_some_and(|before| compressed > 0 && before / compressed >= 1 << 20)
    }

    /// How long a chunk may wait for the policy's next run and still be as promised.
    fn patience(&self, limits: &Limits) -> f64 {
        let schedule = self
            .policy
            .as_ref()
            .and_then(|policy| policy.schedule_seconds);
        schedule.unwrap_or(86_400.0) + limits.compression_patience
    }

    /// How many rows a batch of the compressed chunks holds; up to 1000 fit.
    #[expect(clippy::cast_precision_loss, reason = "an average is rounded")]
    fn rows_a_batch(&self) -> Option<f64> {
        let batches = self.batches.filter(|batches| *batches > 0)?;
        let rows = self.rows.filter(|rows| *rows > 0)?;
        Some(rows as f64 / batches as f64)
    }

    /// The likeliest reason of a poor ratio.
    fn why_poor(&self) -> String {
        let segments = self.segment_by.as_deref();
        match (segments, self.rows_a_batch()) {
            (Some(by), Some(rows)) if rows < FEW_ROWS => format!(
                "segment-by {by} is too fine for chunks of this size: {rows:.0} rows a batch, where 1000 fit"
            ),
            (None, Some(rows)) if rows < FEW_ROWS => {
                format!("chunks hold too few rows: {rows:.0} a batch, where 1000 fit")
            }
            (None, _) => {
                "there is no segment-by, so that rows of different things lie in one batch"
                    .to_owned()
            }
            (Some(_), _) if self.order_by.is_none() => {
                "there is no order-by, so that like values do not lie side by side".to_owned()
            }
            (Some(by), Some(rows)) => format!(
                "look at segment-by {by} and the order-by ({rows:.0} rows a batch are enough)"
            ),
            (Some(_), None) => "look at segment-by and order-by".to_owned(),
        }
    }

    fn judge_ratio(&self, findings: &mut Findings, poor: f64) {
        let Some(ratio) = self.ratio().filter(|_| self.is_worth_judging()) else {
            return;
        };
        let why = self.why_poor();
        if ratio < 1.0 {
            let reason = format!("compressed chunks are larger than before ({ratio:.1}x): {why}");
            findings.add(&rules::COMPRESSION_RATIO, Level::Warning, reason);
        } else if ratio < poor {
            let reason = format!("the ratio of {ratio:.1}x is poor: {why}");
            findings.add(&rules::COMPRESSION_RATIO, Level::Notice, reason);
        }
    }

    /// Retention that is faster than compression.
    fn judge_pointless(&self, findings: &mut Findings) {
        let (Some(true), Some(drop), Some(policy)) =
            (self.drops_first, &self.drop_after, &self.policy)
        else {
            return;
        };
        let after = policy
            .after
            .as_deref()
            .map_or("?".to_owned(), text::interval);
        findings.add(
            &rules::COMPRESSION_POINTLESS,
            Level::Warning,
            format!(
                "its policy compresses after {after}, and retention drops after {} already: nothing is ever compressed; set compress_after well below drop_after",
                text::interval(drop)
            ),
        );
    }

    /// Where the backlog is going: by what was seen since the console started, else by what a run takes.
    #[expect(clippy::cast_precision_loss, reason = "numbers of chunks fit")]
    fn trend(&self, backlog: i64, at: &At) -> String {
        let seen = self
            .seen
            .map(|(since, first)| (at.now.seconds_since(since), backlog - first));
        match seen.filter(|(over, change)| *over >= 60.0 && *change != 0) {
            Some((over, more @ 1..)) => {
                return format!(", {more} more than {} ago", text::duration(over.floor()));
            }
            Some((over, less)) => {
                let left = over * backlog as f64 / -less as f64;
                return format!(
                    ", {} fewer than {} ago: done in about {} at this rate",
                    -less,
                    text::duration(over.floor()),
                    text::duration(left.ceil())
                );
            }
            None => {}
        }
        let most = self
            .most_chunks
            .as_deref()
            .and_then(|most| most.parse::<i64>().ok());
        let every = self
            .policy
            .as_ref()
            .and_then(|policy| policy.schedule_seconds);
        match most.filter(|most| *most > 0).zip(every) {
            Some((most, every)) if backlog > most => {
                let runs = (backlog + most - 1) / most;
                format!(
                    ", {} by maxchunks_to_compress {most}, about {}",
                    text::plural(runs, "run"),
                    text::duration(runs as f64 * every)
                )
            }
            _ => String::new(),
        }
    }

    fn judge_backlog(&self, findings: &mut Findings, policy: &Policy, at: &At) {
        let Some(backlog) = self.backlog else {
            if let Some(error) = &self.backlog_error {
                findings.add(
                    &rules::COMPRESSION_UNKNOWN,
                    Level::Unknown,
                    format!("its backlog is not known: {error}"),
                );
            } else if let Some(created) = &policy.created {
                findings.add(&rules::COMPRESSION_SETTING, Level::Warning, format!("its policy's compress_created_before ({created}) is no interval, so its backlog is not known"));
            } else if self.axis == Axis::Integer && !self.has_now {
                findings.add(&rules::COMPRESSION_SETTING, Level::Warning, "its time is an integer without integer_now_func, so the policy cannot know what is old: set_integer_now_func()");
            } else if !policy.is_understood(self.axis) {
                let config = policy.after.as_deref().unwrap_or("none");
                findings.add(&rules::COMPRESSION_SETTING, Level::Warning, format!("its policy's compress_after ({config}) does not fit the dimension, so its backlog is not known"));
            } else if let Some(zone) = &policy.owner_zone {
                findings.add(&rules::COMPRESSION_UNKNOWN, Level::Unknown, format!("the time zone set on its policy's owner ({zone}) is no zone's name, so its backlog is not known: ALTER ROLE … SET timezone = a name of pg_timezone_names"));
            }
            return;
        };
        if self.recompress.as_deref() == Some("false")
            && (Version::new(2, 22)..Version::new(2, 27)).contains(&at.server.sql_version())
        {
            findings.add(&rules::COMPRESSION_SETTING, Level::Critical, "recompress=false in the policy's configuration makes it compress nothing on TimescaleDB 2.22 to 2.26: remove it");
        }
        if backlog == 0 {
            return;
        }
        let waits = text::plural(backlog, "chunk");
        match self.overdue_seconds {
            Some(overdue) if overdue > self.patience(&at.limits(&self.full_name())) => {
                let long = text::duration(overdue);
                let since = at.now.plus_seconds(-overdue);
                let reason = format!(
                    "{waits} past compress-after not compressed, the oldest due for {long}{}; {}",
                    self.trend(backlog, at),
                    policy.when(at.now)
                );
                findings.push(
                    Finding::new(&rules::COMPRESSION_BACKLOG, Level::Warning, reason)
                        .since(Some(since)),
                );
            }
            _ => findings.add(
                &rules::COMPRESSION_BACKLOG,
                Level::Ok,
                format!(
                    "{waits} due, as usual between two runs: {}",
                    policy.when(at.now)
                ),
            ),
        }
    }
}

impl Record for Row {
    const NAME: &'static str = "compression";
    const TITLE: &'static str = "Compression";
    const QUERY: Query = query!("compression", (2, 28), (2, 14));
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
        Column::<Self>::number("backlog_chunks", "BACKLOG", 7, |row, _| row.backlog.into()),
        Column::<Self>::number("backlog_bytes", "BYTES", 8, |row, _| {
            row.backlog_bytes.map(Value::Bytes).into()
        })
        .rank(2),
    ];
    const EXACT: Option<Exact<Self>> = Some(Exact {
        query: query!("compression_exact", (2, 29)),
        figures: &["backlog_chunks", "backlog_bytes"],
        slice: 500,
        want: |row| {
            let integer = row.axis == Axis::Integer && row.has_now && row.policy.is_some();
            let weight = usize::try_from(row.backlog.unwrap_or(50)).unwrap_or(0);
            (integer || weight > 0 && row.backlog.is_some()).then_some((row.id.into(), weight))
        },
        take: |row, figures| match figures {
            Ok([chunks, bytes]) => {
                if row.axis == Axis::Integer {
                    row.backlog = *chunks;
                }
                row.backlog_bytes = *bytes;
                row.backlog_error = None;
            }
            Ok(_) => {}
            Err(error) => row.backlog_error = Some(error.to_owned()),
        },
    });
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
        Ok(Self {
            id: row.try_get("id")?,
            schema: row.try_get("schema")?,
            name: row.try_get("name")?,
            aggregate: row.try_get("aggregate")?,
            enabled: row.try_get("enabled")?,
            axis: Axis::of(row.try_get("axis")?),
            has_now: row.try_get::<_, Option<bool>>("has_now")?.unwrap_or(false),
            chunks: row.try_get("chunks")?,
            compressed: row.try_get("compressed")?,
            partial: row.try_get("partial")?,
            uncompressed: row.try_get("uncompressed")?,
            frozen: row.try_get("frozen")?,
            unordered: row.try_get("unordered")?,
            before_bytes: row.try_get("before_bytes")?,
            after_bytes: row.try_get("after_bytes")?,
            rows: row.try_get("compressed_rows")?,
            batches: row.try_get("batches")?,
            segment_by: row.try_get("segment_by")?,
            order_by: row.try_get("order_by")?,
            policy: Policy::read(row)?,
            recompress: row.try_get("recompress")?,
            most_chunks: row.try_get("most_chunks")?,
            boundary: row.try_get("boundary")?,
            made_before: row.try_get("made_before")?,
            backlog,
            backlog_bytes: backlog.filter(|chunks| *chunks == 0),
            backlog_error: None,
            partial_due: row.try_get("partial_due")?,
            overdue_seconds: row.try_get("overdue_seconds")?,
            next_due: next_due.map(|seconds| asked.plus_seconds(seconds)),
            drop_after: row.try_get("drop_after")?,
            drops_first: row.try_get("drops_first")?,
            seen: None,
        })
    }

    fn key(&self) -> String {
        self.full_name()
    }

    fn targets(&self) -> Vec<Target> {
        let mut targets = Target::relation(self.id, &self.full_name(), self.aggregate);
        targets.extend(
            self.policy
                .as_ref()
                .map(|policy| Target::job(policy.job_id)),
        );
        targets
    }

    fn verdict(&self, at: &At) -> Verdict {
        let mut findings = Findings::default();
        let limits = at.limits(&self.full_name());
        if !self.enabled {
            let old = if exceeds(self.chunks, limits.uncompressed_chunks) {
                Level::Notice
            } else {
                Level::Ok
            };
            return Verdict::of(
                &rules::COMPRESSION_OFF,
                old,
                format!(
                    "compression is not enabled; {}",
                    text::plural(self.chunks, "chunk")
                ),
            );
        }
        match &self.policy {
            Some(policy) => {
                let waits = self.backlog.is_some_and(|backlog| backlog > 0);
                policy.judge(&mut findings, &limits, at.now, waits);
                self.judge_backlog(&mut findings, policy, at);
            }
            None if self.uncompressed > 1 => {
                findings.add(&rules::COMPRESSION_NO_POLICY, Level::Notice, format!("enabled, but without a policy: {} uncompressed until somebody compresses by hand", text::plural(self.uncompressed, "chunk")));
            }
            None => {}
        }
        self.judge_ratio(&mut findings, limits.poor_ratio);
        self.judge_pointless(&mut findings);
        if let Some(partial) = self.partial_due.filter(|partial| *partial > 0) {
            findings.add(&rules::COMPRESSION_PARTIAL, Level::Notice, format!("{} partially compressed: late rows came in, the policy's next run recompresses", text::plural(partial, "chunk")));
        }
        if self.frozen > 0 {
            findings.add(
                &rules::COMPRESSION_FROZEN,
                Level::Notice,
                format!(
                    "{} frozen: policies pass over it",
                    text::plural(self.frozen, "chunk")
                ),
            );
        }
        findings.verdict(format!(
            "{} of {} compressed, as the policy promises",
            text::count(self.compressed + self.partial),
            text::plural(self.chunks, "chunk")
        ))
    }

    fn caveats(rows: &[Self], at: &At) -> Vec<String> {
        let mut caveats = Vec::new();
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
                self.backlog_error
                    .clone()
                    .map_or_else(|| self.backlog_bytes.map(Value::Bytes).into(), Value::Text),
            ),
        ];
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
