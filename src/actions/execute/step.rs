//! Runs one step. A step is either one transaction, whose id is written to the journal before the commit, or statements that run outside
//! a transaction block.
//!
//! Between preview and run, another object may get the name of a relation. So names are looked up in the transaction before and after its
//! statements. After a statement has locked the relations that it names, they can no longer be renamed.

use std::collections::BTreeMap;

use tokio::sync::watch;

use super::actor::{Order, Run};
use super::named::{self, alike};
use super::problem::Problem;
use super::send::execute;
use super::writer::Writer;
use crate::journal::Mark;
use crate::model::plan::named::{Named, NamedJob, Relation};
use crate::model::plan::{Statement, Step};
use crate::server::session;
use crate::server::sql::{Query, query};

const XID: Query = query!("act_xid");

/// Values that a step's statements returned, by name, and the objects that the step and its undo name.
#[derive(Debug, Default)]
pub(super) struct Did {
    pub kept: BTreeMap<String, String>,
    pub named: Named,
}

impl Run<'_> {
    /// Runs one step. It takes effect only after its line in the journal is on disk.
    pub(super) async fn step(
        &mut self,
        writer: &mut Writer,
        at: usize,
        step: &Step,
        order: &mut watch::Receiver<Order>,
    ) -> Result<Did, Problem> {
        if step.plain {
            let named = self.as_expected(writer, step).await?;
            self.mark(at, None, BTreeMap::new(), named)?;
            let kept = self.statements(writer, step, order).await?;
            // If the lookup fails, a rollback can find the objects only by name, and reports that.
            let named = self.of(writer, step, &kept).await.unwrap_or_default();
            return Ok(Did { kept, named });
        }
        self.plain(writer, "begin", order).await?;
        let before = self.bindings.clone();
        let mut result = self.inside(writer, at, step, order).await;
        let commits = result.is_ok();
        if let Ok(did) = result {
            // COMMIT may wait for a synchronous standby. A cancel ends that wait, and a warning of the server then says how the commit
            // ended.
            result = self.plain(writer, "commit", order).await.map(|()| did);
        }
        self.take_notices(writer);
        if result.as_ref().is_err_and(|problem| !problem.lost) {
            // Ends the transaction block, which is still open after an error.
            let rollback = execute(&writer.connected.client, "rollback");
            if let Err(problem) = self.answer(writer, rollback, order).await
                && problem.lost
                && commits
            {
                // Without a connection it is unknown whether COMMIT took effect.
                result = Err(problem);
            }
        }
        if result.is_err() {
            // Forget the ids of objects that the rolled back transaction had created.
            self.bindings = before;
        }
        result
    }

    async fn inside(
        &mut self,
        writer: &mut Writer,
        at: usize,
        step: &Step,
        order: &mut watch::Receiver<Order>,
    ) -> Result<Did, Problem> {
        let mut named = self.as_expected(writer, step).await?;
        let kept = self.statements(writer, step, order).await?;
        let after = self.of(writer, step, &kept).await?;
        self.acted_on_these(writer, step, &after).await?;
        named.add(after);
        let client = &writer.connected.client;
        let rows = session::ask(client, XID.text(self.version()), &[]).await;
        let xid =
            rows.and_then(|rows| Ok(rows.first().map(|row| row.try_get("xid")).transpose()?));
        let xid = xid.map_err(|error| Problem::other(format!("{error:#}")))?;
        self.mark(at, xid, kept.clone(), named)?;
        // The line that was just written to the journal already contains these objects.
        let named = Named::default();
        Ok(Did { kept, named })
    }

    /// Runs SQL that has no parameters and returns nothing.
    async fn plain(
        &self,
        writer: &Writer,
        sql: &str,
        order: &mut watch::Receiver<Order>,
    ) -> Result<(), Problem> {
        let statement = Statement::new(sql, Vec::new());
        self.statement(writer, &statement, order).await.map(|_| ())
    }

    async fn statements(
        &mut self,
        writer: &mut Writer,
        step: &Step,
        order: &mut watch::Receiver<Order>,
    ) -> Result<BTreeMap<String, String>, Problem> {
        let mut kept = BTreeMap::new();
        for statement in &step.run {
            let mut bound = self.bindings.bind(statement).map_err(Problem::other)?;
            bound.by_oid(&self.expects);
            let result = self.statement(writer, &bound, order).await;
            self.take_notices(writer);
            if let Some((name, value)) = statement.keeps.clone().zip(result?) {
                self.bindings.kept.insert(name.clone(), value.clone());
                self.bindings.renew(&name, &value);
                kept.insert(name, value);
            }
        }
        Ok(kept)
    }

    fn mark(
        &mut self,
        step: usize,
        xid: Option<String>,
        kept: BTreeMap<String, String>,
        named: Named,
    ) -> Result<(), Problem> {
        let mark = Mark {
            id: self.id,
            at: self.actor.moment(),
            step,
            xid,
            kept,
            named,
        };
        self.actor.journal.mark(mark).map_err(|error| {
            self.journal_lost = true;
            Problem::other(format!("{error:#}: this step was not done"))
        })
    }

    /// The objects that a step and its undo name, and the jobs that the step created. An error if one of the jobs would act on another
    /// hypertable than its own.
    async fn of(
        &self,
        writer: &Writer,
        step: &Step,
        kept: &BTreeMap<String, String>,
    ) -> Result<Named, Problem> {
        let (client, server) = (&writer.connected.client, &self.actor.server);
        let said = |error: anyhow::Error| Problem::other(format!("{error:#}"));
        let steps = std::slice::from_ref(step);
        let mut named = named::of_steps(client, server, steps).await.map_err(said)?;
        let made = kept.iter().filter(|(name, _)| name.starts_with("job"));
        let made: Vec<i64> = made.filter_map(|(_, id)| id.parse().ok()).collect();
        let bound = step.run.iter().flat_map(Statement::jobs);
        let bound: Vec<i64> = bound.map(|id| self.bindings.job(id)).collect();
        if made.is_empty() && bound.is_empty() {
            return Ok(named);
        }
        let jobs = named::jobs(client, server).await.map_err(said)?;
        for id in made.iter().chain(&bound) {
            let Some(job) = jobs.get(id) else { continue };
            if let Some(meant) = job.meant
                && Some(meant) != job.kind.hypertable
            {
                return Err(Problem::other(format!(
                    "job {id} would act on the hypertable with the id {meant}, but belongs to another hypertable: this step was not done"
                )));
            }
            if made.contains(id) {
                let alike = alike(&jobs, &job.kind, *id);
                let kind = job.kind.clone();
                named.jobs.insert(id.to_string(), NamedJob { kind, alike });
            }
        }
        Ok(named)
    }

    /// The objects that the step names. An error if a name means another object than in the approved plan.
    async fn as_expected(&self, writer: &Writer, step: &Step) -> Result<Named, Problem> {
        let now = self.of(writer, step, &BTreeMap::new()).await?;
        let names = named::statements(step).flat_map(Statement::relations);
        for name in names {
            let Some(was) = self.expects.get(&name) else {
                continue;
            };
            if now.relations.get(&name).is_some_and(|is| was.is(is)) {
                continue;
            }
            let there = self.still_there(writer, &[was]).await?;
            return Err(if there.is_empty() {
                Problem {
                    gone: true,
                    ..Problem::other(format!("{name} no longer exists"))
                }
            } else {
                another(&name)
            });
        }
        Ok(now)
    }

    /// An error if a name in the statements means another relation now than before they ran, and the earlier relation still exists.
    async fn acted_on_these(
        &mut self,
        writer: &Writer,
        step: &Step,
        after: &Named,
    ) -> Result<(), Problem> {
        let names = step.run.iter().flat_map(Statement::relations);
        let moved: Vec<(String, Relation)> = names
            .filter_map(|name| {
                let was = self.expects.get(&name)?;
                let same = after.relations.get(&name).is_some_and(|is| was.is(is));
                (!same).then(|| (name, was.clone()))
            })
            .collect();
        let relations: Vec<&Relation> = moved.iter().map(|(_, was)| was).collect();
        let there = self.still_there(writer, &relations).await?;
        for (name, was) in moved {
            // If the earlier relation is gone, the statement itself dropped or replaced it.
            if there.contains(&was.oid) {
                return Err(another(&name));
            }
            self.expects.remove(&name);
        }
        Ok(())
    }

    /// Oids of the relations in `all` that still exist.
    async fn still_there(&self, writer: &Writer, all: &[&Relation]) -> Result<Vec<i64>, Problem> {
        let oids = all.iter().map(|relation| relation.oid).collect();
        let client = &writer.connected.client;
        let found = named::by_oid(client, &self.actor.server, oids).await;
        let found = found.map_err(|error| Problem::other(format!("{error:#}")))?;
        let same = |was: &&&Relation| {
            let is = found.get(&was.oid);
            is.is_some_and(|is| was.is(&is.relation))
        };
        Ok(all.iter().filter(same).map(|was| was.oid).collect())
    }
}

fn another(name: &str) -> Problem {
    Problem::other(format!(
        "{name} means another relation than in the preview (renamed or created again meanwhile): this step was not done; preview it again"
    ))
}
