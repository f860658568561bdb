//! Advice on a wanted setup that the server would accept but that would do harm.

use crate::model::age_rule::AgeRule;
use crate::model::setup::guard;
use crate::model::setup::objects::{Setup, Storage};
use crate::model::span::Span;

/// Advice on one relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    pub of: String,
    pub words: String,
}

/// Advice on all relations of the wanted setup.
pub fn lint(setup: &Setup) -> Vec<Advice> {
    let mut found: Vec<Advice> = guard::dangers(setup)
        .into_iter()
        .map(|danger| Advice {
            of: danger.view.to_string(),
            words: danger.words,
        })
        .collect();
    let mut say = |of: String, words: String| found.push(Advice { of, words });
    for (name, table) in &setup.hypertables {
        for words in of_storage(&table.storage) {
            say(name.to_string(), words);
        }
        let compress = table.storage.compress.map(|policy| policy.age);
        let interval = Span::of_raw(table.axis, table.interval);
        if let Some(AgeRule::After(after)) = compress
            && interval.length() > after.length()
        {
            say(
                name.to_string(),
                format!(
                    "its chunks span {interval}, longer than compress_after ({after}): chunks may be compressed while new rows still arrive"
                ),
            );
        }
    }
    for (name, view) in &setup.aggregates {
        for words in of_storage(&view.storage) {
            say(name.to_string(), words);
        }
        let compress = view.storage.compress.map(|policy| policy.age);
        for refresh in &view.refresh {
            let back = refresh.start.map_or(f64::INFINITY, Span::length);
            if let Some(AgeRule::After(after)) = compress
                && back > after.length()
            {
                say(
                    name.to_string(),
                    format!(
                        "its chunks are compressed after {after}, within its refresh window: refreshes write into compressed chunks"
                    ),
                );
            }
        }
        let below = setup
            .aggregates
            .get(&view.source)
            .and_then(|source| source.query.as_deref());
        if let (Some(query), Some(below)) = (&view.query, below)
            && let Some(words) = of_query(query, below)
        {
            say(name.to_string(), words);
        }
        if let Some(AgeRule::After(kept)) = setup
            .storage(&view.source)
            .and_then(|source| Some(source.retain?.age))
            && let Some(AgeRule::After(own)) = view.storage.retain.map(|retain| retain.age)
            && own.length() < kept.length()
        {
            say(
                name.to_string(),
                format!(
                    "keeps its rows for {own}, shorter than its source ({kept}): refreshes may bring back dropped rows"
                ),
            );
        }
    }
    found
}

fn of_storage(storage: &Storage) -> Vec<String> {
    let mut said = Vec::new();
    let (compress, retain) = (
        storage.compress.map(|policy| policy.age),
        storage.retain.map(|policy| policy.age),
    );
    if let (Some(AgeRule::After(compress)), Some(AgeRule::After(retain))) = (compress, retain)
        && retain.length() <= compress.length()
    {
        said.push(format!(
            "its chunks are dropped after {retain}, before they are compressed after {compress}"
        ));
    }
    if storage.compress.is_some() && storage.compression.is_none() {
        said.push("has a compression policy, and compression is not enabled".to_owned());
    }
    said
}

/// Functions that give a wrong result if applied to their own results, as in an aggregate over an aggregate.
const WRONG_AGAIN: &[&str] = &[
    "avg",
    "stddev",
    "stddev_samp",
    "stddev_pop",
    "variance",
    "var_samp",
    "var_pop",
    "percentile_cont",
    "percentile_disc",
    "mode",
];

/// Advice on an aggregate over an aggregate: it applies such a function to a column that is itself the result of such a function.
fn of_query(query: &str, source: &str) -> Option<String> {
    let query = spoken(query);
    let items = items(&spoken(source));
    let wrong = items.iter().filter(|item| calls(item).next().is_some());
    let wrong: Vec<String> = wrong.filter_map(|item| column(item)).collect();
    let (called, column) = calls(&query).find_map(|(function, inside)| {
        let mut words = inside.split(|c: char| !is_word(c));
        Some((
            function,
            words
                .find(|word| wrong.iter().any(|column| column == word))?
                .to_owned(),
        ))
    })?;
    Some(format!(
        "{called}() of {column} is wrong where groups differ in size: {column} is already an average or the like in the source. Keep sum and count in the source, and divide here"
    ))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$')
}

/// The query in lower case, without literals and comments. Quotes around simple names are removed.
fn spoken(query: &str) -> String {
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
                out.push_str(&name.replace(|c| !is_word(c), "_"));
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

/// The calls of functions in `WRONG_AGAIN`, each with the text between its parentheses.
fn calls(query: &str) -> impl Iterator<Item = (&'static str, &str)> {
    query.match_indices('(').filter_map(|(at, open)| {
        let (before, after) = query.split_at(at);
        let word = before.trim_end().rsplit(|c| !is_word(c)).next()?;
        let called = WRONG_AGAIN.iter().find(|function| **function == word)?;
        Some((*called, inside(after.strip_prefix(open)?)))
    })
}

/// The text up to the closing parenthesis; the opening one is before the text.
fn inside(text: &str) -> &str {
    let mut depth = 0;
    let end = text.find(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth < 0
    });
    &text[..end.unwrap_or(text.len())]
}

/// The expressions of a query's select list.
fn items(query: &str) -> Vec<String> {
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

/// Name of an item of the select list: the name after `as`, else the name of the function.
fn column(item: &str) -> Option<String> {
    let (before, named) = item.rsplit_once(" as ").unwrap_or((item, ""));
    let name = match named.trim() {
        "" => before.split('(').next().unwrap_or_default(),
        name => name,
    };
    (!name.trim().is_empty()).then(|| name.trim().to_owned())
}
