//! The hours in which compression and retention policies begin.

use crate::model::busy::BusyHours;
use crate::model::setup::change::{Change, Field, What};
use crate::model::setup::length::spelled;
use crate::model::setup::objects::{AgePolicy, Schedule, Storage};
use crate::model::setup::wish::Setting;

use super::compared::Compared;

/// The changes that move the start of compression and retention policies into the window that the file gives them. `changes`: the changes
/// that were already found for these policies.
pub(super) fn windows(
    of: &Compared,
    there: &Storage,
    changes: &[Change],
) -> Result<Vec<Change>, String> {
    let (entry, ground) = (of.entry, of.ground);
    let Some(window) = of.wanted.window(entry) else {
        return Ok(Vec::new());
    };
    if !window.is_known(ground.zone) {
        return Err(format!(
            "window: this machine does not know the time zone {}. Write one that it knows, such as window = \"{} Europe/Berlin\"",
            window.zone(ground.zone),
            window.hours()
        ));
    }
    // A policy that the file does not describe is left alone.
    let compresses = matches!(&entry.compress, Some(Setting::To(_)));
    let retains = matches!(&entry.retain, Some(Setting::To(_)));
    let mut found = Vec::new();
    for (word, had, is_meant) in [
        ("compress", there.compress, compresses),
        ("retain", there.retain, retains),
    ] {
        let new = changes
            .iter()
            .find_map(|change| match (&change.what, word) {
                (What::AddCompress(new) | What::EditCompress(_, new), "compress")
                | (What::AddRetain(new) | What::EditRetain(_, new), "retain") => Some(*new),
                _ => None,
            });
        let removed = changes.iter().any(|change| {
            matches!(
                (&change.what, word),
                (What::RemoveCompress(_), "compress") | (What::RemoveRetain(_), "retain")
            )
        });
        let Some(policy) = new.or(had).filter(|_| is_meant && !removed) else {
            continue;
        };
        let every = policy.every;
        if every.micros != 0 || (every.days == 0) == (every.months == 0) {
            return Err(format!(
                "{word}: it runs every {}. Its runs stay within {} only if `every` is a number of days or of months: write every = \"1 day\", or window = \"none\"",
                spelled(every),
                window.hours()
            ));
        }
        found.extend(outside(of, word, policy, window));
    }
    Ok(found)
}

fn outside(of: &Compared, word: &str, policy: AgePolicy, window: &BusyHours) -> Option<Change> {
    let ground = of.ground;
    let job = policy.job?;
    let schedule = ground.present.schedules.get(&job)?;
    if is_within(schedule, window, ground.zone) {
        return None;
    }
    let zone = window.zone(ground.zone);
    let begins = match (schedule.fixed, schedule.initial) {
        (true, Some(initial)) => {
            let time = window.time(initial, ground.zone).unwrap_or_default();
            match &schedule.zone {
                Some(own) if own == zone => format!("begins at {time}"),
                Some(own) => format!("begins at {time}, in the time zone {own}"),
                None => format!("begins at {time}, without a time zone"),
            }
        }
        _ => "begins one interval after each run".to_owned(),
    };
    let field = Field::new(
        &format!("{word}.window"),
        Some(begins),
        Some(format!("{} {zone}", window.hours())),
    );
    let what = What::Reschedule {
        job,
        initial: window.began(ground.zone)?,
        zone: zone.to_owned(),
    };
    Some(of.change(what, vec![field]))
}

/// True if the policy begins at a fixed time of the day that is in the window.
fn is_within(schedule: &Schedule, window: &BusyHours, server: &str) -> bool {
    let zone = window.zone(server);
    let utc = ["UTC", "Etc/UTC", "GMT"];
    let same = schedule.zone.as_deref() == Some(zone)
        || utc.contains(&zone)
            && schedule
                .zone
                .as_deref()
                .is_none_or(|own| utc.contains(&own));
    schedule.fixed
        && same
        && schedule
            .initial
            .is_some_and(|initial| window.until(initial, server).is_some())
}
