//! Objects that match a pattern in `owns` but are not in the file.

use crate::model::setup::change::{Change, Field, What};
use crate::model::setup::file::Wanted;
use crate::model::setup::name::Name;
use crate::model::setup::objects::Hypertable;
use crate::model::setup::wish::{IndexEntry, Kind};

use super::ground::Ground;
use super::index::{being_built, normal, shape};

/// One change for each object that matches a pattern in `owns` but is not in the file. With `prune` the change removes the object,
/// otherwise it is [`What::Unnamed`]. An index counts only if the file has an `[[index]]` on the same relation.
pub(super) fn unnamed(wanted: &Wanted, ground: &Ground) -> Vec<Change> {
    let mut found = Vec::new();
    let present = ground.present;
    for (name, view) in &present.aggregates {
        if wanted.owns(name) && wanted.entry(name, Kind::Aggregate).is_none() {
            let what = if ground.prune {
                What::DropAggregate
            } else {
                What::Unnamed
            };
            let fields = vec![Field::new("from", Some(view.source.to_string()), None)];
            found.push(Change::new(name, what, fields));
        }
    }
    for (name, table) in &present.hypertables {
        if wanted.owns(name) && wanted.entry(name, Kind::Hypertable).is_none() {
            found.extend(unnamed_policies(name, table, ground.prune));
        }
    }
    for (name, indexes) in &present.indexes {
        if !wanted.owns(name) || !wanted.indexes.iter().any(|entry| entry.on == *name) {
            continue;
        }
        for (index, has) in indexes.iter().filter(|(_, has)| !has.by_default) {
            let meant = |entry: &&IndexEntry| {
                entry.name.as_ref() == Some(index) || normal(&entry.index()) == normal(has)
            };
            let mut on = wanted.indexes.iter().filter(|entry| entry.on == *name);
            if on.any(|entry| meant(&entry)) {
                continue;
            }
            if let Some(change) = being_built(name, index, has).filter(|_| ground.prune) {
                found.push(change);
                continue;
            }
            let what = match has.oid {
                Some(oid) if ground.prune => What::DropIndex {
                    name: index.clone(),
                    oid,
                    invalid: !has.valid,
                },
                _ => What::Unnamed,
            };
            let fields = vec![Field::new(
                &format!("index {index}"),
                Some(shape(has)),
                None,
            )];
            found.push(Change::new(name, what, fields));
        }
    }
    found
}

/// The policies of a hypertable that is not in the file. The hypertable itself is never removed.
fn unnamed_policies(name: &Name, table: &Hypertable, prune: bool) -> Vec<Change> {
    let storage = &table.storage;
    let compress = storage.compress.map(|had| {
        let field = Field::new("compress.after", Some(had.age.to_string()), None);
        (What::RemoveCompress(had), field)
    });
    let retain = storage.retain.map(|had| {
        let field = Field::new("retain.after", Some(had.age.to_string()), None);
        (What::RemoveRetain(had), field)
    });
    let reorder = storage.reorder.as_ref().map(|had| {
        let field = Field::new("reorder", Some(had.index.clone()), None);
        (What::RemoveReorder(had.clone()), field)
    });
    let all = [compress, retain, reorder].into_iter().flatten();
    all.map(|(what, field)| {
        let what = if prune { what } else { What::Unnamed };
        Change::new(name, what, vec![field])
    })
    .collect()
}
