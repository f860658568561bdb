//! Adds the reorder policy, which sorts the rows of older chunks by an index, and removes it.

use crate::actions::act::{Context, Refusal};
use crate::actions::form::{Field, FieldType, Form, Inputs, Item};
use crate::actions::policy::rule::every;
use crate::actions::policy::{add, change};
use crate::actions::retention::remove_policy;
use crate::model::plan::{Plan, Undo};
use crate::model::text;
use crate::model::verdict::Level;

use super::facts::Hypertable;

const POLICY: &str = "/policies/policy_reorder";

pub(super) fn form(context: &Context) -> Result<Form, Refusal> {
    let facts: Hypertable = context.read()?;
    let items: Vec<_> = facts
        .indexes
        .iter()
        .map(|index| Item {
            key: index.name.clone(),
            about: index.definition.clone(),
        })
        .collect();
    let only = match items.as_slice() {
        [only] => only.key.clone(),
        _ => String::new(),
    };
    Ok(Form::new(vec![
        Field::new("index", "Index", FieldType::Pick(items), only)
            .help("the rows are sorted by this index, which must be valid and not partial"),
        Field::new("schedule_interval", "Run every", FieldType::Interval, "")
            .optional()
            .help("each run reorders one chunk. Empty: TimescaleDB's choice, usually half a chunk's span, at most 12 h"),
        add::first_run_field(),
    ]))
}

pub(super) fn add(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let facts: Hypertable = context.read()?;
    let policy = facts.policies.get("policy_reorder");
    let instead = "remove-reorder-policy removes it";
    add::only(&facts.name, policy.map(|policy| &policy.job), instead)?;
    let picked = inputs.picked("index");
    let [index] = picked.as_slice() else {
        return Err(format!(
            "index: pick exactly one, not {}",
            text::count(i64::try_from(picked.len()).unwrap_or(i64::MAX))
        )
        .into());
    };
    let undo = Undo::Partly(
        "the policy is deleted; chunks reordered meanwhile keep the new order, with the same rows"
            .to_owned(),
    );
    let mut call = add::call(context, "add_reorder_policy", &facts.relation);
    call.give("index_name", "name", (*index).into());
    let what = ("reorder policy", facts.name.as_str());
    let mut plan = add::plan(context, inputs, what, call, every(inputs)?, undo)?;
    plan.title = format!("{} by {index}", plan.title);
    let plan = plan.changing(&[POLICY]);
    Ok(plan
        .note(
            Level::Ok,
            format!(
                "each run rewrites one chunk, oldest first: {} of {} can be rewritten now (compressed chunks and the three newest intervals are left out)",
                text::count(facts.reorderable),
                text::plural(facts.chunks, "chunk")
            ),
        )
        .note(
            Level::Notice,
            "a rewrite needs room for a second copy of the chunk and writes as much WAL; at its end it locks that chunk against reads for a moment",
        ))
}

pub(super) fn remove(context: &Context, _: &Inputs) -> Result<Plan, Refusal> {
    let facts: Hypertable = context.read()?;
    let policy = facts.policies.get("policy_reorder");
    let policy = policy.ok_or_else(|| change::none(&facts.name, "reorder policy"))?;
    let plan = policy
        .job
        .clear_retries_first(context, remove_policy(context, policy)?)
        .changing(&[POLICY]);
    Ok(plan.note(Level::Ok, "reordered chunks keep their order"))
}
