//! Findings of a session, and texts about data that is hidden from this role.

use super::session::{ABORTED, Row, Wait, seconds};
use crate::model::fix::ActionName;
use crate::model::plan::Mode;
use crate::model::target::Target;
use crate::model::verdict::{Finding, Findings, Level, Verdict};
use crate::model::{rules, text};
use crate::server::known::At;

/// Part of the reason for an idle transaction. After this part comes the relation on which the session has its strongest lock.
pub(crate) const LOCKS_ON: &str = "; its strongest lock is on ";

pub(super) fn verdict(row: &Row, at: &At) -> Verdict {
    let mut findings = Findings::default();
    blocked(row, at, &mut findings);
    blocks(row, at, &mut findings);
    if row.visible {
        idles(row, at, &mut findings);
        runs_long(row, at, &mut findings);
        if row.state.as_deref() == Some("disabled") {
            findings.add(
                &rules::SESSION_UNTRACKED,
                Level::Unknown,
                "track_activities is off in this session, so its query is not recorded. Its client or ALTER ROLE can turn it on",
            );
        }
    } else {
        let role = &at.server.role;
        let reason = format!("its query is hidden from {role}: grant pg_read_all_stats to see it");
        let mut finding = Finding::new(&rules::SESSION_HIDDEN, Level::Unknown, reason);
        finding.reason_of_several = Some(format!(
            "their queries are hidden from {role}: grant pg_read_all_stats to see them"
        ));
        findings.push(finding);
    }
    findings.verdict(healthy(row, at))
}

fn healthy(row: &Row, at: &At) -> String {
    let long = |since| {
        seconds(since, at).map_or_else(String::new, |long| {
            format!(" for {}", text::duration(long.floor()))
        })
    };
    if row.own {
        return "one of this console's own sessions".to_owned();
    }
    if let Some(leader) = row.leader {
        return format!("parallel worker of session {leader}");
    }
    if let Some(doing) = row.doing() {
        return format!("{doing}{}", long(row.query_started.or(row.transaction)));
    }
    match row.state.as_deref() {
        Some("active") => format!("runs{}", long(row.query_started)),
        Some("idle") => format!("idle{}", long(row.state_changed)),
        Some(state) => format!("{state}{}", long(row.state_changed)),
        None => format!("{} is working", row.program()),
    }
}

impl Wait {
    pub(super) fn words(&self) -> String {
        let mode = Mode::parse(&self.mode).map_or(self.mode.as_str(), |mode| mode.name());
        let relation = self.relation.as_deref();
        let of = match (relation, &self.thing) {
            (Some(relation), Some(thing)) if relation != thing => format!(" (of {thing})"),
            _ => String::new(),
        };
        match (self.lock.as_str(), relation) {
            ("relation", Some(relation)) => format!("a lock ({mode}) on {relation}{of}"),
            ("relation", None) => {
                format!("a lock ({mode}) on a relation of another database, or on a new relation")
            }
            ("transactionid" | "tuple", Some(relation)) => {
                format!("a row of {relation}{of} that the blocking transaction changed")
            }
            ("transactionid", None) => "a row that the blocking transaction changed".to_owned(),
            ("virtualxid", _) => "the end of the blocking transaction".to_owned(),
            ("advisory", _) => "an advisory lock".to_owned(),
            ("extend", Some(relation)) => format!("the lock for extending {relation}{of}"),
            (lock, Some(relation)) => format!("a lock ({lock}) on {relation}{of}"),
            (lock, None) => format!("a lock ({lock})"),
        }
    }
}

fn blocked(row: &Row, at: &At, findings: &mut Findings) {
    let Some(wait) = row.wait.as_ref().filter(|_| !row.own) else {
        return;
    };
    let waited = seconds(wait.since.or(row.query_started), at);
    let long = waited.map_or_else(String::new, |long| {
        let most = if wait.since.is_some() { "" } else { " at most" };
        format!(" for{most} {}", text::duration(long.floor()))
    });
    let by: Vec<_> = row
        .blocked_by
        .iter()
        .map(|party| party.what.as_str())
        .collect();
    let by = if by.is_empty() {
        String::new()
    } else {
        format!(" by {}", by.join(" and "))
    };
    let level = if waited.is_none_or(|waited| waited >= at.server.thresholds.all.blocked) {
        Level::Warning
    } else {
        Level::Notice
    };
    let reason = format!("blocked{long}{by}: it waits for {}", wait.words());
    let finding = Finding::new(&rules::SESSION_BLOCKED, level, reason).since(wait.since);
    findings.push(match row.head {
        Some(head) if !head.own => finding
            .fixed_by(Some(end(head.active)))
            .upon(Target::session(head.pid)),
        _ => finding,
    });
}

/// The fix for a session that blocks others: cancel its query, or terminate the session if it runs no query.
fn end(active: bool) -> ActionName {
    if active {
        "cancel-query"
    } else {
        "terminate-session"
    }
}

fn blocks(row: &Row, at: &At, findings: &mut Findings) {
    let (Some(first), many) = (row.blocks.first(), row.blocks.len()) else {
        return;
    };
    let whom = match many {
        1 => format!("session {first}"),
        ..=5 => {
            let pids: Vec<_> = row.blocks.iter().map(ToString::to_string).collect();
            format!("{many} sessions ({})", pids.join(", "))
        }
        _ => format!("{many} sessions"),
    };
    let longest = seconds(row.blocks_since, at);
    let level = match longest {
        Some(longest)
            if longest >= at.server.thresholds.all.stuck_blocker && row.idles_in_transaction() =>
        {
            Level::Critical
        }
        Some(longest) if longest < at.server.thresholds.all.blocked => Level::Notice,
        _ => Level::Warning,
    };
    let long = longest.map_or_else(String::new, |long| {
        format!(", for up to {}", text::duration(long.floor()))
    });
    let behind = match row.behind {
        0 => String::new(),
        more => format!(", and {more} more in the queue"),
    };
    let reason = format!("blocks {whom}{behind}{long}");
    let fix = (!row.own).then(|| end(row.is_active()));
    let finding = Finding::new(&rules::SESSION_BLOCKS, level, reason).fixed_by(fix);
    findings.push(finding.since(row.blocks_since));
}

fn idles(row: &Row, at: &At, findings: &mut Findings) {
    if !row.idles_in_transaction() {
        return;
    }
    let Some(idle) = seconds(row.state_changed, at)
        .filter(|idle| *idle >= at.server.thresholds.all.idle_in_transaction_notice)
    else {
        return;
    };
    let vacuum = match row.holds_back() {
        Some(behind) => format!(
            "it holds back vacuum ({} so far) and keeps its locks",
            text::plural(behind.into(), "transaction")
        ),
        None => "it keeps its locks, but does not hold back vacuum (it has no snapshot)".to_owned(),
    };
    let level = if idle >= at.server.thresholds.all.idle_in_transaction {
        Level::Warning
    } else {
        Level::Notice
    };
    let aborted = if row.state.as_deref() == Some(ABORTED) {
        " after its transaction failed"
    } else {
        ""
    };
    let on = row
        .relation
        .as_ref()
        .map_or_else(String::new, |thing| format!("{LOCKS_ON}{thing}"));
    let reason = format!(
        "idle in transaction for {}{aborted}: {vacuum}{on}",
        text::duration(idle.floor())
    );
    findings.push(Finding::new(&rules::SESSION_IDLE, level, reason).since(row.state_changed));
}

/// Seconds since the query and since the transaction began; `None`: the session may run long.
fn run(row: &Row, at: &At) -> Option<(f64, f64)> {
    if row.own || row.leader.is_some() || row.idles_in_transaction() || !row.is_active() {
        return None;
    }
    // Maintenance such as VACUUM may run long, and jobs are judged on the Jobs screen.
    if row.doing().is_some() || row.backend.as_deref() != Some("client backend") {
        return None;
    }
    let since = |start| seconds(start, at).unwrap_or(0.0);
    Some((since(row.query_started), since(row.transaction)))
}

/// The longest of the session's times as a multiple of its limit, from which on a finding is a warning: the wait for a lock, the idle
/// transaction, the query or transaction. `None`: no finding judges a time of this session.
pub(super) fn of_limit(row: &Row, at: &At) -> Option<f64> {
    let limits = &at.server.thresholds.all;
    let wait = row.wait.as_ref().filter(|_| !row.own);
    let waits = wait.and_then(|wait| seconds(wait.since.or(row.query_started), at));
    let idles = row.visible && row.idles_in_transaction();
    let idles = seconds(row.state_changed.filter(|_| idles), at);
    let runs = run(row, at).filter(|_| row.visible);
    let runs = runs.map(|(query, transaction)| query.max(transaction));
    let judged = [
        (waits, limits.blocked),
        (idles, limits.idle_in_transaction),
        (runs, limits.long_transaction),
    ];
    let times = judged.into_iter().filter_map(|(age, limit)| {
        // A limit may be zero.
        age.map(|age| age / limit.max(f64::MIN_POSITIVE))
    });
    times.reduce(f64::max)
}

fn runs_long(row: &Row, at: &At, findings: &mut Findings) {
    let Some((query, transaction)) = run(row, at) else {
        return;
    };
    let longest = query.max(transaction);
    if longest < at.server.thresholds.all.long_transaction_notice {
        return;
    }
    let level = if longest >= at.server.thresholds.all.long_transaction {
        Level::Warning
    } else {
        Level::Notice
    };
    let what = if transaction > query + at.server.thresholds.all.long_transaction_notice {
        "its transaction has been open"
    } else {
        "its query has been running"
    };
    let vacuum = row.holds_back().map_or_else(String::new, |behind| {
        let behind = text::plural(behind.into(), "transaction");
        format!("; it holds back vacuum ({behind} so far)")
    });
    let reason = format!("{what} for {}{vacuum}", text::duration(longest.floor()));
    let since = row.transaction.or(row.query_started);
    findings.push(Finding::new(&rules::SESSION_LONG, level, reason).since(since));
}

pub(super) fn caveats(rows: &[Row], at: &At) -> Vec<String> {
    let mut said = Vec::new();
    let hidden = rows.iter().filter(|row| !row.visible).count();
    if hidden > 0 {
        said.push(format!(
            "state, query, client and age of {} of other roles are hidden from {}: grant pg_read_all_stats to see them. Who blocks whom is always shown",
            text::plural_of(hidden, "session"),
            at.server.role
        ));
    }
    if rows
        .iter()
        .any(|row| row.wait.is_some() && row.wait.as_ref().is_some_and(|wait| wait.since.is_none()))
        && at.server.postgres < 140_000
    {
        said.push("PostgreSQL before 14 does not record when a wait for a lock began: the query's age is shown as an upper bound".to_owned());
    }
    said
}
