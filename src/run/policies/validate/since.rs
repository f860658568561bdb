//! Finds the journal entry of the apply that a validation compares with.

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use crate::actions::execute::APPLY;
use crate::journal::{Entry, Place, Snapshot};
use crate::model::moment::Stamp;

use super::here::Here;

/// The journal entry of an apply, with its snapshot.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Since {
    pub(super) id: u64,
    /// Begin of the apply, by the clock of the machine that ran hypertop.
    pub(super) at: String,
    pub(super) role: String,
    pub(super) title: String,
    /// The entry's state: `done`, `failed`, `running` …
    pub(super) state: &'static str,
    /// End of the apply. The server's time if the apply's entry has a snapshot, otherwise the time of the machine that ran hypertop. If the
    /// apply has not ended: its begin, in the time of that machine. `None`: the journal's time cannot be read.
    #[serde(skip)]
    pub(super) end: Option<Stamp>,
    /// The newest snapshot up to this entry, and the id of the entry that has it. `None`: no snapshot was kept.
    #[serde(skip)]
    pub(super) snapshot: Option<(u64, Snapshot)>,
}

/// Finds an apply in this database that was not rolled back. `asked`: id of its entry; `None`: the newest apply. Returns `None` if there is
/// no apply.
pub(super) async fn find(here: &Here, asked: Option<u64>) -> Result<Option<Since>> {
    let entries = here.entries()?;
    if let (Some(id), None) = (asked, asked.and_then(|id| entries.find(id))) {
        bail!("--entry: the journal has no entry {id}");
    }
    let applies: Vec<&Entry> = {
        let place = here.session.place().await?;
        entries
            .all
            .iter()
            .filter(|entry| is_apply(entry, place))
            .collect()
    };
    let found = match asked {
        None => match applies.last() {
            None => return Ok(None),
            Some(newest) => *newest,
        },
        Some(id) => *applies
            .iter()
            .find(|entry| entry.begin.id == id)
            .with_context(|| {
                format!(
                    "--entry: entry {id} is not an apply in this database, or it was rolled back"
                )
            })?,
    };
    let begin = &found.begin;
    let mut upto = applies
        .iter()
        .rev()
        .filter(|entry| entry.begin.id <= begin.id);
    let snapshot = upto.find_map(|entry| Some((entry.begin.id, entry.begin.snapshot.clone()?)));
    let seconds = found.end.as_ref().map(|end| end.seconds);
    let own = begin.snapshot.as_ref();
    let end = own.zip(seconds);
    let end = end.map(|(snapshot, seconds)| snapshot.clock.plus_seconds(seconds));
    Ok(Some(Since {
        id: begin.id,
        at: begin.at.clone(),
        role: begin.role.clone(),
        title: begin.plan.title.clone(),
        state: found.state(),
        end: end.or_else(|| time(found.end.as_ref().map_or(&begin.at, |end| &end.at))),
        snapshot,
    }))
}

fn is_apply(entry: &Entry, place: &Place) -> bool {
    entry.begin.plan.action == APPLY
        && entry.begin.undoes.is_empty()
        && entry.begin.place.is(place)
        && entry.rolled_back_by.is_none()
}

fn time(text: &str) -> Option<Stamp> {
    let at: jiff::Timestamp = text.parse().ok()?;
    Some(Stamp(at.as_microsecond()))
}
