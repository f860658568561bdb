//! Findings about transactions that ended badly: rollbacks, deadlocks, and conflicts with replay on a standby.

use super::row::{Row, number, share};
use crate::model::rules;
use crate::model::text;
use crate::model::verdict::{Findings, Level};
use crate::server::known::At;

/// Only the growth in the last minutes is judged, so that old errors neither cause an alert nor hide new ones.
pub(super) fn judge(row: &Row, at: &At, findings: &mut Findings) {
    let limits = &at.server.thresholds.all;
    let (rule, notice, most, what, then) = match row.name.as_str() {
        "rollbacks" => (
            &rules::SERVER_ROLLBACKS,
            limits.rollback_percent_notice,
            limits.rollback_percent,
            "were rolled back",
            "statements fail, or clients end transactions by ROLLBACK. The server's log shows the errors",
        ),
        "deadlocks" => (
            &rules::SERVER_DEADLOCKS,
            limits.deadlock_percent,
            limits.deadlock_percent,
            "were ended by a deadlock",
            "the server's log names both statements. Let all transactions lock rows and tables in the same order, and keep them short",
        ),
        "conflicts" => (
            &rules::SERVER_CONFLICTS,
            limits.conflict_percent,
            limits.conflict_percent,
            "were cancelled by replay",
            "set hot_standby_feedback = on, raise max_standby_streaming_delay, or send long queries elsewhere",
        ),
        _ => return,
    };
    let Some(growth) = row.counted.growth() else {
        return;
    };
    let Some(percent) = growth.percent() else {
        return;
    };
    if growth.part < 1.0 || growth.whole < limits.error_transactions || percent < notice {
        return;
    }
    let level = if percent < most {
        Level::Notice
    } else {
        Level::Warning
    };
    let (part, whole) = (number(growth.part), number(growth.whole));
    let reason = format!(
        "{} of the transactions in this database {what} in the last {} ({part} of {whole}): {then}",
        share(percent),
        text::duration(growth.seconds.round()),
    );
    findings.add(rule, level, reason);
}
