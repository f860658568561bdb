//! Finds the steps of an entry that took effect, even if the entry was interrupted.

use anyhow::{Result, bail};
use tokio_postgres::Client;

use crate::actions::execute::{Actor, current, named};
use crate::journal::{Entries, Entry, Place, differences};
use crate::model::plan::{Note, Statement};
use crate::model::verdict::Level;

/// The steps that took effect, as indexes into the plan's steps.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub at: Vec<usize>,
    /// True if further steps may have taken effect. The entry then stays open after the rollback.
    pub open: bool,
    pub notes: Vec<Note>,
}

/// The steps that took effect. An error if no step took effect, or if the server is still running a step.
pub(super) async fn done(
    actor: &Actor,
    client: &Client,
    entries: &Entries,
    entry: &Entry,
    place: &Place,
) -> Result<Done> {
    let id = entry.begin.id;
    if is_running(entries, entry, place) {
        bail!(
            "a step of entry {id}, or of its rollback, was interrupted and still runs on the server (Activity shows its session). Wait until it ends"
        );
    }
    let mut done = Done {
        at: entry.done_at(),
        ..Done::default()
    };
    let steps = &entry.begin.plan.steps;
    let doubtful = entry.unknown().into_iter().chain(entry.in_doubt());
    for at in doubtful.filter(|at| steps.get(*at).is_some_and(|step| !step.undo.is_empty())) {
        let label = &steps[at].label;
        let took_effect = match made(actor, client, entry, at).await? {
            // No earlier step changed the state. So if the state has changed, this step took effect.
            None if done.at.is_empty() && (steps.len() == 1 || at == 0) => {
                Some(changed(actor, client, entries, entry, place).await?)
            }
            made => made,
        };
        let text = match took_effect {
            Some(false) => continue,
            Some(true) => {
                done.at.push(at);
                format!(
                    "entry {id} was interrupted during \"{label}\"; the state has changed since, so the step is rolled back"
                )
            }
            None => {
                done.open = true;
                format!(
                    "entry {id} was interrupted during \"{label}\", and it is unknown whether that step took effect; it is not rolled back, and the entry stays open"
                )
            }
        };
        done.notes.push(Note {
            level: Level::Warning,
            text,
        });
    }
    done.at.sort_unstable();
    if done.at.is_empty() && !done.open && (entry.end.is_none() || entry.in_doubt().is_some()) {
        bail!(nothing_done(entry, is_here(entry, place)));
    }
    Ok(done)
}

fn is_here(entry: &Entry, place: &Place) -> bool {
    entry.begin.place.doubt(place).is_none()
}

/// True if the server may still be running a step of the entry, or of one of its rollbacks.
fn is_running(entries: &Entries, entry: &Entry, place: &Place) -> bool {
    entries
        .rollbacks(entry.begin.id)
        .chain([entry])
        .filter(|one| is_here(one, place))
        .flat_map(Entry::undecided)
        .any(|mark| mark.xid.is_some())
}

/// The reason why there is nothing to roll back. `here`: true if the entry is from this server.
fn nothing_done(entry: &Entry, here: bool) -> String {
    let begin = &entry.begin;
    if here {
        return format!(
            "entry {} was interrupted before it changed anything: there is nothing to roll back",
            begin.id
        );
    }
    format!(
        "entry {} was interrupted on {}, and only that server knows whether it took effect there. Here nothing was changed, so there is nothing to roll back",
        begin.id,
        begin.place.words()
    )
}

/// True if the index that the step creates exists. `None`: the step creates none, or an older hypertop wrote the entry.
async fn made(actor: &Actor, client: &Client, entry: &Entry, at: usize) -> Result<Option<bool>> {
    if !entry.begin.marks {
        return Ok(None);
    }
    let before = entry.named(at).relations;
    let undo = &entry.begin.plan.steps[at].undo;
    let drops = |one: &&Statement| one.sql.to_ascii_lowercase().starts_with("drop index");
    let names = undo.iter().filter(drops).flat_map(Statement::relations);
    let new: Vec<String> = names.filter(|name| !before.contains_key(name)).collect();
    if new.is_empty() {
        return Ok(None);
    }
    let found = named::by_name(client, &actor.server, &new).await?;
    let tables: Vec<i64> = before.values().map(|relation| relation.oid).collect();
    let of_these = |found: &named::Found| {
        let table = found.relation.table;
        table.is_some_and(|table| tables.contains(&table))
    };
    Ok(Some(found.values().any(of_these)))
}

/// True if the state differs from the state before the entry.
async fn changed(
    actor: &Actor,
    client: &Client,
    entries: &Entries,
    entry: &Entry,
    place: &Place,
) -> Result<bool> {
    let bindings = entries.bindings(place, &[entry.begin.id]);
    for before in &entry.begin.before {
        let target = current(&before.target, &bindings);
        let state = actor.state(client, &before.action, &target).await?;
        if !differences(&entry.begin.plan.changes, &before.state, &state).is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}
