//! A column of a compression's orderby: `ts DESC`, `"a b" NULLS FIRST`.

use std::fmt;

use crate::model::text;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OrderBy {
    pub column: String,
    pub desc: bool,
    pub nulls_first: bool,
}

impl OrderBy {
    /// Reads a column name (which may be quoted), then ASC or DESC, then NULLS FIRST or NULLS LAST.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text:?} is not a column with ASC or DESC, NULLS FIRST or NULLS LAST");
        let text_in = text.trim();
        let (column, rest) = if let Some(inside) = text_in.strip_prefix('"') {
            quoted(inside).ok_or_else(wrong)?
        } else {
            let end = text_in.find(char::is_whitespace).unwrap_or(text_in.len());
            (text_in[..end].to_owned(), &text_in[end..])
        };
        let words: Vec<String> = rest.split_whitespace().map(str::to_uppercase).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (desc, nulls) = match words.as_slice() {
            ["DESC", nulls @ ..] => (true, nulls),
            ["ASC", nulls @ ..] | nulls => (false, nulls),
        };
        let nulls_first = match nulls {
            [] => desc,
            ["NULLS", "FIRST"] => true,
            ["NULLS", "LAST"] => false,
            _ => return Err(wrong()),
        };
        if column.is_empty() {
            return Err(wrong());
        }
        Ok(Self {
            column,
            desc,
            nulls_first,
        })
    }

    /// TimescaleDB's default: the time column, newest first.
    pub(crate) fn newest_first(time: &str) -> Self {
        Self {
            column: time.to_owned(),
            desc: true,
            nulls_first: true,
        }
    }
}

/// The text up to the closing quote, and the rest. `None`: there is no closing quote.
fn quoted(inside: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = inside;
    loop {
        let end = rest.find('"')?;
        name.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some((name, rest)),
        }
    }
}

impl fmt::Display for OrderBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let desc = if self.desc { " DESC" } else { "" };
        let nulls = match (self.desc, self.nulls_first) {
            (false, true) => " NULLS FIRST",
            (true, false) => " NULLS LAST",
            _ => "",
        };
        write!(f, "{}{desc}{nulls}", text::quote_identifier(&self.column))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for (typed, meant) in [
            ("ts DESC", "ts DESC"),
            ("ts desc nulls first", "ts DESC"),
            ("ts", "ts"),
            ("ts ASC NULLS FIRST", "ts NULLS FIRST"),
            (r#""a b" DESC NULLS LAST"#, r#""a b" DESC NULLS LAST"#),
            (r#""a""b""#, r#""a""b""#),
        ] {
            let read = OrderBy::parse(typed).unwrap();
            assert_eq!(read.to_string(), meant, "{typed}");
            assert_eq!(OrderBy::parse(meant).unwrap(), read);
        }
        for wrong in ["", "ts DOWN", "\"ts", "ts DESC NULLS", "ts DESC, x"] {
            assert!(OrderBy::parse(wrong).is_err(), "{wrong}");
        }
    }
}
