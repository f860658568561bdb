//! The actions that a finding may name as its fix, and the kind of target of each.
//!
//! The actions themselves are in `actions`, which findings may not import. A test there compares both lists.

use crate::model::target::Kind;

/// Name of an action of the catalogue.
pub(crate) type ActionName = &'static str;

/// Every action that is the fix of a finding.
pub(crate) const FIXES: &[(ActionName, Kind)] = &[
    ("add-compression-policy", Kind::Hypertable),
    ("add-refresh-policy", Kind::Aggregate),
    ("add-retention-policy", Kind::Hypertable),
    ("cancel-query", Kind::Session),
    ("compress-chunks", Kind::Hypertable),
    ("delete-job", Kind::Job),
    ("drop-chunks", Kind::Hypertable),
    ("drop-index", Kind::Index),
    ("drop-leftovers", Kind::Index),
    ("edit-compression-policy", Kind::Hypertable),
    ("edit-compression-settings", Kind::Hypertable),
    ("edit-job", Kind::Job),
    ("edit-refresh-policy", Kind::Aggregate),
    ("edit-retention-policy", Kind::Hypertable),
    ("enable-compression", Kind::Hypertable),
    ("move-watermark-back", Kind::Aggregate),
    ("rebuild-missing", Kind::Index),
    ("recompress-chunks", Kind::Hypertable),
    ("refresh-aggregate", Kind::Aggregate),
    ("refresh-behind", Kind::Aggregate),
    ("refresh-hierarchy", Kind::Aggregate),
    ("reindex-index", Kind::Index),
    ("remove-retention-policy", Kind::Hypertable),
    ("resume-job", Kind::Job),
    ("rewrite-chunks", Kind::Hypertable),
    ("run-job-now", Kind::Job),
    ("set-chunk-interval", Kind::Hypertable),
    ("terminate-session", Kind::Session),
];

/// The fix of this name, and the kind of its target; `None`: no such fix.
pub fn by_name(name: &str) -> Option<(ActionName, Kind)> {
    FIXES.iter().copied().find(|(fix, _)| *fix == name)
}
