//! Retention: what the next run of each policy would drop, what is overdue, what nothing ever drops.

use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::model::bucket::Range;
use crate::model::moment::{Axis, Point, Stamp};
use crate::model::remade::REMADE;
use crate::model::screen_id::ScreenId;
use crate::model::target::Target;
use crate::model::thresholds::exceeds;
use crate::model::unread::{Clock, Unread};
use crate::model::value::Value;
use crate::model::verdict::{Finding, Findings, Level, Verdict};
use crate::model::{rules, text};
use crate::screens::aggregates::Blocked;
use crate::screens::chunks::{self, Chunk, Chunks};
use crate::screens::policy;
use crate::screens::policy::{Policy, Work};
use crate::screens::record::{Column, Detail, Exact, Record, Section};
use crate::server::known::{At, Edition};
use crate::server::row::{self, or_default};
use crate::server::sql::{Param, Query, query};

const WORK: Work = Work {
    what: "what the next run drops",
    after: "drop_after",
    created: "drop_created_before",
    unknown: &rules::RETENTION_UNKNOWN,
    setting: &rules::RETENTION_SETTING,
};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    pub id: i32,
    pub schema: String,
    pub name: String,
    pub aggregate: bool,
    pub axis: Axis,
    /// An integer dimension whose hypertable says what "now" is; of an aggregate assumed until it is asked for.
    #[serde(deserialize_with = "or_default")]
    pub has_now: bool,
    pub chunks: i64,
    /// Where the oldest chunk begins; `None`: there is no chunk.
    pub oldest: Option<Point>,
    #[serde(alias = "job_id")]
    pub policy: Option<Policy>,
    /// The end of what the policy drops, in the dimension's unit; `None` for integer time.
    pub boundary: Option<i64>,
    /// The same for a policy by creation.
    pub made_before: Option<Stamp>,
    /// Chunks that the next run would drop; `None`: not known (yet).
    pub eligible: Option<i64>,
    /// The same as if it were the end of the newest chunk now: where the function that says so is not run.
    #[serde(default)]
    pub about_eligible: Option<i64>,
    /// Their bytes now, compressed companions included.
    pub eligible_bytes: Option<i64>,
    pub eligible_error: Option<String>,
    /// Frozen chunks past the boundary: no run drops them.
    pub frozen: i64,
    pub overdue_seconds: Option<f64>,
    /// The same of integer time: a moment at which it was due for sure.
    #[serde(default)]
    pub due_since: Option<Stamp>,
    pub next_due: Option<Stamp>,
    /// Aggregates that read this hypertable.
    #[serde(deserialize_with = "or_default")]
    pub read_by: Vec<String>,
    /// Where the last chunk ends that the next run drops; `None`: none will go, or it is not known.
    #[serde(default)]
    pub drop_edge: Option<i64>,
    /// Of a policy by creation the times of the chunks that go: what lies between them stays.
    #[serde(default, deserialize_with = "or_default")]
    pub going: Vec<(i64, i64)>,
    /// What is now on integer time; `None`: not known (yet).
    #[serde(default)]
    pub integer_now: Option<i64>,
    /// Where such a chunk goes: the aggregates that read it, and what they have not taken in.
    #[serde(default, deserialize_with = "or_default")]
    pub readers: Vec<Unread>,
    /// Microseconds by which the local clock of the database is ahead of UTC.
    #[serde(default)]
    pub local_shift: i64,
    /// The policy's worker waits for a lock.
    #[serde(default, alias = "blocked_pid")]
    pub blocked: Option<Blocked>,
}

#[derive(Deserialize)]
struct Oldest {
    oldest_raw: Option<i64>,
}

impl Row {
    fn full_name(&self) -> String {
        text::qualified(&self.schema, &self.name)
    }

    fn drop_after(&self) -> Value {
        self.policy
            .as_ref()
            .map_or(Value::Null, Policy::after_value)
    }

    /// How old the oldest data is; `None` for integer time.
    fn age(&self, at: &At) -> Option<f64> {
        let oldest = self.oldest.filter(|oldest| oldest.axis != Axis::Integer)?;
        // Without a zone it is the local clock that it is measured by.
        let shift = match oldest.axis {
            Axis::Timestamp | Axis::Date => self.local_shift,
            Axis::TimestampTz | Axis::Integer => 0,
        };
        let now = Stamp(at.now.0.saturating_add(shift));
        Some(now.seconds_since(Stamp(oldest.raw)))
    }

    fn judge_eligible(&self, findings: &mut Findings, policy: &Policy, at: &At) {
        if let Some(why) = self.fails_by_creation(policy, at) {
            let finding = Finding::new(&rules::RETENTION_SETTING, Level::Critical, why);
            // Nothing alters such a policy.
            findings.push(finding.fixed_by(Some("remove-retention-policy")));
            return;
        }
        let Some(eligible) = self.eligible else {
            let not_run = policy.not_run(self.about_eligible);
            let error = not_run.as_deref().or(self.eligible_error.as_deref());
            policy.judge_unknown(findings, &WORK, self.axis, self.has_now, error);
            return;
        };
        if eligible == 0 {
            return;
        }
        let goes = text::plural(eligible, "chunk");
        let limits = at.limits(&self.full_name());
        let patience = policy.schedule_seconds.unwrap_or(86_400.0) + limits.retention_patience;
        let then = policy.then(&limits, at.now);
        let rule = &rules::RETENTION_OVERDUE;
        findings.push(
            match policy::overdue(self.overdue_seconds, self.due_since, at.now) {
                Some((overdue, long)) if overdue > patience && !policy.is_new(&limits, at.now) => {
                    let reason = format!(
                        "{goes} past drop-after still there, the oldest due for {long}{then}"
                    );
                    Finding::new(rule, Level::Warning, reason)
                        .since(Some(at.now.plus_seconds(-overdue)))
                }
                due if policy.is_put_off(self.axis, &limits, at.now) => {
                    let due = policy::due_for(due);
                    let reason = format!("{goes} past drop-after still there, {due}{then}");
                    Finding::new(rule, Level::Warning, reason)
                }
                _ => Finding::new(rule, Level::Ok, format!("the next run drops {goes}{then}")),
            },
        );
    }

    /// What the next run drops before an aggregate has read it: that is lost to it for good.
    fn judge_unread(&self, findings: &mut Findings, policy: &Policy, at: &At) {
        // A run that fails drops nothing.
        let runs = policy.scheduled && self.fails_by_creation(policy, at).is_none();
        let Some(edge) = self.drop_edge.filter(|_| runs) else {
            return;
        };
        let next = policy.next_start.and_then(Stamp::finite);
        let runs = next.filter(|next| *next > at.now).unwrap_or(at.now);
        let when = match runs.seconds_since(at.now).floor() {
            0.0 => "at once".to_owned(),
            left => format!("in {}", text::duration(left)),
        };
        let clock = Clock {
            now: at.now,
            local_shift: self.local_shift,
            integer: self.integer_now,
        };
        for reader in &self.readers {
            let Some(range) = reader.before(edge, false) else {
                continue;
            };
            let parts = match &self.going[..] {
                [] => vec![range],
                going => reader.within(range, going),
            };
            let late = at.limits(&reader.name).job_late;
            let missed = |range: &Range| !reader.is_read_by(*range, runs, &clock, late);
            for (remade, rest) in parts
                .into_iter()
                .filter(missed)
                .map(|range| reader.apart(range))
            {
                findings.extend(remade.map(|range| drops_remade(policy, reader, range, &when)));
                findings.extend(
                    rest.into_iter()
                        .map(|range| drops_unread(policy, reader, range, &when)),
                );
            }
        }
    }

    /// How many chunks the function that says what "now" is may have to open; `None`: the list has what is due.
    fn integer_cost(&self) -> Option<usize> {
        let policy = self.policy.as_ref()?;
        policy.after_number?;
        let integer = self.axis == Axis::Integer && (self.has_now || self.aggregate);
        usize::try_from(self.chunks.max(1)).ok().filter(|_| integer)
    }

    /// Why every run of a policy by creation fails here, where TimescaleDB misreads its own configuration.
    fn fails_by_creation(&self, policy: &Policy, at: &At) -> Option<String> {
        let created = policy.created.as_ref()?;
        let integer = self.axis == Axis::Integer;
        // An aggregate has its source's "now", and no function of its own.
        let has_now = self.has_now && !self.aggregate;
        let place = at
            .server
            .sql_version()
            .fails_by_creation(integer, has_now)?;
        let number = if integer { " with a number" } else { "" };
        Some(format!(
            "drop_created_before ({created}) always fails {place}: use drop_after{number}"
        ))
    }
}

impl Record for Row {
    const ID: ScreenId = ScreenId::Retention;
    const TITLE: &'static str = "Retention";
    const QUERY: Query = query!("retention");
    const WATCHED: &'static [&'static str] = &[
        "_timescaledb_catalog.chunk",
        "_timescaledb_catalog.hypertable",
        "_timescaledb_catalog.continuous_agg",
        "_timescaledb_catalog.continuous_aggs_materialization_invalidation_log",
        "_timescaledb_catalog.continuous_aggs_hypertable_invalidation_log",
        "_timescaledb_config.bgw_job",
        "_timescaledb_catalog.bgw_job",
        "_timescaledb_internal.bgw_job_stat",
    ];
    const MAX_AGE: Duration = Duration::from_secs(300);
    const COLUMNS: &'static [Column<Self>] = &[
        Column::<Self>::text("", "HYPERTABLE", 22, |row, _| row.full_name().into()).grows(),
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
        .rank(5),
        Column::<Self>::number("job_id", "JOB", 5, |row, _| {
            row.policy.as_ref().map(|policy| policy.job_id).into()
        })
        .rank(4),
        Column::<Self>::text("drop_after", "DROP AFTER", 11, |row, _| row.drop_after()),
        Column::<Self>::number("chunks", "CHUNKS", 6, |row, _| row.chunks.into()).rank(2),
        Column::<Self>::text("oldest_chunk_start", "OLDEST", 16, |row, _| {
            row.oldest.into()
        }),
        Column::<Self>::number("eligible_chunks", "GO", 5, |row, _| {
            let about = row.about_eligible.map(Value::About);
            row.eligible.map(Value::Int).or(about).into()
        }),
        Column::<Self>::number("eligible_bytes", "BYTES", 8, |row, _| {
            row.eligible_bytes.map(Value::Bytes).into()
        })
        .rank(1),
        Column::<Self>::text("next_start", "NEXT RUN", 14, |row, _| {
            row.policy
                .as_ref()
                .map_or(Value::Null, Policy::next_start_value)
        })
        .rank(3),
        Column::<Self>::text("last_run_status", "LAST", 7, |row, _| {
            row.policy
                .as_ref()
                .map_or(Value::Null, Policy::last_run_status)
        })
        .rank(3),
        Column::<Self>::text("", "POLICY", 11, |row, at| {
            row.policy
                .as_ref()
                .map(|policy| policy.state(&at.limits(&row.full_name()), at.now))
                .into()
        })
        .rank(1),
        Column::<Self>::number("", "FROZEN", 6, |row, _| row.frozen.into()).rank(6),
    ];
    const EXACT: &'static [Exact<Self>] = &[
        Exact {
            overview: true,
            later: false,
            judges: |_| true,
            every: Duration::from_secs(30),
            query: query!("retention_integer"),
            figures: &[
                "clocks",
                "eligible_chunks",
                "about_chunks",
                "due_since",
                "is_now",
                "drop_edge",
            ],
            slice: 2_000,
            want: |row| Some((row.id.into(), row.integer_cost()?)),
            take: |row, figures| match figures {
                Ok([clocks, chunks, about, since, now, edge]) => {
                    (row.integer_now, row.drop_edge) = (*now, *edge);
                    row.about_eligible = *about;
                    row.has_now = clocks.is_some_and(|clocks| clocks > 0);
                    row.eligible = *chunks;
                    row.eligible_bytes = chunks.filter(|chunks| *chunks == 0);
                    row.due_since = since.map(Stamp);
                    row.eligible_error = None;
                }
                Ok(_) => {}
                Err(error) => {
                    (row.eligible, row.eligible_bytes, row.due_since) = (None, None, None);
                    (row.integer_now, row.drop_edge) = (None, None);
                    row.about_eligible = None;
                    row.eligible_error = Some(error.to_owned());
                }
            },
        },
        Exact {
            overview: false,
            later: false,
            judges: |_| false,
            every: Duration::from_secs(30),
            query: query!("retention_exact"),
            figures: &["eligible_bytes"],
            slice: 500,
            want: |row| {
                let eligible = row.eligible.filter(|chunks| *chunks > 0)?;
                Some((row.id.into(), usize::try_from(eligible).ok()?))
            },
            take: |row, figures| match figures {
                Ok([bytes]) => {
                    row.eligible_bytes = *bytes;
                    row.eligible_error = None;
                }
                Ok(_) => {}
                Err(error) => {
                    row.eligible_bytes = None;
                    row.eligible_error = Some(error.to_owned());
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
        title: "Chunks that would go",
        query: chunks::QUERY,
        params: |row| vec![Param::BigInt(row.id.into())],
        build: |row, rows, _| Ok(going(row, &Chunks::read(rows, row.axis)?)),
    }];

    fn read(row: &tokio_postgres::Row) -> Result<Self> {
        let (mut hypertable, oldest, due): (Self, Oldest, policy::Due) = row::read(row)?;
        let axis = hypertable.axis;
        hypertable.has_now |= hypertable.aggregate;
        hypertable.oldest = oldest.oldest_raw.map(|raw| Point { axis, raw });
        hypertable.eligible_bytes = hypertable.eligible.filter(|chunks| *chunks == 0);
        hypertable.next_due = due.at(None);
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
        let mut findings = Findings::default();
        let limits = at.limits(&self.full_name());
        let Some(policy) = &self.policy else {
            return match self.age(at) {
                Some(age)
                    if age > limits.no_retention_age
                        && exceeds(self.chunks, limits.no_retention_chunks) =>
                {
                    Verdict::of(
                        &rules::RETENTION_NONE,
                        Level::Notice,
                        format!(
                            "no policy: nothing is ever dropped; the oldest of {} begins {} ago: add-retention-policy wants to be told from which age on (drop_after)",
                            text::plural(self.chunks, "chunk"),
                            text::duration(age)
                        ),
                    )
                }
                Some(age) if self.chunks > 0 => Verdict::ok(format!(
                    "no policy: nothing is ever dropped; the oldest chunk begins {} ago",
                    text::duration(age)
                )),
                _ => Verdict::ok("no policy: nothing is ever dropped"),
            };
        };
        // Whose setting fails at every run has no other trouble that a person could end.
        if self.fails_by_creation(policy, at).is_none() {
            let waits = self.eligible.is_some_and(|eligible| eligible > 0);
            policy.judge(&mut findings, &limits, at.now, waits);
        }
        if let Some(blocked) = &self.blocked {
            let rule = &rules::RETENTION_BLOCKED;
            let waits = blocked.finding(rule, "its policy", at.now, limits.blocked);
            if let Some(finding) = waits {
                findings.push(finding.of_job(policy.job_id));
            }
        }
        self.judge_unread(&mut findings, policy, at);
        self.judge_eligible(&mut findings, policy, at);
        if self.frozen > 0 {
            findings.add(
                &rules::RETENTION_FROZEN,
                Level::Notice,
                format!(
                    "{} past drop-after frozen: no run ever drops {}; {}.unfreeze_chunk() lets a chunk go",
                    text::plural(self.frozen, "chunk"),
                    if self.frozen == 1 { "it" } else { "them" },
                    at.server.functions()
                ),
            );
        }
        findings.verdict(format!("nothing is due; {}", policy.when(&limits, at.now)))
    }

    fn caveats(rows: &[Self], at: &At) -> Vec<String> {
        let mut caveats = Vec::new();
        caveats.extend(policy::estimated(
            rows.iter().filter_map(|row| row.policy.as_ref()),
        ));
        let known = at.server.time_zone_hidden_by.is_none();
        let database = known.then_some(&at.server.time_zone);
        let zones: std::collections::BTreeSet<&String> = rows
            .iter()
            .filter(|row| matches!(row.axis, Axis::Timestamp | Axis::Date))
            .filter_map(|row| row.policy.as_ref())
            .filter_map(|policy| policy.owner_zone.as_ref().or(database))
            .collect();
        let zones: Vec<_> = zones.into_iter().map(String::as_str).collect();
        if !zones.is_empty() && zones != ["UTC"] {
            caveats.push(format!("time without a zone: boundaries are reckoned in {}, the zone of the job's owner, else of this database's background workers", zones.join(", ")));
        }
        caveats.extend(at.server.zone_caveat(|| without_zone(rows)));
        if at.server.edition == Edition::Apache {
            caveats.push(
                "Apache edition: retention policies do not run; drop_chunks() works".to_owned(),
            );
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
            ("chunks".into(), self.chunks.into()),
            ("oldest chunk begins".into(), self.oldest.into()),
            (
                "oldest data is".into(),
                self.age(at)
                    .map(|age| format!("{} old", text::duration(age)))
                    .into(),
            ),
            ("drop after".into(), self.drop_after()),
            (
                "boundary now".into(),
                self.boundary
                    .map(|raw| Point {
                        axis: self.axis,
                        raw,
                    })
                    .into(),
            ),
            (
                "the next run drops".into(),
                self.policy
                    .as_ref()
                    .filter(|_| self.eligible.is_none())
                    .and_then(|policy| policy.not_run(self.about_eligible))
                    .or_else(|| self.eligible.map(|chunks| text::plural(chunks, "chunk")))
                    .into(),
            ),
            (
                "their bytes now".into(),
                self.eligible_error
                    .clone()
                    .map_or_else(|| self.eligible_bytes.map(Value::Bytes).into(), Value::Text),
            ),
            ("frozen, never dropped".into(), self.frozen.into()),
        ];
        if let Some(policy) = &self.policy {
            facts.extend([
                (
                    "policy".to_owned(),
                    Value::text(format!(
                        "job {}, {}",
                        policy.job_id,
                        policy.state(&at.limits(&self.full_name()), at.now)
                    )),
                ),
                (
                    "time zone of its owner".to_owned(),
                    policy.owner_zone.clone().into(),
                ),
                ("next run".to_owned(), policy.next_start_value()),
                ("last run".to_owned(), policy.last_run_status()),
                ("last finish".to_owned(), policy.last_finish.into()),
            ]);
        }
        if !self.read_by.is_empty() {
            let names = self.read_by.join(", ");
            facts.push((
                "read by aggregates".to_owned(),
                Value::Text(format!(
                    "{names} (a refresh over dropped time deletes their rows: see Aggregates)"
                )),
            ));
        }
        vec![Section::Facts {
            title: "Retention".to_owned(),
            facts,
        }]
    }

    fn due(&self) -> Option<Stamp> {
        self.next_due
    }
}

/// Rows that go before an aggregate has read them.
fn drops_unread(policy: &Policy, reader: &Unread, range: Range, when: &str) -> Finding {
    let reason = format!(
        "DATA LOSS {when}: its next run (job {}) drops rows that {} has not read, {}, and they will be missing there for good ({}): refresh exactly that first",
        policy.job_id,
        reader.name,
        reader.show(range),
        reader.why()
    );
    let finding =
        Finding::new(&rules::RETENTION_UNREAD, Level::Critical, reason).upon(reader.target());
    let settings = reader.settings(range).into_iter();
    settings.fold(finding, |finding, (field, value)| {
        finding.setting(field, value)
    })
}

/// Late rows in chunks that may have been made again: neither their going nor a refresh before it is harmless.
fn drops_remade(policy: &Policy, reader: &Unread, range: Range, when: &str) -> Finding {
    let reason = format!(
        "DATA LOSS {when}: its next run (job {}) drops late rows that {} has not read, {}; but {}: leave it, or {}, whose preview says what would go",
        policy.job_id,
        reader.name,
        reader.show(range),
        REMADE,
        reader.by_hand(range)
    );
    Finding::new(&rules::RETENTION_UNREAD, Level::Critical, reason)
        .upon(reader.target())
        .fixed_by(None)
}

/// The chunks past the boundary, oldest first, and what stays.
fn going(row: &Row, all: &Chunks) -> Vec<Section> {
    let chunks: Vec<&Chunk> = all
        .chunks
        .iter()
        .filter(|chunk| !chunk.is_tiered())
        .collect();
    if row.boundary.is_none() && row.made_before.is_none() {
        let oldest = chunks::list(
            format!("Oldest chunks (of {})", chunks.len()),
            chunks.into_iter().take(20),
            Vec::new(),
        );
        return vec![all.picture(), oldest];
    }
    let goes_now = |chunk: &&Chunk| chunk.is_past(row.boundary, row.made_before);
    let past: Vec<_> = chunks.iter().copied().filter(goes_now).collect();
    let levels = past
        .iter()
        .map(|chunk| {
            if chunk.is_frozen() {
                Level::Unknown
            } else {
                Level::Warning
            }
        })
        .collect();
    let goes = past.iter().filter(|chunk| !chunk.is_frozen()).count();
    let first = chunks.iter().find(|chunk| !goes_now(chunk));
    let mut sections = vec![
        all.picture(),
        chunks::list(
            format!("Chunks that the next run drops ({goes}), oldest first"),
            past.into_iter(),
            levels,
        ),
    ];
    if let Some(first) = first {
        let text = format!(
            "{} ({} to {}) and {}: {}",
            first.name,
            text::point(first.start),
            text::point(first.end),
            if row.made_before.is_some() {
                "all that are made later"
            } else {
                "all newer chunks"
            },
            chunks.len() - goes
        );
        sections.push(Section::Text {
            title: "What stays".to_owned(),
            text,
        });
    }
    sections
}

/// Tables whose policy reckons in the local time of the server.
fn without_zone(rows: &[Row]) -> usize {
    let local = |row: &&Row| {
        let policy = row.policy.as_ref();
        matches!(row.axis, Axis::Timestamp | Axis::Date)
            && policy.is_some_and(|policy| policy.owner_zone.is_none())
    };
    rows.iter().filter(local).count()
}
