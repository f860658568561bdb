//! Aggregates: the lag of each continuous aggregate, its expected maximum lag, and the cause of a longer lag.

mod averages;
mod blocked;
mod cause;
mod details;
mod exact;
mod functions;
mod gaps;
mod headline;
mod lag;
mod legend;
mod reaggregated;
mod row;
mod strip;
mod tree;
mod troubles;
mod waits;
mod watermark;

use std::time::Duration;

use anyhow::Result;

use crate::model::moment::Axis;
use crate::model::rules::Rule;
use crate::model::screen_id::ScreenId;
use crate::model::target::Target;
use crate::model::value::Value;
use crate::model::verdict::{Finding, Level, Verdict};
use crate::model::{clock, rules, text};
use crate::screens::cells::{self, AGAINST_CELLS};
use crate::screens::policy::Policy;
use crate::screens::record::{Column, Detail, Exact, Record, Section, figure_of};
use crate::server::known::{At, Edition};
use crate::server::row::{Line, read};
use crate::server::sql::{Param, Query, query};

/// The policies on a hypertable or on an aggregate's materialization hypertable; `$1` is the hypertable id (int8).
pub(super) const POLICIES: Query = query!("aggregates_policies");
pub use blocked::Blocked;
pub(super) use details::policies as policy_sections;
pub use functions::{DIVISIONS, Function, OTHERS, function};

pub use waits::{Around, Waits};

use self::exact::{AGE, GAPS, NEWEST, REACH};
use self::reaggregated::Views;
pub use self::row::{Gaps, Newest, ParentJob, Row};

impl Record for Row {
    const ID: ScreenId = ScreenId::Aggregates;
    const TITLE: &'static str = "Aggregates";
    const QUERY: Query = query!("aggregates");
    const COMPANION: Option<Query> = Some(query!("aggregates_views"));
    const COMPANION_EVERY: Duration = Duration::from_secs(300);
    const WATCHED: &'static [&'static str] = &[
        "_timescaledb_catalog.continuous_agg",
        "_timescaledb_catalog.continuous_aggs_watermark",
        "_timescaledb_catalog.continuous_aggs_materialization_invalidation_log",
        "_timescaledb_catalog.continuous_aggs_hypertable_invalidation_log",
        "_timescaledb_catalog.continuous_aggs_jobs_refresh_ranges",
        "_timescaledb_catalog.dimension_slice",
        "_timescaledb_config.bgw_job",
        "_timescaledb_catalog.bgw_job",
        "_timescaledb_internal.bgw_job_stat",
    ];
    const MAX_AGE: Duration = Duration::from_secs(10);
    // May be longer than MAX_AGE, because failures and refreshes change a watched table, and lateness is computed from the clock.
    const MAX_AGE_GATHERED: Duration = Duration::from_secs(60);
    const COLUMNS: &'static [Column<Self>] = &[
        Column::<Self>::text("", "AGGREGATE", 24, |row, _| row.in_tree().into())
            .grows()
            .names(),
        Column::<Self>::hidden("schema", |row, _| row.schema.as_str().into()),
        Column::<Self>::hidden("name", |row, _| row.name.as_str().into()),
        Column::<Self>::number("", "LAG", 9, Self::lag_value).wrong(
            const {
                &[
                    &rules::AGGREGATE_BEHIND,
                    &rules::AGGREGATE_NEVER_REFRESHED,
                    &rules::AGGREGATE_PARENT,
                    &rules::AGGREGATE_UNKNOWN,
                ]
            },
        ),
        Column::<Self>::number("", "EXPECTED", 9, |row, _| row.expected_value()),
        Column::<Self>::number("", "LAG/EXPECTED", AGAINST_CELLS, |row, at| {
            row.behind(at).map(cells::against).into()
        })
        .wrong(const { &[&rules::AGGREGATE_BEHIND] })
        .rank(2),
        Column::<Self>::text("source", "SOURCE", 22, |row, _| row.source().into())
            .names()
            .wrong(const { &[&rules::AGGREGATE_OF_AVERAGES] })
            .rank(3)
            .shrinks(14),
        Column::<Self>::text("bucket_width", "BUCKET", 8, |row, _| {
            row.bucket_width.as_deref().map(Value::interval).into()
        })
        .rank(2),
        Column::<Self>::hidden("materialized_only", |row, _| row.materialized_only.into()),
        Column::<Self>::text("", "REAL-TIME", 9, |row, _| (!row.materialized_only).into()).rank(4),
        Column::<Self>::text("watermark", "WATERMARK", 16, |row, _| {
            row.point(row.watermark)
        })
        .wrong(const { &[&rules::AGGREGATE_FUTURE] })
        .rank(5),
        Column::<Self>::text("refreshed_to", "REFRESHED TO", 16, |row, _| {
            row.point(row.refreshed())
        })
        .wrong(
            const {
                &[
                    &rules::AGGREGATE_HISTORY,
                    &rules::AGGREGATE_INTERRUPTED,
                    &rules::AGGREGATE_NEVER_REFRESHED,
                ]
            },
        )
        .rank(1),
        Column::<Self>::text("newest_source", "NEWEST SOURCE", 19, |row, _| {
            row.point(row.newest_row())
        })
        .rank(4),
        Column::<Self>::hidden("lag_seconds", |row, at| {
            row.lag_seconds(at).map(Value::Seconds).into()
        }),
        Column::<Self>::hidden("expected_lag_seconds", |row, _| {
            row.expected_seconds
                .filter(|_| row.axis != Axis::Integer)
                .map(Value::Seconds)
                .into()
        }),
        Column::<Self>::text("start_offset", "FROM", 8, |row, _| {
            row.start_offset.as_deref().map(Value::interval).into()
        })
        .wrong(
            const {
                &[
                    &rules::AGGREGATE_COMPRESSED,
                    &rules::AGGREGATE_WINDOW,
                    &rules::AGGREGATE_WIPE,
                ]
            },
        )
        .rank(5),
        Column::<Self>::text("end_offset", "TO", 8, |row, _| {
            row.end_offset.as_deref().map(Value::interval).into()
        })
        .rank(5),
        Column::<Self>::text("schedule_interval", "EVERY", 8, |row, _| {
            row.schedule_interval.as_deref().map(Value::interval).into()
        })
        .rank(4),
        Column::<Self>::number("job_id", "JOB", 5, |row, _| {
            row.policy.as_ref().map(|policy| policy.job_id).into()
        })
        .rank(6),
        Column::<Self>::number("pending_invalidations", "PENDING", 7, |row, _| {
            row.pending.into()
        })
        .wrong(
            const {
                &[
                    &rules::AGGREGATE_PENDING,
                    &rules::AGGREGATE_REMADE,
                    &rules::AGGREGATE_UNREACHED,
                ]
            },
        )
        .rank(3),
        Column::<Self>::text("refreshing", "NOW", 3, |row, _| row.refreshing.into())
            .wrong(const { &[&rules::AGGREGATE_STUCK] })
            .rank(6),
        Column::<Self>::text("wipe_risk", "ROW LOSS", 8, |row, _| row.wipe_risk.into())
            .wrong(const { &[&rules::AGGREGATE_STARVED, &rules::AGGREGATE_WIPE] })
            .rank(2),
        Column::<Self>::text("", "POLICY", 11, |row, at| {
            row.policy
                .as_ref()
                .map(|policy| policy.state(&row.limits(at), at.now))
                .into()
        })
        .wrong(
            const {
                &[
                    &rules::AGGREGATE_BLOCKED,
                    &rules::AGGREGATE_NO_POLICY,
                    &rules::AGGREGATE_POLICY_STOPPED,
                    &rules::AGGREGATE_STUCK,
                    &rules::JOB_FAILING,
                    &rules::JOB_LATE,
                    &rules::JOB_PAUSED,
                ]
            },
        )
        .rank(1),
        Column::<Self>::text("", "WHY", 28, |row, at| cells::why(&row.verdict(at)))
            .shrinks(16)
            .grows(),
        Column::<Self>::hidden("lag_units", |row, at| row.lag_units(at).into()),
        Column::<Self>::hidden("parent", |row, _| {
            row.parent_id.map(|_| row.source()).into()
        }),
        Column::<Self>::hidden("depth", |row, _| row.depth.into()),
        Column::<Self>::hidden("policies", |row, _| row.policies.into()),
        Column::<Self>::hidden("next_start", |row, _| {
            row.policy
                .as_ref()
                .map_or(Value::Null, Policy::next_start_value)
        }),
        Column::<Self>::hidden("last_run_status", |row, _| {
            row.policy
                .as_ref()
                .map_or(Value::Null, Policy::last_run_status)
        }),
        Column::<Self>::hidden("consecutive_failures", |row, _| {
            row.policy
                .as_ref()
                .map(|policy| policy.consecutive_failures)
                .into()
        }),
    ];
    const LEGEND: &'static [(&'static str, &'static str)] = legend::LEGEND;
    const EXACT: &'static [Exact<Self>] = &[NEWEST, REACH, GAPS, AGE];
    const DETAILS: &'static [Detail<Self>] = &[
        Detail {
            title: "Policies",
            query: POLICIES,
            params: |row| vec![Param::BigInt(row.id.into())],
            build: |_, rows, _| details::policies(rows),
        },
        Detail {
            title: "Place in the hierarchy",
            query: query!("aggregates_hierarchy"),
            params: |row| vec![Param::BigInt(row.id.into())],
            build: |_, rows, _| details::hierarchy(rows),
        },
        Detail {
            title: "Invalidation ranges",
            query: query!("aggregates_invalidations"),
            params: |row| vec![Param::BigInt(row.id.into())],
            build: details::invalidations,
        },
        Detail {
            title: "Definition",
            query: query!("aggregates_definition"),
            params: |row| vec![Param::BigInt(row.id.into())],
            build: |_, rows, _| details::definition(rows),
        },
    ];

    fn read(row: Line<'_>) -> Result<Self> {
        let (mut aggregate, views): (Self, Views) = read(row)?;
        aggregate.reaggregated = views.reaggregated();
        aggregate.reach_error = aggregate.reach_error.as_deref().map(clock::odd_zone);
        Ok(aggregate)
    }

    fn key(&self) -> String {
        self.full_name()
    }

    fn targets(&self) -> Vec<Target> {
        let mut targets =
            Target::relation(self.id, &text::qualified(&self.schema, &self.name), true);
        // The aggregate comes first, because it is the main target. The materialization hypertable is second.
        targets.reverse();
        targets.extend(self.policy.as_ref().map(Policy::target));
        targets
    }

    fn verdict(&self, at: &At) -> Verdict {
        cause::verdict(self, at)
    }

    fn hidden(rows: &[Self], at: &At) -> Vec<Finding> {
        let role = text::quote_identifier(&at.server.role);
        let hidden = |reason| Finding::new(&rules::AGGREGATE_HIDDEN, Level::Unknown, reason);
        let aggregates = |of: usize| text::plural_of(of, "aggregate");
        let unseen = rows.iter().filter(|row| row.refreshing.is_none()).count();
        let unseen = (unseen > 0).then(|| {
            let all = aggregates(unseen);
            hidden(format!("it is unknown whether other roles are refreshing {all}. GRANT pg_read_all_stats TO {role} shows it"))
        });
        let denied: Vec<_> = rows
            .iter()
            .filter(|row| row.newest_unknown() == Some(1))
            .collect();
        let denied = denied.first().map(|first| {
            let (all, source) = (aggregates(denied.len()), text::qualified(&first.source_schema, &first.source_name));
            hidden(format!("the lag of {all} is known only as an upper bound, because role {} may not read the source. GRANT SELECT ON {source} TO {role} shows the lag of the aggregates on it", at.server.role))
        });
        unseen.into_iter().chain(denied).collect()
    }

    fn figure(&self, rule: &'static Rule, at: &At) -> Option<(String, String)> {
        let is_lag = [&rules::AGGREGATE_BEHIND, &rules::AGGREGATE_PARENT].contains(&rule);
        // The lag itself is returned, not the value of LAG/EXPECTED: an action may also change the expected maximum.
        if !is_lag || self.lag(at).is_none() {
            return figure_of(self, rule, at);
        }
        let lag = self.lag_value(at).show(at.now);
        Some(("lag".to_owned(), lag))
    }

    fn unfit(&self, action: &str) -> Option<&'static str> {
        match action {
            "edit-refresh-policy" | "remove-refresh-policy" if self.policies == 0 => {
                Some("it has no refresh policy: use add-refresh-policy")
            }
            _ => self.policy.as_ref()?.unfit(action),
        }
    }

    fn caveats(rows: &[Self], at: &At) -> Vec<String> {
        let mut caveats = Vec::new();
        let local = || {
            let database = |row: &Row| {
                row.policy
                    .as_ref()
                    .is_none_or(|policy| policy.owner_zone.is_none())
            };
            let local =
                |row: &&Row| matches!(row.axis, Axis::Timestamp | Axis::Date) && database(row);
            rows.iter().filter(local).count()
        };
        caveats.extend(at.server.zone_caveat(local));
        if at.server.edition == Edition::Apache {
            caveats.push("Apache edition: refresh policies do not run".to_owned());
        }
        caveats
    }

    fn headline(rows: &[Self], findings: &[Box<[Finding]>], at: &At) -> Vec<String> {
        headline::headline(rows, findings, at)
    }

    fn facts(&self, at: &At) -> Vec<Section> {
        details::facts(self, at)
    }

    /// The preview pane shows the invalidation ranges on the time axis.
    fn pictured(&self) -> &'static [usize] {
        &[2]
    }

    fn settle(_: &[Self], rows: &mut Vec<Self>) {
        tree::settle(rows);
    }

    fn relate(rows: &mut [Self], at: &At) {
        tree::inherit(rows, at);
    }

    fn family(&self) -> Option<i64> {
        self.family.map(Into::into)
    }
}
