//! The format of a line in the journal's file; `file` appends and reads the lines.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::place::Place;
use crate::journal::acknowledge::{Acknowledgement, Ended, Wanted};
use crate::model::plan::Plan;
use crate::model::plan::named::Named;
use crate::model::target::Target;

/// A target with its state, and the action whose query captured it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    pub action: String,
    pub target: Target,
    /// Null: the target is not there.
    pub state: Json,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Begin {
    pub id: u64,
    /// RFC 3339, by this machine's clock.
    pub at: String,
    pub role: String,
    pub place: Place,
    pub timescaledb: Option<String>,
    pub plan: Plan,
    /// The form's inputs, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub inputs: String,
    pub before: Vec<Seen>,
    /// Entries that this one rolls back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undoes: Vec<u64>,
    /// Steps write marks. False (an older hypertop wrote it): the step after the last known one is in doubt.
    #[serde(default)]
    pub marks: bool,
    /// The acknowledged finding; such an entry has no plan and changed nothing in the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledges: Option<Wanted>,
    /// Process id of the hypertop that wrote it.
    pub pid: u32,
    /// Start of that process, in the kernel's ticks; `None`: unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pid_began: Option<u64>,
}

/// A step is about to take effect; in a transaction only COMMIT is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    pub id: u64,
    pub at: String,
    pub step: usize,
    /// Its transaction (`pg_current_xact_id()`); `None`: it runs outside a transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xid: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kept: BTreeMap<String, String>,
    /// Relations and jobs named by the step and its undo.
    #[serde(default, skip_serializing_if = "Named::is_empty")]
    pub named: Named,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    pub id: u64,
    pub at: String,
    /// Index of the step in the plan, from 0.
    pub step: usize,
    /// Values that its statements returned, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kept: BTreeMap<String, String>,
    /// The server's error; nothing of the step is left, unless it ran outside a transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Names of what the step created, if they were known only after it ran.
    #[serde(default, skip_serializing_if = "Named::is_empty")]
    pub named: Named,
    /// It was interrupted, and the server no longer knows whether it took effect.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unknown: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Done,
    /// A step failed.
    Failed,
    /// The user stopped it.
    Cancelled,
    /// The connection was lost in the middle of a step.
    Unknown,
}

impl Outcome {
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Unknown => "unknown",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct End {
    pub id: u64,
    pub at: String,
    pub outcome: Outcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<Seen>,
    pub seconds: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(super) enum Line {
    Begin(Box<Begin>),
    Mark(Mark),
    Step(Ran),
    End(End),
    /// A finding was acknowledged.
    Acknowledge(Box<Acknowledgement>),
    /// An acknowledgement ended.
    Ended(Ended),
}
