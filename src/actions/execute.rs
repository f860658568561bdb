//! Runs an approved plan step by step in a write session of its own. The journal is written before and after the run.

mod actor;
pub(crate) mod alone;
mod monitor;
pub(super) mod named;
mod pace;
mod problem;
mod progress;
mod report;
mod send;
mod state;
mod step;
mod steps;
mod writer;

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

use crate::journal::{self, Begin, End, Entries, Entry, Outcome, Place, Running, Seen};
use crate::model::plan::{Bindings, Undo};
use crate::model::text;
use crate::model::version::Version;

use progress::report;
use writer::{Writer, is_planned_here};

use self::actor::Run;
pub use problem::Problem;
pub use progress::Progress;
pub use report::Report;
pub(crate) use state::APPLY;
pub(super) use state::current;
pub use writer::place;

pub use self::actor::{Actor, ApprovedPlan, Order};

impl Actor {
    /// Runs an approved plan. If it returns an error, nothing was changed.
    pub async fn perform(
        &self,
        approved: &ApprovedPlan,
        reports: &UnboundedSender<Progress>,
        mut order: watch::Receiver<Order>,
    ) -> Result<Report> {
        let start = Instant::now();
        let mut writer = self.open(approved.plan.lock_timeout_seconds).await?;
        // With this handler, a write past the file size limit returns an error (as with a full disk) instead of killing the process.
        let size = SignalKind::from_raw(nix::libc::SIGXFSZ);
        let _limit = signal(size)?;
        is_planned_here(&writer, approved.place.as_ref())?;
        let _lock = if approved.plan.alone {
            Some(self.alone().await?)
        } else {
            None
        };
        let before = self.check(&writer, approved).await?;
        let expects = self.meant(&writer, approved).await?;
        let entries = self.journal.entries()?;
        let begin = self.begin(&writer, approved, before);
        let at = begin.at.clone();
        let id = self.journal.begin(begin)?;
        let _running = Running(id, at);
        report(reports, Progress::Began(id));
        let mut run = Run {
            actor: self,
            id,
            bindings: bindings(&entries, approved, &writer.place),
            expects,
            done: 0,
            journal_lost: false,
            problems: Vec::new(),
            notices: Vec::new(),
            reports,
        };
        let outcome = run.steps(&mut writer, &approved.plan, &mut order).await;
        let (after, mut differs) = self.look_after(&writer, approved, &run.bindings).await;
        if outcome != Outcome::Done {
            differs.clear();
        }
        run.journal_end(outcome, after, start.elapsed());
        Ok(Report {
            id,
            outcome,
            title: approved.plan.title.clone(),
            steps_done: run.done,
            steps: approved.plan.steps.len(),
            can_be_undone: matches!(approved.plan.undo, Undo::Exact(_) | Undo::Partly(_))
                && (run.done > 0 || outcome == Outcome::Unknown),
            problems: run.problems,
            notices: run.notices,
            took: start.elapsed(),
            differs,
        })
    }

    pub(super) fn moment(&self) -> String {
        text::rfc3339((self.clock)()).unwrap_or_default()
    }

    fn begin(&self, writer: &Writer, approved: &ApprovedPlan, before: Vec<Seen>) -> Begin {
        Begin {
            id: 0,
            at: self.moment(),
            role: writer.role.clone(),
            place: writer.place.clone(),
            timescaledb: self.server.timescaledb.map(|version| version.to_string()),
            plan: approved.plan.clone(),
            inputs: approved.inputs.clone(),
            before,
            snapshot: approved.snapshot.clone(),
            undoes: approved.undoes.clone(),
            marks: true,
            acknowledges: None,
            pid: std::process::id(),
            pid_began: journal::began(std::process::id()),
        }
    }
}

fn bindings(entries: &Entries, approved: &ApprovedPlan, place: &Place) -> Bindings {
    let mut bindings = entries.bindings(place, &approved.undoes);
    for id in &approved.undoes {
        bindings
            .kept
            .extend(entries.find(*id).map(Entry::kept).unwrap_or_default());
    }
    bindings
}

impl Run<'_> {
    fn version(&self) -> Version {
        self.actor.server.sql_version()
    }

    fn journal_end(&mut self, outcome: Outcome, after: Vec<Seen>, took: Duration) {
        let id = self.id;
        let first = self.problems.first();
        let ended = self.actor.journal.end(End {
            id,
            at: self.actor.moment(),
            outcome,
            error: first.map(|(_, problem)| problem.to_string()),
            after,
            seconds: took.as_secs_f64(),
        });
        if let Err(error) = ended {
            self.notices.push(format!(
                "{error:#}: journal entry {id} will be shown as interrupted"
            ));
        }
    }
}
