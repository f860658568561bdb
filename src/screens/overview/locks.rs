//! Merges findings about locks, so that the fix of blocked work applies to the session that holds the lock.

use super::consequence::{among, is_consequence};
use super::row::Row;
use crate::model::rules;
use crate::model::screen_id::ScreenId;
use crate::model::target::{Target, TargetKind};
use crate::model::verdict::{Finding, without_stop};
use crate::screens::activity::LOCKS_ON;

/// Merges a finding about a lock into the finding of the work that the lock blocks. The merged finding has the fix of the finding about the
/// lock.
pub(super) fn merge_locks(mut rows: Vec<Row>) -> Vec<Row> {
    let blocked = [
        &rules::AGGREGATE_BLOCKED,
        &rules::AGGREGATE_STUCK,
        &rules::COMPRESSION_BLOCKED,
        &rules::RETENTION_BLOCKED,
    ];
    let is_cause =
        |row: &Row| among(row, &blocked) && row.finding.frees() && row.finding.job.is_none();
    let causes: Vec<_> = rows.iter().filter(|row| is_cause(row)).cloned().collect();
    let mut merged = Vec::new();
    for cause in causes {
        let waits = |row: &&mut Row| {
            row.screen == cause.screen && row.of == cause.of && is_consequence(&row.finding)
        };
        if let Some(row) = rows.iter_mut().find(waits) {
            let reason = without_stop(&row.finding.reason);
            row.finding.reason = format!("{reason}; {}", cause.finding.reason);
            row.finding.level = row.finding.level.max(cause.finding.level);
            row.finding.fix = cause.finding.fix;
            row.finding.sets.clone_from(&cause.finding.sets);
            row.finding.on.clone_from(&cause.finding.on);
            merged.push(cause.identity());
        }
    }
    rows.retain(|row| !merged.contains(&row.identity()));
    rows
}

/// Adds the session that blocks a job's worker to the findings of the job. If `max_runtime` ended the job, adds the session that is idle in
/// transaction and holds a lock on the job's relation.
pub(super) fn name_lock_holders(mut rows: Vec<Row>) -> Vec<Row> {
    let target = |row: &Row, kind| row.targets.iter().find(|of| of.kind == kind).cloned();
    let worker = |row: &Row| {
        let job = target(row, TargetKind::Job)?;
        Some((job.id.to_string(), row.finding.clone()))
    };
    let waiting: Vec<_> = rows
        .iter()
        .filter(|row| row.finding.rule == &rules::SESSION_BLOCKED && row.finding.frees())
        .filter_map(worker)
        .collect();
    let suffers = [
        &rules::JOB_FAILING,
        &rules::JOB_OVERRUN,
        &rules::JOB_SLOW,
        &rules::JOB_CRASHED,
    ];
    let idle: Vec<_> = rows
        .iter()
        .filter(|row| row.finding.rule == &rules::SESSION_IDLE)
        .filter_map(|row| {
            let session = target(row, TargetKind::Session)?;
            Some((session, row.finding.clone()))
        })
        .collect();
    for row in rows.iter_mut().filter(|row| row.screen == ScreenId::Jobs) {
        let finding = &mut row.finding;
        if !suffers.contains(&finding.rule) {
            continue;
        }
        let subject = &row.subject;
        let locks_it = |(_, idle): &&(Target, Finding)| {
            let relation = idle
                .reason
                .rsplit_once(LOCKS_ON)
                .map(|(_, relation)| relation);
            // A job's subject ends with the relation and the id: `… of mes.oee (job 1007)`.
            relation.is_some_and(|relation| subject.contains(&format!(" {relation} (job ")))
        };
        let was_stopped = finding.rule == &rules::JOB_FAILING && finding.fix != finding.rule.fix;
        let (words, fix, on) = if let Some((_, lock)) =
            waiting.iter().find(|(job, _)| *job == row.of)
        {
            let words = format!("its worker is {}", lock.reason);
            (words, lock.fix, lock.on.clone())
        } else if let Some((session, lock)) = idle.iter().filter(|_| was_stopped).find(locks_it) {
            let words = format!(
                "it may have waited for session {}: {}",
                session.name, lock.reason
            );
            (words, lock.fix, Some(session.clone()))
        } else {
            continue;
        };
        finding.reason = format!("{}; {words}", without_stop(&finding.reason));
        (finding.fix, finding.on) = (fix, on);
        finding.sets.clear();
    }
    rows
}
