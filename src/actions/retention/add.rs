//! Adding a retention policy.

use crate::actions::act::{Context, Refusal};
use crate::actions::alter_job::{Call, first_run, put_off};
use crate::actions::form::{Field, Form, Inputs, Kind as FieldKind};
use crate::model::plan::{Consent, Lit, Plan, Statement, Step, Undo};
use crate::model::text;

use super::clash;
use super::facts::{POLICY, community};
use super::facts::{Policy, Retention, Span};
use super::going::Going;
use super::rule::{Rule, note_cut, note_others, override_field, rule};

pub fn form(context: &Context) -> Result<Form, Refusal> {
    let facts = Retention::read(context)?;
    Ok(Form::new(vec![
        Field::span("drop_after", "Drop after", facts.axis(), "")
            .optional()
            .help("chunks whose newest possible row is older than this go"),
        Field::new("drop_created_before", "or created before", FieldKind::Interval, "")
            .optional()
            .help("instead of drop_after: chunks that were made longer ago than this go, whatever time their rows bear"),
        Field::new("schedule_interval", "Looks every", FieldKind::Interval, "1 day")
            .help("how often the policy looks for chunks to drop"),
        Field::new("first_run", "First run in", FieldKind::Interval, "")
            .optional()
            .help("empty: within seconds"),
        override_field(),
    ]))
}

pub fn plan(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    community(context)?;
    let facts = Retention::read(context)?;
    if let Some(Policy { job, .. }) = facts.policy() {
        return Err(format!(
            "{} has a retention policy already, job {}: edit-retention-policy changes it",
            facts.relation, job.id
        )
        .into());
    }
    let rule = rule(context, &facts, inputs)?;
    let now = context.at.now;
    let first = first_run(inputs);
    let going = rule.cut(&facts, now).map(|cut| Going::of(&facts, cut));
    let drops = going.as_ref().is_none_or(|going| !going.chunks.is_empty());
    let edge = rule.edge(&facts, going.as_ref(), now);
    clash::guard(&facts, edge, now, inputs)?;
    let step = Step::new(
        format!("add a retention policy to {}", facts.relation),
        add_statements(context, &facts, inputs, rule)?,
        vec![Statement::new(
            format!("select {}($1::int)", context.function("delete_job")),
            vec![Lit::Kept("job_id".to_owned())],
        )],
    );
    let undo = if drops {
        Undo::Partly(
            "the policy goes; chunks that it has dropped by then do not come back".to_owned(),
        )
    } else {
        Undo::Exact("the policy goes; it has nothing to drop yet".to_owned())
    };
    let mut plan = Plan::new(
        format!("Add a retention policy to {}", facts.relation),
        vec![step],
        undo,
    )
    .changing(&[POLICY]);
    let when = first.map_or_else(
        || "the first run, within seconds,".to_owned(),
        |first| {
            let first = text::interval(&first.to_string());
            format!("the first run, in {first}, judged by now,")
        },
    );
    plan = note_cut(plan, context, &facts, going.as_ref(), &when);
    if drops && first.is_none() {
        plan = plan.wanting(Consent::Name);
    }
    Ok(note_others(plan, &facts, rule, going.as_ref(), now))
}

fn add_statements(
    context: &Context,
    facts: &Retention,
    inputs: &Inputs,
    rule: Rule,
) -> Result<Vec<Statement>, Refusal> {
    let mut call = Call::new(format!(
        "select {}",
        context.function("add_retention_policy")
    ));
    call.give("", "regclass", facts.relation.as_str().into());
    match rule {
        Rule::After(Span::Number(number)) => call.give("drop_after", "bigint", number.into()),
        Rule::After(Span::Interval(interval)) => {
            call.give("drop_after", "interval", interval.to_string().into());
        }
        Rule::CreatedBefore(interval) => {
            call.give(
                "drop_created_before",
                "interval",
                interval.to_string().into(),
            );
        }
    }
    call.give_some(
        "schedule_interval",
        "interval",
        inputs.text("schedule_interval"),
    );
    let mut statements = vec![call.statement().keeping("job_id")];
    statements.extend(put_off(context, inputs)?);
    Ok(statements)
}
