//! Changes of compression, of the compression, retention and reorder policies.

use crate::model::age_rule::AgeRule;
use crate::model::interval::Interval;
use crate::model::moment::Axis;
use crate::model::setup::change::{Change, Field, What};
use crate::model::setup::file::Wanted;
use crate::model::setup::length::spelled;
use crate::model::setup::name::Name;
use crate::model::setup::objects::{AgePolicy, Compression, Reorder, Storage};
use crate::model::setup::order_by::OrderBy;
use crate::model::setup::wish::{self, Entry, Setting};

use super::ground::Ground;
use super::window;

/// Schedule of a compression or retention policy that names none, as TimescaleDB sets it for chunks of a day and more.
const DAILY: Interval = Interval {
    months: 0,
    days: 1,
    micros: 0,
};

/// `time`: name of the time column (empty: unknown).
pub(super) fn storage(
    wanted: &Wanted,
    entry: &Entry,
    name: &Name,
    there: &Storage,
    (time, ground): ((&str, Axis), &Ground),
) -> Result<Vec<Change>, String> {
    let mut changes = compression(wanted, entry, name, there, time)?;
    changes.extend(retention(wanted, entry, name, there, time.1)?);
    changes.extend(window::windows(
        wanted,
        entry,
        name,
        (there, ground),
        &changes,
    )?);
    match (&entry.reorder, &there.reorder) {
        (None, _) | (Some(Setting::None), None) => {}
        (Some(Setting::None), Some(had)) => {
            let fields = vec![Field::new("reorder", Some(had.index.clone()), None)];
            changes.push(Change::new(name, What::RemoveReorder(had.clone()), fields));
        }
        (Some(Setting::To(wish)), had) => {
            let every = wish
                .every
                .map(|every| every.0)
                .or(had.as_ref().map(|had| had.every));
            let new = Reorder {
                job: None,
                index: wish.index.clone(),
                every: every.unwrap_or(DAILY),
            };
            let old = had.as_ref().map(|had| (had.index.clone(), had.every));
            if old != Some((new.index.clone(), new.every)) {
                let was = had.as_ref().map(|had| had.index.clone());
                let fields = vec![Field::new("reorder", was, Some(new.index.clone()))];
                if let Some(had) = had {
                    changes.push(Change::new(
                        name,
                        What::RemoveReorder(had.clone()),
                        Vec::new(),
                    ));
                }
                changes.push(Change::new(name, What::AddReorder(new), fields));
            }
        }
    }
    Ok(changes)
}

fn compression(
    wanted: &Wanted,
    entry: &Entry,
    name: &Name,
    there: &Storage,
    (time, axis): (&str, Axis),
) -> Result<Vec<Change>, String> {
    let remove = |had: &AgePolicy| {
        let fields = vec![Field::new(
            "compress.after",
            Some(had.age.to_string()),
            None,
        )];
        Change::new(name, What::RemoveCompress(*had), fields)
    };
    let wish = match &entry.compress {
        None => return Ok(Vec::new()),
        Some(Setting::None) => {
            let mut changes = Vec::from_iter(there.compress.as_ref().map(remove));
            if there.compression.is_some() {
                changes.push(Change::new(name, What::DisableCompression, Vec::new()));
            }
            return Ok(changes);
        }
        Some(Setting::To(wish)) => wish,
    };
    let mut changes = Vec::from_iter(settings(wish, name, there.compression.as_ref(), time));
    if wish.after == Some(Setting::None) {
        changes.extend(there.compress.as_ref().map(remove));
    } else if declares_policy(wish) {
        let after = match wish.after {
            Some(Setting::To(after)) => Some(after),
            _ => None,
        };
        let age = wish::age(after, wish.created_before, axis)
            .map_err(|why| format!("compress: {why}"))?;
        let every = wanted.every(entry, wish.every);
        let new = (age, every, wish.paused);
        changes.extend(policy(name, "compress", there.compress, new)?);
    }
    Ok(changes)
}

/// False: the file has settings but no policy. An existing policy is left alone then.
fn declares_policy(wish: &wish::Compress) -> bool {
    wish.after.is_some()
        || wish.created_before.is_some()
        || wish.every.is_some()
        || wish.paused.is_some()
}

/// The change of segmentby and orderby. What the file does not say stays as it is.
fn settings(
    wish: &wish::Compress,
    name: &Name,
    had: Option<&Compression>,
    time: &str,
) -> Option<Change> {
    let order_by = wish.order_by.as_ref();
    let order_by = order_by.map(|all| all.iter().map(|one| one.0.clone()).collect());
    let new = Compression {
        segment_by: wish.segment_by.clone().or_else(|| had?.segment_by.clone()),
        order_by: order_by.or_else(|| had?.order_by.clone()),
    };
    let (segments, orders) = (segments(&new), orders(&new, time));
    let Some(old) = had else {
        let fields = vec![
            Field::new("compress.segment_by", None, Some(segments)),
            Field::new("compress.order_by", None, Some(orders)),
        ];
        return Some(Change::new(name, What::EnableCompression(new), fields));
    };
    let fields = [
        Field::of("compress.segment_by", self::segments(old), segments),
        Field::of("compress.order_by", self::orders(old, time), orders),
    ];
    let fields: Vec<Field> = fields.into_iter().flatten().collect();
    (!fields.is_empty()).then(|| Change::new(name, What::EditCompression(new), fields))
}

fn segments(of: &Compression) -> String {
    match &of.segment_by {
        None => "TimescaleDB's choice".to_owned(),
        Some(none) if none.is_empty() => "nothing".to_owned(),
        Some(columns) => columns.join(", "),
    }
}

fn orders(of: &Compression, time: &str) -> String {
    let default = || match time {
        "" => "the default".to_owned(),
        time => OrderBy::newest_first(time).to_string(),
    };
    of.order_list().unwrap_or_else(default)
}

fn retention(
    wanted: &Wanted,
    entry: &Entry,
    name: &Name,
    there: &Storage,
    axis: Axis,
) -> Result<Vec<Change>, String> {
    let wish = match (&entry.retain, &there.retain) {
        (None, _) | (Some(Setting::None), None) => return Ok(Vec::new()),
        (Some(Setting::None), Some(had)) => {
            let fields = vec![Field::new("retain.after", Some(had.age.to_string()), None)];
            return Ok(vec![Change::new(name, What::RemoveRetain(*had), fields)]);
        }
        (Some(Setting::To(wish)), _) => wish,
    };
    let age =
        wish::age(wish.after, wish.created_before, axis).map_err(|why| format!("retain: {why}"))?;
    let every = wanted.every(entry, wish.every);
    policy(name, "retain", there.retain, (age, every, wish.paused))
}

/// The change of the compression or retention policy.
fn policy(
    name: &Name,
    word: &str,
    there: Option<AgePolicy>,
    (age, every, is_paused): (Option<AgeRule>, Option<Interval>, Option<bool>),
) -> Result<Vec<Change>, String> {
    let compress = word == "compress";
    let (after, beat) = (format!("{word}.after"), format!("{word}.every"));
    let Some(had) = there else {
        let Some(age) = age else {
            // The file may ask for settings without a policy.
            return if compress {
                Ok(Vec::new())
            } else {
                Err("retain: after is missing: write the age from which chunks are dropped, after = \"90 days\"".to_owned())
            };
        };
        let new = AgePolicy {
            job: None,
            age,
            every: every.unwrap_or(DAILY),
            scheduled: is_paused != Some(true),
        };
        let what = if compress {
            What::AddCompress(new)
        } else {
            What::AddRetain(new)
        };
        let fields = vec![
            Field::new(&after, None, Some(age.to_string())),
            Field::new(&beat, None, Some(spelled(new.every))),
        ];
        return Ok(vec![Change::new(name, what, fields)]);
    };
    let new = AgePolicy {
        age: age.unwrap_or(had.age),
        every: every.unwrap_or(had.every),
        ..had
    };
    let mut changes: Vec<Change> =
        paused(name, word, had.job, had.scheduled, is_paused != Some(true))
            .into_iter()
            .collect();
    let fields = [
        Field::of(&after, had.age.to_string(), new.age.to_string()).filter(|_| had.age != new.age),
        Field::of(&beat, spelled(had.every), spelled(new.every)).filter(|_| had.every != new.every),
    ];
    let fields: Vec<Field> = fields.into_iter().flatten().collect();
    if fields.is_empty() {
        return Ok(changes);
    }
    let what = if compress {
        What::EditCompress(had, new)
    } else {
        What::EditRetain(had, new)
    };
    changes.push(Change::new(name, what, fields));
    Ok(changes)
}

/// Pauses or resumes a policy. A policy in the file is scheduled unless the file says `paused = true`: an interrupted apply leaves new
/// policies paused.
pub(super) fn paused(
    name: &Name,
    word: &str,
    job: Option<i64>,
    is: bool,
    shall: bool,
) -> Option<Change> {
    let what = match (job?, shall) {
        _ if is == shall => return None,
        (job, true) => What::Resume(job),
        (job, false) => What::Pause(job),
    };
    let field = Field::of(
        &format!("{word}.paused"),
        (!is).to_string(),
        (!shall).to_string(),
    );
    Some(Change::new(name, what, field.into_iter().collect()))
}
