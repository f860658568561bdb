//! Which findings follow from another one.

use super::row::Row;
use crate::model::rules;
use crate::model::rules::Rule;
use crate::model::verdict::Finding;

/// Work that waits because a job does not do it.
pub(super) fn is_consequence(finding: &Finding) -> bool {
    [
        &rules::AGGREGATE_BEHIND,
        &rules::AGGREGATE_NEVER_REFRESHED,
        &rules::COMPRESSION_BACKLOG,
        &rules::RETENTION_OVERDUE,
    ]
    .contains(&finding.rule)
}

pub(super) fn among(row: &Row, rules: &[&'static Rule]) -> bool {
    rules.contains(&row.finding.rule)
}
