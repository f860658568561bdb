//! Entries that may come from another server. The recorded server may be this server under another address, or this server may be a copy of
//! the recorded server.

use anyhow::{Result, bail};

use crate::journal::{Entries, Entry, Place};
use crate::model::plan::Note;
use crate::model::verdict::Level;

/// The reason why the entry may be from another server. `None`: it is from this server. An error if the entry is already rolled back.
pub(super) fn doubt(entries: &Entries, entry: &Entry, here: &Place) -> Result<Option<String>> {
    let id = entry.begin.id;
    let there = entry.begin.place.words();
    let doubt = entry.begin.place.doubt(here);
    if let Some(by) = entry.rolled_back_by {
        if doubt.is_some() {
            bail!(
                "entry {id} is already rolled back on {there}, by entry {by}. This is {}, which may be a copy: run by hand the statements that `hypertop journal {id}` shows",
                here.words()
            );
        }
        bail!("entry {id} is already rolled back, by entry {by}");
    }
    let whole = |by: &&Entry| by.is_whole() && by.begin.place.is_surely(here);
    let leaves = |by: &&Entry| by.begin.plan.leaves_open.contains(&id);
    if doubt.is_some()
        && let Some(by) = entries.rollbacks(id).filter(leaves).find(whole)
    {
        bail!(
            "entry {id} is already rolled back here, by entry {}; it is still open on {there}, where it was done",
            by.begin.id
        );
    }
    Ok(doubt)
}

/// Warnings if the entry may be from another server, or if rollbacks of the entry ran on other servers.
pub(super) fn said(
    entries: &Entries,
    entry: &Entry,
    here: &Place,
    doubt: Option<&str>,
) -> Vec<Note> {
    let (id, place) = (entry.begin.id, &entry.begin.place);
    let mut notes = Vec::new();
    let mut warn = |text| {
        let level = Level::Warning;
        notes.push(Note { level, text });
    };
    if let Some(why) = doubt {
        warn(format!(
            "entry {id} was done on {there}, and this is {here}: {shares}, but {why}. It may be the same server (by another name, after a failover) or a copy of it (a restored backup, a promoted standby). This rollback acts only here, and entry {id} stays open there",
            there = place.words(),
            here = here.words(),
            shares = place.shares(here),
        ));
    }
    let others = entries.rollbacks(id);
    for by in others.filter(|by| !by.begin.place.is_surely(here)) {
        let (of, done) = (by.begin.plan.steps.len(), by.done().len());
        let words = match (done, by.undecided().next()) {
            (0, None) => continue,
            (_, Some(_)) => format!("began to roll back entry {id}, and was interrupted,"),
            (_, None) if done == of => format!("rolled back entry {id}"),
            (_, None) => format!("rolled back {done} of {of} steps of entry {id}"),
        };
        warn(format!(
            "entry {by} {words} on {there}, which may be another server. If it is the same server, the changes by entry {by} are shown as drifted",
            by = by.begin.id,
            there = by.begin.place.words(),
        ));
    }
    notes
}
