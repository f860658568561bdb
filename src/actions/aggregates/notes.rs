//! Notes on a refresh policy: its window now, its expected lag, and its conflicts.

use super::facts::{AgePolicy, Aggregate, Hierarchy, length};
use super::timeline::Timeline;
use super::what_if::Setting;
use crate::actions::alter_job::Job;
use crate::actions::policy::conflicts::{
    Reach, There, dropped_before_compressed, refreshed_when_compressed, refreshed_when_dropped,
};
use crate::model::moment::Axis;
use crate::model::plan::Note;
use crate::model::span::{Now, Span};
use crate::model::verdict::Level;
use crate::model::{clock, text};

/// Notes on the new setting, compared with the old one.
pub(super) fn notes(
    place: &Timeline,
    facts: &Hierarchy,
    new: &Setting,
    old: Option<(&Job, &Setting)>,
) -> Vec<(Level, String)> {
    let mut notes = Vec::new();
    let mut note = |level, words: String| notes.push((level, words));
    match new.window(place) {
        Some(window) => note(
            Level::Notice,
            format!(
                "a run now would refresh {}, {}",
                place.show(window),
                place.amount(window)
            ),
        ),
        None => note(
            Level::Unknown,
            "the refresh window is unknown: the time zone or the integer_now_func that gives \"now\" cannot be used"
                .to_owned(),
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
            format!("the next run is unchanged ({next}); the new schedule begins after it"),
        );
    }
    if new.end.is_none() {
        note(
            Level::Notice,
            "no end_offset: the present bucket is materialized as it is, and rows that arrive in it later show only after the next \
             run".to_owned(),
        );
    }
    let met = conflicts(place, new, old.map(|(job, _)| job));
    notes.extend(met.into_iter().map(|note| (note.level, note.text)));
    notes.extend(later(place, new));
    notes
}

fn lag_note(place: &Timeline, facts: &Hierarchy, new: &Setting, old: Option<&Setting>) -> String {
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
    let mut words = format!("expected maximum lag: {}", say(whole(new)));
    if let Some(old) = old.map(whole).filter(|old| *old != whole(new)) {
        words = format!("{words} (it was {})", say(old));
    }
    if axis == Axis::Integer {
        words = format!(
            "{words}, in units of its time, plus the units that pass in {}",
            text::interval(&new.every)
        );
    }
    if below.is_none_or(|below| below > 0.0) {
        words = format!("{words}, including the lag of the aggregate that it is built on");
    }
    if !without.is_empty() {
        words = format!(
            "{words}; not included, for lack of a refresh policy: {}",
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
        .map_or(Some(0.0), |end| length(axis, end))?;
    let bucket = length(axis, level.bucket.as_deref()?)?;
    let every = match axis {
        Axis::Integer => 0.0,
        _ => clock::interval(&setting.every)?.seconds(),
    };
    Some(end + bucket + every)
}

/// Conflicts between the refresh, compression and retention policies of an aggregate.
fn conflicts(place: &Timeline, new: &Setting, job: Option<&Job>) -> Vec<Note> {
    let (level, axis) = (place.level, place.axis());
    let start = new.start.as_deref().map(|start| Span::parse(axis, start));
    let there = job.map(|job| (job.id, job.scheduled));
    let refresh = match start {
        Some(None) => None,
        start => Some(Reach::refresh(
            &place.now,
            &level.name,
            there,
            start.flatten(),
        )),
    };
    let other = |policy: &Option<AgePolicy>, reach: fn(&Now, There, Span) -> Reach| {
        let policy = policy.as_ref()?;
        let now = place.now_of(policy);
        Some(reach(
            &now,
            Some((policy.id, policy.scheduled)),
            policy.span(axis)?,
        ))
    };
    let compression = other(&level.own_policies.compression, Reach::compression);
    let retention = other(&level.own_policies.retention, Reach::retention);
    let (refresh, compression, retention) = (&refresh, &compression, &retention);
    let met = [
        refresh
            .as_ref()
            .zip(compression.as_ref())
            .and_then(|(one, other)| refreshed_when_compressed(one, other)),
        refresh
            .as_ref()
            .zip(retention.as_ref())
            .and_then(|(one, other)| refreshed_when_dropped(one, other)),
        retention
            .as_ref()
            .zip(compression.as_ref())
            .and_then(|(one, other)| dropped_before_compressed(one, other)),
    ];
    met.into_iter().flatten().collect()
}

/// Warning that rows inside the policy's window may later be dropped from the source. `None`: no warning is needed.
fn later(place: &Timeline, new: &Setting) -> Option<(Level, String)> {
    let level = place.level;
    let retention = level.source_policies.retention.as_ref();
    if retention.is_some_and(|retention| retention.by_creation) {
        return Some((
            Level::Warning,
            format!(
                "{} drops chunks by creation time. Whether the rows of this window are dropped later is not known",
                level.source
            ),
        ));
    }
    new.start.is_none().then(|| {
        (
            Level::Warning,
            format!(
                "no start_offset: if chunks of {} are ever dropped, a run deletes the buckets of their ranges from {} for good",
                level.source, level.name
            ),
        )
    })
}
