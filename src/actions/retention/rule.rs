//! Checks the age of a retention policy, and adds notes on the effects on aggregates and other policies.

use crate::actions::act::{Context, Refusal};
use crate::actions::form::Inputs;
use crate::actions::policy::rule::{AgeRule, DROP, longer_than_nothing};
use crate::model::moment::{Axis, Stamp};
use crate::model::plan::Plan;
use crate::model::span::Span;
use crate::model::text;
use crate::model::verdict::Level;
use crate::model::version::Version;

use super::clash;
use super::dropped::Dropped;
use super::facts::Retention;
use super::whatif;

/// Position up to which the policy drops, to compare with refresh windows. `None`: unknown.
pub(super) fn edge(
    rule: AgeRule,
    facts: &Retention,
    going: Option<&Dropped>,
    now: Stamp,
) -> Option<i64> {
    match rule {
        AgeRule::After(after) => facts.reach(after, now),
        // The creation time of a chunk does not determine its range. So only the range of the chunks that are due now is known. If no chunk
        // is due, the position is before all rows.
        AgeRule::CreatedBefore(_) => Some(going.and_then(Dropped::edge).unwrap_or(i64::MIN + 1)),
    }
}

pub(crate) fn rule(
    context: &Context,
    facts: &Retention,
    inputs: &Inputs,
) -> Result<AgeRule, Refusal> {
    let asks = "after which time are chunks dropped?";
    let rule = AgeRule::given(inputs, facts.axis(), &DROP, asks)?;
    match rule {
        AgeRule::After(after) => usable(facts, after)?,
        AgeRule::CreatedBefore(_) => {
            if let Some(why) = created_before_fails(context.at.server.sql_version(), facts) {
                return Err(why.into());
            }
            longer_than_nothing(DROP.created, rule.span())?;
        }
    }
    Ok(rule)
}

/// The reason why `drop_created_before` does not work on this hypertable and version. `None`: it works.
pub(super) fn created_before_fails(version: Version, facts: &Retention) -> Option<String> {
    if version < Version::new(2, 17) {
        let why = "before TimescaleDB 2.17, drop_created_before does not exist or drops the wrong chunks: use drop_after";
        return Some(why.to_owned());
    }
    let fails = facts.creation.always_fails(version)?;
    Some(format!("a policy with drop_created_before {fails}"))
}

/// Refuses a `drop_after` of zero or less, or one that the server cannot apply because "now" is unknown.
pub(super) fn usable(facts: &Retention, after: Span) -> Result<(), Refusal> {
    longer_than_nothing(DROP.after, after)?;
    let fixed = match after {
        Span::Interval(interval) => facts.axis() == Axis::TimestampTz && interval.is_clock_free(),
        Span::Number(_) => false,
    };
    match no_clock(facts).filter(|_| !fixed) {
        // hypertop does not run a function of an untrusted owner. The server runs it when the policy runs.
        Some(why) if facts.code.as_ref().is_none_or(|code| code.owner.is_none()) => Err(why.into()),
        _ => Ok(()),
    }
}

/// The reason why "now" is unknown: an unknown time zone, or no `integer_now` function that may be run. `None`: "now" is known.
pub(super) fn no_clock(facts: &Retention) -> Option<String> {
    if facts.axis() != Axis::Integer {
        return facts.odd_zone();
    }
    if !facts.has_now {
        return Some(format!(
            "time in {} is an integer, and it has no integer_now_func: create a function that returns \"now\", then run SELECT set_integer_now_func({}, 'schema.function')",
            facts.relation,
            text::quote_literal(&facts.relation)
        ));
    }
    facts.integer_now.is_none().then(|| match &facts.code {
        Some(code) => code.words(None),
        None => format!(
            "the integer_now_func of {} returns NULL: it must return the current time",
            facts.relation
        ),
    })
}

/// Adds notes on the aggregates and the other policies.
pub(super) fn note_others(
    mut plan: Plan,
    facts: &Retention,
    rule: AgeRule,
    going: Option<&Dropped>,
    now: Stamp,
) -> Plan {
    if let Some(words) = clash::readers(facts) {
        plan = plan.note(Level::Ok, words);
    }
    match rule {
        AgeRule::After(after) => {
            plan = whatif::note_conflicts(plan, facts, after, now);
            plan = whatif::note_zone(plan, facts);
        }
        AgeRule::CreatedBefore(_) => {
            let edge = edge(rule, facts, going, now).unwrap_or(i64::MIN);
            plan = clash::note_created(plan, facts, edge, now);
        }
    }
    match going {
        Some(going) => clash::note_unread(plan, facts, going),
        None => plan,
    }
}

pub(super) fn note_cut(
    plan: Plan,
    context: &Context,
    facts: &Retention,
    going: Option<&Dropped>,
    when: &str,
) -> Plan {
    if let Some(going) = going {
        return whatif::note_dropped(plan, context, facts, going, when);
    }
    let why = no_clock(facts);
    let why = why.unwrap_or_else(|| "the limit is out of range".to_owned());
    plan.note(
        Level::Unknown,
        format!("it is unknown what {when} would drop: {why}"),
    )
}
