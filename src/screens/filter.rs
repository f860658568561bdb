//! A filter for the lines of a table: text, or `~regular expression`; `!` before either inverts it.

use regex::{Regex, RegexBuilder};

#[derive(Debug, Default, Clone)]
pub struct Filter {
    text: String,
    matcher: Option<Matcher>,
    inverse: bool,
}

#[derive(Debug, Clone)]
enum Matcher {
    /// Lower-case text that the line, in lower case, must contain.
    Text(String),
    Regex(Regex),
}

impl Filter {
    /// Reads a typed filter; an invalid regular expression is an error.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (inverse, rest) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let matcher = match rest.strip_prefix('~') {
            _ if rest.is_empty() => None,
            None => Some(Matcher::Text(rest.to_lowercase())),
            Some(expression) => Some(Matcher::Regex(
                RegexBuilder::new(expression)
                    .case_insensitive(true)
                    .size_limit(1 << 20)
                    .build()
                    .map_err(|error| said(&error))?,
            )),
        };
        Ok(Self {
            text: text.to_owned(),
            matcher,
            inverse,
        })
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it matches everything.
    pub fn is_empty(&self) -> bool {
        self.matcher.is_none()
    }

    pub fn passes(&self, line: impl Fn() -> String) -> bool {
        let found = match &self.matcher {
            None => return true,
            Some(Matcher::Text(text)) => line().to_lowercase().contains(text),
            Some(Matcher::Regex(regex)) => regex.is_match(&line()),
        };
        found != self.inverse
    }

    /// Whether it looks for this text, and not for everything without some text.
    pub(crate) fn looks_for(&self, line: impl Fn() -> String) -> bool {
        !self.is_empty() && !self.inverse && self.passes(line)
    }
}

/// The last line of the library's message, which has the reason; the lines before it draw the expression.
fn said(error: &regex::Error) -> String {
    let text = error.to_string();
    let fault = text.lines().last().unwrap_or_default();
    format!(
        "not a regular expression: {}",
        fault.trim_start_matches("error: ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(filter: &str, line: &str) -> bool {
        Filter::parse(filter).unwrap().passes(|| line.to_owned())
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
        assert!(passes("", "x"));
        assert!(passes("!", "x"));
    }

    #[test]
    fn a_broken_expression_is_told_in_words() {
        let error = Filter::parse("~(").unwrap_err();
        assert!(error.contains("unclosed group"), "{error}");
    }
}
