//! The parts of a typed filter: words, quoted words, regular expressions, comparisons.

use crate::model::interval::Interval;
use crate::model::text;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    Differs,
    Less,
    More,
    AtMost,
    AtLeast,
}

impl Operator {
    /// The operators in the order in which they are tried. `<=` must come before `<`.
    const ALL: [(&'static str, Self); 8] = [
        ("!=", Self::Differs),
        ("<>", Self::Differs),
        ("<=", Self::AtMost),
        (">=", Self::AtLeast),
        ("==", Self::Equal),
        ("=", Self::Equal),
        ("<", Self::Less),
        (">", Self::More),
    ];

    /// The operator at the start of a text, and the text after it.
    fn read(text: &str) -> Option<(Self, &str)> {
        let found = |(sign, of): &(&str, Self)| Some((*of, text.strip_prefix(sign)?));
        Self::ALL.iter().find_map(found)
    }

    /// The operator that is true where this one is false.
    pub(super) fn opposite(self) -> Self {
        match self {
            Self::Equal => Self::Differs,
            Self::Differs => Self::Equal,
            Self::Less => Self::AtLeast,
            Self::More => Self::AtMost,
            Self::AtMost => Self::More,
            Self::AtLeast => Self::Less,
        }
    }

    pub(super) fn sign(self) -> &'static str {
        let of = Self::ALL.iter().find(|(_, of)| *of == self);
        of.map_or("=", |(sign, _)| sign)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Word(String),
    Regex(String),
    Comparison {
        field: String,
        operator: Operator,
        value: String,
    },
}

/// Splits a typed filter at its spaces. True: the part has a `!` before it. Spaces around an operator are allowed if `is_field`
/// is true for the word before the operator.
pub(super) fn read(text: &str, is_field: impl Fn(&str) -> bool) -> Vec<(bool, Token)> {
    let mut rest = text.trim_start();
    let mut tokens = Vec::new();
    while !rest.is_empty() {
        let after = rest.strip_prefix('!');
        let inverse = after.is_some();
        let part = after.unwrap_or(rest);
        let token = if let Some(expression) = part.strip_prefix('~') {
            let (expression, left) = word(expression);
            rest = left;
            Token::Regex(expression)
        } else if part.starts_with('"') {
            let (quoted, left) = word(part);
            rest = left;
            Token::Word(quoted)
        } else {
            let (token, left) = bare(part, &is_field);
            rest = left;
            token
        };
        // `!`, `~` or quotes without text are ignored: the user is still typing.
        if !matches!(&token, Token::Word(text) | Token::Regex(text) if text.is_empty()) {
            tokens.push((inverse, token));
        }
        rest = rest.trim_start();
    }
    tokens
}

/// The word or comparison at the start of a text, and the text after it.
fn bare(text: &str, is_field: impl Fn(&str) -> bool) -> (Token, &str) {
    let (run, rest) = run(text);
    let starts = |at: &usize| Operator::read(&run[*at..]).is_some();
    let at = run.char_indices().map(|(at, _)| at).find(starts);
    let (field, operator, attached) = match at {
        Some(at) if at > 0 => (&run[..at], &text[at..], true),
        None if is_field(run) => (run, rest.trim_start(), false),
        _ => return (Token::Word(run.to_owned()), rest),
    };
    let Some((operator, mut left)) = Operator::read(operator) else {
        return (Token::Word(run.to_owned()), rest);
    };
    // In `schema= oee` the value is empty and `oee` is a word; in `bytes > 1MB` and `bytes> 1MB` the value is `1MB`.
    if !attached || left.trim_start().starts_with(|c: char| c.is_ascii_digit()) {
        left = left.trim_start();
    }
    let (mut value, mut left) = word(left);
    let (unit, after_unit) = self::run(left.trim_start());
    if value.parse::<f64>().is_ok() && is_unit(unit) {
        value.push_str(unit);
        left = after_unit;
    }
    let field = field.to_owned();
    let token = Token::Comparison {
        field,
        operator,
        value,
    };
    (token, left)
}

fn is_unit(word: &str) -> bool {
    let one = format!("1{word}");
    !word.is_empty() && (text::bytes_of(&one).is_some() || Interval::parse(&one).is_ok())
}

/// The text up to the next space, and the text after it.
fn run(text: &str) -> (&str, &str) {
    text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()))
}

/// The text up to the next space or, if it is quoted, up to the closing quote. Two quotes inside the text mean one quote. The closing quote
/// may be missing.
fn word(text: &str) -> (String, &str) {
    let Some(mut rest) = text.strip_prefix('"') else {
        let (word, rest) = run(text);
        return (word.to_owned(), rest);
    };
    let mut word = String::new();
    loop {
        let Some((before, after)) = rest.split_once('"') else {
            word.push_str(rest);
            return (word, "");
        };
        word.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                word.push('"');
                rest = more;
            }
            None => return (word, after),
        }
    }
}
