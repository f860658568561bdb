//! Targets of actions: jobs, hypertables, aggregates, indexes, plain tables and sessions.

use serde::{Deserialize, Serialize};

/// Kind of a target, with the number that identifies a target of that kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// Job id.
    Job,
    /// Hypertable id, also of a materialization hypertable.
    Hypertable,
    /// Id of the materialization hypertable.
    Aggregate,
    /// Oid of an index of a hypertable or of a plain table.
    Index,
    /// Oid of a plain table.
    Table,
    /// Process id of a client's session or of a worker.
    Session,
}

impl TargetKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Job => "job",
            Self::Hypertable => "hypertable",
            Self::Aggregate => "continuous aggregate",
            Self::Index => "index",
            Self::Table => "table",
            Self::Session => "session",
        }
    }

    /// Name of the kind with its article.
    pub(crate) fn one(self) -> &'static str {
        match self {
            Self::Job => "a job",
            Self::Hypertable => "a hypertable",
            Self::Aggregate => "a continuous aggregate",
            Self::Index => "an index",
            Self::Table => "a plain table",
            Self::Session => "a session",
        }
    }
}

/// The object that an action acts on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Target {
    pub kind: TargetKind,
    pub id: i64,
    /// Name as a user types it: `public.metrics`, `1001`.
    pub name: String,
}

impl Target {
    pub fn job(id: i32) -> Self {
        Self {
            kind: TargetKind::Job,
            id: id.into(),
            name: id.to_string(),
        }
    }

    pub(crate) fn session(pid: i32) -> Self {
        Self {
            kind: TargetKind::Session,
            id: pid.into(),
            name: pid.to_string(),
        }
    }

    /// The target; for an aggregate also its materialization hypertable, which has the same id.
    pub(crate) fn and_materialization(self) -> Vec<Self> {
        let table = (self.kind == TargetKind::Aggregate).then(|| Self {
            kind: TargetKind::Hypertable,
            ..self.clone()
        });
        std::iter::once(self).chain(table).collect()
    }

    /// Targets of a hypertable's row. An aggregate's row is a target of both kinds, with the same id.
    pub(crate) fn relation(id: i32, name: &str, aggregate: bool) -> Vec<Self> {
        let of = |kind| Self {
            kind,
            id: id.into(),
            name: name.to_owned(),
        };
        let mut targets = vec![of(TargetKind::Hypertable)];
        if aggregate {
            targets.push(of(TargetKind::Aggregate));
        }
        targets
    }
}
