//! The actions that a finding may name as its fix, and the kind of target of each.
//!
//! The actions themselves are in `actions`, which `screens` may not import. A test in `actions` compares both lists.

use crate::model::target::TargetKind;

/// Name of an action, as in `actions::catalogue`.
pub(crate) type ActionName = &'static str;

/// Every action that is the fix of a finding.
pub(crate) const FIXES: &[(ActionName, TargetKind)] = &[
    ("add-compression-policy", TargetKind::Hypertable),
    ("add-refresh-policy", TargetKind::Aggregate),
    ("add-retention-policy", TargetKind::Hypertable),
    ("cancel-query", TargetKind::Session),
    ("compress-chunks", TargetKind::Hypertable),
    ("delete-job", TargetKind::Job),
    ("drop-chunks", TargetKind::Hypertable),
    ("drop-index", TargetKind::Index),
    ("drop-leftovers", TargetKind::Index),
    ("edit-compression-policy", TargetKind::Hypertable),
    ("edit-compression-settings", TargetKind::Hypertable),
    ("edit-job", TargetKind::Job),
    ("edit-refresh-policy", TargetKind::Aggregate),
    ("edit-retention-policy", TargetKind::Hypertable),
    ("enable-compression", TargetKind::Hypertable),
    ("move-watermark-back", TargetKind::Aggregate),
    ("rebuild-missing", TargetKind::Index),
    ("recompress-chunks", TargetKind::Hypertable),
    ("refresh-aggregate", TargetKind::Aggregate),
    ("refresh-behind", TargetKind::Aggregate),
    ("refresh-hierarchy", TargetKind::Aggregate),
    ("reindex-index", TargetKind::Index),
    ("remove-retention-policy", TargetKind::Hypertable),
    ("resume-job", TargetKind::Job),
    ("rewrite-chunks", TargetKind::Hypertable),
    ("run-job-now", TargetKind::Job),
    ("set-chunk-interval", TargetKind::Hypertable),
    ("terminate-session", TargetKind::Session),
];

/// The fix of this name, and the kind of its target; `None`: no such fix.
pub fn by_name(name: &str) -> Option<(ActionName, TargetKind)> {
    FIXES.iter().copied().find(|(fix, _)| *fix == name)
}
