//! Server: figures of the server and the database, each against its limit.

use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::query;
use crate::record::{At, Column, Exact, Record, Section};
use crate::rules;
use crate::sql::Query;
use crate::text;
use crate::thresholds::Limits;
use crate::value::{Stamp, Value};
use crate::verdict::{Finding, Findings, Level, Verdict};

/// Transactions until PostgreSQL refuses to hand out more.
const WRAPAROUND: f64 = 2_147_483_648.0;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    pub name: String,
    /// `None`: hidden from this role, or not a number.
    pub value: Option<f64>,
    /// The limit, or what goes with the value (a pid, a count).
    pub bound: Option<f64>,
    pub about: Option<String>,
    pub since: Option<Stamp>,
    /// Bytes of the database by its catalogue; `None`: not asked for yet.
    pub bytes: Option<i64>,
}

impl Row {
    pub fn title(&self) -> String {
        let title = match self.name.as_str() {
            "connections" => "client connections",
            "transactions" => "transactions since statistics began",
            "cache-hits" => "blocks found in shared_buffers",
            "wal" => "WAL written since initdb",
            "replication-lag" => "slowest standby behind",
            "standby-delay" => "newest replayed transaction is old",
            "replication-slots" => "WAL kept for unused slots",
            "archiver" => "WAL archiver",
            "oldest-transaction" => "oldest transaction",
            "idle-in-transaction" => "longest idle in transaction",
            "prepared-transaction" => "oldest prepared transaction",
            "wraparound" => "age of the oldest transaction id",
            "multixact-wraparound" => "age of the oldest multixact id",
            "workers" => "TimescaleDB workers",
            "launcher" => "TimescaleDB launcher",
            "scheduler" => "TimescaleDB scheduler here",
            "worker-processes" => "worker processes that may be wanted",
            "lock-table" => "locks that the lock table holds",
            "database-size" => "database size, by its catalogue",
            other => other,
        };
        title.to_owned()
    }

    #[expect(clippy::cast_possible_truncation, reason = "a figure for eyes")]
    fn now(&self) -> Value {
        let Some(value) = self.value else {
            return match self.name.as_str() {
                "database-size" => self.bytes.map(Value::AboutBytes).into(),
                _ => Value::Null,
            };
        };
        match self.name.as_str() {
            "wal" | "replication-slots" => Value::Bytes(value as i64),
            "replication-lag"
            | "standby-delay"
            | "oldest-transaction"
            | "idle-in-transaction"
            | "prepared-transaction" => Value::Seconds(value.floor()),
            "archiver" if value > 0.0 => "FAILS".into(),
            "archiver" => "works".into(),
            "launcher" | "scheduler" if value > 0.0 => "runs".into(),
            "launcher" | "scheduler" => "ABSENT".into(),
            "cache-hits" => self.share().map_or(Value::Null, |share| {
                Value::Text(format!("{:.1} %", share * 100.0))
            }),
            _ => Value::Int(value as i64),
        }
    }

    /// The limit, where `bound` is one.
    #[expect(clippy::cast_possible_truncation, reason = "a figure for eyes")]
    fn limit(&self) -> Value {
        match self.name.as_str() {
            "connections"
            | "wraparound"
            | "multixact-wraparound"
            | "workers"
            | "worker-processes"
            | "lock-table" => self.bound.map(|bound| Value::Int(bound as i64)).into(),
            _ => Value::Null,
        }
    }

    /// The value as a part of its bound.
    pub fn share(&self) -> Option<f64> {
        let bound = self.bound.filter(|bound| *bound > 0.0)?;
        Some(self.value? / bound)
    }

    fn judge(&self, at: &At, findings: &mut Findings) {
        let value = self.value.unwrap_or_default();
        let share = self.share().unwrap_or_default();
        let about = self.about.as_deref().unwrap_or_default();
        let limits = &at.server.thresholds.all;
        match self.name.as_str() {
            "connections" => self.judge_connections(share, limits, findings),
            "replication-lag" if value > limits.replication_lag => findings.add(
                &rules::SERVER_REPLICATION,
                Level::Warning,
                format!("a standby is {} behind: {about}", text::duration(value.floor())),
            ),
            "replication-slots" if value > limits.slot_bytes => findings.add(
                &rules::SERVER_SLOT,
                Level::Warning,
                format!("nobody reads from {about}, and {} of WAL is kept for it: the disk fills. Start its reader, or pg_drop_replication_slot()", self.now().show(at.now)),
            ),
            "archiver" if value > 0.0 => findings.push(
                Finding::new(
                    &rules::SERVER_ARCHIVER,
                    Level::Critical,
                    format!("archive_command fails for {about}: WAL piles up in pg_wal until the disk is full; the server's log has its words"),
                )
                .since(self.since),
            ),
            "prepared-transaction" if value > limits.prepared_age => findings.push(
                Finding::new(
                    &rules::SERVER_PREPARED,
                    Level::Warning,
                    format!("the prepared transaction {about:?} is {} old and holds its locks, and vacuum back: COMMIT PREPARED or ROLLBACK PREPARED it", text::duration(value.floor())),
                )
                .since(self.since),
            ),
            "wraparound" | "multixact-wraparound" => self.judge_wraparound(share, findings),
            "launcher" | "scheduler"
                if self.value == Some(0.0)
                    && !at.server.standby
                    && (self.name == "launcher" || at.server.timescaledb.is_some()) => self.judge_absence(findings),
            "workers" if share >= 1.0 => findings.add(
                &rules::SERVER_WORKERS,
                Level::Warning,
                "all slots of timescaledb.max_background_workers are taken: jobs wait for one. Raise it (and max_worker_processes with it), and restart",
            ),
            "worker-processes" if share > 1.0 => findings.add(
                &rules::SERVER_PROCESSES,
                Level::Notice,
                format!("max_worker_processes is {:.0}, but timescaledb.max_background_workers, max_parallel_workers and 3 more make {value:.0}: under load jobs find no worker", self.bound.unwrap_or_default()),
            ),
            name => {
                if let Some(setting) = name.strip_prefix("setting ") {
                    judge_setting(setting, about, findings);
                }
            }
        }
    }

    fn judge_connections(&self, share: f64, limits: &Limits, findings: &mut Findings) {
        let level = if share * 100.0 >= limits.connections_critical_percent {
            Level::Critical
        } else if share * 100.0 >= limits.connections_percent {
            Level::Warning
        } else {
            return;
        };
        findings.add(
            &rules::SERVER_CONNECTIONS,
            level,
            format!(
                "{:.0} of {:.0} client connections are taken: the next ones are refused. See Activity for who holds them",
                self.value.unwrap_or_default(),
                self.bound.unwrap_or_default()
            ),
        );
    }

    fn judge_wraparound(&self, share: f64, findings: &mut Findings) {
        let value = self.value.unwrap_or_default();
        let level = if value > 0.5 * WRAPAROUND {
            Level::Critical
        } else if share > 1.5 {
            Level::Warning
        } else {
            return;
        };
        let database = self.about.as_deref().unwrap_or_default();
        findings.add(
            &rules::SERVER_WRAPAROUND,
            level,
            format!(
                "database {database}: {} of {}, {:.0} million, is past what autovacuum should have frozen; the server stops taking writes near 2,147 million. Something holds vacuum back, or it does not get through",
                self.title(),
                text::count(i64::from(i32::MAX)),
                value / 1e6
            ),
        );
    }

    fn judge_absence(&self, findings: &mut Findings) {
        let (rule, reason) = if self.name == "launcher" {
            (
                &rules::SERVER_LAUNCHER,
                "no TimescaleDB launcher runs: no job starts in any database of this server until it is restarted; is max_worker_processes too small?",
            )
        } else {
            (
                &rules::SERVER_SCHEDULER,
                "no TimescaleDB scheduler runs in this database: no job starts here. Is timescaledb.restoring on, or max_worker_processes too small? _timescaledb_functions.start_background_workers() starts it (before 2.12 it is in _timescaledb_internal)",
            )
        };
        findings.add(rule, Level::Critical, reason);
    }
}

/// Settings that hurt, and how.
fn judge_setting(setting: &str, value: &str, findings: &mut Findings) {
    let (level, why) = match setting {
        "fsync" | "full_page_writes" => (Level::Warning, "a crash can destroy the database"),
        "autovacuum" => (
            Level::Warning,
            "nothing is vacuumed or analyzed but by hand, until wraparound forces it",
        ),
        "track_counts" => (
            Level::Warning,
            "autovacuum does nothing, and no change is counted",
        ),
        "track_activities" => (Level::Notice, "what sessions do is not shown"),
        "timescaledb.restoring" => (
            Level::Critical,
            "no job runs and triggers are off: after a restore, run timescaledb_post_restore()",
        ),
        "timescaledb.enable_transparent_decompression" => {
            (Level::Critical, "queries do not see compressed rows")
        }
        _ => (
            Level::Notice,
            "queries on hypertables read chunks that they need not",
        ),
    };
    findings.add(
        &rules::SERVER_SETTING,
        level,
        format!("{setting} is {value}: {why}"),
    );
}

impl Record for Row {
    const NAME: &'static str = "server";
    const TITLE: &'static str = "Server";
    const QUERY: Query = query!("server_figures");
    const PLAIN: Option<Query> = Some(query!("server_figures"));
    const WATCHED: &'static [&'static str] = &[];
    const MAX_AGE: Duration = Duration::from_secs(2);
    const COLUMNS: &'static [Column<Self>] = &[
        Column::<Self>::text("", "FIGURE", 34, |row, _| row.title().into()).grows(),
        Column::<Self>::hidden("name", |row, _| row.name.as_str().into()),
        Column::<Self>::number("", "NOW", 14, |row, _| row.now()),
        Column::<Self>::number("", "LIMIT", 13, |row, _| row.limit()),
        Column::<Self>::hidden("value", |row, _| {
            row.value.map_or(Value::Null, Value::Number)
        }),
        Column::<Self>::hidden("bound", |row, _| {
            row.bound.map_or(Value::Null, Value::Number)
        }),
        Column::<Self>::text("about", "ABOUT", 36, |row, _| row.about.clone().into()).rank(1),
        Column::<Self>::hidden("since", |row, _| row.since.into()),
    ];
    const EXACT: &'static [Exact<Self>] = &[Exact {
        overview: true,
        judges: |_| false,
        every: Duration::from_secs(30),
        query: query!("server_size"),
        figures: &["bytes"],
        slice: 1,
        want: |row| (row.name == "database-size").then_some((1, 1)),
        take: |row, figures| {
            if let Ok(figures) = figures {
                row.bytes = figures.first().copied().flatten();
            }
        },
    }];

    fn read(row: &tokio_postgres::Row) -> Result<Self> {
        Ok(Self {
            name: row.try_get("name")?,
            value: row.try_get("value")?,
            bound: row.try_get("bound")?,
            about: row.try_get("about")?,
            since: row.try_get("since")?,
            bytes: None,
        })
    }

    fn key(&self) -> String {
        self.name.clone()
    }

    fn title(&self) -> String {
        self.title()
    }

    fn verdict(&self, at: &At) -> Verdict {
        let mut findings = Findings::default();
        self.judge(at, &mut findings);
        findings.verdict("nothing to say of it")
    }

    fn caveats(_: &[Self], at: &At) -> Vec<String> {
        if at.server.reads_all_stats {
            Vec::new()
        } else {
            vec!["this role sees its own sessions only: connections, replication and old transactions of others are hidden; grant pg_monitor to it".to_owned()]
        }
    }

    fn facts(&self, at: &At) -> Vec<Section> {
        vec![Section::Facts {
            title: "Figure".to_owned(),
            facts: vec![
                (self.title(), self.now()),
                ("limit".to_owned(), self.limit()),
                ("about".to_owned(), self.about.clone().into()),
                ("since".to_owned(), self.since.into()),
                ("read at".to_owned(), Value::text(text::moment(at.now))),
            ],
        }]
    }
}
