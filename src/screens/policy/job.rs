//! A policy's job, as far as its hypertable's screen needs it.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};

use super::state::{State, is_old, strangely_far};
use crate::model::moment::{Axis, Stamp};
use crate::model::target::Target;
use crate::model::text;
use crate::model::thresholds::Limits;
use crate::model::trust::Code;
use crate::model::value::Value;
use crate::server::row::or_default;

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

    /// The job, its owner's zone and its runs, for the details of its hypertable.
    pub(crate) fn facts(&self, limits: &Limits, now: Stamp) -> [(String, Value); 5] {
        let job = format!("job {}, {}", self.job_id, self.state(limits, now));
        [
            ("policy".to_owned(), Value::Text(job)),
            (
                "time zone of its owner".to_owned(),
                self.owner_zone.clone().into(),
            ),
            ("next run".to_owned(), self.next_start_value()),
            ("last run".to_owned(), self.last_run_status()),
            ("last finish".to_owned(), self.last_finish.into()),
        ]
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
}
