//! The risks of a plan, by the names that `--allow` takes.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::model::plan::{Consent, Mode, Plan, Undo};
use crate::model::setup::change::What;

/// Bytes that a plan may read or write before it counts as long: about ten minutes at 50 MB a second.
const LONG: i64 = 30_000_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Hazard {
    /// Rows are deleted: by a retention policy whose next run drops chunks, by a refresh over dropped rows, or by dropping an aggregate
    #[value(name = "DELETES_DATA")]
    DeletesData,
    /// Writes wait while an index is built
    #[value(name = "BLOCKS_WRITES")]
    BlocksWrites,
    /// Reads and writes wait while a setting of a table that has rows is changed
    #[value(name = "ACCESS_EXCLUSIVE")]
    AccessExclusive,
    /// Much data is read or written
    #[value(name = "LONG")]
    Long,
    /// There is no undo
    #[value(name = "NOT_UNDOABLE")]
    NotUndoable,
    /// A policy runs as soon as the plan is done, and some chunks or rows are already due
    #[value(name = "IMMEDIATE_RUN")]
    ImmediateRun,
}

impl fmt::Display for Hazard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DeletesData => "DELETES_DATA",
            Self::BlocksWrites => "BLOCKS_WRITES",
            Self::AccessExclusive => "ACCESS_EXCLUSIVE",
            Self::Long => "LONG",
            Self::NotUndoable => "NOT_UNDOABLE",
            Self::ImmediateRun => "IMMEDIATE_RUN",
        })
    }
}

/// The hazards of the plan of one change. `has_rows`: the relation has a chunk.
pub(super) fn of(what: &What, plan: &Plan, has_rows: bool) -> Vec<Hazard> {
    let mut found = Vec::new();
    let locks = |mode| plan.touches.iter().any(|touch| touch.mode == mode);
    // The undo of a retention policy is partial only if the policy drops more chunks than before.
    let retains = matches!(what, What::AddRetain(_) | What::EditRetain(..));
    let drops = has_rows && retains && matches!(plan.undo, Undo::Partly(_));
    // Actions require the target's name to be typed if rows are lost.
    let loses = plan.consent == Consent::Name
        && !matches!(plan.undo, Undo::Never(_))
        && (has_rows || retains);
    if drops || loses || *what == What::DropAggregate {
        found.push(Hazard::DeletesData);
    }
    if matches!(what, What::CreateIndex { .. }) && has_rows {
        found.push(Hazard::BlocksWrites);
    }
    let alters = matches!(
        what,
        What::EnableCompression(_)
            | What::EditCompression(_)
            | What::DisableCompression
            | What::SwitchRealTime { .. }
    );
    if alters && has_rows && locks(Mode::AccessExclusive) {
        found.push(Hazard::AccessExclusive);
    }
    if plan.steps.iter().map(|step| step.bytes).sum::<i64>() > LONG {
        found.push(Hazard::Long);
    }
    if matches!(plan.undo, Undo::Never(_)) && *what != What::DropAggregate {
        found.push(Hazard::NotUndoable);
    }
    if matches!(what, What::AddCompress(_) | What::AddRefresh(_)) && has_rows {
        found.push(Hazard::ImmediateRun);
    }
    found
}

/// Further hazards of changing an object that the same plan creates, on a table that has rows.
pub(super) fn of_filled(what: &What) -> Vec<Hazard> {
    match what {
        What::CreateHypertable { .. } => vec![Hazard::AccessExclusive, Hazard::Long],
        What::AddRetain(_) => vec![Hazard::DeletesData],
        What::AddCompress(_) | What::AddRefresh(_) => vec![Hazard::ImmediateRun],
        What::CreateIndex { .. } => vec![Hazard::BlocksWrites],
        _ => Vec::new(),
    }
}
