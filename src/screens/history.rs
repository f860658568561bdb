//! Values read since the console was started: short series for sparklines and rates.

use std::collections::{HashMap, VecDeque};

use crate::model::moment::Stamp;

/// Number of samples kept per series.
const KEPT: usize = 240;

#[derive(Debug, Default)]
pub struct History {
    series: HashMap<String, VecDeque<(Stamp, f64)>>,
}

impl History {
    /// Adds a sample if it is newer than the last sample of the series.
    pub(crate) fn add(&mut self, name: &str, at: Stamp, value: f64) {
        let series = self.series.entry(name.to_owned()).or_default();
        if series.back().is_some_and(|(last, _)| *last >= at) {
            return;
        }
        if series.len() == KEPT {
            series.pop_front();
        }
        series.push_back((at, value));
    }

    /// The values of a series, oldest first.
    pub(crate) fn values(&self, name: &str) -> Vec<f64> {
        let series = self.series.get(name);
        series
            .into_iter()
            .flatten()
            .map(|(_, value)| *value)
            .collect()
    }

    /// Growth of a counter per second between successive samples. The pair of samples before and after a reset of the counter is left out.
    pub(crate) fn rates(&self, name: &str) -> Vec<f64> {
        self.steps(name)
            .map(|(seconds, more)| more / seconds)
            .collect()
    }

    /// Growth of `part` divided by growth of `whole` (0 to 1). Pairs of samples between which `whole` did not grow are left out.
    pub(crate) fn shares(&self, part: &str, whole: &str) -> Vec<f64> {
        let pairs = self.steps(part).zip(self.steps(whole));
        pairs
            .filter(|(_, (_, whole))| *whole > 0.0)
            .map(|((_, part), (_, whole))| (part / whole).clamp(0.0, 1.0))
            .collect()
    }

    /// The series with these names, with their samples of the last `seconds` before `now`.
    pub(super) fn recent(&self, names: &[&str], now: Stamp, seconds: f64) -> Self {
        let young = |(at, _): &&(Stamp, f64)| now.seconds_since(*at) <= seconds;
        let series = names.iter().filter_map(|name| {
            let kept = self.series.get(*name)?.iter().filter(young);
            Some(((*name).to_owned(), kept.copied().collect()))
        });
        Self {
            series: series.collect(),
        }
    }

    /// Seconds between the first and the last sample; 0 without samples.
    pub(super) fn span(&self, name: &str) -> f64 {
        let series = self.series.get(name);
        let ends = series.and_then(|series| series.front().zip(series.back()));
        ends.map_or(0.0, |((first, _), (last, _))| last.seconds_since(*first))
    }

    fn steps(&self, name: &str) -> impl Iterator<Item = (f64, f64)> {
        let series = self.series.get(name).into_iter().flatten();
        let next = self.series.get(name).into_iter().flatten().skip(1);
        series
            .zip(next)
            .map(|((before, was), (after, is))| (after.seconds_since(*before), is - was))
            .filter(|(seconds, more)| *seconds > 0.0 && *more >= 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_what_a_counter_grew_by_and_a_reset_gives_none() {
        let mut history = History::default();
        for (second, value) in [(0, 10.0), (2, 30.0), (4, 5.0), (6, 9.0)] {
            history.add("wal", Stamp(second * 1_000_000), value);
        }
        assert_eq!(history.rates("wal"), [10.0, 2.0]);
    }

    #[test]
    fn a_sample_of_the_same_moment_is_not_counted_twice() {
        let mut history = History::default();
        history.add("wal", Stamp(1), 1.0);
        history.add("wal", Stamp(1), 2.0);
        assert_eq!(history.values("wal"), [1.0]);
    }
}
