//! Computes the setup after a change.

use crate::model::moment::Axis;
use crate::model::setup::change::{Change, What};
use crate::model::setup::name::Name;
use crate::model::setup::objects::{
    AgePolicy, Aggregate, Hypertable, Refresh, Schedule, Setup, Storage,
};

/// Applies a change to the setup.
pub fn after(setup: &mut Setup, change: &Change) {
    let of = &change.of;
    match &change.what {
        What::DropAggregate => {
            setup.aggregates.remove(of);
        }
        What::CreateIndex { name, index } => {
            let name = name.clone().unwrap_or_else(|| index.columns.join("_"));
            let all = setup.indexes.entry(of.clone()).or_default();
            all.insert(name, index.clone());
        }
        What::DropIndex { name, .. } => {
            if let Some(all) = setup.indexes.get_mut(of) {
                all.remove(name);
            }
        }
        What::Describe { new, .. } => describe(setup, of, new.as_ref()),
        What::Pause(job) => schedule(setup, *job, false),
        What::Resume(job) => schedule(setup, *job, true),
        What::Reschedule { job, initial, zone } => {
            let to = Schedule {
                fixed: true,
                initial: Some(*initial),
                zone: Some(zone.clone()),
            };
            setup.schedules.insert(*job, to);
        }
        What::Impossible(_) | What::Unnamed => {}
        what => {
            create(setup, of, what);
            if let Some(table) = setup.hypertables.get_mut(of) {
                set_table(table, what);
            }
            if let Some(view) = setup.aggregates.get_mut(of) {
                set_view(view, what);
            }
            if let Some(storage) = setup.storage_mut(of) {
                store(storage, what);
            }
        }
    }
}

fn create(setup: &mut Setup, of: &Name, what: &What) {
    match what {
        What::CreateHypertable {
            time,
            axis,
            interval,
        } => {
            let table = Hypertable {
                id: None,
                time: time.clone(),
                axis: *axis,
                interval: interval.unwrap_or(7 * 86_400_000_000),
                integer_now: None,
                chunks: false,
                comment: None,
                storage: Storage::default(),
            };
            setup.hypertables.insert(of.clone(), table);
        }
        What::CreateAggregate {
            source,
            query,
            materialized_only,
        } => {
            let view = Aggregate {
                id: None,
                axis: setup.axis(source).unwrap_or(Axis::TimestampTz),
                source: source.clone(),
                materialized_only: materialized_only.unwrap_or(true),
                query: Some(query.clone()),
                refresh: Vec::new(),
                comment: None,
                storage: Storage::default(),
            };
            setup.aggregates.insert(of.clone(), view);
        }
        _ => {}
    }
}

fn set_table(table: &mut Hypertable, what: &What) {
    match what {
        What::SetInterval(interval) => table.interval = *interval,
        What::SetNow { new, .. } => table.integer_now = Some(new.clone()),
        _ => {}
    }
}

fn set_view(view: &mut Aggregate, what: &What) {
    match what {
        What::SwitchRealTime { materialized_only } => view.materialized_only = *materialized_only,
        What::AddRefresh(new) => view.refresh.push(*new),
        What::EditRefresh(old, new) => {
            for had in view.refresh.iter_mut().filter(|had| had.job == old.job) {
                *had = Refresh {
                    scheduled: had.scheduled,
                    ..*new
                };
            }
        }
        What::RemoveRefresh(old) => view.refresh.retain(|had| had.job != old.job),
        _ => {}
    }
}

fn describe(setup: &mut Setup, of: &Name, comment: Option<&String>) {
    if let Some(table) = setup.hypertables.get_mut(of) {
        table.comment = comment.cloned();
    } else if let Some(view) = setup.aggregates.get_mut(of) {
        view.comment = comment.cloned();
    }
}

fn schedule(setup: &mut Setup, job: i64, scheduled: bool) {
    let tables = setup
        .hypertables
        .values_mut()
        .map(|table| &mut table.storage);
    let views = setup.aggregates.values_mut();
    let mut storages: Vec<&mut Storage> = tables.collect();
    for view in views {
        let own = view
            .refresh
            .iter_mut()
            .filter(|refresh| refresh.job == Some(job));
        own.for_each(|refresh| refresh.scheduled = scheduled);
        storages.push(&mut view.storage);
    }
    for storage in storages {
        let policies = [&mut storage.compress, &mut storage.retain];
        let own = policies
            .into_iter()
            .flatten()
            .filter(|policy| policy.job == Some(job));
        own.for_each(|policy| policy.scheduled = scheduled);
    }
}

/// The new settings of a policy. A paused policy stays paused, and a scheduled one scheduled, because pausing and resuming are separate
/// changes.
fn kept(new: AgePolicy, had: Option<AgePolicy>) -> AgePolicy {
    AgePolicy {
        scheduled: had.map_or(new.scheduled, |had| had.scheduled),
        ..new
    }
}

fn store(storage: &mut Storage, what: &What) {
    match what {
        What::EnableCompression(new) | What::EditCompression(new) => {
            storage.compression = Some(new.clone());
        }
        What::DisableCompression => storage.compression = None,
        What::AddCompress(new) => storage.compress = Some(*new),
        What::EditCompress(_, new) => storage.compress = Some(kept(*new, storage.compress)),
        What::RemoveCompress(_) => storage.compress = None,
        What::AddRetain(new) => storage.retain = Some(*new),
        What::EditRetain(_, new) => storage.retain = Some(kept(*new, storage.retain)),
        What::RemoveRetain(_) => storage.retain = None,
        What::AddReorder(new) => storage.reorder = Some(new.clone()),
        What::RemoveReorder(_) => storage.reorder = None,
        _ => {}
    }
}
