//! Changes of indexes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::model::moment::Axis;
use crate::model::setup::bare;
use crate::model::setup::change::{Change, Field, What};
use crate::model::setup::name::Name;
use crate::model::setup::objects::{Index, UNKNOWN};
use crate::model::setup::wish::IndexEntry;
use crate::model::text;

use super::ground::Ground;

pub(super) fn index(
    entry: &IndexEntry,
    ground: &Ground,
    times: &BTreeMap<Name, Axis>,
) -> Result<Vec<Change>, String> {
    if ground.present.locked.contains(&entry.on) {
        let what = What::Impossible(format!("its indexes are {UNKNOWN}"));
        return Ok(vec![Change::new(&entry.on, what, Vec::new())]);
    }
    let there = ground.present.indexes.get(&entry.on);
    let named = entry
        .name
        .as_ref()
        .and_then(|name| Some((name, there?.get(name)?)));
    if entry.absent {
        return Ok(named
            .and_then(|(name, index)| {
                being_built(&entry.on, name, index).or_else(|| drop(&entry.on, name, index))
            })
            .into_iter()
            .collect());
    }
    if !times.contains_key(&entry.on) {
        return Err("not a hypertable or aggregate, so hypertop creates no index on it".to_owned());
    }
    let new = entry.index();
    if let Some((name, index)) = named.filter(|(_, index)| !same(index, &new)) {
        return Ok(vec![redefined(&entry.on, name, index, &new)]);
    }
    let there: Vec<(&String, &Index)> = there.into_iter().flatten().collect();
    let alike = there.iter().filter(|(_, index)| same(index, &new));
    if alike.clone().any(|(_, index)| index.valid) {
        return Ok(Vec::new());
    }
    let mut built = alike
        .clone()
        .filter_map(|(name, index)| being_built(&entry.on, name, index));
    if let Some(change) = built.next() {
        return Ok(vec![change]);
    }
    let mut doubtful = there
        .iter()
        .filter(|(_, index)| entry.name.is_none() && differs_in_condition(index, &new));
    if let Some((name, index)) = doubtful.next() {
        return Ok(vec![doubted(&entry.on, name, index, &new)]);
    }
    // An interrupted build left an invalid index: it is dropped and built again.
    let mut changes: Vec<Change> = alike
        .filter_map(|(name, index)| drop(&entry.on, name, index))
        .collect();
    let fields = vec![Field::new("index", None, Some(shape(&new)))];
    let what = What::CreateIndex {
        name: entry.name.clone(),
        index: new,
    };
    changes.push(Change::new(&entry.on, what, fields));
    Ok(changes)
}

fn same(one: &Index, other: &Index) -> bool {
    normal(one) == normal(other)
}

/// True if both have a condition, and nothing else differs. Only the server can tell whether two conditions mean the same.
fn differs_in_condition(index: &Index, new: &Index) -> bool {
    let with_that_of_new = Index {
        predicate: new.predicate.clone(),
        ..index.clone()
    };
    index.predicate.is_some()
        && new.predicate.is_some()
        && same(&with_that_of_new, new)
        && !same(index, new)
}

/// Refusal, because the file gives the name of this index to another definition.
fn redefined(on: &Name, name: &str, index: &Index, new: &Index) -> Change {
    let words = format!(
        "index {} has another definition than in the file: drop it (absent = true), or give the new one another name",
        text::quote_identifier(name)
    );
    let fields = vec![Field::new("columns", Some(shape(index)), Some(shape(new)))];
    Change::new(on, What::Impossible(words), fields)
}

/// Refusal for an index that differs from the file's `[[index]]` in its WHERE condition only: only the server can tell whether two
/// conditions mean the same.
fn doubted(on: &Name, name: &str, index: &Index, new: &Index) -> Change {
    let words = format!(
        "index {} has the same columns but another condition: write the condition as the server does, where = {:?}, or choose another name",
        text::quote_identifier(name),
        index.predicate.as_deref().unwrap_or_default()
    );
    let fields = vec![Field::new("index", Some(shape(index)), Some(shape(new)))];
    Change::new(on, What::Impossible(words), fields)
}

/// Refusal, because another session is building this index. `None`: no session is.
pub(super) fn being_built(on: &Name, name: &str, index: &Index) -> Option<Change> {
    let pid = index.builder?;
    let words = format!(
        "index {} is being built by pid {pid}: nothing is changed before the build ends",
        text::quote_identifier(name)
    );
    Some(Change::new(on, What::Impossible(words), Vec::new()))
}

fn drop(on: &Name, name: &str, index: &Index) -> Option<Change> {
    let what = What::DropIndex {
        name: name.to_owned(),
        oid: index.oid?,
        invalid: !index.valid,
    };
    Some(Change::new(on, what, Vec::new()))
}

/// The definition of an index in one spelling: without case (outside quotes), extra spaces, `ASC`, and the default order of NULLs.
pub(super) fn normal(index: &Index) -> (Vec<String>, Vec<String>, String, bool, Option<String>) {
    let column = |text: &String| {
        let squeezed = squeezed(text);
        let end = |text: &str, word: &str| text.strip_suffix(word).map(str::to_owned);
        let squeezed = end(&squeezed, " desc nulls first").map_or(squeezed, |rest| rest + " desc");
        let squeezed = end(&squeezed, " nulls last")
            .filter(|rest| !rest.ends_with(" desc"))
            .unwrap_or(squeezed);
        end(&squeezed, " asc").unwrap_or(squeezed)
    };
    let predicate = index.predicate.as_ref().map(|text| {
        let text = squeezed(text);
        let inside = text
            .strip_prefix('(')
            .and_then(|text| text.strip_suffix(')'));
        match inside.filter(|inside| !inside.contains(['(', ')'])) {
            Some(inside) => inside.to_owned(),
            None => text,
        }
    });
    let mut include: Vec<String> = index.include.iter().map(|text| squeezed(text)).collect();
    include.sort();
    let columns = index.columns.iter().map(column).collect();
    (
        columns,
        include,
        index.method.clone(),
        index.unique,
        predicate,
    )
}

fn squeezed(text: &str) -> String {
    bare::squeezed(text, |c| c.to_lowercase().collect())
}

/// An index as text: `unique (device_id, ts DESC) include (value)`.
pub(super) fn shape(index: &Index) -> String {
    let unique = if index.unique { "unique " } else { "" };
    let method = if index.method == "btree" {
        String::new()
    } else {
        format!("{} ", index.method)
    };
    let mut out = format!("{unique}{method}({})", index.columns.join(", "));
    if !index.include.is_empty() {
        let _ = write!(out, " include ({})", index.include.join(", "));
    }
    if let Some(predicate) = &index.predicate {
        let _ = write!(out, " where {predicate}");
    }
    out
}
