//! A setup as a psql script that calls documented functions only.

use crate::model::moment::Axis;
use crate::model::setup::change::{Change, What};
use crate::model::setup::name::Name;
use crate::model::setup::objects::{Setup, Storage};
use crate::server::known::Server;

use super::{fresh, planned, slots};

/// Statements that create this setup from plain tables, in the order of an apply. New policies are scheduled at once.
pub fn script(setup: &Setup, server: &Server) -> String {
    let mut out = String::new();
    let mut number = 0;
    let mut views: Vec<&Name> = setup.aggregates.keys().collect();
    views.sort_by_key(|name| setup.depth(name));
    let mut write = |of: &Name, what: What, axis: Axis| {
        let change = Change::new(of, what, Vec::new());
        number += 1;
        if let Ok(mut plan) = fresh::plan(&change, setup, axis, server) {
            if let Some((job, scheduled)) = policy(&change.what) {
                if !scheduled {
                    planned::pause(&mut plan, fresh::JOB, server);
                }
                if let Some(schedule) = job.and_then(|id| setup.schedules.get(&id)) {
                    slots::repeat(&mut plan, fresh::JOB, schedule, server);
                }
            }
            planned::rename(&mut plan, number);
            for step in &plan.steps {
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
        }
    };
    for (name, table) in &setup.hypertables {
        let what = What::CreateHypertable {
            time: table.time.clone(),
            interval: Some(table.interval),
        };
        write(name, what, table.axis);
        if let Some(new) = table.integer_now.clone() {
            write(name, What::SetNow { old: None, new }, table.axis);
        }
        comment(&mut write, name, table.comment.as_ref(), table.axis);
        storage(&mut write, name, &table.storage, table.axis);
    }
    for name in views {
        let view = &setup.aggregates[name];
        let what = What::CreateAggregate {
            source: view.source.clone(),
            query: view.query.clone().unwrap_or_default(),
            materialized_only: Some(view.materialized_only),
        };
        write(name, what, view.axis);
        comment(&mut write, name, view.comment.as_ref(), view.axis);
        for refresh in &view.refresh {
            write(name, What::AddRefresh(*refresh), view.axis);
        }
        storage(&mut write, name, &view.storage, view.axis);
    }
    for (name, all) in &setup.indexes {
        let axis = setup.axis(name).unwrap_or(Axis::TimestampTz);
        for (index, has) in all.iter().filter(|(_, has)| !has.by_default) {
            let what = What::CreateIndex {
                name: Some(index.clone()),
                index: has.clone(),
            };
            write(name, what, axis);
        }
    }
    // A reorder policy needs its index to exist.
    for (name, table) in &setup.hypertables {
        if let Some(reorder) = &table.storage.reorder {
            write(name, What::AddReorder(reorder.clone()), table.axis);
        }
    }
    out
}

/// Id of the policy that this adds again, and whether it is scheduled. `None`: it adds no policy.
fn policy(what: &What) -> Option<(Option<i64>, bool)> {
    match what {
        What::AddCompress(policy) | What::AddRetain(policy) => Some((policy.job, policy.scheduled)),
        What::AddRefresh(policy) => Some((policy.job, policy.scheduled)),
        What::AddReorder(policy) => Some((policy.job, true)),
        _ => None,
    }
}

fn comment(
    write: &mut impl FnMut(&Name, What, Axis),
    name: &Name,
    comment: Option<&String>,
    axis: Axis,
) {
    if let Some(new) = comment {
        let what = What::Describe {
            old: None,
            new: Some(new.clone()),
        };
        write(name, what, axis);
    }
}

fn storage(write: &mut impl FnMut(&Name, What, Axis), name: &Name, storage: &Storage, axis: Axis) {
    if let Some(settings) = &storage.compression {
        write(name, What::EnableCompression(settings.clone()), axis);
    }
    if let Some(policy) = storage.compress {
        write(name, What::AddCompress(policy), axis);
    }
    if let Some(policy) = storage.retain {
        write(name, What::AddRetain(policy), axis);
    }
}
