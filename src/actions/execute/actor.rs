//! Who carries plans out, and one run of a plan.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::problem::Problem;
use super::progress::Progress;
use crate::connect::conninfo::Settings;
use crate::journal::{Journal, Place, Seen};
use crate::model::moment::Stamp;
use crate::model::plan::named::Relation;
use crate::model::plan::{Bindings, Plan};
use crate::server::known::Server;

/// How often a pace that holds is looked at again, and how often a running statement's progress is.
pub(super) const LOOK: Duration = Duration::from_secs(1);

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
pub struct ApprovedPlan {
    pub plan: Plan,
    /// What the plan was made from; where it has changed since, nothing is done.
    pub seen: Vec<Seen>,
    /// What was chosen, in words.
    pub inputs: String,
    /// The journal's entries that this takes back, and what the state was before them.
    pub undoes: Vec<u64>,
    pub restores: Vec<Seen>,
    /// Where it was planned, and is to be done; `None`: a recording.
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

/// One plan that runs.
pub(super) struct Run<'a> {
    pub(super) actor: &'a Actor,
    pub(super) id: u64,
    pub(super) bindings: Bindings,
    /// What its statements mean by these names.
    pub(super) expects: BTreeMap<String, Relation>,
    pub(super) done: usize,
    /// The journal could not be written: nothing more may be done.
    pub(super) journal_lost: bool,
    pub(super) problems: Vec<(String, Problem)>,
    pub(super) notices: Vec<String>,
    pub(super) reports: &'a UnboundedSender<Progress>,
}
