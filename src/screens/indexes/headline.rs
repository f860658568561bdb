//! Totals of indexes: bytes, bytes that are wasted, and unused indexes.

use super::judge;
use super::row::{Row, counted_since};
use crate::model::text;
use crate::model::value::Value;
use crate::screens::headline::{Sum, groups, line, number, rows as many_rows};
use crate::server::known::At;

pub(super) fn headline(rows: &[Row], at: &At) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let all = many_rows(rows.len(), "index");
    let all = format!("{all}, {}{}", size(rows.iter()), counted_twice(rows));
    let double: Vec<_> = rows
        .iter()
        .filter(|row| row.duplicate_of.is_some())
        .collect();
    let double = match double.len() {
        0 => String::new(),
        many => format!(
            "{}: {}",
            many_rows(many, "duplicate"),
            size(double.into_iter())
        ),
    };
    let many = |which: fn(&&Row) -> bool| rows.iter().filter(which).count();
    let faults = groups([
        (many(|row| row.is_broken()), "invalid"),
        (many(|row| row.missing() > 0), "missing on chunks"),
        (many(|row| row.builder().is_some()), "being built"),
    ]);
    // Indexes whose statistics are too young to judge are counted separately.
    let unscanned = rows.iter().filter(|row| row.unused(at) == Some(true));
    let (early, unscanned): (Vec<_>, Vec<_>) = unscanned.partition(|row| judge::is_young(row, at));
    vec![
        line([all, wasted(rows, at), unused(&unscanned, early.len(), at)]),
        line([double, faults, too_early(&early, at), bloat(rows)]),
    ]
}

/// Total size. A chunk index that two indexes share is counted only for the index that should stay.
fn size<'a>(rows: impl Iterator<Item = &'a Row>) -> String {
    Sum::of(rows.map(judge::own_bytes)).bytes()
}

/// Text for the bytes that the column BYTES counts twice, because two rows share chunk indexes; empty if there are none.
fn counted_twice(rows: &[Row]) -> String {
    let listed = Sum::of(rows.iter().map(Row::size)).total;
    match listed - Sum::of(rows.iter().map(judge::own_bytes)).total {
        ..=0 => String::new(),
        twice => format!(" (column BYTES counts {} twice)", text::bytes(twice)),
    }
}

/// Text with the bytes that dropping or rebuilding indexes would free; each chunk index is counted once.
fn wasted(rows: &[Row], at: &At) -> String {
    let known = rows.iter().map(|row| judge::wasted(row, at));
    let sum = Sum::of(known.filter(|value| *value != Value::Null));
    match (sum.known, sum.total) {
        (0, _) => String::new(),
        (_, 0) => "none wasted".to_owned(),
        _ => format!("{} wasted", sum.bytes()),
    }
}

/// `early`: number of indexes whose statistics are too young to judge.
fn unused(unused: &[&Row], early: usize, at: &At) -> String {
    if !at.server.track_counts {
        return "use unknown (track_counts is off)".to_owned();
    }
    let since = counted_since(at).map_or_else(
        || "statistics began".to_owned(),
        |since| text::age(since, at.now),
    );
    match unused.len() {
        0 if early > 0 => String::new(),
        0 => format!("none unused since {since}"),
        many => format!(
            "{} unused since {since}: {}",
            number(many),
            size(unused.iter().copied())
        ),
    }
}

/// Text for the indexes that were not scanned, but whose statistics are too young to judge; empty if there are none.
fn too_early(early: &[&Row], at: &At) -> String {
    if early.is_empty() {
        return String::new();
    }
    // Without a reset, the age of the statistics is unknown: they began before the server's last start, or at that start if the server had
    // crashed.
    let perhaps = match counted_since(at) {
        Some(_) => "",
        None => "perhaps ",
    };
    format!(
        "{} unscanned ({}): too early to judge ({perhaps}{} of statistics)",
        number(early.len()),
        size(early.iter().copied()),
        text::duration(whole(judge::counted_seconds(at)))
    )
}

/// Rounds down to whole seconds, and from one minute on to whole minutes, so that the text does not change with every tick.
fn whole(seconds: f64) -> f64 {
    let step = if seconds < 60.0 { 1.0 } else { 60.0 };
    (seconds.max(0.0) / step).floor() * step
}

fn bloat(rows: &[Row]) -> String {
    let known: Vec<_> = rows.iter().filter_map(judge::own_bloat).collect();
    if known.is_empty() {
        return "bloat not read yet".to_owned();
    }
    let bytes: i64 = known.iter().sum();
    let of = match rows.len() - known.len() {
        0 => String::new(),
        _ => format!(
            " (known for {} of {})",
            number(known.len()),
            number(rows.len())
        ),
    };
    format!("bloat ~{}{of}", text::bytes(bytes))
}
