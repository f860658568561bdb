//! The objects of a setup, as plain data that can be compared.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::age_rule::AgeRule;
use crate::model::interval::Interval;
use crate::model::moment::{Axis, Stamp};
use crate::model::setup::name::Name;
use crate::model::setup::order_by::OrderBy;
use crate::model::span::Span;
use crate::model::text;

/// Reason why a part of a setup could not be read.
pub(super) const UNKNOWN: &str =
    "unknown because of a lock of another session: try again when the lock is released";

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Setup {
    pub hypertables: BTreeMap<Name, Hypertable>,
    pub aggregates: BTreeMap<Name, Aggregate>,
    /// By table, then by the name of the index.
    pub(crate) indexes: BTreeMap<Name, BTreeMap<String, Index>>,
    /// Times at which the policies begin, by the id of the job.
    pub(crate) schedules: BTreeMap<i64, Schedule>,
    /// Relations that another session locked when the setup was read: their indexes are unknown.
    pub(crate) locked: BTreeSet<Name>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Hypertable {
    /// Id in TimescaleDB's catalogue. `None`: not created yet.
    pub(crate) id: Option<i64>,
    pub(crate) time: String,
    pub(crate) axis: Axis,
    /// Chunk interval in the unit of the time column: microseconds, or units of integer time.
    pub(crate) interval: i64,
    /// Function that returns the current integer time. `None`: none is set.
    pub(crate) integer_now: Option<Name>,
    /// True: the hypertable has a chunk.
    pub(crate) chunks: bool,
    /// Comment on the hypertable. `None`: there is none.
    pub(crate) comment: Option<String>,
    pub storage: Storage,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// Id of the materialization hypertable. `None`: not created yet.
    pub(crate) id: Option<i64>,
    pub(crate) axis: Axis,
    /// Hypertable or aggregate that the aggregate reads.
    pub(crate) source: Name,
    pub(crate) materialized_only: bool,
    /// The definition as the server writes it. `None`: unknown, because another session locks the view.
    pub(crate) query: Option<String>,
    pub refresh: Vec<Refresh>,
    /// Comment on the aggregate. `None`: there is none.
    pub(crate) comment: Option<String>,
    pub storage: Storage,
}

/// Compression settings and policies that hypertables and aggregates both can have.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Storage {
    /// Settings of compression. `None`: not enabled.
    pub(crate) compression: Option<Compression>,
    pub compress: Option<AgePolicy>,
    pub retain: Option<AgePolicy>,
    pub(crate) reorder: Option<Reorder>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compression {
    /// `None`: TimescaleDB chooses.
    pub(crate) segment_by: Option<Vec<String>>,
    /// `None`: the default, time descending.
    pub(crate) order_by: Option<Vec<OrderBy>>,
}

impl Compression {
    /// The segmentby columns as SQL, empty for none. `None`: TimescaleDB chooses.
    pub(crate) fn segment_list(&self) -> Option<String> {
        let columns = self.segment_by.as_ref()?.iter();
        let quoted: Vec<_> = columns
            .map(|column| text::quote_identifier(column))
            .collect();
        Some(quoted.join(", "))
    }

    /// The orderby columns as SQL. `None`: the default.
    pub(crate) fn order_list(&self) -> Option<String> {
        let orders = self.order_by.as_ref().filter(|orders| !orders.is_empty())?;
        let orders: Vec<_> = orders.iter().map(OrderBy::to_string).collect();
        Some(orders.join(", "))
    }
}

/// A compression or retention policy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AgePolicy {
    /// Id of the job. `None`: not created yet.
    pub job: Option<i64>,
    pub(crate) age: AgeRule,
    pub(crate) every: Interval,
    /// False: paused.
    pub(crate) scheduled: bool,
}

/// When a policy begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// True: at fixed times. False: an interval after the end of the last run, so at any time of the day.
    pub fixed: bool,
    /// The first of the fixed times.
    pub initial: Option<Stamp>,
    /// Time zone of the fixed times. `None`: a day always has 24 hours, also when daylight saving time begins or ends.
    pub zone: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Refresh {
    /// Id of the job. `None`: not created yet.
    pub job: Option<i64>,
    /// Start of the window, before now. `None`: open.
    pub(crate) start: Option<Span>,
    /// End of the window, before now. `None`: open.
    pub(crate) end: Option<Span>,
    pub(crate) every: Interval,
    /// False: paused.
    pub(crate) scheduled: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Reorder {
    pub(crate) job: Option<i64>,
    /// Name of the index, not quoted.
    pub(crate) index: String,
    pub(crate) every: Interval,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// `None`: not created yet.
    pub(crate) oid: Option<i64>,
    /// Key columns and expressions, as the server writes them.
    pub(crate) columns: Vec<String>,
    pub(crate) include: Vec<String>,
    pub(crate) method: String,
    pub(crate) unique: bool,
    /// Condition of a partial index, as the server writes it. `None`: not a partial index.
    pub(crate) predicate: Option<String>,
    /// Whether TimescaleDB created it with the hypertable.
    pub(crate) by_default: bool,
    /// False: an interrupted or failed build left it, or its build still runs.
    pub(crate) valid: bool,
    /// Process id of the session that is building it. `None`: no session is.
    pub(crate) builder: Option<i64>,
}

impl Setup {
    /// The parts that could not be read because another session has locked them, one line each.
    pub(crate) fn unknown(&self) -> Vec<String> {
        let views = self
            .aggregates
            .iter()
            .filter(|(_, view)| view.id.is_some() && view.query.is_none());
        let queries = views.map(|(name, _)| format!("the query of {name} is {UNKNOWN}"));
        let indexes = self.locked.iter();
        queries
            .chain(indexes.map(|name| format!("the indexes of {name} are {UNKNOWN}")))
            .collect()
    }

    pub(crate) fn storage(&self, of: &Name) -> Option<&Storage> {
        let table = self.hypertables.get(of).map(|table| &table.storage);
        table.or_else(|| self.aggregates.get(of).map(|view| &view.storage))
    }

    pub(super) fn storage_mut(&mut self, of: &Name) -> Option<&mut Storage> {
        match self.hypertables.get_mut(of) {
            Some(table) => Some(&mut table.storage),
            None => self.aggregates.get_mut(of).map(|view| &mut view.storage),
        }
    }

    pub(crate) fn axis(&self, of: &Name) -> Option<Axis> {
        let table = self.hypertables.get(of).map(|table| table.axis);
        table.or_else(|| self.aggregates.get(of).map(|view| view.axis))
    }

    /// The comment on a hypertable or aggregate. `None`: there is none.
    pub(super) fn comment(&self, of: &Name) -> Option<&String> {
        let table = self.hypertables.get(of).map(|table| &table.comment);
        let comment = table.or_else(|| self.aggregates.get(of).map(|view| &view.comment));
        comment?.as_ref()
    }

    /// Names of the hypertables and aggregates.
    pub(crate) fn relations(&self) -> impl Iterator<Item = &Name> {
        self.hypertables.keys().chain(self.aggregates.keys())
    }

    /// Ids of the policies of a hypertable or aggregate.
    pub(crate) fn jobs(&self, of: &Name) -> Vec<i64> {
        let storage = self.storage(of).into_iter();
        let of_storage = storage.flat_map(|storage| {
            let ages = [storage.compress, storage.retain].into_iter().flatten();
            let reorder = storage.reorder.iter().map(|reorder| reorder.job);
            ages.map(|policy| policy.job).chain(reorder)
        });
        let refresh = self
            .aggregates
            .get(of)
            .into_iter()
            .flat_map(|view| &view.refresh);
        of_storage
            .chain(refresh.map(|refresh| refresh.job))
            .flatten()
            .collect()
    }

    /// Id of the hypertable, or of the aggregate's materialization hypertable. `None`: not created yet.
    pub(crate) fn id(&self, of: &Name) -> Option<i64> {
        let table = self.hypertables.get(of).and_then(|table| table.id);
        table.or_else(|| self.aggregates.get(of).and_then(|view| view.id))
    }

    /// Whether the hypertable has a chunk. For an aggregate: the hypertable at the root of its hierarchy. True if the setup lacks that
    /// hypertable.
    pub(crate) fn has_rows(&self, of: &Name) -> bool {
        let root = self.root(of);
        self.hypertables.get(root).is_none_or(|table| table.chunks)
    }

    /// The hypertable at the root of an aggregate's hierarchy; of a hypertable, itself.
    pub(crate) fn root<'a>(&'a self, of: &'a Name) -> &'a Name {
        let mut at = of;
        for _ in 0..=self.aggregates.len() {
            match self.aggregates.get(at) {
                Some(view) => at = &view.source,
                None => break,
            }
        }
        at
    }

    /// Number of aggregates between this relation and its hypertable.
    pub(crate) fn depth(&self, of: &Name) -> usize {
        let mut at = of;
        // On a server, aggregates cannot form a cycle. A file may describe one, so the loop has a limit.
        for depth in 0..self.aggregates.len() {
            match self.aggregates.get(at) {
                Some(view) => at = &view.source,
                None => return depth,
            }
        }
        self.aggregates.len()
    }
}
