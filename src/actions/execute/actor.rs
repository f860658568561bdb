//! The executor of plans ([`Actor`]), and the state of one run.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::problem::Problem;
use super::progress::Progress;
use crate::connect::conninfo::Settings;
use crate::journal::{Journal, Place, Seen, Snapshot};
use crate::model::moment::Stamp;
use crate::model::plan::named::Relation;
use crate::model::plan::{Bindings, Plan};
use crate::server::known::Server;

/// Time between two checks of a waiting plan, and between two progress queries for a running statement.
pub(super) const LOOK: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Go,
    /// Finish the running step, then wait for another order.
    Hold,
    /// Stop now, and cancel the running statement on the server.
    Stop,
}

/// A plan that the user agreed to, and the state it was computed from.
#[derive(Debug, Clone, PartialEq)]
pub struct ApprovedPlan {
    pub plan: Plan,
    /// States of the targets when the plan was made. If one of them has changed, no statement runs.
    pub seen: Vec<Seen>,
    /// Inputs of the form, as text.
    pub inputs: String,
    /// Ids of the journal entries that this plan rolls back.
    pub undoes: Vec<u64>,
    /// For a rollback: the states of the targets before the actions that it undoes.
    pub restores: Vec<Seen>,
    /// Server and database for which the plan was made. The plan runs nowhere else. `None`: it was made from a recording.
    pub place: Option<Place>,
    /// Findings and counters of the database just before an apply. `None`: this plan is no apply, or its snapshot
    /// could not be read.
    pub snapshot: Option<Snapshot>,
}

/// The executor of approved plans.
#[derive(Debug, Clone)]
pub struct Actor {
    pub settings: Settings,
    /// Password that the user entered. `None`: hypertop did not ask for one.
    pub password: Option<String>,
    pub journal: Journal,
    /// Facts about the server (versions, time zone) from the read session.
    pub server: Server,
    /// Returns the present time. Only the module `run` reads the system's clock.
    pub clock: fn() -> Stamp,
}

/// One run of a plan.
pub(super) struct Run<'a> {
    pub(super) actor: &'a Actor,
    pub(super) id: u64,
    pub(super) bindings: Bindings,
    /// Relations of the preview, by the names in the statements. When the plan runs, each name must still mean the same relation.
    pub(super) expects: BTreeMap<String, Relation>,
    pub(super) done: usize,
    /// True: the journal could not be written, so no further step may run.
    pub(super) journal_lost: bool,
    pub(super) problems: Vec<(String, Problem)>,
    pub(super) notices: Vec<String>,
    pub(super) reports: &'a UnboundedSender<Progress>,
}
