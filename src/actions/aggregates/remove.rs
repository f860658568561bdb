//! Removes refresh policies. If an aggregate has several refresh policies, the form asks which of them to remove.

use super::facts::{Aggregate, Hierarchy, STATE};
use super::what_if::Setting;
use crate::actions::act::{Context, Refusal};
use crate::actions::alter_job::Job;
use crate::actions::form::{Field, FieldType, Form, Inputs, Item};
use crate::actions::policy::change;
use crate::model::plan::{Consent, Plan};
use crate::model::verdict::Level;

/// Field to pick some of several policies. `None`: there is at most one.
pub(super) fn pick(level: &Aggregate) -> Option<Field> {
    let item = |job: &Job| Item {
        key: job.id.to_string(),
        about: Setting::of(job).describe(level.axis()),
    };
    let first = level.jobs.first()?;
    (level.jobs.len() > 1).then(|| {
        let items = level.jobs.iter().map(item).collect();
        Field::new(
            "policy",
            "Policy",
            FieldType::Pick(items),
            first.id.to_string(),
        )
        .help("which of its refresh policies, by job id")
    })
}

pub(super) fn none(level: &Aggregate) -> Refusal {
    change::none(&level.name, "refresh policy")
}

pub(super) fn picked<'a>(level: &'a Aggregate, inputs: &Inputs) -> Result<Vec<&'a Job>, Refusal> {
    if level.jobs.is_empty() {
        return Err(none(level));
    }
    if level.jobs.len() == 1 {
        return Ok(level.jobs.iter().collect());
    }
    let keys = inputs.picked("policy");
    let chosen = |job: &&Job| keys.contains(&job.id.to_string().as_str());
    Ok(level.jobs.iter().filter(chosen).collect())
}

pub(super) fn form(context: &Context) -> Result<Form, Refusal> {
    let facts = Hierarchy::read(context)?;
    let level = facts.own()?;
    if level.jobs.is_empty() {
        return Err(none(level));
    }
    Ok(Form::new(pick(level).into_iter().collect()))
}

pub(super) fn remove(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let facts = Hierarchy::read(context)?;
    let level = facts.own()?;
    let jobs = picked(level, inputs)?;
    let steps: Result<Vec<_>, Refusal> = jobs.iter().map(|job| job.delete(context)).collect();
    let names: Vec<String> = jobs.iter().map(|job| job.describe()).collect();
    // The undo creates all policies again under new ids. Its text describes only one policy. If the undo of a policy loses more than the
    // id, the text describes that policy.
    let loses = jobs.iter().find(|job| job.lost(context).is_some());
    let job = loses.or(jobs.first()).ok_or_else(|| none(level))?;
    let undo = change::made_again(context, job);
    let mut plan = Plan::new(format!("Remove {}", names.join(", ")), steps?, undo)
        .wanting(Consent::Yes)
        .changing(&[STATE]);
    for job in &jobs {
        plan = job.clear_retries_first(context, plan);
        plan = plan.note(Level::Notice, pausing(context, job));
        if let Some(running) = level.refreshing.filter(|refreshing| !refreshing.idle) {
            let words = format!(
                "session {} refreshes the aggregate now: removing the policy cancels that run, even if the removal fails",
                running.pid
            );
            plan = plan.note(Level::Warning, words);
        }
    }
    if jobs.len() == level.jobs.len() {
        plan = plan.note(Level::Notice, stands_still(level));
    }
    Ok(plan)
}

fn pausing(context: &Context, job: &Job) -> String {
    if !job.scheduled {
        return format!(
            "job {} is paused already, so removing it stops no refresh",
            job.id
        );
    }
    match job.unalterable(context) {
        None => job.pausing_instead(),
        Some(_) => format!("job {} cannot be paused on this TimescaleDB", job.id),
    }
}

fn stands_still(level: &Aggregate) -> String {
    let readers = if level.materialized_only {
        "its readers see no newer rows"
    } else {
        "its readers compute all newer rows from the source at every query"
    };
    let built = match level.children.as_slice() {
        [] => String::new(),
        children => format!(
            "; aggregates built on it get no newer rows either: {}",
            children.join(", ")
        ),
    };
    format!(
        "without a policy {} is refreshed only by hand: {readers}{built}",
        level.name
    )
}
