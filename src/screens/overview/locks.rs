//! Who holds a lock goes before what waits for it: the right fix of work that cannot get on is at the holder.

use super::consequence::{among, is_consequence};
use super::row::Row;
use crate::model::rules;
use crate::model::screen_id::ScreenId;
use crate::model::target::{Kind, Target};
use crate::model::verdict::{Finding, without_stop};
use crate::screens::activity::LOCKS_ON;

/// Work that waits because somebody holds a lock on what it is to be done to: that is its cause, and its fix there.
pub(super) fn told_by_its_lock(mut rows: Vec<Row>) -> Vec<Row> {
    let blocked = [
        &rules::AGGREGATE_BLOCKED,
        &rules::AGGREGATE_STUCK,
        &rules::COMPRESSION_BLOCKED,
        &rules::RETENTION_BLOCKED,
    ];
    let is_cause =
        |row: &Row| among(row, &blocked) && row.finding.frees() && row.finding.job.is_none();
    let causes: Vec<_> = rows.iter().filter(|row| is_cause(row)).cloned().collect();
    let mut told = Vec::new();
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
            told.push(cause.identity());
        }
    }
    rows.retain(|row| !told.contains(&row.identity()));
    rows
}

/// A job whose worker waits for a lock gets on when whoever holds it lets go, and not before; one that was stopped for
/// its time may have waited for a session that idles in a transaction on the same thing.
pub(super) fn held_by_a_lock(mut rows: Vec<Row>) -> Vec<Row> {
    let worker = |row: &Row| {
        let job = row.targets.iter().find(|of| of.kind == Kind::Job)?;
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
            let session = row.targets.iter().find(|of| of.kind == Kind::Session)?;
            Some((session.clone(), row.finding.clone()))
        })
        .collect();
    for row in rows.iter_mut().filter(|row| row.screen == ScreenId::Jobs) {
        let finding = &mut row.finding;
        if !suffers.contains(&finding.rule) {
            continue;
        }
        let subject = &row.subject;
        let stands_on = |(_, idle): &&(Target, Finding)| {
            let thing = idle.reason.rsplit_once(LOCKS_ON).map(|(_, thing)| thing);
            // As the job's name and target end: `… of mes.oee (job 1007)`.
            thing.is_some_and(|thing| subject.contains(&format!(" {thing} (job ")))
        };
        let was_stopped = finding.rule == &rules::JOB_FAILING && finding.fix != finding.rule.fix;
        let (words, fix, on) = if let Some((_, lock)) =
            waiting.iter().find(|(job, _)| *job == row.of)
        {
            let words = format!("its worker is {}", lock.reason);
            (words, lock.fix, lock.on.clone())
        } else if let Some((session, lock)) = idle.iter().filter(|_| was_stopped).find(stands_on) {
            let words = format!(
                "session {} may be what it waited for: {}",
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
