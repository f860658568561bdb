//! A policy file: the wanted setup as an operator writes it, in TOML.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use crate::model::busy::BusyHours;
use crate::model::interval::Interval;
use crate::model::setup::expect::Expect;
use crate::model::setup::name::Name;
use crate::model::setup::wish::{
    At, Compress, Entry, Every, Hours, IndexEntry, Kind, Length, Pattern, Refresh, Reorder, Retain,
    Setting,
};
use crate::model::text::fits;

/// The wanted setup: the entries of one or several files. Later files override earlier ones.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted {
    /// In the order of the files, with patterns and exact names mixed.
    pub(crate) entries: Vec<Entry>,
    pub(crate) indexes: Vec<IndexEntry>,
    /// Patterns (`mes.*`). An object that matches a pattern and has no entry is reported as a difference.
    owns: Vec<String>,
    /// Interval between the runs of policies whose entry gives no interval.
    schedule: Option<Interval>,
    pub(crate) expect: Option<Expect>,
    /// True: the reasons are kept in comments on the objects. `None`: they stay in the file.
    pub(super) comments: Option<bool>,
    /// Hours in which compression and retention policies begin, if their entry has no window.
    window: Option<Setting<Hours>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Store {
    comments: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    store: Store,
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
    window: Option<Setting<Hours>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    name: Spanned<String>,
    time: Option<String>,
    chunk_interval: Option<Spanned<Length>>,
    integer_now_func: Option<String>,
    why: Option<String>,
    schedule: Option<Every>,
    window: Option<Setting<Hours>>,
    compress: Option<Spanned<Setting<Compress>>>,
    retain: Option<Spanned<Setting<Retain>>>,
    reorder: Option<Setting<Reorder>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct View {
    name: Spanned<String>,
    from: Option<String>,
    query: Option<Spanned<String>>,
    materialized_only: Option<bool>,
    why: Option<String>,
    schedule: Option<Every>,
    window: Option<Setting<Hours>>,
    refresh: Option<Spanned<Setting<Vec<Refresh>>>>,
    compress: Option<Spanned<Setting<Compress>>>,
    retain: Option<Spanned<Setting<Retain>>>,
    absent: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct IndexTable {
    on: Spanned<String>,
    name: Option<String>,
    columns: Option<Spanned<Vec<String>>>,
    #[serde(default)]
    include: Vec<String>,
    #[serde(rename = "where")]
    predicate: Option<Spanned<String>>,
    method: Option<String>,
    #[serde(default)]
    unique: bool,
    why: Option<String>,
    #[serde(default)]
    absent: bool,
}

/// The parser's error, in words for the writer of a policy file.
fn plainly(error: &str) -> String {
    let words = [
        (
            "expected a sequence",
            "expected a list, such as [\"a\", \"b\"]",
        ),
        ("expected u64", "expected a whole number, without quotes"),
        (
            "expected a boolean",
            "expected true or false, without quotes",
        ),
    ];
    let (head, last) = error.trim_end().rsplit_once('\n').unwrap_or(("", error));
    let plain = words
        .iter()
        .fold(last.to_owned(), |text, (from, to)| text.replace(from, to));
    format!("{head}\n{plain}").trim_start().to_owned()
}

/// A file's text, from which byte offsets are turned into lines and columns.
struct Text<'a> {
    path: &'a str,
    text: &'a str,
}

impl Text<'_> {
    fn at(&self, span: &Range<usize>) -> At {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .map_or(1, |rest| rest.chars().count() + 1);
        At {
            path: self.path.to_owned(),
            line,
            column,
        }
    }

    /// The value of a key. Its position in the file is added to `places`.
    fn keep<T>(
        &self,
        places: &mut BTreeMap<&'static str, At>,
        key: &'static str,
        value: Option<Spanned<T>>,
    ) -> Option<T> {
        let value = value?;
        places.insert(key, self.at(&value.span()));
        Some(value.into_inner())
    }

    fn hypertable(&self, table: Table) -> Result<Entry, String> {
        let place = self.at(&table.name.span());
        let mut places = BTreeMap::new();
        let function = table.integer_now_func.as_deref().map(Name::parse);
        let function = function.transpose().map_err(|why| {
            place.says(&format!(
                "integer_now_func: {why}; the function cannot be removed"
            ))
        })?;
        Ok(Entry {
            integer_now: function,
            name: Pattern::parse(table.name.get_ref()).map_err(|why| place.says(&why))?,
            kind: Kind::Hypertable,
            time: table.time,
            interval: self.keep(&mut places, "chunk_interval", table.chunk_interval),
            why: table.why,
            schedule: table.schedule.map(|every| every.0),
            window: table.window,
            compress: self.keep(&mut places, "compress", table.compress),
            retain: self.keep(&mut places, "retain", table.retain),
            reorder: table.reorder,
            places,
            ..Entry::at(place)
        })
    }

    fn aggregate(&self, view: View) -> Result<Entry, String> {
        let place = self.at(&view.name.span());
        let mut places = BTreeMap::new();
        let source = view.from.map(|from| Name::parse(&from)).transpose();
        Ok(Entry {
            name: Pattern::parse(view.name.get_ref()).map_err(|why| place.says(&why))?,
            kind: Kind::Aggregate,
            source: source.map_err(|why| place.says(&format!("from: {why}")))?,
            query: self.keep(&mut places, "query", view.query),
            materialized_only: view.materialized_only,
            why: view.why,
            schedule: view.schedule.map(|every| every.0),
            window: view.window,
            refresh: self.keep(&mut places, "refresh", view.refresh),
            compress: self.keep(&mut places, "compress", view.compress),
            retain: self.keep(&mut places, "retain", view.retain),
            absent: view.absent,
            places,
            ..Entry::at(place)
        })
    }

    fn index(&self, index: IndexTable) -> Result<IndexEntry, String> {
        let place = self.at(&index.on.span());
        let mut places = BTreeMap::new();
        let on = Name::parse(index.on.get_ref()).map_err(|why| place.says(&why))?;
        let columns = self.keep(&mut places, "columns", index.columns);
        if index.absent && index.name.is_none() {
            return Err(place.says("absent = true needs the index's name: write name = \"…\""));
        }
        if !index.absent && columns.as_ref().is_none_or(Vec::is_empty) {
            return Err(place.says(
                "columns: an index needs at least one, such as [\"device_id\", \"ts DESC\"]",
            ));
        }
        Ok(IndexEntry {
            on,
            name: index.name,
            columns: columns.unwrap_or_default(),
            include: index.include,
            predicate: self.keep(&mut places, "where", index.predicate),
            method: index.method.unwrap_or_else(|| "btree".to_owned()),
            unique: index.unique,
            why: index.why,
            absent: index.absent,
            at: place,
            places,
        })
    }
}

impl Wanted {
    /// Reads a file's text. The error names the file, the line and the fix.
    pub fn parse(path: &str, text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| {
            let error = plainly(&error.to_string());
            format!("{path}: {}", error.trim_end())
        })?;
        let text = Text { path, text };
        let mut wanted = Self {
            owns: file.owns,
            schedule: file.defaults.schedule.map(|every| every.0),
            window: file.defaults.window,
            expect: file.expect,
            comments: file.store.comments,
            ..Self::default()
        };
        for table in file.hypertable {
            wanted.add(text.hypertable(table)?)?;
        }
        for view in file.aggregate {
            wanted.add(text.aggregate(view)?)?;
        }
        for index in file.index {
            wanted.indexes.push(text.index(index)?);
        }
        Ok(wanted)
    }

    /// Adds an entry. It is an error if the file already has an entry for the same object.
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

    /// The settings of this file, overridden by those of a later file.
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
        self.window = later.window.or(self.window);
        self.expect = later.expect.or(self.expect);
        self.comments = later.comments.or(self.comments);
        self
    }

    /// The entries with an exact name.
    pub(crate) fn exact(&self) -> impl Iterator<Item = (&Name, &Entry)> {
        self.entries.iter().filter_map(|entry| match &entry.name {
            Pattern::Is(name) => Some((name, entry)),
            Pattern::Like(_) => None,
        })
    }

    /// The settings of an object: those of its own entry, and for the rest those of the patterns that match its name. `None`: no entry
    /// matches.
    pub(crate) fn entry(&self, name: &Name, kind: Kind) -> Option<Entry> {
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

    /// The hours in which the policies of this entry begin. `None`: they begin at any time.
    pub(super) fn window<'a>(&'a self, entry: &'a Entry) -> Option<&'a BusyHours> {
        match entry.window.as_ref().or(self.window.as_ref())? {
            Setting::To(Hours(window)) => Some(window),
            Setting::None => None,
        }
    }

    /// Interval between the runs of a policy. `own`: the interval in the policy's own settings. `None`: the file gives none.
    pub(super) fn every(&self, entry: &Entry, own: Option<Every>) -> Option<Interval> {
        let own = own.map(|every| every.0);
        own.or(entry.schedule).or(self.schedule)
    }

    pub(super) fn owns(&self, name: &Name) -> bool {
        let plain = name.plain();
        self.owns.iter().any(|pattern| fits(pattern, &plain))
    }

    /// Position of this key in the entry of a hypertable or aggregate. `None`: the file has no entry for it.
    pub(crate) fn place(&self, name: &Name, key: &str) -> Option<At> {
        let mut kinds = [Kind::Hypertable, Kind::Aggregate].into_iter();
        kinds.find_map(|kind| Some(self.entry(name, kind)?.place(key)))
    }

    /// Whether the file has an entry for this hypertable or aggregate.
    pub(crate) fn names(&self, name: &Name) -> bool {
        let kinds = [Kind::Hypertable, Kind::Aggregate];
        kinds
            .into_iter()
            .any(|kind| self.entry(name, kind).is_some())
    }
}
