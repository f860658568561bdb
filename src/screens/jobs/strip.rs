//! A job's newest runs, and its planned runs, each drawn as a strip of characters in the table.

use super::row::{RUNS, Row};
use crate::model::value::Value;
use crate::screens::policy::State;
use crate::server::known::At;

/// Number of newest runs in the strip, one character each.
pub(super) const RUNS_CELLS: u16 = 20;
/// Number of characters for the next 24 hours, two hours each.
pub(super) const HOURS: u16 = 12;
const CELL_SECONDS: f64 = 7200.0;

const SUCCEEDED: char = '·';
const FAILED: char = 'X';
/// The result is unknown.
const UNKNOWN: char = '~';
const RUNS_NOW: char = '▶';

pub(super) const LEGEND: &str = "· succeeded, X failed, ~ not on record";

impl Row {
    /// Strip of the newest runs, the newest last; `Null`: no runs. The column is sorted by the number of failures.
    pub(super) fn newest_runs(&self, at: &At) -> Value {
        let running = self.unfinished_seconds(at).is_some();
        let state = self.state(at);
        let mut runs: Vec<char> = Vec::new();
        if running {
            runs.push(if state == State::Crashed {
                FAILED
            } else {
                RUNS_NOW
            });
        }
        runs.extend(self.ended_runs(running));
        runs.truncate(RUNS);
        if runs.is_empty() {
            return Value::Null;
        }
        runs.reverse();
        let failures = runs.iter().filter(|run| **run == FAILED).count();
        let failures = u32::try_from(failures).unwrap_or(u32::MAX);
        Value::Picture(runs.into_iter().collect(), failures.into())
    }

    /// Results of the newest runs, newest first, computed from the counters and the job history. `running`: a run is in progress. It
    /// has no result yet, but the server counts it as a crash until it ends.
    fn ended_runs(&self, running: bool) -> Vec<char> {
        let Some(of) = &self.statistics else {
            return Vec::new();
        };
        let count = |number: i64| usize::try_from(number).unwrap_or(0);
        let now = usize::from(running);
        let all = count(of.total_runs).saturating_sub(now);
        let crashes = count(of.total_crashes).saturating_sub(now);
        let just_crashed = count(of.consecutive_crashes.into()).saturating_sub(now);
        let failed = count(of.consecutive_failures.into());
        // A crash does not reset the counter of consecutive failures (only a success does), so the crashes are added to the failures.
        let in_a_row = failed + just_crashed;
        let others = (crashes + count(of.total_failures)).saturating_sub(in_a_row);
        let rest = all.saturating_sub(in_a_row);
        let mut runs = vec![FAILED; in_a_row.min(RUNS).min(all)];
        let before = match others {
            0 => SUCCEEDED,
            bad if bad >= rest => FAILED,
            _ => UNKNOWN,
        };
        runs.extend(std::iter::repeat_n(before, rest.min(RUNS)));
        runs.truncate(RUNS);
        // The run before the consecutive failures did not fail. If it did not crash, it succeeded.
        let newest = in_a_row == 0 && !running && of.last_run_success == Some(true);
        let succeeded = newest || crashes == just_crashed;
        let last = runs.get_mut(in_a_row).filter(|run| **run == UNKNOWN);
        if let Some(last) = last.filter(|_| succeeded) {
            *last = SUCCEEDED;
        }
        let record = self.record.get().map(|record| record.succeeded.as_slice());
        for (run, succeeded) in runs.iter_mut().zip(record.unwrap_or_default()) {
            if *run == UNKNOWN {
                *run = if *succeeded { SUCCEEDED } else { FAILED };
            }
        }
        runs
    }

    /// Id of the job and cost of reading its history (number of relations that the server opens); `None`: the counters already show the
    /// result of each run, or the job is paused.
    pub(super) fn wants_record(&self) -> Option<(i64, usize)> {
        let of = self.statistics.as_ref()?;
        let failed = of.total_failures > 0 && of.total_runs > 1;
        (failed && self.scheduled).then_some((self.job_id.into(), 1))
    }

    /// Strip of the planned starts of the next 24 hours, as if each run took no time. `Null`: no next start is known. The column is
    /// sorted by the number of starts.
    pub(super) fn next_runs(&self, at: &At) -> Value {
        let every = self.schedule.seconds.max(1.0);
        let running = self.scheduled && self.pid.is_some();
        let next = match self.next_start() {
            Some(next) => next.seconds_since(at.now).max(0.0),
            None if running => every,
            None => return Value::Null,
        };
        // Number of starts in the next `seconds` seconds.
        let before = |seconds: f64| ((seconds - next) / every).ceil().max(0.0);
        let mut cells = String::new();
        for nth in 0..HOURS {
            let from = f64::from(nth) * CELL_SECONDS;
            let starts = before(from + CELL_SECONDS) - before(from);
            cells.push(match starts {
                _ if nth == 0 && running => RUNS_NOW,
                ..0.5 => '·',
                0.5..1.5 => '│',
                _ => '█',
            });
        }
        Value::Picture(cells, before(f64::from(HOURS) * CELL_SECONDS))
    }
}
