//! Parses column lists as the compression options write them: `line_id, "a,b"`, `ts DESC NULLS LAST`.

use super::facts::{Compression, Settings};

/// Input that means no segmentby. An empty field may let TimescaleDB choose segmentby.
pub(super) const NONE: &str = "none";

/// One token of a list.
#[derive(Debug, PartialEq)]
enum Token {
    /// Text between double quotes, without the quotes.
    Quoted(String),
    Word(String),
    Comma,
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut found = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            ',' => found.push(Token::Comma),
            '"' => {
                let mut name = String::new();
                loop {
                    match rest.next() {
                        Some('"') if rest.peek() == Some(&'"') => {
                            rest.next();
                            name.push('"');
                        }
                        Some('"') => break,
                        Some(other) => name.push(other),
                        None => return Err(format!("{text}: the closing double quote is missing")),
                    }
                }
                found.push(Token::Quoted(name));
            }
            c if c.is_whitespace() => {}
            c => {
                let mut word = String::from(c);
                while let Some(next) =
                    rest.next_if(|c| !c.is_whitespace() && !matches!(c, ',' | '"'))
                {
                    word.push(next);
                }
                found.push(Token::Word(word));
            }
        }
    }
    Ok(found)
}

/// The column that a token names. The error lists the columns of the table.
fn column(known: &Compression, token: &Token) -> Result<String, String> {
    let there = |name: &str| known.columns.iter().any(|column| column == name);
    let named = match token {
        Token::Quoted(name) => there(name).then(|| name.clone()),
        // SQL folds unquoted names to lower case. Here the exact spelling of a column is accepted as well.
        Token::Word(word) => [word.clone(), word.to_lowercase()]
            .into_iter()
            .find(|name| there(name)),
        Token::Comma => None,
    };
    named.ok_or_else(|| {
        let what = match token {
            Token::Quoted(name) | Token::Word(name) => format!("there is no column {name:?}"),
            Token::Comma => "a column is missing before a comma".to_owned(),
        };
        format!("{what}; the columns are: {}", known.column_list())
    })
}

/// Splits a list at its commas.
fn parts(text: &str) -> Result<Vec<Vec<Token>>, String> {
    let (mut parts, mut part) = (Vec::new(), Vec::new());
    for token in tokens(text)? {
        match token {
            Token::Comma => parts.push(std::mem::take(&mut part)),
            other => part.push(other),
        }
    }
    parts.push(part);
    Ok(parts)
}

/// Parses a segmentby list into column names.
pub(super) fn segments(known: &Compression, text: &str) -> Result<Vec<String>, String> {
    if text.trim() == NONE && !known.columns.iter().any(|column| column == NONE) {
        return Ok(Vec::new());
    }
    let mut columns = Vec::new();
    for part in parts(text)? {
        let named = match part.as_slice() {
            [one] => column(known, one)?,
            [] => return Err("a column is missing next to a comma".to_owned()),
            [first, ..] => {
                return Err(format!(
                    "after column {:?} a comma is missing (put a name with spaces in double quotes)",
                    column(known, first)?
                ));
            }
        };
        if known.time_column.as_deref() == Some(&named) {
            return Err(format!(
                "{named:?} is the time column, which can be in orderby, but not in segmentby"
            ));
        }
        if columns.contains(&named) {
            return Err(format!("{named:?} is listed twice"));
        }
        columns.push(named);
    }
    Ok(columns)
}

/// Parses an orderby list into `settings`.
pub(super) fn orders(
    known: &Compression,
    text: &str,
    settings: &mut Settings,
) -> Result<(), String> {
    let (mut columns, mut desc, mut first) = (Vec::new(), Vec::new(), Vec::new());
    for part in parts(text)? {
        let Some((name, rest)) = part.split_first() else {
            return Err("a column is missing next to a comma".to_owned());
        };
        let named = column(known, name)?;
        let words: Vec<_> = rest
            .iter()
            .map(|token| match token {
                Token::Word(word) => word.to_uppercase(),
                _ => String::new(),
            })
            .collect();
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let (down, nulls) = match words.as_slice() {
            ["DESC", nulls @ ..] => (true, nulls),
            ["ASC", nulls @ ..] | nulls => (false, nulls),
        };
        first.push(match nulls {
            // As in SQL: NULLs come first if the order is descending.
            [] => down,
            ["NULLS", "FIRST"] => true,
            ["NULLS", "LAST"] => false,
            _ => {
                return Err(format!(
                    "after {named:?}, write ASC or DESC, NULLS FIRST or NULLS LAST, or a comma"
                ));
            }
        });
        if columns.contains(&named) {
            return Err(format!("{named:?} is listed twice"));
        }
        columns.push(named);
        desc.push(down);
    }
    settings.order_by = Some(columns);
    settings.desc = Some(desc);
    settings.nulls_first = Some(first);
    Ok(())
}
