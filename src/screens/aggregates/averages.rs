//! The finding for columns that are aggregated again although the result is wrong, such as an average of averages.

use super::functions::Held;
use super::reaggregated::Reaggregated;
use super::row::Row;
use crate::model::rules;
use crate::model::text;
use crate::model::verdict::Findings;

/// Adds one finding for all columns that are aggregated again. Its text is about the column with the worst level, and names at
/// most three of the others.
pub(super) fn judge(row: &Row, findings: &mut Findings) {
    let mut all: Vec<_> = row.reaggregated.iter().collect();
    all.sort_by_key(|of| std::cmp::Reverse(of.level));
    let Some((worst, others)) = all.split_first() else {
        return;
    };
    let source = if worst.reader.is_some() {
        text::qualified(&row.schema, &row.name)
    } else {
        row.source()
    };
    let who = match &worst.reader {
        Some(view) => format!("view {view} computes"),
        None => "it computes".to_owned(),
    };
    let also = match others {
        [] => String::new(),
        others => {
            let named: Vec<_> = others.iter().take(3).map(|of| call(of)).collect();
            let more = others.len() - named.len();
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            format!(". The same applies to {}{more}", named.join(", "))
        }
    };
    let reason = format!(
        "{who} {} of {source}, where {} is {}: {}. Keep {}{also}",
        call_short(worst),
        text::quote_identifier(&worst.column),
        what(worst.held),
        why(worst),
        instead(worst.held, &source)
    );
    findings.add(&rules::AGGREGATE_OF_AVERAGES, worst.level, reason);
}

fn call_short(of: &Reaggregated) -> String {
    format!("{}({})", of.function, text::quote_identifier(&of.column))
}

/// The call, such as `avg(speed)`, with the view that contains it.
fn call(of: &Reaggregated) -> String {
    match &of.reader {
        Some(view) => format!("{} in {view}", call_short(of)),
        None => call_short(of),
    }
}

fn what(held: Held) -> &'static str {
    match held {
        Held::Average => "an average",
        Held::Deviation => "a standard deviation or variance",
        Held::Percentile => "a percentile",
        Held::DistinctCount => "a count of distinct values",
        Held::Ratio => "a ratio of sums",
    }
}

fn why(of: &Reaggregated) -> &'static str {
    match (of.function.as_str(), of.held) {
        ("avg", Held::Average | Held::Ratio) => {
            "every bucket has the same weight, whether it has one row or thousands, so the value is wrong"
        }
        ("sum", Held::DistinctCount) => "a value that is in two buckets is counted twice",
        ("avg", Held::DistinctCount) => {
            "the result is the average per bucket, not the number over all rows"
        }
        ("avg" | "sum", _) => {
            "the value over all rows cannot be computed from the values of the buckets"
        }
        _ => "the result describes the buckets, not the rows",
    }
}

/// The columns to keep instead, and how to compute the true value from them.
fn instead(held: Held, source: &str) -> String {
    match held {
        Held::Average => {
            format!("sum and count in {source}, and divide at the end: sum(sum) / sum(count)")
        }
        Held::Ratio => format!("both sums in {source}, and divide at the end"),
        Held::Deviation => format!(
            "count, sum and sum of squares in {source} (or stats_agg() of timescaledb_toolkit, and rollup() it), and compute the result at the end"
        ),
        Held::Percentile => format!(
            "a sketch in {source} (percentile_agg() or tdigest() of timescaledb_toolkit), rollup() it, and take the percentile at the end"
        ),
        Held::DistinctCount => format!(
            "a sketch in {source} (hyperloglog() of timescaledb_toolkit), rollup() it, and count at the end; or count over the rows"
        ),
    }
}
