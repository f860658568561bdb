//! Table cells that show a number as a bar. Their column is sorted by the number.

use crate::model::value::Value;
use crate::model::verdict::{Level, Verdict};
use crate::screens::chart;

/// Width of the bar of [`share`], in terminal cells.
const SHARE: usize = 8;
/// Width of the text of [`share`], including the percentage, in terminal cells.
pub(super) const SHARE_CELLS: u16 = 13;
/// Width of the bar of [`of_largest`], in terminal cells.
const LARGEST: usize = 7;
/// Widths of the two parts of the bar of [`against`], in terminal cells: up to 100 % of the expected value, and above 100 %.
const EXPECTED: usize = 8;
const BEYOND: usize = 4;
/// The same of [`of_limit`].
const ALLOWED: usize = 5;
const EXCESS: usize = 1;
/// Width of the text of [`of_limit`], including the mark at 100 %, in terminal cells.
pub(super) const LIMIT_CELLS: u16 = 7;
/// Width of the text of [`against`], including the mark at 100 %, in terminal cells.
pub(super) const AGAINST_CELLS: u16 = 13;

/// A part of a whole: `████░░░░  50%`; `Null` if the whole is zero. 0 % and 100 % are never the result of rounding.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a percentage is rounded"
)]
pub(super) fn share(part: i64, whole: i64) -> Value {
    if whole <= 0 {
        return Value::Null;
    }
    let share = part as f64 / whole as f64;
    let percent = match part {
        ..=0 => 0,
        part if part >= whole => 100,
        _ => ((share * 100.0).round() as i64).clamp(1, 99),
    };
    let bar = chart::gauge(share, SHARE);
    Value::Picture(format!("{bar} {percent:>3}%"), share * 100.0)
}

/// A number as a bar; the largest number of the list fills the bar. `Null` if the number is unknown.
#[expect(clippy::cast_precision_loss, reason = "a bar is rounded")]
pub(super) fn of_largest(figure: Option<i64>, largest: i64) -> Value {
    let Some(figure) = figure else {
        return Value::Null;
    };
    let share = figure as f64 / largest.max(1) as f64;
    let bar = chart::gauge(share.min(1.0), LARGEST);
    Value::Picture(bar, figure as f64)
}

/// A multiple of the expected value, with a mark at 100 %: `████░░░░│    `, `████████│██▌ `. Above 150 % the bar ends in an arrow.
pub(super) fn against(times: f64) -> Value {
    marked(times, EXPECTED, BEYOND)
}

/// A multiple of a limit, with a mark at 100 %: `██░░░│ `, `█████│▶`.
pub(super) fn of_limit(times: f64) -> Value {
    marked(times, ALLOWED, EXCESS)
}

#[expect(clippy::cast_precision_loss, reason = "the widths are small")]
fn marked(times: f64, upto: usize, beyond: usize) -> Value {
    let before = chart::gauge(times.min(1.0), upto);
    let over = (times - 1.0).max(0.0) * upto as f64 / beyond as f64;
    let after = chart::gauge(over, beyond).replace('░', " ");
    Value::Picture(format!("{before}│{after}"), times)
}

/// The title of the worst finding's rule, for a WHY column. It is shown because the column that the finding is about may not fit on the
/// screen. `Null`: no finding.
pub(super) fn why(verdict: &Verdict) -> Value {
    let worst = verdict.findings.first();
    let worst = worst.filter(|worst| worst.level > Level::Ok);
    worst.map_or(Value::Null, |worst| Value::text(worst.rule.title))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &Value) -> String {
        match value {
            Value::Picture(text, _) => text.clone(),
            _ => String::new(),
        }
    }

    #[test]
    fn a_share_is_nothing_or_everything_only_if_it_is() {
        assert_eq!(text(&share(1, 2)), "████░░░░  50%");
        assert_eq!(text(&share(0, 2000)), "░░░░░░░░   0%");
        assert_eq!(text(&share(1, 2000)), "▏░░░░░░░   1%");
        assert_eq!(text(&share(1999, 2000)), "███████▉  99%");
        assert_eq!(text(&share(2000, 2000)), "████████ 100%");
        assert_eq!(share(0, 0), Value::Null);
        assert_eq!(text(&share(1, 2)).chars().count(), usize::from(SHARE_CELLS));
    }

    #[test]
    fn the_largest_fills_its_bar_and_what_is_unknown_has_none() {
        assert_eq!(text(&of_largest(Some(10), 10)), "███████");
        assert_eq!(text(&of_largest(Some(5), 10)), "███▌░░░");
        assert_eq!(text(&of_largest(Some(0), 0)), "░░░░░░░");
        assert_eq!(of_largest(None, 10), Value::Null);
    }

    #[test]
    fn what_is_more_than_expected_crosses_the_mark() {
        assert_eq!(text(&against(0.5)), "████░░░░│    ");
        assert_eq!(text(&against(0.999)), "███████▉│    ");
        assert_eq!(text(&against(1.0)), "████████│    ");
        assert_eq!(text(&against(1.25)), "████████│██  ");
        assert_eq!(text(&against(9.0)), "████████│███▶");
        let cells = text(&against(9.0)).chars().count();
        assert_eq!(cells, usize::from(AGAINST_CELLS));
    }

    #[test]
    fn what_reaches_its_limit_crosses_the_mark() {
        assert_eq!(text(&of_limit(0.0)), "░░░░░│ ");
        assert_eq!(text(&of_limit(0.5)), "██▌░░│ ");
        assert_eq!(text(&of_limit(0.999)), "████▉│ ");
        assert_eq!(text(&of_limit(1.0)), "█████│ ");
        assert_eq!(text(&of_limit(2.0)), "█████│▶");
        assert_eq!(text(&of_limit(f64::INFINITY)), "█████│▶");
        let cells = text(&of_limit(9.0)).chars().count();
        assert_eq!(cells, usize::from(LIMIT_CELLS));
    }
}
