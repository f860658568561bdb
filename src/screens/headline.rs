//! Totals above a list. They show which sums are estimates, and how many values are unknown.

use crate::model::text;
pub(super) use crate::model::text::plural_of as rows;
use crate::model::value::Value;

/// A sum of values. Some of the values may be estimates, and some may be unknown.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sum {
    pub total: i64,
    /// Whether some of the values are estimates.
    about: bool,
    /// Number of known values; `unknown`: number of unknown values.
    pub known: i64,
    pub unknown: i64,
}

impl Sum {
    pub(super) fn of(values: impl IntoIterator<Item = Value>) -> Self {
        let mut sum = Self::default();
        for value in values {
            let (figure, about) = match value {
                Value::Int(figure) | Value::Bytes(figure) => (figure, false),
                Value::About(figure) | Value::AboutBytes(figure) => (figure, true),
                _ => {
                    sum.unknown += 1;
                    continue;
                }
            };
            sum.total = sum.total.saturating_add(figure);
            sum.known += 1;
            sum.about |= about;
        }
        sum
    }

    /// `18.9 MB`, `~18.9 MB`, `18.9 MB + 2 unknown`, `unknown`.
    pub(super) fn bytes(self) -> String {
        self.words(&text::bytes(self.total))
    }

    /// `36`, `~36`, `36 + 2 unknown`, `unknown`.
    pub(super) fn count(self) -> String {
        self.words(&text::count(self.total))
    }

    fn words(self, total: &str) -> String {
        let about = if self.about { "~" } else { "" };
        match (self.known, self.unknown) {
            (0, 1..) => "unknown".to_owned(),
            (_, 0) => format!("{about}{total}"),
            (_, unknown) => format!("{about}{total} + {} unknown", text::count(unknown)),
        }
    }
}

/// Separator of the parts of a line.
const BETWEEN: &str = " · ";

/// Joins the parts that are not empty into one line.
pub(super) fn line(parts: impl IntoIterator<Item = String>) -> String {
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(BETWEEN)
}

/// Numbers of rows by group, as text: `5 on time, 2 late`. Groups without rows are left out.
pub(super) fn groups<'a>(groups: impl IntoIterator<Item = (usize, &'a str)>) -> String {
    let groups = groups.into_iter().filter(|(many, _)| *many > 0);
    let said: Vec<_> = groups
        .map(|(many, what)| format!("{} {what}", number(many)))
        .collect();
    said.join(", ")
}

/// A count as text: `12,345`.
pub(super) fn number(many: usize) -> String {
    text::count(i64::try_from(many).unwrap_or(i64::MAX))
}

/// Fits lines into `width` terminal cells. If a line is too long, the parts of all lines are wrapped into as many lines as before, but at
/// least two. What does not fit is cut with `…`.
pub(crate) fn fit(lines: &[String], width: usize) -> Vec<String> {
    if lines.iter().all(|line| text::width(line) <= width) {
        return lines.to_vec();
    }
    let most = lines.len().max(2);
    let mut fitted: Vec<String> = Vec::new();
    let mut left_out = false;
    for part in lines.iter().flat_map(|line| line.split(BETWEEN)) {
        let is_last = fitted.len() == most;
        match fitted.last_mut() {
            Some(last) if text::width(last) + text::width(part) + BETWEEN.len() <= width => {
                last.push_str(BETWEEN);
                last.push_str(part);
            }
            Some(last)
                if is_last && width.saturating_sub(text::width(last)) * 2 > text::width(part) =>
            {
                *last = text::cut_words(&format!("{last}{BETWEEN}{part}"), width);
                return fitted;
            }
            // Less than half of this part fits, so it is left out. A shorter part after it may fit.
            Some(_) if is_last => left_out = true,
            _ => fitted.push(text::cut_words(part, width)),
        }
    }
    if left_out && let Some(last) = fitted.last_mut() {
        *last = text::goes_on(last, width);
    }
    fitted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_says_what_is_an_estimate_and_what_is_unknown() {
        let sum = |values: Vec<Value>| Sum::of(values);
        let exact = sum(vec![Value::Bytes(2048), Value::Bytes(1024)]);
        assert_eq!(exact.bytes(), "3.00 kB");
        let about = sum(vec![Value::Bytes(2048), Value::AboutBytes(1024)]);
        assert_eq!(about.bytes(), "~3.00 kB");
        let part = sum(vec![Value::Int(7), Value::Null, Value::Null]);
        assert_eq!(part.count(), "7 + 2 unknown");
        assert_eq!(sum(vec![Value::Null]).count(), "unknown");
        assert_eq!(sum(Vec::new()).count(), "0");
    }

    #[test]
    fn lines_that_do_not_fit_flow_at_their_parts() {
        let lines = ["one · two · three".to_owned(), "four · five".to_owned()];
        assert_eq!(fit(&lines, 17), lines);
        assert_eq!(fit(&lines, 11), ["one · two", "three · …"]);
        let short = ["one · two · three".to_owned()];
        assert_eq!(fit(&short, 11), ["one · two", "three"]);
    }
}
