//! What an action acts on.

use serde::{Deserialize, Serialize};

/// What kind of thing an action acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// By its job id.
    Job,
    /// By its hypertable id; also the materialization of an aggregate.
    Hypertable,
    /// By the id of its materialization hypertable.
    Aggregate,
    /// By its oid: an index of a hypertable or of a plain table.
    Index,
    /// By its process id: a client's session or a worker.
    Session,
}

impl Kind {
    pub const ALL: &[Self] = &[
        Self::Job,
        Self::Hypertable,
        Self::Aggregate,
        Self::Index,
        Self::Session,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Job => "job",
            Self::Hypertable => "hypertable",
            Self::Aggregate => "continuous aggregate",
            Self::Index => "index",
            Self::Session => "session",
        }
    }
}

/// The thing that an action acts on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Target {
    pub kind: Kind,
    pub id: i64,
    /// As a person would type it: `public.metrics`, `1001`.
    pub name: String,
}

impl Target {
    pub fn job(id: i32) -> Self {
        Self {
            kind: Kind::Job,
            id: id.into(),
            name: id.to_string(),
        }
    }

    pub fn session(pid: i32) -> Self {
        Self {
            kind: Kind::Session,
            id: pid.into(),
            name: pid.to_string(),
        }
    }

    /// What an action on it may mean: an aggregate is also the hypertable of its materialization, with one id.
    pub fn and_materialization(self) -> Vec<Self> {
        let table = (self.kind == Kind::Aggregate).then(|| Self {
            kind: Kind::Hypertable,
            ..self.clone()
        });
        std::iter::once(self).chain(table).collect()
    }

    /// A hypertable; an aggregate is both its materialization and itself, with one id.
    pub fn relation(id: i32, name: &str, aggregate: bool) -> Vec<Self> {
        let of = |kind| Self {
            kind,
            id: id.into(),
            name: name.to_owned(),
        };
        let mut targets = vec![of(Kind::Hypertable)];
        if aggregate {
            targets.push(of(Kind::Aggregate));
        }
        targets
    }
}
