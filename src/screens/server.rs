//! Server: figures of the server and the database, each against its limit.

mod judge;

use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::model::moment::Stamp;
use crate::model::screen_id::ScreenId;
use crate::model::target::Target;
use crate::model::text;
use crate::model::value::Value;
use crate::model::verdict::{Findings, Verdict};
use crate::screens::record::{Column, Exact, Record, Section};
use crate::server::known::At;
use crate::server::sql::{Query, query};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    pub name: String,
    /// `None`: hidden from this role, or not a number.
    pub value: Option<f64>,
    /// The limit, or a count that goes with the value.
    pub bound: Option<f64>,
    pub about: Option<String>,
    pub since: Option<Stamp>,
    /// The session that it is about.
    #[serde(default)]
    pub pid: Option<i32>,
    /// Who keeps vacuum from freezing more, in words.
    #[serde(default)]
    pub holder: Option<String>,
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
            "standby-replay" => "replay on this standby",
            "standby-receiver" => "WAL receiver of this standby",
            "replication-slots" => "WAL kept for the furthest slot",
            "lost-slots" => "slots that were invalidated",
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
        if let Some((setting, _)) = self.setting() {
            return setting.into();
        }
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
            "standby-replay" if value == 0.0 => "PAUSED".into(),
            "launcher" | "scheduler" | "standby-replay" | "standby-receiver" if value > 0.0 => {
                "runs".into()
            }
            "launcher" | "scheduler" | "standby-receiver" => "ABSENT".into(),
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
            "replication-slots" => self.bound.map(|bound| Value::Bytes(bound as i64)).into(),
            _ => Value::Null,
        }
    }

    /// The value as a part of its bound.
    pub fn share(&self) -> Option<f64> {
        let bound = self.bound.filter(|bound| *bound > 0.0)?;
        Some(self.value? / bound)
    }

    fn about(&self) -> &str {
        self.about.as_deref().unwrap_or_default()
    }

    /// A setting's value, and who gives it where that is no file.
    fn setting(&self) -> Option<(&str, Option<&str>)> {
        self.name.strip_prefix("setting ")?;
        let about = self.about();
        Some(match about.split_once(", ") {
            Some((setting, by)) => (setting, Some(by)),
            None => (about, None),
        })
    }

    /// What is said beside the figure.
    fn beside(&self) -> Value {
        match self.setting() {
            Some((_, by)) => by.into(),
            None => self.about.clone().into(),
        }
    }
}

impl Record for Row {
    const ID: ScreenId = ScreenId::Server;
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
        Column::<Self>::hidden("about", |row, _| row.about.clone().into()),
        Column::<Self>::text("", "ABOUT", 36, |row, _| row.beside()).rank(1),
        Column::<Self>::hidden("since", |row, _| row.since.into()),
        Column::<Self>::hidden("pid", |row, _| row.pid.into()),
        Column::<Self>::hidden("holder", |row, _| row.holder.clone().into()),
    ];
    const EXACT: &'static [Exact<Self>] = &[Exact {
        overview: true,
        later: false,
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
            pid: row.try_get("pid")?,
            holder: row.try_get("holder")?,
            bytes: None,
        })
    }

    fn key(&self) -> String {
        self.name.clone()
    }

    fn title(&self) -> String {
        self.title()
    }

    fn targets(&self) -> Vec<Target> {
        self.pid.map(Target::session).into_iter().collect()
    }

    fn verdict(&self, at: &At) -> Verdict {
        let mut findings = Findings::default();
        judge::judge(self, at, &mut findings);
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
        let mut facts = vec![(self.title(), self.now())];
        let more = [
            ("limit", self.limit()),
            ("about", self.beside()),
            ("since", self.since.into()),
            ("session", self.pid.into()),
            ("vacuum is held back by", self.holder.clone().into()),
        ];
        // Not every figure has them.
        let had = more.into_iter().filter(|(_, fact)| *fact != Value::Null);
        facts.extend(had.map(|(name, fact)| (name.to_owned(), fact)));
        facts.push(("read at".to_owned(), Value::text(text::moment(at.now))));
        vec![Section::Facts {
            title: "Figure".to_owned(),
            facts,
        }]
    }
}
