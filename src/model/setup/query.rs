//! Reads the text of a query or an expression as far as advice on it needs. The server alone knows what it means.

use crate::model::setup::bare;
use crate::model::span::Span;
use crate::model::{interval::Interval, moment::Axis};

/// A function call: its name in lower case, and the text between its parentheses, including that of `WITHIN GROUP (…)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Called<'a> {
    pub(crate) function: &'a str,
    pub(crate) inside: String,
}

pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$')
}

/// Normalizes the text: lower case, and `''` in place of literals and comments. Quoted names lose their quotes but keep their case, and `_`
/// replaces their special characters.
pub(super) fn spoken(query: &str) -> String {
    read(query, |name| name.replace(|c| !is_word(c), "_"))
}

fn read(query: &str, quoted: impl Fn(&str) -> String) -> String {
    let (mut out, mut rest) = (String::new(), query);
    while let Some(c) = rest.chars().next() {
        let end = |from: usize, mark: &str| {
            rest.get(from..)
                .and_then(|text| text.find(mark))
                .map_or(rest.len(), |at| from + at + mark.len())
        };
        let stop = match c {
            '\'' => end(1, "'"),
            '-' if rest.starts_with("--") => end(2, "\n"),
            '/' if rest.starts_with("/*") => end(2, "*/"),
            '"' => {
                let stop = end(1, "\"");
                let name = rest.get(1..stop - 1).unwrap_or_default();
                out.push_str(&quoted(name));
                rest = &rest[stop..];
                continue;
            }
            _ => {
                out.extend(c.to_lowercase());
                rest = &rest[c.len_utf8()..];
                continue;
            }
        };
        out.push_str("''");
        rest = &rest[stop..];
    }
    out
}

/// The function calls in a query. The text must be normalized by [`spoken`] (lower case, no literals and comments).
pub(super) fn calls(query: &str) -> impl Iterator<Item = Called<'_>> {
    query.match_indices('(').filter_map(|(at, open)| {
        let (before, after) = query.split_at(at);
        let function = before.trim_end().rsplit(|c| !is_word(c)).next()?;
        let after = after.strip_prefix(open)?;
        let mut inside = within(after).to_owned();
        let rest = after.get(inside.len() + 1..).unwrap_or_default();
        if let Some(rest) = rest.trim_start().strip_prefix("within group")
            && let Some(group) = rest.trim_start().strip_prefix('(')
        {
            inside.push(' ');
            inside.push_str(within(group));
        }
        (!function.is_empty()).then_some(Called { function, inside })
    })
}

/// The text up to its first unmatched closing parenthesis.
fn within(text: &str) -> &str {
    let mut depth = 0;
    let end = text.find(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth < 0
    });
    &text[..end.unwrap_or(text.len())]
}

/// The columns that a query returns, as they are written. The text must be normalized by [`spoken`].
pub(super) fn items(query: &str) -> Vec<String> {
    let (mut all, mut depth) = (vec![String::new()], 0);
    for word in query.split_inclusive(|c: char| !is_word(c)) {
        if depth == 0 && word.trim_end() == "from" {
            break;
        }
        depth += i32::from(word.ends_with('(')) - i32::from(word.ends_with(')'));
        match (all.last_mut(), depth == 0 && word.ends_with(',')) {
            (Some(last), false) => last.push_str(word),
            (Some(last), true) => {
                last.push_str(word.trim_end_matches(','));
                all.push(String::new());
            }
            (None, _) => {}
        }
    }
    all
}

/// Name of a column of a query: the word after `as`, or else the name of its function.
pub(super) fn column(item: &str) -> Option<String> {
    let (before, named) = item.rsplit_once(" as ").unwrap_or((item, ""));
    let name = match named.trim() {
        "" => before.split('(').next().unwrap_or_default(),
        name => name,
    };
    (!name.trim().is_empty()).then(|| name.trim().to_owned())
}

/// Width of the query's buckets. `None`: it is not written as a literal.
pub(super) fn bucket(query: &str) -> Option<Span> {
    let text = bare::squeezed(query, |c| c.to_lowercase().collect());
    let (_, rest) = text.split_once("time_bucket")?;
    let rest = rest.trim_start().strip_prefix('(')?.trim_start();
    let rest = match rest.strip_prefix("bucket_width") {
        Some(rest) => rest.trim_start_matches([' ', '=', '>', ':']),
        None => rest,
    };
    let rest = rest.strip_prefix("interval ").unwrap_or(rest);
    let rest = rest.trim_start_matches('(');
    if let Some(literal) = rest.strip_prefix('\'') {
        let (literal, _) = literal.split_once('\'')?;
        let number = Span::parse(Axis::Integer, literal);
        return number.or_else(|| Interval::parse(literal).ok().map(Span::Interval));
    }
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '_')?;
    Span::parse(Axis::Integer, &rest[..end].replace('_', ""))
}

/// Functions and keywords of PostgreSQL that are not immutable in any form.
const UNSTABLE: &[&str] = &[
    "now",
    "clock_timestamp",
    "statement_timestamp",
    "transaction_timestamp",
    "timeofday",
    "random",
    "gen_random_uuid",
    "current_setting",
    "nextval",
    "currval",
    "lastval",
    "txid_current",
    "pg_backend_pid",
    "to_char",
    "concat",
    "concat_ws",
    "format",
];
const UNSTABLE_WORDS: &[&str] = &[
    "current_timestamp",
    "current_date",
    "current_time",
    "localtimestamp",
    "localtime",
    "current_user",
    "session_user",
    "current_role",
    "current_catalog",
    "current_schema",
];

/// The first function or keyword in an expression that is not immutable, so that an index cannot use it. `None`: none is known, but the
/// server may still refuse the index.
pub(super) fn unstable(expression: &str) -> Option<&'static str> {
    // Quoted names are columns, not functions, so they are replaced.
    let text = read(expression, |_| "_".to_owned());
    let function = |called: Called| {
        let known = UNSTABLE.iter();
        known.copied().find(|known| *known == called.function)
    };
    calls(&text).find_map(function).or_else(|| {
        let mut words = text.split(|c| !is_word(c));
        words.find_map(|word| UNSTABLE_WORDS.iter().copied().find(|known| *known == word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_width_of_a_bucket_is_read_as_people_and_as_the_server_write_it() {
        for (query, width) in [
            ("select time_bucket('1 hour', ts)", "1h"),
            ("SELECT Time_Bucket (INTERVAL '90 min', ts)", "1h 30m"),
            ("select time_bucket('01:00:00'::interval, ts) AS b", "1h"),
            (
                "select time_bucket(bucket_width => '1 mon', ts => t)",
                "1mon",
            ),
            ("select public.time_bucket(10, n)", "10"),
            ("select time_bucket((10)::bigint, n)", "10"),
        ] {
            let found = bucket(query).map(|span| span.to_string());
            assert_eq!(found.as_deref(), Some(width), "{query}");
        }
        assert_eq!(bucket("select time_bucket(width, ts)"), None);
        assert_eq!(bucket("select 1"), None);
    }

    #[test]
    fn what_is_not_the_same_tomorrow_is_no_condition_of_an_index() {
        for (wrong, named) in [
            ("ts > now() - interval '7 days'", "now"),
            ("ts > CURRENT_TIMESTAMP", "current_timestamp"),
            ("lower(concat (a, b)) = 'x'", "concat"),
        ] {
            assert_eq!(unstable(wrong), Some(named), "{wrong}");
        }
        for right in [
            "device > 3",
            "\"now\" > 3",
            "note = 'now()'",
            "now > 3",
            "\"current_date\" is null",
            "my_now(x) > 3",
        ] {
            assert_eq!(unstable(right), None, "{right}");
        }
    }
}
