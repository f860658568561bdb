//! Changes of a continuous aggregate.

use std::collections::BTreeMap;

use crate::model::moment::Axis;
use crate::model::setup::bare::bare;
use crate::model::setup::change::{Change, Field, What};
use crate::model::setup::length::{open, spelled};
use crate::model::setup::name::Name;
use crate::model::setup::objects::{Aggregate, Refresh, Storage, UNKNOWN};
use crate::model::setup::wish::{self, Length, Setting};

use super::compared::Compared;
use super::storage::{paused, storage};

pub(super) fn aggregate(
    of: &Compared,
    times: &BTreeMap<Name, Axis>,
) -> Result<(Vec<Change>, Axis), String> {
    let there = of.ground.present.aggregates.get(of.name);
    if of.entry.absent == Some(true) {
        let gone = there.map(|_| of.change(What::DropAggregate, Vec::new()));
        let axis = there.map_or(Axis::TimestampTz, |view| view.axis);
        return Ok((gone.into_iter().collect(), axis));
    }
    match there {
        Some(there) => {
            let changes = existing(of, there)?;
            Ok((changes, there.axis))
        }
        None => created(of, times),
    }
}

fn created(of: &Compared, times: &BTreeMap<Name, Axis>) -> Result<(Vec<Change>, Axis), String> {
    let entry = of.entry;
    if of.ground.present.hypertables.contains_key(of.name) {
        return Err("it is a hypertable: write it under [[hypertable]]".to_owned());
    }
    let source = entry
        .source
        .clone()
        .ok_or("it does not exist: to create it, name its source: from = \"schema.name\"")?;
    let query = entry.query.clone().ok_or(
        "it does not exist: to create it, give its query = \"\"\"select time_bucket(…) …\"\"\"",
    )?;
    let axis = times.get(&source).copied().ok_or_else(|| {
        format!("from: {source} is neither a hypertable nor an aggregate, in the database or in the file")
    })?;
    let fields = vec![Field::new("from", None, Some(source.to_string()))];
    let what = What::CreateAggregate {
        source,
        query,
        materialized_only: entry.materialized_only,
    };
    let mut changes = vec![of.change(what, fields)];
    changes.extend(refreshes(of, &[], axis)?);
    changes.extend(storage(of, &Storage::default(), "", axis)?);
    Ok((changes, axis))
}

fn existing(of: &Compared, there: &Aggregate) -> Result<Vec<Change>, String> {
    let (entry, mut changes) = (of.entry, Vec::new());
    if let Some(source) = entry
        .source
        .as_ref()
        .filter(|source| **source != there.source)
    {
        let words = format!(
            "it reads {}, not {source}: drop it and create it again (its rows are lost)",
            there.source
        );
        changes.push(of.change(What::Impossible(words), Vec::new()));
    }
    changes.extend(query(of, there));
    if let Some(only) = entry
        .materialized_only
        .filter(|only| *only != there.materialized_only)
    {
        let field = Field::of(
            "materialized_only",
            there.materialized_only.to_string(),
            only.to_string(),
        );
        let what = What::SwitchRealTime {
            materialized_only: only,
        };
        changes.push(of.change(what, field.into_iter().collect()));
    }
    changes.extend(refreshes(of, &there.refresh, there.axis)?);
    changes.extend(storage(of, &there.storage, "", there.axis)?);
    Ok(changes)
}

/// The difference of an aggregate's query, which no change can remove. `None`: the queries are the same, or the file has none.
fn query(of: &Compared, there: &Aggregate) -> Option<Change> {
    let written = of.entry.query.as_ref()?;
    let Some(has) = there.query.as_ref() else {
        let what = What::Impossible(format!("its query is {UNKNOWN}"));
        return Some(of.change(what, Vec::new()));
    };
    let wants = of.ground.queries.get(of.name).unwrap_or(written);
    if bare(wants) == bare(has) || bare(written) == bare(has) {
        return None;
    }
    let words = "its query differs from the file's. TimescaleDB cannot change it: drop it and create it again (its rows are lost)";
    let fields = vec![Field::new("query", Some(bare(has)), Some(bare(wants)))];
    Some(of.change(What::Impossible(words.to_owned()), fields))
}

/// The changes of the refresh policies. A policy that is in the database and in the file stays. Of the others, the first one of the database
/// is edited into the first one of the file, and so on; the rest is removed or added.
fn refreshes(of: &Compared, there: &[Refresh], axis: Axis) -> Result<Vec<Change>, String> {
    let wishes: &[wish::Refresh] = match &of.entry.refresh {
        None => return Ok(Vec::new()),
        Some(Setting::None) => &[],
        Some(Setting::To(all)) => all,
    };
    let new = wishes.iter().map(|wish| wished(of, wish, axis));
    let new = new.collect::<Result<Vec<Refresh>, String>>()?;
    let left = there
        .iter()
        .filter(|had| !new.iter().any(|new| same(had, new)));
    let more = new
        .iter()
        .filter(|new| !there.iter().any(|had| same(had, new)));
    let (left, more): (Vec<&Refresh>, Vec<&Refresh>) = (left.collect(), more.collect());
    let mut changes = Vec::new();
    for new in &new {
        // The policy stays. Only whether it is paused may differ.
        let had = there.iter().find(|had| same(had, new));
        changes.extend(had.and_then(|had| switched(of.name, had, new)));
    }
    for at in 0..left.len().max(more.len()) {
        match (left.get(at), more.get(at)) {
            (Some(old), Some(new)) => changes.extend(edited(of.name, old, new)),
            (Some(&&old), None) => {
                let fields = vec![Field::new("refresh", Some(window(&old)), None)];
                changes.push(of.change(What::RemoveRefresh(old), fields));
            }
            (None, Some(&&new)) => {
                let fields = vec![Field::new("refresh", None, Some(window(&new)))];
                changes.push(of.change(What::AddRefresh(new), fields));
            }
            (None, None) => {}
        }
    }
    Ok(changes)
}

/// A refresh policy as the file describes it.
fn wished(of: &Compared, wish: &wish::Refresh, axis: Axis) -> Result<Refresh, String> {
    let side = |length: Option<Length>, word: &str| {
        let span = length.map(|length| length.on(axis)).transpose();
        span.map_err(|why| format!("refresh: {word}: {why}"))
    };
    Ok(Refresh {
        job: None,
        start: side(wish.start, "start")?,
        end: side(wish.end, "end")?,
        scheduled: !wish.paused,
        every: of
            .wanted
            .every(of.entry, wish.every)
            .ok_or("refresh: every is missing: write how often the policy runs, every = \"1h\"")?,
    })
}

fn same(one: &Refresh, other: &Refresh) -> bool {
    (one.start, one.end, one.every) == (other.start, other.end, other.every)
}

/// Pauses or resumes the policy if only the old or only the new one is paused.
fn switched(name: &Name, old: &Refresh, new: &Refresh) -> Option<Change> {
    paused(name, "refresh", old.job, old.scheduled, new.scheduled)
}

fn edited(name: &Name, old: &Refresh, new: &Refresh) -> impl Iterator<Item = Change> {
    let fields = [
        Field::of("refresh.start", open(old.start), open(new.start)),
        Field::of("refresh.end", open(old.end), open(new.end)),
        Field::of("refresh.every", spelled(old.every), spelled(new.every)),
    ];
    let fields = fields.into_iter().flatten().collect();
    let to = Refresh {
        job: old.job,
        ..*new
    };
    let edit = Change::new(name, What::EditRefresh(*old, to), fields);
    switched(name, old, new).into_iter().chain([edit])
}

fn window(refresh: &Refresh) -> String {
    let from = match refresh.start {
        Some(start) => format!("{start} before now"),
        None => "the beginning".to_owned(),
    };
    let to = match refresh.end {
        Some(end) => format!("to {end} before now"),
        None => "without an end".to_owned(),
    };
    format!("from {from} {to}, every {}", spelled(refresh.every))
}
