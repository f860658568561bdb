//! Edits a retention policy.

use serde_json::Value as Json;

use crate::actions::act::{Context, Refusal};
use crate::actions::alter_job::{Change, Job};
use crate::actions::form::{Field, FieldType, Form, Inputs, override_field};
use crate::actions::policy::change;
use crate::actions::policy::rule::{AgeRule, Cut, DROP, longer_than_nothing};
use crate::model::moment::{Axis, Stamp};
use crate::model::plan::{Consent, Plan, Undo};
use crate::model::span::Span;
use crate::model::text;
use crate::model::verdict::Level;

use super::clash;
use super::dropped::Dropped;
use super::facts::{POLICY, Retention, policy};
use super::picture::picture;
use super::rule::{created_before_fails, edge, note_cut, note_others, usable};

pub(super) fn form(context: &Context) -> Result<Form, Refusal> {
    let facts = Retention::read(context)?;
    let job = &policy(&facts)?.job;
    let key = DROP.of_job(job);
    let has = job.setting(key).unwrap_or_default();
    let rule = if key == DROP.after {
        Field::span("drop_after", "Drop after", facts.axis(), has)
            .help("drops chunks whose whole time range is older than this")
    } else {
        Field::new(
            "drop_created_before",
            "Created before",
            FieldType::Interval,
            has,
        )
        .help("drops chunks created longer ago than this")
    };
    Ok(Form::new(vec![
        rule,
        Field::new(
            "schedule_interval",
            "Run every",
            FieldType::Interval,
            job.schedule_interval.as_str(),
        )
        .help("how often the policy runs; its next start does not change"),
        override_field(),
    ]))
}

pub(super) fn plan(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let facts = Retention::read(context)?;
    let job = &policy(&facts)?.job;
    let now = context.at.now;
    let rule = edited(context, &facts, job, inputs)?;
    let going = facts.cut(rule, now).map(|cut| Dropped::of(&facts, cut));
    let Some(change) = changed(job, facts.axis(), rule, inputs)? else {
        return Err(stands(context, &facts, rule, going.as_ref(), inputs));
    };
    let present = AgeRule::of(job, facts.axis(), &DROP);
    let before = present.and_then(|rule| facts.cut(rule, now));
    let before = before.map(|cut| Dropped::of(&facts, cut).count());
    let more = change.config.is_some()
        && match (&going, before) {
            (Some(going), Some(before)) => going.count() > before,
            _ => true,
        };
    if drops_sooner(&facts, job, rule, now) {
        let guard = clash::guard(&facts, edge(rule, &facts, going.as_ref(), now), now, inputs);
        guard.map_err(|danger| danger.picturing(picture(&facts, present, rule, now)))?;
    }
    let undo = if more {
        Undo::Partly(
            "the policy is restored; chunks dropped meanwhile cannot be restored".to_owned(),
        )
    } else {
        Undo::Exact("the policy is restored, with its next start".to_owned())
    };
    let back = job.alter(context, &captured(job, &change));
    let mut plan = change::edit(context, job, &change, back, undo).changing(&[POLICY]);
    let (when, soon) = change::next_run(job, now);
    let when = format!("the next run ({when})");
    plan = note_cut(plan, context, &facts, going.as_ref(), &when);
    if let Some(before) = before {
        let chunks = text::plural(before, "chunk");
        plan = plan.note(
            Level::Ok,
            format!("with the present setting it would drop {chunks}"),
        );
    }
    if soon && more {
        plan = plan.wanting(Consent::Name);
    }
    let picture = picture(&facts, present, rule, now);
    Ok(note_others(plan, &facts, rule, going.as_ref(), now).picturing(picture))
}

/// Refusal because nothing would change, with notes on the present policy. If the present policy loses data, returns the refusal of
/// [`clash::guard`] instead.
fn stands(
    context: &Context,
    facts: &Retention,
    rule: AgeRule,
    going: Option<&Dropped>,
    inputs: &Inputs,
) -> Refusal {
    let now = context.at.now;
    if let Err(danger) = clash::guard(facts, edge(rule, facts, going, now), now, inputs) {
        return danger.picturing(picture(facts, Some(rule), rule, now));
    }
    let job = match policy(facts) {
        Ok(policy) => &policy.job,
        Err(none) => return none,
    };
    let (when, _) = change::next_run(job, now);
    // This plan never runs. It only collects the notes for the refusal.
    let bare = Plan::new("", Vec::new(), Undo::Needless(String::new()));
    let plan = note_cut(
        bare,
        context,
        facts,
        going,
        &format!("the next run ({when})"),
    );
    let plan = note_others(plan, facts, rule, going, now);
    Refusal::unchanged(job.already_so(), plan.notes).picturing(picture(
        facts,
        Some(rule),
        rule,
        now,
    ))
}

/// True if the new age may drop chunks sooner than the present age.
fn drops_sooner(facts: &Retention, job: &Job, rule: AgeRule, now: Stamp) -> bool {
    let edge = |rule| match facts.cut(rule, now)? {
        Cut::Raw(edge) | Cut::Created(edge) => Some(edge),
    };
    let present = AgeRule::of(job, facts.axis(), &DROP);
    match (present.and_then(edge), edge(rule)) {
        (Some(before), Some(after)) => after > before,
        _ => true,
    }
}

/// The age in the form.
fn edited(
    context: &Context,
    facts: &Retention,
    job: &Job,
    inputs: &Inputs,
) -> Result<AgeRule, Refusal> {
    if DROP.of_job(job) == DROP.after {
        let after = inputs.span(DROP.after, facts.axis());
        let after = after.ok_or("drop_after is required")?;
        usable(facts, after)?;
        return Ok(AgeRule::After(after));
    }
    if let Some(why) = created_before_fails(context.at.server.sql_version(), facts) {
        return Err(format!(
            "{why}. To change to drop_after, use remove-retention-policy, then add-retention-policy"
        )
        .into());
    }
    let interval = inputs.interval(DROP.created).unwrap_or_default();
    longer_than_nothing(DROP.created, Span::Interval(interval))?;
    Ok(AgeRule::CreatedBefore(interval))
}

/// The old values of all settings that the change sets.
fn captured(job: &Job, change: &Change) -> Change {
    let every = || job.schedule_interval.clone();
    Change {
        config: change.config.as_ref().and(job.config.clone()),
        schedule_interval: change.schedule_interval.as_ref().map(|_| every()),
        ..Change::default()
    }
}

/// The settings that the form changes. `None`: the form changes nothing.
fn changed(
    job: &Job,
    axis: Axis,
    rule: AgeRule,
    inputs: &Inputs,
) -> Result<Option<Change>, Refusal> {
    let value = rule.span();
    let mut config = job
        .config
        .clone()
        .unwrap_or_else(|| Json::Object(serde_json::Map::new()));
    let stands = AgeRule::of(job, axis, &DROP) == Some(rule);
    if let Some(settings) = config.as_object_mut() {
        settings.insert(rule.key(&DROP).to_owned(), value.json());
    }
    let schedule_interval = change::every(inputs, job)?;
    if stands && schedule_interval.is_none() {
        return Ok(None);
    }
    Ok(Some(Change {
        config: (!stands).then_some(config),
        schedule_interval,
        ..Change::default()
    }))
}
