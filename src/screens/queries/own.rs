//! Recognizes the console's own statements in `pg_stat_statements`.

use std::sync::LazyLock;

use regex::Regex;

use crate::model::screen_id::ScreenId;
use crate::server::sql::Query;

/// One of hypertop's own statements: its first comment, and the text to compare.
#[derive(PartialEq, Eq)]
struct Own {
    head: String,
    /// The text between constants, because the server replaces constants by parameters.
    pieces: Vec<String>,
}

/// Number of characters that are compared. The server cuts texts at a much greater length.
const COMPARED: usize = 1500;
/// Pieces with fewer bytes are not compared. Such a piece may be a comma between constants, and the server keeps only the first constant of
/// a list.
const DISTINCTIVE: usize = 8;
/// A constant, or a comment inside the statement (the server keeps comments).
const CONSTANT: &str =
    r"(?s)--[^\n]*|'(?:[^']|'')*'|\$[0-9]+|\$\w*\$.*?\$\w*\$|\b[0-9][\w.]*|\b(?:null|true|false)\b";

static ALL: LazyLock<Vec<Own>> = LazyLock::new(|| {
    let Ok(constant) = Regex::new(CONSTANT) else {
        return Vec::new();
    };
    let screens = ScreenId::ALL
        .iter()
        .flat_map(|screen| screen.about().queries());
    let server = [&crate::server::known::QUERY, &crate::server::known::PULSE];
    let texts = screens.chain(server).flat_map(Query::all);
    let mut all: Vec<_> = texts.map(|text| Own::of(&constant, &text)).collect();
    all.dedup();
    all
});

/// The first comment of the console's own statement; `None`: another statement. PostgreSQL up to 17 keeps this comment. For later versions
/// the text is compared.
pub(super) fn head_of(text: &str) -> Option<&'static str> {
    let first = text.lines().next().unwrap_or_default().trim();
    let is_one = |own: &&Own| {
        if first.starts_with("-- ") {
            own.head == first
        } else {
            own.fits(text)
        }
    };
    ALL.iter().find(is_one).map(|own| own.head.as_str())
}

impl Own {
    fn of(constant: &Regex, text: &str) -> Self {
        let head = text.lines().next().unwrap_or_default().trim();
        let mut body = text;
        while body.starts_with("--") {
            body = body
                .split_once('\n')
                .map_or("", |(_, rest)| rest.trim_start());
        }
        let end = body
            .char_indices()
            .nth(COMPARED)
            .map_or(body.len(), |(at, _)| at);
        let (mut pieces, mut from) = (Vec::new(), 0);
        for found in constant.find_iter(body) {
            if found.start() >= end {
                break;
            }
            if found.as_str().starts_with("--") {
                continue;
            }
            // A minus sign belongs to the number after it, so it is cut off the piece.
            pieces.push(body[from..found.start()].trim_end_matches('-'));
            from = found.end();
        }
        pieces.push(body.get(from..end).unwrap_or_default().trim_end());
        let mut nth = 0;
        pieces.retain(|piece| {
            nth += 1;
            nth == 1 || piece.len() >= DISTINCTIVE
        });
        Self {
            head: head.to_owned(),
            pieces: pieces.into_iter().map(str::to_owned).collect(),
        }
    }

    fn fits(&self, text: &str) -> bool {
        let Some((first, others)) = self.pieces.split_first() else {
            return false;
        };
        let Some(mut rest) = text.strip_prefix(first.as_str()) else {
            return false;
        };
        others.iter().all(|piece| {
            let after = rest.split_once(piece.as_str()).map(|(_, after)| after);
            rest = after.unwrap_or_default();
            after.is_some()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_statement_is_known_by_its_comment_and_without_it_with_parameters_for_its_constants() {
        let constant = Regex::new(CONSTANT).unwrap();
        for screen in ScreenId::ALL {
            for query in screen.about().queries() {
                for text in query.all() {
                    let head = text.lines().next().unwrap();
                    assert_eq!(head_of(&text), Some(head.trim()), "{}", query.name);
                    let mut body = text.as_str();
                    while body.starts_with("--") {
                        body = body.split_once('\n').unwrap().1;
                    }
                    let counted = constant.replace_all(body, |found: &regex::Captures| {
                        if found[0].starts_with("--") {
                            found[0].to_owned()
                        } else {
                            "$7".to_owned()
                        }
                    });
                    let head = head_of(&counted);
                    assert!(head.is_some(), "{}: {counted}", query.name);
                }
            }
        }
    }

    #[test]
    fn what_others_ask_is_not_the_consoles() {
        for text in [
            "select $1",
            "select clock_timestamp() as clock",
            "-- a comment\nselect 1",
            "select coalesce(x.extversion, $1) from pg_extension x",
            "",
        ] {
            assert_eq!(head_of(text), None, "{text}");
        }
    }
}
