//! One change of a setup: an action on one object.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::busy::BusyHours;
use crate::model::moment::{Axis, Stamp};
use crate::model::setup::name::Name;
use crate::model::setup::objects::{AgePolicy, Compression, Index, Refresh, Reorder};
use crate::model::text;

/// A change of one object.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The hypertable or aggregate.
    pub of: Name,
    pub what: What,
    /// The settings that differ.
    pub fields: Vec<Field>,
    /// Reason in the file. `None`: the file has none.
    pub(crate) why: Option<String>,
    /// Hours in which a new policy begins. `None`: at any time.
    pub(crate) window: Option<BusyHours>,
}

/// A setting with its values before and after. `None`: not set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    pub(crate) name: String,
    pub(crate) old: Option<String>,
    pub(crate) new: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum What {
    CreateHypertable {
        time: String,
        axis: Axis,
        /// Chunk interval in the unit of the time column. `None`: TimescaleDB's default.
        interval: Option<i64>,
    },
    SetInterval(i64),
    /// Sets the function that returns the current integer time.
    SetNow {
        old: Option<Name>,
        new: Name,
    },
    EnableCompression(Compression),
    EditCompression(Compression),
    DisableCompression,
    AddCompress(AgePolicy),
    /// The old policy and the new one.
    EditCompress(AgePolicy, AgePolicy),
    RemoveCompress(AgePolicy),
    AddRetain(AgePolicy),
    EditRetain(AgePolicy, AgePolicy),
    RemoveRetain(AgePolicy),
    AddReorder(Reorder),
    RemoveReorder(Reorder),
    CreateAggregate {
        source: Name,
        query: String,
        materialized_only: Option<bool>,
    },
    SwitchRealTime {
        materialized_only: bool,
    },
    AddRefresh(Refresh),
    EditRefresh(Refresh, Refresh),
    RemoveRefresh(Refresh),
    DropAggregate,
    /// Sets the object's comment. `None`: no comment.
    Describe {
        old: Option<String>,
        new: Option<String>,
    },
    CreateIndex {
        name: Option<String>,
        index: Index,
    },
    DropIndex {
        name: String,
        oid: i64,
        /// True: the index is invalid (an interrupted build left it); it is dropped and built again.
        invalid: bool,
    },
    /// Pauses the job with this id.
    Pause(i64),
    /// Schedules the paused job with this id again.
    Resume(i64),
    /// Makes a job start at fixed times: at the time of day of `initial`, in `zone`.
    Reschedule {
        job: i64,
        initial: Stamp,
        zone: String,
    },
    /// A difference that hypertop cannot remove; the text says what to do by hand.
    Impossible(String),
    /// The object matches a pattern in `owns`, but the file does not name it.
    Unnamed,
}

impl Change {
    pub(crate) fn new(of: &Name, what: What, fields: Vec<Field>) -> Self {
        Self {
            of: of.clone(),
            what,
            fields,
            why: None,
            window: None,
        }
    }

    /// `+` adds, `-` removes, `~` changes, `!` cannot be applied, `?` is not in the file.
    pub fn sign(&self) -> char {
        match &self.what {
            What::CreateHypertable { .. }
            | What::EnableCompression(_)
            | What::AddCompress(_)
            | What::AddRetain(_)
            | What::AddReorder(_)
            | What::CreateAggregate { .. }
            | What::AddRefresh(_)
            | What::Describe { old: None, .. }
            | What::SetNow { old: None, .. }
            | What::CreateIndex { .. } => '+',
            What::DisableCompression
            | What::RemoveCompress(_)
            | What::RemoveRetain(_)
            | What::RemoveReorder(_)
            | What::RemoveRefresh(_)
            | What::DropAggregate
            | What::DropIndex { .. } => '-',
            What::SetInterval(_)
            | What::EditCompression(_)
            | What::EditCompress(..)
            | What::EditRetain(..)
            | What::SwitchRealTime { .. }
            | What::Describe { .. }
            | What::SetNow { .. }
            | What::EditRefresh(..)
            | What::Pause(_)
            | What::Reschedule { .. }
            | What::Resume(_) => '~',
            What::Impossible(_) => '!',
            What::Unnamed => '?',
        }
    }

    /// Position in the order of an apply. No refresh may read dropped rows during an apply. So rows are kept longer before refresh windows
    /// grow, and refresh windows shrink before rows are dropped earlier.
    pub(super) fn rank(&self) -> u8 {
        let longer =
            |old: &AgePolicy, new: &AgePolicy| new.age.span().length() > old.age.span().length();
        match &self.what {
            What::CreateHypertable { .. } => 0,
            What::SetInterval(_) | What::SetNow { .. } => 1,
            What::RemoveRetain(_) | What::Pause(_) => 2,
            What::EditRetain(old, new) if longer(old, new) => 2,
            What::RemoveCompress(_) => 3,
            What::EditCompress(old, new) if longer(old, new) => 3,
            What::DisableCompression => 4,
            What::CreateAggregate { .. } => 5,
            What::EnableCompression(_) | What::EditCompression(_) => 6,
            What::SwitchRealTime { .. }
            | What::Describe { .. }
            | What::DropIndex { invalid: true, .. } => 7,
            What::CreateIndex { .. } => 8,
            What::AddReorder(_) | What::RemoveReorder(_) => 9,
            What::EditRefresh(..) | What::AddRefresh(_) => 10,
            What::RemoveRefresh(_) => 11,
            What::AddCompress(_) | What::EditCompress(..) => 12,
            What::AddRetain(_) | What::EditRetain(..) => 13,
            What::DropIndex { .. } => 14,
            What::DropAggregate => 15,
            What::Resume(_) => 16,
            // Comes after the job's other changes, because each of them sets the job's present time zone again.
            What::Reschedule { .. } => 17,
            What::Impossible(_) | What::Unnamed => 18,
        }
    }

    /// Whether an apply can make this change.
    pub(crate) fn is_possible(&self) -> bool {
        !matches!(self.what, What::Impossible(_) | What::Unnamed)
    }

    /// The change in a few words.
    pub(crate) fn words(&self) -> String {
        match &self.what {
            What::CreateHypertable { .. } => "becomes a hypertable".to_owned(),
            What::SetInterval(_) => "chunk interval".to_owned(),
            What::SetNow { .. } => "function for the current integer time".to_owned(),
            What::EnableCompression(_) | What::EditCompression(_) => {
                "compression settings".to_owned()
            }
            What::DisableCompression => "compression is disabled".to_owned(),
            What::AddCompress(_) | What::EditCompress(..) | What::RemoveCompress(_) => {
                "compression policy".to_owned()
            }
            What::AddRetain(_) | What::EditRetain(..) | What::RemoveRetain(_) => {
                "retention policy".to_owned()
            }
            What::AddReorder(_) | What::RemoveReorder(_) => "reorder policy".to_owned(),
            What::CreateAggregate { .. } => "continuous aggregate".to_owned(),
            What::SwitchRealTime { .. } => "real-time aggregation".to_owned(),
            What::AddRefresh(_) | What::EditRefresh(..) | What::RemoveRefresh(_) => {
                "refresh policy".to_owned()
            }
            What::Pause(job) => format!("job {job} is paused"),
            What::Resume(job) => format!("job {job} is scheduled again"),
            What::Reschedule { job, .. } => format!("job {job} begins at other times"),
            What::DropAggregate => "continuous aggregate is dropped, with its rows".to_owned(),
            What::Describe { .. } => "comment".to_owned(),
            What::CreateIndex { .. } => "index".to_owned(),
            What::DropIndex { name, .. } => {
                format!("index {} is dropped", text::quote_identifier(name))
            }
            What::Impossible(why) => why.clone(),
            What::Unnamed => "is not in the file".to_owned(),
        }
    }
}

impl Field {
    pub(super) fn new(name: &str, old: Option<String>, new: Option<String>) -> Self {
        Self {
            name: name.to_owned(),
            old,
            new,
        }
    }

    /// `None`: the values are equal.
    pub(super) fn of(name: &str, old: String, new: String) -> Option<Self> {
        (old != new).then(|| Self::new(name, Some(old), Some(new)))
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match (&self.old, &self.new) {
            (Some(old), Some(new)) => write!(f, "{name}: {old} -> {new}"),
            (None, Some(new)) => write!(f, "{name}: {new}"),
            (Some(old), None) => write!(f, "{name}: {old} -> none"),
            (None, None) => f.write_str(name),
        }
    }
}
