//! What figures were since the console was opened: short series for sparklines and rates.

use std::collections::{HashMap, VecDeque};

use crate::value::Stamp;

/// Samples kept of each figure.
const KEPT: usize = 240;

/// Series by the figure's name.
#[derive(Debug, Default)]
pub struct History {
    series: HashMap<String, VecDeque<(Stamp, f64)>>,
}

impl History {
    /// Adds a sample; one that is not newer than the last replaces nothing.
    pub fn add(&mut self, name: &str, at: Stamp, value: f64) {
        let series = self.series.entry(name.to_owned()).or_default();
        if series.back().is_some_and(|(last, _)| *last >= at) {
            return;
        }
        if series.len() == KEPT {
            series.pop_front();
        }
        series.push_back((at, value));
    }

    /// The values, oldest first.
    pub fn values(&self, name: &str) -> Vec<f64> {
        let series = self.series.get(name);
        series
            .into_iter()
            .flatten()
            .map(|(_, value)| *value)
            .collect()
    }

    /// What a counter grew by, a second, between each two samples; a counter that was reset gives nothing there.
    pub fn rates(&self, name: &str) -> Vec<f64> {
        self.steps(name)
            .map(|(seconds, more)| more / seconds)
            .collect()
    }

    /// Of what `whole` grew by, the part by which `part` grew (0 to 1); nothing where `whole` stood still.
    pub fn shares(&self, part: &str, whole: &str) -> Vec<f64> {
        let pairs = self.steps(part).zip(self.steps(whole));
        pairs
            .filter(|(_, (_, whole))| *whole > 0.0)
            .map(|((_, part), (_, whole))| (part / whole).clamp(0.0, 1.0))
            .collect()
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

/// The last values as bars between nothing and the largest of them; series that are longer than `cells` keep each
/// cell's largest, so that no peak is lost.
pub fn spark(values: &[f64], cells: usize) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    if cells == 0 || values.len() < 2 {
        return String::new();
    }
    let each = values.len().div_ceil(cells);
    let most = values.iter().copied().fold(0.0, f64::max);
    let peaks = values
        .rchunks(each)
        .rev()
        .map(|part| part.iter().copied().fold(0.0, f64::max));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 7"
    )]
    let bar = |peak: f64| {
        let height = if most > 0.0 { peak / most * 7.0 } else { 0.0 };
        BARS[(height.round() as usize).min(7)]
    };
    peaks.map(bar).collect()
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

    #[test]
    fn a_long_series_keeps_its_peak_in_a_narrow_spark() {
        let mut values = vec![1.0; 100];
        values[50] = 8.0;
        let shown = spark(&values, 10);
        assert_eq!(shown.chars().count(), 10);
        assert_eq!(
            shown.chars().filter(|bar| *bar == '█').count(),
            1,
            "{shown}"
        );
    }
}
