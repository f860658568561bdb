//! Compares the present setup with a policy file, and lists the changes that lead to the file's setup.

mod compared;
pub mod ground;
mod index;
mod storage;
mod table;
mod unnamed;
mod view;
mod window;

use std::collections::BTreeMap;

use crate::model::moment::Axis;
use crate::model::setup::change::{Change, What};
use crate::model::setup::file::Wanted;
use crate::model::setup::name::Name;
use crate::model::setup::objects::Setup;
use crate::model::setup::wish::{Entry, Kind};

use self::compared::Compared;
use self::ground::Ground;
use self::index::index;
use self::table::hypertable;
use self::unnamed::unnamed;
use self::view::aggregate;

/// The changes in the order of an apply. An error names the line of the file.
pub fn changes(wanted: &Wanted, ground: &Ground) -> Result<Vec<Change>, Vec<String>> {
    let (mut found, mut wrong) = (Vec::new(), Vec::new());
    for named in entries(wanted, ground.present, Kind::Hypertable) {
        let of = Compared::new(wanted, ground, &named);
        match hypertable(&of) {
            Ok(changes) => found.extend(of.whole(changes)),
            Err(why) => wrong.push(of.says(&why)),
        }
    }
    let mut times = axes(&found, ground.present);
    let mut views = entries(wanted, ground.present, Kind::Aggregate);
    views.sort_by_key(|(name, _)| depth(wanted, ground.present, name));
    for named in &views {
        let of = Compared::new(wanted, ground, named);
        match aggregate(&of, &times) {
            Ok((changes, axis)) => {
                found.extend(of.whole(changes));
                times.insert(of.name.clone(), axis);
            }
            Err(why) => wrong.push(of.says(&why)),
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

/// The objects of a kind that the file names exactly or by a pattern, with their settings in the file.
fn entries(wanted: &Wanted, present: &Setup, kind: Kind) -> Vec<(Name, Entry)> {
    let exact = wanted.exact().filter(|(_, entry)| entry.kind == kind);
    let exact = exact.map(|(name, _)| name.clone());
    let there: Vec<Name> = match kind {
        Kind::Hypertable => present.hypertables.keys().cloned().collect(),
        Kind::Aggregate => present.aggregates.keys().cloned().collect(),
    };
    let mut all: Vec<Name> = exact.chain(there).collect();
    all.sort();
    all.dedup();
    let with_entry = |name: Name| {
        let entry = wanted.entry(&name, kind)?;
        Some((name, entry))
    };
    all.into_iter().filter_map(with_entry).collect()
}

/// Types of the time dimensions of all relations, and of the hypertables that the changes create.
fn axes(found: &[Change], present: &Setup) -> BTreeMap<Name, Axis> {
    let tables = present.hypertables.iter();
    let tables = tables.map(|(name, table)| (name.clone(), table.axis));
    let views = present.aggregates.iter();
    let views = views.map(|(name, view)| (name.clone(), view.axis));
    let created = found.iter().filter_map(|change| match &change.what {
        What::CreateHypertable { axis, .. } => Some((change.of.clone(), *axis)),
        _ => None,
    });
    tables.chain(views).chain(created).collect()
}

/// Number of aggregates between this relation and its hypertable, according to the file and the server. At most 64, because a file may
/// describe a cycle.
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
