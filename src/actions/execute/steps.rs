//! Runs the steps of a plan in order, and writes each to the journal.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::sync::watch;

use super::actor::LOOK;
use super::actor::{Order, Run};
use super::monitor::Monitor;
use super::problem::Problem;
use super::progress::Progress;
use super::progress::report;
use super::send::send;
use super::step::Did;
use super::writer::Writer;
use super::writer::is_planned_here;
use crate::journal::{Outcome, Ran};
use crate::model::plan::{Pace, Plan, Statement, Step};

/// Time that a cancelled statement may take to end before its connection is closed.
const CANCEL_PATIENCE: Duration = Duration::from_secs(20);
/// Time for which the server may be silent, on the statement's connection and on a second connection, before both are closed.
const PATIENCE: Duration = Duration::from_secs(45);

/// Maximum number of notices in a report.
const NOTICES: usize = 500;

impl Run<'_> {
    pub(super) async fn steps(
        &mut self,
        writer: &mut Writer,
        plan: &Plan,
        order: &mut watch::Receiver<Order>,
    ) -> Outcome {
        let whole: i64 = plan.steps.iter().map(|step| step.bytes).sum();
        let (mut bytes, mut wal) = (0, None);
        for (at, step) in plan.steps.iter().enumerate() {
            if at > 0 && !self.pace(writer, &plan.pace, &mut wal, order).await {
                return Outcome::Cancelled;
            }
            if *order.borrow() == Order::Stop {
                return Outcome::Cancelled;
            }
            if at > 0 && self.is_outside(&plan.pace) {
                self.notices.push(
                    "stopped: the hours of --window are over; run apply again to continue"
                        .to_owned(),
                );
                return Outcome::Cancelled;
            }
            if writer.connected.client.is_closed() {
                let why = "the connection was lost before this step, which did not start";
                return self.fail(step, Problem::other(why), at);
            }
            report(
                self.reports,
                Progress::Step {
                    number: at + 1,
                    of: plan.steps.len(),
                    label: step.label.clone(),
                },
            );
            if step.plain
                && at > 0
                && let Err(error) = self.reconnect(writer, plan.lock_timeout_seconds).await
            {
                return self.fail(step, Problem::other(format!("{error:#}")), at);
            }
            let result = self.step(writer, at, step, order).await;
            bytes += step.bytes;
            if let Some(outcome) = self.take(plan, at, result, *order.borrow() == Order::Stop) {
                return outcome;
            }
            report(
                self.reports,
                Progress::Bytes {
                    done: bytes,
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

    /// True if the present time is outside the hours of `--window`.
    fn is_outside(&self, pace: &Pace) -> bool {
        let now = (self.actor.clock)();
        pace.window
            .as_ref()
            .is_some_and(|(window, zone)| window.until(now, zone).is_none())
    }

    /// Opens a new connection for a step that runs outside a transaction block, such as a refresh. A cancelled refresh blocks other
    /// refreshes until its session ends.
    async fn reconnect(&self, writer: &mut Writer, lock_timeout_seconds: u32) -> Result<()> {
        let fresh = self.actor.open(lock_timeout_seconds).await?;
        is_planned_here(&fresh, Some(&writer.place))?;
        *writer = fresh;
        Ok(())
    }

    /// Handles the result of a step. Returns the outcome if the plan ends here. `None`: the plan continues.
    fn take(
        &mut self,
        plan: &Plan,
        at: usize,
        result: Result<Did, Problem>,
        stopped: bool,
    ) -> Option<Outcome> {
        let step = &plan.steps[at];
        match result {
            Ok(did) => {
                self.done += 1;
                let written = self.note(at, did, None);
                if !written && at + 1 < plan.steps.len() {
                    let why = "the journal can no longer be written: the steps after this one did not start";
                    self.problems
                        .push((step.label.clone(), Problem::other(why)));
                    return Some(Outcome::Failed);
                }
            }
            // This case comes before the stop: a statement that may still be running must not be reported as cancelled.
            Err(problem) if problem.lost => {
                self.problems.push((step.label.clone(), problem));
                return Some(Outcome::Unknown);
            }
            Err(problem) if stopped => {
                self.note(at, Did::default(), Some(problem.to_string()));
                return Some(Outcome::Cancelled);
            }
            // In a rollback, an object that is gone needs no undo. The other steps continue.
            Err(problem)
                if step.undoes.is_some()
                    && (problem.gone || is_dropped_already(step, &problem)) =>
            {
                self.note(at, Did::default(), Some(problem.to_string()));
                self.notices
                    .push(format!("not done: {}: {problem}", step.label));
            }
            Err(problem) => {
                let outcome = self.fail(step, problem, at);
                if !plan.pace.go_on || self.journal_lost {
                    return Some(outcome);
                }
            }
        }
        None
    }

    fn fail(&mut self, step: &Step, problem: Problem, at: usize) -> Outcome {
        self.note(at, Did::default(), Some(problem.to_string()));
        self.problems.push((step.label.clone(), problem));
        Outcome::Failed
    }

    /// Writes the end of a step to the journal. A write error becomes a notice, because the step has already run.
    /// Returns whether the line was written.
    fn note(&mut self, step: usize, did: Did, error: Option<String>) -> bool {
        let ran = Ran {
            id: self.id,
            at: self.actor.moment(),
            step,
            kept: did.kept,
            error,
            named: did.named,
            unknown: false,
        };
        let written = self.actor.journal.ran(ran);
        if let Err(error) = &written {
            self.notices.push(format!("{error:#}"));
        }
        written.is_ok()
    }

    /// Runs one statement, unless the user has stopped the plan.
    pub(super) async fn statement(
        &self,
        writer: &Writer,
        statement: &Statement,
        order: &mut watch::Receiver<Order>,
    ) -> Result<Option<String>, Problem> {
        // `borrow_and_update` marks the stop as seen. Otherwise the stop would also cancel the ROLLBACK that follows.
        if *order.borrow_and_update() == Order::Stop {
            return Err(Problem::other("stopped before this statement"));
        }
        let work = send(&writer.connected.client, statement);
        self.answer(writer, work, order).await
    }

    /// Waits for a statement's answer and reports its progress. If the user stops the plan, cancels the statement on the server.
    pub(super) async fn answer<T>(
        &self,
        writer: &Writer,
        work: impl Future<Output = Result<T, Problem>>,
        order: &mut watch::Receiver<Order>,
    ) -> Result<T, Problem> {
        let mut work = std::pin::pin!(work);
        let mut look = tokio::time::interval_at(tokio::time::Instant::now() + LOOK, LOOK);
        let mut monitor = Monitor::default();
        let mut stopped_at: Option<Instant> = None;
        let mut silence = Silence::default();
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
                        // The server ignores a cancel that arrives between two statements, so the cancel is repeated.
                        writer.connected.canceller().await;
                    }
                    let there = self.look(&mut monitor, writer).await;
                    if let Some(why) = silence.after(there) {
                        return Err(Problem::lost(why));
                    }
                }
            }
        }
    }

    pub(super) fn take_notices(&mut self, writer: &mut Writer) {
        while let Ok(notice) = writer.connected.notices.try_recv() {
            report(self.reports, Progress::Notice(notice.clone()));
            if self.notices.len() < NOTICES && !self.notices.contains(&notice) {
                self.notices.push(notice);
                if self.notices.len() == NOTICES {
                    self.notices
                        .push("further notices were left out".to_owned());
                }
            }
        }
    }
}

/// Detects that a statement will never be answered, from the answers to [`Run::look`].
#[derive(Debug, Default)]
struct Silence {
    /// Time since when the server has not answered. `None`: it answers.
    since: Option<Instant>,
    /// Number of successive answers that say that the statement's session no longer exists.
    gone: u32,
}

impl Silence {
    /// Takes an answer of [`Run::look`]. Returns the reason to close the statement's connection. `None`: the connection stays open.
    fn after(&mut self, there: Option<bool>) -> Option<&'static str> {
        match there {
            Some(true) => *self = Self::default(),
            Some(false) => {
                self.since = None;
                self.gone += 1;
            }
            None => {
                self.since.get_or_insert_with(Instant::now);
            }
        }
        // A session that has just ended may have sent an answer that has not arrived yet, so a few checks pass first.
        if self.gone > 5 {
            return Some(
                "the session no longer exists on the server, and the statement has no answer",
            );
        }
        let long = self.since.is_some_and(|since| since.elapsed() > PATIENCE);
        long.then_some("the server no longer answers; the statement may still be running")
    }
}

/// True if the step failed because the index that it drops no longer exists. An earlier step of the same rollback may have dropped it.
fn is_dropped_already(step: &Step, problem: &Problem) -> bool {
    let mut statements = step.run.iter();
    statements.all(|statement| statement.sql.starts_with("DROP INDEX "))
        && problem.sqlstate.as_deref() == Some("42704")
}
