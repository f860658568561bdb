//! Advice on an aggregate that reads another aggregate: functions that give wrong results there, such as `avg()` of an average, and buckets
//! that do not fit into each other.

use crate::model::interval::DAY;
use crate::model::setup::query::{Called, bucket, calls, column, is_word, items, spoken};
use crate::model::span::Span;

/// Functions that return an average, from which the number of averaged rows is not known.
const AVERAGES: &[&str] = &["avg"];
const SPREADS: &[&str] = &[
    "stddev",
    "stddev_samp",
    "stddev_pop",
    "variance",
    "var_samp",
    "var_pop",
];
const PERCENTILES: &[&str] = &["percentile_cont", "percentile_disc", "median", "mode"];
const OTHERS: &[&str] = &["sum", "count", "min", "max", "first", "last"];

/// A column of an aggregate that is computed from several rows.
struct Figure {
    name: String,
    /// An average, a spread or a percentile.
    is_average: bool,
    /// A number of distinct values.
    is_distinct: bool,
}

fn figure(item: &str) -> Option<Figure> {
    let functions: Vec<Called> = calls(item).collect();
    let is = |list: &[&str]| functions.iter().any(|of| list.contains(&of.function));
    let is_average = is(AVERAGES) || is(SPREADS) || is(PERCENTILES);
    let is_computed = is_average || is(OTHERS);
    Some(Figure {
        name: column(item).filter(|_| is_computed)?,
        is_average,
        is_distinct: functions.iter().any(is_distinct),
    })
}

fn is_distinct(called: &Called) -> bool {
    called.function == "count" && called.inside.trim_start().starts_with("distinct")
}

/// Advice on the query of an aggregate that reads another aggregate. `source`: the query of the aggregate that it reads.
pub(super) fn of_query(query: &str, source: &str) -> Vec<String> {
    let figures: Vec<Figure> = items(&spoken(source))
        .iter()
        .filter_map(|item| figure(item))
        .collect();
    let query_text = spoken(query);
    let (mut said, mut names): (Vec<String>, Vec<&str>) = (Vec::new(), Vec::new());
    for called in calls(&query_text) {
        let mut words = called.inside.split(|c: char| !is_word(c));
        let of = words.find_map(|word| figures.iter().find(|figure| figure.name == word));
        // Each column gets only one piece of advice, because several functions often read the same column.
        if let Some(of) = of.filter(|of| !names.contains(&of.name.as_str()))
            && let Some(advice) = of_call(&called, of)
        {
            names.push(&of.name);
            said.push(advice);
        }
    }
    said.extend(of_buckets(query, source));
    said
}

fn of_call(called: &Called, of: &Figure) -> Option<String> {
    let (function, name) = (called.function, &of.name);
    if AVERAGES.contains(&function) && of.is_average {
        return Some(format!(
            "{function}() of {name} is wrong if groups differ in size, because {name} in its source is an average or a similar figure: keep sum and count in the source, and divide here"
        ));
    }
    if SPREADS.contains(&function) {
        return Some(format!(
            "{function}() of {name} is computed from one value per group of its source, not from the rows: keep sum(x), sum(x * x) and count in the source, and compute it here"
        ));
    }
    if PERCENTILES.contains(&function) {
        return Some(format!(
            "{function}() of {name} is computed from one value per group of its source, not from the rows, and percentiles cannot be combined: keep sum and count in the source for an average, or let this aggregate read the hypertable"
        ));
    }
    if is_distinct(called) {
        return Some(format!(
            "count(distinct) of {name} counts aggregated values of its source, not values of the rows, and distinct counts cannot be combined: add the column to the source's GROUP BY, and count here"
        ));
    }
    (function == "sum" && of.is_distinct).then(|| {
        format!(
            "sum() of {name} counts a value once per group, because {name} in its source counts distinct values: add the column to the source's GROUP BY, and count here"
        )
    })
}

fn of_buckets(query: &str, source: &str) -> Option<String> {
    let (own, below) = (bucket(query)?, bucket(source)?);
    (!fits(below, own)).then(|| {
        format!(
            "its buckets of {own} are not a multiple of its source's buckets of {below}: TimescaleDB refuses that"
        )
    })
}

/// True if each bucket of width `own` consists of whole buckets of width `below`.
fn fits(below: Span, own: Span) -> bool {
    match (below, own) {
        (Span::Number(below), Span::Number(own)) => below != 0 && own % below == 0,
        (Span::Interval(below), Span::Interval(own)) => {
            let fixed = |days: i64, micros: i64| days.saturating_mul(DAY).saturating_add(micros);
            let (part, whole) = (fixed(below.days, below.micros), fixed(own.days, own.micros));
            match (below.months, own.months) {
                (0, 0) => part != 0 && whole % part == 0,
                // A month is a number of whole days.
                (0, _) => whole == 0 && part != 0 && DAY % part == 0,
                (months, own) => part == 0 && whole == 0 && own != 0 && own % months == 0,
            }
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_of_a_level_are_whole_buckets_of_the_level_below() {
        let width = |text: &str| format!("select time_bucket('{text}', ts) from t");
        for (below, own, fits) in [
            ("1 hour", "1 day", true),
            ("1 hour", "90 minutes", false),
            ("1 day", "1 hour", false),
            ("1 day", "1 month", true),
            ("7 days", "1 month", false),
            ("1 month", "1 year", true),
            ("2 months", "3 months", false),
            ("1 month", "30 days", false),
        ] {
            let said = of_query(&width(own), &width(below));
            assert_eq!(said.is_empty(), fits, "{own} over {below}: {said:?}");
        }
        let number = |width: i64| format!("select time_bucket({width}, n) from t");
        assert_eq!(of_query(&number(100), &number(10)).len(), 0);
        assert_eq!(of_query(&number(15), &number(10)).len(), 1);
    }
}
