//! One job with its runs.

use serde::{Deserialize, Serialize};

use crate::model::creation::ByCreation;
use crate::model::moment::{Stamp, finite};
use crate::model::value::Value;
use crate::model::version::Version;
use crate::screens::later::Later;
use crate::screens::policy::ended_well;

/// Maximum number of runs that are shown.
pub(super) const RUNS: usize = 20;

/// An interval: PostgreSQL's text, and the length in seconds (a month counts as 30 days).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    pub text: String,
    pub seconds: f64,
}

/// The newest recorded error of a job whose last run failed. The error may be from an earlier run, because a terminated run may record no
/// error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobError {
    /// `None`: the worker ended without recording an error; `message` then says that the job crashed.
    #[serde(alias = "last_error_sqlstate")]
    pub sqlstate: Option<String>,
    /// Message, detail and hint.
    #[serde(alias = "last_error")]
    pub message: String,
    #[serde(alias = "last_error_at", default, deserialize_with = "finite")]
    pub at: Option<Stamp>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    #[serde(default, deserialize_with = "finite")]
    pub last_start: Option<Stamp>,
    /// End of the last run; `None`: running, crashed, or never run (`-infinity` on the server).
    #[serde(default, deserialize_with = "finite")]
    pub last_finish: Option<Stamp>,
    /// End of the last run that succeeded; `None`: no run succeeded.
    #[serde(default, alias = "last_successful_finish", deserialize_with = "finite")]
    pub last_success: Option<Stamp>,
    /// Time of the next start. `-infinity`: the job is running, waiting after a crash, or due at once.
    pub next_start: Option<Stamp>,
    pub last_run_success: Option<bool>,
    pub total_runs: i64,
    pub total_successes: i64,
    pub total_failures: i64,
    /// Number of crashes. The server counts a running job as crashed until its run ends.
    pub total_crashes: i64,
    pub consecutive_failures: i32,
    pub consecutive_crashes: i32,
    /// Sum over all successful runs, in seconds.
    pub total_duration_seconds: f64,
}

impl Statistics {
    /// Whether the last run that ended succeeded; `None`: no run has ended, or a run in progress hides the result.
    pub(crate) fn last_ended_well(&self) -> Option<bool> {
        ended_well(
            self.last_finish,
            self.last_run_success,
            self.consecutive_failures,
        )
    }
}

/// The server's background workers, the same in every row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workers {
    /// Number of used workers: launcher, schedulers and running jobs of all databases.
    #[serde(alias = "slots_used")]
    pub used: i64,
    /// `timescaledb.max_background_workers`; `None`: unknown.
    pub slots: Option<i64>,
    /// Number of schedulers of this database; if 0, no job starts.
    pub schedulers: i64,
    /// Number of launchers and schedulers of all databases, which occupy slots permanently.
    #[serde(default)]
    pub permanent: i64,
    /// `max_worker_processes`, shared with workers of PostgreSQL and other extensions; `None`: unknown, as in old recordings.
    #[serde(default)]
    pub processes: Option<i64>,
    /// Maximum of `used` that this console saw; `None`: read only once.
    #[serde(default)]
    pub peak: Option<i64>,
}

/// Results of the newest runs in the job history. Read for jobs whose counters do not show the result of each run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OnRecord {
    /// End of the first failure since the last success; `None`: the last run succeeded, or unknown.
    pub(super) failing_since: Option<Stamp>,
    /// Whether each run succeeded, newest first, up to the oldest recorded success; empty: no success is recorded.
    pub(super) succeeded: Vec<bool>,
}

impl OnRecord {
    /// `runs` has two bits for each run (1: succeeded, 2: failed), the newest run in the lowest bits.
    pub(super) fn read(since: Option<i64>, runs: Option<i64>) -> Self {
        let runs = runs.unwrap_or(0);
        let run = |nth: usize| (runs >> (2 * nth)) & 3;
        let ended = (0..RUNS).map(run).take_while(|run| *run != 0);
        let mut succeeded: Vec<_> = ended.map(|run| run == 1).collect();
        // Runs older than the oldest recorded success are ignored, because successes may not have been logged then.
        let certain = succeeded.iter().rposition(|succeeded| *succeeded);
        succeeded.truncate(certain.map_or(0, |oldest| oldest + 1));
        Self {
            failing_since: since.map(Stamp),
            succeeded,
        }
    }
}

/// Jobs that start within the same minute and are too many for the number of workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crowd {
    /// Start of the minute.
    pub(super) at: Stamp,
    /// Number of jobs. `named` has the names of the first five.
    pub(super) jobs: usize,
    pub(super) named: Vec<String>,
    /// Start of the next minute in which there are workers for one more job; `None`: no such minute in the next 24 hours.
    pub(super) quiet: Option<Stamp>,
}

impl Workers {
    pub(super) fn peak_seen(self) -> i64 {
        self.peak.unwrap_or(self.used).max(self.used)
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each bool is a separate fact that the server reports"
)]
pub struct Row {
    pub job_id: i32,
    pub application_name: String,
    pub proc_schema: String,
    #[serde(alias = "proc_name")]
    pub proc: String,
    pub proc_exists: bool,
    pub owner: String,
    /// Whether the owner may log in; `None`: the owner no longer exists.
    pub owner_may_log_in: Option<bool>,
    /// Owner of the policy's relation, if the job's owner lacks that role's rights; `None`: the job's owner has them, or the job has no
    /// relation.
    #[serde(default)]
    pub wants_rights_of: Option<String>,
    /// Whether this session's role is a member of the owner.
    pub owned: bool,
    /// Hypertable or aggregate of a policy, quoted if necessary; `None`: the job has none.
    pub target: Option<String>,
    pub target_kind: Option<String>,
    /// Id of the materialization hypertable, if the job refreshes an aggregate on an aggregate; `None`: another job.
    #[serde(default)]
    pub hierarchical_id: Option<i32>,
    /// Set for a retention policy that has `drop_created_before` and no `drop_after`; `None`: another job.
    #[serde(default)]
    pub drops_by_creation: Option<ByCreation>,
    /// Whether this is a policy whose configuration names a hypertable that no longer exists.
    pub orphaned: bool,
    pub scheduled: bool,
    pub schedule: Interval,
    /// 0: no limit.
    pub max_runtime: Interval,
    /// -1: no limit.
    pub max_retries: i32,
    pub retry_period: Interval,
    pub fixed_schedule: bool,
    pub initial_start: Option<Stamp>,
    pub timezone: Option<String>,
    pub config: Option<String>,
    /// `None`: the job has no row in `bgw_job_stat`, because it never started and no start was set for it.
    #[serde(alias = "total_runs")]
    pub statistics: Option<Statistics>,
    /// For a job without statistics: a time at which the job already existed; `None`: unknown.
    #[serde(default)]
    pub known_since: Option<Stamp>,
    #[serde(alias = "last_error")]
    pub error: Option<JobError>,
    /// Results of the newest runs in the job history.
    #[serde(skip)]
    pub record: Later<OnRecord>,
    /// The jobs that start within the same minute and are too many for the workers. Set for only one of them; `None`: any other job.
    #[serde(skip)]
    pub crowd: Option<Crowd>,
    /// Pid of the worker that runs the job; `None`: no worker is visible.
    pub pid: Option<i32>,
    #[serde(alias = "slots_used")]
    pub workers: Workers,
}

impl Row {
    /// Text for the case in which this retention policy can neither run nor be altered. `None`: another job, or the policy works.
    pub(super) fn never_runs(&self, version: Version) -> Option<&'static str> {
        self.drops_by_creation?.fails(version)
    }

    pub(super) fn is_internal(&self) -> bool {
        self.job_id < 1000
    }

    pub(super) fn run_seconds(&self) -> Option<f64> {
        let statistics = self.statistics.as_ref()?;
        let (start, finish) = (statistics.last_start?, statistics.last_finish?);
        (finish > start).then(|| finish.seconds_since(start))
    }

    /// Average duration of the successful runs, in seconds; `None`: no successful run.
    #[expect(clippy::cast_precision_loss, reason = "a count of runs")]
    pub(super) fn average_seconds(&self) -> Option<f64> {
        let statistics = self.statistics.as_ref()?;
        (statistics.total_successes > 0)
            .then(|| statistics.total_duration_seconds / statistics.total_successes as f64)
    }

    /// Result of the last run that ended; `None`: unknown.
    pub fn last_run_status(&self) -> Option<&'static str> {
        Some(if self.statistics.as_ref()?.last_ended_well()? {
            "Success"
        } else {
            "Failed"
        })
    }

    /// Time of the next start; `None`: paused, running, or unknown.
    pub(super) fn next_start(&self) -> Option<Stamp> {
        self.statistics
            .as_ref()?
            .next_start
            .filter(|next| self.scheduled && next.is_finite())
    }

    pub(super) fn count(&self, of: fn(&Statistics) -> i64) -> Value {
        self.statistics.as_ref().map(of).into()
    }
}

pub(super) fn started(row: &Row) -> Option<Stamp> {
    row.statistics.as_ref()?.last_start
}
