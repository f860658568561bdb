//! The lines of the journal's file. `file` reads and appends them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::place::Place;
use super::snapshot::Snapshot;
use crate::journal::acknowledge::{Acknowledgement, Ended, Wanted};
use crate::model::plan::Plan;
use crate::model::plan::named::Named;
use crate::model::target::Target;

/// A target's state, and the action whose query read it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    pub action: String,
    pub target: Target,
    /// State of the target. Null: the target does not exist.
    pub state: Json,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Begin {
    pub id: u64,
    /// Time by this machine's clock, RFC 3339.
    pub(crate) at: String,
    pub role: String,
    pub place: Place,
    /// Version of the extension. `None`: unknown.
    pub(crate) timescaledb: Option<String>,
    pub plan: Plan,
    /// Inputs of the form, as text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) inputs: String,
    pub(crate) before: Vec<Seen>,
    /// Snapshot of the database just before an apply. `None`: another action, the snapshot was not read, or an older hypertop wrote the
    /// entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) snapshot: Option<Snapshot>,
    /// Ids of the entries that this one rolls back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undoes: Vec<u64>,
    /// True: each step writes a mark. False: an older hypertop wrote the entry, so the result of the step after the
    /// last known step is unknown.
    #[serde(default)]
    pub marks: bool,
    /// The acknowledged finding. `None`: the entry is an action on the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledges: Option<Wanted>,
    /// Process id of the hypertop that wrote the entry.
    pub(crate) pid: u32,
    /// Start of that process, in the kernel's ticks since boot. `None`: unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pid_began: Option<u64>,
}

/// Line for a step that is about to take effect. In a transaction, only the COMMIT is still to come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    pub(crate) id: u64,
    pub(crate) at: String,
    pub(crate) step: usize,
    /// Transaction id (`pg_current_xact_id()`). `None`: the step runs outside a transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xid: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) kept: BTreeMap<String, String>,
    /// The relations and jobs that the step and its undo name.
    #[serde(default, skip_serializing_if = "Named::is_empty")]
    pub(crate) named: Named,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ran {
    pub id: u64,
    pub at: String,
    /// Index of the step in the plan, counted from 0.
    pub step: usize,
    /// Values that the step's statements returned, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kept: BTreeMap<String, String>,
    /// Error of the step: it had no effect, unless it ran outside a transaction. `None`: no error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Objects that the step created, if their names were known only after it ran.
    #[serde(default, skip_serializing_if = "Named::is_empty")]
    pub named: Named,
    /// True: the step was interrupted, and the server no longer knows whether it took effect.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unknown: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Done,
    /// A step failed.
    Failed,
    /// The user stopped the action.
    Cancelled,
    /// The connection was lost during a step.
    Unknown,
}

impl Outcome {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Unknown => "unknown",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct End {
    pub id: u64,
    pub at: String,
    pub outcome: Outcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<Seen>,
    /// Duration of the action.
    pub seconds: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(super) enum Line {
    Begin(Box<Begin>),
    Mark(Mark),
    Step(Ran),
    End(End),
    /// A finding was acknowledged or snoozed.
    Acknowledge(Box<Acknowledgement>),
    /// An acknowledgement ended.
    Ended(Ended),
}
