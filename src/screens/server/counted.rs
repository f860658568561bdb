//! A counter that is judged by its growth in the last minutes, as a percentage of another counter's growth.

use crate::model::moment::Stamp;

#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub at: Stamp,
    pub part: f64,
    pub whole: f64,
}

/// Readings from which the growth of a counter is computed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counted {
    /// Start of the measured growth. Once `next` is one window old, it replaces `from`. So the growth covers one to two windows.
    from: Option<Reading>,
    next: Option<Reading>,
    now: Option<Reading>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Growth {
    pub part: f64,
    pub whole: f64,
    pub seconds: f64,
}

impl Counted {
    /// Takes a reading. `since`: time of the counters' reset, when both were 0. The first growth is measured from that time on. `None`:
    /// from the first reading on.
    pub(super) fn read(&mut self, now: Reading, since: Option<Stamp>, window_seconds: f64) {
        let last = self.now.replace(now);
        if last.is_some_and(|last| now.part < last.part || now.whole < last.whole) {
            // The counters were reset, or belong to another server.
            (self.from, self.next) = (None, None);
        }
        let zero = since.map(|at| Reading {
            at,
            part: 0.0,
            whole: 0.0,
        });
        self.from.get_or_insert(zero.unwrap_or(now));
        let next = *self.next.get_or_insert(now);
        if now.at.seconds_since(next.at) >= window_seconds {
            (self.from, self.next) = (Some(next), Some(now));
        }
    }

    /// Growth from `from` to `now`; `None`: there are no two readings at different times.
    pub(super) fn growth(&self) -> Option<Growth> {
        let (from, now) = self.from.zip(self.now)?;
        let seconds = now.at.seconds_since(from.at);
        (seconds > 0.0).then_some(Growth {
            part: now.part - from.part,
            whole: now.whole - from.whole,
            seconds,
        })
    }
}

impl Growth {
    /// Growth of `part` in percent of the growth of `whole`; `None`: `whole` did not grow.
    pub(super) fn percent(self) -> Option<f64> {
        (self.whole > 0.0).then(|| self.part * 100.0 / self.whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64, part: f64, whole: f64) -> Reading {
        let at = Stamp(second * 1_000_000);
        Reading { at, part, whole }
    }

    fn growth(readings: &[Reading], since: Option<Stamp>) -> Option<(f64, f64, f64)> {
        let mut counted = Counted::default();
        for reading in readings {
            counted.read(*reading, since, 60.0);
        }
        let growth = counted.growth()?;
        Some((growth.part, growth.whole, growth.seconds))
    }

    #[test]
    fn a_first_look_knows_no_growth_unless_the_counters_began_lately() {
        assert_eq!(growth(&[at(100, 5.0, 50.0)], None), None);
        let since = growth(&[at(100, 5.0, 50.0)], Some(Stamp(40_000_000)));
        assert_eq!(since, Some((5.0, 50.0, 60.0)));
    }

    #[test]
    fn growth_covers_one_to_two_windows_and_begins_again_after_a_reset() {
        let mut readings = vec![at(0, 0.0, 0.0), at(59, 1.0, 10.0)];
        assert_eq!(growth(&readings, None), Some((1.0, 10.0, 59.0)));
        readings.extend([at(60, 2.0, 20.0), at(119, 3.0, 30.0)]);
        assert_eq!(growth(&readings, None), Some((3.0, 30.0, 119.0)));
        readings.push(at(120, 4.0, 40.0));
        assert_eq!(growth(&readings, None), Some((2.0, 20.0, 60.0)));
        readings.push(at(122, 0.0, 1.0));
        assert_eq!(growth(&readings, None), None);
        readings.push(at(124, 1.0, 4.0));
        assert_eq!(growth(&readings, None), Some((1.0, 3.0, 2.0)));
    }
}
