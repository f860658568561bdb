//! Notes on the effects of a retention policy: the chunks and bytes that it drops, and its conflicts with other policies.

use crate::actions::act::Context;
use crate::actions::policy::conflicts::{self, Reach};
use crate::model::moment::{Axis, Stamp};
use crate::model::plan::Plan;
use crate::model::span::Span;
use crate::model::text;
use crate::model::verdict::Level;

use super::clash;
use super::dropped::Dropped;
use super::dropped::count;
use super::facts::{Policy, Retention};

/// Adds a note on the chunks that a drop removes. `when` is the subject of the sentence, such as `the first run (within seconds)`.
pub(super) fn note_dropped(
    plan: Plan,
    context: &Context,
    facts: &Retention,
    going: &Dropped,
    when: &str,
) -> Plan {
    let mut plan = if going.chunks.is_empty() {
        plan.note(Level::Ok, format!("{when} would drop nothing"))
    } else {
        plan.note(
            Level::Warning,
            format!("{when} would drop {}", going.describe(context, facts)),
        )
    };
    if going.frozen > 0 {
        plan = plan.note(
            Level::Notice,
            format!(
                "{} past the limit: retention skips frozen chunks",
                text::plural(count(going.frozen), "frozen chunk")
            ),
        );
    }
    let stay = facts.chunks.len() - going.chunks.len();
    plan.note(
        Level::Ok,
        format!(
            "{} of {} stay. A chunk is dropped only as a whole (new chunks span {})",
            text::count(count(stay)),
            text::plural(count(facts.chunks.len()), "chunk"),
            facts.length(facts.interval_length)
        ),
    )
}

/// Adds a note on the time zone if the time column has none.
pub(super) fn note_zone(plan: Plan, facts: &Retention) -> Plan {
    match facts.axis() {
        Axis::Timestamp | Axis::Date if facts.zone_hidden_by.is_some() => plan.note(
            Level::Unknown,
            format!(
                "the time column has no zone, and the server's zone is unknown: \"now\" is assumed to be local time in {}, this session's zone",
                facts.zone
            ),
        ),
        Axis::Timestamp | Axis::Date => plan.note(
            Level::Notice,
            format!(
                "the time column has no zone: \"now\" is local time in {}, the time zone of the policy",
                facts.zone
            ),
        ),
        _ => plan,
    }
}

/// Adds notes on the conflicts of a retention policy whose `drop_after` is `drop`.
pub(super) fn note_conflicts(mut plan: Plan, facts: &Retention, drop: Span, now: Stamp) -> Plan {
    let Some(edge) = facts.reach(drop, now) else {
        return plan;
    };
    plan = clash::note_all(plan, facts, edge, now, &format!("rows older than {drop}"));
    let there = |policy: &Policy| (policy.job.id, policy.job.scheduled);
    let compression = facts.policies.get("policy_compression");
    if let Some(after) = facts.setting("policy_compression", "compress_after") {
        let own = Reach::retention(&facts.now(now), facts.policy().map(there), drop);
        let other = Reach::compression(&facts.now(now), compression.map(there), after);
        plan.notes
            .extend(conflicts::dropped_before_compressed(&own, &other));
    }
    plan
}
