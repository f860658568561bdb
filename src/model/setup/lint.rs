//! Advice on a wanted setup that the server would accept but that would do harm.

mod query;

use crate::model::age_rule::AgeRule;
use crate::model::setup::file::Wanted;
use crate::model::setup::guard;
use crate::model::setup::name::Name;
use crate::model::setup::objects::{Aggregate, Hypertable, Setup, Storage};
use crate::model::setup::query::unstable;
use crate::model::setup::wish::At;
use crate::model::span::Span;

/// Advice on one relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    pub of: String,
    /// Position in the file of the setting that the advice is about.
    pub at: At,
    pub words: String,
}

/// Collects the advice on the relations that the file names.
struct Lint<'a> {
    wanted: &'a Wanted,
    found: Vec<Advice>,
}

/// Advice on the relations that the file names. `setup`: the setup after the file is applied.
pub fn lint(setup: &Setup, wanted: &Wanted) -> Vec<Advice> {
    let mut lint = Lint {
        wanted,
        found: Vec::new(),
    };
    for danger in guard::dangers(setup) {
        lint.say(&danger.view, "refresh", danger.words);
    }
    for (name, table) in &setup.hypertables {
        lint.hypertable(name, table);
    }
    for (name, view) in &setup.aggregates {
        lint.aggregate(setup, name, view);
    }
    lint.indexes();
    lint.found
}

impl Lint<'_> {
    /// `part`: the key of the entry that the advice is about.
    fn say(&mut self, of: &Name, part: &str, words: String) {
        if let Some(at) = self.wanted.place(of, part) {
            self.found.push(Advice {
                of: of.to_string(),
                at,
                words,
            });
        }
    }

    fn hypertable(&mut self, name: &Name, table: &Hypertable) {
        self.storage(name, &table.storage);
        let compress = table.storage.compress.map(|policy| policy.age);
        let interval = Span::of_raw(table.axis, table.interval);
        if let Some(AgeRule::After(after)) = compress
            && interval.length() > after.length()
        {
            self.say(name, "chunk_interval", format!(
                "its chunks span {interval}, but they are compressed after {after}: a chunk would often get late rows when it is already compressed"
            ));
        }
    }

    fn aggregate(&mut self, setup: &Setup, name: &Name, view: &Aggregate) {
        self.storage(name, &view.storage);
        let compress = view.storage.compress.map(|policy| policy.age);
        for refresh in &view.refresh {
            let back = refresh.start.map_or(f64::INFINITY, Span::length);
            if let Some(AgeRule::After(after)) = compress
                && back > after.length()
            {
                self.say(name, "compress", format!(
                    "its chunks are compressed after {after}, within its refresh window: refreshes write into compressed chunks"
                ));
            }
        }
        let below = setup
            .aggregates
            .get(&view.source)
            .and_then(|source| source.query.as_deref());
        if let (Some(query), Some(below)) = (&view.query, below) {
            for words in query::of_query(query, below) {
                self.say(name, "query", words);
            }
        }
        if let Some(AgeRule::After(kept)) = setup
            .storage(&view.source)
            .and_then(|source| Some(source.retain?.age))
            && let Some(AgeRule::After(own)) = view.storage.retain.map(|retain| retain.age)
            && own.length() < kept.length()
        {
            self.say(name, "retain", format!(
                "is kept for {own}, a shorter time than its source ({kept}): refreshes may bring back dropped rows"
            ));
        }
    }

    fn storage(&mut self, name: &Name, storage: &Storage) {
        let (compress, retain) = (
            storage.compress.map(|policy| policy.age),
            storage.retain.map(|policy| policy.age),
        );
        if let (Some(AgeRule::After(compress)), Some(AgeRule::After(retain))) = (compress, retain)
            && retain.length() <= compress.length()
        {
            self.say(name, "retain", format!(
                "its chunks are dropped after {retain}, but compressed only after {compress}: compression saves nothing"
            ));
        }
        if storage.compress.is_some() && storage.compression.is_none() {
            let words = "has a compression policy, but compression is not enabled".to_owned();
            self.say(name, "compress", words);
        }
    }

    /// Advice on every index in the file, whether or not it exists in the database.
    fn indexes(&mut self) {
        for entry in self.wanted.indexes.iter().filter(|entry| !entry.absent) {
            let columns = entry.columns.iter().map(|column| ("columns", column));
            let condition = entry.predicate.iter().map(|text| ("where", text));
            for (part, text) in columns.chain(condition) {
                if let Some(function) = unstable(text) {
                    self.found.push(Advice {
                        of: entry.on.to_string(),
                        at: entry.place(part),
                        words: format!(
                            "{part}: {function} is not immutable: the server refuses such an index, because its contents could change without a write"
                        ),
                    });
                }
            }
        }
    }
}
