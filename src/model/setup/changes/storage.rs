//! Changes of the compression settings, and of the compression, retention and reorder policies.

use crate::model::age_rule::AgeRule;
use crate::model::interval::Interval;
use crate::model::moment::Axis;
use crate::model::setup::change::{Change, Field, What};
use crate::model::setup::length::spelled;
use crate::model::setup::name::Name;
use crate::model::setup::objects::{AgePolicy, Compression, Reorder, Storage};
use crate::model::setup::order_by::OrderBy;
use crate::model::setup::wish::{self, Setting};

use super::compared::Compared;
use super::window;

/// Interval of a policy for which the file gives none: TimescaleDB's default for chunks of a day and more.
const DAILY: Interval = Interval {
    months: 0,
    days: 1,
    micros: 0,
};

/// `time`: name of the time column (empty: unknown).
pub(super) fn storage(
    of: &Compared,
    there: &Storage,
    time: &str,
    axis: Axis,
) -> Result<Vec<Change>, String> {
    let mut changes = compression(of, there, time, axis)?;
    changes.extend(retention(of, there, axis)?);
    changes.extend(window::windows(of, there, &changes)?);
    changes.extend(reorder(of, there));
    Ok(changes)
}

fn reorder(of: &Compared, there: &Storage) -> Vec<Change> {
    let had = there.reorder.as_ref();
    let was = had.map(|had| had.index.clone());
    let wish = match (&of.entry.reorder, had) {
        (None, _) | (Some(Setting::None), None) => return Vec::new(),
        (Some(Setting::None), Some(had)) => {
            let fields = vec![Field::new("reorder", was, None)];
            return vec![of.change(What::RemoveReorder(had.clone()), fields)];
        }
        (Some(Setting::To(wish)), _) => wish,
    };
    let every = wish.every.map(|every| every.0);
    let new = Reorder {
        job: None,
        index: wish.index.clone(),
        every: every.or(had.map(|had| had.every)).unwrap_or(DAILY),
    };
    if had.is_some_and(|had| (&had.index, had.every) == (&new.index, new.every)) {
        return Vec::new();
    }
    let fields = vec![Field::new("reorder", was, Some(new.index.clone()))];
    let remove = had.map(|had| of.change(What::RemoveReorder(had.clone()), Vec::new()));
    let add = of.change(What::AddReorder(new), fields);
    remove.into_iter().chain([add]).collect()
}

fn compression(
    of: &Compared,
    there: &Storage,
    time: &str,
    axis: Axis,
) -> Result<Vec<Change>, String> {
    let remove = |had: &AgePolicy| {
        let fields = vec![Field::new(
            "compress.after",
            Some(had.age.to_string()),
            None,
        )];
        of.change(What::RemoveCompress(*had), fields)
    };
    let wish = match &of.entry.compress {
        None => return Ok(Vec::new()),
        Some(Setting::None) => {
            let mut changes = Vec::from_iter(there.compress.as_ref().map(remove));
            if there.compression.is_some() {
                changes.push(of.change(What::DisableCompression, Vec::new()));
            }
            return Ok(changes);
        }
        Some(Setting::To(wish)) => wish,
    };
    let mut changes = Vec::from_iter(settings(of, wish, there.compression.as_ref(), time));
    if wish.after == Some(Setting::None) {
        changes.extend(there.compress.as_ref().map(remove));
    } else if declares_policy(wish) {
        let after = match wish.after {
            Some(Setting::To(after)) => Some(after),
            _ => None,
        };
        let age = wish::age(after, wish.created_before, axis)
            .map_err(|why| format!("compress: {why}"))?;
        let every = of.wanted.every(of.entry, wish.every);
        let new = (age, every, wish.paused);
        changes.extend(policy(of, "compress", there.compress, new)?);
    }
    Ok(changes)
}

/// False: the file has compression settings but no policy. Then an existing policy is left alone.
fn declares_policy(wish: &wish::Compress) -> bool {
    wish.after.is_some()
        || wish.created_before.is_some()
        || wish.every.is_some()
        || wish.paused.is_some()
}

/// The change of segmentby and orderby. A setting that the file does not have stays as it is.
fn settings(
    of: &Compared,
    wish: &wish::Compress,
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
        return Some(of.change(What::EnableCompression(new), fields));
    };
    let fields = [
        Field::of("compress.segment_by", self::segments(old), segments),
        Field::of("compress.order_by", self::orders(old, time), orders),
    ];
    let fields: Vec<Field> = fields.into_iter().flatten().collect();
    (!fields.is_empty()).then(|| of.change(What::EditCompression(new), fields))
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

fn retention(of: &Compared, there: &Storage, axis: Axis) -> Result<Vec<Change>, String> {
    let wish = match (&of.entry.retain, &there.retain) {
        (None, _) | (Some(Setting::None), None) => return Ok(Vec::new()),
        (Some(Setting::None), Some(had)) => {
            let fields = vec![Field::new("retain.after", Some(had.age.to_string()), None)];
            return Ok(vec![of.change(What::RemoveRetain(*had), fields)]);
        }
        (Some(Setting::To(wish)), _) => wish,
    };
    let age =
        wish::age(wish.after, wish.created_before, axis).map_err(|why| format!("retain: {why}"))?;
    let every = of.wanted.every(of.entry, wish.every);
    policy(of, "retain", there.retain, (age, every, wish.paused))
}

/// The changes of the compression or retention policy. `word`: its key in the file (`compress` or `retain`). `there`: the present policy.
fn policy(
    of: &Compared,
    word: &str,
    there: Option<AgePolicy>,
    (age, every, is_paused): (Option<AgeRule>, Option<Interval>, Option<bool>),
) -> Result<Vec<Change>, String> {
    let compress = word == "compress";
    let scheduled = is_paused != Some(true);
    let (after, beat) = (format!("{word}.after"), format!("{word}.every"));
    let Some(had) = there else {
        let new = match age {
            Some(age) => AgePolicy {
                job: None,
                age,
                every: every.unwrap_or(DAILY),
                scheduled,
            },
            // The file may ask for settings without a policy.
            None if compress => return Ok(Vec::new()),
            None => return Err("retain: after is missing: write the age from which chunks are dropped, after = \"90 days\"".to_owned()),
        };
        let what = if compress {
            What::AddCompress(new)
        } else {
            What::AddRetain(new)
        };
        let fields = vec![
            Field::new(&after, None, Some(new.age.to_string())),
            Field::new(&beat, None, Some(spelled(new.every))),
        ];
        return Ok(vec![of.change(what, fields)]);
    };
    let new = AgePolicy {
        age: age.unwrap_or(had.age),
        every: every.unwrap_or(had.every),
        ..had
    };
    let paused = paused(of.name, word, had.job, had.scheduled, scheduled);
    let mut changes = Vec::from_iter(paused);
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
    changes.push(of.change(what, fields));
    Ok(changes)
}

/// Pauses or resumes a policy. A policy in the file is scheduled unless the file says `paused = true`, because an interrupted apply
/// leaves new policies paused.
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
