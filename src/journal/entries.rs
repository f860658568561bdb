//! Reads the journal's lines into entries.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde::Deserialize as _;
use serde_json::Value;

use super::entry::Entry;
use super::line::{Begin, Line, Ran};
use super::place::Place;
use crate::journal::acknowledge::Acknowledgement;
use crate::model::plan::{Bindings, Step};

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Entries {
    /// Oldest first.
    pub all: Vec<Entry>,
    /// Number of lines that cannot be parsed, for example after a crash.
    pub unreadable: usize,
}

impl Entries {
    pub fn find(&self, id: u64) -> Option<&Entry> {
        self.all.iter().find(|entry| entry.begin.id == id)
    }

    /// The acknowledgements in effect in this database: the last acknowledgement of each finding, unless it has ended.
    pub fn acknowledgements(&self, place: &Place) -> Vec<Acknowledgement> {
        let mut newest = BTreeMap::new();
        // A copy of the server has findings of its own, so its acknowledgements are left out.
        let here = |one: &&Entry| one.begin.place.is_surely(place);
        for entry in self.all.iter().filter(here) {
            if let Some(what) = &entry.begin.acknowledges {
                newest.insert((&what.screen, &what.key, &what.rule), (entry, what));
            }
        }
        let in_force = newest.into_values().filter(|(one, _)| one.ended.is_none());
        in_force
            .map(|(entry, what)| Acknowledgement {
                id: entry.begin.id,
                role: entry.begin.role.clone(),
                place: entry.begin.place.clone(),
                what: what.clone(),
                pid: entry.begin.pid,
            })
            .collect()
    }

    pub(super) fn next_id(&self) -> u64 {
        let last = self.all.iter().map(|entry| entry.begin.id).max();
        last.unwrap_or(0) + 1
    }

    /// New ids of jobs and indexes that were created again in this database, or in the databases of the entries `undoes`.
    pub(crate) fn bindings(&self, place: &Place, undoes: &[u64]) -> Bindings {
        let mut bindings = Bindings::default();
        let here = |entry: &&Entry| {
            let mut of = undoes.iter();
            entry.begin.place.is_surely(place) || of.any(|id| self.counts(entry, *id, place))
        };
        for (name, value) in self.all.iter().filter(here).flat_map(Entry::kept) {
            bindings.renew(&name, &value);
        }
        bindings
    }

    /// True if the entry counts when entry `id` is rolled back: the entry was written for this database, or for the database of entry `id`, of
    /// which this database may be a copy.
    pub(crate) fn counts(&self, entry: &Entry, id: u64, place: &Place) -> bool {
        let was = &entry.begin.place;
        let of = self.find(id).map(|of| &of.begin.place);
        was.is_surely(place) || of.is_some_and(|of| was.is_surely(of))
    }

    /// The rollbacks of an entry.
    pub(crate) fn rollbacks(&self, id: u64) -> impl Iterator<Item = &Entry> {
        let all = self.all.iter();
        all.filter(move |entry| entry.begin.undoes.contains(&id))
    }

    /// Parses the lines of the file.
    pub(super) fn of(text: &[u8]) -> Self {
        let mut entries = Self::default();
        for line in text
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            // A line is parsed in two steps, because serde's tagged enums lose digits of large numbers.
            let line = serde_json::from_slice::<Value>(line).and_then(Line::deserialize);
            match line {
                Ok(line) => entries.take(line),
                Err(_) => entries.unreadable += 1,
            }
        }
        entries.close();
        entries
    }

    /// Adds the result of a step that became known later.
    pub(crate) fn learn(&mut self, ran: Ran) {
        self.take(Line::Step(ran));
        self.close();
    }

    /// Marks the entries that a completed rollback has rolled back, except the entries that the rollback leaves open.
    fn close(&mut self) {
        let whole = self.all.iter().filter(|entry| entry.is_whole());
        let back: Vec<(u64, u64)> = whole
            .flat_map(|entry| {
                let begin = &entry.begin;
                let closed = begin
                    .undoes
                    .iter()
                    .filter(|id| !begin.plan.leaves_open.contains(id));
                closed.map(|undone| (*undone, begin.id))
            })
            .collect();
        for entry in &mut self.all {
            entry.rolled_back_by = back
                .iter()
                .find(|(undone, _)| *undone == entry.begin.id)
                .map(|(_, by)| *by);
        }
    }

    /// An error if one of the entries to roll back is already rolled back or being rolled back, or if another rollback may have undone some
    /// of the same steps.
    pub(super) fn free(&self, begin: &Begin) -> Result<()> {
        let steps = &begin.plan.steps;
        for id in &begin.undoes {
            if let Some(by) = self.find(*id).and_then(|entry| entry.rolled_back_by) {
                bail!("entry {id} is already rolled back, by entry {by}: nothing was done");
            }
            for other in self.rollbacks(*id) {
                let (by, pid) = (other.begin.id, other.begin.pid);
                if other.is_under_way() {
                    bail!(
                        "entry {id} is being rolled back now, by entry {by} (process {pid}): nothing was done; wait for its end"
                    );
                }
                if !self.counts(other, *id, &begin.place) {
                    continue;
                }
                let again = |step: &Step| {
                    step.undoes.is_some() && steps.iter().any(|one| one.undoes == step.undoes)
                };
                let doubted = other.undecided().filter(|mark| mark.xid.is_some());
                let doubted = doubted.filter_map(|mark| other.begin.plan.steps.get(mark.step));
                if other.done().iter().chain(doubted).any(again) {
                    bail!(
                        "entry {by} rolled back a part of entry {id} since the preview: nothing was done; preview it again"
                    );
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, line: Line) {
        let id = match &line {
            Line::Begin(begin) => begin.id,
            Line::Mark(mark) => mark.id,
            Line::Step(ran) => ran.id,
            Line::End(end) => end.id,
            Line::Acknowledge(one) => one.id,
            Line::Ended(ended) => ended.of,
        };
        let entry = self.all.iter_mut().rev().find(|entry| entry.begin.id == id);
        match (line, entry) {
            (Line::Begin(begin), _) => self.all.push(Entry {
                begin: *begin,
                marks: Vec::new(),
                ran: Vec::new(),
                end: None,
                rolled_back_by: None,
                ended: None,
            }),
            (Line::Acknowledge(one), _) => self.all.push(Entry::acknowledgement(*one)),
            (Line::Ended(ended), Some(entry)) => entry.ended = Some(ended),
            (Line::Mark(mark), Some(entry)) => entry.marks.push(mark),
            (Line::Step(ran), Some(entry)) => {
                // A later result of a step replaces an earlier one.
                entry.ran.retain(|other| other.step != ran.step);
                entry.ran.push(ran);
            }
            (Line::End(end), Some(entry)) => entry.end = Some(end),
            (_, None) => self.unreadable += 1,
        }
    }
}
