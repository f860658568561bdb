//! Findings that may be the consequence of another finding.

use super::row::Row;
use crate::model::rules;
use crate::model::rules::Rule;
use crate::model::verdict::Finding;

/// Whether the finding is about work that waits for a job to run: a refresh, or chunks to compress or to drop.
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
