//! A policy's job, as its hypertable's screen needs it.

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

/// A policy's job, as its hypertable's screen needs it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Policy {
    pub job_id: i32,
    pub scheduled: bool,
    /// Configured `compress_after` or `drop_after`; `None`: another key, or missing.
    #[serde(
        default,
        alias = "after_text",
        alias = "end_text",
        deserialize_with = "bounded"
    )]
    pub after: Option<String>,
    /// Its length in seconds; `None` for integer time, or if it is not understood.
    #[serde(alias = "end_seconds")]
    pub after_seconds: Option<f64>,
    pub after_number: Option<i64>,
    /// Configured `drop_created_before` or `compress_created_before`, which compare the creation time of chunks.
    #[serde(default, alias = "created_text", deserialize_with = "bounded")]
    pub created: Option<String>,
    /// `None`: it never finished a run.
    pub last_run_success: Option<bool>,
    pub last_finish: Option<Stamp>,
    /// `None`: paused, or never scheduled. `-infinity`: it runs now, or is due at once.
    pub next_start: Option<Stamp>,
    #[serde(deserialize_with = "or_default")]
    pub consecutive_failures: i32,
    pub schedule_seconds: Option<f64>,
    /// A time at which it certainly existed; read only for a job that never finished a run.
    #[serde(default)]
    pub known_since: Option<Stamp>,
    /// Its last change, if no run has followed.
    #[serde(default)]
    pub changed: Option<Changed>,
    /// Time zone of the job's owner, in which "now" and days are computed; `None`: the database's.
    pub owner_zone: Option<String>,
    /// The `integer_now_func`, if it is not run because its owner is not trusted.
    #[serde(default)]
    pub code: Option<Code>,
}

/// Reads a setting's text, cut to a limit, because a user may have written anything.
fn bounded<'de, D: Deserializer<'de>>(text: D) -> Result<Option<String>, D::Error> {
    let text = Option::<Cow<'de, str>>::deserialize(text)?;
    Ok(text.map(|text| text::bounded(&text)))
}

/// Time when the next chunk falls due, by the server's clock.
#[derive(Deserialize)]
pub(crate) struct Due {
    asked: Stamp,
    next_due_seconds: Option<f64>,
    #[serde(default)]
    changed_since: Option<Stamp>,
}

impl Due {
    /// The policy's change since its last run.
    pub(crate) fn changed(&self) -> Option<Changed> {
        Changed::after_run(self.changed_since)
    }

    /// `again`: seconds after which the row is read again in any case.
    pub(crate) fn at(&self, again: Option<f64>) -> Option<Stamp> {
        let next = self.next_due_seconds.into_iter().chain(again);
        let next = next.reduce(f64::min)?;
        Some(self.asked.plus_seconds(next))
    }
}

impl Policy {
    /// Its job as a target of actions.
    pub fn target(&self) -> Target {
        Target::job(self.job_id)
    }

    /// Why an action on the job cannot be done.
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

    /// Whether the setting fits the dimension's type.
    pub(crate) fn is_understood(&self, axis: Axis) -> bool {
        if axis == Axis::Integer {
            self.after_number.is_some()
        } else {
            self.after_seconds.is_some()
        }
    }

    /// Id and cost of a job that never finished a run, for which the age must be read; `None`: not needed.
    pub(crate) fn waits_for_first(&self) -> Option<(i64, usize)> {
        (self.scheduled && self.last_finish.is_none()).then_some((self.job_id.into(), 1))
    }

    /// Whether it is new, so that due chunks only wait for its first run. A job with a configured start is judged by that
    /// start instead.
    pub(crate) fn is_new(&self, limits: &Limits, now: Stamp) -> bool {
        let planned = self.next_start.is_some_and(Stamp::is_finite);
        self.waits_for_first().is_some() && !planned && !is_old(self.known_since, limits, now)
    }

    pub(crate) fn is_failing(&self) -> bool {
        self.last_run_success == Some(false) && self.last_finish.is_some()
    }

    pub fn last_run_status(&self) -> Value {
        match (self.last_finish, self.last_run_success) {
            (Some(_), Some(true)) => Value::text("Success"),
            (Some(_), Some(false)) => Value::text("Failed"),
            _ => Value::Null,
        }
    }

    pub(crate) fn next_start_value(&self) -> Value {
        if self.scheduled {
            self.next_start.and_then(Stamp::finite).into()
        } else {
            Value::Null
        }
    }

    /// The job, its owner's zone and its runs, for the details of its hypertable.
    pub(crate) fn facts(&self, to: Labelled, limits: &Limits, now: Stamp) -> Labelled {
        let job = format!("job {}, {}", self.job_id, self.state(limits, now));
        to.add("policy", job)
            .add("time zone of its owner", self.owner_zone.clone())
            .add("next run", self.next_start_value())
            .add("last run", self.last_run_status())
            .add("last finish", self.last_finish)
    }

    /// State in the words of the Jobs screen; only that screen knows whether a worker runs it.
    pub fn state(&self, limits: &Limits, now: Stamp) -> &'static str {
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

    /// Time of its next run, in words.
    pub fn when(&self, limits: &Limits, now: Stamp) -> String {
        match self.next_start {
            _ if !self.scheduled => "the policy is paused".to_owned(),
            Some(Stamp::BEFORE_ALL) => "the policy runs now or at once".to_owned(),
            Some(next) if next.is_finite() && next > now => {
                // Only the Jobs screen knows whether a user asked for that.
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

    /// The same as the end of a sentence; empty if [`Policy::judge`] reports it.
    pub fn then(&self, limits: &Limits, now: Stamp) -> String {
        if !self.scheduled || self.is_failing() || self.is_late(limits, now) {
            String::new()
        } else {
            format!("; {}", self.when(limits, now))
        }
    }

    /// Whether its next start is much later than its schedule explains.
    pub(crate) fn starts_far(&self, limits: &Limits, now: Stamp) -> bool {
        let far = |every| strangely_far(self.next_start, every, limits, now).is_some();
        self.scheduled && self.schedule_seconds.is_some_and(far)
    }

    /// The same on integer time, where it is seldom known how long chunks have been due.
    pub(crate) fn is_put_off(&self, axis: Axis, limits: &Limits, now: Stamp) -> bool {
        axis == Axis::Integer && self.starts_far(limits, now)
    }
}

/// Time of the next run of any of these policies, in words; `None`: there is no policy.
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
        "a policy runs now or at once".to_owned()
    } else if let Some(next) = next.min() {
        format!("next run {}", text::age(*next, now))
    } else {
        "no next run is planned".to_owned()
    })
}
