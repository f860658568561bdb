//! A setup as a psql script that calls documented functions only.

use crate::model::plan::Step;
use crate::model::setup::change::{Change, What};
use crate::model::setup::name::Name;
use crate::model::setup::objects::{Aggregate, Setup, Storage};
use crate::server::known::Server;

use super::{fresh, planned, slots};

/// Statements that create this setup from plain tables, in the order of an apply. An apply schedules new policies in its last steps. This
/// script schedules each policy when it is added, unless the setup has it paused.
pub(crate) fn script(setup: &Setup, server: &Server) -> String {
    let mut out = String::new();
    for (number, (of, what)) in creations(setup).into_iter().enumerate() {
        let change = Change::new(of, what, Vec::new());
        let Ok(mut plan) = fresh::plan(&change, setup, server) else {
            continue;
        };
        if let Some((job, scheduled)) = policy(&change.what) {
            if !scheduled {
                planned::pause(&mut plan, fresh::JOB, server);
            }
            if let Some(schedule) = job.and_then(|id| setup.schedules.get(&id)) {
                slots::repeat(&mut plan, fresh::JOB, schedule, server);
            }
        }
        planned::rename(&mut plan, number + 1);
        for step in &plan.steps {
            write(&mut out, step);
        }
    }
    out
}

/// The policy that this change adds: its job id (`None`: not created yet), and whether it is scheduled. The result is `None` if the change
/// adds no policy.
fn policy(what: &What) -> Option<(Option<i64>, bool)> {
    match what {
        What::AddCompress(policy) | What::AddRetain(policy) => Some((policy.job, policy.scheduled)),
        What::AddRefresh(policy) => Some((policy.job, policy.scheduled)),
        What::AddReorder(policy) => Some((policy.job, true)),
        _ => None,
    }
}

/// Writes a step. Several statements are written as one transaction.
fn write(out: &mut String, step: &Step) {
    let block = step.run.len() > 1;
    out.extend(block.then_some("begin;\n"));
    for statement in &step.run {
        let literal = statement.literal();
        // psql keeps a job's id in a variable for later statements.
        match &statement.keeps {
            Some(name) => out.extend([&literal, " as ", name, " \\gset\n"]),
            None => out.extend([&literal, ";\n"]),
        }
    }
    out.extend(block.then_some("commit;\n"));
}

/// The changes that create each object, with the object's name.
fn creations(setup: &Setup) -> Vec<(&Name, What)> {
    let mut all = Vec::new();
    for (name, table) in &setup.hypertables {
        let create = What::CreateHypertable {
            time: table.time.clone(),
            axis: table.axis,
            interval: Some(table.interval),
        };
        let function = table.integer_now.clone();
        let function = function.map(|new| What::SetNow { old: None, new });
        let whats = [Some(create), function, comment(table.comment.as_ref())];
        let whats = whats.into_iter().flatten().chain(storage(&table.storage));
        all.extend(whats.map(|what| (name, what)));
    }
    let mut views: Vec<(&Name, &Aggregate)> = setup.aggregates.iter().collect();
    views.sort_by_key(|(name, _)| setup.depth(name));
    for (name, view) in views {
        let create = What::CreateAggregate {
            source: view.source.clone(),
            query: view.query.clone().unwrap_or_default(),
            materialized_only: Some(view.materialized_only),
        };
        let refresh = view.refresh.iter().copied().map(What::AddRefresh);
        let whats = std::iter::once(create).chain(comment(view.comment.as_ref()));
        let whats = whats.chain(refresh).chain(storage(&view.storage));
        all.extend(whats.map(|what| (name, what)));
    }
    for (name, indexes) in &setup.indexes {
        for (index, has) in indexes.iter().filter(|(_, has)| !has.by_default) {
            let what = What::CreateIndex {
                name: Some(index.clone()),
                index: has.clone(),
            };
            all.push((name, what));
        }
    }
    // Reorder policies come last, because their indexes must exist.
    for (name, table) in &setup.hypertables {
        let reorder = table.storage.reorder.clone().map(What::AddReorder);
        all.extend(reorder.map(|what| (name, what)));
    }
    all
}

fn comment(comment: Option<&String>) -> Option<What> {
    let new = comment.cloned();
    new.is_some().then_some(What::Describe { old: None, new })
}

fn storage(storage: &Storage) -> impl Iterator<Item = What> {
    let settings = storage.compression.clone().map(What::EnableCompression);
    let compress = storage.compress.map(What::AddCompress);
    let retain = storage.retain.map(What::AddRetain);
    [settings, compress, retain].into_iter().flatten()
}
