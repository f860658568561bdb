//! What several screens say of a policy's job, in the same words.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

use crate::model::moment::{Axis, Stamp};
use crate::model::rules::Rule;
use crate::model::target::Target;
use crate::model::thresholds::Limits;
use crate::model::trust::Code;
use crate::model::value::Value;
use crate::model::verdict::{Finding, Findings, Level};
use crate::model::{rules, text};
use crate::screens::record::Exact;
use crate::server::row::or_default;
use crate::server::sql::query;

/// How run-job-now starts a job whose next start is wrong: in the foreground that would stay as it is.
pub(crate) const BY: (&str, &str) = ("how", "scheduler");

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

/// Since when a job that never finished a run has been there: what [`is_old`] goes by.
/// `want` says which rows' jobs are asked for, `take` keeps the one figure, microseconds since 1970.
pub const fn age<R>(
    want: fn(&R) -> Option<(i64, usize)>,
    take: fn(&mut R, Result<&[Option<i64>], &str>),
) -> Exact<R> {
    Exact {
        overview: true,
        later: false,
        judges: |_| true,
        every: Duration::from_secs(30),
        query: query!("jobs_age"),
        figures: &["since"],
        slice: 1000,
        want,
        take,
    }
}

/// Whether a job that never ran has been there for longer than the scheduler takes to start it.
pub(crate) fn is_old(known_since: Option<Stamp>, limits: &Limits, now: Stamp) -> bool {
    known_since.is_some_and(|since| now.seconds_since(since) > limits.job_late)
}

/// How long the next start is away, in words, where that is much longer than the schedule explains: somebody moved it.
pub(crate) fn strangely_far(
    next: Option<Stamp>,
    schedule_seconds: f64,
    limits: &Limits,
    now: Stamp,
) -> Option<String> {
    let wait = next.and_then(Stamp::finite)?.seconds_since(now);
    (wait > limits.job_far_factor * schedule_seconds + limits.job_far)
        .then(|| text::duration(wait.round()))
}

/// A policy's job, as far as its hypertable's screen needs it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Policy {
    pub job_id: i32,
    pub scheduled: bool,
    /// compress-after or drop-after as it is configured; `None`: another key, or missing.
    #[serde(
        default,
        alias = "after_text",
        alias = "end_text",
        deserialize_with = "bounded"
    )]
    pub after: Option<String>,
    /// Its length in seconds; `None` for integer time, and where it is not understood.
    #[serde(alias = "end_seconds")]
    pub after_seconds: Option<f64>,
    pub after_number: Option<i64>,
    /// `drop_created_before` or `compress_created_before`: chunks count by when they were made, not by their time.
    #[serde(default, alias = "created_text", deserialize_with = "bounded")]
    pub created: Option<String>,
    /// `None`: it never finished.
    pub last_run_success: Option<bool>,
    pub last_finish: Option<Stamp>,
    /// `None`: paused, or never planned. `-infinity`: it runs now, or is to run at once.
    pub next_start: Option<Stamp>,
    #[serde(deserialize_with = "or_default")]
    pub consecutive_failures: i32,
    pub schedule_seconds: Option<f64>,
    /// It has been there since this moment for sure, where that is asked for: of one that never finished a run.
    #[serde(default)]
    pub known_since: Option<Stamp>,
    /// The time zone set on the job's owner, in which its "now" and its days are reckoned; `None`: the database's.
    pub owner_zone: Option<String>,
    /// The function that says what is now on integer time, where looking does not run it.
    #[serde(default)]
    pub code: Option<Code>,
}

/// For a setting's text, which is what somebody wrote.
fn bounded<'de, D: Deserializer<'de>>(text: D) -> Result<Option<String>, D::Error> {
    let text = Option::<Cow<'de, str>>::deserialize(text)?;
    Ok(text.map(|text| text::bounded(&text)))
}

/// When the next chunk falls due, by the server's clock.
#[derive(Deserialize)]
pub(crate) struct Due {
    asked: Stamp,
    next_due_seconds: Option<f64>,
}

impl Due {
    /// `again`: in so many seconds it is to be looked at in any case.
    pub(crate) fn at(&self, again: Option<f64>) -> Option<Stamp> {
        let next = self.next_due_seconds.into_iter().chain(again);
        let next = next.reduce(f64::min)?;
        Some(self.asked.plus_seconds(next))
    }
}

impl Policy {
    /// Its job, for the actions that act on jobs.
    pub fn target(&self) -> Target {
        Target::job(self.job_id)
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

    /// It never finished a run, so that it matters how long it has been there.
    pub fn waits_for_first(&self) -> Option<(i64, usize)> {
        (self.scheduled && self.last_finish.is_none()).then_some((self.job_id.into(), 1))
    }

    /// It was made a moment ago, as far as is known: what is due waits for its first run, as it should. One that somebody
    /// gave a start is judged by that.
    pub fn is_new(&self, limits: &Limits, now: Stamp) -> bool {
        let planned = self.next_start.is_some_and(Stamp::is_finite);
        self.waits_for_first().is_some() && !planned && !is_old(self.known_since, limits, now)
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
    pub fn state(&self, limits: &Limits, now: Stamp) -> &'static str {
        let state = if self.scheduled && self.next_start == Some(Stamp::BEFORE_ALL) {
            State::MaybeRunning
        } else {
            let (late, ran) = (self.is_late(limits, now), self.last_finish.is_some());
            State::waiting(self.scheduled, late, self.consecutive_failures, ran)
        };
        state.name()
    }

    pub fn is_late(&self, limits: &Limits, now: Stamp) -> bool {
        let planned = self.next_start.and_then(Stamp::finite);
        self.scheduled
            && planned.is_some_and(|planned| now.seconds_since(planned) > limits.job_late)
    }

    /// When it runs next, in words.
    pub fn when(&self, limits: &Limits, now: Stamp) -> String {
        match self.next_start {
            _ if !self.scheduled => "the policy is paused".to_owned(),
            Some(Stamp::BEFORE_ALL) => "the policy runs now or at once".to_owned(),
            Some(next) if next.is_finite() && next > now => {
                // Whether somebody asked for that, the Jobs screen knows.
                let far = self
                    .schedule_seconds
                    .filter(|_| self.starts_far(limits, now));
                let far = far.map_or_else(String::new, |every| {
                    format!(" (its schedule: every {})", text::duration(every))
                });
                format!("the policy runs {}{far}", text::age(next, now))
            }
            Some(next) if next.is_finite() => {
                format!("the policy was to run {}", text::age(next, now))
            }
            _ => "the policy waits for its first run".to_owned(),
        }
    }

    /// The same as the end of a sentence; empty where [`Policy::judge`] says it.
    pub fn then(&self, limits: &Limits, now: Stamp) -> String {
        if !self.scheduled || self.is_failing() || self.is_late(limits, now) {
            String::new()
        } else {
            format!("; {}", self.when(limits, now))
        }
    }

    /// The next run is away for much longer than the schedule explains.
    pub fn starts_far(&self, limits: &Limits, now: Stamp) -> bool {
        let far = |every| strangely_far(self.next_start, every, limits, now).is_some();
        self.scheduled && self.schedule_seconds.is_some_and(far)
    }

    /// The same on integer time, where it is seldom known for how long the work has been due: it waits for too long
    /// whatever that is.
    pub fn is_put_off(&self, axis: Axis, limits: &Limits, now: Stamp) -> bool {
        axis == Axis::Integer && self.starts_far(limits, now)
    }

    /// What is wrong with the job itself; `waits` says that there is work for it. That its next start is far away is no
    /// fault here: who put it off on purpose is known to the Jobs screen only.
    pub fn judge(&self, findings: &mut Findings, limits: &Limits, now: Stamp, waits: bool) {
        let level = if waits { Level::Warning } else { Level::Notice };
        let id = self.job_id;
        let next = self.next_start.and_then(Stamp::finite);
        let next = |words: &str| {
            next.map_or_else(String::new, |next| {
                format!("{words} {}", text::age(next, now))
            })
        };
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
            let again = if self.is_late(limits, now) {
                next(", and was to try again")
            } else {
                next(", and tries again")
            };
            let reason =
                format!("its policy (job {id}) {times}{again}; the Jobs screen has the error");
            (&rules::JOB_FAILING, level, reason)
        } else if self.is_late(limits, now) {
            let reason = format!("its policy (job {id}) is late{}", next(": it was to run"));
            (&rules::JOB_LATE, Level::Warning, reason)
        } else {
            return;
        };
        findings.push(Finding::new(rule, level, reason).of_job(id));
    }

    /// Why nothing but an estimate is known, where the function that says what is now is not run; `about`: chunks as if it
    /// said the newest chunk's end.
    pub fn not_run(&self, about: Option<i64>) -> Option<String> {
        let about = about.map(|chunks| {
            format!(
                "about {} by the end of the newest chunk",
                text::plural(chunks, "chunk")
            )
        });
        Some(self.code.as_ref()?.words(about))
    }

    /// Why it is not known what is past the policy's boundary.
    pub fn judge_unknown(
        &self,
        findings: &mut Findings,
        work: &Work,
        axis: Axis,
        has_now: bool,
        error: Option<&str>,
    ) {
        let what = work.what;
        let unset = |key: &str, value: &str, why: &str| {
            let reason = format!("its policy's {key} ({value}) {why}, so {what} is not known");
            Finding::new(work.setting, Level::Warning, reason)
        };
        findings.push(if let Some(error) = error {
            let reason = format!("{what} is not known: {error}");
            Finding::new(work.unknown, Level::Unknown, reason)
        } else if let Some(created) = &self.created {
            unset(work.created, created, "is no interval")
        } else if axis == Axis::Integer && !has_now {
            let reason = "its time is an integer without integer_now_func, so the policy cannot know what is old: set_integer_now_func() tells it";
            Finding::new(work.setting, Level::Warning, reason).fixed_by(None)
        } else if !self.is_understood(axis) {
            let after = self.after.as_deref().unwrap_or("none");
            unset(work.after, after, "does not fit the dimension")
        } else if let Some(zone) = &self.owner_zone {
            let reason = format!(
                "the time zone set on its policy's owner ({zone}) is no zone's name, so {what} is not known: ALTER ROLE … SET timezone = a name of pg_timezone_names"
            );
            Finding::new(work.unknown, Level::Unknown, reason)
        } else {
            return;
        });
    }
}

/// How many policies are estimated because a function is not run.
pub fn estimated<'a>(policies: impl Iterator<Item = &'a Policy>) -> Option<String> {
    let codes: Vec<_> = policies
        .filter_map(|policy| policy.code.as_ref())
        .filter(|code| code.owner.is_some())
        .collect();
    let first = codes.first()?;
    let rows = text::plural(i64::try_from(codes.len()).unwrap_or(i64::MAX), "row");
    Some(format!("{rows} estimated (~): {}", first.words(None)))
}

/// What a kind of policy does, as its screen says it.
#[derive(Debug)]
pub struct Work {
    /// What of it cannot be known at times.
    pub what: &'static str,
    /// The keys of its configuration.
    pub after: &'static str,
    pub created: &'static str,
    pub unknown: &'static Rule,
    pub setting: &'static Rule,
}

/// For how long the oldest chunk has been due, in seconds and in words. Integer time tells from when on at the latest.
pub fn overdue(seconds: Option<f64>, since: Option<Stamp>, now: Stamp) -> Option<(f64, String)> {
    match (seconds, since) {
        (Some(seconds), _) => Some((seconds, text::duration(seconds))),
        (None, Some(since)) => {
            let seconds = now.seconds_since(since);
            let long = text::duration(seconds.max(0.0).floor());
            Some((seconds, format!("at least {long}")))
        }
        (None, None) => None,
    }
}

/// The same at the end of a sentence.
pub(crate) fn due_for(overdue: Option<(f64, String)>) -> String {
    match overdue {
        Some((_, long)) => format!("the oldest due for {long}"),
        None => "for how long is not known".to_owned(),
    }
}
