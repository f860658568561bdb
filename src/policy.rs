//! What several screens say of a policy's job, in the same words.

use serde::{Deserialize, Serialize};
use tokio_postgres::Row;

use crate::plans::Target;
use crate::rules;
use crate::text;
use crate::thresholds::Limits;
use crate::value::{Axis, Stamp, Value};
use crate::verdict::{Finding, Findings, Level};

/// A job that should have started so long ago, and did not, is late. The scheduler looks every few seconds.
pub const LATE_SECONDS: f64 = 120.0;

/// How run-job-now starts a job whose next start is wrong: in the foreground that would stay as it is.
pub const BY: (&str, &str) = ("how", "scheduler");

/// What a job is at now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Running,
    /// Started and not finished, and its worker cannot be seen from here.
    MaybeRunning,
    /// Started and never finished: its worker is gone.
    Crashed,
    Paused,
    Late,
    BackingOff,
    NeverRan,
    Scheduled,
}

impl State {
    /// What a job is at that has no worker: the one place that decides between these, for every screen.
    pub fn waiting(scheduled: bool, late: bool, failures: i32, ran: bool) -> Self {
        match (scheduled, late, failures) {
            (false, ..) => Self::Paused,
            (_, true, _) => Self::Late,
            (_, _, 1..) => Self::BackingOff,
            _ if ran => Self::Scheduled,
            _ => Self::NeverRan,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::MaybeRunning => "running?",
            Self::Crashed => "crashed",
            Self::Paused => "paused",
            Self::Late => "late",
            Self::BackingOff => "backing off",
            Self::NeverRan => "never ran",
            Self::Scheduled => "scheduled",
        }
    }
}

/// How long the next start is away, in words, where that is much longer than the schedule explains: somebody moved it.
pub fn strangely_far(next: Option<Stamp>, schedule_seconds: f64, now: Stamp) -> Option<String> {
    let wait = next.and_then(Stamp::finite)?.seconds_since(now);
    (wait > 2.0 * schedule_seconds + 3600.0).then(|| text::duration(wait.round()))
}

/// A policy's job, as far as its hypertable's screen needs it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Policy {
    pub job_id: i32,
    pub scheduled: bool,
    /// compress-after or drop-after as it is configured; `None`: another key, or missing.
    pub after: Option<String>,
    /// Its length in seconds; `None` for integer time, and where it is not understood.
    pub after_seconds: Option<f64>,
    pub after_number: Option<i64>,
    /// `drop_created_before` or `compress_created_before`: chunks count by when they were made, not by their time.
    pub created: Option<String>,
    /// `None`: it never finished.
    pub last_run_success: Option<bool>,
    pub last_finish: Option<Stamp>,
    /// `None`: paused, or never planned. `-infinity`: it runs now, or is to run at once.
    pub next_start: Option<Stamp>,
    pub consecutive_failures: i32,
    pub schedule_seconds: Option<f64>,
    /// The time zone set on the job's owner, in which its "now" and its days are reckoned; `None`: the database's.
    pub owner_zone: Option<String>,
}

impl Policy {
    /// Its job, for the actions that act on jobs.
    pub fn target(&self) -> Target {
        Target::job(self.job_id)
    }

    /// Reads the columns that `queries/compression.sql` and `queries/retention.sql` share.
    pub fn read(row: &Row) -> anyhow::Result<Option<Self>> {
        let Some(job_id) = row.try_get("job_id")? else {
            return Ok(None);
        };
        Ok(Some(Self {
            job_id,
            scheduled: row.try_get("scheduled")?,
            after: row.try_get("after_text")?,
            after_seconds: row.try_get("after_seconds")?,
            after_number: row.try_get("after_number")?,
            created: row.try_get("created_text")?,
            last_run_success: row.try_get("last_run_success")?,
            last_finish: row.try_get("last_finish")?,
            next_start: row.try_get("next_start")?,
            consecutive_failures: row
                .try_get::<_, Option<i32>>("consecutive_failures")?
                .unwrap_or(0),
            schedule_seconds: row.try_get("schedule_seconds")?,
            owner_zone: row.try_get("owner_zone")?,
        }))
    }

    pub fn after_value(&self) -> Value {
        if let (None, Some(created)) = (&self.after, &self.created) {
            return Value::Text(format!("created {created} ago"));
        }
        match (&self.after, self.after_number, self.after_seconds) {
            (_, Some(number), _) => Value::Int(number),
            (Some(text), _, Some(seconds)) => Value::Interval(text.clone(), seconds),
            (Some(text), _, None) => Value::text(text.as_str()),
            (None, ..) => Value::Null,
        }
    }

    /// Whether the setting can be read as what the dimension wants.
    pub fn is_understood(&self, axis: Axis) -> bool {
        if axis == Axis::Integer {
            self.after_number.is_some()
        } else {
            self.after_seconds.is_some()
        }
    }

    pub fn is_failing(&self) -> bool {
        self.last_run_success == Some(false) && self.last_finish.is_some()
    }

    pub fn last_run_status(&self) -> Value {
        match (self.last_finish, self.last_run_success) {
            (Some(_), Some(true)) => Value::text("Success"),
            (Some(_), Some(false)) => Value::text("Failed"),
            _ => Value::Null,
        }
    }

    pub fn next_start_value(&self) -> Value {
        if self.scheduled {
            self.next_start.and_then(Stamp::finite).into()
        } else {
            Value::Null
        }
    }

    /// As the Jobs screen words it; whether a worker runs it is seen there only.
    pub fn state(&self, now: Stamp) -> &'static str {
        let state = if self.scheduled && self.next_start == Some(Stamp::BEFORE_ALL) {
            State::MaybeRunning
        } else {
            let (late, ran) = (self.is_late(now), self.last_finish.is_some());
            State::waiting(self.scheduled, late, self.consecutive_failures, ran)
        };
        state.name()
    }

    pub fn is_late(&self, now: Stamp) -> bool {
        let planned = self.next_start.and_then(Stamp::finite);
        self.scheduled && planned.is_some_and(|planned| now.seconds_since(planned) > LATE_SECONDS)
    }

    /// When it runs next, in words.
    pub fn when(&self, now: Stamp) -> String {
        match self.next_start {
            _ if !self.scheduled => "the policy is paused".to_owned(),
            Some(Stamp::BEFORE_ALL) => "the policy runs now or at once".to_owned(),
            Some(next) if next.is_finite() && next > now => {
                format!("the policy runs {}", text::age(next, now))
            }
            Some(next) if next.is_finite() => {
                format!("the policy was to run {}", text::age(next, now))
            }
            _ => "the policy has not run yet".to_owned(),
        }
    }

    /// How long the next run is away, where that is much longer than the schedule explains.
    pub fn strangely_far(&self, now: Stamp) -> Option<String> {
        strangely_far(self.next_start, self.schedule_seconds?, now).filter(|_| self.scheduled)
    }

    /// What is wrong with the job itself; `waits` says that there is work for it.
    pub fn judge(&self, findings: &mut Findings, limits: &Limits, now: Stamp, waits: bool) {
        let level = if waits { Level::Warning } else { Level::Notice };
        let id = self.job_id;
        let (rule, level, reason) = if !self.scheduled {
            let reason = format!("its policy (job {id}) is paused: resume-job resumes it");
            (&rules::JOB_PAUSED, level, reason)
        } else if self.is_failing() {
            let level = if f64::from(self.consecutive_failures) >= limits.job_failures_critical {
                Level::Critical
            } else {
                Level::Warning
            };
            let times = match self.consecutive_failures {
                ..2 => "failed in its last run".to_owned(),
                many => format!("failed {} in a row", text::plural(many.into(), "time")),
            };
            let reason = format!("its policy (job {id}) {times}; the Jobs screen has the error");
            (&rules::JOB_FAILING, level, reason)
        } else if let Some(wait) = self.strangely_far(now) {
            let every = text::duration(self.schedule_seconds.unwrap_or_default());
            let reason = format!(
                "its policy (job {id}) should run every {every}, but runs next in {wait}: run-job-now starts it"
            );
            (&rules::JOB_FAR, level, reason)
        } else if self.is_late(now) {
            let reason = format!("its policy (job {id}) is late: {}", self.when(now));
            (&rules::JOB_LATE, Level::Warning, reason)
        } else {
            return;
        };
        let finding = Finding::new(rule, level, reason).of_job(id);
        findings.push(if rule == &rules::JOB_FAR {
            finding.setting(BY.0, BY.1)
        } else {
            finding
        });
    }
}
