//! State of a job, with the same texts on every screen.

use crate::model::moment::Stamp;
use crate::model::text;
use crate::model::thresholds::Limits;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Running,
    /// Started and not finished; this session cannot see the worker.
    MaybeRunning,
    /// Started and not finished; the worker has vanished.
    Crashed,
    Paused,
    Late,
    BackingOff,
    NeverRan,
    Scheduled,
}

impl State {
    /// State of a job that no worker runs.
    pub(crate) fn waiting(scheduled: bool, late: bool, failures: i32, ran: bool) -> Self {
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

/// Whether a job that never ran has existed longer than the scheduler needs to start it.
pub(crate) fn is_old(known_since: Option<Stamp>, limits: &Limits, now: Stamp) -> bool {
    known_since.is_some_and(|since| now.seconds_since(since) > limits.job_late)
}

/// Text for the time until the next start, if this time is much longer than the schedule interval; `None`: not much longer, or no next
/// start.
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
