//! A refresh or a policy's worker that waits for a lock: since when, for which lock, and which session to terminate.

use serde::{Deserialize, Serialize};

use crate::model::moment::Stamp;
use crate::model::rules::Rule;
use crate::model::target::Target;
use crate::model::text;
use crate::model::verdict::{Finding, Level};

pub(super) const END: &str = "terminate-session";

/// A refresh, or the worker of a policy, that waits for a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocked {
    #[serde(alias = "blocked_pid")]
    pub pid: i32,
    /// Pid of the session at the head of the lock queue; 0: a prepared transaction; `None`: the blocking session has ended.
    pub blocker: Option<i32>,
    pub blocker_name: Option<String>,
    /// `None`: the worker waits for a transaction, not for a relation.
    #[serde(alias = "blocked_on")]
    pub relation: Option<String>,
    /// Start of the wait; `None`: before PostgreSQL 14, or the wait has just begun.
    #[serde(alias = "blocked_since")]
    pub since: Option<Stamp>,
}

impl Blocked {
    /// `its refresh (session 4711) has waited 5m for a lock on mes.oee, held by session 4712 (psql)`.
    pub(super) fn words(&self, who: &str, now: Stamp) -> String {
        let long = self.since.map_or_else(String::new, |since| {
            format!(
                " {}",
                text::duration(now.seconds_since(since).max(0.0).floor())
            )
        });
        let what = self.relation.as_ref().map_or_else(
            || "a lock".to_owned(),
            |relation| format!("a lock on {relation}"),
        );
        let name = self.blocker_name.as_ref();
        let name = name.map_or_else(String::new, |name| format!(" ({name})"));
        let by = match self.blocker {
            Some(0) => format!(", held by {}", text::prepared(self.blocker_name.as_deref())),
            Some(pid) => format!(", held by session {pid}{name}"),
            None => String::new(),
        };
        format!(
            "{who} (session {}) has waited{long} for {what}{by}",
            self.pid
        )
    }

    /// The finding; `None`: the wait is shorter than `patience` seconds.
    pub(in crate::screens) fn finding(
        &self,
        rule: &'static Rule,
        who: &str,
        now: Stamp,
        patience: f64,
    ) -> Option<Finding> {
        let long = self.since.map(|since| now.seconds_since(since));
        if long.is_some_and(|long| long <= patience) {
            return None;
        }
        let mut finding = Finding::new(rule, Level::Warning, self.words(who, now))
            .since(self.since)
            // A prepared transaction has no session that could be terminated.
            .fixed_by(self.session().map(|_| END));
        finding.on = self.session();
        Some(finding)
    }

    /// The session to terminate; `None`: a prepared transaction, or the blocking session has ended.
    pub(super) fn session(&self) -> Option<Target> {
        self.blocker.filter(|pid| *pid != 0).map(Target::session)
    }
}
