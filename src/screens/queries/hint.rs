//! Finds statements that group raw rows by time although an aggregate has the same groups, or smaller ones.

use super::named::{Catalog, Relation, RelationKind, Token, tokens};
use crate::model::text;
use serde::{Deserialize, Serialize};

/// Aggregates that a statement could read instead of a hypertable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint {
    hypertable: String,
    /// Names of the aggregates with their bucket widths, the widest first.
    pub(super) aggregates: Vec<String>,
    pub(super) words: String,
}

#[derive(Debug, Clone, PartialEq)]
struct Bucket {
    call: String,
    /// The width as written in the statement; `None`: `pg_stat_statements` replaced it by a parameter.
    width: Option<String>,
}

/// Functions that compute time buckets.
const CALLS: [&str; 5] = [
    "time_bucket",
    "time_bucket_gapfill",
    "time_bucket_ng",
    "date_trunc",
    "date_bin",
];

pub(super) fn hint(
    text: &str,
    example: Option<&str>,
    named: &[&Relation],
    catalog: &Catalog,
) -> Option<Hint> {
    // The statement already reads an aggregate.
    if named
        .iter()
        .any(|relation| relation.kind == RelationKind::Aggregate)
    {
        return None;
    }
    let mut bucket = bucket(&tokens(text))?;
    if bucket.width.is_none()
        && let Some(written) = example.and_then(|example| self::bucket(&tokens(example)))
    {
        bucket.width = written.width;
    }
    named.iter().find_map(|hypertable| {
        let all = catalog.aggregates_of(hypertable);
        let mut fitting: Vec<(&Relation, &str, f64)> = all
            .into_iter()
            .filter_map(|aggregate| {
                let own = aggregate.bucket.as_deref()?;
                let fits = bucket
                    .width
                    .as_deref()
                    .is_none_or(|width| divides(own, width));
                fits.then_some((aggregate, own, text::interval_seconds(own)?))
            })
            .collect();
        fitting.sort_by(|a, b| b.2.total_cmp(&a.2));
        let aggregates: Vec<String> = fitting
            .iter()
            .map(|(aggregate, own, _)| {
                format!("{} ({})", aggregate.full_name(), text::interval(own))
            })
            .collect();
        (!aggregates.is_empty()).then(|| Hint {
            hypertable: hypertable.full_name(),
            words: words(hypertable, &bucket, &fitting, &aggregates),
            aggregates,
        })
    })
}

fn words(
    hypertable: &Relation,
    bucket: &Bucket,
    fitting: &[(&Relation, &str, f64)],
    aggregates: &[String],
) -> String {
    let raw = hypertable.full_name();
    let call = &bucket.call;
    let (first, best) = (&aggregates[0], fitting[0].2);
    match &bucket.width {
        Some(width) => {
            let same = text::interval_seconds(width).is_some_and(|wide| (wide - best).abs() < 1e-6);
            let why = if same {
                "has the same buckets"
            } else {
                "has smaller buckets, which divide such a bucket evenly"
            };
            format!(
                "groups raw rows of {raw} by {call} of {}: the aggregate {first} {why}, and may answer this statement if it has the columns",
                text::interval(width)
            )
        }
        None => format!(
            "groups raw rows of {raw} by {call} of an unknown width (the statistics leave it out): {} may answer this statement if that width is a multiple of the aggregate's bucket width, and if the aggregate has the columns",
            aggregates.join(" or ")
        ),
    }
}

/// Whether a bucket of `width` consists of whole buckets of width `own`.
fn divides(own: &str, width: &str) -> bool {
    let months = |text: &str| text.contains("mon") || text.contains("year");
    let (Some(small), Some(wide)) = (text::interval_seconds(own), text::interval_seconds(width))
    else {
        return false;
    };
    // A month has a variable length, but always has whole days; a year always has whole months.
    let whole = match (months(own), months(width)) {
        (true, false) => return false,
        (false, true) => 86_400.0,
        _ => wide,
    };
    small > 0.0 && (whole / small).fract() == 0.0
}

/// The first call of a bucket function in a statement that groups rows; `None`: no such call, or the statement writes.
fn bucket(tokens: &[Token]) -> Option<Bucket> {
    let word = |at: usize| match tokens.get(at) {
        Some(Token::Word(word)) => Some(word.as_str()),
        _ => None,
    };
    if !matches!(word(0), Some("select" | "with")) {
        return None;
    }
    let groups =
        (0..tokens.len()).any(|at| word(at) == Some("group") && word(at + 1) == Some("by"));
    // A refresh of an aggregate also groups rows, but it writes them.
    let writes = (0..tokens.len()).any(|at| matches!(word(at), Some("insert" | "merge")));
    if !groups || writes {
        return None;
    }
    (0..tokens.len()).find_map(|at| {
        let call = word(at).filter(|name| CALLS.contains(name))?;
        if tokens.get(at + 1) != Some(&Token::Sign('(')) {
            return None;
        }
        Some(Bucket {
            call: call.to_owned(),
            width: width(call, &tokens[at + 2..]),
        })
    })
}

/// The width in the call's first argument; `None`: a parameter or an expression.
fn width(call: &str, tokens: &[Token]) -> Option<String> {
    let tokens = match tokens.first() {
        Some(Token::Word(word)) if word == "interval" => &tokens[1..],
        _ => tokens,
    };
    let Some(Token::Literal(literal)) = tokens.first() else {
        return None;
    };
    let width = if call == "date_trunc" {
        let unit = literal.to_lowercase();
        match unit.as_str() {
            "minute" | "hour" | "day" | "week" | "month" | "year" => format!("1 {unit}"),
            "quarter" => "3 months".to_owned(),
            "second" => "1 second".to_owned(),
            _ => return None,
        }
    } else {
        literal.clone()
    };
    text::interval_seconds(&width).map(|_| width)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog() -> Catalog {
        let relation = |name: &str, bucket: Option<&str>, source: Option<&str>| Relation {
            schema: "mes".to_owned(),
            name: name.to_owned(),
            kind: if bucket.is_some() {
                RelationKind::Aggregate
            } else {
                RelationKind::Hypertable
            },
            bucket: bucket.map(str::to_owned),
            source_schema: source.map(|_| "mes".to_owned()),
            source: source.map(str::to_owned),
        };
        Catalog(vec![
            relation("raw", None, None),
            relation("hourly", Some("01:00:00"), Some("raw")),
            relation("daily", Some("1 day"), Some("hourly")),
            relation("lonely", None, None),
        ])
    }

    fn hinted(text: &str, example: Option<&str>) -> Option<Hint> {
        let catalog = catalog();
        let named = catalog.named_in(text);
        hint(text, example, &named, &catalog)
    }

    #[test]
    fn equal_and_dividing_buckets_are_told_and_others_are_not() {
        let by = |width: &str| {
            let text = format!("select time_bucket({width}, ts), avg(v) from mes.raw group by 1");
            hinted(&text, None).map(|hint| hint.aggregates)
        };
        let both = Some(vec![
            "mes.daily (1d)".to_owned(),
            "mes.hourly (1h)".to_owned(),
        ]);
        let hourly = Some(vec!["mes.hourly (1h)".to_owned()]);
        assert_eq!(by("'1 hour'"), hourly);
        assert_eq!(by("interval '3 hours'"), hourly);
        assert_eq!(by("'1 day'::interval"), both);
        assert_eq!(by("'1 month'"), both);
        assert_eq!(by("'90 minutes'"), None);
        assert_eq!(by("'10 minutes'"), None);
        assert_eq!(by("$1"), both);
    }

    #[test]
    fn the_literals_of_a_session_tell_what_the_statistics_leave_out() {
        let text = "select date_trunc($1, ts), avg(v) from mes.raw group by 1";
        let unknown = hinted(text, None).unwrap();
        assert!(unknown.words.contains("leave it out"), "{}", unknown.words);
        let known = |unit: &str| hinted(text, Some(&text.replace("$1", unit)));
        assert!(
            known("'day'")
                .unwrap()
                .words
                .contains("mes.daily (1d) has the same buckets")
        );
        assert_eq!(known("'minute'"), None);
    }

    #[test]
    fn only_reading_and_grouping_of_raw_rows_is_hinted_at() {
        for text in [
            "select time_bucket('1 hour', ts) from mes.raw",
            "select time_bucket('1 hour', ts), avg(v) from mes.hourly group by 1",
            "select time_bucket('1 hour', ts), avg(v) from mes.lonely group by 1",
            "insert into x select time_bucket('1 hour', ts), avg(v) from mes.raw group by 1",
            "select avg(v) from mes.raw group by sensor",
        ] {
            assert_eq!(hinted(text, None), None, "{text}");
        }
    }
}
