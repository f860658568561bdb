//! The executor of plans, and one run of a plan.

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

/// Interval between two checks of a waiting plan, and between two looks at a running statement's progress.
pub(super) const LOOK: Duration = Duration::from_secs(1);

/// A user's order to a running plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Go,
    /// Wait after the step that runs.
    Hold,
    /// Stop now; cancels the statement on the server.
    Stop,
}

/// A plan that the user agreed to, and the state it was computed from.
#[derive(Debug, Clone, PartialEq)]
pub struct ApprovedPlan {
    pub plan: Plan,
    /// State that the plan was computed from. If it has changed since, nothing is run.
    pub seen: Vec<Seen>,
    /// The chosen inputs, in words.
    pub inputs: String,
    /// Numbers of the journal entries that this rolls back.
    pub undoes: Vec<u64>,
    pub restores: Vec<Seen>,
    /// Database it was planned for; it runs in this one only. `None`: a recording.
    pub place: Option<Place>,
}

/// Executor of plans.
#[derive(Debug, Clone)]
pub struct Actor {
    pub settings: Settings,
    pub password: Option<String>,
    pub journal: Journal,
    /// The server as the read session knows it: versions, time zone.
    pub server: Server,
    /// Clock; the rooms below `run` do not read one themselves.
    pub clock: fn() -> Stamp,
}

/// One run of a plan.
pub(super) struct Run<'a> {
    pub(super) actor: &'a Actor,
    pub(super) id: u64,
    pub(super) bindings: Bindings,
    /// Relations that its statements mean by these names.
    pub(super) expects: BTreeMap<String, Relation>,
    pub(super) done: usize,
    /// The journal could not be written, so no further step may run.
    pub(super) journal_lost: bool,
    pub(super) problems: Vec<(String, Problem)>,
    pub(super) notices: Vec<String>,
    pub(super) reports: &'a UnboundedSender<Progress>,
}
