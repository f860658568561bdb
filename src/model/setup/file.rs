//! A policy file: the wanted setup as an operator writes it, in TOML.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use crate::model::interval::Interval;
use crate::model::setup::expect::Expect;
use crate::model::setup::name::Name;
use crate::model::setup::wish::{
    At, Compress, Entry, Every, IndexEntry, Kind, Length, Pattern, Refresh, Reorder, Retain,
    Setting,
};
use crate::model::text::fits;

/// The wanted setup: the entries of one or several files. Later files override earlier ones.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted {
    /// Patterns before exact names, each in the order of the files.
    pub entries: Vec<Entry>,
    pub indexes: Vec<IndexEntry>,
    /// Patterns (`mes.*`): an object that matches one and has no entry is reported as a difference.
    pub owns: Vec<String>,
    /// Schedule of policies whose entry has none.
    pub schedule: Option<Interval>,
    pub expect: Option<Expect>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    owns: Vec<String>,
    defaults: Defaults,
    hypertable: Vec<Table>,
    aggregate: Vec<View>,
    index: Vec<IndexTable>,
    expect: Option<Expect>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Defaults {
    schedule: Option<Every>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    name: Spanned<String>,
    time: Option<String>,
    chunk_interval: Option<Length>,
    why: Option<String>,
    schedule: Option<Every>,
    compress: Option<Setting<Compress>>,
    retain: Option<Setting<Retain>>,
    reorder: Option<Setting<Reorder>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct View {
    name: Spanned<String>,
    from: Option<String>,
    query: Option<String>,
    materialized_only: Option<bool>,
    why: Option<String>,
    schedule: Option<Every>,
    refresh: Option<Setting<Vec<Refresh>>>,
    compress: Option<Setting<Compress>>,
    retain: Option<Setting<Retain>>,
    absent: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct IndexTable {
    on: Spanned<String>,
    name: Option<String>,
    columns: Option<Vec<String>>,
    #[serde(default)]
    include: Vec<String>,
    #[serde(rename = "where")]
    predicate: Option<String>,
    method: Option<String>,
    #[serde(default)]
    unique: bool,
    why: Option<String>,
    #[serde(default)]
    absent: bool,
}

impl Wanted {
    /// Reads a file's text. The error names the file, the line and the fix.
    pub fn parse(path: &str, text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| {
            let error = error.to_string();
            format!("{path}: {}", error.trim_end())
        })?;
        let at = |span: Range<usize>| {
            let before = text.get(..span.start).unwrap_or(text);
            let line = before.matches('\n').count() + 1;
            let column = before
                .rsplit('\n')
                .next()
                .map_or(1, |rest| rest.chars().count() + 1);
            At {
                path: path.to_owned(),
                line,
                column,
            }
        };
        let mut wanted = Self {
            owns: file.owns,
            schedule: file.defaults.schedule.map(|every| every.0),
            expect: file.expect,
            ..Self::default()
        };
        for table in file.hypertable {
            let place = at(table.name.span());
            wanted.add(Entry {
                name: Pattern::parse(table.name.get_ref()).map_err(|why| place.says(&why))?,
                kind: Kind::Hypertable,
                time: table.time,
                interval: table.chunk_interval,
                why: table.why,
                schedule: table.schedule.map(|every| every.0),
                compress: table.compress,
                retain: table.retain,
                reorder: table.reorder,
                ..Entry::at(place)
            })?;
        }
        for view in file.aggregate {
            let place = at(view.name.span());
            let source = view.from.map(|from| Name::parse(&from)).transpose();
            wanted.add(Entry {
                name: Pattern::parse(view.name.get_ref()).map_err(|why| place.says(&why))?,
                kind: Kind::Aggregate,
                source: source.map_err(|why| place.says(&format!("from: {why}")))?,
                query: view.query,
                materialized_only: view.materialized_only,
                why: view.why,
                schedule: view.schedule.map(|every| every.0),
                refresh: view.refresh,
                compress: view.compress,
                retain: view.retain,
                absent: view.absent,
                ..Entry::at(place)
            })?;
        }
        for index in file.index {
            let place = at(index.on.span());
            let on = Name::parse(index.on.get_ref()).map_err(|why| place.says(&why))?;
            if index.absent && index.name.is_none() {
                return Err(place.says("an index with absent = true needs its name: name = \"…\""));
            }
            if !index.absent && index.columns.as_ref().is_none_or(Vec::is_empty) {
                return Err(place.says(
                    "columns: an index needs at least one, such as [\"device_id\", \"ts DESC\"]",
                ));
            }
            wanted.indexes.push(IndexEntry {
                at: place,
                on,
                name: index.name,
                columns: index.columns.unwrap_or_default(),
                include: index.include,
                predicate: index.predicate,
                method: index.method.unwrap_or_else(|| "btree".to_owned()),
                unique: index.unique,
                why: index.why,
                absent: index.absent,
            });
        }
        Ok(wanted)
    }

    /// Adds an entry; an error if the file has one for the same object.
    fn add(&mut self, entry: Entry) -> Result<(), String> {
        let is_twice = |other: &&Entry| {
            other.name == entry.name && (other.kind == entry.kind || entry.name.is_exact())
        };
        let twice = self.entries.iter().find(is_twice);
        if let Some(other) = twice {
            let words = format!(
                "{} already has an entry, in line {}",
                entry.name, other.at.line
            );
            return Err(entry.at.says(&words));
        }
        self.entries.push(entry);
        Ok(())
    }

    /// This file overridden by a later one.
    #[must_use]
    pub fn under(mut self, later: Self) -> Self {
        for entry in later.entries {
            match self
                .entries
                .iter_mut()
                .find(|had| (had.kind, &had.name) == (entry.kind, &entry.name))
            {
                Some(had) => had.take(entry),
                None => self.entries.push(entry),
            }
        }
        let same = |one: &IndexEntry, other: &IndexEntry| {
            one.on == other.on && one.name.is_some() && one.name == other.name
        };
        for index in later.indexes {
            self.indexes.retain(|had| !same(had, &index));
            self.indexes.push(index);
        }
        self.owns.extend(later.owns);
        self.schedule = later.schedule.or(self.schedule);
        self.expect = later.expect.or(self.expect);
        self
    }

    /// The entry of an object, over the values of the patterns that match its name. `None`: the file has no entry for it.
    pub fn entry(&self, name: &Name, kind: Kind) -> Option<Entry> {
        let plain = name.plain();
        let all = self.entries.iter().filter(|entry| entry.kind == kind);
        let matching = |is_exact: bool| {
            all.clone()
                .filter(move |entry| entry.name.is_exact() == is_exact)
        };
        let patterns = matching(false).filter(|entry| entry.name.fits(&plain));
        let exact = matching(true).filter(|entry| entry.name.is(name));
        let mut found: Option<Entry> = None;
        for entry in patterns.chain(exact) {
            match &mut found {
                Some(found) => found.take(entry.clone()),
                None => found = Some(entry.clone()),
            }
        }
        found
    }

    pub fn owns(&self, name: &Name) -> bool {
        let plain = name.plain();
        self.owns.iter().any(|pattern| fits(pattern, &plain))
    }

    /// Whether the file has an entry for this hypertable or aggregate.
    pub fn names(&self, name: &Name) -> bool {
        let kinds = [Kind::Hypertable, Kind::Aggregate];
        kinds
            .into_iter()
            .any(|kind| self.entry(name, kind).is_some())
    }
}
