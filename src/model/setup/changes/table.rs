//! Changes of a hypertable.

use crate::model::moment::Axis;
use crate::model::setup::change::{Change, Field, What};
use crate::model::setup::name::Name;
use crate::model::setup::objects::{Hypertable, Storage};
use crate::model::setup::wish::{Length, Setting};
use crate::model::span::Span;

use super::compared::Compared;
use super::storage::storage;

pub(super) fn hypertable(of: &Compared) -> Result<Vec<Change>, String> {
    match of.ground.present.hypertables.get(of.name) {
        Some(there) => existing(of, there),
        None => created(of),
    }
}

fn existing(of: &Compared, there: &Hypertable) -> Result<Vec<Change>, String> {
    let (entry, mut changes) = (of.entry, Vec::new());
    if let Some(time) = entry.time.as_ref().filter(|time| **time != there.time) {
        let words = format!(
            "its time column is {:?}, not {time:?}: TimescaleDB cannot change it",
            there.time
        );
        changes.push(of.change(What::Impossible(words), Vec::new()));
    }
    if let Some(length) = entry.interval {
        let new = interval(length, there.axis)?;
        let field = Field::of(
            "chunk_interval",
            of_raw(there.axis, there.interval),
            of_raw(there.axis, new),
        );
        changes.extend(
            field
                .filter(|_| new != there.interval)
                .map(|field| of.change(What::SetInterval(new), vec![field])),
        );
    }
    let function = there.integer_now.as_ref();
    changes.extend(integer_now(of, there.axis, function)?);
    changes.extend(storage(of, &there.storage, &there.time, there.axis)?);
    Ok(changes)
}

fn created(of: &Compared) -> Result<Vec<Change>, String> {
    let (time, axis) = time_column(of)?;
    let length = of
        .entry
        .interval
        .map(|length| interval(length, axis))
        .transpose()?;
    if axis == Axis::Integer && length.is_none() {
        return Err(
            "chunk_interval is missing: a hypertable with integer time needs one, as a number"
                .to_owned(),
        );
    }
    let mut fields = vec![Field::new("time", None, Some(time.clone()))];
    fields.extend(
        length.map(|length| Field::new("chunk_interval", None, Some(of_raw(axis, length)))),
    );
    let what = What::CreateHypertable {
        time: time.clone(),
        axis,
        interval: length,
    };
    let mut changes = vec![of.change(what, fields)];
    changes.extend(integer_now(of, axis, None)?);
    changes.extend(storage(of, &Storage::default(), &time, axis)?);
    Ok(changes)
}

/// The time column of a plain table, and the column's type. The error says why the table cannot become a hypertable.
fn time_column(of: &Compared) -> Result<(String, Axis), String> {
    let Compared {
        entry,
        name,
        ground,
        ..
    } = of;
    if ground.present.aggregates.contains_key(*name) {
        return Err("it is a continuous aggregate: write it under [[aggregate]]".to_owned());
    }
    let plain = ground.tables.get(*name).ok_or(
        "there is no such table. hypertop creates no tables: create it with your migration tool, then plan again",
    )?;
    let time = entry.time.clone().ok_or(
        "it is a plain table: to make it a hypertable, name its time column: time = \"ts\"",
    )?;
    if let Some(unfit) = &plain.unfit {
        return Err(format!("it {unfit}"));
    }
    let kind = plain.columns.get(&time).ok_or_else(|| {
        let all: Vec<_> = plain.columns.keys().map(String::as_str).collect();
        format!(
            "time: there is no column {time:?}; the columns are: {}",
            all.join(", ")
        )
    })?;
    let axis = Axis::of(kind);
    Ok((time, axis))
}

/// The change of the function that returns the current integer time. `there`: the present function.
fn integer_now(of: &Compared, axis: Axis, there: Option<&Name>) -> Result<Option<Change>, String> {
    let entry = of.entry;
    let Some(new) = &entry.integer_now else {
        let by_age = matches!(&entry.retain, Some(Setting::To(to)) if to.after.is_some())
            || matches!(&entry.compress, Some(Setting::To(to)) if matches!(to.after, Some(Setting::To(_))));
        if axis == Axis::Integer && there.is_none() && by_age {
            return Err("integer_now_func: its time is an integer, so a policy needs a function that returns the current time: integer_now_func = \"schema.function\"".to_owned());
        }
        return Ok(None);
    };
    if axis != Axis::Integer {
        return Err(
            "integer_now_func: its time is not an integer, so it needs no such function".to_owned(),
        );
    }
    if there == Some(new) {
        return Ok(None);
    }
    let field = Field::new(
        "integer_now_func",
        there.map(Name::to_string),
        Some(new.to_string()),
    );
    let what = What::SetNow {
        old: there.cloned(),
        new: new.clone(),
    };
    Ok(Some(of.change(what, vec![field])))
}

/// A chunk interval in the unit of the time column. As in TimescaleDB, a month has 30 days.
fn interval(length: Length, axis: Axis) -> Result<i64, String> {
    let span = length
        .on(axis)
        .map_err(|why| format!("chunk_interval: {why}"))?;
    let length = match span {
        Span::Number(units) => Some(units),
        Span::Interval(interval) => interval.fixed_micros(),
    };
    length.filter(|length| *length > 0).ok_or_else(|| {
        "chunk_interval must be longer than zero, and not longer than 290,000 years".to_owned()
    })
}

/// The text of a length in the unit of the time column.
fn of_raw(axis: Axis, raw: i64) -> String {
    Span::of_raw(axis, raw).to_string()
}
