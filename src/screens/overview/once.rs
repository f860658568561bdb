//! One fault is told once: findings that follow from another are told with it, or left out.

use super::{Row, is_consequence};
use crate::plans::{Kind, Target};
use crate::rules::{self, Rule};
use crate::screens::ScreenId;
use crate::text;
use crate::verdict::{Level, without_stop};

fn among(row: &Row, rules: &[&'static Rule]) -> bool {
    rules.contains(&row.finding.rule)
}

/// Where nothing can start any job, that is the finding, and not each job that does not start and what waits for it.
pub(super) fn without_starved(mut rows: Vec<Row>) -> Vec<Row> {
    let restoring = |row: &Row| {
        row.finding.rule == &rules::SERVER_SETTING && row.of == "setting timescaledb.restoring"
    };
    let roots: [&dyn Fn(&Row) -> bool; 4] = [
        &|row| row.finding.rule == &rules::SERVER_LAUNCHER,
        &restoring,
        &|row| row.finding.rule == &rules::SERVER_SCHEDULER,
        &|row| row.finding.rule == &rules::SERVER_WORKERS,
    ];
    let Some(root) = roots
        .iter()
        .find_map(|is| rows.iter().find(|row| is(row)))
        .map(Row::identity)
    else {
        return rows;
    };
    let starves = |row: &Row| {
        among(
            row,
            &[&rules::JOB_LATE, &rules::JOB_NEVER_RAN, &rules::JOB_AT_ONCE],
        )
    };
    let late = rows
        .iter()
        .filter(|row| row.screen == ScreenId::Jobs && starves(row))
        .count();
    // What a policy's screen says of its job, and the work that waits for it.
    let waits: Vec<_> = rows
        .iter()
        .filter(|row| row.screen != ScreenId::Jobs && row.finding.job.is_some() && starves(row))
        .map(|row| (row.screen, row.of.clone()))
        .collect();
    rows.retain(|row| {
        let follows = is_consequence(&row.finding) && waits.contains(&(row.screen, row.of.clone()));
        let same = among(row, &[&rules::SERVER_SCHEDULER, &rules::SERVER_WORKERS])
            && row.identity() != root;
        !(starves(row) || follows || same)
    });
    if let Some(row) = rows.iter_mut().find(|row| row.identity() == root)
        && late > 0
    {
        let late = text::plural(i64::try_from(late).unwrap_or(i64::MAX), "job");
        let reason = without_stop(&row.finding.reason);
        row.finding.reason = format!("{reason}. Not started for it: {late}");
        row.finding.level = row.finding.level.max(Level::Warning);
    }
    rows
}

/// Where a session keeps others waiting, that is the finding, and not each of those and what else it is found to do.
pub(super) fn without_waiting(rows: Vec<Row>) -> Vec<Row> {
    let blocker = |row: &Row| {
        let target = row.targets.iter().find(|of| of.kind == Kind::Session);
        target
            .filter(|_| row.finding.rule == &rules::SESSION_BLOCKS)
            .map(|of| of.id)
    };
    let waits_for = |row: &Row| {
        let on: Option<&Target> = row.finding.on.as_ref();
        on.filter(|of| of.kind == Kind::Session).map(|of| of.id)
    };
    let blockers: Vec<_> = rows.iter().filter_map(blocker).collect();
    let told = |row: &Row| waits_for(row).is_some_and(|pid| blockers.contains(&pid));
    let waiting: Vec<_> = rows
        .iter()
        .filter(|row| row.finding.rule == &rules::SESSION_BLOCKED && told(row))
        .map(|row| row.of.clone())
        .collect();
    let policies: Vec<_> = rows
        .iter()
        .filter(|row| blocks_a_policy(row) && told(row))
        .map(|row| (waits_for(row), row.subject.clone(), row.finding.level))
        .collect();
    let holds = |row: &&Row| blocker(row).is_some();
    let holding: Vec<_> = rows
        .iter()
        .filter(holds)
        .map(|row| row.of.clone())
        .collect();
    let beside = |row: &Row| {
        row.screen == ScreenId::Activity
            && among(row, &[&rules::SESSION_IDLE, &rules::SESSION_LONG])
    };
    let (said, mut rows): (Vec<_>, Vec<_>) = rows
        .into_iter()
        .partition(|row| beside(row) && holding.contains(&row.of));
    rows.retain(|row| {
        let waits = row.screen == ScreenId::Activity && waiting.contains(&row.of);
        !(waits || blocks_a_policy(row) && told(row))
    });
    for also in said {
        let of = |row: &&mut Row| row.of == also.of && blocker(row).is_some();
        if let Some(row) = rows.iter_mut().find(of) {
            row.finding.reason = format!("{}; {}", row.finding.reason, also.finding.reason);
            row.finding.level = row.finding.level.max(also.finding.level);
        }
    }
    for (pid, subject, level) in policies {
        let of = |row: &&mut Row| blocker(row) == pid;
        if let Some(row) = rows.iter_mut().find(of) {
            row.finding.reason = format!("{}; {subject} waits for it", row.finding.reason);
            row.finding.level = row.finding.level.max(level);
        }
    }
    rows
}

/// A policy's work waits for a session.
fn blocks_a_policy(row: &Row) -> bool {
    row.finding.mend == Some("terminate-session")
        && among(
            row,
            &[&rules::COMPRESSION_BLOCKED, &rules::AGGREGATE_BEHIND],
        )
}

/// Where many sessions are found to be the same, for a reason of the server's or the role's, they are told together.
pub(super) fn without_crowds(mut rows: Vec<Row>) -> Vec<Row> {
    let off = rows.iter().any(|row| row.of == "setting track_activities");
    if off {
        rows.retain(|row| row.finding.rule != &rules::SESSION_UNTRACKED);
    }
    let hidden = |row: &Row| row.finding.rule == &rules::SESSION_HIDDEN;
    let many = rows.iter().filter(|row| hidden(row)).count();
    if many > 1 {
        let mut first = true;
        rows.retain_mut(|row| {
            if !hidden(row) {
                return true;
            }
            row.subject = format!("{many} sessions");
            row.of = String::new();
            row.finding.reason = row.finding.reason.replace("what it does", "what they do");
            std::mem::take(&mut first)
        });
    }
    rows
}
