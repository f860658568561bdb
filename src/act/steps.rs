//! The steps of a plan that runs, one after the other, each noted in the journal.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::progress::tell;
use super::send::{execute, send};
use super::writer::Writer;
use super::{LOOK, Order, Problem, Progress, Run};
use crate::journal::{Outcome, Ran};
use crate::plan::{Plan, Statement, Step};

/// How long a cancelled statement may take to end before its connection is given up.
const CANCEL_PATIENCE: Duration = Duration::from_secs(20);

/// A report holds so many notices.
const NOTICES: usize = 500;

impl Run<'_> {
    pub(super) async fn steps(
        &mut self,
        writer: &mut Writer,
        plan: &Plan,
        order: &mut watch::Receiver<Order>,
    ) -> Outcome {
        let whole: i64 = plan.steps.iter().map(|step| step.weight).sum();
        let (mut weight, mut wal) = (0, None);
        for (at, step) in plan.steps.iter().enumerate() {
            if at > 0 && !self.pace(writer, &plan.pace, &mut wal, order).await {
                return Outcome::Cancelled;
            }
            if *order.borrow() == Order::Stop {
                return Outcome::Cancelled;
            }
            if writer.connected.client.is_closed() {
                let why = "the connection was lost before this step, which was not begun";
                return self.fail(step, Problem::other(why), at);
            }
            tell(
                self.told,
                Progress::Step {
                    number: at + 1,
                    of: plan.steps.len(),
                    label: step.label.clone(),
                },
            );
            // A cancelled refresh leaves its mark on the connection, so each has its own.
            if step.plain && at > 0 {
                match self.actor.open(plan.lock_timeout_seconds).await {
                    Ok(fresh) => *writer = fresh,
                    Err(error) => return self.fail(step, Problem::other(format!("{error:#}")), at),
                }
            }
            let result = self.step(writer, step, order).await;
            weight += step.weight;
            match result {
                Ok(kept) => {
                    self.done += 1;
                    self.note(at, kept, None);
                }
                // Before the stop: of a statement that may still run nobody can say that it was cancelled.
                Err(problem) if problem.lost => {
                    self.problems.push((step.label.clone(), problem));
                    return Outcome::Unknown;
                }
                Err(_) if *order.borrow() == Order::Stop => return Outcome::Cancelled,
                Err(problem) => {
                    let outcome = self.fail(step, problem, at);
                    if !plan.pace.go_on {
                        return outcome;
                    }
                }
            }
            tell(
                self.told,
                Progress::Weight {
                    done: weight,
                    of: whole,
                },
            );
        }
        if self.problems.is_empty() {
            Outcome::Done
        } else {
            Outcome::Failed
        }
    }

    fn fail(&mut self, step: &Step, problem: Problem, at: usize) -> Outcome {
        self.note(at, BTreeMap::new(), Some(problem.to_string()));
        self.problems.push((step.label.clone(), problem));
        Outcome::Failed
    }

    /// Writes down that a step ended; what cannot be written is said, since the step has happened.
    fn note(&mut self, step: usize, kept: BTreeMap<String, String>, error: Option<String>) {
        let ran = Ran {
            id: self.id,
            at: self.actor.moment(),
            step,
            kept,
            error,
        };
        if let Err(error) = self.actor.journal.ran(ran) {
            self.notices.push(format!("{error:#}"));
        }
    }

    /// Runs one step; gives what its statements kept.
    async fn step(
        &mut self,
        writer: &mut Writer,
        step: &Step,
        order: &mut watch::Receiver<Order>,
    ) -> Result<BTreeMap<String, String>, Problem> {
        let block = !step.plain && step.run.len() > 1;
        if block {
            execute(&writer.connected.client, "begin").await?;
        }
        let mut kept = BTreeMap::new();
        let before = self.bindings.clone();
        for statement in &step.run {
            let bound = self.bindings.bind(statement).map_err(Problem::other)?;
            let result = self.statement(writer, &bound, order).await;
            self.take_notices(writer);
            match result {
                Ok(value) => {
                    if let Some((name, value)) = statement.keeps.clone().zip(value) {
                        self.bindings.kept.insert(name.clone(), value.clone());
                        self.bindings.renew(&name, &value);
                        kept.insert(name, value);
                    }
                }
                Err(problem) => {
                    if block {
                        // What it made is gone with it, ids as well.
                        self.bindings = before;
                        if !problem.lost {
                            // The server has ended the transaction already; this only leaves the block.
                            let _ = execute(&writer.connected.client, "rollback").await;
                        }
                    }
                    return Err(problem);
                }
            }
        }
        if block {
            execute(&writer.connected.client, "commit").await?;
        }
        Ok(kept)
    }

    /// Runs one statement, telling of its progress, and stopping it on the server when that is asked.
    async fn statement(
        &self,
        writer: &Writer,
        statement: &Statement,
        order: &mut watch::Receiver<Order>,
    ) -> Result<Option<String>, Problem> {
        let mut work = std::pin::pin!(send(&writer.connected.client, statement));
        let mut look = tokio::time::interval_at(tokio::time::Instant::now() + LOOK, LOOK);
        let mut monitor = None;
        let mut stopped_at: Option<Instant> = None;
        loop {
            tokio::select! {
                result = &mut work => return result,
                changed = order.changed(), if stopped_at.is_none() => {
                    if changed.is_err() || *order.borrow() == Order::Stop {
                        stopped_at = Some(Instant::now());
                        writer.connected.canceller().await;
                    }
                }
                _ = look.tick() => {
                    if stopped_at.is_some_and(|at| at.elapsed() > CANCEL_PATIENCE) {
                        return Err(Problem::lost("the server did not end the statement after it was cancelled; it may still run"));
                    }
                    if stopped_at.is_some() {
                        // A cancel that came just between two of the server's own transactions is lost: once more.
                        writer.connected.canceller().await;
                    }
                    self.look(&mut monitor, writer.pid).await;
                }
            }
        }
    }

    fn take_notices(&mut self, writer: &mut Writer) {
        while let Ok(notice) = writer.connected.notices.try_recv() {
            tell(self.told, Progress::Notice(notice.clone()));
            if self.notices.len() < NOTICES && !self.notices.contains(&notice) {
                self.notices.push(notice);
                if self.notices.len() == NOTICES {
                    self.notices.push("further notices are left out".to_owned());
                }
            }
        }
    }
}
