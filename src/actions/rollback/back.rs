//! The steps that roll back journal entries. They act on the original objects, even if the objects have been renamed.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
use tokio_postgres::Client;

use super::inverses::inverses;
use crate::actions::execute::named::{Found, FoundJob, alike};
use crate::actions::execute::{Actor, named};
use crate::journal::{Entries, Entry, Place};
use crate::model::plan::named::{Named, Relation, parts, qualified};
use crate::model::plan::{Bindings, Note, Statement, Step};
use crate::model::target::TargetKind;
use crate::model::verdict::Level;

/// A rollback whose steps are being collected, entry by entry.
pub(super) struct Back<'a> {
    actor: &'a Actor,
    client: &'a Client,
    entries: &'a Entries,
    place: &'a Place,
    bindings: Bindings,
    jobs: BTreeMap<i64, FoundJob>,
    /// Objects that an earlier step of this rollback creates again, as `job ID` or `index OID`.
    made: BTreeSet<String>,
    pub steps: Vec<Step>,
    pub notes: Vec<Note>,
    /// Relations that the statements name, by their present names.
    pub named: BTreeMap<String, Relation>,
    /// New names of renamed objects, by their old names.
    pub renamed: BTreeMap<String, String>,
}

/// The present relations that have a recorded name or oid.
struct There {
    by_name: BTreeMap<String, Found>,
    by_oid: BTreeMap<i64, Found>,
}

/// A step of the rollback, and the recorded objects that the names in the step meant.
struct Candidate {
    step: Step,
    record: Named,
}

impl<'a> Back<'a> {
    pub(super) async fn new(
        actor: &'a Actor,
        client: &'a Client,
        entries: &'a Entries,
        place: &'a Place,
        ids: &[u64],
    ) -> Result<Self> {
        Ok(Self {
            actor,
            client,
            entries,
            place,
            bindings: entries.bindings(place, ids),
            jobs: named::jobs(client, &actor.server).await?,
            made: BTreeSet::new(),
            steps: Vec::new(),
            notes: Vec::new(),
            named: BTreeMap::new(),
            renamed: BTreeMap::new(),
        })
    }

    /// The steps that undo these steps of an entry, newest first. Steps that were already undone, and steps whose objects no longer exist,
    /// are left out. An error if no step remains.
    pub(super) async fn take(&mut self, entry: &Entry, done: &[usize]) -> Result<Vec<Step>> {
        let id = entry.begin.id;
        let all = inverses(entry, done)?;
        let many = all.len();
        let mut candidates = Vec::new();
        for step in all {
            if !self.is_back(id, &step) {
                let at = step.undoes.map_or(0, |(_, at)| at);
                candidates.push(Candidate {
                    step,
                    record: entry.named(at),
                });
            }
        }
        if candidates.is_empty() {
            bail!(
                "entry {id}: every step that certainly took effect is already rolled back. Check the other steps by hand, on {}",
                entry.begin.plan.target
            );
        }
        if candidates.len() < many {
            let back = many - candidates.len();
            self.note(Level::Notice, format!("entry {id}: an earlier rollback undid {back} of {many} steps; this rollback undoes the other steps"));
        }
        let there = self.look(&candidates).await?;
        let (mut steps, mut stands) = (Vec::new(), Vec::new());
        for candidate in candidates {
            match self.find(entry, &candidate, &there)? {
                Ok(step) if self.is_there(id, &step).await? => stands.push(format!(
                    "{}: the index exists, because an interrupted rollback began to create it. If it is incomplete, rebuild-missing completes it",
                    step.label
                )),
                Ok(step) => {
                    self.second_jobs(&candidate);
                    let keeps = step.run.iter().filter_map(|one| one.keeps.clone());
                    self.made.extend(keeps);
                    steps.push(step);
                }
                Err(why) => stands.push(format!("{}: {why}", candidate.step.label)),
            }
        }
        if steps.is_empty() {
            bail!("entry {id} cannot be rolled back: {}", stands.join("; "));
        }
        for why in stands {
            self.note(
                Level::Warning,
                format!("entry {id}: this step is left out: {why}"),
            );
        }
        Ok(steps)
    }

    fn note(&mut self, level: Level, text: String) {
        let note = Note { level, text };
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// True if an earlier rollback has undone this step, and then failed or was stopped.
    fn is_back(&self, id: u64, step: &Step) -> bool {
        let rollbacks = self.entries.rollbacks(id);
        let mut rollbacks = rollbacks.filter(|one| self.entries.counts(one, id, self.place));
        // Older hypertop versions did not record which step a rollback undid.
        let old = Step {
            undoes: None,
            ..step.clone()
        };
        rollbacks.any(|entry| {
            entry
                .done()
                .iter()
                .any(|did| did.undoes == step.undoes || *did == old)
        })
    }

    /// True if an interrupted rollback has already created the index that this step creates.
    async fn is_there(&self, id: u64, step: &Step) -> Result<bool> {
        let mut rollbacks = self.entries.rollbacks(id);
        let cut_off = rollbacks.any(|entry| {
            let mut steps = entry
                .undecided()
                .filter_map(|mark| entry.begin.plan.steps.get(mark.step));
            steps.any(|other| other.undoes == step.undoes)
        });
        for statement in step.run.iter().filter(|_| cut_off) {
            let table = statement.relations().into_iter().next();
            let table = table.and_then(|name| Some((parts(&name)?.0, self.named.get(&name)?.oid)));
            let Some(((schema, table), bare)) = table.zip(statement.makes_index()) else {
                continue;
            };
            let name = [qualified(&schema, &bare)];
            let found = named::by_name(self.client, &self.actor.server, &name).await?;
            if found
                .values()
                .any(|found| found.relation.table == Some(table))
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn look(&self, candidates: &[Candidate]) -> Result<There> {
        let statements = || candidates.iter().flat_map(|one| &one.step.run);
        let names: BTreeSet<String> = statements().flat_map(Statement::relations).collect();
        let records = candidates
            .iter()
            .flat_map(|one| one.record.relations.values());
        let now = records.map(|relation| self.bindings.index(relation.oid));
        let oids: BTreeSet<i64> = now.collect();
        let names: Vec<String> = names.into_iter().collect();
        let oids = oids.into_iter().collect();
        Ok(There {
            by_name: named::by_name(self.client, &self.actor.server, &names).await?,
            by_oid: named::by_oid(self.client, &self.actor.server, oids).await?,
        })
    }

    /// The step with the present names of its objects. The inner error names an object that no longer exists.
    fn find(
        &mut self,
        entry: &Entry,
        candidate: &Candidate,
        there: &There,
    ) -> Result<Result<Step, String>> {
        if let Err(why) = self.jobs_of(candidate) {
            return Ok(Err(why));
        }
        let run = &candidate.step.run;
        let made: Vec<String> = run.iter().filter_map(Statement::makes_index).collect();
        let is_made = |name: &String| parts(name).is_some_and(|(_, bare)| made.contains(&bare));
        let names: BTreeSet<String> = run.iter().flat_map(Statement::relations).collect();
        // True if an earlier step of this rollback creates the index again, because a newer entry dropped it.
        let comes = |name: &String| {
            let was = candidate.record.relations.get(name);
            was.is_some_and(|was| self.made.contains(&format!("index {}", was.oid)))
        };
        let (own, others): (Vec<String>, Vec<String>) = names
            .into_iter()
            .partition(|name| is_made(name) || comes(name));
        let (mut renames, mut found) = (BTreeMap::new(), Vec::new());
        for name in others {
            let Some(relation) = self.present(entry, candidate, &name, there)? else {
                return Ok(Err(gone(&name, there)));
            };
            let now = qualified(&relation.schema, &relation.name);
            if parts(&now) != parts(&name) {
                self.note_renamed(entry, &name, &now, there);
                renames.insert(name.clone(), now.clone());
            }
            let now = renames.get(&name).cloned().unwrap_or(name);
            found.push((now, relation.relation.clone()));
        }
        move_along(own, &mut renames);
        let mut step = candidate.step.clone();
        step.run = run.iter().map(|one| one.renamed(&renames)).collect();
        self.named.extend(found);
        self.renamed.extend(renames);
        Ok(Ok(step))
    }

    /// The relation that a name meant in this step. `None`: the relation is gone.
    fn present<'t>(
        &mut self,
        entry: &Entry,
        candidate: &Candidate,
        name: &str,
        there: &'t There,
    ) -> Result<Option<&'t Found>> {
        if candidate.record.relations.contains_key(name) {
            return Ok(self.found(candidate, name, there));
        }
        let relation = there.by_name.get(name);
        if let Some(relation) = relation {
            self.belongs(entry, name, relation)?;
        }
        Ok(relation)
    }

    /// The relation that had this name when the step ran, or the index that a rollback created in its place. `None`: it no longer exists.
    fn found<'t>(&self, candidate: &Candidate, name: &str, there: &'t There) -> Option<&'t Found> {
        let was = candidate.record.relations.get(name)?;
        let was = Relation {
            oid: self.bindings.index(was.oid),
            ..was.clone()
        };
        let found = there.by_oid.get(&was.oid)?;
        was.is(&found.relation).then_some(found)
    }

    fn note_renamed(&mut self, entry: &Entry, name: &str, now: &str, there: &There) {
        let other = if there.by_name.contains_key(name) {
            format!("; {name} is another relation now, and is left alone")
        } else {
            String::new()
        };
        let id = entry.begin.id;
        self.note(
            Level::Warning,
            format!(
                "entry {id}: {name} has been renamed to {now}; the rollback acts on it under the new name{other}"
            ),
        );
    }

    /// An error if one of the step's jobs no longer exists, or was replaced by another job.
    fn jobs_of(&self, candidate: &Candidate) -> Result<(), String> {
        for statement in &candidate.step.run {
            // A statement with `if_exists` also works if the job does not exist.
            if statement.sql.contains("if_exists => true") {
                continue;
            }
            for id in statement.jobs() {
                if self.made.contains(&format!("job {id}")) {
                    continue;
                }
                let now = self.bindings.job(id);
                let Some(job) = self.jobs.get(&now) else {
                    return Err(format!("job {now} no longer exists"));
                };
                let was = candidate.record.jobs.get(&id.to_string());
                if was.is_some_and(|was| was.kind != job.kind) {
                    return Err(format!("job {now} is a different job now"));
                }
            }
        }
        Ok(())
    }

    /// Adds a warning if another job of the same kind was added after the entry.
    fn second_jobs(&mut self, candidate: &Candidate) {
        let made = candidate.step.run.iter().filter_map(|one| {
            let id = one.keeps.as_ref()?.strip_prefix("job ")?;
            id.parse::<i64>().ok()
        });
        for id in made {
            let Some(was) = candidate.record.jobs.get(&id.to_string()) else {
                continue;
            };
            let mut since = alike(&self.jobs, &was.kind, id);
            since.retain(|other| !was.alike.contains(other));
            // A job that a rollback created again does not count: it is an older job with a new id.
            since.retain(|other| {
                was.alike
                    .iter()
                    .all(|old| self.bindings.job(*old) != *other)
            });
            // A job that an earlier step of this rollback deletes does not count.
            let before = self.steps.iter().flat_map(|step| &step.run);
            let goes: Vec<i64> = before
                .flat_map(Statement::jobs)
                .map(|id| self.bindings.job(id))
                .collect();
            since.retain(|other| !goes.contains(other));
            if let Some(other) = since.first() {
                let (schema, name) = (&was.kind.proc_schema, &was.kind.proc_name);
                let name = qualified(schema, name);
                self.note(
                    Level::Warning,
                    format!("drifted since: job {other} of {name} was added, of the same kind as job {id}. The rollback creates a second job of this kind, or the server refuses it"),
                );
            }
        }
    }

    /// An error if a relation that was found only by its name does not belong to the entry's target, and the entry's plan locks neither the
    /// relation nor its table. Otherwise adds a note.
    fn belongs(&mut self, entry: &Entry, name: &str, found: &Found) -> Result<()> {
        let (id, begin) = (entry.begin.id, &entry.begin);
        let relation = &found.relation;
        let touched = |oid: i64| begin.plan.touches.iter().any(|touch| touch.oid == oid);
        let target = begin.before.iter().any(|seen| {
            let hypertable = match seen.target.kind {
                TargetKind::Hypertable | TargetKind::Aggregate => Some(seen.target.id),
                TargetKind::Table => return seen.target.id == relation.oid,
                TargetKind::Index => return self.bindings.index(seen.target.id) == relation.oid,
                TargetKind::Job | TargetKind::Session => seen.state["hypertable_id"].as_i64(),
            };
            hypertable.is_some() && relation.hypertable == hypertable
        });
        if !target && !touched(relation.oid) && !relation.table.is_some_and(touched) {
            bail!(
                "entry {id} cannot be rolled back: an older hypertop recorded names only, and {name} is another relation now. Run by hand what `hypertop journal {id}` shows"
            );
        }
        self.note(
            Level::Notice,
            format!("entry {id} recorded names only (by an older hypertop, or because it was interrupted): {name} was found by its name, and belongs to the entry's target"),
        );
        Ok(())
    }
}

/// Adds new names for the objects that the step creates, so that they are created in the present schema of their table.
fn move_along(own: Vec<String>, renames: &mut BTreeMap<String, String>) {
    let schema = |name: &String| parts(name).map(|(schema, _)| schema);
    for name in own {
        let table = renames
            .iter()
            .find(|(from, _)| schema(from) == schema(&name));
        if let Some((schema, (_, bare))) = table.and_then(|(_, to)| schema(to)).zip(parts(&name)) {
            renames.insert(name, qualified(&schema, &bare));
        }
    }
}

fn gone(name: &str, there: &There) -> String {
    if there.by_name.contains_key(name) {
        format!("{name} no longer exists; another relation has its name now, and is left alone")
    } else {
        format!("{name} no longer exists")
    }
}
