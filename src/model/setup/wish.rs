//! The entries of a policy file. A field that is left out is left alone on the server; `"none"` removes the setting.

mod value;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::Deserialize;

use crate::model::interval::Interval;
use crate::model::setup::name::Name;
use crate::model::setup::objects::Index;
use crate::model::setup::order_by::OrderBy;
use crate::model::text::fits;

pub(super) use self::value::age;
pub(super) use self::value::{Every, Hours, Length, Setting};

/// Position in a file, both numbers from 1.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct At {
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl At {
    /// The position with the file's name in place of its path.
    #[must_use]
    pub(crate) fn by_name(&self) -> Self {
        let name = Path::new(&self.path).file_name();
        let name = name.map_or_else(
            || self.path.clone(),
            |name| name.to_string_lossy().into_owned(),
        );
        Self {
            path: name,
            ..self.clone()
        }
    }

    pub(super) fn says(&self, why: &str) -> String {
        format!("{self}: {why}")
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.path, self.line, self.column)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Hypertable,
    Aggregate,
}

/// The wanted settings of a relation. `None`: the setting is left alone.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub at: At,
    /// Positions of the values, by key.
    pub places: BTreeMap<&'static str, At>,
    pub kind: Kind,
    pub name: Pattern,
    pub absent: Option<bool>,
    pub why: Option<String>,
    pub time: Option<String>,
    pub interval: Option<Length>,
    /// Function that returns the current integer time.
    pub integer_now: Option<Name>,
    pub source: Option<Name>,
    pub query: Option<String>,
    pub materialized_only: Option<bool>,
    pub schedule: Option<Interval>,
    /// Hours in which compression and retention policies begin.
    pub window: Option<Setting<Hours>>,
    pub(super) refresh: Option<Setting<Vec<Refresh>>>,
    pub(super) compress: Option<Setting<Compress>>,
    pub(super) retain: Option<Setting<Retain>>,
    pub(super) reorder: Option<Setting<Reorder>>,
}

impl Entry {
    pub(super) fn at(at: At) -> Self {
        Self {
            at,
            places: BTreeMap::new(),
            kind: Kind::Hypertable,
            name: Pattern::Like(String::new()),
            absent: None,
            why: None,
            time: None,
            interval: None,
            integer_now: None,
            source: None,
            query: None,
            materialized_only: None,
            schedule: None,
            window: None,
            refresh: None,
            compress: None,
            retain: None,
            reorder: None,
        }
    }

    /// Position of a key's value. If the key is missing: position of the entry.
    pub(crate) fn place(&self, key: &str) -> At {
        self.places.get(key).unwrap_or(&self.at).clone()
    }

    /// Overrides these settings with all settings that a later entry has.
    pub(super) fn take(&mut self, later: Self) {
        self.at = later.at;
        self.places.extend(later.places);
        self.name = later.name;
        self.absent = later.absent.or(self.absent);
        self.why = later.why.or(self.why.take());
        self.time = later.time.or(self.time.take());
        self.interval = later.interval.or(self.interval);
        self.integer_now = later.integer_now.or(self.integer_now.take());
        self.source = later.source.or(self.source.take());
        self.query = later.query.or(self.query.take());
        self.materialized_only = later.materialized_only.or(self.materialized_only);
        self.schedule = later.schedule.or(self.schedule);
        self.window = later.window.or(self.window.take());
        self.refresh = later.refresh.or(self.refresh.take());
        self.reorder = later.reorder.or(self.reorder.take());
        self.compress = match (self.compress.take(), later.compress) {
            (Some(Setting::To(had)), Some(Setting::To(new))) => Some(Setting::To(Compress {
                segment_by: new.segment_by.or(had.segment_by),
                order_by: new.order_by.or(had.order_by),
                after: new.after.or(had.after),
                created_before: new.created_before.or(had.created_before),
                every: new.every.or(had.every),
                paused: new.paused.or(had.paused),
                why: new.why.or(had.why),
            })),
            (had, new) => new.or(had),
        };
        self.retain = match (self.retain.take(), later.retain) {
            (Some(Setting::To(had)), Some(Setting::To(new))) => Some(Setting::To(Retain {
                after: new.after.or(had.after),
                created_before: new.created_before.or(had.created_before),
                every: new.every.or(had.every),
                paused: new.paused.or(had.paused),
                why: new.why.or(had.why),
            })),
            (had, new) => new.or(had),
        };
    }
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Compress {
    /// Column names, not quoted. Empty: compression without segments.
    pub segment_by: Option<Vec<String>>,
    pub order_by: Option<Vec<Order>>,
    pub after: Option<Setting<Length>>,
    pub created_before: Option<Every>,
    pub every: Option<Every>,
    /// `None`: scheduled.
    pub paused: Option<bool>,
    pub why: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Retain {
    pub after: Option<Length>,
    pub created_before: Option<Every>,
    pub every: Option<Every>,
    /// `None`: scheduled.
    pub paused: Option<bool>,
    pub why: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Refresh {
    /// `None`: the window is open on this side.
    pub start: Option<Length>,
    pub end: Option<Length>,
    pub every: Option<Every>,
    pub paused: bool,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reorder {
    pub index: String,
    pub every: Option<Every>,
}

/// An index that must exist, or with `absent` must not.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct IndexEntry {
    pub at: At,
    /// Positions of the values, by key.
    pub places: BTreeMap<&'static str, At>,
    pub on: Name,
    /// `None`: any index with this definition.
    pub name: Option<String>,
    pub columns: Vec<String>,
    pub include: Vec<String>,
    pub predicate: Option<String>,
    pub method: String,
    pub unique: bool,
    pub why: Option<String>,
    pub absent: bool,
}

impl IndexEntry {
    /// Position of a key's value. If the key is missing: position of the entry.
    pub(crate) fn place(&self, key: &str) -> At {
        self.places.get(key).unwrap_or(&self.at).clone()
    }

    /// Whether this entry creates this index on a relation.
    pub(crate) fn is(&self, on: &Name, index: &Index) -> bool {
        self.on == *on && self.index() == *index
    }

    /// The index that the entry describes, not created yet.
    pub(super) fn index(&self) -> Index {
        Index {
            oid: None,
            columns: self.columns.clone(),
            include: self.include.clone(),
            method: self.method.clone(),
            unique: self.unique,
            predicate: self.predicate.clone(),
            by_default: false,
            builder: None,
            valid: true,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Order(pub OrderBy);

impl TryFrom<String> for Order {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        OrderBy::parse(&text).map(Self)
    }
}

/// An exact name, or a pattern with `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pattern {
    Is(Name),
    Like(String),
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.contains('*') && !text.contains('"') {
            return Ok(Self::Like(text.to_owned()));
        }
        Name::parse(text).map(Self::Is)
    }

    pub(crate) fn is_exact(&self) -> bool {
        matches!(self, Self::Is(_))
    }

    pub(super) fn is(&self, name: &Name) -> bool {
        matches!(self, Self::Is(own) if own == name)
    }

    pub(crate) fn fits(&self, plain: &str) -> bool {
        matches!(self, Self::Like(pattern) if fits(pattern, plain))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(name) => write!(f, "{name}"),
            Self::Like(pattern) => f.write_str(pattern),
        }
    }
}
