//! Checks that indexes are valid, that aggregates lag no more than their policies allow, and that there are no new findings or errors since
//! the apply.

use crate::journal::{Counters, Snapshot};
use crate::model::moment::Axis;
use crate::model::rules::{self, Rule};
use crate::model::setup::name::Name;
use crate::model::target::{Target, TargetKind};
use crate::model::text::{self, plural};
use crate::model::verdict::Level;
use crate::screens::Screens;
use crate::screens::aggregates;
use crate::screens::overview::Row;
use crate::screens::record::Record as _;
use crate::server::databases::DatabaseCounters;
use crate::server::known::At;

use super::check::{Checks, State, listed};
use super::runs;

/// Rules whose problems are reported by other checks.
const NAMED: [&Rule; 11] = [
    &rules::INDEX_INVALID,
    &rules::INDEX_MISSING,
    &rules::INDEX_LEFTOVERS,
    &rules::JOB_FAILING,
    &rules::JOB_GAVE_UP,
    &rules::JOB_CRASHED,
    &rules::JOB_LATE,
    &rules::JOB_PORTAL_FAULT,
    &rules::AGGREGATE_BEHIND,
    &rules::SERVER_ROLLBACKS,
    &rules::SERVER_DEADLOCKS,
];

/// Checks that the indexes of these relations are valid, on all chunks.
pub(super) fn indexes(names: &[&Name], screens: &Screens, at: &At, checks: &mut Checks) {
    let own = |row: &&crate::screens::indexes::Row| {
        let table = row.table_name();
        Name::parse(&table).is_ok_and(|name| names.contains(&&name))
    };
    let (mut wrong, mut unread) = (Vec::new(), Vec::new());
    for row in screens.indexes.rows().iter().filter(own) {
        let findings = row.verdict(at).findings.into_iter();
        let bad = findings.filter(|finding| {
            [
                &rules::INDEX_INVALID,
                &rules::INDEX_MISSING,
                &rules::INDEX_LEFTOVERS,
            ]
            .contains(&finding.rule)
        });
        wrong.extend(bad.map(|finding| format!("{}: {}", row.name, finding.reason)));
        if row.definition.is_none() {
            unread.push(format!("{} is locked by another session", row.name));
        }
    }
    let what = "indexes are valid on all chunks";
    match (listed(&wrong, "; "), listed(&unread, "; ")) {
        (Some(wrong), _) => checks.add(State::Failed, what, wrong),
        (None, Some(unread)) => checks.add(State::Unknown, what, unread),
        (None, None) => checks.add(State::Ok, what, "all are"),
    };
}

/// Checks that an aggregate lags no more than its policy allows. `more_seconds`: additional lag that `[expect]` accepts.
pub(super) fn aggregate(
    name: &Name,
    row: &aggregates::Row,
    (jobs, more_seconds): (&[&crate::screens::jobs::Row], Option<f64>),
    at: &At,
    checks: &mut Checks,
) {
    let Some(allowed) = row.allowed_lag(at) else {
        return;
    };
    let what = format!("{name} lags no more than its policy allows");
    let say = |length: f64| match row.axis {
        Axis::Integer => format!("{length:.0} units"),
        _ => text::duration(length),
    };
    let allowed = match (more_seconds, row.expected_seconds) {
        (Some(more), Some(promised)) => promised + more,
        _ => allowed,
    };
    let limit = format!("at most {} behind", say(allowed));
    let waits = jobs
        .iter()
        .find(|job| runs::ran(job).is_none() && job.scheduled);
    let Some(lag) = row.lag(at) else {
        if let Some(job) = waits {
            let next = runs::next(job);
            let then = next.map_or_else(
                || "its first refresh has not ended".to_owned(),
                |next| format!("its first refresh starts {}", text::moment(next)),
            );
            checks.wait(what, format!("nothing is materialized yet; {then}"), next);
        } else if row.source_is_empty() {
            checks.add(State::Ok, what, "its source has no rows");
        } else {
            let why = row.why_unknown();
            let why = why.unwrap_or_else(|| {
                "nothing is materialized, or the newest row was not read".to_owned()
            });
            checks.add(State::Unknown, what, why);
        }
        return;
    };
    #[expect(
        clippy::cast_precision_loss,
        reason = "an f64 is exact for a lag in microseconds"
    )]
    let lag = if row.axis == Axis::Integer {
        lag as f64
    } else {
        lag as f64 / 1e6
    };
    let seen = format!("{} behind", say(lag));
    match waits {
        Some(job) if lag > allowed => {
            let next = runs::next(job);
            checks.wait(what, format!("{seen}; its policy has not run yet"), next);
        }
        _ => checks.compare(lag <= allowed, what, limit, seen),
    }
}

/// Checks that there are no new findings since the snapshot. Without a snapshot: that these objects have no findings.
pub(super) fn findings(
    rows: &[Row],
    own: &[(TargetKind, i64)],
    snapshot: Option<&(u64, Snapshot)>,
    checks: &mut Checks,
) {
    let is_about = |row: &Row| {
        let targets = row.targets().into_iter();
        let mut all = targets.flat_map(Target::and_materialization);
        all.any(|target| own.contains(&(target.kind, target.id)))
    };
    let was = |row: &Row| {
        let known = snapshot
            .into_iter()
            .flat_map(|(_, before)| &before.findings);
        known.into_iter().any(|was| {
            (was.screen, &was.of, was.rule.as_str()) == (row.screen, &row.of, row.finding.rule.name)
                && was.level >= row.finding.level
        })
    };
    let (mut new, mut old) = (0, 0);
    for row in rows
        .iter()
        .filter(|row| row.finding.level >= Level::Warning)
    {
        let about = is_about(row);
        let of_server = [&rules::SERVER_ROLLBACKS, &rules::SERVER_DEADLOCKS];
        let is_named =
            NAMED.contains(&row.finding.rule) && (about || of_server.contains(&row.finding.rule));
        if was(row) {
            old += 1;
        } else if !is_named && (about || snapshot.is_some()) {
            new += 1;
            let what = format!("no new finding on {}", row.subject);
            let seen = format!("{}: {}", row.finding.rule.title, row.finding.reason);
            checks.add(State::Failed, what, seen);
        }
    }
    if new > 0 {
        return;
    }
    if let Some((id, _)) = snapshot {
        let seen = match old {
            0 => "there is no finding of level warning or critical".to_owned(),
            old => format!(
                "{} of level warning or critical, all known from before the apply",
                plural(old, "finding")
            ),
        };
        checks.add(State::Ok, format!("no new finding since entry {id}"), seen);
    } else {
        let seen =
            "no finding of level warning or critical; the findings before an apply are not known";
        checks.add(State::Ok, "no finding on the file's objects", seen);
    }
}

/// Checks that errors and deadlocks per transaction are not more frequent than before the apply.
pub(super) fn errors(
    now: &DatabaseCounters,
    snapshot: Option<&(u64, Snapshot)>,
    at: &At,
    checks: &mut Checks,
) {
    let parts = [
        (
            "errors and cancelled statements per transaction",
            now.rollbacks,
            (|was| was.rollbacks) as fn(&Counters) -> i64,
        ),
        ("deadlocks per transaction", now.deadlocks, |was| {
            was.deadlocks
        }),
    ];
    for (what, count, of) in parts {
        let what = format!("{what} are not more frequent than before");
        let Some((_, snapshot)) = snapshot else {
            let why = "the journal has no entry of an apply with the counters of this database before the apply";
            checks.add(State::Unknown, what, why);
            continue;
        };
        let was = snapshot.counters;
        let before = Share::of(of(&was), was.commits + was.rollbacks);
        let since = Share::of(
            count - of(&was),
            now.commits + now.rollbacks - was.commits - was.rollbacks,
        );
        let is_reset = was.reset != at.server.stats_reset || since.of < 0.0 || since.part < 0.0;
        if is_reset || !at.server.track_counts {
            let why = if is_reset {
                "the server's counters were reset since the apply"
            } else {
                "track_counts is off"
            };
            checks.add(State::Unknown, what, why);
            continue;
        }
        let least = at.server.thresholds.all.error_transactions;
        if since.of < least {
            let seen = format!(
                "{:.0} transactions since the apply; {least:.0} are needed for a judgement",
                since.of
            );
            checks.wait(what, seen, None);
            continue;
        }
        let holds = !since.is_surely_above(before);
        checks.compare(
            holds,
            what,
            format!("at most the share before the apply, {before}"),
            since.to_string(),
        );
    }
}

/// `part` out of `of`, such as deadlocks out of transactions.
#[derive(Debug, Clone, Copy)]
struct Share {
    part: f64,
    of: f64,
}

impl Share {
    #[expect(
        clippy::cast_precision_loss,
        reason = "an f64 is exact for counts of transactions"
    )]
    fn of(part: i64, of: i64) -> Self {
        Self {
            part: part as f64,
            of: of as f64,
        }
    }

    /// True if this share is larger than the earlier share by more than three standard deviations. Chance alone is then an unlikely cause.
    fn is_surely_above(self, before: Self) -> bool {
        let all = self.of + before.of;
        let common = (self.part + before.part) / all;
        let spread = (common * (1.0 - common) * (1.0 / self.of + 1.0 / before.of.max(1.0))).sqrt();
        let more = self.part / self.of - before.part / before.of.max(1.0);
        more > 3.0 * spread
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let percent = self.part / self.of.max(1.0) * 100.0;
        write!(f, "{percent:.3} % ({:.0} of {:.0})", self.part, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_above_another_only_by_more_than_chance() {
        let above = |now: (i64, i64), before: (i64, i64)| {
            Share::of(now.0, now.1).is_surely_above(Share::of(before.0, before.1))
        };
        assert!(!above((0, 1000), (0, 1000)));
        assert!(!above((12, 1000), (10, 1000)));
        assert!(above((40, 1000), (10, 1000)));
        assert!(above((1, 100), (0, 1_000_000)));
        assert!(!above((1, 1000), (0, 100)));
        assert!(!above((0, 1000), (500, 1000)));
        assert!(!above((0, 200), (0, 0)));
    }
}
