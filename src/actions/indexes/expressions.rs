//! The expressions of a new index, and the query that finds out whether they are immutable.
//!
//! No SQL function reports whether an expression is immutable. But the planner removes a contradiction such as `e AND e IS NOT TRUE` only
//! if its expressions are immutable. The planner decides that as CREATE INDEX does. The query reads no table: its only row consists of
//! NULLs of the table's row type.

use crate::model::plan::Expression;

/// The condition of a partial index.
pub(crate) fn condition(table: &str, alias: &str, text: &str) -> Expression {
    let contradiction = format!("({text}) and ({text}) is not true");
    expression("where", table, alias, text, &contradiction)
}

/// EXPLAIN whose output contains the condition as the server prints it. It reads no table.
pub(crate) fn understood(table: &str, alias: &str, text: &str) -> String {
    let row = format!("(select (null::{table}).* offset 0) {alias}");
    format!("explain (costs off, verbose, format json) select from {row} where ({text})")
}

/// A query for each column of the index. For an expression, the query finds out whether the expression is immutable. For a plain column,
/// the query finds out whether the column exists.
pub(crate) fn columns(table: &str, alias: &str, columns: &str) -> Vec<Expression> {
    let one = |part| {
        let (text, contradiction) = if let Some(text) = key(part) {
            (text, format!("({text}) is null and ({text}) is not null"))
        } else {
            let text = name(part);
            (text, format!("false and ({text}) is null"))
        };
        expression("columns", table, alias, text, &contradiction)
    };
    let parts = split(columns).into_iter();
    parts
        .filter(|part| !part.trim().is_empty())
        .map(one)
        .collect()
}

/// The column name at the start of a part such as `ts DESC`.
fn name(part: &str) -> &str {
    let part = part.trim_start();
    let end = unquoted(part).find(|(_, c, _)| c.is_whitespace());
    &part[..end.map_or(part.len(), |(at, ..)| at)]
}

fn expression(
    field: &'static str,
    table: &str,
    alias: &str,
    text: &str,
    contradiction: &str,
) -> Expression {
    let row = format!("(select (null::{table}).* offset 0) {alias}");
    Expression {
        field,
        text: text.trim().to_owned(),
        question: format!(
            "explain (costs off, format json) select from {row} where {contradiction}"
        ),
    }
}

/// The characters outside quotes: offset, character, and number of open parentheses after it.
fn unquoted(text: &str) -> impl Iterator<Item = (usize, char, i32)> {
    let (mut depth, mut quote) = (0_i32, None);
    text.char_indices().filter_map(move |(at, c)| {
        if let Some(open) = quote {
            quote = quote.filter(|_| c != open);
            return None;
        }
        match c {
            '\'' | '"' => quote = Some(c),
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        Some((at, c, depth))
    })
}

/// The parts between the commas outside parentheses.
fn split(columns: &str) -> Vec<&str> {
    let commas = unquoted(columns).filter(|(_, c, depth)| *c == ',' && *depth == 0);
    let mut start = 0;
    let mut parts = Vec::new();
    for (at, ..) in commas {
        parts.push(&columns[start..at]);
        start = at + 1;
    }
    parts.push(&columns[start..]);
    parts
}

/// The expression at the start of a part, before collation, operator class and order. `None`: the part is a column.
fn key(part: &str) -> Option<&str> {
    let part = part.trim_start();
    for (at, c, depth) in unquoted(part) {
        match c {
            ')' if depth == 0 => return Some(&part[..=at]),
            // A column. The text after it, such as an operator class, may contain parentheses.
            _ if c.is_whitespace() && depth == 0 && !part[at..].trim_start().starts_with('(') => {
                return None;
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_are_expressions_are_told_from_columns() {
        let keys = |columns: &'static str| -> Vec<_> {
            split(columns).into_iter().filter_map(key).collect()
        };
        assert_eq!(
            keys("device_id, ts DESC, \"a(b)\" text_pattern_ops"),
            [""; 0]
        );
        assert_eq!(
            keys("lower(name) COLLATE \"C\" DESC, d, ((a || ',') || b) DESC NULLS LAST"),
            ["lower(name)", "((a || ',') || b)"]
        );
        assert_eq!(
            keys("public.f (a, g(b)), \"S x\".\"f(\"(b)"),
            ["public.f (a, g(b))", "\"S x\".\"f(\"(b)"]
        );
        assert_eq!(
            keys("v vector_ops (lists = 100), date_trunc('day', ts)"),
            ["date_trunc('day', ts)"]
        );
    }
}
