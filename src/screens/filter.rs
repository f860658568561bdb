//! A filter for the rows of a table. Its parts are words, regular expressions after `~`, and comparisons of fields. `!` before a word or a
//! regular expression inverts it. A row passes if all parts match.

mod compare;
mod tokens;

use regex::{Regex, RegexBuilder};

use self::compare::Comparison;
use self::tokens::Token;
use crate::model::moment::Stamp;
use crate::model::text::nearest;
use crate::model::value::Value;

pub(super) use self::compare::Kind;

#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    /// Heading on the screen; empty: not on the screen.
    pub title: &'static str,
    /// Key in JSON; empty: not in JSON.
    pub key: &'static str,
}

impl Field {
    /// Name for messages: the heading in lower case, with `_` for spaces. If there is no heading: the key.
    fn name(&self) -> String {
        if self.title.is_empty() {
            self.key.to_owned()
        } else {
            self.title.to_lowercase().replace(' ', "_")
        }
    }
}

#[derive(Debug, Default, Clone)]
pub struct Filter {
    text: String,
    terms: Vec<Term>,
}

#[derive(Debug, Clone)]
enum Term {
    /// Lower-case text that the row's text must contain (true: must not contain).
    Word(String, bool),
    Regex(Regex, bool),
    Comparison(Comparison),
}

impl Filter {
    /// Parses a typed filter. `kinds` returns the kinds of a field's values in the present rows (empty: unknown). Parts with an error are
    /// left out; the error text says how to write the first such part.
    pub(super) fn read(
        text: &str,
        fields: &[Field],
        kinds: impl Fn(usize) -> Vec<Kind>,
    ) -> (Self, Option<String>) {
        let tokens = tokens::read(text, |word| find(fields, word).is_some());
        let (mut terms, mut error) = (Vec::new(), None);
        for (inverse, token) in tokens {
            match term(token, inverse, fields, &kinds) {
                Ok(term) => terms.push(term),
                Err(wrong) => error = error.or(Some(wrong)),
            }
        }
        let text = text.trim().to_owned();
        (Self { text, terms }, error)
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether every row passes.
    pub(crate) fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether a row passes. `line` returns the row's text, and `value` returns the field with this index.
    pub(super) fn passes(
        &self,
        line: impl Fn() -> String,
        value: impl Fn(usize) -> Value,
        now: Stamp,
    ) -> bool {
        let compares = |term: &&Term| matches!(term, Term::Comparison(_));
        let line = if self.terms.iter().all(|term| compares(&term)) {
            String::new()
        } else {
            line()
        };
        let lower = line.to_lowercase();
        self.terms.iter().all(|term| match term {
            Term::Word(word, inverse) => lower.contains(word) != *inverse,
            Term::Regex(regex, inverse) => regex.is_match(&line) != *inverse,
            Term::Comparison(comparison) => comparison.holds(&value(comparison.field), now),
        })
    }

    /// Whether a part requires a text. Parts that exclude a text do not count.
    pub(super) fn looks_for_text(&self) -> bool {
        let looks = |term: &Term| matches!(term, Term::Word(_, false) | Term::Regex(_, false));
        self.terms.iter().any(looks)
    }
}

fn term(
    token: Token,
    inverse: bool,
    fields: &[Field],
    kinds: impl Fn(usize) -> Vec<Kind>,
) -> Result<Term, String> {
    let (field, operator, value) = match token {
        Token::Word(word) => return Ok(Term::Word(word.to_lowercase(), inverse)),
        Token::Regex(expression) => return Ok(Term::Regex(regex(&expression)?, inverse)),
        Token::Comparison {
            field,
            operator,
            value,
        } => (field, operator, value),
    };
    let index = find(fields, &field).ok_or_else(|| unknown(fields, &field))?;
    if inverse {
        let (sign, opposite) = (operator.sign(), operator.opposite().sign());
        return Err(format!(
            "! inverts a word or a regular expression only. Write {field}{opposite}{value} instead of !{field}{sign}{value}"
        ));
    }
    let comparison = Comparison::new((index, &field), operator, &value, &kinds(index))?;
    Ok(Term::Comparison(comparison))
}

fn regex(expression: &str) -> Result<Regex, String> {
    RegexBuilder::new(expression)
        .case_insensitive(true)
        .size_limit(1 << 20)
        .build()
        .map_err(|error| said(&error))
}

/// Error text for an invalid regular expression: the last line of the library's message. The lines before it show the expression.
fn said(error: &regex::Error) -> String {
    let text = error.to_string();
    let fault = text.lines().last().unwrap_or_default();
    format!(
        "not a regular expression: {}",
        fault.trim_start_matches("error: ")
    )
}

/// Index of the field with this name, ignoring case, spaces, `_` and `-`. Headings take precedence over keys because users see
/// them.
fn find(fields: &[Field], typed: &str) -> Option<usize> {
    let plain = |name: &str| name.to_lowercase().replace([' ', '_', '-'], "");
    let typed = plain(typed);
    let named = |name: &str| !name.is_empty() && plain(name) == typed;
    let by_title = fields.iter().position(|field| named(field.title));
    by_title.or_else(|| fields.iter().position(|field| named(field.key)))
}

/// Error text for an unknown field: the most similar name, and all names.
fn unknown(fields: &[Field], typed: &str) -> String {
    let names: Vec<String> = fields.iter().map(Field::name).collect();
    let typed = typed.to_lowercase();
    let near = nearest(&typed, names.iter().map(String::as_str));
    let near = match near.first() {
        Some(first) => format!(" Did you mean {first}?"),
        None => String::new(),
    };
    format!(
        "this screen has no field {typed:?}.{near} To search for the text, put it in quotes. Fields: {}",
        names.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &[Field] = &[
        Field {
            title: "BYTES",
            key: "size_bytes",
        },
        Field {
            title: "PER DAY",
            key: "",
        },
    ];

    fn read(filter: &str) -> (Filter, Option<String>) {
        Filter::read(filter, FIELDS, |_| vec![Kind::Bytes])
    }

    fn passes(filter: &str, line: &str) -> bool {
        passes_with(filter, line, &Value::Null)
    }

    fn passes_with(filter: &str, line: &str, value: &Value) -> bool {
        let (filter, error) = read(filter);
        assert_eq!(error, None);
        filter.passes(|| line.to_owned(), |_| value.clone(), Stamp(0))
    }

    #[test]
    fn text_is_found_whatever_its_case() {
        assert!(passes("METRIC", "mes.metric_hist"));
        assert!(passes("ölçüm", "\"Ölçüm.Tablo\""));
        assert!(!passes("metric.hist", "mes.metric_hist"));
    }

    #[test]
    fn a_tilde_makes_a_regular_expression_and_a_mark_turns_it_round() {
        assert!(passes("~metric.hist$", "mes.metric_hist"));
        assert!(!passes("!~metric.hist$", "mes.metric_hist"));
        assert!(passes("!oee", "mes.metric_hist"));
    }

    #[test]
    fn nothing_and_a_lone_mark_let_everything_pass() {
        for filter in ["", " ", "!", "~", "!~", "\"\""] {
            assert!(passes(filter, "x"), "{filter}");
        }
    }

    #[test]
    fn words_must_all_be_there_and_quotes_hold_them_together() {
        assert!(passes("hist mes", "mes.metric_hist"));
        assert!(!passes("hist oee", "mes.metric_hist"));
        assert!(passes("hist !oee", "mes.metric_hist"));
        assert!(passes("\"two words\"", "has two words"));
        assert!(!passes("\"two words\"", "words, two"));
        assert!(passes("\"a=\"\"b\"\"\"", "a=\"b\""));
        assert!(passes("<= >5", "lag <= 3 >5"), "no field before the sign");
        assert!(passes("~\"two w\"", "two words"));
    }

    #[test]
    fn a_field_is_compared_however_the_spaces_stand() {
        let mega = Value::Bytes(3 << 20);
        for (filter, found) in [
            ("bytes>1MB", true),
            ("BYTES > 1 MB", true),
            ("size_bytes>=3mb x", true),
            ("size-bytes> 4MB", false),
            ("per_day<>3MB", false),
            ("perday=3MB", true),
            ("bytes=3.001MB", true),
            ("bytes!=2MB", true),
            ("bytes<=3145728", true),
            ("bytes=?", false),
            ("bytes!=?", true),
            ("bytes>1MB !x", false),
        ] {
            assert_eq!(passes_with(filter, "x", &mega), found, "{filter}");
        }
    }

    #[test]
    fn an_unknown_value_matches_no_comparison_but_can_be_found() {
        for filter in ["bytes>0", "bytes<1PB", "bytes!=1MB", "bytes!=?"] {
            assert!(!passes(filter, "x"), "{filter}");
        }
        assert!(passes("bytes=?", "x") && passes("bytes=-", "x"));
    }

    #[test]
    fn what_is_wrong_is_said_with_the_fix() {
        for (filter, words) in [
            ("~(", "unclosed group"),
            ("byte>1", "no field \"byte\". Did you mean bytes?"),
            ("x=1", "Fields: bytes, per_day"),
            ("bytes>", "needs a value: write a size such as 500kB"),
            (
                "bytes>big",
                "\"big\" does not fit: write a size such as 500kB",
            ),
            ("bytes>?", "Write bytes=? or bytes!=?"),
            ("!bytes=1MB", "Write bytes!=1MB"),
            ("!bytes>1MB", "Write bytes<=1MB"),
        ] {
            let error = read(filter).1.unwrap();
            assert!(error.contains(words), "{filter}: {error}");
        }
    }

    #[test]
    fn each_kind_is_read_as_it_is_shown() {
        let hour = Value::Seconds(3600.0);
        let interval = Value::Interval("01:00:00".to_owned(), 3600.0);
        let ago = Value::Time(Stamp(-3_600_000_000));
        let day = Value::Time(Stamp(1_795_392_000_000_000));
        let text = |text: &str| Value::text(text);
        for (kind, filter, value, found) in [
            (Kind::Length, "bytes>30m", &hour, true),
            (Kind::Length, "bytes=60m", &interval, true),
            (Kind::Length, "bytes<3600", &hour, false),
            (Kind::Age, "bytes<2h", &ago, true),
            (Kind::Age, "bytes>2h", &ago, false),
            (Kind::Age, "bytes>=2026-11-23", &day, true),
            (Kind::Truth, "bytes=YES", &Value::Bool(true), true),
            (Kind::Number, "bytes<2x", &Value::Ratio(1.5), true),
            (Kind::Number, "bytes=2x", &Value::Ratio(2.04), true),
            (Kind::Text, "bytes=MES.*", &text("mes.metrics"), true),
            (Kind::Text, "bytes=mes", &text("mes.metrics"), false),
            (Kind::Text, "bytes!=mes", &text("mes.metrics"), true),
            (Kind::Text, "bytes>10", &text("9 %"), false),
            (Kind::Text, "bytes>10", &text("12 %"), true),
            (Kind::Length, "bytes<1h", &text("<= 30m"), false),
            (Kind::Level, "bytes>=warning", &text("critical"), true),
            (Kind::Level, "bytes>=warning", &text("unknown"), false),
        ] {
            let (filter, _) = Filter::read(filter, FIELDS, |_| vec![kind]);
            let passes = filter.passes(String::new, |_| value.clone(), Stamp(0));
            assert_eq!(passes, found, "{filter:?} of {value:?}");
        }
    }
}
