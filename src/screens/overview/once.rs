//! Merges findings that are duplicates or consequences, so that each fault is listed once.

use super::consequence::{among, is_consequence};
use super::locks::{merge_locks, name_lock_holders};
use super::row::Row;
use crate::model::screen_id::ScreenId;
use crate::model::target::{Target, TargetKind};
use crate::model::verdict::{Level, without_stop};
use crate::model::{rules, text};

/// Maximum number of named jobs with the same fault.
const NAMED: usize = 5;

/// Merges the findings of all screens. Findings of rules that affect work now come first. A later stable sort by level keeps that order
/// within each level.
pub fn merge(rows: Vec<Row>) -> Vec<Row> {
    let rows = merge_locks(name_lock_holders(without_starved(rows)));
    let rows = merge_far_starts(merge_jobs(rows));
    let rows = merge_blocked(merge_unread(merge_missing_policies(rows)));
    let mut rows = merge_sessions(merge_portal_faults(rows));
    rows.sort_by_key(|row| !row.finding.rule.hurts_now);
    rows
}

/// Removes the rows for which `is` holds, and returns them.
fn taken(rows: &mut Vec<Row>, is: impl Fn(&Row) -> bool) -> Vec<Row> {
    rows.extract_if(.., |row| is(row)).collect()
}

/// The Jobs screen and the screen of a hypertable or aggregate both report a job's fault. If work waits for the job, the finding of that
/// work is kept and names the fault as its cause. Otherwise the finding of the Jobs screen is kept.
fn merge_jobs(mut rows: Vec<Row>) -> Vec<Row> {
    let blamed = taken(&mut rows, |row| row.finding.job.is_some());
    let mut merged = Vec::new();
    for blame in &blamed {
        let job = blame.finding.job.unwrap_or_default().to_string();
        let is_the_job =
            |row: &Row| row.screen == ScreenId::Jobs && row.of == job && is_the_same(row, blame);
        let Some(cause) = rows.iter().find(|row| is_the_job(row)).cloned() else {
            // The Jobs screen has no such finding: the job is healthy by now, or the screen was loaded at another time or not yet.
            if !merge_wait(&mut rows, blame) {
                rows.push(blame.clone());
            }
            continue;
        };
        let waits = |row: &&mut Row| {
            row.screen == blame.screen && row.of == blame.of && is_consequence(&row.finding)
        };
        if let Some(row) = rows.iter_mut().find(waits) {
            row.finding.reason = format!(
                "{}; its policy (job {job}): {}",
                without_stop(&row.finding.reason),
                cause.finding.reason
            );
            row.finding.level = row.finding.level.max(cause.finding.level);
            // The waiting work keeps its own fix if the cause has none, or if its own fix ends the session that blocks it.
            if cause.finding.fix.is_some() && !row.finding.frees() {
                row.finding.fix = cause.finding.fix;
                row.finding.sets.clone_from(&cause.finding.sets);
                row.finding.on.clone_from(&cause.finding.on);
                row.finding.job = blame.finding.job;
            } else {
                row.finding.leave_the_job();
            }
            merged.push(cause.identity());
            row.absorb(cause);
        } else if cause.finding.rule != blame.finding.rule {
            // The Jobs screen knows the cause and therefore the right level, so `blame` is dropped.
        } else if let Some(row) = rows.iter_mut().find(|row| is_the_job(row)) {
            row.finding.level = row.finding.level.max(blame.finding.level);
        }
    }
    rows.retain(|row| !merged.contains(&row.identity()));
    rows
}

/// Merges two findings: work waits for a job, and the next start of that job is too far away. The fix then starts the job.
fn merge_far_starts(mut rows: Vec<Row>) -> Vec<Row> {
    let far = |row: &Row| row.finding.rule == &rules::JOB_FAR;
    let causes = taken(&mut rows, far);
    for cause in causes {
        let starts = |row: &&mut Row| {
            let own = row
                .targets
                .iter()
                .find(|target| target.kind == TargetKind::Job);
            own.is_some_and(|job| job.id.to_string() == cause.of)
                && is_consequence(&row.finding)
                && row.finding.job.is_none()
                // A finding with another fix has another known cause.
                && [row.finding.rule.fix, cause.finding.fix].contains(&row.finding.fix)
        };
        let Some(row) = rows.iter_mut().find(starts) else {
            rows.push(cause);
            continue;
        };
        row.finding.reason = format!(
            "{}; run-job-now starts it",
            without_stop(&row.finding.reason)
        );
        row.finding.fix = cause.finding.fix;
        row.finding.sets.clone_from(&cause.finding.sets);
        row.finding.on = None;
        row.finding.job = cause.of.parse().ok();
        row.absorb(cause);
    }
    rows
}

/// Merges the finding of a missing refresh policy into the finding "never refreshed", because the missing policy is the cause.
fn merge_missing_policies(mut rows: Vec<Row>) -> Vec<Row> {
    let of = |row: &Row, rule| (row.finding.rule == rule).then(|| (row.screen, row.of.clone()));
    let empty: Vec<_> = rows
        .iter()
        .filter_map(|row| of(row, &rules::AGGREGATE_NEVER_REFRESHED))
        .collect();
    let causes = taken(&mut rows, |row| {
        of(row, &rules::AGGREGATE_NO_POLICY).is_some_and(|of| empty.contains(&of))
    });
    for cause in causes {
        let same = |row: &&mut Row| {
            row.of == cause.of && row.finding.rule == &rules::AGGREGATE_NEVER_REFRESHED
        };
        if let Some(row) = rows.iter_mut().find(same) {
            let reason = without_stop(&row.finding.reason);
            row.finding.reason = format!("{reason}; {}", cause.finding.reason);
            row.finding.level = row.finding.level.max(cause.finding.level);
            row.finding.fix = cause.finding.fix;
            row.finding.sets.clone_from(&cause.finding.sets);
        }
    }
    rows
}

/// Merges two findings: work waits for a policy, and the policy waits for a lock (`blame`). False: `blame` is not about a lock, or no work
/// waits for the policy.
fn merge_wait(rows: &mut [Row], blame: &Row) -> bool {
    let blocked = [&rules::COMPRESSION_BLOCKED, &rules::RETENTION_BLOCKED];
    if !blocked.contains(&blame.finding.rule) {
        return false;
    }
    let waits = |row: &&mut Row| {
        row.screen == blame.screen && row.of == blame.of && is_consequence(&row.finding)
    };
    let Some(row) = rows.iter_mut().find(waits) else {
        return false;
    };
    let cause = &blame.finding;
    let reason = without_stop(&row.finding.reason);
    row.finding.reason = format!("{reason}; {}", cause.reason);
    row.finding.level = row.finding.level.max(cause.level);
    row.finding.fix = cause.fix;
    row.finding.sets.clone_from(&cause.sets);
    row.finding.on.clone_from(&cause.on);
    true
}

/// Whether `cause` (on the Jobs screen) and `blame` (on another screen, which does not know the error) are the same fault.
fn is_the_same(cause: &Row, blame: &Row) -> bool {
    let (cause, blame) = (cause.finding.rule, blame.finding.rule);
    let faults = [
        &rules::JOB_PORTAL_FAULT,
        &rules::JOB_OWNER,
        &rules::JOB_ORPHANED,
        &rules::JOB_PROCEDURE_GONE,
    ];
    cause == blame
        || blame == &rules::JOB_FAILING && faults.contains(&cause)
        || blame == &rules::JOB_PAUSED && cause == &rules::JOB_GAVE_UP
}

/// If no job can start at all, only the finding that says why is listed. Findings of jobs that do not start, and of work that waits for
/// these jobs, are merged into it.
fn without_starved(mut rows: Vec<Row>) -> Vec<Row> {
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
    // Rows that other screens report because a job cannot start. Findings of work that waits for such a job are merged, too.
    let waits: Vec<_> = rows
        .iter()
        .filter(|row| row.screen != ScreenId::Jobs && row.finding.job.is_some() && starves(row))
        .map(|row| (row.screen, row.of.clone()))
        .collect();
    let merged = taken(&mut rows, |row| {
        let follows = is_consequence(&row.finding) && waits.contains(&(row.screen, row.of.clone()));
        let same = among(row, &[&rules::SERVER_SCHEDULER, &rules::SERVER_WORKERS])
            && row.identity() != root;
        starves(row) || follows || same
    });
    let worst = merged.iter().map(|row| row.finding.level).max();
    if let Some(row) = rows.iter_mut().find(|row| row.identity() == root) {
        if late > 0 {
            let late = text::plural_of(late, "job");
            let reason = without_stop(&row.finding.reason);
            row.finding.reason = format!("{reason}. Not started because of this: {late}");
            row.finding.level = row
                .finding
                .level
                .max(Level::Warning)
                .max(worst.unwrap_or(Level::Ok));
        }
        for part in merged {
            row.absorb(part);
        }
    }
    rows
}

/// Pid of the session, if the finding is about a session that blocks others.
fn blocker(row: &Row) -> Option<i64> {
    let target = row.targets.iter().find(|of| of.kind == TargetKind::Session);
    target
        .filter(|_| row.finding.rule == &rules::SESSION_BLOCKS)
        .map(|of| of.id)
}

/// Pid of the session that the fix terminates or cancels.
fn waits_for(row: &Row) -> Option<i64> {
    let on: Option<&Target> = row.finding.on.as_ref();
    on.filter(|of| of.kind == TargetKind::Session)
        .map(|of| of.id)
}

/// Merges two findings: the lag of an aggregate is unknown because of a lock, and a session holds that lock.
fn merge_unread(rows: Vec<Row>) -> Vec<Row> {
    let holds = |unread: &Row| {
        let of = unread.finding.on.as_ref();
        let name = &of
            .filter(|_| unread.finding.rule == &rules::AGGREGATE_UNKNOWN)?
            .name;
        let (it, part) = (format!(" on {name}"), format!(" (of {name})"));
        let same = |row: &&Row| {
            let reason = &row.finding.reason;
            row.finding.rule == &rules::SESSION_BLOCKED
                && (reason.ends_with(&it) || reason.ends_with(&part))
        };
        let pid = waits_for(rows.iter().find(same)?)?;
        rows.iter()
            .any(|row| blocker(row) == Some(pid))
            .then_some(pid)
    };
    let holders: Vec<_> = rows.iter().map(holds).collect();
    let mut left = Vec::new();
    let mut unread = Vec::new();
    for (row, holder) in rows.into_iter().zip(holders) {
        match holder {
            Some(pid) => unread.push((pid, row)),
            None => left.push(row),
        }
    }
    for (pid, part) in unread {
        if let Some(row) = left.iter_mut().find(|row| blocker(row) == Some(pid)) {
            row.finding.reason = format!(
                "{}; so the lag of {} is unknown",
                row.finding.reason, part.subject
            );
            row.absorb(part);
        }
    }
    left
}

/// Merges all findings of a session that blocks others, and the findings of the blocked sessions, into one.
fn merge_blocked(mut rows: Vec<Row>) -> Vec<Row> {
    let blockers: Vec<_> = rows.iter().filter_map(blocker).collect();
    let is_blocked = |row: &Row| waits_for(row).is_some_and(|pid| blockers.contains(&pid));
    let waiting: Vec<_> = rows
        .iter()
        .filter(|row| row.finding.rule == &rules::SESSION_BLOCKED && is_blocked(row))
        .map(|row| row.of.clone())
        .collect();
    let holds = |row: &&Row| blocker(row).is_some();
    let holding: Vec<_> = rows
        .iter()
        .filter(holds)
        .map(|row| row.of.clone())
        .collect();
    let is_own = |row: &Row| {
        row.screen == ScreenId::Activity
            && among(row, &[&rules::SESSION_IDLE, &rules::SESSION_LONG])
    };
    let said = taken(&mut rows, |row| is_own(row) && holding.contains(&row.of));
    let waiting = taken(&mut rows, |row| {
        let waits = row.screen == ScreenId::Activity && waiting.contains(&row.of);
        waits || blocks_a_policy(row) && is_blocked(row)
    });
    for also in said {
        let of = |row: &&mut Row| row.of == also.of && blocker(row).is_some();
        if let Some(row) = rows.iter_mut().find(of) {
            row.finding.reason = format!("{}; {}", row.finding.reason, also.finding.reason);
            row.finding.level = row.finding.level.max(also.finding.level);
        }
    }
    for part in waiting {
        let (pid, policy) = (waits_for(&part), blocks_a_policy(&part));
        let of = |row: &&mut Row| pid.is_some() && blocker(row) == pid;
        if let Some(row) = rows.iter_mut().find(of) {
            if policy {
                row.finding.reason =
                    format!("{}; {} waits for it", row.finding.reason, part.subject);
                row.finding.level = row.finding.level.max(part.finding.level);
            }
            row.absorb(part);
        }
    }
    rows
}

/// Whether the finding is about a policy that waits for a session.
fn blocks_a_policy(row: &Row) -> bool {
    let blocked = [
        &rules::AGGREGATE_BLOCKED,
        &rules::COMPRESSION_BLOCKED,
        &rules::RETENTION_BLOCKED,
    ];
    row.finding.fix == Some("terminate-session")
        && (is_consequence(&row.finding) || among(row, &blocked))
}

/// Merges the findings of hidden or untracked sessions into one finding for each common reason.
fn merge_sessions(mut rows: Vec<Row>) -> Vec<Row> {
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
            if let Some(reason) = row.finding.reason_of_several.take() {
                row.finding.reason = reason;
            }
            std::mem::take(&mut first)
        });
    }
    rows
}

/// Merges a fault of PostgreSQL that affects every job into one finding at the first job, whose text names the others.
fn merge_portal_faults(mut rows: Vec<Row>) -> Vec<Row> {
    let is_fault = |row: &Row| row.finding.rule == &rules::JOB_PORTAL_FAULT;
    let mut jobs: Vec<String> = rows
        .iter()
        .filter(|row| is_fault(row))
        .map(|row| row.of.clone())
        .collect();
    if jobs.len() < 2 {
        return rows;
    }
    jobs.sort_by(|a, b| text::natural_order(a, b));
    let first = jobs.remove(0);
    let others = text::plural_of(jobs.len(), "other job");
    let named = jobs[..jobs.len().min(NAMED)].join(", ");
    let named = match jobs.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    };
    let parts = taken(&mut rows, |row| is_fault(row) && row.of != first);
    for row in rows.iter_mut().filter(|row| is_fault(row)) {
        let reason = without_stop(&row.finding.reason);
        row.finding.reason = format!("{reason}; the same for {others}: {named}");
        row.subject = format!("{} and {others}", row.subject);
        for part in &parts {
            row.absorb(part.clone());
        }
    }
    rows
}
