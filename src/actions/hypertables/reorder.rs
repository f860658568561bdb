//! The reorder policy: rows of older chunks in the order of an index.

use crate::actions::act::{Context, Refusal};
use crate::actions::alter_job::{Call, alter_added, first_run, first_start};
use crate::actions::form::{Field, Form, Inputs, Item, Kind as FieldKind};
use crate::actions::retention::{community, remove_policy};
use crate::model::plan::{Lit, Plan, Statement, Step, Undo};
use crate::model::text;
use crate::model::verdict::Level;

use super::facts::Hypertable;

const POLICY: &str = "/policies/policy_reorder";

pub fn form(context: &Context) -> Result<Form, Refusal> {
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
        Field::new("index", "Index", FieldKind::Pick(items), only)
            .help("the one whose order the rows get; neither partial nor invalid ones can be taken"),
        Field::new("schedule_interval", "Looks every", FieldKind::Interval, "")
            .optional()
            .help("each run reorders one chunk; empty: as TimescaleDB chooses (mostly half a chunk's span, at most 12 h)"),
        Field::new("first_run", "First run in", FieldKind::Interval, "")
            .optional()
            .help("empty: within seconds"),
    ]))
}

pub fn add(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    community(context)?;
    let facts: Hypertable = context.read()?;
    if let Some(policy) = facts.policies.get("policy_reorder") {
        return Err(format!(
            "{} has a reorder policy already, job {}: remove-reorder-policy takes it away",
            facts.name, policy.job.id
        )
        .into());
    }
    let picked = inputs.picked("index");
    let [index] = picked.as_slice() else {
        return Err(format!(
            "index: one is wanted, {} are picked",
            text::count(i64::try_from(picked.len()).unwrap_or(i64::MAX))
        )
        .into());
    };
    let undo = Undo::Partly(
        "the policy goes; chunks that it has reordered by then keep that order, with the same rows"
            .to_owned(),
    );
    let delete = Statement::new(
        format!("select {}($1::int)", context.function("delete_job")),
        vec![Lit::Kept("job_id".to_owned())],
    );
    let step = Step::new(
        format!("add a reorder policy to {}", facts.name),
        statements(context, &facts, index, inputs)?,
        vec![delete],
    );
    let title = format!("Add a reorder policy to {} by {index}", facts.name);
    let plan = Plan::new(title, vec![step], undo).changing(&[POLICY]);
    Ok(plan
        .note(
            Level::Ok,
            format!(
                "each run rewrites one chunk, oldest first: {} of {} now (compressed ones and those of the three newest intervals are left)",
                text::count(facts.reorderable),
                text::plural(facts.chunks, "chunk")
            ),
        )
        .note(
            Level::Notice,
            "a rewrite needs room for a second copy of the chunk and writes as much WAL; at its end it locks that chunk against reads for a moment",
        ))
}

fn statements(
    context: &Context,
    facts: &Hypertable,
    index: &str,
    inputs: &Inputs,
) -> Result<Vec<Statement>, Refusal> {
    let mut call = Call::new(format!("select {}", context.function("add_reorder_policy")));
    call.give("", "regclass", facts.relation.as_str().into());
    call.give("index_name", "name", index.into());
    let mut statements = vec![call.statement().keeping("job_id")];
    let every = inputs
        .interval("schedule_interval")
        .filter(|every| every.is_positive());
    let first = first_run(inputs);
    if every.is_none() && first.is_none() {
        return Ok(statements);
    }
    let mut call = alter_added(context);
    call.give_some(
        "schedule_interval",
        "interval",
        every.map(|every| every.to_string()),
    );
    if let Some(first) = first {
        let start = first_start(context, &first)?;
        call.give("next_start", "timestamptz", start.into());
    }
    statements.push(call.statement());
    Ok(statements)
}

pub fn remove(context: &Context, _: &Inputs) -> Result<Plan, Refusal> {
    community(context)?;
    let facts: Hypertable = context.read()?;
    let policy = facts.policies.get("policy_reorder").ok_or_else(|| {
        format!(
            "{} has no reorder policy: add-reorder-policy makes one",
            facts.name
        )
    })?;
    let plan = policy
        .job
        .calmed(context, remove_policy(context, policy)?)
        .changing(&[POLICY]);
    Ok(plan.note(Level::Ok, "chunks that are in order stay so"))
}
