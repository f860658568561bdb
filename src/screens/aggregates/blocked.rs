//! A worker that waits for a lock: since when, for which, and whose session is to be ended.

use serde::{Deserialize, Serialize};

use crate::model::moment::Stamp;
use crate::model::rules::Rule;
use crate::model::target::Target;
use crate::model::text;
use crate::model::verdict::{Finding, Level};

/// Ends the session that is in the way.
pub(super) const END: &str = "terminate-session";

/// A worker (of a refresh, of a policy) that waits for a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocked {
    #[serde(alias = "blocked_pid")]
    pub pid: i32,
    /// At the head of the queue in which it waits; 0: a prepared transaction; `None`: gone by now.
    pub blocker: Option<i32>,
    pub blocker_name: Option<String>,
    /// `None`: it waits for a transaction, not for a relation.
    #[serde(alias = "blocked_on")]
    pub relation: Option<String>,
    /// `None`: before PostgreSQL 14.
    #[serde(alias = "blocked_since")]
    pub since: Option<Stamp>,
}

impl Blocked {
    /// `its refresh (session 4711) waits since 5m for a lock on mes.oee that session 4712 (psql) keeps from it`.
    pub(in crate::screens) fn words(&self, who: &str, now: Stamp) -> String {
        let since = self.since.map_or_else(String::new, |since| {
            format!(
                " since {}",
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
            Some(0) => format!(
                " that {} holds",
                text::prepared(self.blocker_name.as_deref())
            ),
            Some(pid) => format!(" that session {pid}{name} keeps from it"),
            None => String::new(),
        };
        format!("{who} (session {}) waits{since} for {what}{by}", self.pid)
    }

    /// The finding, where the wait is longer than all have to wait at times.
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
            // A prepared transaction has no session to be ended.
            .fixed_by(self.session().map(|_| END));
        finding.on = self.session();
        Some(finding)
    }

    /// The session to be ended.
    pub(in crate::screens) fn session(&self) -> Option<Target> {
        self.blocker.filter(|pid| *pid != 0).map(Target::session)
    }
}
