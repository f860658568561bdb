//! Jobs: background jobs, their runs and failures.

mod caveats;
mod demand;
mod details;
mod failing;
mod headline;
mod judge;
mod name;
mod row;
mod runs;
mod schedule;
mod starts;
mod state;
mod strip;

use std::time::Duration;

use crate::model::moment::Stamp;
use crate::model::rules;
use crate::model::screen_id::ScreenId;
use crate::model::target::Target;
use crate::model::value::Value;
use crate::model::verdict::{Finding, Verdict};
use crate::model::version::Version;
use crate::screens::history::History;
use crate::screens::later::Later;
use crate::screens::policy;
use crate::screens::record::{Column, Detail, Exact, Record, Section};
use crate::server::known::{At, Server};
use crate::server::sql::{Param, Query, query};

pub(crate) use self::demand::{Demand, demand};
use self::row::started;

pub use self::row::{Crowd, Interval, JobError, OnRecord, Row, Statistics, Workers};

impl From<&Interval> for Value {
    fn from(interval: &Interval) -> Self {
        Self::Interval(interval.text.clone(), interval.seconds)
    }
}

const fn column(
    name: &'static str,
    title: &'static str,
    width: u16,
    value: fn(&Row, &At) -> Value,
) -> Column<Row> {
    Column::text(name, title, width, value)
}

const fn number(
    name: &'static str,
    title: &'static str,
    width: u16,
    value: fn(&Row, &At) -> Value,
) -> Column<Row> {
    Column::number(name, title, width, value)
}

const fn hidden(name: &'static str, value: fn(&Row, &At) -> Value) -> Column<Row> {
    Column::hidden(name, value)
}

impl Record for Row {
    const ID: ScreenId = ScreenId::Jobs;
    const TITLE: &'static str = "Jobs";
    const QUERY: Query = query!("jobs");
    const WATCHED: &'static [&'static str] = &[
        "_timescaledb_catalog.bgw_job",
        "_timescaledb_config.bgw_job",
        "_timescaledb_internal.bgw_job_stat",
        "_timescaledb_internal.bgw_job_stat_history",
        "_timescaledb_internal.job_errors",
        "_timescaledb_catalog.hypertable",
        "_timescaledb_catalog.continuous_agg",
    ];
    const MAX_AGE: Duration = Duration::from_secs(10);
    // A minute is enough for the Overview: the end of a run changes a watched table, and lateness is computed from the clock.
    const MAX_AGE_GATHERED: Duration = Duration::from_secs(60);
    const COLUMNS: &'static [Column<Self>] = &[
        column("", "JOB", 30, |row, _| row.name().into())
            .grows()
            .names(),
        number("job_id", "ID", 5, |row, _| row.job_id.into()).rank(1),
        hidden("name", |row, _| row.name().into()),
        hidden("proc", |row, _| row.proc.as_str().into()),
        hidden("target", |row, _| row.target.clone().into()),
        column("owner", "OWNER", 10, |row, _| row.owner.as_str().into())
            .wrong(const { &[&rules::JOB_OWNER] })
            .rank(8),
        hidden("scheduled", |row, _| row.scheduled.into()),
        column("state", "STATE", 11, |row, at| row.state(at).name().into()).wrong(
            const {
                &[
                    &rules::JOB_CRASHED,
                    &rules::JOB_GAVE_UP,
                    &rules::JOB_LATE,
                    &rules::JOB_NEVER_RAN,
                    &rules::JOB_ORPHANED,
                    &rules::JOB_OVERRUN,
                    &rules::JOB_OWNER,
                    &rules::JOB_PAUSED,
                    &rules::JOB_PROCEDURE_GONE,
                    &rules::JOB_UNSEEN,
                ]
            },
        ),
        number("", "LAST 20 RUNS", strip::RUNS_CELLS, Row::newest_runs)
            .wrong(
                const {
                    &[
                        &rules::JOB_CRASHED,
                        &rules::JOB_FAILING,
                        &rules::JOB_PORTAL_FAULT,
                    ]
                },
            )
            .rank(2),
        column("schedule_interval", "EVERY", 9, |row, _| {
            (&row.schedule).into()
        })
        .rank(3),
        column("last_run_status", "LAST", 7, |row, _| {
            row.last_run_status().into()
        })
        .wrong(const { &[&rules::JOB_FAILING, &rules::JOB_PORTAL_FAULT] }),
        number("last_start", "STARTED", 11, |row, _| started(row).into()).rank(5),
        number("last_duration_seconds", "TOOK", 7, |row, _| {
            row.run_seconds().map_or(Value::Null, Value::Seconds)
        })
        .wrong(const { &[&rules::JOB_OVERRUN, &rules::JOB_SLOW] })
        .rank(4),
        number("next_start", "NEXT", 11, |row, _| row.next_start().into()).wrong(
            const {
                &[
                    &rules::JOB_AT_ONCE,
                    &rules::JOB_BUSY,
                    &rules::JOB_CROWD,
                    &rules::JOB_FAR,
                    &rules::JOB_LATE,
                ]
            },
        ),
        number("", "NEXT 24 H", strip::HOURS, Row::next_runs).rank(2),
        number("total_runs", "RUNS", 6, |row, _| {
            row.count(|of| of.total_runs)
        })
        .rank(5),
        number("total_failures", "FAILED", 6, |row, _| {
            row.count(|of| of.total_failures)
        })
        .wrong(const { &[&rules::JOB_FAILING] })
        .rank(4),
        number("consecutive_failures", "IN A ROW", 8, |row, _| {
            row.count(|of| of.consecutive_failures.into())
        })
        .wrong(const { &[&rules::JOB_FAILING] })
        .rank(7),
        column("last_error_sqlstate", "SQLSTATE", 8, |row, _| {
            row.error
                .as_ref()
                .and_then(|error| error.sqlstate.clone())
                .into()
        })
        .wrong(const { &[&rules::JOB_FAILING, &rules::JOB_PORTAL_FAULT] })
        .rank(6),
        column("last_error", "LAST ERROR", 40, |row, _| {
            row.error.as_ref().map(|error| error.message.clone()).into()
        })
        .wrong(const { &[&rules::JOB_FAILING] })
        .rank(7)
        .shrinks(24),
        hidden("last_error_at", |row, _| {
            row.error.as_ref().and_then(|error| error.at).into()
        }),
        hidden("running_seconds", |row, at| {
            row.running_seconds(at).map_or(Value::Null, Value::Seconds)
        }),
        hidden("pid", |row, _| row.pid.into()),
        hidden("proc_schema", |row, _| row.proc_schema.as_str().into()),
        hidden("target_kind", |row, _| row.target_kind.clone().into()),
        hidden("total_crashes", |row, _| row.crashes().into()),
        hidden("max_runtime", |row, _| (&row.max_runtime).into()),
        hidden("max_retries", |row, _| row.max_retries.into()),
        hidden("retry_period", |row, _| (&row.retry_period).into()),
        hidden("fixed_schedule", |row, _| row.fixed_schedule.into()),
        hidden("initial_start", |row, _| {
            row.initial_start.and_then(Stamp::finite).into()
        }),
        hidden("timezone", |row, _| row.timezone.clone().into()),
        hidden("config", |row, _| row.config.clone().into()),
    ];
    #[rustfmt::skip]
    const LEGEND: &'static [(&'static str, &'static str)] = &[
        ("JOB", "The job's task and its table"),
        ("ID", "Id of the job"),
        ("OWNER", "Owner: the role with whose rights the job runs"),
        ("STATE", "scheduled, running, late, paused, crashed, never ran, backing off after a failure ..."),
        ("LAST 20 RUNS", "The newest runs, the latest on the right: · succeeded, X failed, ~ not on record"),
        ("EVERY", "Schedule interval"),
        ("LAST", "Result of the last run"),
        ("STARTED", "Start of the last run"),
        ("TOOK", "Duration of the last run, or of the run in progress"),
        ("NEXT", "Start of the next run"),
        ("NEXT 24 H", "Planned starts, 2 hours per cell: │ one, █ more"),
        ("RUNS", "Number of runs"),
        ("FAILED", "Number of runs that failed"),
        ("IN A ROW", "Failed runs since the last success"),
        ("SQLSTATE", "Code of the last error"),
        ("LAST ERROR", "Message of the last error"),
    ];
    const EXACT: &'static [Exact<Self>] = &[
        policy::age(
            |row| (row.scheduled && row.statistics.is_none()).then_some((row.job_id.into(), 1)),
            |row, figures| {
                if let Ok([since]) = figures {
                    row.known_since = since.map(Stamp);
                }
            },
        ),
        Exact {
            overview: true,
            later: false,
            judges: |_| false,
            every: Duration::from_secs(30),
            query: query!("jobs_runs"),
            figures: &["failing_since", "recent"],
            slice: 100,
            want: Row::wants_record,
            take: |row, figures| {
                row.record = Later::of(figures, |[since, recent]| OnRecord::read(since, recent));
            },
        },
    ];
    const DETAILS: &'static [Detail<Self>] = &[
        Detail {
            title: "Configuration",
            query: query!("jobs_config"),
            params: |row| vec![Param::Int(row.job_id)],
            build: details::configuration,
        },
        Detail {
            title: "Errors and runs",
            query: query!("jobs_history"),
            params: |row| vec![Param::Int(row.job_id)],
            build: details::history,
        },
    ];

    /// A role that may not read the table of the job history gets the query text for version 0.0: that text reads errors from a view.
    fn list_text(server: &Server) -> &'static str {
        Self::QUERY.text(if server.reads_job_history {
            server.sql_version()
        } else {
            Version::new(0, 0)
        })
    }

    fn key(&self) -> String {
        self.job_id.to_string()
    }

    fn targets(&self) -> Vec<Target> {
        vec![Target::job(self.job_id)]
    }

    fn unfit(&self, action: &str) -> Option<&'static str> {
        match action {
            "pause-job" if !self.scheduled => Some("it is paused"),
            "resume-job" if self.scheduled => Some("it is not paused"),
            _ => None,
        }
    }

    fn title(&self) -> String {
        let name = self.name();
        let target = self
            .target
            .as_ref()
            .filter(|target| !name.contains(*target));
        let on = target.map_or_else(String::new, |target| format!(" on {target}"));
        format!("{name}{on} (job {})", self.job_id)
    }

    /// Sorts the rows by job id, which is cheaper here than on the server. Keeps the largest number of used workers since the first load.
    fn settle(before: &[Self], rows: &mut Vec<Self>) {
        rows.sort_by_key(|row| row.job_id);
        let peak = before.first().map(|row| row.workers.peak_seen());
        for row in rows {
            row.workers.peak = peak.map(|peak| peak.max(row.workers.used));
        }
    }

    fn relate(rows: &mut [Self], at: &At) {
        schedule::find_crowd(rows, at);
    }

    fn verdict(&self, at: &At) -> Verdict {
        judge::verdict(self, at)
    }

    fn hidden(rows: &[Self], at: &At) -> Vec<Finding> {
        caveats::hidden(rows, at.server).into_iter().collect()
    }

    fn caveats(rows: &[Self], at: &At) -> Vec<String> {
        caveats::caveats(rows, at)
    }

    /// The preview pane needs the query for errors and runs.
    fn pictured(&self) -> &'static [usize] {
        &[1]
    }

    /// The preview pane shows the runs on the time axis, and the errors.
    fn picture(mut sections: Vec<Section>) -> Vec<Section> {
        let mut grids = 0;
        sections.retain(|section| match section {
            Section::Axis(_) => true,
            Section::Grid { heads, .. } => {
                grids += 1;
                grids == 1 && heads.iter().any(|head| head == details::SQLSTATE)
            }
            _ => false,
        });
        sections
    }

    /// The preview pane begins with the figures of the runs.
    fn brief(&self, at: &At, _: &History) -> Vec<Section> {
        let mut sections = self.facts(at);
        sections.reverse();
        sections
    }

    fn headline(rows: &[Self], _: &[Box<[Finding]>], at: &At) -> Vec<String> {
        headline::headline(rows, at)
    }

    fn facts(&self, at: &At) -> Vec<Section> {
        details::facts(self, at)
    }
}
