//! Advice on a wanted setup that would work, and harm.

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

/// Advice on all relations of a setup, as it will be.
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
                    "its chunks span {interval}, longer than the {after} after which they are compressed: they get late rows for most of their time"
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
        if let Some(words) = view.query.as_deref().and_then(of_query) {
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
                    "is kept for {own}, shorter than its source ({kept}): refreshes may bring back what was dropped"
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

/// Functions whose results over an aggregate are not what they are over its source.
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

/// Advice on the query of an aggregate that applies such a function to a column of the same kind.
fn of_query(query: &str) -> Option<String> {
    let lower = query.to_lowercase();
    let called = WRONG_AGAIN.iter().find(|function| {
        let call = format!("{function}(");
        lower.match_indices(&call).any(|(at, _)| {
            let inside = &lower[at + function.len() + 1..];
            let inside = inside.split(')').next().unwrap_or_default();
            WRONG_AGAIN.iter().any(|other| inside.contains(other)) || inside.contains("average")
        })
    })?;
    Some(format!(
        "{called}() of a column that is an average or the like is wrong where groups differ in size: keep sum and count below, and divide here"
    ))
}
