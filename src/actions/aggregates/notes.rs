//! What a refresh policy would mean, in words: its window now, the lag it promises, and what it runs into.

use super::facts::{Aggregate, Facts, Rule};
use super::place::Place;
use super::what_if::{Setting, reach};
use crate::actions::alter_job::Job;
use crate::model::moment::Axis;
use crate::model::verdict::Level;
use crate::model::{clock, text};

/// What the setting would mean, beside what it replaces.
pub(super) fn notes(
    place: &Place,
    facts: &Facts,
    new: &Setting,
    old: Option<(&Job, &Setting)>,
) -> Vec<(Level, String)> {
    let mut notes = Vec::new();
    let mut note = |level, words: String| notes.push((level, words));
    match new.window(place) {
        Some(window) => note(
            Level::Notice,
            format!("a run now would refresh {}, {}", place.show(window), place.amount(window)),
        ),
        None => note(
            Level::Unknown,
            "which window a run now would refresh cannot be told: what is now on its integer time may not be asked".to_owned(),
        ),
    }
    note(
        Level::Notice,
        lag_note(place, facts, new, old.map(|(_, old)| old)),
    );
    if let Some((job, old)) = old
        && new.every != old.every
        && let Some(next) = job
            .next_start
            .as_deref()
            .filter(|next| !next.contains("infinity"))
    {
        note(
            Level::Notice,
            format!("the next run stays where it is ({next}), the new beat begins after it"),
        );
    }
    if new.end.is_none() {
        note(
            Level::Notice,
            "to the end: the bucket that is not over is materialized as it is, and rows that come into it later show after the next run only".to_owned(),
        );
    }
    conflicts(place, new, &mut notes);
    notes
}

fn lag_note(place: &Place, facts: &Facts, new: &Setting, old: Option<&Setting>) -> String {
    let axis = place.axis();
    let say =
        |lag: Option<f64>| lag.map_or_else(|| "unknown".to_owned(), |lag| clock::say(axis, lag));
    let (mut below, mut without) = (Some(0.0), Vec::new());
    for level in facts
        .levels
        .iter()
        .take(facts.levels.len().saturating_sub(1))
    {
        match level.newest_policy() {
            Some(job) => below = below.zip(lag_of(level, job)).map(|(all, one)| all + one),
            None => without.push(level.name.as_str()),
        }
    }
    let whole = |setting: &Setting| {
        setting
            .lag(place)
            .zip(below)
            .map(|(own, below)| own + below)
    };
    let mut words = format!("expected lag: up to {}", say(whole(new)));
    if let Some(old) = old.map(whole).filter(|old| *old != whole(new)) {
        words = format!("{words} (it was {})", say(old));
    }
    if axis == Axis::Integer {
        words = format!(
            "{words} units and what comes in {}",
            text::interval(&new.every)
        );
    }
    if below.is_none_or(|below| below > 0.0) {
        words = format!("{words}, that of what it is built on included");
    }
    if !without.is_empty() {
        words = format!(
            "{words}; {} has no policy and promises nothing",
            without.join(", ")
        );
    }
    words
}

fn lag_of(level: &Aggregate, job: &Job) -> Option<f64> {
    let axis = level.axis();
    let setting = Setting::of(job);
    let end = setting
        .end
        .as_deref()
        .map_or(Some(0.0), |end| clock::length(axis, end))?;
    let bucket = clock::length(axis, level.bucket.as_deref()?)?;
    let every = match axis {
        Axis::Integer => 0.0,
        _ => clock::interval(&setting.every)?.seconds(),
    };
    Some(end + bucket + every)
}

/// Where the three policies of an aggregate work against each other.
fn conflicts(place: &Place, new: &Setting, notes: &mut Vec<(Level, String)>) {
    let (level, axis) = (place.level, place.axis());
    let (start, _) = new.lengths(axis);
    let length = |after: &Option<Rule>| {
        let after = after.as_ref().filter(|after| !after.by_creation)?;
        let text = after.after.clone()?;
        let length = clock::length(axis, &text)?;
        Some((after.id, text::interval(&text), length))
    };
    let compression = length(&level.own_policies.compression);
    let retention = length(&level.own_policies.retention);
    if let Some((id, after, at)) = &compression
        && *at < start
    {
        notes.push((
            Level::Warning,
            format!("compress inside the refresh window: job {id} compresses chunks of {} after {after}, and refreshes that reach back {} write into them again", level.name, reach(new, axis)),
        ));
    }
    if let Some((id, after, at)) = &retention
        && *at < start
    {
        notes.push((
            Level::Warning,
            format!("retention shorter than the refresh window: job {id} drops rows of {} after {after}, and refreshes may bring them back", level.name),
        ));
    }
    if let (Some((id, after, drop)), Some((_, compress, at))) = (&retention, &compression)
        && drop <= at
    {
        notes.push((
            Level::Warning,
            format!("drop before compress: job {id} drops chunks of {} after {after}, before they are compressed after {compress}", level.name),
        ));
    }
    if level
        .source_policies
        .retention
        .as_ref()
        .is_some_and(|retention| retention.by_creation)
    {
        notes.push((
            Level::Warning,
            format!("{} drops chunks by when they were made: whether this window reaches over dropped rows later cannot be told", level.source),
        ));
    } else if new.start.is_none() {
        notes.push((
            Level::Warning,
            format!("from the beginning on: should chunks of {} ever be dropped, a run deletes their rows from {} for good", level.source, level.name),
        ));
    }
}
