//! Draws long series in few cells: downsampling by Largest Triangle Three Buckets, bars, and sparklines of block characters.

const BLOCKS: [char; 9] = ['_', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Selects at most `most` of the points (ordered by x) so that the line keeps its shape, and returns their indices. The first and the last
/// point are kept. The points between them are divided into buckets: each bucket keeps the point that forms the largest triangle with the
/// point that was kept before and the mean of the next bucket.
pub(super) fn lttb(points: &[(f64, f64)], most: usize) -> Vec<usize> {
    if points.len() <= most {
        return (0..points.len()).collect();
    }
    let last = points.len() - 1;
    if most < 3 {
        return [0, last].into_iter().take(most).collect();
    }
    let edge = |bucket: usize| 1 + bucket * (last - 1) / (most - 2);
    let mut kept = vec![0];
    let mut before = points[0];
    for bucket in 0..most - 2 {
        let (start, end) = (edge(bucket), edge(bucket + 1));
        let mean = mean(&points[end..edge(bucket + 2).min(last + 1)]);
        let area = |at: &usize| {
            let (x, y) = points[*at];
            ((before.0 - mean.0) * (y - before.1) - (before.0 - x) * (mean.1 - before.1)).abs()
        };
        let best = (start..end).max_by(|a, b| area(a).total_cmp(&area(b)));
        let best = best.unwrap_or(start);
        before = points[best];
        kept.push(best);
    }
    kept.push(last);
    kept
}

#[expect(clippy::cast_precision_loss, reason = "the number of points is small")]
fn mean(points: &[(f64, f64)]) -> (f64, f64) {
    let many = points.len().max(1) as f64;
    let sum = points
        .iter()
        .fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
    (sum.0 / many, sum.1 / many)
}

/// The series in at most `width` cells; a cell without a known value stays `None`.
#[expect(
    clippy::cast_precision_loss,
    reason = "positions in a series are small"
)]
fn resample(values: &[Option<f64>], width: usize) -> Vec<Option<f64>> {
    if values.len() <= width {
        return values.to_vec();
    }
    if width == 0 {
        return Vec::new();
    }
    let known = values.iter().enumerate();
    let known: Vec<(f64, f64)> = known
        .filter_map(|(at, value)| value.map(|value| (at as f64, value)))
        .collect();
    let mut cells: Vec<Option<f64>> = vec![None; width];
    let mut put = |points: &mut dyn Iterator<Item = (f64, f64)>, only_empty: bool| {
        let mut filled = vec![false; width];
        for (at, value) in points {
            let cell = cell(at, values.len(), width);
            if only_empty && cells[cell].is_some() && !filled[cell] {
                continue;
            }
            filled[cell] = true;
            cells[cell] = Some(cells[cell].map_or(value, |had| had.max(value)));
        }
    };
    put(
        &mut lttb(&known, width).into_iter().map(|at| known[at]),
        false,
    );
    // Cells without a selected point show the highest known value of their range.
    put(&mut known.iter().copied(), true);
    cells
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the index of a cell is small and not negative"
)]
fn cell(at: f64, of: usize, width: usize) -> usize {
    ((at * width as f64 / of as f64) as usize).min(width - 1)
}

/// Draws the values as bars of at most `rows` lines, and returns the top line first. The highest value fills all lines. Zero is `_`, an
/// unknown value is a space.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of eighths of a cell is small and not negative"
)]
pub(super) fn bars(values: &[Option<f64>], rows: usize) -> Vec<String> {
    let highest = values.iter().flatten().copied().fold(0.0, f64::max);
    let eighths = |value: f64| {
        if value <= 0.0 || highest <= 0.0 {
            0
        } else {
            ((value / highest * (rows * 8) as f64).round() as usize).max(1)
        }
    };
    let sign = |value: &Option<f64>, row: usize| {
        let Some(height) = value.map(eighths) else {
            return ' ';
        };
        match height.saturating_sub(row * 8).min(8) {
            0 if row > 0 => ' ',
            part => BLOCKS[part],
        }
    };
    let line = |row| values.iter().map(|value| sign(value, row)).collect();
    (0..rows).rev().map(line).collect()
}

pub(crate) fn sparkline(values: &[Option<f64>], width: usize) -> String {
    bars(&resample(values, width), 1).concat()
}

/// Characters for a cell that is filled from the left, by 0 to 7 eighths.
const EIGHTHS: [char; 8] = ['░', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/// Draws a share of a whole as a bar of `width` cells; the free part is `░`. A share above 0 fills at least an eighth of a cell. A share
/// below 1 leaves at least an eighth free. For a share above 1 the bar ends in an arrow.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of eighths of a cell is small and not negative"
)]
pub(crate) fn gauge(share: f64, width: usize) -> String {
    let all = width * 8;
    let filled = match share {
        share if share > 1.0 && width > 0 => return format!("{}▶", "█".repeat(width - 1)),
        share if share >= 1.0 => all,
        share if share > 0.0 => ((share * all as f64).round() as usize).clamp(1, all.max(2) - 1),
        _ => 0,
    };
    let cell = |nth: usize| match filled.saturating_sub(nth * 8) {
        8.. => '█',
        part => EIGHTHS[part],
    };
    (0..width).map(cell).collect()
}

pub(super) fn series(values: &[Option<f64>], width: usize, lines: usize) -> Vec<String> {
    bars(&resample(values, width), lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_shows_the_least_share_and_the_last_that_is_free_and_that_it_is_over() {
        assert_eq!(gauge(0.5, 8), "████░░░░");
        assert_eq!(gauge(0.0, 4), "░░░░");
        assert_eq!(gauge(0.0001, 4), "▏░░░");
        assert_eq!(gauge(0.9999, 4), "███▉");
        assert_eq!(gauge(1.0, 4), "████");
        assert_eq!(gauge(7.0, 4), "███▶");
        assert_eq!(gauge(f64::NAN, 2), "░░");
        assert_eq!(gauge(0.5, 0), "");
    }

    fn wave(many: u32) -> Vec<(f64, f64)> {
        (0..many)
            .map(|at| (f64::from(at), (f64::from(at) / 20.0).sin()))
            .collect()
    }

    #[test]
    fn where_there_is_no_room_nothing_is_drawn() {
        assert_eq!(sparkline(&[Some(1.0), Some(2.0)], 0), "");
    }

    #[test]
    fn a_short_series_is_kept_as_it_is() {
        assert_eq!(lttb(&wave(5), 5), vec![0, 1, 2, 3, 4]);
        assert_eq!(lttb(&[], 5), Vec::<usize>::new());
        assert_eq!(lttb(&wave(9), 2), vec![0, 8]);
        assert_eq!(lttb(&wave(9), 1), vec![0]);
        assert_eq!(lttb(&wave(9), 0), Vec::<usize>::new());
    }

    #[test]
    fn a_long_series_keeps_its_ends_its_order_and_its_lonely_peak() {
        let mut points = wave(10_000);
        points[4321].1 = 50.0;
        for most in [3, 4, 7, 77, 9_999] {
            let kept = lttb(&points, most);
            assert_eq!(kept.len(), most);
            assert_eq!((kept[0], kept[most - 1]), (0, 9_999));
            assert!(kept.windows(2).all(|pair| pair[0] < pair[1]), "{most}");
            assert!(most == 3 || kept.contains(&4321), "{most}");
        }
    }

    #[test]
    fn a_sparkline_rises_with_its_series_and_leaves_the_unknown_blank() {
        let rising: Vec<_> = (0..9).map(|at| Some(f64::from(at))).collect();
        assert_eq!(sparkline(&rising, 20), "_▁▂▃▄▅▆▇█");
        let values = [Some(4.0), None, Some(0.0), Some(1.0)];
        assert_eq!(sparkline(&values, 20), "█ _▂");
        assert_eq!(sparkline(&[Some(0.0), Some(0.0)], 9), "__");
        assert_eq!(sparkline(&[], 9), "");
    }

    #[test]
    fn a_long_sparkline_is_as_wide_as_asked_and_shows_the_peak_and_the_hole() {
        let value = |at: u32| match at {
            300..400 => None,
            777 => Some(100.0),
            _ => Some(50.0),
        };
        let values: Vec<_> = (0..1000).map(value).collect();
        let line: Vec<char> = sparkline(&values, 50).chars().collect();
        assert_eq!(line.len(), 50);
        assert_eq!(line.iter().filter(|c| **c == '█').count(), 1);
        assert_eq!(line.iter().filter(|c| **c == ' ').count(), 5);
        assert_eq!(line[38], '█');
    }

    #[test]
    fn bars_of_two_rows_have_sixteen_steps() {
        let values = [Some(1.0), Some(8.0), Some(9.0), Some(16.0)];
        assert_eq!(bars(&values, 2), vec!["  ▁█", "▁███"]);
    }
}
