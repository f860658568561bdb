//! One figure of the server with its limit.

use serde::{Deserialize, Serialize};

use super::counted::{Counted, Reading};
use crate::model::moment::Stamp;
use crate::model::text;
use crate::model::value::Value;
use crate::screens::later::Later;
use crate::server::known::At;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    pub name: String,
    /// The figure; `None`: hidden from this role, not a number, or read separately (see `size`).
    pub value: Option<f64>,
    /// The limit, or another number that belongs to `value`; `None`: there is none, or it is hidden.
    pub bound: Option<f64>,
    pub about: Option<String>,
    pub since: Option<Stamp>,
    /// Pid of the session that the figure is about; `None`: no session.
    #[serde(default)]
    pub pid: Option<i32>,
    /// Text for the holder of the oldest transaction id: vacuum cannot freeze rows newer than this id. `None`: no holder is known.
    #[serde(default)]
    pub holder: Option<String>,
    /// Size of the database, in the row that shows it.
    #[serde(skip)]
    pub size: Later<Size>,
    /// Growth of rollbacks, deadlocks and conflicts, as a share of the transactions.
    #[serde(skip)]
    pub counted: Counted,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// As `pg_database_size` computes it; `None`: not read because there are too many relations (see `about`).
    pub(super) bytes: Option<i64>,
    pub(super) about: Option<i64>,
}

impl Size {
    pub(crate) fn value(self) -> Value {
        let about = self.about.map(Value::AboutBytes);
        self.bytes.map(Value::Bytes).or(about).into()
    }

    pub(crate) fn known_bytes(self) -> Option<i64> {
        self.bytes.or(self.about)
    }
}

impl Row {
    /// The figure as an exact number; `None`: hidden, not a number, or an estimate.
    #[expect(clippy::cast_precision_loss, reason = "bytes of a database fit")]
    pub(super) fn exact(&self) -> Option<f64> {
        let bytes = self.size.get().and_then(|size| size.bytes);
        self.value.or(bytes.map(|bytes| bytes as f64))
    }

    pub(super) fn title(&self) -> String {
        let title = match self.name.as_str() {
            "connections" => "client connections",
            "transactions" => "transactions since statistics began",
            "rollbacks" => "transactions rolled back",
            "deadlocks" => "transactions ended by a deadlock",
            "conflicts" => "queries cancelled by replay",
            "cache-hits" => "blocks found in shared_buffers",
            "wal" => "WAL written since initdb",
            "replication-lag" => "lag of the slowest standby",
            "standby-delay" => "age of the newest replayed transaction",
            "standby-replay" => "replay on this standby",
            "standby-receiver" => "WAL receiver of this standby",
            "replication-slots" => "WAL kept for the oldest slot",
            "lost-slots" => "invalidated slots",
            "archiver" => "WAL archiver",
            "archive-command" => "archive_command",
            "oldest-transaction" => "oldest transaction",
            "idle-in-transaction" => "longest idle in transaction",
            "prepared-transaction" => "oldest prepared transaction",
            "wraparound" => "age of the oldest transaction id",
            "multixact-wraparound" => "age of the oldest multixact id",
            "workers" => "TimescaleDB workers",
            "launcher" => "TimescaleDB launcher",
            "scheduler" => "TimescaleDB scheduler here",
            "worker-processes" => "worker processes that may be needed",
            "lock-table" => "size of the lock table (locks)",
            "database-size" => "database size",
            other => other,
        };
        title.to_owned()
    }

    #[expect(clippy::cast_possible_truncation, reason = "a figure to show")]
    pub(super) fn now(&self) -> Value {
        if let Some((setting, _)) = self.setting() {
            return setting.into();
        }
        let Some(value) = self.value else {
            return match self.name.as_str() {
                "database-size" => self.size.get().copied().unwrap_or_default().value(),
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
            "archive-command" => "KEEPS NOTHING".into(),
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

    /// `bound`, if it is a limit; otherwise `Null`.
    #[expect(clippy::cast_possible_truncation, reason = "a figure to show")]
    pub(super) fn limit(&self) -> Value {
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

    /// The value divided by its bound; `None`: value or bound is unknown, or the bound is 0.
    pub(super) fn share(&self) -> Option<f64> {
        let bound = self.bound.filter(|bound| *bound > 0.0)?;
        Some(self.value? / bound)
    }

    pub(super) fn about(&self) -> &str {
        self.about.as_deref().unwrap_or_default()
    }

    /// A setting's value, and its source unless that is a configuration file; `None`: the figure is not a setting.
    fn setting(&self) -> Option<(&str, Option<&str>)> {
        self.name.strip_prefix("setting ")?;
        let about = self.about();
        Some(match about.split_once(", ") {
            Some((setting, by)) => (setting, Some(by)),
            None => (about, None),
        })
    }

    /// Text of the ABOUT column.
    pub(super) fn about_text(&self) -> Value {
        match (self.setting(), self.lately()) {
            (Some((_, by)), _) => by.into(),
            (None, Some(lately)) => lately.into(),
            (None, None) => self.about.clone().into(),
        }
    }

    /// Takes a reading of the counters, if this figure is judged by its growth.
    pub(super) fn count(&mut self, at: &At) {
        let counts = ["rollbacks", "deadlocks", "conflicts"].contains(&self.name.as_str());
        let Some((part, whole)) = self.value.zip(self.bound).filter(|_| counts) else {
            return;
        };
        let limits = &at.server.thresholds.all;
        let young = |reset: &Stamp| at.now.seconds_since(*reset) <= limits.error_first_look;
        let now = Reading {
            at: at.now,
            part,
            whole,
        };
        self.counted
            .read(now, self.since.filter(young), limits.error_window);
    }

    /// Share of the transactions in the last minutes: `0.2 % of 12 345 in the last 8m`; `None`: no growth is known yet.
    fn lately(&self) -> Option<String> {
        let growth = self.counted.growth()?;
        let percent = growth.percent()?;
        Some(format!(
            "{} of {} in the last {}",
            share(percent),
            number(growth.whole),
            text::duration(growth.seconds.round())
        ))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a figure to show")]
pub(super) fn number(count: f64) -> String {
    text::count(count as i64)
}

/// A percentage with as many digits as necessary: `12 %`, `1.5 %`, `0.012 %`.
pub(super) fn share(percent: f64) -> String {
    match percent {
        0.0 => "0 %".to_owned(),
        ..0.1 => format!("{percent:.3} %"),
        ..10.0 => format!("{percent:.1} %"),
        _ => format!("{percent:.0} %"),
    }
}
