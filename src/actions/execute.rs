//! Carrying out a plan: a write session of its own, step by step, with the journal before and after.

pub mod named;
mod pace;
mod problem;
mod progress;
mod report;
mod send;
mod state;
mod step;
mod steps;
mod writer;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

use crate::connect::conninfo::Settings;
use crate::journal::{self, Begin, End, Entries, Entry, Journal, Outcome, Place, Running, Seen};
use crate::model::moment::Stamp;
use crate::model::plan::named::Relation;
use crate::model::plan::{Bindings, Plan, Undo};
use crate::model::text;
use crate::model::version::Version;
use crate::server::known::Server;

use progress::tell;
use writer::Writer;

pub use problem::Problem;
pub use progress::Progress;
pub use report::Report;
pub use state::current;
pub use writer::place;

/// How often a pace that holds is looked at again, and how often a running statement's progress is.
const LOOK: Duration = Duration::from_secs(1);

/// What a person wants of a plan that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Go,
    /// After the step that runs, wait.
    Hold,
    /// Stop now, on the server.
    Stop,
}

/// What is to be done: a plan, with what it was made from.
#[derive(Debug, Clone, PartialEq)]
pub struct Deed {
    pub plan: Plan,
    /// What the plan was made from; where it has changed since, nothing is done.
    pub seen: Vec<Seen>,
    /// What was chosen, in words.
    pub inputs: String,
    /// The journal's entries that this takes back, and what the state was before them.
    pub undoes: Vec<u64>,
    pub restores: Vec<Seen>,
    /// Of a rollback: where it was planned, and is to be done.
    pub place: Option<Place>,
}

/// Who carries out plans.
#[derive(Debug, Clone)]
pub struct Actor {
    pub settings: Settings,
    pub password: Option<String>,
    pub journal: Journal,
    /// The server as the read session knows it: versions, time zone.
    pub server: Server,
    /// The clock, which is read in `run` (and `command`) alone.
    pub clock: fn() -> Stamp,
}

impl Actor {
    /// Carries out a plan that a person agreed to. An error means that nothing was changed.
    pub async fn perform(
        &self,
        deed: &Deed,
        told: &UnboundedSender<Progress>,
        mut order: watch::Receiver<Order>,
    ) -> Result<Report> {
        let start = Instant::now();
        let mut writer = self.open(deed.plan.lock_timeout_seconds).await?;
        // A limit on the size of files then is an error like a full disk, and does not end the process in mid-action.
        let size = SignalKind::from_raw(nix::libc::SIGXFSZ);
        let _limit = signal(size)?;
        is_planned_here(&writer, deed)?;
        let before = self.check(&writer, deed).await?;
        let expects = self.meant(&writer, deed).await?;
        let entries = self.journal.entries()?;
        let begin = self.begin(&writer, deed, before);
        let at = begin.at.clone();
        let id = self.journal.begin(begin)?;
        let _running = Running(id, at);
        tell(told, Progress::Began(id));
        let mut run = Run {
            actor: self,
            id,
            bindings: bindings(&entries, deed, &writer.place),
            expects,
            done: 0,
            journal_lost: false,
            problems: Vec::new(),
            notices: Vec::new(),
            told,
        };
        let outcome = run.steps(&mut writer, &deed.plan, &mut order).await;
        let (after, mut differs) = self.look_after(&writer, deed, &run.bindings).await;
        if outcome != Outcome::Done {
            differs.clear();
        }
        let first = run.problems.first();
        let ended = self.journal.end(End {
            id,
            at: self.moment(),
            outcome,
            error: first.map(|(_, problem)| problem.to_string()),
            after,
            seconds: start.elapsed().as_secs_f64(),
        });
        if let Err(error) = ended {
            run.notices
                .push(format!("{error:#}: entry {id} will be shown as unfinished"));
        }
        Ok(Report {
            id,
            outcome,
            title: deed.plan.title.clone(),
            steps_done: run.done,
            steps: deed.plan.steps.len(),
            can_be_taken_back: matches!(deed.plan.undo, Undo::Exact(_) | Undo::Partly(_))
                && (run.done > 0 || outcome == Outcome::Unknown),
            problems: run.problems,
            notices: run.notices,
            took: start.elapsed(),
            differs,
        })
    }

    pub fn moment(&self) -> String {
        text::rfc3339((self.clock)()).unwrap_or_default()
    }

    fn begin(&self, writer: &Writer, deed: &Deed, before: Vec<Seen>) -> Begin {
        Begin {
            id: 0,
            at: self.moment(),
            role: writer.role.clone(),
            place: writer.place.clone(),
            timescaledb: self.server.timescaledb.map(|version| version.to_string()),
            plan: deed.plan.clone(),
            inputs: deed.inputs.clone(),
            before,
            undoes: deed.undoes.clone(),
            marks: true,
            acknowledges: None,
            pid: std::process::id(),
            pid_began: journal::began(std::process::id()),
        }
    }
}

/// An error where the connection leads to another server than that of the preview: a host's name or a list of hosts may.
fn is_planned_here(writer: &Writer, deed: &Deed) -> Result<()> {
    let planned = deed.place.as_ref();
    let why = planned.and_then(|place| place.doubt(&writer.place));
    if let (Some(place), Some(why)) = (planned, why) {
        bail!(
            "the preview was of {}, and this connection leads to {}, which may be another server ({why}): nothing was done; look at it again",
            place.words(),
            writer.place.words()
        );
    }
    Ok(())
}

fn bindings(entries: &Entries, deed: &Deed, place: &Place) -> Bindings {
    let mut bindings = entries.bindings(place, &deed.undoes);
    for id in &deed.undoes {
        bindings
            .kept
            .extend(entries.find(*id).map(Entry::kept).unwrap_or_default());
    }
    bindings
}

/// One plan that runs.
struct Run<'a> {
    actor: &'a Actor,
    id: u64,
    bindings: Bindings,
    /// What its statements mean by these names.
    expects: BTreeMap<String, Relation>,
    done: usize,
    /// The journal could not be written: nothing more may be done.
    journal_lost: bool,
    problems: Vec<(String, Problem)>,
    notices: Vec<String>,
    told: &'a UnboundedSender<Progress>,
}

impl Run<'_> {
    fn version(&self) -> Version {
        self.actor.server.sql_version()
    }
}
