//! The present state of a job, from its statistics, its worker and the clock.

use super::row::{Row, Statistics};
use crate::model::moment::Stamp;
use crate::model::thresholds::Limits;
use crate::screens::policy::State;
use crate::server::known::At;

impl Row {
    /// Thresholds for the job's relation.
    pub(super) fn limits(&self, at: &At) -> Limits {
        at.limits(self.target.as_deref().unwrap_or_default())
    }

    pub fn state(&self, at: &At) -> State {
        if self.pid.is_some() {
            return State::Running;
        }
        let unfinished = self.unfinished_seconds(at);
        // A standby does not see the worker. On a primary, a run that has just ended may still look unfinished.
        if unfinished.is_some_and(|age| at.server.standby || age < self.limits(at).job_unseen) {
            return State::MaybeRunning;
        }
        if self.scheduled && unfinished.is_some() {
            return State::Crashed;
        }
        let of = self.statistics.as_ref();
        State::waiting(
            self.scheduled,
            self.late_seconds(at).is_some(),
            of.map_or(0, |of| of.consecutive_failures),
            of.is_some_and(|of| of.last_start.is_some()),
        )
    }

    /// Seconds since the start of a run that has not finished, even if its worker has vanished; `None`: there is no such run.
    pub(super) fn unfinished_seconds(&self, at: &At) -> Option<f64> {
        let of = self.statistics.as_ref()?;
        (of.last_finish.is_none()).then_some(at.now.seconds_since(of.last_start?))
    }

    /// Seconds since the start of the present run; `None`: not running.
    pub(super) fn running_seconds(&self, at: &At) -> Option<f64> {
        self.pid?;
        self.unfinished_seconds(at)
    }

    /// Seconds since the job should have started; `None`: not late. Without statistics, counted from `initial_start`.
    pub(super) fn late_seconds(&self, at: &At) -> Option<f64> {
        let due = match &self.statistics {
            Some(of) => of.next_start,
            None => self.initial_start,
        };
        let late = at.now.seconds_since(due.and_then(Stamp::finite)?);
        (self.scheduled && self.pid.is_none() && late > self.limits(at).job_late).then_some(late)
    }

    /// Number of crashes. The server's count includes a running job, which is subtracted.
    pub(super) fn crashes(&self) -> Option<i64> {
        let of = self.statistics.as_ref()?;
        let precounted = self.pid.is_some() && of.last_finish.is_none();
        Some((of.total_crashes - i64::from(precounted)).max(0))
    }

    /// The statistics, if the last run that ended failed. A retry may be running.
    pub(super) fn failed(&self) -> Option<&Statistics> {
        self.statistics
            .as_ref()
            .filter(|of| of.last_ended_well() == Some(false))
    }
}
