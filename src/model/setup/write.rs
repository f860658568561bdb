//! Writes a setup as a policy file.

use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value, value};

use crate::model::age_rule::AgeRule;
use crate::model::interval::Interval;
use crate::model::setup::name::Name;
use crate::model::setup::objects::{
    AgePolicy, Aggregate, Hypertable, Index, Refresh, Setup, Storage,
};
use crate::model::setup::order_by::OrderBy;
use crate::model::setup::reason::Reasons;
use crate::model::span::Span;
use crate::model::text;

/// The setup as a policy file. `full`: write the default orderby, TimescaleDB's own indexes and `"none"` too.
pub fn file(setup: &Setup, full: bool) -> String {
    let mut tables = ArrayOfTables::new();
    for (name, table) in &setup.hypertables {
        tables.push(of_hypertable(name, table, full));
    }
    let mut views = ArrayOfTables::new();
    let mut names: Vec<&Name> = setup.aggregates.keys().collect();
    names.sort_by_key(|name| setup.depth(name));
    for name in names {
        views.push(of_aggregate(name, &setup.aggregates[name], full));
    }
    let mut indexes = ArrayOfTables::new();
    for (name, all) in &setup.indexes {
        for (index, has) in all.iter().filter(|(_, has)| full || !has.by_default) {
            indexes.push(index_entry(name, index, has));
        }
    }
    let mut out = DocumentMut::new();
    if setup.relations().any(|name| setup.comment(name).is_some()) {
        let mut store = Table::new();
        store["comments"] = value(true);
        out["store"] = Item::Table(store);
    }
    for (key, all) in [
        ("hypertable", tables),
        ("aggregate", views),
        ("index", indexes),
    ] {
        if !all.is_empty() {
            out[key] = Item::ArrayOfTables(all);
        }
    }
    out.to_string()
}

/// The entry of a hypertable or aggregate, and the name of its list in the file. `None`: the setup has no such object.
pub(super) fn entry(setup: &Setup, name: &Name) -> Option<(&'static str, Table)> {
    let table = setup.hypertables.get(name);
    let table = table.map(|table| ("hypertable", of_hypertable(name, table, false)));
    let view = setup.aggregates.get(name);
    table.or_else(|| view.map(|view| ("aggregate", of_aggregate(name, view, false))))
}

fn of_hypertable(name: &Name, table: &Hypertable, full: bool) -> Table {
    let mut entry = Table::new();
    entry["name"] = value(name.to_string());
    entry["time"] = value(table.time.as_str());
    entry["chunk_interval"] = Item::Value(span(Span::of_raw(table.axis, table.interval)));
    if let Some(function) = &table.integer_now {
        entry["integer_now_func"] = value(function.to_string());
    }
    let reasons = reasons(&mut entry, table.comment.as_ref());
    storage(
        &mut entry,
        &table.storage,
        (Some(&table.time), &reasons),
        full,
    );
    entry
}

fn of_aggregate(name: &Name, view: &Aggregate, full: bool) -> Table {
    let mut entry = Table::new();
    entry["name"] = value(name.to_string());
    entry["from"] = value(view.source.to_string());
    entry["materialized_only"] = value(view.materialized_only);
    if let Some(query) = &view.query {
        let query = query.trim().trim_end_matches(';');
        entry["query"] = multiline(query);
    }
    if !view.refresh.is_empty() || full {
        entry["refresh"] = refreshes(&view.refresh);
    }
    let reasons = reasons(&mut entry, view.comment.as_ref());
    storage(&mut entry, &view.storage, (None, &reasons), full);
    entry
}

pub(super) fn index_entry(name: &Name, index: &str, has: &Index) -> Table {
    let mut entry = Table::new();
    entry["on"] = value(name.to_string());
    entry["name"] = value(index);
    entry["columns"] = value(has.columns.iter().collect::<Array>());
    if !has.include.is_empty() {
        entry["include"] = value(has.include.iter().collect::<Array>());
    }
    if let Some(predicate) = &has.predicate {
        entry["where"] = value(predicate.as_str());
    }
    if has.method != "btree" {
        entry["method"] = value(has.method.as_str());
    }
    if has.unique {
        entry["unique"] = value(true);
    }
    entry
}

/// A multi-line string in triple quotes, for queries.
fn multiline(text: &str) -> Item {
    let plain = !text.contains("'''") && !text.chars().any(|c| c.is_control() && c != '\n');
    let written = format!("'''\n{text}'''");
    match written.parse::<Value>() {
        Ok(parsed) if plain => Item::Value(parsed),
        _ => value(text),
    }
}

/// Writes the object's own reason, and returns the reasons of its policies.
fn reasons(entry: &mut Table, comment: Option<&String>) -> Reasons {
    let mut reasons = comment.map_or_else(Reasons::default, |comment| Reasons::read(comment));
    if let Some(own) = reasons.own.take() {
        entry["why"] = value(own);
    }
    reasons
}

fn storage(
    entry: &mut Table,
    storage: &Storage,
    (time, reasons): (Option<&str>, &Reasons),
    full: bool,
) {
    if let Some(settings) = &storage.compression {
        let mut compress = InlineTable::new();
        if let Some(columns) = &settings.segment_by {
            compress.insert("segment_by", Value::Array(columns.iter().collect()));
        }
        let default = time.map(|time| vec![OrderBy::newest_first(time)]);
        let orders = settings
            .order_by
            .as_ref()
            .filter(|all| full || Some(*all) != default.as_ref());
        if let Some(all) = orders.filter(|all| !all.is_empty()) {
            let all = all.iter().map(OrderBy::to_string);
            compress.insert("order_by", Value::Array(all.collect()));
        }
        if let Some(policy) = &storage.compress {
            age(&mut compress, policy);
        }
        if let Some(why) = &reasons.compress {
            compress.insert("why", why.as_str().into());
        }
        entry["compress"] = value(compress);
    } else if full {
        entry["compress"] = value("none");
    }
    match &storage.retain {
        Some(policy) => {
            let mut retain = InlineTable::new();
            age(&mut retain, policy);
            if let Some(why) = &reasons.retain {
                retain.insert("why", why.as_str().into());
            }
            entry["retain"] = value(retain);
        }
        None if full => entry["retain"] = value("none"),
        None => {}
    }
    if let Some(reorder) = &storage.reorder {
        let mut table = InlineTable::new();
        table.insert("index", reorder.index.as_str().into());
        table.insert("every", every(reorder.every));
        entry["reorder"] = value(table);
    }
}

fn age(table: &mut InlineTable, policy: &AgePolicy) {
    match policy.age {
        AgeRule::After(after) => table.insert("after", span(after)),
        AgeRule::CreatedBefore(created) => table.insert("created_before", every(created)),
    };
    table.insert("every", every(policy.every));
    if !policy.scheduled {
        table.insert("paused", true.into());
    }
}

fn refreshes(all: &[Refresh]) -> Item {
    let mut list = Array::new();
    for refresh in all {
        let mut table = InlineTable::new();
        if let Some(start) = refresh.start {
            table.insert("start", span(start));
        }
        if let Some(end) = refresh.end {
            table.insert("end", span(end));
        }
        table.insert("every", every(refresh.every));
        if !refresh.scheduled {
            table.insert("paused", true.into());
        }
        list.push(table);
    }
    value(list)
}

fn span(span: Span) -> Value {
    match span {
        Span::Number(units) => units.into(),
        Span::Interval(interval) => every(interval),
    }
}

/// An interval in its shortest form: `7d`, `1h30m`.
fn every(interval: Interval) -> Value {
    let long = interval.to_string();
    let short = text::interval(&long);
    if Interval::parse(&short) == Ok(interval) {
        short.into()
    } else {
        long.into()
    }
}
