//! Compares the present setup with a policy file, and lists the changes that lead to the file's.

pub mod ground;
mod index;
mod storage;
mod table;
mod unnamed;
mod view;
mod window;

use std::collections::BTreeMap;

use crate::model::moment::Axis;
use crate::model::setup::change::{Change, Field, What};
use crate::model::setup::file::Wanted;
use crate::model::setup::name::Name;
use crate::model::setup::objects::Setup;
use crate::model::setup::reason::Reasons;
use crate::model::setup::wish::{self, Entry, Kind, Setting};

use self::ground::Ground;
use self::index::index;
use self::table::hypertable;
use self::unnamed::unnamed;
use self::view::aggregate;

/// The changes in the order of an apply. An error names the line of the file.
pub fn changes(wanted: &Wanted, ground: &Ground) -> Result<Vec<Change>, Vec<String>> {
    let (mut found, mut wrong) = (Vec::new(), Vec::new());
    for name in names(wanted, ground.present, Kind::Hypertable) {
        if let Some(entry) = wanted.entry(&name, Kind::Hypertable) {
            match hypertable(wanted, &entry, &name, ground) {
                Ok(changes) => {
                    found.extend(placed(because(changes, &entry), wanted, &entry));
                    found.extend(described(wanted, &entry, &name, ground));
                }
                Err(why) => wrong.push(entry.at.says(&format!("{name}: {why}"))),
            }
        }
    }
    let mut times = axes(&found, ground);
    let mut views = names(wanted, ground.present, Kind::Aggregate);
    views.sort_by_key(|name| depth(wanted, ground.present, name));
    for name in views {
        if let Some(entry) = wanted.entry(&name, Kind::Aggregate) {
            match aggregate(wanted, &entry, &name, ground, &times) {
                Ok((changes, axis)) => {
                    found.extend(placed(because(changes, &entry), wanted, &entry));
                    found.extend(described(wanted, &entry, &name, ground));
                    times.insert(name, axis);
                }
                Err(why) => wrong.push(entry.at.says(&format!("{name}: {why}"))),
            }
        }
    }
    for entry in &wanted.indexes {
        match index(entry, ground, &times) {
            Ok(changes) => found.extend(changes.into_iter().map(|change| Change {
                why: entry.why.clone(),
                ..change
            })),
            Err(why) => wrong.push(entry.at.says(&format!("{}: {why}", entry.on))),
        }
    }
    found.extend(unnamed(wanted, ground));
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let depth = |change: &Change| {
        let depth = depth(wanted, ground.present, &change.of);
        // Parents are created first, and dropped last.
        if change.what == What::DropAggregate {
            usize::MAX - depth
        } else {
            depth
        }
    };
    found.sort_by_key(|change| (change.rank(), depth(change)));
    Ok(found)
}

/// New policies that compress or drop begin in the window of the entry.
fn placed(
    changes: impl Iterator<Item = Change>,
    wanted: &Wanted,
    entry: &Entry,
) -> impl Iterator<Item = Change> {
    changes.map(|change| match change.what {
        What::AddCompress(_) | What::AddRetain(_) => Change {
            window: wanted.window(entry).cloned(),
            ..change
        },
        _ => change,
    })
}

/// The change of an object's comment, if the file wants its reasons there.
fn described(wanted: &Wanted, entry: &Entry, name: &Name, ground: &Ground) -> Option<Change> {
    if wanted.comments != Some(true) || entry.absent == Some(true) {
        return None;
    }
    let old = ground.present.comment(name);
    let old = old.or_else(|| ground.tables.get(name)?.comment.as_ref());
    let was = old.map_or_else(Reasons::default, |comment| Reasons::read(comment));
    let shall = Reasons::wanted(entry, &was);
    if was == shall {
        return None;
    }
    let both = was.each().into_iter().zip(shall.each());
    let fields = both.filter(|((_, was), (_, shall))| was != shall);
    let fields = fields
        .map(|((key, was), (_, shall))| Field::new(key, was.cloned(), shall.cloned()))
        .collect();
    let what = What::Describe {
        old: old.cloned(),
        new: Some(shall.to_string()).filter(|text| !text.is_empty()),
    };
    Some(Change::new(name, what, fields))
}

fn because(changes: Vec<Change>, entry: &Entry) -> impl Iterator<Item = Change> {
    changes.into_iter().map(|change| {
        let own = match &change.what {
            What::AddRetain(_) | What::EditRetain(..) => match &entry.retain {
                Some(Setting::To(retain)) => retain.why.clone(),
                _ => None,
            },
            What::AddCompress(_) | What::EditCompress(..) => match &entry.compress {
                Some(Setting::To(compress)) => compress.why.clone(),
                _ => None,
            },
            _ => None,
        };
        Change {
            why: own.or_else(|| entry.why.clone()),
            ..change
        }
    })
}

/// The objects of a kind that the file names exactly or by a pattern.
fn names(wanted: &Wanted, present: &Setup, kind: Kind) -> Vec<Name> {
    let exact = wanted.entries.iter().filter(|entry| entry.kind == kind);
    let exact = exact.filter_map(|entry| match &entry.name {
        wish::Pattern::Is(name) => Some(name.clone()),
        wish::Pattern::Like(_) => None,
    });
    let there: Vec<Name> = match kind {
        Kind::Hypertable => present.hypertables.keys().cloned().collect(),
        Kind::Aggregate => present.aggregates.keys().cloned().collect(),
    };
    let mut all: Vec<Name> = exact.chain(there).collect();
    all.sort();
    all.dedup();
    all
}

/// Time axes of all relations, and of the hypertables that the changes create.
fn axes(found: &[Change], ground: &Ground) -> BTreeMap<Name, Axis> {
    let tables = ground.present.hypertables.iter();
    let tables = tables.map(|(name, table)| (name.clone(), table.axis));
    let views = ground.present.aggregates.iter();
    let views = views.map(|(name, view)| (name.clone(), view.axis));
    let created = found.iter().filter_map(|change| match &change.what {
        What::CreateHypertable { time, .. } => {
            let axis = ground.tables.get(&change.of)?.columns.get(time)?;
            Some((change.of.clone(), Axis::of(axis)))
        }
        _ => None,
    });
    tables.chain(views).chain(created).collect()
}

/// Number of aggregates between this relation and its hypertable, by the file and the server.
fn depth(wanted: &Wanted, present: &Setup, name: &Name) -> usize {
    let mut at = name.clone();
    for depth in 0..64 {
        let from = wanted
            .entry(&at, Kind::Aggregate)
            .and_then(|entry| entry.source);
        let from = from.or_else(|| present.aggregates.get(&at).map(|view| view.source.clone()));
        match from {
            Some(from) => at = from,
            None => return depth,
        }
    }
    64
}
