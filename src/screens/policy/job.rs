//! A policy's job, for the screen of its hypertable.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};

use super::changed::Changed;
use super::state::{State, is_old, strangely_far};
use crate::model::moment::{Axis, Stamp};
use crate::model::target::Target;
use crate::model::text;
use crate::model::thresholds::Limits;
use crate::model::trust::Code;
use crate::model::value::Value;
use crate::screens::record::Labelled;
use crate::server::row::or_default;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Policy {
    pub job_id: i32,
    pub scheduled: bool,
    /// Configured `compress_after`, `drop_after` or `end_offset`, as text; `None`: not configured.
    #[serde(
        default,
        alias = "after_text",
        alias = "end_text",
        deserialize_with = "bounded"
    )]
    pub after: Option<String>,
    /// Length of `after` in seconds; `None`: integer time, or not an interval.
    #[serde(alias = "end_seconds")]
    pub after_seconds: Option<f64>,
    pub after_number: Option<i64>,
    /// `drop_created_before` or `compress_created_before`, which refer to the creation time of chunks; `None`: not configured.
    #[serde(default, alias = "created_text", deserialize_with = "bounded")]
    pub created: Option<String>,
    /// Whether the last run succeeded; `None`: no run has finished.
    pub last_run_success: Option<bool>,
    pub last_finish: Option<Stamp>,
    /// Time of the next start; `None`: paused, or never scheduled. `-infinity`: running, or due at once.
    pub next_start: Option<Stamp>,
    #[serde(deserialize_with = "or_default")]
    pub consecutive_failures: i32,
    pub schedule_seconds: Option<f64>,
    /// A time at which the job already existed; read only for a job that never finished a run. `None`: unknown.
    #[serde(default)]
    pub known_since: Option<Stamp>,
    /// The last change of the policy, if no run has followed it; `None`: no such change.
    #[serde(default)]
    pub changed: Option<Changed>,
    /// Time zone of the job's owner, in which the policy computes days and local time; `None`: the database's.
    pub owner_zone: Option<String>,
    /// The `integer_now_func`, if it is not called because its owner is not trusted; `None`: called, or not needed.
    #[serde(default)]
    pub code: Option<Code>,
}

/// Reads a setting's text, cut to a maximum length, because a user may have written any text.
fn bounded<'de, D: Deserializer<'de>>(text: D) -> Result<Option<String>, D::Error> {
    let text = Option::<Cow<'de, str>>::deserialize(text)?;
    Ok(text.map(|text| text::bounded(&text)))
}

/// Columns about the time when the next chunk becomes due.
#[derive(Deserialize)]
pub(crate) struct Due {
    asked: Stamp,
    next_due_seconds: Option<f64>,
    #[serde(default)]
    changed_since: Option<Stamp>,
}

impl Due {
    /// The policy's change since its last run, if the server knows of one.
    pub(crate) fn changed(&self) -> Option<Changed> {
        Changed::after_run(self.changed_since)
    }

    /// Time at which the row must be read again: when the next chunk becomes due, or after `again` seconds if that is earlier.
    pub(crate) fn at(&self, again: Option<f64>) -> Option<Stamp> {
        let next = self.next_due_seconds.into_iter().chain(again);
        let next = next.reduce(f64::min)?;
        Some(self.asked.plus_seconds(next))
    }
}

impl Policy {
    pub(crate) fn target(&self) -> Target {
        Target::job(self.job_id)
    }

    /// Why an action on the job is impossible; `None`: it is possible.
    pub(crate) fn unfit(&self, action: &str) -> Option<&'static str> {
        match action {
            "pause-job" if !self.scheduled => Some("its policy is paused"),
            "resume-job" if self.scheduled => Some("its policy is not paused"),
            _ => None,
        }
    }

    pub(crate) fn after_value(&self) -> Value {
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

    /// Whether the configured length fits the dimension's type.
    pub(super) fn is_understood(&self, axis: Axis) -> bool {
        if axis == Axis::Integer {
            self.after_number.is_some()
        } else {
            self.after_seconds.is_some()
        }
    }

    /// Id of the job and cost of reading its age (number of relations that the server opens), for a job that never finished a run; `None`:
    /// not needed.
    pub(crate) fn waits_for_first(&self) -> Option<(i64, usize)> {
        (self.scheduled && self.last_finish.is_none()).then_some((self.job_id.into(), 1))
    }

    /// Whether the job is new, so that due chunks only wait for its first run. False for a job with a next start,
    /// because that start shows whether the job is late.
    pub(crate) fn is_new(&self, limits: &Limits, now: Stamp) -> bool {
        let planned = self.next_start.is_some_and(Stamp::is_finite);
        self.waits_for_first().is_some() && !planned && !is_old(self.known_since, limits, now)
    }

    fn last_ended_well(&self) -> Option<bool> {
        ended_well(
            self.last_finish,
            self.last_run_success,
            self.consecutive_failures,
        )
    }

    pub(crate) fn is_failing(&self) -> bool {
        self.last_ended_well() == Some(false)
    }

    pub(crate) fn last_run_status(&self) -> Value {
        match self.last_ended_well() {
            Some(true) => Value::text("Success"),
            Some(false) => Value::text("Failed"),
            None => Value::Null,
        }
    }

    pub(crate) fn next_start_value(&self) -> Value {
        if self.scheduled {
            self.next_start.and_then(Stamp::finite).into()
        } else {
            Value::Null
        }
    }

    /// Adds the job, its owner's time zone and its runs to the details of the hypertable.
    pub(crate) fn facts(&self, to: Labelled, limits: &Limits, now: Stamp) -> Labelled {
        let job = format!("job {}, {}", self.job_id, self.state(limits, now));
        to.add("policy", job)
            .add("time zone of its owner", self.owner_zone.clone())
            .add("next run", self.next_start_value())
            .add("last run", self.last_run_status())
            .add("last finish", self.last_finish)
    }

    /// State as on the Jobs screen, but without `running`: only that screen knows whether a worker runs the job.
    pub(crate) fn state(&self, limits: &Limits, now: Stamp) -> &'static str {
        let state = if self.scheduled && self.next_start == Some(Stamp::BEFORE_ALL) {
            State::MaybeRunning
        } else {
            let (late, ran) = (self.is_late(limits, now), self.last_finish.is_some());
            State::waiting(self.scheduled, late, self.consecutive_failures, ran)
        };
        state.name()
    }

    pub(crate) fn is_late(&self, limits: &Limits, now: Stamp) -> bool {
        let planned = self.next_start.and_then(Stamp::finite);
        self.scheduled
            && planned.is_some_and(|planned| now.seconds_since(planned) > limits.job_late)
    }

    /// Text for the time of the next run.
    pub(crate) fn when(&self, limits: &Limits, now: Stamp) -> String {
        match self.next_start {
            _ if !self.scheduled => "the policy is paused".to_owned(),
            Some(Stamp::BEFORE_ALL) => "the policy is running, or starts at once".to_owned(),
            Some(next) if next.is_finite() && next > now => {
                // Only the Jobs screen knows whether a user configured a start that is far away. Here the text names the schedule instead.
                let far = self
                    .schedule_seconds
                    .filter(|_| self.starts_far(limits, now));
                let far = far.map_or_else(String::new, |every| {
                    format!(" (its schedule: every {})", text::duration(every))
                });
                format!("the policy runs {}{far}", text::age(next, now))
            }
            Some(next) if next.is_finite() => {
                format!("the policy should have run {}", text::age(next, now))
            }
            _ => "the policy waits for its first run".to_owned(),
        }
    }

    /// [`Self::when`] as the end of a sentence; empty if [`Policy::judge`] reports the job.
    pub(crate) fn then(&self, limits: &Limits, now: Stamp) -> String {
        if !self.scheduled || self.is_failing() || self.is_late(limits, now) {
            String::new()
        } else {
            format!("; {}", self.when(limits, now))
        }
    }

    /// Whether the next start is much later than the schedule would explain.
    pub(crate) fn starts_far(&self, limits: &Limits, now: Stamp) -> bool {
        let far = |every| strangely_far(self.next_start, every, limits, now).is_some();
        self.scheduled && self.schedule_seconds.is_some_and(far)
    }

    /// [`Self::starts_far`], for integer time only. For such a policy it is seldom known how long chunks have been due.
    pub(crate) fn is_put_off(&self, axis: Axis, limits: &Limits, now: Stamp) -> bool {
        axis == Axis::Integer && self.starts_far(limits, now)
    }
}

/// Text for the earliest next run of these policies; `None`: there is no policy.
pub(crate) fn next_run<'a>(
    policies: impl Iterator<Item = &'a Policy>,
    now: Stamp,
) -> Option<String> {
    let mut policies = policies.peekable();
    policies.peek()?;
    let starts: Vec<Stamp> = policies
        .filter(|policy| policy.scheduled)
        .filter_map(|policy| policy.next_start)
        .collect();
    let next = starts
        .iter()
        .filter(|next| next.is_finite() && **next > now);
    Some(if starts.contains(&Stamp::BEFORE_ALL) {
        "a policy is running, or starts at once".to_owned()
    } else if let Some(next) = next.min() {
        format!("next run {}", text::age(*next, now))
    } else {
        "no next run is planned".to_owned()
    })
}

/// Whether the last run that ended succeeded; `None`: no run has ended, or a run in progress hides the result.
pub(crate) fn ended_well(
    last_finish: Option<Stamp>,
    last_run_success: Option<bool>,
    consecutive_failures: i32,
) -> Option<bool> {
    match last_finish {
        Some(_) => last_run_success,
        // The start of a run overwrites the result of the previous run, but not the counter of failures.
        None => (consecutive_failures > 0).then_some(false),
    }
}
