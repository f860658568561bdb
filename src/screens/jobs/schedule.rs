//! Findings about the schedule: jobs that start together, and policies that start in busy hours.

use super::failing::unalterable;
use super::row::{Crowd, Row, Workers};
use crate::model::moment::Stamp;
use crate::model::thresholds::exceeds;
use crate::model::verdict::{Finding, Findings, Level};
use crate::model::{rules, text};
use crate::server::known::At;

const MINUTE: i64 = 60_000_000;
/// Number of minutes that are examined, from now on: 24 hours.
const MINUTES: usize = 1440;
/// Maximum number of jobs that are named.
const NAMED: usize = 5;

/// Finds the minute in which most jobs start. If they are too many for the workers, one of these jobs gets [`Row::crowd`].
pub(super) fn find_crowd(rows: &mut [Row], at: &At) {
    for row in rows.iter_mut() {
        row.crowd = None;
    }
    // If no worker is left for jobs, the Server screen reports it.
    let free = rows.first().and_then(|row| row.workers.for_jobs());
    let Some(free) = free.filter(|free| *free > 0) else {
        return;
    };
    let limit = at.server.thresholds.all.job_crowd_percent / 100.0;
    #[expect(clippy::cast_precision_loss, reason = "a number of workers")]
    let most = free as f64 * limit;
    // If all planned jobs together are not too many, no minute can have too many.
    let planned = rows.iter().filter(|row| row.next_start().is_some()).count();
    let is_crowd = |jobs: usize| jobs > 1 && exceeds(i64::try_from(jobs).unwrap_or(i64::MAX), most);
    if at.server.simulated || at.server.standby || !is_crowd(planned) {
        return;
    }
    let first = at.now.0.div_euclid(MINUTE);
    let always = rows.iter().filter(|row| row.starts_every_minute()).count();
    let mut counts = vec![always; MINUTES];
    for row in rows.iter() {
        row.each_minute(first, |minute| counts[minute] += 1);
    }
    let jobs = counts.iter().copied().max().unwrap_or(0);
    // If several minutes have equally many starts, the first of them counts.
    let Some(minute) = counts.iter().position(|of| *of == jobs && is_crowd(jobs)) else {
        return;
    };
    let starts = |row: &Row| {
        let mut then = false;
        row.each_minute(first, |of| then |= of == minute);
        then
    };
    let names: Vec<String> = rows
        .iter()
        .filter(|row| starts(row))
        .take(NAMED)
        .map(Row::name)
        .collect();
    let begins = |minute: usize| {
        let minute = first.saturating_add(i64::try_from(minute).unwrap_or(0));
        Stamp(minute.saturating_mul(MINUTE))
    };
    let mut later = (minute + 1..).zip(&counts[minute + 1..]);
    let quiet = later.find(|(_, starts)| !is_crowd(*starts + 1));
    let crowd = Crowd {
        at: begins(minute),
        jobs,
        named: names,
        quiet: quiet.map(|(minute, _)| begins(minute)),
    };
    let place = rows.iter().position(starts);
    if let Some(row) = place.and_then(|place| rows.get_mut(place)) {
        row.crowd = Some(crowd);
    }
}

impl Workers {
    /// Number of workers of all kinds that TimescaleDB can have; `None`: unknown. One of `max_worker_processes` is left out, for
    /// PostgreSQL's logical replication launcher.
    pub(crate) fn all(self) -> Option<i64> {
        Some(self.slots?.min(self.processes?.saturating_sub(1)))
    }

    /// Number of workers for jobs; `None`: unknown.
    pub(super) fn for_jobs(self) -> Option<i64> {
        Some((self.all()? - self.permanent).max(0))
    }

    /// The setting that limits the number of workers, with its value.
    fn limit(self) -> String {
        let slots = self.slots.unwrap_or_default();
        match self.processes {
            Some(processes) if processes - 1 < slots => {
                format!("max_worker_processes is {processes}")
            }
            _ => format!("timescaledb.max_background_workers is {slots}"),
        }
    }
}

impl Row {
    /// Whether the job starts at least every minute.
    fn starts_every_minute(&self) -> bool {
        self.next_start().is_some() && self.schedule.seconds <= 60.0
    }

    /// Calls `found` with the minutes, counted from `first`, in which the job starts. Without a fixed schedule only the next start is
    /// known, because the later ones depend on the end of each run. Does nothing for a job that starts every minute: [`find_crowd`] counts
    /// that job in every minute.
    fn each_minute(&self, first: i64, found: impl FnMut(usize)) {
        let Some(next) = self.next_start().filter(|_| !self.starts_every_minute()) else {
            return;
        };
        let starts = std::iter::successors(Some(next), |at| {
            let again = at.plus_seconds(self.schedule.seconds);
            self.fixed_schedule.then_some(again)
        });
        let minutes = starts.map(|at| at.0.div_euclid(MINUTE).saturating_sub(first));
        let soon = minutes.map_while(|minute| match usize::try_from(minute) {
            Ok(minute) if minute >= MINUTES => None,
            minute => Some(minute.ok()),
        });
        soon.flatten().for_each(found);
    }
}

pub(super) fn crowded(row: &Row, at: &At, findings: &mut Findings) {
    let Some(crowd) = &row.crowd else { return };
    let free = row.workers.for_jobs().unwrap_or_default();
    let jobs = i64::try_from(crowd.jobs).unwrap_or(i64::MAX);
    let wait = match jobs - free {
        ..=0 => String::new(),
        1 => "; 1 job waits until another ends".to_owned(),
        wait => format!("; {} jobs wait until others end", text::count(wait)),
    };
    let more = crowd.jobs.saturating_sub(crowd.named.len());
    let more = match more {
        0 => String::new(),
        more => format!(
            " and {} more",
            text::count(i64::try_from(more).unwrap_or(i64::MAX))
        ),
    };
    let reason = format!(
        "{} start within one minute ({}, {}), but {} can run them ({}, and launcher and schedulers use {}){wait}. Change next_start of some of these jobs, or initial_start if their schedule is fixed: {}{more}",
        text::plural(jobs, "job"),
        text::age(crowd.at, at.now),
        text::moment(crowd.at),
        text::plural(free, "worker"),
        row.workers.limit(),
        row.workers.permanent,
        crowd.named.join(", "),
    );
    let finding = Finding::new(&rules::JOB_CROWD, Level::Notice, reason);
    findings.push(match crowd.quiet {
        Some(quiet) => editable(starting(finding, row, quiet), row, at),
        None => finding.fixed_by(None),
    });
}

/// The finding, with a fix that sets the job's start to this time.
fn starting(finding: Finding, row: &Row, start: Stamp) -> Finding {
    let field = if row.fixed_schedule {
        "initial_start"
    } else {
        "next_start"
    };
    match text::rfc3339(start) {
        Some(start) => finding.setting(field, start),
        None => finding,
    }
}

/// Finding for a policy whose next start is in the busy hours. A policy that runs more often than `job_busy_interval` is not reported,
/// because it cannot avoid these hours.
pub(super) fn busy(row: &Row, at: &At, findings: &mut Findings) {
    let Some(busy) = &at.server.busy_hours else {
        return;
    };
    let is_policy = row.proc_schema.starts_with("_timescaledb") && !row.is_internal();
    if !is_policy || row.schedule.seconds < row.limits(at).job_busy_interval {
        return;
    }
    let zone = &at.server.time_zone;
    let next = row.next_start().filter(|next| *next > at.now);
    let Some((next, end)) = next.and_then(|next| Some((next, busy.until(next, zone)?))) else {
        return;
    };
    let reason = format!(
        "its next start ({}, {}) is in the busy hours {} ({}) of config.toml. They end {}",
        text::age(next, at.now),
        text::moment(next),
        busy.hours(),
        busy.zone(zone),
        text::moment(end)
    );
    let finding = Finding::new(&rules::JOB_BUSY, Level::Notice, reason);
    findings.push(editable(starting(finding, row, end), row, at));
}

/// The finding; without its fix if this TimescaleDB version refuses to alter the policy.
fn editable(finding: Finding, row: &Row, at: &At) -> Finding {
    match unalterable(row, at) {
        Some(_) => finding.fixed_by(None),
        None => finding,
    }
}

/// Reason why busy hours are not checked; `None`: they are checked, or no busy hours are set.
pub(super) fn unknown_zone(at: &At) -> Option<String> {
    let busy = at.server.busy_hours.as_ref()?;
    let zone = &at.server.time_zone;
    (!busy.is_known(zone)).then(|| {
        format!(
            "busy_hours: hypertop does not know the server's time zone ({zone}), so the next starts of policies are not compared with the busy hours. \
             Name a time zone in config.toml: busy_hours = \"{} Europe/Berlin\"",
            busy.hours()
        )
    })
}
