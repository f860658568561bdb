//! Retention: chunks that the next run of each policy drops, overdue chunks, and hypertables without a policy.

mod details;
mod headline;
mod judge;
mod row;
mod strip;

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Result;
use serde::Deserialize;

use crate::model::moment::{Axis, Point, Stamp};
use crate::model::rules;
use crate::model::screen_id::ScreenId;
use crate::model::target::Target;
use crate::model::value::Value;
use crate::model::verdict::{Finding, Verdict};
use crate::screens::chunks::{self, Chunks};
use crate::screens::later::Later;
use crate::screens::policy;
use crate::screens::policy::{Counted, Policy};
use crate::screens::record::{Column, Detail, Exact, Record, Section};
use crate::server::known::{At, Edition};
use crate::server::row::{Line, read};
use crate::server::sql::{Param, Query, query};

use self::row::IntegerNow;
pub(crate) use self::row::Row;

#[derive(Deserialize)]
struct Oldest {
    oldest_raw: Option<i64>,
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
        Column::<Self>::text("", "HYPERTABLE", 22, |row, _| row.full_name().into())
            .grows()
            .names(),
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
        Column::<Self>::text("drop_after", "DROP AFTER", 11, |row, _| row.drop_after())
            .wrong(const { &[&rules::RETENTION_SETTING, &rules::RETENTION_NONE] }),
        Column::<Self>::number("chunks", "CHUNKS", 6, |row, _| row.chunks.into()).rank(2),
        Column::<Self>::text("oldest_chunk_start", "OLDEST", 16, |row, _| {
            row.oldest.into()
        })
        .wrong(const { &[&rules::RETENTION_NONE] }),
        Column::<Self>::text("", "OLDEST TO NOW", strip::CELLS, Self::strip)
            .wrong(const { &[&rules::RETENTION_OVERDUE] })
            .rank(3),
        Column::<Self>::number("eligible_chunks", "TO DROP", 7, |row, _| {
            row.eligible_value()
        })
        .wrong(
            const {
                &[
                    &rules::RETENTION_OVERDUE,
                    &rules::RETENTION_UNKNOWN,
                    &rules::RETENTION_UNREAD,
                ]
            },
        ),
        Column::<Self>::number("eligible_bytes", "BYTES", 8, |row, _| {
            row.eligible_bytes().map(Value::Bytes).into()
        })
        .wrong(const { &[&rules::RETENTION_OVERDUE] })
        .rank(1),
        Column::<Self>::text("next_start", "NEXT RUN", 11, |row, _| {
            row.policy
                .as_ref()
                .map_or(Value::Null, Policy::next_start_value)
        })
        .wrong(const { &[&rules::JOB_LATE] })
        .rank(3),
        Column::<Self>::text("last_run_status", "LAST", 7, |row, _| {
            row.policy
                .as_ref()
                .map_or(Value::Null, Policy::last_run_status)
        })
        .wrong(const { &[&rules::JOB_FAILING] })
        .rank(3),
        Column::<Self>::text("", "POLICY", 11, |row, at| {
            row.policy
                .as_ref()
                .map(|policy| policy.state(&at.limits(&row.full_name()), at.now))
                .into()
        })
        .wrong(
            const {
                &[
                    &rules::JOB_FAILING,
                    &rules::JOB_LATE,
                    &rules::JOB_PAUSED,
                    &rules::RETENTION_BLOCKED,
                ]
            },
        )
        .rank(1),
        Column::<Self>::number("", "FROZEN", 6, |row, _| row.frozen.into())
            .wrong(const { &[&rules::RETENTION_FROZEN] })
            .rank(6),
    ];
    #[rustfmt::skip]
    const LEGEND: &'static [(&'static str, &'static str)] = &[
        ("HYPERTABLE", "The hypertable, or the continuous aggregate"),
        ("KIND", "hypertable or aggregate"),
        ("JOB", "Id of the policy's job"),
        ("DROP AFTER", "Age from which chunks are dropped (drop_after)"),
        ("CHUNKS", "Number of chunks"),
        ("OLDEST", "Start of the oldest chunk"),
        ("OLDEST TO NOW", strip::LEGEND),
        ("TO DROP", "Chunks past drop_after; they wait for the next run, which drops them"),
        ("BYTES", "Size of the chunks that the next run drops"),
        ("NEXT RUN", "Time until the policy's next run"),
        ("LAST", "Result of the policy's last run"),
        ("POLICY", "State of the policy: scheduled, running, late, paused, backing off after a failure ..."),
        ("FROZEN", "Chunks that no policy drops, because they are frozen"),
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
            take: |row, figures| {
                row.clock = Later::of(figures, |[clocks, chunks, about, since, now, drop_edge]| {
                    IntegerNow {
                        exists: clocks.is_some_and(|clocks| clocks > 0),
                        counted: Counted::new(chunks, about, since),
                        now,
                        drop_edge,
                    }
                });
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
                let eligible = row.eligible().filter(|chunks| *chunks > 0)?;
                Some((row.id.into(), usize::try_from(eligible).ok()?))
            },
            take: |row, figures| row.eligible_bytes = Later::of(figures, |[bytes]| bytes),
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
    const BARE: &'static str = "without a policy, so their chunks are never dropped";
    const DETAILS: &'static [Detail<Self>] = &[Detail {
        title: "Chunks to drop",
        query: chunks::QUERY,
        params: |row| vec![Param::BigInt(row.id.into())],
        build: |row, rows, at| Ok(details::going(row, &Chunks::read(rows, row.axis)?, at)),
    }];

    fn read(row: Line<'_>) -> Result<Self> {
        let (mut hypertable, oldest, due): (Self, Oldest, policy::Due) = read(row)?;
        let axis = hypertable.axis;
        hypertable.listed_now |= hypertable.aggregate;
        hypertable.oldest = oldest.oldest_raw.map(|raw| Point { axis, raw });
        hypertable.next_due = due.at(None);
        if let Some(policy) = &mut hypertable.policy {
            policy.changed = due.changed();
        }
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
        self.judge(at)
    }

    fn unfit(&self, action: &str) -> Option<&'static str> {
        let policy = self.policy.as_ref();
        match action {
            "add-retention-policy" if policy.is_some() => {
                Some("it already has a retention policy: use edit-retention-policy")
            }
            "edit-retention-policy" | "remove-retention-policy" if policy.is_none() => {
                Some("it has no retention policy: use add-retention-policy")
            }
            "drop-chunks" if self.chunks == 0 => Some("it has no chunks"),
            _ => policy.and_then(|policy| policy.unfit(action)),
        }
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
            caveats.push(format!("timestamp without time zone: boundaries are computed in {} (the TimeZone of the job's owner, or else of this database)", zones.join(", ")));
        }
        let policies = rows.iter().map(|row| (row.axis, row.policy.as_ref()));
        caveats.extend(at.server.zone_caveat(|| policy::in_local_time(policies)));
        if at.server.edition == Edition::Apache {
            caveats.push(
                "Apache edition: retention policies do not run; drop_chunks() works".to_owned(),
            );
        }
        caveats
    }

    fn headline(rows: &[Self], findings: &[Box<[Finding]>], at: &At) -> Vec<String> {
        headline::headline(rows, findings, at)
    }

    fn is_bare(&self) -> bool {
        self.policy.is_none()
    }

    fn facts(&self, at: &At) -> Vec<Section> {
        details::facts(self, at)
    }

    fn pictured(&self) -> &'static [usize] {
        &[0]
    }

    fn settle(before: &[Self], rows: &mut Vec<Self>) {
        let before: HashMap<i32, _> = before.iter().map(|row| (row.id, row)).collect();
        for row in rows {
            if let Some(policy) = &mut row.policy {
                let was = before.get(&row.id);
                policy.carry(was.and_then(|was| was.policy.as_ref()));
            }
        }
    }

    fn relate(rows: &mut [Self], at: &At) {
        strip::scale(rows, at);
    }

    fn due(&self) -> Option<Stamp> {
        self.next_due
    }
}
