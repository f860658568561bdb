//! Adds a retention policy.

use crate::actions::act::{Context, Refusal};
use crate::actions::form::{Field, FieldType, Form, Inputs, override_field};
use crate::actions::policy::add;
use crate::actions::policy::rule::{DROP, every};
use crate::model::plan::{Consent, Plan, Undo};
use crate::model::text;

use super::clash;
use super::dropped::Dropped;
use super::facts::{POLICY, Retention};
use super::picture::picture;
use super::rule::{edge, note_cut, note_others, rule};

pub(super) fn form(context: &Context) -> Result<Form, Refusal> {
    let facts = Retention::read(context)?;
    Ok(Form::new(vec![
        Field::span("drop_after", "Drop after", facts.axis(), "")
            .optional()
            .help("drops chunks whose whole time range is older than this"),
        Field::new("drop_created_before", "or created before", FieldType::Interval, "")
            .optional()
            .help("instead of drop_after: drops chunks created longer ago than this, whatever the time of their rows"),
        Field::new("schedule_interval", "Run every", FieldType::Interval, "1 day")
            .help("how often the policy runs"),
        add::first_run_field(),
        override_field(),
    ]))
}

pub(super) fn plan(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let facts = Retention::read(context)?;
    let relation = facts.relation.as_str();
    let job = facts.policy().map(|policy| &policy.job);
    add::only(relation, job, "edit-retention-policy changes it")?;
    let rule = rule(context, &facts, inputs)?;
    let now = context.at.now;
    let first = add::first_run(inputs);
    let going = facts.cut(rule, now).map(|cut| Dropped::of(&facts, cut));
    let drops = going.as_ref().is_none_or(|going| !going.chunks.is_empty());
    let edge = edge(rule, &facts, going.as_ref(), now);
    let guard = clash::guard(&facts, edge, now, inputs);
    guard.map_err(|danger| danger.picturing(picture(&facts, None, rule, now)))?;
    let mut call = add::call(context, "add_retention_policy", relation);
    rule.give(&mut call, &DROP);
    let every = every(inputs)?.map(|every| every.to_string());
    call.give_some("schedule_interval", "interval", every);
    let undo = if drops {
        Undo::Partly(
            "the policy is deleted; chunks dropped meanwhile cannot be restored".to_owned(),
        )
    } else {
        Undo::Exact("the policy is deleted; no chunk is due yet".to_owned())
    };
    let what = ("retention policy", relation);
    let mut plan = add::plan(context, inputs, what, call, None, undo)?.changing(&[POLICY]);
    let when = first.map_or_else(
        || "the first run (within seconds)".to_owned(),
        |first| {
            let first = text::interval(&first.to_string());
            format!("the first run (in {first}), if it ran now,")
        },
    );
    plan = note_cut(plan, context, &facts, going.as_ref(), &when);
    if drops && first.is_none() {
        plan = plan.wanting(Consent::Name);
    }
    let picture = picture(&facts, None, rule, now);
    Ok(note_others(plan, &facts, rule, going.as_ref(), now).picturing(picture))
}
