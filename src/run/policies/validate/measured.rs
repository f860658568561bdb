//! The figures of a report, such as the number of policies. They do not depend on the policy files.

use serde::Serialize;

use crate::model::setup::objects::{AgePolicy, Setup};
use crate::screens::Screens;
use crate::server::databases::DatabaseCounters;

use super::runs;

#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Measured {
    hypertables: usize,
    aggregates: usize,
    aggregates_with_refresh: usize,
    indexes: usize,
    compression_policies: Policies,
    retention_policies: Policies,
    refresh_policies: Policies,
    transactions: i64,
    rollbacks: i64,
    deadlocks: i64,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Policies {
    all: usize,
    scheduled: usize,
    /// Policies with at least one successful run.
    ran: usize,
}

impl Measured {
    pub(super) fn of(present: &Setup, screens: &Screens, counters: &DatabaseCounters) -> Self {
        let ran = |id: Option<i64>| {
            let mut rows = screens.jobs.rows().iter();
            let row = rows.find(|row| id == Some(i64::from(row.job_id)));
            row.and_then(runs::ran).is_some()
        };
        let count = |all: &mut dyn Iterator<Item = (Option<i64>, bool)>| {
            let mut counted = Policies::default();
            for (job, scheduled) in all {
                counted.all += 1;
                counted.scheduled += usize::from(scheduled);
                counted.ran += usize::from(ran(job));
            }
            counted
        };
        let storages = present.relations().filter_map(|name| present.storage(name));
        let storages: Vec<_> = storages.collect();
        let of = |policy: AgePolicy| (policy.job, policy.scheduled);
        let refreshes = present.aggregates.values().flat_map(|view| &view.refresh);
        Self {
            hypertables: present.hypertables.len(),
            aggregates: present.aggregates.len(),
            aggregates_with_refresh: present
                .aggregates
                .values()
                .filter(|view| !view.refresh.is_empty())
                .count(),
            indexes: present
                .indexes
                .values()
                .map(std::collections::BTreeMap::len)
                .sum(),
            compression_policies: count(
                &mut storages.iter().filter_map(|of_one| of_one.compress.map(of)),
            ),
            retention_policies: count(
                &mut storages.iter().filter_map(|of_one| of_one.retain.map(of)),
            ),
            refresh_policies: count(&mut refreshes.map(|refresh| (refresh.job, refresh.scheduled))),
            transactions: counters.commits + counters.rollbacks,
            rollbacks: counters.rollbacks,
            deadlocks: counters.deadlocks,
        }
    }

    /// The figures, each with its name.
    pub(super) fn rows(&self) -> Vec<(&'static str, String)> {
        let policies = |of: Policies| {
            format!(
                "{}: {} scheduled, {} with a successful run",
                of.all, of.scheduled, of.ran
            )
        };
        vec![
            ("hypertables", self.hypertables.to_string()),
            (
                "continuous aggregates",
                format!(
                    "{}, {} with a refresh policy",
                    self.aggregates, self.aggregates_with_refresh
                ),
            ),
            ("indexes", self.indexes.to_string()),
            ("compression policies", policies(self.compression_policies)),
            ("retention policies", policies(self.retention_policies)),
            ("refresh policies", policies(self.refresh_policies)),
            (
                "transactions since the statistics began",
                format!(
                    "{}: rolled back {}, deadlocks {}",
                    self.transactions, self.rollbacks, self.deadlocks
                ),
            ),
        ]
    }
}
