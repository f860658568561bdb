//! A statement with its parameters, and the same statement as text with its values, as a user would type it.

use serde::{Deserialize, Serialize};

use crate::model::text;

/// A parameter, sent as text: the server reads it as the type in the statement (`$1::interval`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lit {
    Null,
    Bool(bool),
    Int(i64),
    Text(String),
    /// Id of a job. If a rollback has recreated the job, its new id is sent.
    Job(i64),
    /// Result that an earlier statement kept under this name ([`Statement::keeping`]).
    Kept(String),
}

impl From<&str> for Lit {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Lit {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Lit {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<i32> for Lit {
    fn from(number: i32) -> Self {
        Self::Int(number.into())
    }
}

impl From<bool> for Lit {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl<T: Into<Lit>> From<Option<T>> for Lit {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl Lit {
    /// The value as an SQL literal.
    fn literal(&self) -> String {
        match self {
            Self::Null => "NULL".to_owned(),
            Self::Bool(truth) => truth.to_string(),
            Self::Int(number) | Self::Job(number) => number.to_string(),
            Self::Text(text) => text::quote_literal(text),
            Self::Kept(name) => format!(":{name}"),
        }
    }
}

/// One statement with its parameters.
///
/// Identifiers in `sql` were quoted by the server (`format('%I')`) or by [`text::quote_identifier`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    pub sql: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<Lit>,
    /// Name under which the first column of the first returned row is kept; `None`: nothing is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) keeps: Option<String>,
}

const BECOMING: &str = "set local role ";

impl Statement {
    pub fn new(sql: impl Into<String>, params: Vec<Lit>) -> Self {
        Self {
            sql: sql.into(),
            params,
            keeps: None,
        }
    }

    /// A SET LOCAL ROLE, after which the rest of the transaction runs as this role (a quoted identifier).
    pub(crate) fn becoming(role: &str) -> Self {
        Self::new(format!("{BECOMING}{role}"), Vec::new())
    }

    /// The role (a quoted identifier) that the statement sets for the rest of the transaction; `None`: it sets no role.
    pub(crate) fn becomes(&self) -> Option<&str> {
        self.sql.strip_prefix(BECOMING)
    }

    /// Keeps the result (such as the id of a new job) under a name, for [`Lit::Kept`] in later statements and in the undo.
    #[must_use]
    pub(crate) fn keeping(mut self, name: &str) -> Self {
        self.keeps = Some(name.to_owned());
        self
    }

    /// The statement with its values in place of the parameters, as a user would run it in psql.
    pub(crate) fn literal(&self) -> String {
        let mut out = String::with_capacity(self.sql.len());
        let mut rest = self.sql.as_str();
        let mut quote = None;
        while let Some(c) = rest.chars().next() {
            match (quote, c) {
                (Some(open), _) if c == open => quote = None,
                (None, '\'' | '"') => quote = Some(c),
                (None, '$') => {
                    let digits: String =
                        rest[1..].chars().take_while(char::is_ascii_digit).collect();
                    let param = digits.parse::<usize>().ok();
                    if let Some(lit) = param.and_then(|n| self.params.get(n.wrapping_sub(1))) {
                        out.push_str(&lit.literal());
                        rest = &rest[1 + digits.len()..];
                        continue;
                    }
                }
                _ => {}
            }
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_shown_as_psql_would_take_it() {
        let statement = Statement::new(
            r#"select f($1::int, a => $2, "co$1l" => $3, x => $10, s => 'cost $1')"#,
            vec![Lit::Int(7), Lit::from("it's"), Lit::Null],
        );
        assert_eq!(
            statement.literal(),
            r#"select f(7::int, a => 'it''s', "co$1l" => NULL, x => $10, s => 'cost $1')"#
        );
    }

    #[test]
    fn a_backslash_is_written_so_that_no_setting_changes_its_meaning() {
        let statement = Statement::new("select $1", vec![Lit::from(r"a\b")]);
        assert_eq!(statement.literal(), r"select E'a\\b'");
    }
}
