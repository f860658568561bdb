//! The lines of the journal's file.

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
    /// What was chosen in the form, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub inputs: String,
    pub before: Vec<Seen>,
    /// The entries that this one takes back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undoes: Vec<u64>,
    /// Its steps leave marks; without (written by an older hypertop) the step after the last known one is in doubt.
    #[serde(default)]
    pub marks: bool,
    /// The finding that was acknowledged; then there is no plan, and nothing in the database was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledges: Option<Wanted>,
    /// The process of hypertop that did it.
    pub pid: u32,
    /// When that process began, in the kernel's own count; `None`: the system does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid_began: Option<u64>,
}

/// A step is about to take effect: of a transaction all is done but the commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    pub id: u64,
    pub at: String,
    pub step: usize,
    /// Its transaction (`pg_current_xact_id()`); `None`: it runs without one around it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xid: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kept: BTreeMap<String, String>,
    /// What the step and its undo name.
    #[serde(default, skip_serializing_if = "Named::is_empty")]
    pub named: Named,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    pub id: u64,
    pub at: String,
    /// Which step of the plan, from 0.
    pub step: usize,
    /// What its statements returned under names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kept: BTreeMap<String, String>,
    /// The server's words where it failed; nothing of the step is left then (unless it ran without a transaction).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What it made, where that was known only afterwards.
    #[serde(default, skip_serializing_if = "Named::is_empty")]
    pub named: Named,
    /// It was cut off, and the server cannot say any more whether it took effect.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unknown: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Done,
    /// A step failed.
    Failed,
    /// A person stopped it.
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
    /// A finding is acknowledged: whole in one line, which is torn or there.
    Acknowledge(Box<Acknowledgement>),
    /// And counts again.
    Ended(Ended),
}
